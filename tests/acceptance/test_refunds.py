"""Refunds to customers: receipts of them both ways, and expenses that payments are linked with."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from connectors.database import downgrade
from models.tables import sync as sync_tables
from models.tables.platform import change_log
from models.tables.record_tables import RECORD_TABLES
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_reconcile import by_subject, minor, of_kind, outside, reconciled
from tests.fixtures.company import (
    Office,
    RefusedError,
    note_of,
    payment,
    reference,
    sales_line,
)

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
CHECKING, SAVINGS, RECEIVABLES, UNDEPOSITED = "1", "2", "4", "5"
ELMWOOD, SALTMARSH = "4", "5"
#: Before everything that the tests enter.
DAY = "2026-11-12"


def refund(amount: str, account: str = CHECKING, **more: Any) -> dict[str, Any]:
    """A refund receipt in QuickBooks with one line."""
    return {
        "CustomerRef": reference(SALTMARSH),
        "DepositToAccountRef": reference(account),
        "TxnDate": DAY,
        "Line": [sales_line(amount)],
        **more,
    }


def refunded(office: Office, amount: str, account: str = CHECKING, **row: Any) -> int:
    """A refund receipt on the platform with one line."""
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2")}
    values = {
        "customer_id": office.platform.id_of("Customer", SALTMARSH),
        "payment_account_id": office.platform.id_of("Account", account),
        "refunded_on": date(2026, 11, 6),
        **row,
    }
    lines = [{**line, "amount": Decimal(amount)}]
    return office.platform.add("refund_receipt", lines=lines, **values)


def booked_of(office: Office, row_id: int) -> dict[str, Any]:
    """QuickBooks's record of a refund receipt of the platform."""
    quickbooks_id = office.platform.quickbooks_id("refund_receipt", row_id)
    assert quickbooks_id is not None
    return office.books.read("RefundReceipt", quickbooks_id)


def balance(office: Office, account: str) -> Decimal:
    """What QuickBooks says is in an account."""
    return Decimal(office.books.read("Account", account)["CurrentBalance"])


def owed(office: Office, customer: str = SALTMARSH) -> tuple[Decimal, Decimal]:
    """What QuickBooks and the platform say that a customer owes."""
    theirs = office.books.read("Customer", customer)["Balance"]
    return Decimal(theirs), office.platform.of("Customer", customer)["balance"]


# --- refund receipts ------------------------------------------------------------------------------


