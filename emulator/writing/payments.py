"""Payments, bill payments and purchases: what is paid, from where, and how much is left over.

Source: dossier sections 10.4 (Payment), 10.5 (BillPayment, Purchase); the recorded company for
LineEx, PurchaseEx and their type codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.writing.draft import ZERO, Draft, amount
from emulator.writing.links import CREDITS, find_target
from emulator.writing.lists import check_account_type

if TYPE_CHECKING:
    from decimal import Decimal

    from emulator.company import Record

_PAID_ON_THE_SPOT = frozenset({"Purchase", "Expense", "Check", "CreditCardCredit"})
_PURCHASE_CODES = {"Check": "3", "Credit": "11", "Cash": "54", "CreditCard": "54"}
_PAYING_ACCOUNTS = {
    "Check": {"Bank"},
    "Cash": {"Bank", "Other Current Asset"},
    "CreditCard": {"Credit Card"},
}


def name_value(name: str, value: str) -> Record:
    """Return a name and value the way QuickBooks wraps them in its Ex fields."""
    return {
        "name": "{http://schema.intuit.com/finance/v3}NameValue",
        "declaredType": "com.intuit.schema.finance.v3.NameValue",
        "scope": "javax.xml.bind.JAXBElement$GlobalScope",
        "value": {"Name": name, "Value": value},
        "nil": False,
        "globalScope": True,
        "typeSubstituted": False,
    }


def payment_total(draft: Draft) -> None:
    """Refuse a payment without a total; the real service answers 6000, not 2020."""
    if draft.after.get("TotalAmt") is None:
        raise faults.business("Payment amount is required.", "TotalAmt")
    if amount(draft.after, "TotalAmt") < 0:
        raise faults.negative_amount("TotalAmt")


def payment_lines(draft: Draft) -> None:
    """Keep the links of a payment in recorded form and derive what is left unapplied."""
    if draft.whole:
        draft.default("Line", [])
    dropped = False
    if "Line" in draft.sent:
        lines = draft.after.get("Line") or []
        kept = [line for line in lines if not _unpayable(draft, line)]
        dropped = len(kept) < len(lines)
        draft.after["Line"] = [_link_line(draft, line) for line in kept]
    applied = ZERO
    for line in draft.after.get("Line") or []:
        links = line.get("LinkedTxn") or [{}]
        sign = -1 if links[0].get("TxnType") in CREDITS else 1
        applied += sign * amount(line, "Amount")
    left_over = amount(draft.after, "TotalAmt") - applied
    if left_over < 0:
        raise faults.business(
            "The amount applied is more than the amount of the payment.", "TotalAmt"
        )
    if draft.entity.name == "BillPayment":
        if left_over > 0 and not dropped and _applies_anew(draft):
            raise faults.business("The lines must add up to the total.", "TotalAmt")
        return
    if draft.touched("Line", "TotalAmt"):
        draft.after["UnappliedAmt"] = left_over


def _applies_anew(draft: Draft) -> bool:
    """Say whether the total or the lines are others than before.

    A bill that was lowered has taken its part off the lines; an edit of the memo, which repeats the
    total, does not have to make up for that.
    """
    return any(draft.old(name) != draft.after.get(name) for name in ("Line", "TotalAmt"))


def _unpayable(draft: Draft, line: Record) -> bool:
    """Say whether a bill payment's line is dropped without a word: it pays what has been paid."""
    if draft.entity.name != "BillPayment" or not draft.company.options.drop_unpayable_links:
        return False
    links = line.get("LinkedTxn") or [{}]
    return links[0].get("TxnType") in _PAID_ON_THE_SPOT


def _link_line(draft: Draft, line: Record) -> Record:
    """Return one line as it is stored: amount, link, and the extras QuickBooks adds."""
    links = line.get("LinkedTxn") or []
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    if amount(line, "Amount") < 0:
        raise faults.negative_amount("Line.Amount")
    if len(links) != 1 or not links[0].get("TxnId") or not links[0].get("TxnType"):
        raise faults.missing("Line.LinkedTxn")
    link = {"TxnId": links[0]["TxnId"], "TxnType": links[0]["TxnType"]}
    stored: Record = {"Amount": line["Amount"], "LinkedTxn": [link]}
    if draft.entity.name == "Payment":
        stored["LineEx"] = _line_extras(draft, link, amount(line, "Amount"))
    return stored


def _line_extras(draft: Draft, link: Record, applied: Decimal) -> Record:
    """Return LineEx: the open balance is the one before this payment, as text."""
    old_lines: list[Record] = draft.old("Line") or []
    for old in old_lines:
        if old.get("LinkedTxn") == [link] and "LineEx" in old and old["Amount"] == applied:
            return dict(old["LineEx"])
    _, target = find_target(draft.company, link)
    before = sum(
        (amount(old, "Amount") for old in old_lines if old.get("LinkedTxn") == [link]), ZERO
    )
    balance = amount(target or {}, "Balance") + before
    extras: list[Any] = [
        name_value("txnId", link["TxnId"]),
        name_value("txnOpenBalance", f"{balance:.2f}"),
    ]
    if target and target.get("DocNumber"):
        extras.append(name_value("txnReferenceNumber", str(target["DocNumber"])))
    return {"any": extras}


def bill_payment_account(draft: Draft) -> None:
    """Check that a bill payment says which bank account or card it is paid from."""
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
    if not after.get("Line") and (draft.whole or "Line" in draft.sent):
        # A voided payment has no lines any more; its memo can still be edited.
        raise faults.missing("Line")


def purchase_kind(draft: Draft) -> None:
    """Check account and kind of a purchase, and write what QuickBooks derives from them."""
    after = draft.after
    kind = str(after.get("PaymentType"))
    if draft.gave("AccountRef", "PaymentType"):
        check_account_type(draft, "AccountRef", _PAYING_ACCOUNTS[kind])
    if after.get("Credit") and kind != "CreditCard":
        raise faults.business("Only a credit card purchase can be a credit.", "Credit")
    if kind == "CreditCard":
        after["Credit"] = bool(after.get("Credit"))
    else:
        after.pop("Credit", None)
    if kind == "Check":
        draft.default("PrintStatus", "NeedToPrint")
    else:
        after.pop("PrintStatus", None)
    code = _PURCHASE_CODES["Credit" if after.get("Credit") else kind]
    changed = draft.before is None or draft.gave("PaymentType", "Credit")
    if changed and _kind_of(draft.before) != _kind_of(after):
        after["PurchaseEx"] = {"any": [name_value("TxnType", code)]}


def _kind_of(record: Record | None) -> tuple[object, bool] | None:
    if record is None:
        return None
    return record.get("PaymentType"), bool(record.get("Credit"))
