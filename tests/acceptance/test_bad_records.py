"""Records that cannot go on: parked with the field and the way out, while all others go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models.marker import NOTE_LENGTH_MAX
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, RefusedError, invoice
from tests.fixtures.databases import ON_POSTGRESQL

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
on_postgresql = pytest.mark.parametrize(
    "database_kind", [pytest.param("postgresql", marks=ON_POSTGRESQL)]
)
DAY = date(2026, 11, 2)


def bill(office: Office, amount: str = "25", **row: Any) -> int:
    """A new invoice on the platform with one line; its id."""
    line = {
        "kind": "item",
        "item_id": office.platform.id_of("Item", "2"),
        "amount": Decimal(amount),
        **row.pop("line", {}),
    }
    values = {"customer_id": office.platform.id_of("Customer", "5"), "issued_on": DAY, **row}
    return office.platform.add("invoice", lines=[line], **values)


@on_both
def test_one_bad_record_among_thirty(office: Office) -> None:
    """Goal: one record that QuickBooks could not take leaves 29 applied and one alert; it is parked
    with its field and the way out; following it lets the record go on."""
    rows = [bill(office, str(20 + number), number=f"W-{number:02}") for number in range(29)]
    bad = bill(office, number="W-BAD", memo="x" * NOTE_LENGTH_MAX, customer_message="y" * 1000)
    office.platform.sql("UPDATE invoices SET due_on = '2026-10-01' WHERE id = :id", id=bad)
    cycle = office.sync(code=3)
    counts = cycle["data_types"]["invoices"]["to_quickbooks"]
    assert (counts["created"], counts["parked"]) == (29, 1)
    assert cycle["read"]["invoice"]["applied"] == 29
    (reason,) = cycle["parked"]
    assert (reason["record"], reason["field"]) == ("W-BAD", "due_on")
    (parked,) = office.parked()
    assert parked["field"] == "due_on"
    assert parked["fix"] == "Correct one of the two dates."
    (alert,) = office.status()["alerts"]
    assert "W-BAD" in alert["title"]
    assert len(office.platform.audit("parked")) == 1
    for row in rows:
        assert office.platform.row("invoice", row)["total"] is not None

    # Looking again does not repeat the alert or the audit entry, and writes nothing.
    mark = office.books.mark()
    office.sync(code=3)
    assert office.books.written(mark) == []
    assert len(office.platform.audit("parked")) == 1

    office.platform.edit("invoice", bad, due_on=date(2026, 12, 1))
    cycle = office.sync()
    assert cycle["data_types"]["invoices"]["to_quickbooks"]["created"] == 1
    office.parked(0)
    assert len(office.platform.audit("unparked")) == 1
    office.settled()


@dataclass(frozen=True)
class Bad:
    """A bad record: how it is made, what is said about it, and how a person mends it."""

    record_type: str
    make: Callable[[Office], int]
    field: str
    code: str
    mend: dict[str, Any] | str


def two_with_one_number(office: Office) -> int:
    bill(office, "30", number="D-1")
    return bill(office, "31", number="d-1")


def spent(office: Office, **row: Any) -> int:
    values = {
        "payment_method": "cash",
        "payment_account_id": office.platform.id_of("Account", "3"),
        "spent_on": DAY,
        "status": "approved",
        **row,
    }
    amount = row.pop("amount", Decimal(4))
    values.pop("amount", None)
    line = {
        "kind": "account",
        "account_id": office.platform.id_of("Account", "31"),
        "amount": amount,
    }
    return office.platform.add("expense", lines=[line], **values)


def paid(office: Office, **row: Any) -> int:
    applied = {
        "kind": "invoice",
        "invoice_id": office.platform.id_of("Invoice", "35"),
        "amount": row.pop("applied", Decimal(10)),
    }
    values = {
        "customer_id": office.platform.id_of("Customer", "5"),
        "received_on": DAY,
        "amount": Decimal(10),
        **row,
    }
    return office.platform.add("payment", lines=[applied], **values)


MEND_LINE = "UPDATE invoice_lines SET {} WHERE invoice_id = :id"

BAD = {
    "missing_customer": Bad(
        "invoice",
        lambda office: bill(office, customer_id=None),
        "customer",
        "missing",
        "UPDATE invoices SET customer_id = (SELECT min(id) FROM customers) WHERE id = :id",
    ),
    "unbalanced_total": Bad(
        "invoice",
        lambda office: bill(office, total=Decimal("25.01")),
        "total",
        "unbalanced",
        {"total": Decimal(25)},
    ),
    "negative_tax": Bad(
        "invoice",
        lambda office: bill(office, tax_total=Decimal(-1)),
        "tax_total",
        "negative_amount",
        {"tax_total": None},
    ),
    "negative_payment": Bad(
        "payment",
        lambda office: office.platform.add(
            "payment",
            customer_id=office.platform.id_of("Customer", "5"),
            received_on=DAY,
            amount=Decimal(-10),
        ),
        "amount",
        "negative_amount",
        {"amount": Decimal(10)},
    ),
    "negative_expense": Bad(
        "expense",
        lambda office: spent(office, total=Decimal(-4)),
        "total",
        "negative_amount",
        {"total": Decimal(4)},
    ),
    "payment_over_applied": Bad(
        "payment",
        lambda office: paid(office, applied=Decimal(11)),
        "lines",
        "over_applied",
        {"amount": Decimal(11)},
    ),
    "name_with_a_colon": Bad(
        "customer",
        lambda office: office.platform.add("customer", name="Acme: North"),
        "name",
        "name_character",
        {"name": "Acme North"},
    ),
    "account_with_a_quote": Bad(
        "account",
        lambda office: office.platform.add("account", name='"Odds"', type="Expense"),
        "name",
        "name_character",
        {"name": "Odds"},
    ),
    "number_used_twice": Bad(
        "invoice", two_with_one_number, "number", "duplicate_number", {"number": "D-2"}
    ),
    "number_of_an_old_invoice": Bad(
        "invoice",
        lambda office: bill(office, number="1004"),
        "number",
        "duplicate_number",
        {"number": "2004"},
    ),
    "unknown_line_kind": Bad(
        "invoice",
        lambda office: bill(office, line={"kind": "gift"}),
        "lines",
        "line_kind",
        MEND_LINE.format("kind = 'item'"),
    ),
    "unknown_term": Bad(
        "invoice",
        lambda office: bill(office, terms="Net 31"),
        "terms",
        "unknown_name",
        {"terms": "Net 30"},
    ),
    "no_date": Bad(
        "invoice",
        lambda office: bill(office, issued_on=None),
        "issued_on",
        "missing",
        {"issued_on": DAY},
    ),
    "line_without_amount": Bad(
        "invoice",
        lambda office: bill(office, line={"amount": None}),
        "lines[1].amount",
        "missing",
        MEND_LINE.format("amount = (SELECT max(amount) FROM invoice_lines)"),
    ),
    "line_amount_off": Bad(
        "invoice",
        lambda office: bill(
            office, "25.02", line={"quantity": Decimal(5), "unit_price": Decimal(5)}
        ),
        "lines",
        "line_amount",
        MEND_LINE.format("quantity = NULL"),
    ),
    "refund_off_card": Bad(
        "expense",
        lambda office: spent(office, is_refund=True),
        "is_refund",
        "refund_off_card",
        {"is_refund": False},
    ),
    "address_too_long": Bad(
        "invoice",
        lambda office: bill(office, email="z" * 90 + "@example.example"),
        "email",
        "too_long",
        {"email": "z@example.example"},
    ),
    "negative_lines": Bad(
        "expense",
        lambda office: spent(office, amount=Decimal(-4)),
        "TotalAmt",
        "fault_2290",
        "UPDATE expense_lines SET amount = -amount WHERE expense_id = :id",
    ),
    "unknown_way_to_pay": Bad(
        "expense",
        lambda office: spent(office, payment_method="shells"),
        "payment_method",
        "not_a_choice",
        {"payment_method": "cash"},
    ),
    "unknown_currency": Bad(
        "invoice",
        lambda office: bill(office, currency="usd"),
        "currency",
        "not_a_currency",
        {"currency": "USD"},
    ),
    "third_decimal": Bad(
        "invoice",
        lambda office: bill(office, "25.005"),
        "lines[1].amount",
        "too_many_decimals",
        MEND_LINE.format("amount = amount * 0 + (SELECT max(amount) FROM payment_applications)"),
    ),
    "empty_invoice": Bad(
        "invoice",
        lambda office: office.platform.add(
            "invoice", customer_id=office.platform.id_of("Customer", "5"), issued_on=DAY
        ),
        "lines",
        "missing",
        "INSERT INTO invoice_lines (invoice_id, position, kind, description) "
        "VALUES (:id, 1, 'description', 'Thank you')",
    ),
}


def test_bad_records_are_parked_and_mended(office: Office) -> None:
    """Goal: each bad record is parked with its field and the way out, a good one beside them goes
    on, nothing is written twice, and each goes by itself once it is mended."""
    rows = {name: bad.make(office) for name, bad in BAD.items()}
    good = bill(office, "99", number="GOOD")
    cycle = office.sync(code=3)
    found = {
        (each["record_type"], office.platform.links(each["record_type"])[each["link"]][1]): each
        for each in office.parked(len(BAD))
    }
    for name, bad in BAD.items():
        parked = found[bad.record_type, rows[name]]
        assert (parked["field"], parked["code"]) == (bad.field, bad.code), name
        assert parked["fix"], name
        assert office.platform.quickbooks_id(bad.record_type, rows[name]) is None, name
    ended = {name: read["parked"] for name, read in cycle["read"].items()}
    assert sum(ended.values()) == len(BAD) == len(cycle["parked"])
    assert office.platform.row("invoice", good)["total"] == 99
    written = office.books.written()
    office.sync(code=3)
    assert office.books.written() == written

    for name, bad in BAD.items():
        if isinstance(bad.mend, str):
            assert office.platform.sql(bad.mend, id=rows[name]) == 1, name
        else:
            office.platform.edit(bad.record_type, rows[name], **bad.mend)
    office.sync()
    office.parked(0)
    assert len(office.books.written()) == len(written) + len(BAD)
    for name, bad in BAD.items():
        assert office.platform.quickbooks_id(bad.record_type, rows[name]) is not None, name
    office.settled()


@pytest.mark.parametrize(
    ("column", "value", "mended"),
    [
        ("amount", "12.5", "1250000"),
        ("amount", "'12.50'", "1250000"),
        ("quantity", "1e300", "NULL"),
        ("amount", "x'00'", "1250000"),
    ],
)
def test_an_amount_that_is_not_exact(office: Office, column: str, value: str, mended: str) -> None:
    """Goal: another program stores a float (or text, or bytes) in an amount on SQLite: the record
    is parked, nothing is rounded, everything else goes on."""
    row_id = bill(office)
    good = bill(office, "99")
    statement = f"UPDATE invoice_lines SET {column} = {{}} WHERE invoice_id = :id"
    office.platform.sql(statement.format(value), id=row_id)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["field"] == f"lines[1].{column}"
    assert parked["code"] == "not_exact"
    assert office.platform.row("invoice", good)["total"] == 99
    office.platform.sql(statement.format(mended), id=row_id)
    office.sync()
    office.parked(0)
    office.settled()


@on_postgresql
@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_an_amount_that_is_not_a_number(office: Office, value: str) -> None:
    """Goal: NaN in a NUMERIC on PostgreSQL parks the record; nothing else is touched."""
    row_id = bill(office)
    good = bill(office, "99")
    statement = "UPDATE invoice_lines SET amount = {} WHERE invoice_id = :id"
    if value == "Infinity":
        office.platform.sql("ALTER TABLE invoice_lines ALTER COLUMN amount TYPE numeric")
    office.platform.sql(statement.format(f"'{value}'::numeric"), id=row_id)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["field"] == "lines[1].amount"
    assert value in parked["message"]
    assert office.platform.row("invoice", good)["total"] == 99
    office.platform.sql(statement.format("12.5"), id=row_id)
    office.sync()
    office.parked(0)
    office.settled()


@pytest.mark.parametrize("value", ["'soon'", "'2026-13-01'", "'2026-11-02 10:00:00'", "20261102"])
def test_a_date_that_cannot_be_read(office: Office, value: str) -> None:
    """Goal: a date that another program left unreadable (SQLite takes all) parks the record."""
    row_id = bill(office)
    good = bill(office, "99")
    office.platform.sql(f"UPDATE invoices SET issued_on = {value} WHERE id = :id", id=row_id)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["field"] == "issued_on"
    assert office.platform.row("invoice", good)["total"] == 99
    office.platform.edit("invoice", row_id, issued_on=DAY)
    office.sync()
    office.parked(0)
    office.settled()


@on_postgresql
def test_a_date_beyond_all_dates(office: Office) -> None:
    """Goal: 'infinity' in a date on PostgreSQL parks the record, not the cycle."""
    row_id = bill(office)
    office.platform.sql("UPDATE invoices SET issued_on = 'infinity' WHERE id = :id", id=row_id)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["field"] == "issued_on"


def test_text_that_is_no_text(office: Office) -> None:
    """Goal: bytes that are no UTF-8 in a memo on SQLite park the record, not the cycle."""
    row_id = bill(office)
    office.platform.sql(
        "UPDATE invoices SET memo = CAST(x'ff41' AS TEXT) WHERE id = :id", id=row_id
    )
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["field"] == "memo"
    office.platform.edit("invoice", row_id, memo="words")
    office.sync()
    office.parked(0)


def test_a_number_of_21_characters_goes_and_of_22_does_not(office: Office) -> None:
    """Goal: QuickBooks takes 21 characters; one more is parked, never cut."""
    fits = bill(office, number="N" * 21)
    long = bill(office, number="M" * 22)  # SQLite does not count
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["field"], parked["code"]) == ("number", "too_long")
    assert "21" in parked["fix"]
    assert office.books.one("Invoice", f"DocNumber = '{'N' * 21}'")
    assert office.books.find("Invoice", f"DocNumber = '{'M' * 21}'") == []
    office.platform.edit("invoice", long, number="M" * 21)
    office.sync()
    assert office.books.one("Invoice", f"DocNumber = '{'M' * 21}'")
    assert office.platform.row("invoice", fits)["number"] == "N" * 21
    office.settled()


def test_a_parent_that_cannot_go(office: Office) -> None:
    """Goal: an invoice of a customer that is parked waits for it by name, and both go when the
    customer is mended; the customer's other records do not hold up anybody."""
    customer = office.platform.add("customer", name="Acme: North")
    waiting = bill(office, customer_id=customer)
    good = bill(office, "99")
    office.sync(code=3)
    parked = {each["record_type"]: each for each in office.parked(2)}
    assert parked["customer"]["code"] == "name_character"
    assert parked["invoice"]["field"] == "customer"
    assert "Acme: North" in parked["invoice"]["message"]
    assert office.platform.row("invoice", good)["total"] == 99
    office.platform.edit("customer", customer, name="Acme North")
    office.sync()
    office.sync()
    office.parked(0)
    assert office.platform.quickbooks_id("invoice", waiting) is not None
    office.settled()


