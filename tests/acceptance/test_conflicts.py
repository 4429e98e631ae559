"""Edits on both sides: none is lost, and who won is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import FLIGHT_SECONDS, Office

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)

#: An open invoice of the demo company, and a customer.
INVOICE, CUSTOMER = "7", "5"


def edited_at(record: dict[str, Any]) -> datetime:
    """When QuickBooks says a record was edited."""
    return datetime.fromisoformat(record["MetaData"]["LastUpdatedTime"]).astimezone(UTC)


def edit_both(office: Office, theirs: str, ours: str, *, platform_later_by: timedelta) -> int:
    """Edit the memo of one invoice on both sides; the platform's row."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    booked = office.books.update("Invoice", INVOICE, PrivateNote=theirs)
    office.platform.edit(
        "invoice", row_id, memo=ours, updated_at=edited_at(booked) + platform_later_by
    )
    return row_id


@on_both
def test_two_different_fields_edited_on_two_sides_both_survive(office: Office) -> None:
    """Goal: edits of different fields of one record merge without a conflict."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.platform.edit("invoice", row_id, memo="ours", customer_message="and this")
    office.books.update("Invoice", INVOICE, BillEmail={"Address": "new@elmwood.example"})
    office.sync()
    row, booked = office.platform.row("invoice", row_id), office.books.read("Invoice", INVOICE)
    assert (row["memo"], row["customer_message"]) == ("ours", "and this")
    assert row["email"] == "new@elmwood.example"
    assert (booked["PrivateNote"], booked["CustomerMemo"]["value"]) == ("ours", "and this")
    assert booked["BillEmail"]["Address"] == "new@elmwood.example"
    assert office.conflicts() == []
    assert office.platform.audit("conflict") == []
    office.settled()


@on_both
@pytest.mark.parametrize(
    ("seconds", "winner"), [(10, "platform"), (-10, "quickbooks"), (0, "quickbooks")]
)
def test_the_later_edit_wins_and_a_tie_goes_to_quickbooks(
    office: Office, seconds: int, winner: str
) -> None:
    """Goal: the default policy, with one audit entry that holds base and both versions."""
    row_id = edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=seconds))
    cycle = office.sync()
    won = "ours" if winner == "platform" else "theirs"
    assert office.platform.row("invoice", row_id)["memo"] == won
    assert office.books.read("Invoice", INVOICE)["PrivateNote"] == won
    loser = "quickbooks" if winner == "platform" else "platform"
    assert cycle["data_types"]["invoices"][f"to_{loser}"]["conflicts"] == 1

    (conflict,) = office.conflicts()
    assert (conflict["record_type"], conflict["field"]) == ("invoice", "memo")
    assert (conflict["base"], conflict["quickbooks"], conflict["platform"]) == (
        None,
        "theirs",
        "ours",
    )
    assert (conflict["winner"], conflict["rule"], conflict["state"]) == (
        winner,
        "latest",
        "decided",
    )
    (entry,) = office.platform.audit("conflict")
    assert (entry["base"], entry["quickbooks"], entry["platform"]) == (None, "theirs", "ours")
    assert (entry["winner"], entry["rule"], entry["field"]) == (winner, "latest", "memo")
    office.settled()
    assert len(office.platform.audit("conflict")) == 1
    assert len(office.conflicts()) == 1


def test_edits_within_the_same_second_are_a_tie(office: Office) -> None:
    """Goal: QuickBooks tells whole seconds only, so a platform edit within that second is not
    known to be the later one: the tie goes to QuickBooks."""
    row_id = edit_both(office, "theirs", "ours", platform_later_by=timedelta(milliseconds=400))
    office.sync()
    assert office.platform.row("invoice", row_id)["memo"] == "theirs"
    assert office.conflicts()[0]["winner"] == "quickbooks"
    office.settled()


@pytest.mark.parametrize(
    ("policy", "winner"),
    [
        ({"invoices": "quickbooks"}, "quickbooks"),
        ({"invoice": "platform"}, "platform"),
        ({"invoice": "quickbooks", "invoice.memo": "platform"}, "platform"),
    ],
)
def test_a_chosen_policy_decides(office: Office, policy: dict[str, str], winner: str) -> None:
    """Goal: the rule that the company chose wins over the time, the most particular one first."""
    office.platform.choose(policy=policy, policy_version=7)
    seconds = -10 if winner == "platform" else 10
    row_id = edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=seconds))
    office.sync()
    won = "ours" if winner == "platform" else "theirs"
    assert office.platform.row("invoice", row_id)["memo"] == won
    assert office.books.read("Invoice", INVOICE)["PrivateNote"] == won
    (conflict,) = office.conflicts()
    assert (conflict["winner"], conflict["rule"]) == (winner, winner)
    office.settled()


def test_a_conflict_left_to_a_person_writes_nothing(office: Office) -> None:
    """Goal: under the rule review both sides keep their own version, with one conflict, one alert
    and one audit entry, until a person makes them equal."""
    office.platform.choose(policy={"invoice": "review"})
    row_id = edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=10))
    mark = office.books.mark()
    for _ in range(2):
        office.sync(code=3)
    assert office.books.written(mark) == []
    assert office.platform.row("invoice", row_id)["memo"] == "ours"
    assert office.books.read("Invoice", INVOICE)["PrivateNote"] == "theirs"
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("needs_review", "memo")
    (conflict,) = office.conflicts()
    assert (conflict["state"], conflict["winner"]) == ("review", "person")
    assert len(office.platform.audit("conflict")) == 1

    office.books.update("Invoice", INVOICE, PrivateNote="ours")
    office.sync()
    office.parked(0)
    assert office.platform.row("invoice", row_id)["memo"] == "ours"
    office.settled()


def test_the_same_edit_on_both_sides_is_no_conflict(office: Office) -> None:
    """Goal: both sides changed alike: agree silently, write nothing."""
    row_id = edit_both(office, "same", "same", platform_later_by=timedelta(seconds=10))
    mark = office.books.mark()
    office.sync()
    assert office.books.written(mark) == []
    assert office.conflicts() == []
    assert office.platform.row("invoice", row_id)["memo"] == "same"
    office.settled()


def test_a_total_written_on_the_platform_never_goes_to_quickbooks(office: Office) -> None:
    """Goal: what QuickBooks computes is QuickBooks's; the platform's edit of it is named as the
    loser and undone."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    before = office.platform.row("invoice", row_id)["balance"]
    office.platform.edit("invoice", row_id, balance=Decimal(1), status="paid")
    mark = office.books.mark()
    office.sync()
    assert office.books.written(mark) == []
    row = office.platform.row("invoice", row_id)
    assert (row["balance"], row["status"]) == (before, "open")
    owned = {each["field"]: (each["winner"], each["rule"]) for each in office.conflicts()}
    assert owned == {"balance": ("quickbooks", "owner"), "status": ("quickbooks", "owner")}
    office.settled()


