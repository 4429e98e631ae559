"""Deletes, voids and deactivations: they travel, they stay, and they never win silently."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import RECORD_TYPES, Office, invoice, payment, purchase

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
TABLES = {"Invoice": "invoices", "Payment": "payments", "Purchase": "expenses"}


def bodies() -> dict[str, dict[str, Any]]:
    """A record of each kind that QuickBooks can delete."""
    return {
        "Invoice": invoice("5", 120),
        "Payment": payment("5", 35),
        "Purchase": purchase("17.40"),
    }


def made(office: Office, entity: str) -> tuple[str, int]:
    """A record that stands on both sides; its two ids."""
    booked = office.books.create(entity, bodies()[entity])
    office.sync()
    return booked["Id"], office.platform.id_of(entity, booked["Id"])


@pytest.mark.parametrize("entity", TABLES)
def test_a_soft_delete_on_the_platform_deletes_in_quickbooks(office: Office, entity: str) -> None:
    """Goal: deleted_at set on the platform deletes the transaction in QuickBooks, once."""
    quickbooks_id, row_id = made(office, entity)
    office.platform.edit(RECORD_TYPES[entity], row_id, deleted_at=datetime.now(UTC))
    mark = office.books.mark()
    office.sync()
    assert office.books.is_gone(entity, quickbooks_id)
    assert office.books.written(mark) == [("delete", entity, quickbooks_id)]
    office.settled()


def test_a_paid_invoice_and_its_payment_go_in_one_cycle(office: Office) -> None:
    """Goal: QuickBooks deletes no invoice while a payment is linked to it, so that goes first."""
    billed = office.books.create("Invoice", invoice("5", 120))
    paid = office.books.create("Payment", payment("5", 120, billed["Id"]))
    office.sync()
    for entity, record in (("Invoice", billed), ("Payment", paid)):
        row_id = office.platform.id_of(entity, record["Id"])
        office.platform.edit(RECORD_TYPES[entity], row_id, deleted_at=datetime.now(UTC))
    mark = office.books.mark()
    office.sync()
    assert office.books.written(mark) == [
        ("delete", "Payment", paid["Id"]),
        ("delete", "Invoice", billed["Id"]),
    ]
    office.settled()


@pytest.mark.parametrize("entity", TABLES)
def test_a_raw_delete_on_the_platform_deletes_in_quickbooks(office: Office, entity: str) -> None:
    """Goal: a row deleted by another program's SQL is a delete like any other."""
    quickbooks_id, row_id = made(office, entity)
    assert office.platform.sql(f"DELETE FROM {TABLES[entity]} WHERE id = :id", id=row_id) == 1
    mark = office.books.mark()
    office.sync()
    assert office.books.is_gone(entity, quickbooks_id)
    assert office.books.written(mark) == [("delete", entity, quickbooks_id)]
    office.settled()


@pytest.mark.parametrize("entity", TABLES)
def test_a_delete_in_quickbooks_soft_deletes_on_the_platform(office: Office, entity: str) -> None:
    """Goal: a transaction deleted in QuickBooks is marked as deleted on the platform, and stays
    deleted when somebody edits the deleted row."""
    quickbooks_id, row_id = made(office, entity)
    office.books.delete(entity, quickbooks_id)
    mark = office.books.mark()
    office.sync()
    row = office.platform.row(RECORD_TYPES[entity], row_id)
    assert row["deleted_at"] is not None
    office.settled()

    office.platform.edit(RECORD_TYPES[entity], row_id, memo="a note on the deleted row")
    office.settled()
    assert office.books.written(mark) == []
    assert office.books.is_gone(entity, quickbooks_id)


def test_a_deleted_record_that_is_revived_on_the_platform_is_parked(office: Office) -> None:
    """Goal: a deleted record stays deleted; bringing its row back is shown to a person."""
    quickbooks_id, row_id = made(office, "Invoice")
    office.books.delete("Invoice", quickbooks_id)
    office.sync()
    office.platform.edit("invoice", row_id, deleted_at=None)
    mark = office.books.mark()
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "came_back"
    assert office.books.written(mark) == []
    office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))
    office.sync()
    office.parked(0)
    assert office.books.written(mark) == []