@on_both
def test_a_refund_receipt_made_on_the_platform_arrives_exactly(office: Office) -> None:
    """Goal: all that a person enters on the platform stands in QuickBooks, the money leaves the
    account, nobody owes more, and number, total and status come back."""
    before = {each: balance(office, each) for each in (CHECKING, RECEIVABLES)}
    owing = owed(office)
    item, handbook = (office.platform.id_of("Item", each) for each in ("2", "7"))
    row_id = office.platform.add(
        "refund_receipt",
        customer_id=office.platform.id_of("Customer", SALTMARSH),
        payment_account_id=office.platform.id_of("Account", CHECKING),
        department_id=office.platform.id_of("Department", "1"),
        refunded_on=date(2026, 11, 6),
        reference="CHK 2041",
        method="Check",
        memo="Workshop was cancelled",
        customer_message="Sorry — next time.",
        email="tap@saltmarsh.example",
        tax_code="Maine",
        tax_total=Decimal("2.20"),
        lines=[
            {
                "kind": "item",
                "item_id": item,
                "description": "Half a day",
                "quantity": Decimal("2.5"),
                "unit_price": Decimal("160.10"),
                "amount": Decimal("400.25"),
                "tax_code": "NON",
            },
            {
                "kind": "item",
                "item_id": handbook,
                "quantity": Decimal(1),
                "unit_price": Decimal(40),
                "amount": Decimal(40),
                "tax_code": "TAX",
                "service_on": date(2026, 10, 30),
            },
            {"kind": "description", "description": "Travel is kept."},
            {"kind": "discount", "amount": Decimal("4.05")},
        ],
    )
    cycle = office.sync()
    assert cycle["data_types"]["invoices"]["to_quickbooks"]["created"] == 1
    booked = booked_of(office, row_id)
    assert booked["CustomerRef"]["value"] == SALTMARSH
    assert booked["DepositToAccountRef"]["value"] == CHECKING
    assert booked["DepartmentRef"]["value"] == "1"
    assert (booked["TxnDate"], booked["PaymentRefNum"]) == ("2026-11-06", "CHK 2041")
    methods = {each["Name"]: each["Id"] for each in office.books.find("PaymentMethod")}
    assert booked["PaymentMethodRef"]["value"] == methods["Check"]
    assert note_of(booked) == "Workshop was cancelled"
    assert booked["CustomerMemo"]["value"] == "Sorry — next time."
    assert booked["BillEmail"]["Address"] == "tap@saltmarsh.example"
    assert booked["TxnTaxDetail"]["TotalTax"] == Decimal("2.2")
    first, second, words, discount = (
        line for line in booked["Line"] if line["DetailType"] != "SubTotalLineDetail"
    )
    detail = first["SalesItemLineDetail"]
    assert (first["Amount"], first["Description"]) == (Decimal("400.25"), "Half a day")
    assert (detail["Qty"], detail["UnitPrice"]) == (Decimal("2.5"), Decimal("160.1"))
    assert (detail["ItemRef"]["value"], detail["TaxCodeRef"]["value"]) == ("2", "NON")
    assert second["SalesItemLineDetail"]["ServiceDate"] == "2026-10-30"
    assert words["Description"] == "Travel is kept."
    assert discount["Amount"] == Decimal("4.05")

    row = office.platform.row("refund_receipt", row_id)
    assert row["number"] == booked["DocNumber"]
    assert row["total"] == booked["TotalAmt"] == Decimal("438.40")
    assert row["status"] == "refunded"
    assert balance(office, CHECKING) == before[CHECKING] - Decimal("438.40")
    assert balance(office, RECEIVABLES) == before[RECEIVABLES]
    office.settled()
    assert owed(office) == owing
    assert reconciled(office)["differences"] == []


@on_both
def test_a_refund_receipt_made_in_quickbooks_arrives_on_the_platform(office: Office) -> None:
    """Goal: all that a person enters in QuickBooks stands on the platform."""
    body = refund(
        "99.95",
        SAVINGS,
        PaymentRefNum="W-7",
        PaymentMethodRef=reference(office.books.find("PaymentMethod")[0]["Id"]),
        PrivateNote="by phone",
        CustomerMemo={"value": "Cheers"},
        BillEmail={"Address": "tap@saltmarsh.example"},
    )
    body["Line"].append(sales_line(80, "7", Qty=2, UnitPrice=40))
    booked = office.books.create("RefundReceipt", body)
    cycle = office.sync()
    assert cycle["data_types"]["invoices"]["to_platform"]["created"] == 1
    row = office.platform.of("RefundReceipt", booked["Id"])
    assert row["number"] == booked["DocNumber"]
    assert row["customer_id"] == office.platform.id_of("Customer", SALTMARSH)
    assert row["payment_account_id"] == office.platform.id_of("Account", SAVINGS)
    assert (row["refunded_on"], row["reference"]) == (date(2026, 11, 12), "W-7")
    assert row["method"] == office.books.find("PaymentMethod")[0]["Name"]
    assert (row["memo"], row["customer_message"]) == ("by phone", "Cheers")
    assert (row["email"], row["status"]) == ("tap@saltmarsh.example", "refunded")
    assert row["total"] == Decimal("179.95")
    first, last = row["lines"]
    assert (first["kind"], first["amount"]) == ("item", Decimal("99.95"))
    assert last["item_id"] == office.platform.id_of("Item", "7")
    assert (last["quantity"], last["unit_price"]) == (2, 40)
    office.settled()


