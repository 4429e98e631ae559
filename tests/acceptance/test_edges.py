"""Situations at the edge: long pauses, full answers, other companies, odd but legal values."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.quickbooks import changes, queries
from tests.fixtures.company import Office, invoice, moved, note_of, payment, purchase, reference

DAY = date(2026, 11, 2)


@pytest.fixture
def narrow_office(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office whose QuickBooks tells five changes at most, and seven rows a page."""
    options = office.emulator.emulator.options
    monkeypatch.setattr(options, "cdc_cap", 5)
    monkeypatch.setattr(changes, "ROWS_MAX", 5)
    monkeypatch.setattr(options, "page_cap", 7)
    monkeypatch.setattr(queries, "ROWS_PER_PAGE", 7)
    return office


def sold(office: Office, amount: str, **more: object) -> dict[str, object]:
    """A line of an invoice on the platform."""
    item = office.platform.id_of("Item", "2")
    return {"kind": "item", "item_id": item, "amount": Decimal(amount), **more}


def test_a_company_that_was_not_synced_for_long(office: Office) -> None:
    """Goal: after 40 days change tracking does not reach back: everything is read, deletes are
    found, and nothing is made twice."""
    gone = office.books.create("Invoice", invoice("5", 40))
    kept = office.books.create("Invoice", invoice("5", 41))
    office.sync()
    office.books.delete("Invoice", gone["Id"])
    office.books.update("Invoice", kept["Id"], PrivateNote="during the pause")
    office.books.update("Customer", "8", Active=False)
    office.platform.edit("invoice", office.platform.id_of("Invoice", "7"), memo="ours")
    long_ago = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    office.platform.sql("UPDATE cursors SET position = :at WHERE side = 'quickbooks'", at=long_ago)
    cycle = office.sync()
    assert cycle["read"]["account"]["quickbooks"] == len(office.books.find("Account"))
    assert office.platform.of("Invoice", gone["Id"])["deleted_at"] is not None
    assert office.platform.of("Invoice", kept["Id"])["memo"] == "during the pause"
    assert office.platform.of("Customer", "8")["active"] is False
    assert office.books.read("Invoice", "7")["PrivateNote"] == "ours"
    office.settled()


def test_a_full_answer_of_change_tracking(narrow_office: Office) -> None:
    """Goal: when QuickBooks's answer about changes is full, nothing beyond it is missed."""
    office = narrow_office
    office.books.delete("Purchase", "9")
    created = [office.books.create("Invoice", invoice("5", 50 + n))["Id"] for n in range(7)]
    office.sync()
    for each in created:
        assert office.platform.of("Invoice", each)["deleted_at"] is None
    assert office.platform.of("Purchase", "9")["deleted_at"] is not None
    assert len(office.platform.rows("account")) == 39
    assert moved(office.sync()) == 0


def test_several_cycles_in_one_call(office: Office) -> None:
    """Goal: --cycles repeats; the last of three cycles moves nothing."""
    office.books.create("Invoice", invoice("5", 40))
    cycles = office.run("sync", "--json", "--cycles", "3").json["cycles"]
    assert len(cycles) == 3
    assert moved(cycles[0]) > 0
    assert moved(cycles[2]) == 0


def test_records_of_another_company_stay_out(office: Office) -> None:
    """Goal: the platform holds several companies; only the connected one's rows are synced."""
    office.platform.sql("INSERT INTO companies (name, currency) VALUES ('Other', 'USD')")
    office.platform.sql(
        "INSERT INTO customers (company_id, name) SELECT max(id), 'Foreign' FROM companies"
    )
    office.sync()
    assert office.books.written() == []
    assert office.books.find("Customer", "DisplayName = 'Foreign'") == []


def test_the_applications_of_a_payment_are_edited(office: Office) -> None:
    """Goal: an application changed, moved and taken away on the platform moves the invoices'
    balances in QuickBooks."""
    first = office.books.create("Invoice", invoice("5", 100))
    second = office.books.create("Invoice", invoice("5", 100))
    paid = office.books.create("Payment", payment("5", 80, first["Id"]))
    office.sync()
    row = office.platform.of("Payment", paid["Id"])
    scale = 10**5

    def balances() -> tuple[Decimal, Decimal]:
        found = [office.books.read("Invoice", each["Id"])["Balance"] for each in (first, second)]
        return found[0], found[1]

    total = first["TotalAmt"]
    assert balances() == (total - 80, total)
    office.platform.sql(
        "UPDATE payment_applications SET amount = :amount WHERE payment_id = :id",
        amount=30 * scale,
        id=row["id"],
    )
    office.sync()
    assert balances() == (total - 30, total)
    office.platform.sql(
        "UPDATE payment_applications SET invoice_id = :to WHERE payment_id = :id",
        to=office.platform.id_of("Invoice", second["Id"]),
        id=row["id"],
    )
    office.sync()
    assert balances() == (total, total - 30)
    office.platform.sql("DELETE FROM payment_applications WHERE payment_id = :id", id=row["id"])
    office.sync()
    assert balances() == (total, total)
    office.settled()
    seen = office.platform.of("Payment", paid["Id"])
    assert (seen["amount"], seen["unapplied_amount"], seen["lines"]) == (80, 80, [])


