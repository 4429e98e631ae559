"""Entries of a list that somebody merges in QuickBooks, and tombstones of what was deleted.

The demo company's vendor 5, Marisol Lopez, has an open bill and a payment of it; it is merged into
vendor 4, Casco Insurance.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, invoice, purchase, reference

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
WINNER, LOSER = "4", "5"
LOPEZ, CASCO = "Marisol Lopez", "Casco Insurance"


def merge(office: Office, entity: str, winner: str = WINNER, loser: str = LOSER) -> None:
    """Merge two entries as a person does it in QuickBooks."""
    answer = httpx.post(
        f"{office.emulator.base_url}/_emulator/merge",
        json={
            "realm_id": office.emulator.realm_id,
            "entity": entity,
            "winner": winner,
            "loser": loser,
        },
        timeout=10,
        verify=False,  # plain http on this machine; certificates take long to load
    )
    assert answer.status_code == 200, answer.text


def vendors(office: Office) -> tuple[int, int]:
    """The platform's rows of the one that stays and of the one that goes."""
    return office.platform.id_of("Vendor", WINNER), office.platform.id_of("Vendor", LOSER)


def new_bill(office: Office, vendor: int, **row: Any) -> int:
    """A bill that somebody enters on the platform."""
    account = office.platform.id_of("Account", "26")
    line = {"kind": "account", "account_id": account, "amount": Decimal(50)}
    values = {"vendor_id": vendor, "issued_on": date(2026, 11, 9), **row}
    return office.platform.add("bill", lines=[line], **values)


@on_both
def test_what_referred_to_the_loser_refers_to_the_winner(office: Office) -> None:
    """Goal: one cycle re-points every bill, payment and purchase, then removes the loser's row; the
    log names the winner, nothing is written to QuickBooks, and nothing moves afterwards."""
    bought = office.books.create(
        "Purchase", purchase("12.50", EntityRef={**reference(LOSER), "type": "Vendor"})
    )
    office.sync()
    winner, loser = vendors(office)
    merge(office, "Vendor")
    mark = office.books.mark()
    office.sync()
    assert office.platform.of("Bill", "21")["vendor_id"] == winner
    assert office.platform.of("BillPayment", "26")["vendor_id"] == winner
    assert office.platform.of("Purchase", bought["Id"])["payee_vendor_id"] == winner
    row = office.platform.row("vendor", loser)
    assert row["deleted_at"] is not None
    assert office.platform.row("vendor", winner)["deleted_at"] is None
    (merged,) = office.platform.audit("merged")
    assert (merged["label"], merged["into"]) == (LOPEZ, CASCO)
    assert office.books.written(mark) == []
    assert office.conflicts() == []
    office.parked(0)
    office.settled()


@on_both
def test_a_merge_that_leaves_no_other_trace_is_found_too(office: Office) -> None:
    """Goal: records are re-pointed though neither their version nor their time has moved."""
    before = {entity: office.books.read(entity, "21") for entity in ("Bill",)}
    winner, _ = vendors(office)
    merge(office, "Vendor")
    with office.emulator.emulator.lock:
        for entity, record in before.items():
            moved = office.emulator.company.records[entity][record["Id"]]
            office.emulator.company.put(entity, {**moved, "MetaData": dict(record["MetaData"])})
    assert office.books.read("Bill", "21")["MetaData"] == before["Bill"]["MetaData"]
    office.sync()
    assert office.platform.of("Bill", "21")["vendor_id"] == winner
    office.settled()