def test_a_refund_receipt_without_a_customer_goes_both_ways(office: Office) -> None:
    """Goal: QuickBooks does not ask whom the money went to, and neither does the platform."""
    body = refund("5", DocNumber="R-1")
    del body["CustomerRef"]
    theirs = office.books.create("RefundReceipt", body)
    row_id = refunded(office, "6", customer_id=None, number="R-2")
    office.sync()
    assert office.platform.of("RefundReceipt", theirs["Id"])["customer_id"] is None
    assert "CustomerRef" not in booked_of(office, row_id)
    office.settled()


@on_both
def test_edits_on_both_sides_merge_and_a_contested_field_is_named(office: Office) -> None:
    """Goal: different fields merge; of one field the policy's side wins; lines keep their ids."""
    booked = office.books.create("RefundReceipt", refund("50", PaymentRefNum="W-1"))
    office.sync()
    row_id = office.platform.id_of("RefundReceipt", booked["Id"])
    savings = office.platform.id_of("Account", SAVINGS)
    office.platform.edit("refund_receipt", row_id, payment_account_id=savings)
    office.platform.edit_lines("refund_receipt", row_id, amount=Decimal("45.50"))
    office.books.update("RefundReceipt", booked["Id"], PaymentRefNum="W-2")
    office.sync()
    after = office.books.read("RefundReceipt", booked["Id"])
    assert after["DepositToAccountRef"]["value"] == SAVINGS
    assert (after["TotalAmt"], after["PaymentRefNum"]) == (Decimal("45.5"), "W-2")
    assert after["Line"][0]["Id"] == booked["Line"][0]["Id"]
    row = office.platform.row("refund_receipt", row_id)
    assert (row["total"], row["reference"]) == (Decimal("45.50"), "W-2")
    office.settled()

    office.platform.choose(policy={"refund_receipt.reference": "platform"})
    office.platform.edit("refund_receipt", row_id, reference="ours")
    office.books.update("RefundReceipt", booked["Id"], PaymentRefNum="theirs")
    office.sync()
    assert office.books.read("RefundReceipt", booked["Id"])["PaymentRefNum"] == "ours"
    (lost,) = office.conflicts()
    assert (lost["field"], lost["winner"], lost["quickbooks"]) == (
        "reference",
        "platform",
        "theirs",
    )
    office.settled()


@on_both
@pytest.mark.parametrize("side", ["platform", "quickbooks"])
def test_a_refund_receipt_that_is_deleted_goes_away_on_both_sides(
    office: Office, side: str
) -> None:
    """Goal: deleted once, on either side, it is gone from both, and the money is back."""
    before = balance(office, CHECKING)
    booked = office.books.create("RefundReceipt", refund("50"))
    office.sync()
    row_id = office.platform.id_of("RefundReceipt", booked["Id"])
    if side == "platform":
        office.platform.edit("refund_receipt", row_id, deleted_at=office.clock_now())
    else:
        office.books.delete("RefundReceipt", booked["Id"])
    office.sync()
    assert office.books.is_gone("RefundReceipt", booked["Id"])
    assert office.platform.rows("refund_receipt", id=row_id) == []
    assert balance(office, CHECKING) == before
    office.settled()
    assert reconciled(office)["differences"] == []


def test_a_refund_receipt_that_is_voided_in_quickbooks_says_so(office: Office) -> None:
    """Goal: what a void leaves (apps cannot void it) stands on the platform as voided."""
    booked = office.books.create("RefundReceipt", refund("50"))
    office.sync()
    empty = {**booked["Line"][0], "Amount": 0}
    office.books.update("RefundReceipt", booked["Id"], Line=[empty], PrivateNote="Voided")
    office.sync()
    row = office.platform.of("RefundReceipt", booked["Id"])
    assert (row["status"], row["total"]) == ("voided", 0)
    office.settled()
    assert reconciled(office)["differences"] == []