def test_fields_of_one_address_merge_field_by_field(office: Office) -> None:
    """Goal: the street edited on one side and the town on the other both survive."""
    customer = office.platform.id_of("Customer", CUSTOMER)
    office.platform.edit("customer", customer, billing_line1="2 Brew Lane")
    address = office.books.read("Customer", CUSTOMER)["BillAddr"]
    office.books.update("Customer", CUSTOMER, BillAddr={**address, "City": "Newtown"})
    office.sync()
    booked = office.books.read("Customer", CUSTOMER)["BillAddr"]
    row = office.platform.row("customer", customer)
    assert (booked["Line1"], booked["City"]) == ("2 Brew Lane", "Newtown")
    assert (row["billing_line1"], row["billing_city"]) == ("2 Brew Lane", "Newtown")
    office.settled()


def test_a_cleared_field_is_cleared_on_the_other_side(office: Office) -> None:
    """Goal: taking a value away is an edit like any other, both ways."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.platform.edit("invoice", row_id, memo="soon gone", customer_message="soon gone")
    office.sync()
    office.platform.edit("invoice", row_id, memo=None)
    office.books.update("Invoice", INVOICE, CustomerMemo={"value": ""})
    office.sync()
    booked = office.books.read("Invoice", INVOICE)
    assert not booked.get("PrivateNote")
    assert office.platform.row("invoice", row_id)["customer_message"] is None
    office.settled()


@pytest.mark.parametrize("kind", ["answer_lost", "late_landing"])
def test_the_loser_is_named_although_the_answer_was_lost(office: Office, kind: str) -> None:
    """Goal: the platform's edit wins and its write takes effect, but nobody hears of it: what it
    overwrote in QuickBooks is named as the loser all the same, once."""
    edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=10))
    office.emulator.faults({"kind": kind, "seconds": FLIGHT_SECONDS / 2, "verb": "update"})
    office.sync()
    office.wait_for_flights()
    office.settled()
    assert office.books.read("Invoice", INVOICE)["PrivateNote"] == "ours"
    (conflict,) = office.conflicts()
    assert (conflict["quickbooks"], conflict["winner"]) == ("theirs", "platform")
    assert len(office.platform.audit("conflict")) == 1