@on_both
def test_records_edited_on_the_platform_meanwhile_merge_by_field(office: Office) -> None:
    """Goal: an edit of a bill's memo and of an invoice's lines, which name the merged account or
    item, go to QuickBooks together with what was re-pointed; nobody loses."""
    item = office.books.create(
        "Item", {"Name": "Workshop", "Type": "Service", "IncomeAccountRef": reference("19")}
    )
    line = {
        "Amount": Decimal(80),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": reference(item["Id"])},
    }
    sold = office.books.create("Invoice", {**invoice("5", 1), "Line": [line]})
    office.sync()
    winner, _ = vendors(office)
    other_item = office.platform.id_of("Item", "2")
    row_id = office.platform.id_of("Invoice", sold["Id"])
    office.platform.edit("bill", office.platform.id_of("Bill", "21"), memo="as agreed")
    office.platform.sql(
        "UPDATE invoice_lines SET description = 'one day' WHERE invoice_id = :id", id=row_id
    )
    merge(office, "Vendor")
    merge(office, "Item", winner="2", loser=item["Id"])
    office.sync()
    bill = office.platform.of("Bill", "21")
    assert (bill["vendor_id"], bill["memo"]) == (winner, "as agreed")
    assert office.books.read("Bill", "21")["PrivateNote"].startswith("as agreed")
    assert office.books.read("Bill", "21")["VendorRef"]["value"] == WINNER
    (ours,) = office.platform.row("invoice", row_id)["lines"]
    assert (ours["item_id"], ours["description"]) == (other_item, "one day")
    theirs = office.books.read("Invoice", sold["Id"])["Line"][0]
    assert theirs["SalesItemLineDetail"]["ItemRef"]["value"] == "2"
    assert theirs["Description"] == "one day"
    assert office.conflicts() == []
    office.parked(0)
    office.settled()


@on_both
def test_a_new_record_for_the_loser_waits_and_says_into_which_it_was_merged(
    office: Office,
) -> None:
    """Goal: a bill entered for the loser, before or after the merge is heard of, is neither lost
    nor sent: it is parked, and goes once somebody chooses the winner."""
    winner, loser = vendors(office)
    merge(office, "Vendor")
    first = new_bill(office, loser, number="M-1")
    mark = office.books.mark()
    office.sync(code=3)
    second = new_bill(office, loser, number="M-2")
    office.sync(code=3)
    for parked in office.parked(2):
        assert (parked["code"], parked["field"]) == ("missing_parent", "vendor")
        assert LOPEZ in parked["message"]
        assert f"merged into {CASCO}" in parked["message"]
    assert office.books.written(mark) == []
    for row_id in (first, second):
        office.platform.edit("bill", row_id, vendor_id=winner)
    office.sync()
    office.parked(0)
    for row_id in (first, second):
        made = office.books.read("Bill", str(office.platform.quickbooks_id("bill", row_id)))
        assert made["VendorRef"]["value"] == WINNER
    office.settled()


@on_both
def test_a_loser_that_was_edited_on_the_platform_is_a_conflict(office: Office) -> None:
    """Goal: its edit is not lost with it: a person decides, while everything else is re-pointed."""
    winner, loser = vendors(office)
    office.platform.edit("vendor", loser, phone="207 555 0188")
    merge(office, "Vendor")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "delete_against_edit"
    assert f"merged into {CASCO}" in parked["message"]
    assert "phone" in parked["message"]
    assert office.platform.of("Bill", "21")["vendor_id"] == winner
    assert office.platform.row("vendor", loser)["deleted_at"] is None


def test_accounts_are_merged_for_data_types_that_another_flow_syncs(office: Office) -> None:
    """Goal: a flow of one data type that hears of a merge re-points the records of the others too,
    because none of them will hear of it again."""
    spare = office.books.create("Account", {"Name": "Spare", "AccountType": "Expense"})
    line = {
        "Amount": Decimal(9),
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": reference(spare["Id"])},
    }
    bought = office.books.create("Purchase", {**purchase(9), "Line": [line]})
    office.sync()
    kept = office.platform.id_of("Account", "31")
    merge(office, "Account", winner="31", loser=spare["Id"])
    office.sync("--data-type", "invoices")
    (ours,) = office.platform.of("Purchase", bought["Id"])["lines"]
    assert ours["account_id"] == kept
    office.settled()


def test_an_entry_that_nothing_referred_to_goes_without_a_winner(office: Office) -> None:
    """Goal: where no record tells which one it was merged into, the log says that nobody knows."""
    lone = office.books.create("Vendor", {"DisplayName": "Lone Printer"})
    office.sync()
    row_id = office.platform.id_of("Vendor", lone["Id"])
    merge(office, "Vendor", loser=lone["Id"])
    office.sync()
    assert office.platform.row("vendor", row_id)["deleted_at"] is not None
    (merged,) = office.platform.audit("merged")
    assert (merged["label"], merged["into"]) == ("Lone Printer", None)
    office.settled()


