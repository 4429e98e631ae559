"""Foreign currencies: rates come from QuickBooks or from the platform, never from nowhere.

A company of the US that keeps its books in dollars, with customers and vendors abroad.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.state.port import COMPANY_CURSOR
from models.record_type import catalog
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, invoice, payment, purchase, reference, sales_line

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
DAY = date(2026, 11, 9)
RATES = {"EUR": "1.0845", "JPY": "0.0067", "KWD": "3.2551"}


@pytest.fixture
def abroad(office: Office) -> Office:
    """The company keeps records in euros, yen and dinars, with rates for November."""
    with office.emulator.emulator.lock:
        preferences = office.emulator.company.single("Preferences")
        switched = {**preferences["CurrencyPrefs"], "MultiCurrencyEnabled": True}
        office.emulator.company.amend("Preferences", preferences["Id"], CurrencyPrefs=switched)
    for code, value in RATES.items():
        office.emulator.save("CompanyCurrency", {"Code": code}, who="accountant")
        rate = {"SourceCurrencyCode": code, "AsOfDate": "2026-11-01", "Rate": Decimal(value)}
        office.emulator.save("ExchangeRate", rate, who="accountant")
    office.platform.sql("DELETE FROM cursors WHERE record_type = :check", check=COMPANY_CURSOR)
    office.sync()
    return office


def party(office: Office, record_type: str, currency: str) -> int:
    """A customer or vendor abroad, who stands on both sides."""
    row_id = office.platform.add(record_type, name=f"{currency} {record_type}", currency=currency)
    office.sync()
    return row_id


def bank(office: Office, currency: str) -> int:
    """A bank account in a currency, on the platform."""
    office.books.create(
        "Account",
        {"Name": f"Bank {currency}", "AccountType": "Bank", "CurrencyRef": reference(currency)},
    )
    office.sync()
    (row,) = office.platform.rows("account", name=f"Bank {currency}")
    return int(row["id"])


def sale(office: Office, customer: int, amount: str, **row: Any) -> int:
    """An invoice that somebody enters on the platform."""
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": amount}
    return office.platform.add(
        "invoice", lines=[{**line, "amount": Decimal(amount)}], customer_id=customer, issued_on=DAY,
        **row,
    )  # fmt: skip


def bought(office: Office, amount: str, currency: str) -> int:
    """A bill that somebody enters on the platform."""
    vendor = party(office, "vendor", currency)
    return office.platform.add(
        "bill", lines=[cost(office, amount)], vendor_id=vendor, issued_on=DAY, currency=currency
    )


def spent(office: Office, amount: str, currency: str) -> int:
    """An approved expense of somebody, paid from an account in the currency."""
    return office.platform.add(
        "expense",
        lines=[cost(office, amount)],
        payment_account_id=bank(office, currency),
        payment_method="cash",
        spent_on=DAY,
        currency=currency,
        status="approved",
    )


def cost(office: Office, amount: str) -> dict[str, Any]:
    """A line of what the company buys."""
    account = office.platform.id_of("Account", "31")
    return {"kind": "account", "account_id": account, "amount": Decimal(amount)}


def sent_rates(office: Office, entity: str) -> list[Any]:
    """The rates in the bodies that the sync sent for an entity, None where there was none."""
    with office.emulator.emulator.lock:
        journal = list(office.emulator.company.journal)
    written = [line for line in journal if line.client and line.entity == entity]
    return [line.body.get("ExchangeRate") for line in written]


@on_both
def test_an_invoice_in_euros_takes_the_rate_of_quickbooks(abroad: Office) -> None:
    """Goal: no rate is sent where the platform gives none; QuickBooks's rate and the total at home
    come to the platform, and follow an edit."""
    office = abroad
    customer = party(office, "customer", "EUR")
    row_id = sale(office, customer, "100", currency="EUR")
    office.sync()
    booked = office.books.read("Invoice", str(office.platform.quickbooks_id("invoice", row_id)))
    assert (booked["CurrencyRef"]["value"], booked["ExchangeRate"]) == ("EUR", Decimal("1.0845"))
    assert sent_rates(office, "Invoice") == [None]
    row = office.platform.row("invoice", row_id)
    assert (row["currency"], row["exchange_rate"]) == ("EUR", Decimal("1.0845"))
    assert (row["total"], row["home_total"]) == (100, Decimal("108.45"))
    office.platform.edit_lines("invoice", row_id, amount=Decimal(200))
    office.sync()
    assert office.platform.row("invoice", row_id)["home_total"] == Decimal("216.90")
    office.parked(0)
    office.settled()


@on_both
def test_a_rate_that_the_platform_gives_is_sent_and_kept(abroad: Office) -> None:
    """Goal: an agreed rate stands on both sides, on creation and when it is changed later."""
    office = abroad
    customer = party(office, "customer", "EUR")
    row_id = sale(office, customer, "100", currency="EUR", exchange_rate=Decimal("1.2"))
    office.sync()
    booked = str(office.platform.quickbooks_id("invoice", row_id))
    assert office.books.read("Invoice", booked)["ExchangeRate"] == Decimal("1.2")
    assert office.platform.row("invoice", row_id)["home_total"] == 120
    office.platform.edit("invoice", row_id, exchange_rate=Decimal("1.3"))
    office.sync()
    assert office.books.read("Invoice", booked)["HomeTotalAmt"] == 130
    office.books.update("Invoice", booked, ExchangeRate=Decimal("1.25"))
    office.sync()
    row = office.platform.row("invoice", row_id)
    assert (row["exchange_rate"], row["home_total"]) == (Decimal("1.25"), 125)
    office.settled()


@on_both
def test_a_bill_and_an_expense_in_euros(abroad: Office) -> None:
    """Goal: what is bought abroad goes there in its currency, at the rate of the day."""
    office = abroad
    bill, expense = bought(office, "50", "EUR"), spent(office, "20", "EUR")
    office.sync()
    for name, row_id, home in (("bill", bill, "54.23"), ("expense", expense, "21.69")):
        row = office.platform.row(name, row_id)
        assert (row["exchange_rate"], row["home_total"]) == (Decimal("1.0845"), Decimal(home))
    office.parked(0)
    office.settled()


@on_both
def test_a_payment_at_another_rate(abroad: Office) -> None:
    """Goal: the invoice keeps its rate and is paid in its own currency; the payment has its own."""
    office = abroad
    customer = party(office, "customer", "EUR")
    row_id = sale(office, customer, "100", currency="EUR")
    office.sync()
    applied = {"kind": "invoice", "invoice_id": row_id, "amount": Decimal(60)}
    paid = office.platform.add(
        "payment",
        lines=[applied],
        customer_id=customer,
        received_on=date(2026, 11, 20),
        amount=Decimal(60),
        currency="EUR",
        exchange_rate=Decimal("1.11"),
    )
    office.sync()
    booked = office.books.read("Payment", str(office.platform.quickbooks_id("payment", paid)))
    assert (booked["CurrencyRef"]["value"], booked["ExchangeRate"]) == ("EUR", Decimal("1.11"))
    office.sync()
    row = office.platform.row("invoice", row_id)
    assert (row["exchange_rate"], row["balance"]) == (Decimal("1.0845"), 40)

    there = office.platform.quickbooks_id("invoice", row_id)
    who = str(office.platform.quickbooks_id("customer", customer))
    rest = office.books.create(
        "Payment",
        payment(who, 40, str(there), CurrencyRef=reference("EUR"), ExchangeRate=Decimal("1.05")),
    )
    office.sync()
    seen = office.platform.of("Payment", rest["Id"])
    assert (seen["currency"], seen["exchange_rate"]) == ("EUR", Decimal("1.05"))
    office.settled()
    assert office.platform.row("invoice", row_id)["status"] == "paid"


@on_both
@pytest.mark.parametrize(
    ("currency", "amount", "home"),
    [
        # no decimals
        ("JPY", "12500", "83.75"),
        # three decimals, of which QuickBooks keeps two
        ("KWD", "12.340", "40.17"),
    ],
)
def test_currencies_with_other_decimals_go_both_ways(
    abroad: Office, currency: str, amount: str, home: str
) -> None:
    """Goal: yen and dinars arrive to the unit in both directions; their total at home has the
    decimals of home."""
    office = abroad
    customer = party(office, "customer", currency)
    who = str(office.platform.quickbooks_id("customer", customer))
    ours = sale(office, customer, amount, currency=currency)
    theirs = office.books.create(
        "Invoice",
        {**invoice(who, 1, CurrencyRef=reference(currency)), "Line": [sales_line(amount)]},
    )
    office.sync()
    booked = office.books.read("Invoice", str(office.platform.quickbooks_id("invoice", ours)))
    assert booked["TotalAmt"] == Decimal(amount)
    row = office.platform.row("invoice", ours)
    assert (row["total"], row["home_total"]) == (Decimal(amount), Decimal(home))
    assert office.platform.of("Invoice", theirs["Id"])["total"] == Decimal(amount)
    office.parked(0)
    office.settled()


@on_both
@pytest.mark.parametrize(
    ("currency", "amount", "decimals", "mended"),
    [("JPY", "12.5", 0, "13"), ("EUR", "9.999", 2, "10")],
)
def test_too_many_decimals_are_parked_with_the_fix(
    abroad: Office, currency: str, amount: str, decimals: int, mended: str
) -> None:
    """Goal: nothing is rounded for anybody; rounding it on the platform lets it go."""
    office = abroad
    customer = party(office, "customer", currency)
    row_id = sale(office, customer, amount, currency=currency)
    mark = office.books.mark()
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "too_many_decimals"
    assert amount in parked["message"]
    assert f"to {decimals} decimals" in parked["fix"]
    assert office.books.written(mark) == []
    office.platform.edit_lines("invoice", row_id, amount=Decimal(mended))
    office.sync()
    office.parked(0)
    office.settled()


def invoiced(office: Office, amount: str, currency: str) -> int:
    """An invoice that somebody enters on the platform for a customer abroad."""
    return sale(office, party(office, "customer", currency), amount, currency=currency)


@on_both
@pytest.mark.parametrize(
    ("record_type", "entered"), [("invoice", invoiced), ("bill", bought), ("expense", spent)]
)
def test_a_third_decimal_that_quickbooks_would_round_off_is_parked(
    abroad: Office, record_type: str, entered: Callable[[Office, str, str], int]
) -> None:
    """Goal: dinars have three decimals and QuickBooks keeps two: what it would round waits before
    it is sent, with field, amount and fix; one that is rounded on the platform goes to the unit."""
    office = abroad
    row_id = entered(office, "12.345", "KWD")
    mark = office.books.mark()
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("too_many_decimals", "lines[1].amount")
    assert "12.345" in parked["message"]
    assert "QuickBooks keeps 2 decimals" in parked["message"]
    assert "to 2 decimals on the platform" in parked["fix"]
    assert office.books.written(mark) == []

    office.platform.edit_lines(record_type, row_id, amount=Decimal("12.35"))
    office.sync()
    office.parked(0)
    entity = catalog()[record_type].entity
    booked = office.books.read(entity, str(office.platform.quickbooks_id(record_type, row_id)))
    row = office.platform.row(record_type, row_id)
    assert booked["TotalAmt"] == row["total"] == Decimal("12.35")
    assert (row["exchange_rate"], row["home_total"]) == (Decimal("3.2551"), Decimal("40.20"))
    office.settled()


@on_both
def test_a_third_decimal_in_an_edit_is_parked(abroad: Office) -> None:
    """Goal: what both sides hold stays there until the edit is one that QuickBooks can keep."""
    office = abroad
    row_id = invoiced(office, "12.34", "KWD")
    office.sync()
    booked = str(office.platform.quickbooks_id("invoice", row_id))
    office.platform.edit_lines("invoice", row_id, amount=Decimal("12.341"))
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("too_many_decimals", "lines[1].amount")
    assert office.books.read("Invoice", booked)["TotalAmt"] == Decimal("12.34")
    office.platform.edit_lines("invoice", row_id, amount=Decimal("12.3"))
    office.sync()
    office.parked(0)
    assert office.books.read("Invoice", booked)["TotalAmt"] == Decimal("12.3")
    office.settled()


@on_both
def test_dinars_come_from_quickbooks_as_it_holds_them(abroad: Office) -> None:
    """Goal: what QuickBooks rounded arrives as it was rounded; a third decimal that it holds all
    the same arrives too, and does not keep the rest of the record from being edited here."""
    office = abroad
    who = str(office.platform.quickbooks_id("customer", party(office, "customer", "KWD")))
    body = {**invoice(who, 1, CurrencyRef=reference("KWD")), "Line": [sales_line("12.345")]}
    booked = office.books.create("Invoice", body)
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    assert row["total"] == booked["TotalAmt"] == Decimal("12.35")
    assert row["home_total"] == booked["HomeTotalAmt"] == Decimal("40.20")

    with office.emulator.emulator.lock:
        exact = {name: Decimal("12.345") for name in ("TotalAmt", "Balance")}
        lines = [{**line, "Amount": Decimal("12.345")} for line in booked["Line"]]
        office.emulator.company.bump("Invoice", booked["Id"], **exact, Line=lines)
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    assert (row["total"], row["lines"][0]["amount"]) == (Decimal("12.345"), Decimal("12.345"))
    office.platform.edit("invoice", row["id"], memo="ours")
    office.sync()
    office.parked(0)
    assert office.books.read("Invoice", booked["Id"])["PrivateNote"] == "ours"
    office.settled()


def test_what_quickbooks_holds_in_home_currency_has_the_rate_one_there(abroad: Office) -> None:
    """Goal: a record in dollars is none in a foreign currency: it has no total at home."""
    office = abroad
    bought = office.books.create("Purchase", purchase(7))
    office.sync()
    row = office.platform.of("Purchase", bought["Id"])
    assert (row["currency"], row["home_total"]) == ("USD", None)
    office.settled()
