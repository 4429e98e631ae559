"""Lines: replaced as a whole, numbered by the server, checked one by one.

A line whose Id is already in the document keeps it; any other becomes a new line with a new Id.
QuickBooks writes the subtotal itself, so a subtotal that is sent is dropped and written anew.
Source: dossier sections 3.2 (replacement and Ids), 8.1 (6070), 10.1, 10.4 to 10.6; the recorded
company for LineNum, CustomExtensions and the defaults of line details.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.writing.draft import ZERO, Draft, amount, cents, reference
from emulator.writing.links import find_target
from emulator.writing.sales_tax import automated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.company import Record

#: Lines the server writes without an Id, or that are links and no lines proper.
UNNUMBERED = frozenset({"SubTotalLineDetail", "DiscountLineDetail", None})
_WITHOUT_NUMBER = frozenset({"Purchase", "JournalEntry", "VendorCredit"})
_HALF_CENT = Decimal("0.005")
_DETAIL_PROPERTY = {"DescriptionOnly": "DescriptionLineDetail"}
_LINES_MAX = 10_000
#: Parts of a line's detail that a void leaves nothing of.
_ZEROED_PARTS = ("Qty", "TaxInclusiveAmt")
#: Who must be named on a line that moves what somebody owes.
_PARTIES = {"Accounts Receivable": "Customer", "Accounts Payable": "Vendor"}


def number_lines(draft: Draft) -> None:
    """Give lines their Ids and numbers, keeping the Ids that are known."""
    if not draft.gave("Line"):
        return
    lines = [line for line in draft.after["Line"] if line.get("DetailType") != "SubTotalLineDetail"]
    if not lines:
        raise faults.missing("Line")
    if len(lines) > _LINES_MAX:
        raise faults.business(f"A transaction may have {_LINES_MAX} lines at most.", "Line")
    first = 0 if draft.entity.name == "JournalEntry" else 1
    known = {str(line["Id"]) for line in _flat(draft.old("Line") or []) if "Id" in line}
    taken = [int(line_id) for line_id in known if line_id.isdecimal()]
    fresh = max(taken, default=first - 1) + 1
    used: set[str] = set()
    for position, line in enumerate(_flat(lines), start=1):
        if line.get("DetailType") in UNNUMBERED:
            line.pop("Id", None)
            line.pop("LineNum", None)
            continue
        line_id = str(line.get("Id", ""))
        if line_id not in known or line_id in used:
            line_id, fresh = str(fresh), fresh + 1
        used.add(line_id)
        line["Id"] = line_id
        line["CustomExtensions"] = []
        if draft.entity.name in _WITHOUT_NUMBER:
            line.pop("LineNum", None)
        else:
            line["LineNum"] = position
    draft.after["Line"] = lines


def _flat(lines: list[Record]) -> Iterator[Record]:
    """Yield lines in order, those inside a bundle after the bundle itself."""
    for line in lines:
        yield line
        yield from _flat(line.get("GroupLineDetail", {}).get("Line") or [])


def check_lines(draft: Draft) -> None:
    """Check each line's kind, amount and detail, and fill in what the server fills in."""
    if not draft.gave("Line"):
        return
    for line in _flat(draft.after["Line"]):
        kind = line.get("DetailType")
        if kind is None and line.get("LinkedTxn") and draft.entity.name == "Deposit":
            _deposited_link(draft, line)
            continue
        if not isinstance(kind, str):
            raise faults.missing("Line.DetailType")
        if kind not in draft.entity.line_details:
            raise faults.bad_choice("Line.DetailType", kind)
        name: str = _DETAIL_PROPERTY.get(kind, kind)
        line.setdefault(name, {})
        _CHECKS[kind](draft, line, line[name])


def _require_amount(line: Record) -> None:
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")


def _sales_item(draft: Draft, line: Record, detail: Record) -> None:
    _require_amount(line)
    item = _item(draft, detail, default=True)
    kept = _old_item_account(draft, line, detail)
    if kept or item.get("IncomeAccountRef"):
        detail["ItemAccountRef"] = dict(kept or item["IncomeAccountRef"])
    _check_product(line, detail)
    if "TaxCodeRef" not in detail and draft.company.preference("TaxPrefs", "UsingSalesTax"):
        detail["TaxCodeRef"] = {"value": "TAX" if automated(draft.company) else "NON"}


