"""Default accounts: what a company has chosen stands in where a new record names no account.

People enter records on the platform and leave an account empty that QuickBooks requires.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_currencies import abroad, bank, party
from tests.acceptance.test_reimbursements import ADA, billed, reimbursing
from tests.fixtures.company import Office, purchase, reference
from tests.fixtures.default_accounts import (
    CHECKING,
    CHOSEN,
    CONSULTING,
    DAY,
    PETTY_CASH,
    SAVINGS,
    SUPPLIES,
    VISA,
    account_of,
    booked,
    choose,
    is_at_rest,
    line,
    line_account,
    spend,
)

__all__ = ["abroad", "reimbursing"]

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


@on_both
def test_each_default_stands_in(office: Office) -> None:
    """Goal: QuickBooks, the platform and what both agreed on hold the chosen account; the log and
    `explain` say what stood in; then nothing moves."""
    choose(office, **CHOSEN)
    vendor, of = office.platform.id_of("Vendor", office.books.find("Vendor")[0]["Id"]), account_of
    bill = office.platform.add(
        "bill",
        vendor_id=vendor,
        issued_on=DAY,
        lines=[line(office), line(office, "2.50", SUPPLIES), line(office, "1")],
    )
    credit = office.platform.add(
        "vendor_credit", vendor_id=vendor, issued_on=DAY, lines=[line(office)]
    )
    item = office.platform.add("item", name="Advice", kind="service")
    paid = {"cash": PETTY_CASH, "check": PETTY_CASH, "credit_card": VISA}
    expenses = {method: spend(office, method, account="") for method in paid}
    sold = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(5)}
    customer = office.platform.id_of("Customer", "5")
    refund = office.platform.add(
        "refund_receipt", customer_id=customer, refunded_on=DAY, lines=[sold]
    )
    office.sync()
    for method, account in paid.items():
        record = booked(office, "expense", "Purchase", expenses[method])
        row = office.platform.row("expense", expenses[method])
        assert (record["AccountRef"]["value"], line_account(record)) == (account, SUPPLIES)
        assert row["payment_account_id"] == of(office, account)
        assert [each["account_id"] for each in row["lines"]] == [of(office, SUPPLIES)]
    lines = office.platform.row("bill", bill)["lines"]
    assert {each["account_id"] for each in lines} == {of(office, SUPPLIES)}
    assert line_account(booked(office, "vendor_credit", "VendorCredit", credit)) == SUPPLIES
    assert booked(office, "item", "Item", item)["IncomeAccountRef"]["value"] == CONSULTING
    assert office.platform.row("item", item)["income_account_id"] == of(office, CONSULTING)
    record = booked(office, "refund_receipt", "RefundReceipt", refund)
    assert record["DepositToAccountRef"]["value"] == SAVINGS

    settled_bill = {"kind": "bill", "bill_id": bill, "amount": Decimal(4)}
    payments = {
        method: office.platform.add(
            "bill_payment", vendor_id=vendor, paid_on=DAY, method=method, amount=Decimal(4),
            lines=[settled_bill],
        )
        for method in ("check", "credit_card")
    }  # fmt: skip
    office.sync()
    record = booked(office, "bill_payment", "BillPayment", payments["check"])
    assert record["CheckPayment"]["BankAccountRef"]["value"] == CHECKING
    record = booked(office, "bill_payment", "BillPayment", payments["credit_card"])
    assert record["CreditCardPayment"]["CCAccountRef"]["value"] == VISA
    office.parked(0)
    office.settled()
    is_at_rest(office)

    entries = office.platform.audit("default_account")
    assert len(entries) == 9
    of_lines = [each["stood_in"] for each in entries if each["field"] == "lines[1].account"]
    assert sorted(len(each) for each in of_lines) == [1, 2]
    assert {each["account"] for some in of_lines for each in some} == {"6300 Office Supplies"}
    facts = office.run("explain", f"expense:platform:{expenses['cash']}", "--json").json
    (decision,) = [each for each in facts["decisions"] if each["kind"] == "default_account"]
    assert "1030 Petty Cash stands in for payment_account" in decision["body"]["message"]
    assert facts["base"]["payment_account"] == facts["platform"]["content"]["payment_account"]
    assert office.run("audit", "verify", "--json").json["findings"] == []


@on_both
def test_without_a_default_it_waits_and_one_lets_it_go_on(office: Office) -> None:
    """Goal: parked as ever, with the default account as a way out; choosing it is all that is
    needed. What names an account keeps it."""
    bare = spend(office, account="")
    own = spend(office, payment_account_id=account_of(office, CHECKING))
    item = office.platform.add("item", name="Advice", kind="service")
    office.sync(code=3)
    parked = {each["record_type"]: each for each in office.parked(2)}
    expense, advice = parked["expense"], parked["item"]
    assert (expense["code"], expense["field"]) == ("missing", "payment_account")
    assert "Enter payment_account, or choose a default account" in expense["fix"]
    assert "expense_bank" in expense["fix"]
    assert (advice["code"], advice["field"]) == ("missing", "income_account")
    is_at_rest(office, code=3)

    # one of two is chosen: the other one is named
    choose(office, expense_bank="1030", item_income="4000")
    office.sync(code=3)
    (left,) = office.parked()
    assert left["field"] == "lines[1].account"
    assert office.platform.row("expense", bare)["payment_account_id"] is None
    facts = office.run("explain", f"item:platform:{item}", "--json").json
    assert facts["record"]["quickbooks_id"]

    choose(office, **CHOSEN)
    assert "expense" in office.run("plan", code=None).stdout
    facts = office.run("explain", f"expense:platform:{bare}", "--json").json["next_cycle"]
    assert "1030 Petty Cash stands in for payment_account" in facts["default_accounts"]
    assert {"operation": "update", "side": "platform", "fields": ["lines", "payment_account"]} in (
        facts["writes"]
    )
    office.sync()
    office.parked(0)
    record = booked(office, "expense", "Purchase", bare)
    assert (record["AccountRef"]["value"], line_account(record)) == (PETTY_CASH, SUPPLIES)
    assert booked(office, "expense", "Purchase", own)["AccountRef"]["value"] == CHECKING
    office.settled()


@on_both
def test_another_choice_changes_nothing_that_is_synced(office: Office) -> None:
    """Goal: the account is the record's own from then on; only new records get the new one."""
    choose(office, expense_bank="1030")
    before = spend(office)
    office.sync()
    office.settled()
    choose(office, expense_bank="1010")
    is_at_rest(office)
    after = spend(office)
    office.platform.edit("expense", before, memo="edited since")
    office.sync()
    assert booked(office, "expense", "Purchase", before)["AccountRef"]["value"] == PETTY_CASH
    assert booked(office, "expense", "Purchase", after)["AccountRef"]["value"] == CHECKING
    office.run("settings", "--set", "default_accounts=")
    office.parked(0)
    office.settled()