def test_a_refund_receipt_says_out_of_which_account(office: Office) -> None:
    """Goal: one without an account waits with what to do, and goes on when it is entered."""
    row_id = refunded(office, "12", payment_account_id=None)
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["field"], parked["code"]) == ("payment_account", "missing")
    checking = office.platform.id_of("Account", CHECKING)
    office.platform.edit("refund_receipt", row_id, payment_account_id=checking)
    office.sync()
    assert booked_of(office, row_id)["TotalAmt"] == 12
    office.settled()


# --- refunds in deposits --------------------------------------------------------------------------


def waiting(office: Office) -> tuple[dict[str, Any], dict[str, Any]]:
    """A payment, and a refund of some of it, both in Undeposited Funds."""
    paid = office.books.create("Payment", payment(ELMWOOD, "30", TxnDate=DAY))
    back = office.books.create("RefundReceipt", refund("8", UNDEPOSITED))
    return paid, back


def taken(booked: dict[str, Any], kind: str, amount: Decimal) -> dict[str, Any]:
    """A line of a deposit in QuickBooks that takes a document along."""
    link = {"TxnId": booked["Id"], "TxnType": kind, "TxnLineId": "0"}
    return {"Amount": amount, "LinkedTxn": [link]}


@on_both
def test_a_deposit_of_quickbooks_that_takes_a_refund_along_arrives(office: Office) -> None:
    """Goal: the refund stands as a line below zero; while it is held it is frozen; a delete of the
    deposit lets it go."""
    paid, back = waiting(office)
    lines = [taken(paid, "Payment", Decimal(30)), taken(back, "RefundReceipt", Decimal(-8))]
    to = {"DepositToAccountRef": reference(SAVINGS), "TxnDate": DAY}
    booked = office.books.create("Deposit", {**to, "Line": lines})
    office.sync()
    row = office.platform.of("Deposit", booked["Id"])
    held = office.platform.id_of("RefundReceipt", back["Id"])
    second = row["lines"][1]
    assert (second["kind"], second["refund_receipt_id"]) == ("refund_receipt", held)
    assert (second["amount"], row["total"]) == (Decimal(-8), Decimal(22))
    office.settled()
    assert reconciled(office)["differences"] == []

    office.platform.edit("refund_receipt", held, memo="checked")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "fault_6540"
    office.books.delete("Deposit", booked["Id"])
    for _ in range(2):
        office.sync(code=None)
    office.settled()
    assert note_of(office.books.read("RefundReceipt", back["Id"])) == "checked"


@on_both
def test_a_deposit_of_the_platform_takes_a_refund_along(office: Office) -> None:
    """Goal: the line goes to QuickBooks with its link; one with the wrong sign waits."""
    paid, back = waiting(office)
    office.sync()
    before = balance(office, UNDEPOSITED)
    held = office.platform.id_of("RefundReceipt", back["Id"])
    lines = [
        {
            "kind": "payment",
            "payment_id": office.platform.id_of("Payment", paid["Id"]),
            "amount": Decimal(30),
        },
        {"kind": "refund_receipt", "refund_receipt_id": held, "amount": Decimal(8)},
    ]
    row_id = office.platform.add(
        "deposit",
        deposit_account_id=office.platform.id_of("Account", SAVINGS),
        deposited_on=date(2026, 11, 12),
        lines=lines,
    )
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["field"], parked["code"]) == ("lines", "refund_adds")
    office.platform.sql(
        "UPDATE deposit_lines SET amount = :amount WHERE refund_receipt_id = :id",
        amount=minor(office, "-8"),
        id=held,
    )
    office.sync()
    booked = office.books.read("Deposit", str(office.platform.quickbooks_id("deposit", row_id)))
    assert (booked["TotalAmt"], booked["Line"][1]["Amount"]) == (22, -8)
    link = booked["Line"][1]["LinkedTxn"][0]
    assert (link["TxnId"], link["TxnType"]) == (back["Id"], "RefundReceipt")
    assert balance(office, UNDEPOSITED) == before - 22
    with pytest.raises(RefusedError, match="6540"):
        office.books.update("RefundReceipt", back["Id"], PrivateNote="too late")
    office.settled()
    assert reconciled(office)["differences"] == []