def _old_item_account(draft: Draft, line: Record, detail: Record) -> Record | None:
    """Return the account a line was posted to before, if it is still for the same item."""
    for old in _flat(draft.old("Line") or []):
        old_detail = old.get("SalesItemLineDetail") or {}
        same_item = reference(old_detail, "ItemRef") == reference(detail, "ItemRef")
        if old.get("Id") == line.get("Id") and same_item:
            account: Record | None = old_detail.get("ItemAccountRef")
            return account
    return None


def _item(draft: Draft, detail: Record, *, default: bool) -> Record:
    """Return the line's item; a sales line without one gets the company's first service."""
    item_id = reference(detail, "ItemRef")
    if not item_id and default:
        services = [
            item
            for item in draft.company.records["Item"].values()
            if item.get("Type") == "Service" and item.get("Active", True)
        ]
        if not services:
            raise faults.missing("Line.SalesItemLineDetail.ItemRef")
        first = services[0]
        detail["ItemRef"] = {"value": first["Id"], "name": first["FullyQualifiedName"]}
        return first
    return draft.company.get("Item", item_id) or {}


def _check_product(line: Record, detail: Record) -> None:
    """Refuse an Amount that is not Qty times UnitPrice; both zero means neither was meant."""
    quantity, price = detail.get("Qty"), detail.get("UnitPrice")
    if quantity is None or price is None:
        return
    total = amount(line, "Amount")
    if quantity == 0 and price == 0 and total != 0:
        detail.pop("Qty")
        detail.pop("UnitPrice")
        return
    if abs(Decimal(quantity) * Decimal(price) - total) > _HALF_CENT:
        raise faults.wrong_multiplication(total)


def _group(draft: Draft, line: Record, detail: Record) -> None:
    del draft
    if not detail.get("GroupItemRef"):
        raise faults.missing("Line.GroupLineDetail.GroupItemRef")
    line["Amount"] = sum((amount(child, "Amount") for child in detail.get("Line") or []), ZERO)


def _description(draft: Draft, line: Record, detail: Record) -> None:
    del draft, detail
    line.pop("Amount", None)
    line.pop("DescriptionOnly", None)


def _discount(draft: Draft, line: Record, detail: Record) -> None:
    if draft.company.preference("SalesFormsPrefs", "AllowDiscount") is False:
        raise faults.QuickBooksFault(
            "5030", "Feature Not Supported Error", "Discount is not enabled for this company."
        )
    if detail.get("PercentBased"):
        if detail.get("DiscountPercent") is None:
            raise faults.missing("Line.DiscountLineDetail.DiscountPercent")
    else:
        detail["PercentBased"] = False
        _require_amount(line)
    if "DiscountAccountRef" not in detail:
        account_id = draft.company.account_by_subtype("DiscountsRefundsGiven")
        if account_id is not None:
            name = draft.company.records["Account"][account_id]["FullyQualifiedName"]
            detail["DiscountAccountRef"] = {"value": account_id, "name": name}


def _expense_account(draft: Draft, line: Record, detail: Record) -> None:
    _require_amount(line)
    if not detail.get("AccountRef"):
        raise faults.missing("Line.AccountBasedExpenseLineDetail.AccountRef")
    account = draft.company.get("Account", reference(detail, "AccountRef")) or {}
    kind = _payee_kind(draft)
    if account.get("AccountType") == "Accounts Receivable" and detail.get("CustomerRef"):
        kind = "Customer"
    _require_party(account, kind, "Line.AccountBasedExpenseLineDetail.AccountRef")
    _expense_defaults(draft, line, detail)


def _payee_kind(draft: Draft) -> str:
    """Say whether a purchase form is a vendor's or somebody else's."""
    if "VendorRef" in draft.entity.fields:
        return "Vendor"
    payee = draft.after.get("EntityRef") or {}
    return str(payee.get("type") or ("Vendor" if payee else ""))


def _expense_item(draft: Draft, line: Record, detail: Record) -> None:
    _require_amount(line)
    if not detail.get("ItemRef"):
        # Such a line is taken as text: it stays, its amount does not count.
        line["Amount"] = ZERO
        detail.pop("Qty", None)
        detail.pop("UnitPrice", None)
    _check_product(line, detail)
    _expense_defaults(draft, line, detail)


def _expense_defaults(draft: Draft, line: Record, detail: Record) -> None:
    if draft.entity.name == "Bill":
        line.setdefault("LinkedTxn", [])
    billing = draft.company.preference("VendorAndPurchasesPrefs", "BillableExpenseTracking")
    billable = bool(detail.get("CustomerRef")) and bool(billing)
    detail.setdefault("BillableStatus", "Billable" if billable else "NotBillable")
    if "TaxCodeRef" not in detail and draft.company.preference("TaxPrefs", "UsingSalesTax"):
        detail["TaxCodeRef"] = {"value": "NON"}