@on_both
def test_who_empties_the_field_later_is_asked(office: Office) -> None:
    """Goal: no default stands in for what is synced, and QuickBooks loses nothing; the account
    comes back, or another one goes there."""
    choose(office, **CHOSEN)
    row_id = spend(office, account="")
    office.sync()
    office.settled()
    mark = office.books.mark()
    office.platform.edit("expense", row_id, payment_account_id=None)
    office.platform.edit_lines("expense", row_id, account_id=None)
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("missing", "payment_account")
    is_at_rest(office, code=3)
    assert office.books.written(mark) == []
    office.platform.edit("expense", row_id, payment_account_id=account_of(office, CHECKING))
    office.platform.edit_lines("expense", row_id, account_id=account_of(office, SUPPLIES))
    office.sync()
    assert booked(office, "expense", "Purchase", row_id)["AccountRef"]["value"] == CHECKING
    office.parked(0)
    office.settled()


@on_both
def test_an_account_that_is_inactive_by_now(office: Office) -> None:
    """Goal: the record is parked with the account and what to do, and nothing is written."""
    choose(office, expense_bank="1030")
    account = account_of(office, PETTY_CASH)
    office.platform.edit("account", account, active=False)
    office.sync()
    row_id = spend(office)
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["value"]) == ("default_account", "1030 Petty Cash")
    assert "is inactive" in parked["message"]
    assert "expense_bank: an active account of the type Bank" in parked["fix"]
    assert office.platform.row("expense", row_id)["payment_account_id"] is None
    is_at_rest(office, code=3)
    # the rest of the settings can be changed meanwhile
    office.run("settings", "--set", "frequency_minutes=30")
    choose(office, expense_bank="1010")
    office.sync()
    assert booked(office, "expense", "Purchase", row_id)["AccountRef"]["value"] == CHECKING
    office.parked(0)
    office.settled()


def test_an_account_in_another_currency(abroad: Office) -> None:
    """Goal: dollars do not pay an expense in euros by default; an account in euros does, and costs
    are booked in dollars' accounts whatever the currency."""
    office = abroad
    bank(office, "EUR")
    choose(office, **CHOSEN)
    vendor = party(office, "vendor", "EUR")
    row_id = spend(office, account="", currency="EUR", payee_vendor_id=vendor)
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("default_account", "payment_account")
    assert "1030 Petty Cash, is in USD, not in EUR" in parked["message"]
    choose(office, **{**CHOSEN, "expense_bank": "Bank EUR"})
    office.sync()
    record = booked(office, "expense", "Purchase", row_id)
    assert (record["CurrencyRef"]["value"], line_account(record)) == ("EUR", SUPPLIES)
    office.parked(0)
    office.settled()


