"""What a company can choose as default accounts: for what, and which accounts, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from models.errors import UsageError, shorten
from models.numbers import number_in
from models.words import DefaultAccount

#: What an account is called by its number on the platform alone.
BY_NUMBER: Final = "#"


@dataclass(frozen=True)
class Described:
    """A default account, for people."""

    label: str
    #: Where it stands in, as a sentence.
    meaning: str
    #: Types of account that it may be.
    types: tuple[str, ...]
    #: Whether it holds money of one currency, which must be the record's.
    holds_money: bool = False


_BANK: Final = ("Bank",)
_CARD: Final = ("Credit Card",)
#: All default accounts, in the order in which they are shown. Types: quickbooks-api 10.3 to 10.5.
DEFAULT_ACCOUNTS: Final[Mapping[DefaultAccount, Described]] = MappingProxyType(
    {
        DefaultAccount.EXPENSE_BANK: Described(
            "Expenses by cash or check are paid from",
            "For expenses of the platform that name no payment account.",
            _BANK,
            holds_money=True,
        ),
        DefaultAccount.EXPENSE_CARD: Described(
            "Expenses by card are paid from",
            "For expenses of the platform that name no payment account.",
            _CARD,
            holds_money=True,
        ),
        DefaultAccount.BILL_PAYMENT_BANK: Described(
            "Bills paid by check are paid from",
            "For bill payments of the platform that name no bank account.",
            _BANK,
            holds_money=True,
        ),
        DefaultAccount.BILL_PAYMENT_CARD: Described(
            "Bills paid by card are paid from",
            "For bill payments of the platform that name no card account.",
            _CARD,
            holds_money=True,
        ),
        DefaultAccount.REFUND: Described(
            "Refunds are paid from",
            "For refund receipts of the platform that name no payment account.",
            ("Bank", "Other Current Asset"),
            holds_money=True,
        ),
        DefaultAccount.PURCHASE_LINE: Described(
            "Purchases are booked to",
            "For lines of expenses, bills and vendor credits of the platform that name neither "
            "account nor item.",
            ("Expense", "Cost of Goods Sold", "Other Expense", "Other Current Asset"),
        ),
        DefaultAccount.ITEM_INCOME: Described(
            "Items earn to",
            "For items of the platform that name no income account.",
            ("Income", "Other Income"),
        ),
    }
)


# -- accounts --


@dataclass(frozen=True)
class Account:
    """An account of the platform, as far as it matters to who chooses one."""

    id: int
    #: Account number; "" where it has none.
    number: str
    #: Name, with those of the accounts above it where they are known: "Travel:Airfare".
    name: str
    type: str
    currency: str
    #: Neither deleted nor inactive.
    active: bool
    #: It stands on both sides, as one account.
    linked: bool

    @property
    def label(self) -> str:
        """What people call it: its number, where it has one, and its name."""
        return " ".join(each for each in (self.number, self.name) if each)


def why_not(
    setting: DefaultAccount, account: Account | None, currency: str, home: str
) -> str | None:
    """Why an account cannot stand in for a record in a currency; None where it can."""
    described = DEFAULT_ACCOUNTS[setting]
    if account is None:
        return "is not there"
    if not account.active:
        return "is inactive or deleted"
    if account.type not in described.types:
        return f"is of the type {account.type}" if account.type else "has no type"
    if not account.linked:
        return "does not stand on both sides yet"
    fits = {currency} if described.holds_money else {currency, home}
    if account.currency not in fits:
        return f"is in {account.currency}, not in {currency}"
    return None


def fitting(setting: DefaultAccount, accounts: Iterable[Account]) -> list[Account]:
    """Accounts that may be chosen, in the order of their labels."""
    found = [each for each in accounts if why_not(setting, each, each.currency, "") is None]
    return sorted(found, key=lambda each: (each.label.casefold(), each.id))


def wanted_types(setting: DefaultAccount) -> str:
    """The kinds of account that may be chosen, in words."""
    return f"an active account of the type {' or '.join(DEFAULT_ACCOUNTS[setting].types)}"


def called(account_id: int, accounts: Mapping[int, Account]) -> str:
    """What people call an account by its number on the platform, also one that is gone."""
    account = accounts.get(account_id)
    return account.label if account else f"{BY_NUMBER}{account_id}"


def account_called(text: str, accounts: Mapping[int, Account]) -> int:
    """The account that somebody means: by number and name, number, name, or #12 for its id.

    Raises:
        UsageError: there is none, or there are several.
    """
    wanted = text.strip()
    row_id = number_in(wanted[1:]) if wanted.startswith(BY_NUMBER) else None
    if row_id is not None and row_id in accounts:
        return row_id
    folded = wanted.casefold()
    found = [each for each in accounts.values() if folded in _names_of(each)]
    found = [each for each in found if each.active and each.linked] or found
    if len(found) == 1:
        return found[0].id
    if not found:
        raise UsageError(f"no account is called {shorten(repr(wanted))}")
    several = ", ".join(f"{BY_NUMBER}{each.id} ({each.type})" for each in found[:5])
    raise UsageError(f"{shorten(repr(wanted))} is several accounts: write one of {several}")


def _names_of(account: Account) -> set[str]:
    """What an account is called: all of its label, its number, or its name."""
    return {each.casefold() for each in (account.label, account.number, account.name) if each}