@pytest.mark.parametrize("edited", ["quickbooks", "platform"])
def test_a_delete_against_an_edit_is_parked(office: Office, edited: str) -> None:
    """Goal: one side deletes what the other edits: nothing is written, a person decides, and
    following the advice settles it."""
    quickbooks_id, row_id = made(office, "Invoice")
    if edited == "quickbooks":
        office.books.update("Invoice", quickbooks_id, PrivateNote="still needed")
        office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))
    else:
        office.platform.edit("invoice", row_id, memo="still needed")
        office.books.delete("Invoice", quickbooks_id)
    mark = office.books.mark()
    for _ in range(2):
        office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "delete_against_edit"
    assert "memo" in parked["message"]
    assert office.books.written(mark) == []
    assert office.books.is_gone("Invoice", quickbooks_id) == (edited == "platform")
    deleted_at = office.platform.row("invoice", row_id)["deleted_at"]
    assert (deleted_at is None) == (edited == "platform")

    if edited == "quickbooks":
        office.books.delete("Invoice", quickbooks_id)
    else:
        office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))
    office.sync()
    office.parked(0)
    office.settled()


@pytest.mark.parametrize("side", ["platform", "quickbooks"])
def test_both_sides_deleted(office: Office, side: str) -> None:
    """Goal: a record deleted on both sides is forgotten without a word."""
    quickbooks_id, row_id = made(office, "Purchase")
    office.books.delete("Purchase", quickbooks_id)
    if side == "platform":
        office.platform.edit("expense", row_id, deleted_at=datetime.now(UTC))
    else:
        office.platform.sql("DELETE FROM expenses WHERE id = :id", id=row_id)
    mark = office.books.mark()
    office.sync()
    office.parked(0)
    assert office.books.written(mark) == []
    office.settled()


@pytest.mark.parametrize(
    ("entity", "record_type", "record_id"),
    [("Customer", "customer", "8"), ("Vendor", "vendor", "1"), ("Item", "item", "8")],
)
def test_a_name_list_deactivated_in_quickbooks(
    office: Office, entity: str, record_type: str, record_id: str
) -> None:
    """Goal: inactive in QuickBooks is inactive on the platform, under its own name, and back."""
    row = office.platform.of(entity, record_id)
    office.books.update(entity, record_id, Active=False)
    office.sync()
    seen = office.platform.row(record_type, row["id"])
    assert (seen["active"], seen["name"], seen["deleted_at"]) == (False, row["name"], None)
    office.settled()
    office.books.update(entity, record_id, Active=True)
    office.sync()
    seen = office.platform.row(record_type, row["id"])
    assert (seen["active"], seen["name"]) == (True, row["name"])
    office.settled()


@pytest.mark.parametrize(
    ("entity", "record_type", "record_id"),
    [("Customer", "customer", "8"), ("Vendor", "vendor", "1"), ("Item", "item", "8")],
)
def test_a_name_list_deactivated_on_the_platform(
    office: Office, entity: str, record_type: str, record_id: str
) -> None:
    """Goal: inactive on the platform is inactive in QuickBooks, and active again both ways."""
    row = office.platform.of(entity, record_id)
    office.platform.edit(record_type, row["id"], active=False)
    office.sync()
    assert office.books.read(entity, record_id)["Active"] is False
    assert office.platform.row(record_type, row["id"])["name"] == row["name"]
    office.settled()
    office.platform.edit(record_type, row["id"], active=True)
    office.sync()
    booked = office.books.read(entity, record_id)
    assert booked["Active"] is True
    assert booked.get("DisplayName", booked.get("Name")) == row["name"]
    office.settled()


def test_a_customer_deleted_on_the_platform_becomes_inactive(office: Office) -> None:
    """Goal: QuickBooks cannot delete a name, so it becomes inactive and stays so."""
    row = office.platform.of("Customer", "8")
    office.platform.edit("customer", row["id"], deleted_at=datetime.now(UTC))
    office.sync()
    assert office.books.read("Customer", "8")["Active"] is False
    office.settled()


def test_a_customer_with_a_balance_cannot_be_removed(office: Office) -> None:
    """Goal: QuickBooks refuses (6220): the record is parked with the way out, nothing is lost."""
    row = office.platform.of("Customer", "2")
    office.platform.edit("customer", row["id"], active=False)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "fault_6220"
    assert office.books.read("Customer", "2")["Active"] is True
    office.platform.edit("customer", row["id"], active=True)
    office.sync()
    office.parked(0)
    office.settled()