@on_both
def test_a_platform_that_may_not_be_written(office: Office) -> None:
    """Goal: the account would have to be written there, too: the record waits, and says for what;
    what names an account goes on."""
    choose(office, expense_bank="1030")
    office.run("settings", "--set", "write_to=quickbooks")
    row_id = spend(office)
    own = spend(office, payment_account_id=account_of(office, CHECKING))
    office.sync(code=3)
    (parked,) = [each for each in office.status()["parked"] if each["record_type"] == "expense"]
    assert "1030 Petty Cash, would have to be written to the platform" in parked["message"]
    assert "switch on writing to the platform" in parked["fix"]
    assert booked(office, "expense", "Purchase", own)
    assert office.platform.row("expense", row_id)["payment_account_id"] is None
    is_at_rest(office, code=3)
    office.run("settings", "--set", "write_to=quickbooks,platform")
    office.sync(code=None)
    assert booked(office, "expense", "Purchase", row_id)["AccountRef"]["value"] == PETTY_CASH
    # balances that were not written meanwhile
    office.run("retry", code=None)
    office.sync()
    office.parked(0)
    office.settled()


@on_both
def test_an_expense_that_is_posted_as_a_bill(reimbursing: Office) -> None:
    """Goal: the line's account stands on the expense and on its bill; who paid needs no account."""
    office = reimbursing
    row_id = spend(office, account="", submitted_by=ADA)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["field"] == "lines[1].account"
    assert "purchase_line" in parked["fix"]
    office.run("settings", "--set", "default_accounts=purchase_line:6300")
    office.sync()
    _, bill_id = billed(office, row_id)
    assert line_account(office.books.read("Bill", bill_id)) == SUPPLIES
    row = office.platform.row("expense", row_id)
    assert [each["account_id"] for each in row["lines"]] == [account_of(office, SUPPLIES)]
    assert row["payment_account_id"] is None
    assert len(office.platform.audit("default_account")) == 1
    office.parked(0)
    office.settled()


def test_what_quickbooks_may_hold_already_is_not_made_by_default(fresh_office: Office) -> None:
    """Goal: in the first sync nobody can tell such an expense from one in QuickBooks, so a person
    says that it is new, by a retry; only then the default account stands in."""
    office = fresh_office
    office.connect()
    office.run("settings", "--set", "data_types=financials,invoices")
    office.books.create("Purchase", {**purchase("12.50"), "TxnDate": DAY.isoformat()})
    office.sync()
    choose(office, expense_bank="1030")
    row_id = spend(office)
    office.run("settings", "--set", "data_types=financials,invoices,expenses")
    mark = office.books.mark()
    office.sync(code=3)
    parked = [each for each in office.parked(1) if each["record_type"] == "expense"]
    assert "whether QuickBooks holds this expense already" in parked[0]["message"]
    assert office.books.written(mark) == []
    office.run("retry")
    office.sync()
    assert booked(office, "expense", "Purchase", row_id)["AccountRef"]["value"] == PETTY_CASH


def test_what_both_sides_enter_is_one_record(office: Office) -> None:
    """Goal: with the account that would stand in it is the same as QuickBooks's: it is linked and
    not made a second time, and a person enters the account on the platform."""
    choose(office, expense_bank="1030")
    body = {**purchase("12.50", account=PETTY_CASH), "DocNumber": "E-77"}
    made = office.books.create("Purchase", {**body, "TxnDate": DAY.isoformat()})
    row_id = spend(office, number="E-77", total=Decimal("12.50"))
    mark = office.books.mark()
    office.sync(code=3)
    assert office.platform.quickbooks_id("expense", row_id) == made["Id"]
    assert office.books.written(mark) == []
    office.parked()
    office.platform.edit("expense", row_id, payment_account_id=account_of(office, PETTY_CASH))
    office.sync()
    office.parked(0)
    assert [each for each in office.books.written(mark) if each[0] == "create"] == []
    office.settled()


@pytest.mark.parametrize("setting", ["bill_payment_bank", "item_income"])
def test_an_account_that_quickbooks_keeps(office: Office, setting: str) -> None:
    """Goal: emptied on the platform after the first sync, it is nobody's default again: QuickBooks
    refuses to lose it, the record says so, and nothing goes back and forth."""
    choose(office, **CHOSEN)
    vendor = office.books.find("Vendor")[0]["Id"]
    bill = office.books.create(
        "Bill", {"VendorRef": reference(vendor), "Line": purchase("40")["Line"]}
    )
    office.sync()
    if setting == "item_income":
        record_type, column = "item", "income_account_id"
        row_id = office.platform.add("item", name="Advice", kind="service")
    else:
        record_type, column = "bill_payment", "bank_account_id"
        bill_id = office.platform.id_of("Bill", bill["Id"])
        row_id = office.platform.add(
            "bill_payment",
            vendor_id=office.platform.id_of("Vendor", vendor),
            paid_on=DAY,
            method="check",
            amount=Decimal(4),
            lines=[{"kind": "bill", "bill_id": bill_id, "amount": Decimal(4)}],
        )
    office.sync()
    office.settled()
    office.platform.edit(record_type, row_id, **{column: None})
    office.sync(code=3)
    assert office.platform.row(record_type, row_id)[column] is None
    office.parked()
    is_at_rest(office, code=3)
    assert len(office.platform.audit("default_account")) == 1