def test_a_parent_that_is_not_there(office: Office) -> None:
    """Goal: a line of an item that another program deleted parks the record with the item's id."""
    item = office.platform.add("item", name="Fleeting", kind="service")
    row_id = bill(office, line={"item_id": item})
    with office.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("DELETE FROM items WHERE name = 'Fleeting'")
        connection.commit()
        connection.connection.driver_connection.execute("PRAGMA foreign_keys = ON")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["field"] == "lines[1].item"
    assert str(item) in parked["message"]
    office.platform.sql(
        "UPDATE invoice_lines SET item_id = :item WHERE invoice_id = :id",
        item=office.platform.id_of("Item", "2"),
        id=row_id,
    )
    office.sync()
    office.parked(0)
    office.settled()


def test_a_name_that_quickbooks_has_given_to_a_vendor(office: Office) -> None:
    """Goal: names are unique among customers, vendors and employees: QuickBooks refuses (6240), the
    record is parked with the way out."""
    row_id = office.platform.add("customer", name="Wharf Properties")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "fault_6240"
    office.platform.edit("customer", row_id, name="Wharf Properties (customer)")
    office.sync()
    office.parked(0)
    office.settled()


def test_an_edit_that_makes_a_record_bad_changes_nothing(office: Office) -> None:
    """Goal: a record that stands on both sides is edited into nonsense: QuickBooks keeps the last
    good version, edits there wait too, and mending brings all of them together."""
    row_id = office.platform.id_of("Invoice", "7")
    office.platform.edit("invoice", row_id, number="L" * 30, memo="ours")
    office.books.update("Invoice", "7", CustomerMemo={"value": "theirs"})
    mark = office.books.mark()
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["field"], parked["code"]) == ("number", "too_long")
    assert office.books.written(mark) == []
    office.platform.edit("invoice", row_id, number="1004")
    office.sync()
    booked, row = office.books.read("Invoice", "7"), office.platform.row("invoice", row_id)
    assert (booked["PrivateNote"], row["customer_message"]) == ("ours", "theirs")
    office.parked(0)
    office.settled()


