"""What each kind of record posts: debits and credits by account, home currency and party."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models.postings import Books, Posted
from models.record_type import catalog

#: Accounts of a small company, by link; QuickBooks's order.
ACCOUNTS: dict[str, tuple[str, str, str]] = {
    "1": ("Bank", "Checking", "USD"),
    "2": ("Credit Card", "CreditCard", "USD"),
    "3": ("Accounts Receivable", "AccountsReceivable", "USD"),
    "4": ("Accounts Receivable", "AccountsReceivable", "EUR"),
    "5": ("Accounts Payable", "AccountsPayable", "USD"),
    "6": ("Other Current Asset", "UndepositedFunds", "USD"),
    "7": ("Other Current Liability", "GlobalTaxPayable", "USD"),
    "8": ("Income", "SalesOfProductIncome", "USD"),
    "9": ("Income", "DiscountsRefundsGiven", "USD"),
    "10": ("Expense", "SuppliesMaterials", "USD"),
    "11": ("Other Current Asset", "Inventory", "USD"),
    "12": ("Cost of Goods Sold", "SuppliesMaterialsCogs", "USD"),
    "13": ("Other Expense", "ExchangeGainOrLoss", "USD"),
    "14": ("Accounts Payable", "AccountsPayable", "EUR"),
}
RECORDS: dict[str, dict[str, Any]] = {
    **{
        f"account:{link}": {"type": kind, "subtype": subtype, "currency": currency}
        for link, (kind, subtype, currency) in ACCOUNTS.items()
    },
    "item:20": {"kind": "service", "income_account": "account:8", "expense_account": None},
    "item:21": {
        "kind": "inventory",
        "income_account": "account:8",
        "expense_account": "account:12",
        "asset_account": "account:11",
    },
    "item:22": {"kind": "service", "income_account": None, "expense_account": "account:10"},
    "invoice:30": {
        "customer": "customer:41",
        "currency": "EUR",
        "exchange_rate": Decimal("1.0837"),
    },
    "invoice:31": {"customer": "customer:42", "currency": "USD"},
    "credit_memo:32": {"customer": "customer:40", "currency": "USD"},
    "bill:33": {"vendor": "vendor:50", "currency": "EUR", "exchange_rate": Decimal("1.2")},
    "vendor_credit:34": {"vendor": "vendor:50", "currency": "USD"},
    "payment:35": {"deposit_account": "account:6"},
    # out of an account of its own, to tell it from what waits in Undeposited Funds
    "refund_receipt:37": {"payment_account": "account:1"},
}
EURO = {"currency": "EUR", "exchange_rate": Decimal("1.1")}
SOLD = {"kind": "item", "item": "item:20", "amount": Decimal(100)}


def line(kind: str, amount: Any, **more: Any) -> dict[str, Any]:
    """A line of a document."""
    return {"kind": kind, "amount": Decimal(amount), **more}


CASES: dict[str, tuple[str, dict[str, Any], dict[tuple[str, str], str]]] = {
    "invoice with discount and tax": (
        "invoice",
        {
            "customer": "customer:40",
            "total": Decimal("97.20"),
            "tax_total": Decimal("7.20"),
            "lines": (SOLD, line("percent_discount", 10, discount_percent=Decimal(10))),
        },
        {("3", "customer:40"): "97.20", ("8", ""): "-100", ("9", ""): "10", ("7", ""): "-7.20"},
    ),
    "credit memo": (
        "credit_memo",
        {"customer": "customer:40", "total": Decimal(100), "lines": (SOLD,)},
        {("3", "customer:40"): "-100", ("8", ""): "100"},
    ),
    "refund receipt with discount and tax": (
        "refund_receipt",
        {
            "customer": "customer:40",
            "payment_account": "account:1",
            "total": Decimal("97.20"),
            "tax_total": Decimal("7.20"),
            "lines": (SOLD, line("discount", 10)),
        },
        {("1", ""): "-97.20", ("8", ""): "100", ("9", ""): "-10", ("7", ""): "7.20"},
    ),
    "refund receipt of goods": (
        "refund_receipt",
        {
            "payment_account": "account:6",
            "total": Decimal(100),
            "lines": (line("item", 100, item="item:21", quantity=Decimal(4)),),
        },
        {("6", ""): "-100", ("8", ""): "100"},
    ),
    "foreign invoice": (
        "invoice",
        {
            "customer": "customer:41",
            "total": Decimal("33.33"),
            "lines": (line("item", "33.33", item="item:20"),),
            **EURO,
        },
        {("4", "customer:41"): "36.66", ("8", ""): "-36.66"},
    ),
    "payment of another customer's invoice": (
        "payment",
        {
            "customer": "customer:40",
            "amount": Decimal(60),
            "lines": (line("invoice", 45, invoice="invoice:31"),),
        },
        {("6", ""): "60", ("3", "customer:42"): "-45", ("3", "customer:40"): "-15"},
    ),
    "payment that only links a credit to a charge": (
        "payment",
        {
            "customer": "customer:40",
            "amount": Decimal(0),
            "lines": (
                line("invoice", 45, invoice="invoice:31"),
                line("credit_memo", 45, credit_memo="credit_memo:32"),
            ),
        },
        {("3", "customer:42"): "-45", ("3", "customer:40"): "45"},
    ),
    "foreign payment with a gain": (
        "payment",
        {
            "customer": "customer:41",
            "amount": Decimal(100),
            "deposit_account": "account:1",
            "lines": (line("invoice", 80, invoice="invoice:30"),),
            **EURO,
        },
        # 80 leave receivables at 1.0837, 20 at 1.1; the bank gets all at 1.1
        {("1", ""): "110", ("4", "customer:41"): "-108.70", ("13", ""): "-1.30"},
    ),
    "foreign bill payment with a gain": (
        "bill_payment",
        {
            "vendor": "vendor:50",
            "amount": Decimal(100),
            "bank_account": "account:1",
            "lines": (line("bill", 100, bill="bill:33"),),
            **EURO,
        },
        {("1", ""): "-110", ("14", "vendor:50"): "120", ("13", ""): "-10"},
    ),
    "bill payment by card with a credit": (
        "bill_payment",
        {
            "vendor": "vendor:50",
            "amount": Decimal(70),
            "card_account": "account:2",
            "lines": (
                line("bill", 100, bill="bill:36"),
                line("vendor_credit", 30, vendor_credit="vendor_credit:34"),
            ),
        },
        {("2", ""): "-70", ("5", "vendor:50"): "70"},
    ),
    "expense": (
        "expense",
        {
            "payment_account": "account:1",
            "payee": "vendor:50",
            "total": Decimal("11.90"),
            "tax_total": Decimal("1.90"),
            "lines": (line("account", 7, account="account:10"), line("item", 3, item="item:22")),
        },
        {("1", ""): "-11.90", ("10", ""): "10", ("7", ""): "1.90"},
    ),
    "card refund": (
        "expense",
        {
            "payment_account": "account:2",
            "is_refund": True,
            "total": Decimal(7),
            "lines": (line("account", 7, account="account:10"),),
        },
        {("2", ""): "7", ("10", ""): "-7"},
    ),
    "expense that settles a payable by hand": (
        "expense",
        {
            "payment_account": "account:1",
            "payee": "vendor:50",
            "total": Decimal(7),
            "lines": (line("account", 7, account="account:5"),),
        },
        {("1", ""): "-7", ("5", "vendor:50"): "7"},
    ),
    "refund by an expense that names its payee": (
        "expense",
        {
            "payment_account": "account:1",
            "payee": "customer:40",
            "total": Decimal(9),
            "lines": (
                line("account", 7, account="account:3"),
                line("account", 2, account="account:3", customer="customer:42"),
            ),
        },
        {("1", ""): "-9", ("3", "customer:40"): "7", ("3", "customer:42"): "2"},
    ),
    "bill of goods": (
        "bill",
        {
            "vendor": "vendor:50",
            "total": Decimal(40),
            "lines": (line("item", 40, item="item:21", quantity=Decimal(4)),),
        },
        {("5", "vendor:50"): "-40", ("11", ""): "40"},
    ),
    "vendor credit": (
        "vendor_credit",
        {
            "vendor": "vendor:50",
            "total": Decimal(40),
            "lines": (line("account", 40, account="account:10"),),
        },
        {("5", "vendor:50"): "40", ("10", ""): "-40"},
    ),
    "journal entry on receivables": (
        "journal_entry",
        {
            "lines": (
                line("entry", 5, posting="debit", account="account:3", party="customer:40"),
                line("entry", 5, posting="credit", account="account:8", party="customer:40"),
            )
        },
        {("3", "customer:40"): "5", ("8", ""): "-5"},
    ),
    "transfer": (
        "transfer",
        {"from_account": "account:1", "to_account": "account:2", "amount": Decimal("12.50")},
        {("1", ""): "-12.50", ("2", ""): "12.50"},
    ),
    "deposit that takes a refund along": (
        "deposit",
        {
            "deposit_account": "account:2",
            "total": Decimal(50),
            "lines": (
                line("payment", 60, payment="payment:35"),
                line("refund_receipt", -10, refund_receipt="refund_receipt:37"),
            ),
        },
        {("2", ""): "50", ("6", ""): "-60", ("1", ""): "10"},
    ),
    "deposit with cash back": (
        "deposit",
        {
            "deposit_account": "account:1",
            "total": Decimal(95),
            "cash_back_account": "account:10",
            "cash_back_amount": Decimal(5),
            "lines": (
                line("payment", 60, payment="payment:35"),
                line("account", 30, account="account:8"),
                line("other", 10, reference="99"),
            ),
        },
        {("1", ""): "95", ("10", ""): "5", ("6", ""): "-70", ("8", ""): "-30"},
    ),
}


def posted(record_type: str, content: dict[str, Any]) -> Posted:
    """What a record of that content posts in the small company."""
    rule = catalog()[record_type].postings
    assert rule is not None
    return rule({"currency": "USD", "day": date(2026, 11, 2), **content}, Books("USD", RECORDS))


def sums(found: Posted) -> dict[tuple[str, str], Decimal]:
    """(account's link, party) -> home currency."""
    by_place: dict[tuple[str, str], Decimal] = {}
    for each in found.postings:
        place = (each.account.removeprefix("account:"), each.party)
        by_place[place] = by_place.get(place, Decimal(0)) + each.home
    return by_place


@pytest.mark.parametrize("name", CASES)
def test_what_a_record_posts(name: str) -> None:
    """Goal: each kind of record on its accounts, to the cent, and all of it placed."""
    record_type, content, expected = CASES[name]
    found = posted(record_type, content)
    assert sums(found) == {place: Decimal(amount) for place, amount in expected.items()}
    assert found.unplaced == 0
    assert sum(each.home for each in found.postings) == 0


def test_every_kind_of_transaction_has_a_rule_and_a_case() -> None:
    """Goal: a new record type with an amount brings its postings."""
    declared = {each.name for each in catalog().values() if each.postings}
    assert declared == {record_type for record_type, _, _ in CASES.values()}
    assert {each.name for each in catalog().values() if each.booked_on} == declared
    titles = [title for each in catalog().values() for title in each.report_titles]
    assert len(titles) == len(set(titles))
    assert all(catalog()[name].report_titles for name in declared)


@pytest.mark.parametrize(
    ("lines", "unplaced", "words"),
    [
        ((line("bundle", 100, item="item:23"),), "-100", "the parts of a bundle"),
        ((line("bundle", 0, item="item:23"),), "-100", "the parts of a bundle"),
        ((SOLD, line("shipping", 0)), "0", ""),
        ((line("shipping", 100),), "-100", "the account of shipping"),
        ((line("item", 100),), "-100", "the account of a line without a known item"),
        ((line("item", 60, item="item:20"),), "-40", "its parts do not add up to its total"),
    ],
)
def test_what_only_quickbooks_can_place_is_left_over_with_its_reason(
    lines: tuple[dict[str, Any], ...], unplaced: str, words: str
) -> None:
    """Goal: nothing is put on an account by guess."""
    found = posted("invoice", {"customer": "customer:40", "total": Decimal(100), "lines": lines})
    assert (found.unplaced, found.unplaced_because) == (Decimal(unplaced), words)


def test_what_was_paid_when_it_was_issued_is_not_receivable() -> None:
    """Goal: a deposit on an invoice is owed by nobody."""
    found = posted(
        "invoice",
        {
            "customer": "customer:40",
            "total": Decimal(100),
            "deposit": Decimal(30),
            "lines": (SOLD,),
        },
    )
    assert sums(found)["3", "customer:40"] == 70
    assert found.unplaced == 30


def test_cents_lost_in_conversion_are_taken_by_the_last_line() -> None:
    """Goal: three thirds of a foreign amount still balance in the home currency."""
    parts = tuple(line("item", "33.35", item="item:20") for _ in range(3))
    found = posted(
        "invoice",
        {"customer": "customer:41", "total": Decimal("100.05"), "lines": parts, **EURO},
    )
    # 33.35 at 1.1 is 36.685, rounded to 36.69 three times: 110.07 against 110.06
    homes = [each.home for each in found.postings]
    assert homes == [Decimal("110.06"), Decimal("-36.69"), Decimal("-36.69"), Decimal("-36.68")]


def test_goods_sold_name_the_accounts_that_quickbooks_values() -> None:
    """Goal: the cost of goods is QuickBooks's figure; the platform says only where it goes."""
    sold = line("item", 100, item="item:21", quantity=Decimal(2))
    found = posted("invoice", {"customer": "customer:40", "total": Decimal(100), "lines": (sold,)})
    assert found.valued == {"account:11", "account:12"}
    assert sums(found) == {("3", "customer:40"): Decimal(100), ("8", ""): Decimal(-100)}


def test_a_missing_default_account_has_a_stand_in() -> None:
    """Goal: a company without an Undeposited Funds account still has its books added up."""
    rule = catalog()["payment"].postings
    assert rule is not None
    found = rule(
        {"currency": "JPY", "amount": Decimal(500), "customer": "customer:1"}, Books("JPY", {})
    )
    assert [(each.account, each.home) for each in found.postings] == [
        ("@UndepositedFunds", Decimal(500)),
        ("@AccountsReceivable", Decimal(-500)),
    ]
