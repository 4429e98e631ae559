"""Totals: what a document comes to, its subtotal, discount, tax and open balance.

Totals are derived again only when something they depend on was sent. Old documents that do not add
up (a statement charge has one subtotal and no line) are thus left alone by an edit of their memo.
Source: dossier sections 10.1, 10.4 to 10.7; notes on recorded data ("Odd documents").
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from emulator import faults
from emulator.writing.documents import home_amounts, refuse_negative_total
from emulator.writing.draft import ZERO, Draft, amount, cents, reference
from emulator.writing.lines import line_total
from emulator.writing.sales_tax import automated, automated_code, tax_lines

if TYPE_CHECKING:
    from emulator.company import Record

_HUNDRED = Decimal(100)
_TAXED_LINES_MAX = 750
_OPEN_FIELD = {"CreditMemo": ("Balance", "RemainingCredit")}
_CREDITS = frozenset({"CreditMemo", "VendorCredit"})


def sales_totals(draft: Draft) -> None:
    """Derive subtotal line, discount, tax and TotalAmt of a sales form."""
    if not draft.touched("Line", "TxnTaxDetail", "ApplyTaxAfterDiscount"):
        home_amounts(draft)
        return
    lines = draft.after["Line"]
    if draft.gave("Line"):
        lines = _with_subtotal(lines)
        draft.after["Line"] = lines
    subtotal = _sum(lines, "SubTotalLineDetail")
    discount = _sum(lines, "DiscountLineDetail")
    _derive_tax(draft, lines, subtotal, discount)
    tax = amount(draft.after["TxnTaxDetail"], "TotalTax")
    draft.after["TotalAmt"] = cents(subtotal - discount + tax)
    refuse_negative_total(draft)
    home_amounts(draft)


def _sum(lines: list[Record], kind: str) -> Decimal:
    return sum((amount(line, "Amount") for line in lines if line.get("DetailType") == kind), ZERO)


def _with_subtotal(lines: list[Record]) -> list[Record]:
    """Return the lines with the server's subtotal, followed by the discount if there is one."""
    plain = [line for line in lines if line.get("DetailType") != "DiscountLineDetail"]
    discounts = [line for line in lines if line.get("DetailType") == "DiscountLineDetail"]
    subtotal = line_total(plain)
    for line in discounts:
        detail = line["DiscountLineDetail"]
        if detail["PercentBased"]:
            line["Amount"] = cents(subtotal * Decimal(detail["DiscountPercent"]) / _HUNDRED)
    appended = {"Amount": subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
    return [*plain, appended, *discounts]


def _derive_tax(draft: Draft, lines: list[Record], subtotal: Decimal, discount: Decimal) -> None:
    """Keep a tax total that was sent; else take the tax lines; else the code's rate."""
    detail = dict(draft.after.get("TxnTaxDetail") or {})
    sent = draft.sent.get("TxnTaxDetail") or {}
    code_id = reference(detail, "TxnTaxCodeRef")
    untouched = draft.sparse and "TxnTaxDetail" not in draft.sent
    if sent.get("TotalTax") is not None or untouched:
        detail.setdefault("TotalTax", ZERO)
    elif automated(draft.company):
        detail = _automated_tax(draft, lines, subtotal, discount)
    elif sent.get("TaxLine"):
        detail["TotalTax"] = sum((amount(line, "Amount") for line in sent["TaxLine"]), ZERO)
    elif code_id and draft.company.preference("TaxPrefs", "UsingSalesTax"):
        _tax_by_code(draft, detail, code_id, _discounted(draft, lines, subtotal, discount))
    else:
        detail["TotalTax"] = ZERO
    draft.after["TxnTaxDetail"] = detail
    if detail["TotalTax"] and len(lines) > _TAXED_LINES_MAX:
        raise faults.business(
            f"A taxable transaction may have {_TAXED_LINES_MAX} lines at most.", "Line"
        )


def _discounted(draft: Draft, lines: list[Record], subtotal: Decimal, discount: Decimal) -> Decimal:
    """Return the taxable amount, less its share of the discount if tax comes after it."""
    taxable = _taxable(lines)
    if draft.after.get("ApplyTaxAfterDiscount") and subtotal:
        return cents(taxable - discount * taxable / subtotal)
    return taxable


def _automated_tax(
    draft: Draft, lines: list[Record], subtotal: Decimal, discount: Decimal
) -> Record:
    """Return the tax as QuickBooks computes it by itself, under its own code."""
    code_id = automated_code(draft)
    customer = draft.company.get("Customer", reference(draft.after, "CustomerRef")) or {}
    taxed = customer.get("Taxable", True)
    taxable = _discounted(draft, lines, subtotal, discount) if taxed else ZERO
    detail: Record = {"TxnTaxCodeRef": {"value": code_id}}
    _tax_by_code(draft, detail, code_id, taxable)
    return detail


def _taxable(lines: list[Record]) -> Decimal:
    total = ZERO
    for line in lines:
        children = line.get("GroupLineDetail", {}).get("Line") or []
        code = reference(line.get("SalesItemLineDetail") or {}, "TaxCodeRef")
        total += _taxable(children) if children else ZERO
        if code not in {"", "NON"}:
            total += amount(line, "Amount")
    return total


def _tax_by_code(draft: Draft, detail: Record, code_id: str, taxable: Decimal) -> None:
    found = tax_lines(draft.company, code_id, taxable)
    detail["TotalTax"] = sum((amount(line, "Amount") for line in found), ZERO)
    if found:
        detail["TaxLine"] = found


def purchase_totals(draft: Draft) -> None:
    """Derive TotalAmt of a purchase form: its lines and its tax."""
    if draft.touched("Line", "TxnTaxDetail"):
        detail = draft.after.get("TxnTaxDetail")
        if detail and detail.get("TotalTax") is None and detail.get("TaxLine"):
            total_tax = sum((amount(line, "Amount") for line in detail["TaxLine"]), ZERO)
            draft.after["TxnTaxDetail"] = {**detail, "TotalTax": total_tax}
        tax = amount(draft.after.get("TxnTaxDetail") or {}, "TotalTax")
        draft.after["TotalAmt"] = line_total(draft.after["Line"]) + tax
        refuse_negative_total(draft)
    home_amounts(draft)


def open_balance(draft: Draft) -> None:
    """Move the open balance by as much as the total moved; note what is now applied too much.

    A deposit that came with an invoice is taken off what is open. What is applied of a credit holds
    it: the documents do not say what becomes of a credit below that, so it is refused.
    """
    fields = _OPEN_FIELD.get(draft.entity.name, ("Balance",))
    open_amount = _to_pay(draft.after)
    if draft.before is not None:
        open_amount -= _to_pay(draft.before) - amount(draft.before, fields[-1])
    if draft.gave("Deposit", "Line", "TxnTaxDetail"):
        _check_deposit(draft.after)
    if open_amount < 0 and draft.entity.name in _CREDITS:
        raise faults.business("More of this credit is applied than its new total.", "TotalAmt")
    if open_amount < 0:
        draft.excess, open_amount = -open_amount, ZERO
    for field in fields:
        draft.after[field] = open_amount
    home_amounts(draft)


def _to_pay(record: Record) -> Decimal:
    """Return what is to be paid of a document after it was issued."""
    return amount(record, "TotalAmt") - amount(record, "Deposit")


def _check_deposit(record: Record) -> None:
    """Refuse a deposit below zero or above what the form comes to."""
    if amount(record, "Deposit") < 0:
        raise faults.negative_amount("Deposit")
    if _to_pay(record) < 0:
        raise faults.business("The deposit is more than the total.", "Deposit")


def zero_balance(draft: Draft) -> None:
    """A form that is paid on the spot owes nothing."""
    draft.after["Balance"] = 0


def journal_balance(draft: Draft) -> None:
    """Refuse a journal entry whose debits and credits differ."""
    draft.after["TotalAmt"] = 0
    if not draft.gave("Line"):
        return
    sides = {"Debit": ZERO, "Credit": ZERO}
    entries = [line for line in draft.after["Line"] if "JournalEntryLineDetail" in line]
    for line in entries:
        sides[line["JournalEntryLineDetail"]["PostingType"]] += amount(line, "Amount")
    if sides["Debit"] != sides["Credit"]:
        raise faults.unbalanced()
    if len(entries) < 2:
        raise faults.business("A journal entry needs at least two lines.", "Line")


def check_transfer(draft: Draft) -> None:
    """Refuse a transfer of nothing (unless it was voided), to itself, or off the balance sheet."""
    moved = amount(draft.after, "Amount")
    was_voided = draft.before is not None and not amount(draft.before, "Amount")
    if moved < 0 or (not moved and not was_voided):
        raise faults.negative_amount("Amount")
    sides = [reference(draft.after, name) for name in ("FromAccountRef", "ToAccountRef")]
    if sides[0] == sides[1]:
        raise faults.business("A transfer needs two different accounts.", "ToAccountRef")
    for side in sides:
        account = draft.company.get("Account", side) or {}
        if account.get("Classification") in {"Revenue", "Expense"}:
            raise faults.business("Only balance sheet accounts can be used in a transfer.")
        if account.get("AccountType") in {"Accounts Receivable", "Accounts Payable"}:
            raise faults.business("Receivables and payables cannot be used in a transfer.")


def deposit_totals(draft: Draft) -> None:
    """Derive TotalAmt of a deposit: its lines less the cash taken back."""
    if not draft.touched("Line", "CashBack"):
        return
    cash_back = amount(draft.after.get("CashBack") or {}, "Amount")
    lines = draft.after["Line"]
    draft.after["TotalAmt"] = cents(
        sum((amount(line, "Amount") for line in lines), ZERO) - cash_back
    )
    refuse_negative_total(draft)
    home_amounts(draft)