@on_both
def test_an_invoice_voided_on_the_platform_is_voided_in_quickbooks(office: Office) -> None:
    """Goal: status voided on the platform voids in QuickBooks, whose zeros come back."""
    quickbooks_id, row_id = made(office, "Invoice")
    office.platform.edit("invoice", row_id, status="voided")
    mark = office.books.mark()
    office.sync()
    assert office.books.written(mark) == [("void", "Invoice", quickbooks_id)]
    booked = office.books.read("Invoice", quickbooks_id)
    assert (booked["TotalAmt"], booked["Balance"]) == (0, 0)
    row = office.platform.row("invoice", row_id)
    assert (row["status"], row["total"], row["balance"]) == ("voided", 0, 0)
    office.settled()


def test_an_invoice_voided_in_quickbooks_is_voided_on_the_platform(office: Office) -> None:
    """Goal: a void in QuickBooks gives voided and zeros, and stays so."""
    quickbooks_id, row_id = made(office, "Invoice")
    office.books.void("Invoice", quickbooks_id)
    office.sync()
    row = office.platform.row("invoice", row_id)
    assert (row["status"], row["total"], row["balance"]) == ("voided", 0, 0)
    assert row["deleted_at"] is None
    office.settled()


def test_a_void_on_the_platform_against_an_edit_in_quickbooks(office: Office) -> None:
    """Goal: an invoice voided here and edited there loses neither: the edit is kept or named."""
    quickbooks_id, row_id = made(office, "Invoice")
    office.platform.edit("invoice", row_id, status="voided")
    office.books.update("Invoice", quickbooks_id, CustomerMemo={"value": "their words"})
    office.sync()
    booked = office.books.read("Invoice", quickbooks_id)
    row = office.platform.row("invoice", row_id)
    assert (row["status"], booked["TotalAmt"]) == ("voided", 0)
    assert booked["CustomerMemo"]["value"] == row["customer_message"] == "their words"
    office.settled()


def test_a_paid_invoice_deleted_on_the_platform(office: Office) -> None:
    """Goal: QuickBooks refuses to delete what a payment is linked to: the invoice is parked with
    its words, the payment's money is untouched, and it goes on once the payment is gone."""
    quickbooks_id, row_id = made(office, "Invoice")
    total = office.platform.row("invoice", row_id)["total"]
    paid = office.books.create("Payment", payment("5", str(total), quickbooks_id))
    office.sync()
    office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))
    office.sync(code=3)
    (parked,) = office.parked()
    assert "linked" in parked["message"]
    assert office.books.read("Payment", paid["Id"])["TotalAmt"] == total
    assert office.platform.of("Payment", paid["Id"])["amount"] == total

    office.books.delete("Payment", paid["Id"])
    office.run("retry")
    office.sync()
    office.parked(0)
    assert office.books.is_gone("Invoice", quickbooks_id)
    office.settled()


def test_a_deleted_customer_that_is_revived_in_quickbooks_is_parked(office: Office) -> None:
    """Goal: a customer deleted on the platform and made active again in QuickBooks is shown to a
    person, and settled when it is made inactive again."""
    row = office.platform.of("Customer", "8")
    office.platform.edit("customer", row["id"], deleted_at=datetime.now(UTC))
    office.sync()
    office.books.update("Customer", "8", Active=True)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "came_back"
    office.books.update("Customer", "8", Active=False)
    office.sync()
    office.parked(0)
    office.settled()


def test_an_expense_withdrawn_after_posting_is_parked(office: Office) -> None:
    """Goal: an expense that stands in the books cannot go back to submitted unseen."""
    row = office.platform.of("Purchase", "5")
    office.platform.edit("expense", row["id"], status="rejected")
    mark = office.books.mark()
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("withdrawn", "status")
    assert office.books.written(mark) == []
    office.platform.edit("expense", row["id"], status="posted")
    office.sync()
    office.parked(0)
    office.settled()


def test_a_new_record_deleted_before_it_was_ever_synced(office: Office) -> None:
    """Goal: what came and went between two cycles leaves no trace in QuickBooks."""
    customer = office.platform.id_of("Customer", "5")
    line = {"kind": "description", "description": "a draft"}
    row_id = office.platform.add(
        "invoice", customer_id=customer, issued_on=date(2026, 11, 1), lines=[line]
    )
    office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))
    gone = office.platform.add(
        "payment", customer_id=customer, received_on=date(2026, 11, 1), amount=Decimal(5)
    )
    office.platform.sql("DELETE FROM payments WHERE id = :id", id=gone)
    office.sync()
    assert office.books.written() == []
    office.settled()