def test_a_quickbooks_record_that_the_platform_cannot_take(office: Office) -> None:
    """Goal: a record of QuickBooks that the platform's database refuses is parked with the reason,
    and goes on once QuickBooks's record fits; everything else arrives meanwhile."""
    office.platform.sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON invoices WHEN NEW.memo = 'bad' "
        "BEGIN SELECT RAISE(ABORT, 'house rule 7'); END"
    )
    bad = office.books.create("Invoice", invoice("5", 30, PrivateNote="bad"))
    good = office.books.create("Invoice", invoice("5", 31, PrivateNote="good"))
    office.sync(code=3)
    (parked,) = office.parked()
    assert "house rule 7" in parked["message"]
    assert office.platform.of("Invoice", good["Id"])["memo"] == "good"
    office.books.update("Invoice", bad["Id"], PrivateNote="better")
    office.sync()
    office.parked(0)
    assert office.platform.of("Invoice", bad["Id"])["memo"] == "better"
    office.settled()


def test_a_closed_period(office: Office) -> None:
    """Goal: QuickBooks refuses what lies in closed books (6210); the date is never moved."""
    with office.emulator.emulator.lock:
        preferences = office.emulator.company.single("Preferences")
        closed = {**preferences["AccountingInfoPrefs"], "BookCloseDate": "2026-10-31"}
        office.emulator.company.amend("Preferences", preferences["Id"], AccountingInfoPrefs=closed)
    row_id = bill(office, issued_on=date(2026, 10, 15))
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "closed_period"
    assert office.platform.row("invoice", row_id)["issued_on"] == date(2026, 10, 15)
    office.platform.edit("invoice", row_id, issued_on=DAY)
    office.sync()
    office.parked(0)
    office.settled()


