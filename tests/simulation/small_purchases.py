"""What QuickBooks does to expenses, bills, their payments and vendor credits.

As `small_documents`, which has what all documents share. Source: the reference, section 10.5, and
the emulator, which these rules follow.
"""

from __future__ import annotations

from emulator import faults
from tests.simulation.small_documents import (
    amount,
    applied_total,
    currency,
    due_date,
    duplicate_number,
    duplicate_purchase_number,
    line_total,
    lines,
    link_lines,
    open_balance,
    refuse_over_applied,
    transaction_date,
)
from tests.simulation.small_fields import ZERO
from tests.simulation.small_rules import Draft, Rule, check_account_type
from tests.simulation.small_state import Record

_PAID_ON_THE_SPOT = frozenset({"Purchase", "Expense", "Check", "CreditCardCredit"})
_PAYING_ACCOUNTS = {
    "Check": {"Bank"},
    "Cash": {"Bank", "Other Current Asset"},
    "CreditCard": {"Credit Card"},
}


def purchase_kind(draft: Draft) -> None:
    """Check that the account fits the way of paying, and that only a card takes a refund."""
    after, kind = draft.after, str(draft.after.get("PaymentType"))
    if draft.gave("AccountRef", "PaymentType"):
        check_account_type(draft, "AccountRef", _PAYING_ACCOUNTS[kind])
    if after.get("Credit") and kind != "CreditCard":
        raise faults.business("Only a credit card purchase can be a credit.", "Credit")
    if kind == "CreditCard":
        after["Credit"] = bool(after.get("Credit"))
    else:
        after.pop("Credit", None)


def purchase_totals(draft: Draft) -> None:
    """The lines and the tax."""
    if draft.touched("Line", "TxnTaxDetail"):
        detail = draft.after.get("TxnTaxDetail") or {}
        if detail.get("TotalTax") is None and detail.get("TaxLine"):
            of_lines = sum((amount(each, "Amount") for each in detail["TaxLine"]), ZERO)
            detail = draft.after["TxnTaxDetail"] = {**detail, "TotalTax": of_lines}
        tax = amount(detail, "TotalTax")
        draft.after["TotalAmt"] = line_total(draft.after["Line"]) + tax
        if draft.after["TotalAmt"] < 0:
            raise faults.negative_amount("TotalAmt")


def payables_account(draft: Draft) -> None:
    """The payables account where none was given; only such a one may be owed on."""
    if not draft.after.get("APAccountRef"):
        found = draft.books.account_of("AccountsPayable")
        if found:
            draft.after["APAccountRef"] = {"value": found}
    elif draft.gave("APAccountRef"):
        check_account_type(draft, "APAccountRef", {"Accounts Payable"})


def paying_account(draft: Draft) -> None:
    """Check that a bill payment says from which bank account or card it is paid."""
    after = draft.after
    by_check = after.get("PayType") == "Check"
    holder, field = (
        ("CheckPayment", "BankAccountRef") if by_check else ("CreditCardPayment", "CCAccountRef")
    )
    detail = after.get(holder) or {}
    if not detail.get(field):
        raise faults.missing(f"{holder}.{field}")
    if by_check and "PrintStatus" not in detail:
        after[holder] = {**detail, "PrintStatus": "NotSet"}
    after.pop("CreditCardPayment" if by_check else "CheckPayment", None)
    if not after.get("Line") and (draft.before is None or "Line" in draft.sent):
        raise faults.missing("Line")


def bill_payment_lines(draft: Draft) -> None:
    """Keep the links of a bill payment, which must add up to its total."""
    after = draft.after
    sent = after.get("Line") or []
    if "Line" in draft.sent:
        # a line that pays what has been paid on the spot is dropped without a word
        after["Line"] = [each for each in sent if not _pays_an_expense(each)]
    dropped = len(after.get("Line") or ()) < len(sent)
    link_lines(draft)
    left_over = after["TotalAmt"] - applied_total(after)
    refuse_over_applied(left_over)
    applies_anew = any(draft.old(name) != after.get(name) for name in ("Line", "TotalAmt"))
    if left_over > 0 and applies_anew and not dropped:
        raise faults.business("The lines must add up to the total.", "TotalAmt")


def _pays_an_expense(line: Record) -> bool:
    return any(each.get("TxnType") in _PAID_ON_THE_SPOT for each in line.get("LinkedTxn") or ())


_BEFORE: tuple[Rule, ...] = (transaction_date, payables_account, currency)
_LINES: tuple[Rule, ...] = (lines, purchase_totals, open_balance)
PURCHASE_RULES: dict[str, tuple[Rule, ...]] = {
    "Bill": (*_BEFORE, due_date, *_LINES, duplicate_number),
    "VendorCredit": (*_BEFORE, *_LINES),
    "Purchase": (
        purchase_kind,
        transaction_date,
        currency,
        lines,
        purchase_totals,
        duplicate_purchase_number,
    ),
    "BillPayment": (transaction_date, paying_account, currency, bill_payment_lines),
}