def _journal(draft: Draft, line: Record, detail: Record) -> None:
    _require_amount(line)
    if amount(line, "Amount") < 0:
        raise faults.negative_amount("Line.Amount")
    for name in ("PostingType", "AccountRef"):
        if not detail.get(name):
            raise faults.missing(f"Line.JournalEntryLineDetail.{name}")
    account = draft.company.get("Account", reference(detail, "AccountRef")) or {}
    kind = (detail.get("Entity") or {}).get("Type")
    _require_party(account, kind, "Line.JournalEntryLineDetail.Entity")


def _require_party(account: Record, kind: object, element: str) -> None:
    """Refuse a line on receivables without a customer, or on payables without a vendor."""
    wanted = _PARTIES.get(str(account.get("AccountType")))
    if wanted is not None and str(kind or "").lower() != wanted.lower():
        raise faults.business(
            f"When you use {account['AccountType']}, you must choose a {wanted.lower()} in the "
            "Name field.",
            element,
        )


def _deposit(draft: Draft, line: Record, detail: Record) -> None:
    _require_amount(line)
    if line.get("LinkedTxn"):
        return
    if not detail.get("AccountRef"):
        raise faults.missing("Line.DepositLineDetail.AccountRef")
    account = draft.company.get("Account", reference(detail, "AccountRef")) or {}
    who = detail.get("Entity") or {}
    kind = who.get("type") or ("Customer" if who else "")
    _require_party(account, kind, "Line.DepositLineDetail.Entity")


def _deposited_link(draft: Draft, line: Record) -> None:
    """Check the line of a deposit that takes a payment out of Undeposited Funds."""
    _require_amount(line)
    link = line["LinkedTxn"][0]
    if link.get("TxnLineId") is None:
        raise faults.missing("Line.LinkedTxn.TxnLineId")
    _, target = find_target(draft.company, link)
    if target is None:
        # The links themselves are checked when they are applied.
        return
    holders = [
        other.get("TxnId")
        for other in target.get("LinkedTxn") or []
        if other.get("TxnType") == "Deposit"
    ]
    if any(holder != draft.after["Id"] for holder in holders):
        raise faults.deposited()
    undeposited = draft.company.account_by_subtype("UndepositedFunds")
    if reference(target, "DepositToAccountRef") not in {"", undeposited}:
        raise faults.business("The payment is not in Undeposited Funds.", "Line.LinkedTxn")
    # what was paid back lowers a deposit
    sign = -1 if link.get("TxnType") == "RefundReceipt" else 1
    if sign * amount(target, "TotalAmt") != amount(line, "Amount"):
        raise faults.business("The line must take the whole of the payment.", "Line.Amount")


def _nothing(draft: Draft, line: Record, detail: Record) -> None:
    del draft, line, detail


_CHECKS: dict[str, Any] = {
    "SalesItemLineDetail": _sales_item,
    "GroupLineDetail": _group,
    "DescriptionOnly": _description,
    "DiscountLineDetail": _discount,
    "SubTotalLineDetail": _nothing,
    "AccountBasedExpenseLineDetail": _expense_account,
    "ItemBasedExpenseLineDetail": _expense_item,
    "JournalEntryLineDetail": _journal,
    "DepositLineDetail": _deposit,
}


def void_lines(lines: list[Record]) -> list[Record]:
    """Return the lines of a voided document: amounts and quantities zeroed."""
    voided = []
    for line in lines:
        copy = dict(line)
        if "Amount" in copy:
            copy["Amount"] = 0
        for name, member in line.items():
            if isinstance(member, dict):
                zeros = {part: 0 for part in _ZEROED_PARTS if part in member}
                copy[name] = {**member, **zeros} if zeros else member
        group = line.get("GroupLineDetail")
        if group and group.get("Line"):
            copy["GroupLineDetail"] = {**group, "Line": void_lines(group["Line"])}
        voided.append(copy)
    return voided


def line_total(lines: list[Record]) -> Decimal:
    """Return what the lines add up to, discounts and subtotals aside."""
    total = ZERO
    for line in lines:
        children = line.get("GroupLineDetail", {}).get("Line")
        if children:
            total += line_total(children)
        elif line.get("DetailType") not in {"SubTotalLineDetail", "DiscountLineDetail"}:
            total += amount(line, "Amount")
    return cents(total)