def test_what_cannot_be_changed_is_put_back(office: Office) -> None:
    """Goal: how an expense was paid cannot change in QuickBooks: the platform's edit is named as
    the loser and undone."""
    bought = office.books.create("Purchase", purchase("20", "Check", "1"))
    office.sync()
    row = office.platform.of("Purchase", bought["Id"])
    office.platform.edit("expense", row["id"], payment_method="cash")
    mark = office.books.mark()
    office.sync()
    assert office.books.written(mark) == []
    assert office.platform.row("expense", row["id"])["payment_method"] == "check"
    (conflict,) = office.conflicts()
    assert (conflict["field"], conflict["winner"]) == ("payment_method", "quickbooks")
    office.settled()


def test_a_total_that_quickbooks_computes_otherwise(office: Office) -> None:
    """Goal: QuickBooks's own tax makes another total than the platform said: QuickBooks's stands on
    both sides, and the platform's is named in a conflict, never silently changed."""
    row = office.platform.add(
        "invoice",
        customer_id=office.platform.id_of("Customer", "5"),
        issued_on=DAY,
        tax_code="Maine",
        total=Decimal(200),
        lines=[sold(office, "200", tax_code="TAX")],
    )
    office.sync()
    booked = office.books.read("Invoice", str(office.platform.quickbooks_id("invoice", row)))
    seen = office.platform.row("invoice", row)
    assert booked["TotalAmt"] == seen["total"] == seen["balance"] == Decimal(211)
    (conflict,) = office.conflicts()
    assert (conflict["field"], conflict["quickbooks"], conflict["platform"]) == (
        "total",
        "211",
        "200",
    )
    office.settled()


def test_an_invoice_is_moved_to_another_customer(office: Office) -> None:
    """Goal: a reference edited on either side follows to the other."""
    booked = office.books.create("Invoice", invoice("5", 40))
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    office.platform.edit("invoice", row["id"], customer_id=office.platform.id_of("Customer", "4"))
    office.sync()
    assert office.books.read("Invoice", booked["Id"])["CustomerRef"]["value"] == "4"
    office.books.update("Invoice", booked["Id"], CustomerRef=reference("3"))
    office.sync()
    seen = office.platform.row("invoice", row["id"])
    assert seen["customer_id"] == office.platform.id_of("Customer", "3")
    office.settled()


def test_a_customer_is_renamed(office: Office) -> None:
    """Goal: a name changed on either side is the same record, not a new one."""
    row = office.platform.of("Customer", "8")
    count = len(office.platform.rows("customer"))
    office.platform.edit("customer", row["id"], name="Ana Ferreira-Lopes")
    office.sync()
    assert office.books.read("Customer", "8")["DisplayName"] == "Ana Ferreira-Lopes"
    office.books.update("Customer", "8", DisplayName="A. Ferreira")
    office.sync()
    assert office.platform.row("customer", row["id"])["name"] == "A. Ferreira"
    assert len(office.platform.rows("customer")) == count
    office.settled()


def test_odd_but_legal_values(office: Office) -> None:
    """Goal: quotes, emoji, long texts, line breaks, tiny prices and large amounts arrive as they
    are, and an update leaves them alone."""
    memo = "“Zoë” \\ 'quoted' & <b>%_</b>\n第二行 🧾 " + "m" * 3900
    row = office.platform.add(
        "invoice",
        customer_id=office.platform.id_of("Customer", "5"),
        issued_on=date(2024, 2, 29),
        number="O'B/7 #é",
        memo=memo,
        lines=[
            sold(office, "9999999999.99"),
            sold(office, "0.07", quantity=Decimal(7000), unit_price=Decimal("0.00001")),
            sold(office, "-0.06", description="rounding"),
        ],
    )
    office.sync()
    booked = office.books.read("Invoice", str(office.platform.quickbooks_id("invoice", row)))
    assert note_of(booked) == memo
    assert booked["DocNumber"] == "O'B/7 #é"
    assert booked["TxnDate"] == "2024-02-29"
    assert [line["Amount"] for line in booked["Line"][:3]] == [
        Decimal("9999999999.99"),
        Decimal("0.07"),
        Decimal("-0.06"),
    ]
    assert booked["TotalAmt"] == office.platform.row("invoice", row)["total"] == 10**10
    lines = booked["Line"]
    office.platform.edit("invoice", row, customer_message="once more")
    office.sync()
    assert office.books.read("Invoice", booked["Id"])["Line"] == lines
    office.settled()


def test_two_names_that_differ_in_case_only(office: Office) -> None:
    """Goal: QuickBooks compares names without case: the second is parked, the first goes."""
    first = office.platform.add("customer", name="Café Nord")
    second = office.platform.add("customer", name="CAFÉ NORD")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["record_type"] == "customer"
    assert office.platform.quickbooks_id("customer", first) is not None
    assert office.platform.quickbooks_id("customer", second) is None
    office.platform.edit("customer", second, name="Café Süd")
    office.sync()
    office.parked(0)
    office.settled()


def test_a_customer_that_quickbooks_has_inactive(office: Office) -> None:
    """Goal: a customer made on the platform under the name of an inactive one in QuickBooks is
    the same customer or is parked; it is never silently doubled."""
    office.books.update("Customer", "8", Active=False)
    office.sync()
    count = len(office.books.find("Customer"))
    office.platform.add("customer", name="Ana Ferreira")
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("duplicate_name", "name")
    assert len(office.books.find("Customer")) == count