def test_quickbooks_refuses_a_person_too(office: Office) -> None:
    """Goal: the helper of these tests says so when QuickBooks refuses what a person enters."""
    with pytest.raises(RefusedError, match="6240"):
        office.books.create("Customer", {"DisplayName": "Wharf Properties"})


@pytest.mark.parametrize("what", ["a new one", "an edited one"])
def test_what_refers_to_something_inactive_says_so(office: Office, what: str) -> None:
    """Goal: QuickBooks refuses a record whose item sleeps; it is parked with that reason, is no
    conflict that nobody caused, and goes on once the item is back. The line's former item is none
    that the cycle reads, which is no hindrance."""
    item = "2" if what == "a new one" else "4"
    row = bill(office, "25", number="W-1")
    if what == "an edited one":
        office.sync()
        office.platform.sql(
            "UPDATE invoice_lines SET item_id = :item WHERE invoice_id = :row",
            item=office.platform.id_of("Item", item),
            row=row,
        )
    office.books.update("Item", item, Active=False)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "inactive", parked["message"]
    assert "ItemRef" in parked["message"]
    assert office.conflicts() == []
    office.books.update("Item", item, Active=True)
    office.platform.edit("invoice", row, memo="once more")
    office.sync()
    office.parked(0)
    office.settled()
