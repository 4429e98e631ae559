"""The words that everything else uses: sides, operations, states.

One word for one thing, in code, tables, flows and pages alike (docs/words.md lists them all).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Word(StrEnum):
    """A word of a fixed few."""

    #: As the text that it equals; and the words are keys everywhere, where Enum's own is slow.
    __hash__ = str.__hash__


class Side(Word):
    """One of the two places that hold a record."""

    QUICKBOOKS = "quickbooks"
    PLATFORM = "platform"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.PLATFORM if self is Side.QUICKBOOKS else Side.QUICKBOOKS


#: Both, in their order: an enum finds its members anew each time that it is gone through.
SIDES: Final = tuple(Side)


class DataType(Word):
    """What a user switches on or off."""

    FINANCIALS = "financials"
    INVOICES = "invoices"
    EXPENSES = "expenses"


class ExpensePosting(Word):
    """What an approved expense of the platform becomes in QuickBooks."""

    #: A Purchase: the company itself has paid.
    PURCHASE = "purchase"
    #: A bill of the employee, who has paid and is reimbursed.
    BILL = "bill"


class DefaultAccount(Word):
    """Where an account that a company has chosen stands in for one that is not entered."""

    #: Expenses by cash or check, and by card.
    EXPENSE_BANK = "expense_bank"
    EXPENSE_CARD = "expense_card"
    #: Payments of bills by check, and by card.
    BILL_PAYMENT_BANK = "bill_payment_bank"
    BILL_PAYMENT_CARD = "bill_payment_card"
    #: Refund receipts.
    REFUND = "refund"
    #: Lines of expenses, bills and vendor credits.
    PURCHASE_LINE = "purchase_line"
    #: What items earn.
    ITEM_INCOME = "item_income"


class Operation(Word):
    """What a write does to a record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    VOID = "void"


class Owner(Word):
    """Which side's value counts for a field."""

    BOTH = "both"
    QUICKBOOKS = "quickbooks"
    PLATFORM = "platform"


class Rule(Word):
    """Who wins when both sides changed one field differently."""

    LATEST = "latest"
    QUICKBOOKS = "quickbooks"
    PLATFORM = "platform"
    REVIEW = "review"


class IntentState(Word):
    """The life of one write: planned, sent, then one of three ends."""

    PLANNED = "planned"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