def as_older_programs_left_it(office: Office, booked: dict[str, Any], back: dict[str, Any]) -> None:
    """Take the database back to before refund receipts were records: a deposit told their ids."""
    told = {"kind": "other", "reference": back["Id"]}
    with office.engine.begin() as connection:
        links = sync_tables.links
        mine = (links.c.record_type == "deposit") & (links.c.quickbooks_id == booked["Id"])
        base = json.loads(connection.execute(select(links.c.base).where(mine)).scalar_one())
        (line,) = [each for each in base["lines"] if each["kind"] == "refund_receipt"]
        del line["refund_receipt"]
        line.update(told)
        connection.execute(update(links).where(mine).values(base=json.dumps(base)))
        lines = RECORD_TABLES["deposit"].lines
        assert lines is not None
        changed = {**told, "refund_receipt_id": None}
        connection.execute(update(lines).where(lines.c.kind == "refund_receipt").values(changed))
        for table in (sync_tables.intents, links, sync_tables.cursors):
            own = table.c.record_type == "refund_receipt"
            connection.execute(delete(table).where(own))
        connection.execute(delete(change_log))
    downgrade(office.engine, "0006")


def test_a_refund_that_an_older_program_saw_in_a_deposit_becomes_a_record(office: Office) -> None:
    """Goal: after the schema moved on, the deposit's line refers to the refund receipt."""
    paid, back = waiting(office)
    lines = [taken(paid, "Payment", Decimal(30)), taken(back, "RefundReceipt", Decimal(-8))]
    to = {"DepositToAccountRef": reference(SAVINGS), "TxnDate": DAY}
    booked = office.books.create("Deposit", {**to, "Line": lines})
    office.sync()
    office.settled()
    as_older_programs_left_it(office, booked, back)
    office.sync()
    line = office.platform.of("Deposit", booked["Id"])["lines"][1]
    held = office.platform.id_of("RefundReceipt", back["Id"])
    assert (line["kind"], line["refund_receipt_id"]) == ("refund_receipt", held)
    assert (line["reference"], line["amount"]) == (None, Decimal(-8))
    assert office.conflicts() == []
    office.settled()


# --- reconciling ----------------------------------------------------------------------------------


@on_both
def test_refunds_are_reconciled_by_account_and_by_record(office: Office) -> None:
    """Goal: refund receipts are in the books on both sides, outside of nothing; one that another
    program changed is named, on its accounts and by itself, and receivables have no part in it."""
    booked = office.books.create("RefundReceipt", refund("50", DocNumber="RR-1"))
    refunded(office, "70", number="RR-2")
    office.sync()
    office.settled()
    facts = reconciled(office)
    assert facts["differences"] == []
    assert outside(facts, "Refund") == {}
    assert facts["not_synced"].get("RefundReceipt") is None

    office.platform.sql(
        "UPDATE refund_receipts SET total = :amount WHERE id = :id",
        amount=minor(office, "40"),
        id=office.platform.id_of("RefundReceipt", booked["Id"]),
    )
    facts = reconciled(office, code=3)
    checking = office.books.read("Account", CHECKING)["Name"]
    assert by_subject(facts, "account")[checking] == "-10.00"
    assert of_kind(facts, "receivable") == []
    (figure,) = of_kind(facts, "figure")
    assert (figure["subject"], figure["field"]) == ("refund_receipt RR-1", "total")
    assert (figure["quickbooks"], figure["platform"]) == ("50", "40")
