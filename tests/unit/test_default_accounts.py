"""Which accounts a record lacks, what stands in for them, and why something may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.account_choices import DEFAULT_ACCOUNTS, Account, account_called, fitting, why_not
from models.default_accounts import Fill, Gap, filled, gaps_in, names_with_defaults
from models.errors import UsageError
from models.record_type import catalog
from models.settings import settings_from_json
from models.words import DefaultAccount

BANK = Account(7, "1030", "Petty Cash", "Bank", "USD", active=True, linked=True)
#: A line that names nothing, one that names an account, and one that names an item.
LINES = [
    {"kind": "account", "account_id": None},
    {"kind": "account", "account_id": 5},
    {"kind": "item", "item_id": 4},
]


def gaps(name: str, content: dict[str, Any], **row: Any) -> list[tuple[str, str]]:
    """What such a record lacks: the field, and the default account for it."""
    record_type = catalog()[name]
    found = gaps_in(record_type, content, row)
    return [(each.path(record_type), each.setting) for each in found]


@pytest.mark.parametrize(
    ("name", "content", "row", "expected"),
    [
        # an expense lacks a bank account or a card, by the way in which it was paid
        ("expense", {"payment_method": "cash"}, {}, [("payment_account", "expense_bank")]),
        ("expense", {"payment_method": "check"}, {}, [("payment_account", "expense_bank")]),
        ("expense", {"payment_method": "credit_card"}, {}, [("payment_account", "expense_card")]),
        # it names one
        ("expense", {"payment_method": "cash"}, {"payment_account_id": 3}, []),
        # nobody says how it was paid: that is missing, and nothing follows from it
        ("expense", {}, {}, []),
        # lines that name neither account nor item
        ("bill", {}, {"lines": LINES}, [("lines[1].account", "purchase_line")]),
        ("vendor_credit", {}, {"lines": LINES}, [("lines[1].account", "purchase_line")]),
        ("bill", {}, {"lines": [{"kind": "account", "account_id": None, "item_id": 4}]}, []),
        ("bill", {}, {"lines": None}, []),
        # of other documents no default account is known
        ("journal_entry", {}, {"lines": [{"kind": "entry", "account_id": None}]}, []),
        ("payment", {}, {}, []),
        ("bill_payment", {"method": "check"}, {}, [("bank_account", "bill_payment_bank")]),
        ("bill_payment", {"method": "credit_card"}, {}, [("card_account", "bill_payment_card")]),
        ("bill_payment", {"method": "check"}, {"bank_account_id": 1}, []),
        ("refund_receipt", {}, {}, [("payment_account", "refund")]),
        # QuickBooks asks what items earn, but of those that are only bought
        ("item", {"kind": "service"}, {}, [("income_account", "item_income")]),
        ("item", {"kind": "non_inventory"}, {}, [("income_account", "item_income")]),
        ("item", {"kind": "non_inventory", "expense_account": "account:1"}, {}, []),
        ("item", {"kind": "category"}, {}, []),
        ("item", {"kind": "service"}, {"income_account_id": 1}, []),
    ],
)
def test_what_a_record_lacks(
    name: str, content: dict[str, Any], row: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert gaps(name, content, **row) == expected


def test_an_account_that_cannot_be_read_is_no_gap() -> None:
    """Somebody has named one, and has to say which."""
    assert gaps("refund_receipt", {}, payment_account_id=99) == []


def test_gaps_are_filled_and_nothing_else() -> None:
    """The row that was read stays as it is."""
    expense = catalog()["expense"]
    row = {"memo": "m", "payment_account_id": None, "lines": [dict(each) for each in LINES]}
    content = {"payment_method": "cash"}
    fills = [Fill(each, BANK) for each in gaps_in(expense, content, row)]
    whole = filled(expense, row, fills)
    assert whole == {
        "memo": "m",
        "payment_account_id": 7,
        "lines": [{"kind": "account", "account_id": 7}, *LINES[1:]],
    }
    assert row["payment_account_id"] is None
    assert row["lines"] == LINES
    assert gaps_in(expense, content, whole) == ()


@pytest.mark.parametrize(
    ("account", "setting", "currency", "words"),
    [
        (BANK, DefaultAccount.EXPENSE_BANK, "USD", None),
        (None, DefaultAccount.EXPENSE_BANK, "USD", "is not there"),
        (replace(BANK, active=False), DefaultAccount.EXPENSE_BANK, "USD", "inactive or deleted"),
        (replace(BANK, linked=False), DefaultAccount.EXPENSE_BANK, "USD", "both sides"),
        (BANK, DefaultAccount.EXPENSE_CARD, "USD", "of the type Bank"),
        (replace(BANK, type=""), DefaultAccount.EXPENSE_BANK, "USD", "has no type"),
        # an account that holds money is for records in its currency
        (BANK, DefaultAccount.EXPENSE_BANK, "EUR", "is in USD, not in EUR"),
        (replace(BANK, currency="EUR"), DefaultAccount.EXPENSE_BANK, "EUR", None),
        (replace(BANK, currency="EUR"), DefaultAccount.EXPENSE_BANK, "USD", "is in EUR"),
        # costs are booked at home, whatever currency they are in
        (replace(BANK, type="Expense"), DefaultAccount.PURCHASE_LINE, "EUR", None),
        (replace(BANK, type="Expense", currency="GBP"), DefaultAccount.PURCHASE_LINE, "EUR", "GBP"),
    ],
)
def test_what_may_not_stand_in(
    account: Account | None, setting: DefaultAccount, currency: str, words: str | None
) -> None:
    reason = why_not(setting, account, currency, "USD")
    assert (reason is None) == (words is None), reason
    assert words is None or words in str(reason)


def test_accounts_that_can_be_chosen_are_in_order() -> None:
    """Those of the right type that people can use, by number and name."""
    others = [
        replace(BANK, id=8, number="", name="Cash"),
        replace(BANK, id=9, number="1010", name="Checking"),
        replace(BANK, id=10, active=False),
        replace(BANK, id=11, type="Income"),
    ]
    found = fitting(DefaultAccount.EXPENSE_BANK, [BANK, *others])
    assert [each.label for each in found] == ["1010 Checking", "1030 Petty Cash", "Cash"]


@pytest.mark.parametrize("text", ["1030", "petty cash", " 1030 Petty Cash ", "#7"])
def test_an_account_is_called_by_what_people_know(text: str) -> None:
    other = replace(BANK, id=8, number="1031", name="Other", active=False)
    assert account_called(text, {7: BANK, 8: other}) == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1040", "no account is called '1040'"),
        ("#9", "no account is called '#9'"),
        ("#", "no account is called '#'"),
        ("Travel", "'Travel' is several accounts: write one of #1 (Bank), #2 (Bank)"),
    ],
)
def test_who_names_none_or_several_is_told_so(text: str, words: str) -> None:
    twins = {number: replace(BANK, id=number, number="", name="Travel") for number in (1, 2)}
    with pytest.raises(UsageError) as caught:
        account_called(text, twins)
    assert words in str(caught.value)


def test_of_two_of_one_name_the_one_in_use_is_meant() -> None:
    old = replace(BANK, id=8, active=False)
    assert account_called("Petty Cash", {7: BANK, 8: old}) == 7


def test_every_default_account_is_described_and_stands_in_somewhere() -> None:
    """And settings that know nothing of them are those without any."""
    assert set(DEFAULT_ACCOUNTS) == set(DefaultAccount)
    assert settings_from_json("{}").default_accounts == {}
    assert set(names_with_defaults()) == {
        "bill", "bill_payment", "expense", "item", "refund_receipt", "vendor_credit",
    }  # fmt: skip
    line = Gap("account", DefaultAccount.PURCHASE_LINE, 2)
    assert line.path(catalog()["bill"]) == "lines[2].account"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"default_accounts": {"expense": 1}}', ["default_accounts.expense", "expense_bank"]),
        ('{"default_accounts": {"refund": 0}}', ["default_accounts.refund", "is 0"]),
        ('{"default_accounts": {"refund": "x"}}', ["default_accounts.refund", "'x'"]),
        ('{"default_accounts": {"refund": 9999999999}}', ["default_accounts.refund", "2147483647"]),
    ],
)
def test_a_choice_that_cannot_be_is_named(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        settings_from_json(text)
    assert all(word in str(caught.value) for word in words), caught.value
