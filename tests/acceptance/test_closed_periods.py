"""Closed books: what counts on a closed day waits, nobody moves its date, and it goes on by itself.

October 2026 is closed in these tests; the demo company's invoice 1011 counts on 30 October, 1014 on
19 November.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.state.port import COMPANY_CURSOR
from models.tables import sync as tables
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, invoice, reference

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
CLOSE_DATE = "2026-10-31"
IN_OCTOBER, IN_NOVEMBER = date(2026, 10, 15), date(2026, 11, 16)


def close_books(office: Office, day: str) -> None:
    """The accountant closes the books up to a day, or opens them where it is empty."""
    with office.emulator.emulator.lock:
        preferences = office.emulator.company.single("Preferences")
        closed = {**preferences["AccountingInfoPrefs"], "BookCloseDate": day}
        if not day:
            del closed["BookCloseDate"]
        office.emulator.company.amend("Preferences", preferences["Id"], AccountingInfoPrefs=closed)


def next_day(office: Office) -> None:
    """Let the next cycle ask QuickBooks who it is, as it does once a day."""
    office.platform.sql("DELETE FROM cursors WHERE record_type = :check", check=COMPANY_CURSOR)


def known_closed(office: Office) -> None:
    """Close the books and let the sync hear of it."""
    close_books(office, CLOSE_DATE)
    next_day(office)
    office.sync()


def intents(office: Office) -> int:
    """Writes to QuickBooks that were ever planned to be sent."""
    with office.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.intents)).scalar_one()


def new_invoice(office: Office, **row: Any) -> int:
    """An invoice that somebody enters on the platform for October."""
    line = {
        "kind": "item",
        "item_id": office.platform.id_of("Item", "2"),
        "amount": Decimal(25),
    }
    values = {"customer_id": office.platform.id_of("Customer", "5"), "issued_on": IN_OCTOBER}
    return office.platform.add("invoice", lines=[line], **{**values, **row})


def held(office: Office) -> dict[str, Any]:
    """The one record that is parked for closed books; it says all that a person must know."""
    (parked,) = office.parked()
    assert parked["code"] == "closed_period"
    assert CLOSE_DATE in parked["message"]
    assert "Open the books" in parked["fix"]
    assert "later date" in parked["fix"]
    return parked


@on_both
def test_a_new_record_on_a_closed_day_is_not_even_sent(office: Office) -> None:
    """Goal: it waits with its date and the close date, unchanged; a later date lets it go."""
    known_closed(office)
    row_id = new_invoice(office)
    before = intents(office)
    office.sync(code=3)
    assert "2026-10-15" in held(office)["message"]
    assert intents(office) == before
    assert office.platform.row("invoice", row_id)["issued_on"] == IN_OCTOBER

    office.platform.edit("invoice", row_id, issued_on=IN_NOVEMBER)
    office.sync()
    office.parked(0)
    made = str(office.platform.quickbooks_id("invoice", row_id))
    assert office.books.read("Invoice", made)["TxnDate"] == "2026-11-16"
    office.settled()


def edit_memo(office: Office, row_id: int) -> None:
    office.platform.edit("invoice", row_id, memo="a late remark")


def move_out(office: Office, row_id: int) -> None:
    office.platform.edit("invoice", row_id, issued_on=IN_NOVEMBER, due_on=date(2026, 12, 1))


def void(office: Office, row_id: int) -> None:
    office.platform.edit("invoice", row_id, status="voided")


def delete(office: Office, row_id: int) -> None:
    office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))


@on_both
@pytest.mark.parametrize("change", [edit_memo, move_out, void, delete])
def test_every_kind_of_write_waits_and_goes_when_the_books_open(
    office: Office, change: Any
) -> None:
    """Goal: update, void and delete of a booked record wait, also one that would move it out of the
    period; once QuickBooks reports other closed days they go without anybody's retry."""
    booked = office.books.create("Invoice", invoice("5", 40, TxnDate="2026-10-20"))["Id"]
    known_closed(office)
    change(office, office.platform.id_of("Invoice", booked))
    before = office.books.read("Invoice", booked)
    mark = office.books.mark()
    office.sync(code=3)
    assert "2026-10-20" in held(office)["message"]
    office.sync(code=3)
    assert office.books.written(mark) == []
    assert office.books.read("Invoice", booked) == before

    close_books(office, "2026-09-30")
    office.sync(code=3)
    next_day(office)
    office.sync()
    office.parked(0)
    assert [entity for _, entity, _ in office.books.written(mark)] == ["Invoice"]
    office.settled()


@on_both
def test_a_record_may_not_move_into_a_closed_period(office: Office) -> None:
    """Goal: the day that it is to count on is looked at as well as the one it counts on."""
    known_closed(office)
    row_id = office.platform.id_of("Invoice", "35")
    office.platform.edit("invoice", row_id, issued_on=IN_OCTOBER)
    office.sync(code=3)
    held(office)
    assert office.books.read("Invoice", "35")["TxnDate"] == "2026-11-19"
    office.platform.edit("invoice", row_id, issued_on=date(2026, 11, 19))
    office.sync()
    office.parked(0)
    office.settled()