def test_a_sub_customer_moves_below_the_winner(office: Office) -> None:
    """Goal: entries of the same list that refer to the loser are re-pointed as well."""
    parent = office.books.create("Customer", {"DisplayName": "Old Group"})
    child = office.books.create(
        "Customer",
        {"DisplayName": "Old Group Pier", "Job": True, "ParentRef": reference(parent["Id"])},
    )
    office.sync()
    merge(office, "Customer", winner="3", loser=parent["Id"])
    office.sync()
    row = office.platform.of("Customer", child["Id"])
    assert row["parent_id"] == office.platform.id_of("Customer", "3")
    office.settled()


# -- tombstones --


def test_a_tombstone_outlives_what_quickbooks_remembers(own_office: Office) -> None:
    """Goal: 31 days later QuickBooks is read whole, and its inactive entry, and a deleted invoice
    that an old copy of its books still lists, do not become records on the platform again."""
    office = own_office
    office.connect()
    office.sync()
    customer = office.books.create("Customer", {"DisplayName": "Passing Trade"})
    sold = office.books.create("Invoice", invoice("5", 33))
    office.sync()
    row_id = office.platform.id_of("Customer", customer["Id"])
    invoice_row = office.platform.id_of("Invoice", sold["Id"])
    office.platform.sql("UPDATE customers SET deleted_at = updated_at WHERE id = :id", id=row_id)
    kept = office.emulator.get("Invoice", sold["Id"])
    assert kept is not None
    office.books.delete("Invoice", sold["Id"])
    office.sync()
    assert office.books.read("Customer", customer["Id"])["Active"] is False

    office.clock.sleep(timedelta(days=31).total_seconds())
    with office.emulator.emulator.lock:
        office.emulator.company.put("Invoice", kept)
        office.emulator.emulator.log.clear()
    office.sync(code=3)
    asked = {line.verb for line in office.emulator.emulator.log}
    assert "cdc" not in asked
    (parked,) = office.parked()
    assert parked["code"] == "came_back"
    assert office.platform.row("customer", row_id)["deleted_at"] is not None
    assert office.platform.row("invoice", invoice_row)["deleted_at"] is not None
    names = [row["name"] for row in office.platform.rows("customer")]
    assert "Passing Trade" not in names
    totals = [row["total"] for row in office.platform.rows("invoice", customer_id=None)]
    assert totals == []
    with office.emulator.emulator.lock:
        office.emulator.company.remove("Invoice", sold["Id"])
    office.sync()
    office.parked(0)


@on_both
def test_an_inactive_entry_is_restored_on_either_side(office: Office) -> None:
    """Goal: made inactive is not deleted: it comes back by the flag, from both sides."""
    vendor = office.books.create("Vendor", {"DisplayName": "Seasonal"})
    office.sync()
    row_id = office.platform.id_of("Vendor", vendor["Id"])
    office.books.update("Vendor", vendor["Id"], Active=False)
    office.sync()
    row = office.platform.row("vendor", row_id)
    assert (row["active"], row["deleted_at"], row["name"]) == (False, None, "Seasonal")
    office.platform.edit("vendor", row_id, active=True)
    office.sync()
    assert office.books.read("Vendor", vendor["Id"])["Active"] is True
    office.settled()


@on_both
def test_a_deleted_entry_that_is_made_active_in_quickbooks_waits(office: Office) -> None:
    """Goal: deleted on the platform and brought back in QuickBooks: a person is asked."""
    vendor = office.books.create("Vendor", {"DisplayName": "Seasonal"})
    office.sync()
    row_id = office.platform.id_of("Vendor", vendor["Id"])
    office.platform.sql("UPDATE vendors SET deleted_at = updated_at WHERE id = :id", id=row_id)
    office.sync()
    assert office.books.read("Vendor", vendor["Id"])["Active"] is False
    office.books.update("Vendor", vendor["Id"], Active=True)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "came_back"
    assert office.platform.row("vendor", row_id)["deleted_at"] is not None


def test_the_company_stays_when_its_row_is_deleted(office: Office) -> None:
    """Goal: QuickBooks leads there: nothing is written to it, and a person is told the way back."""
    (row,) = office.platform.rows("company")
    office.platform.sql("UPDATE company_information SET deleted_at = updated_at")
    mark = office.books.mark()
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "read_only"
    assert office.books.written(mark) == []
    office.platform.edit("company", row["id"], deleted_at=None)
    office.sync()
    office.parked(0)