@on_both
def test_what_quickbooks_changes_on_a_closed_day_still_comes(office: Office) -> None:
    """Goal: the accountant, who has the password, changes and adds records of the closed period;
    nothing of that is held, and a record that waits meanwhile is brought up to date as well."""
    known_closed(office)
    row_id = office.platform.id_of("Invoice", "22")
    office.platform.edit("invoice", row_id, memo="a late remark")
    office.sync(code=3)
    held(office)
    close_books(office, "")
    office.books.update("Invoice", "28", PrivateNote="checked")
    office.books.update("Invoice", "22", CustomerMemo={"value": "Thank you"})
    late = office.books.create("Invoice", invoice("5", 12, TxnDate="2026-10-20"))
    close_books(office, CLOSE_DATE)
    mark = office.books.mark()
    office.sync(code=3)
    held(office)
    assert office.platform.of("Invoice", "28")["memo"] == "checked"
    assert office.platform.of("Invoice", late["Id"])["total"] == 12
    row = office.platform.row("invoice", row_id)
    assert (row["memo"], row["customer_message"]) == ("a late remark", "Thank you")
    assert office.books.written(mark) == []

    close_books(office, "")
    next_day(office)
    office.sync()
    assert office.books.read("Invoice", "22")["PrivateNote"] == "a late remark"
    assert office.books.read("Invoice", "22")["CustomerMemo"] == {"value": "Thank you"}
    office.parked(0)
    assert office.conflicts() == []
    office.settled()


@on_both
def test_books_that_closed_since_are_heard_of_by_the_fault(office: Office) -> None:
    """Goal: where QuickBooks refuses what we thought open (6210), the record is parked under the
    same code with the close date, which is asked for again once for all of them."""
    rows = [new_invoice(office, number=f"C-{number}") for number in range(3)]
    close_books(office, CLOSE_DATE)
    cycle = office.sync(code=3)
    assert {each["code"] for each in cycle["parked"]} == {"closed_period"}
    for parked in office.parked(3):
        assert CLOSE_DATE in parked["message"]
    mark = office.books.mark()
    close_books(office, "")
    next_day(office)
    office.sync()
    office.parked(0)
    assert len(office.books.written(mark)) == len(rows)
    office.settled()


@on_both
def test_books_that_opened_since_are_heard_of_before_anything_is_parked(office: Office) -> None:
    """Goal: before a record is set aside, QuickBooks is asked again; where it has opened its books,
    the record goes at once, and those that waited go in the next cycle."""
    known_closed(office)
    first = new_invoice(office, number="O-1")
    office.sync(code=3)
    held(office)
    close_books(office, "")
    second = new_invoice(office, number="O-2")
    office.sync(code=3)
    assert office.platform.quickbooks_id("invoice", second)
    office.sync()
    assert office.platform.quickbooks_id("invoice", first)
    office.parked(0)
    office.settled()


def test_quickbooks_is_asked_at_most_once_per_cycle(office: Office) -> None:
    """Goal: ten records that are set aside cost one question, and none when they only wait."""
    known_closed(office)
    for number in range(10):
        new_invoice(office, number=f"Q-{number}")
    cycle = office.sync(code=3)
    waiting = office.sync(code=3)
    asked = cycle["requests"] - waiting["requests"]
    assert asked == 2  # CompanyInfo and Preferences
    office.parked(10)


@on_both
def test_what_never_goes_to_quickbooks_is_no_write(office: Office) -> None:
    """Goal: a figure that QuickBooks computes is put right, and a record that is none of its
    business (a rejected expense) stays as it is: neither is held."""
    known_closed(office)
    row_id = office.platform.id_of("Invoice", "28")
    office.platform.edit("invoice", row_id, balance=Decimal(1))
    office.platform.add(
        "expense",
        payment_method="cash",
        payment_account_id=office.platform.id_of("Account", "3"),
        spent_on=IN_OCTOBER,
        status="rejected",
    )
    mark = office.books.mark()
    office.sync()
    office.parked(0)
    assert office.books.written(mark) == []
    assert office.platform.row("invoice", row_id)["balance"] == 1080


@on_both
def test_lists_have_no_period(office: Office) -> None:
    """Goal: a customer is entered and renamed whatever is closed."""
    known_closed(office)
    office.platform.add("customer", name="Newcomer")
    office.platform.edit("customer", office.platform.id_of("Customer", "5"), phone="207 555 0101")
    office.sync()
    office.parked(0)
    assert office.books.one("Customer", "DisplayName = 'Newcomer'")
    office.settled()


def test_a_payment_of_a_closed_invoice_goes_on_its_own_day(office: Office) -> None:
    """Goal: only the record's own day counts: an open invoice of October is paid in November."""
    known_closed(office)
    row_id = office.platform.id_of("Invoice", "28")
    office.platform.add(
        "payment",
        customer_id=office.platform.id_of("Customer", "3"),
        received_on=IN_NOVEMBER,
        amount=Decimal(1080),
        lines=[{"kind": "invoice", "invoice_id": row_id, "amount": Decimal(1080)}],
    )
    office.sync()
    office.parked(0)
    office.settled()
    assert office.platform.row("invoice", row_id)["status"] == "paid"


def test_another_company_behind_the_token_stops_the_cycle(office: Office) -> None:
    """Goal: the question about the close date never takes another company's answer."""
    known_closed(office)
    new_invoice(office)
    with office.emulator.emulator.lock:
        preferences = office.emulator.company.single("Preferences")
        other = {**preferences["CurrencyPrefs"], "HomeCurrency": reference("EUR")}
        office.emulator.company.amend("Preferences", preferences["Id"], CurrencyPrefs=other)
    outcome = office.run("sync", "--json", code=4)
    assert "home_currency" in outcome.stdout + outcome.stderr
