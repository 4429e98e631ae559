"""What QuickBooks does to sales forms: bundles, totals, what is still open.

As `small_documents`, which has what all documents share. Source: the reference, section 10.4, and
the emulator, which these rules follow.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from emulator import faults
from tests.simulation.small_documents import (
    amount,
    auto_number,
    currency,
    deposited,
    due_date,
    duplicate_number,
    email_address,
    line_total,
    lines,
    open_balance,
    transaction_date,
)
from tests.simulation.small_fields import CENT, ZERO
from tests.simulation.small_rules import Draft, Rule, reference
from tests.simulation.small_state import Record


def expand_bundles(draft: Draft) -> None:
    """Write out the parts of every bundle that came without them."""
    if not draft.gave("Line"):
        return
    for line in draft.after["Line"]:
        group = line.get("GroupLineDetail")
        if line.get("DetailType") != "GroupLineDetail" or not group:
            continue
        bundle = draft.books.get("Item", reference(group, "GroupItemRef"))
        if bundle is None:
            raise faults.missing("Line.GroupLineDetail.GroupItemRef")
        group.setdefault("Quantity", Decimal(1))
        if not group.get("Line"):
            group["Line"] = _parts(draft, bundle, group["Quantity"])


def _parts(draft: Draft, bundle: Record, times: Decimal) -> list[Record]:
    """Each part's quantity is the bundle's times its own, its amount that times its price."""
    parts = []
    for part in (bundle.get("ItemGroupDetail") or {}).get("ItemGroupLine") or ():
        item = draft.books.get("Item", reference(part, "ItemRef")) or {}
        quantity, price = amount(part, "Qty") * times, amount(item, "UnitPrice")
        detail = {"ItemRef": {"value": item.get("Id")}, "UnitPrice": price, "Qty": quantity}
        value = (quantity * price).quantize(CENT, rounding=ROUND_HALF_UP)
        line: Record = {"Amount": value, "DetailType": "SalesItemLineDetail"}
        if item.get("Description"):
            line["Description"] = item["Description"]
        parts.append({**line, "SalesItemLineDetail": detail})
    return parts


def sales_totals(draft: Draft) -> None:
    """Subtotal, discount, tax as it was given, total."""
    after = draft.after
    if not draft.touched("Line", "TxnTaxDetail"):
        return
    if draft.gave("Line"):
        after["Line"] = _with_subtotal(after["Line"])
    total = ZERO
    for line in after["Line"]:
        kind = line["DetailType"]
        if kind == "SubTotalLineDetail":
            total += line["Amount"]
        elif kind == "DiscountLineDetail":
            total -= line["Amount"]
    tax = dict(after.get("TxnTaxDetail") or {})
    if draft.before is None or "TxnTaxDetail" in draft.sent:
        given = tax.get("TotalTax")
        if given is None:
            of_lines = (amount(each, "Amount") for each in tax.get("TaxLine") or ())
            tax["TotalTax"] = sum(of_lines, ZERO)
    after["TxnTaxDetail"] = tax
    after["TotalAmt"] = total + amount(tax, "TotalTax")
    if after["TotalAmt"] < 0:
        raise faults.negative_amount("TotalAmt")


def _with_subtotal(sent: list[Record]) -> list[Record]:
    discounts = [each for each in sent if each["DetailType"] == "DiscountLineDetail"]
    plain = sent
    if discounts:
        plain = [each for each in sent if each["DetailType"] != "DiscountLineDetail"]
    subtotal = line_total(plain)
    for each in discounts:
        detail = each["DiscountLineDetail"]
        if detail["PercentBased"]:
            share = subtotal * detail["DiscountPercent"] / 100
            each["Amount"] = share.quantize(CENT, rounding=ROUND_HALF_UP)
    written = {"Amount": subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
    return [*plain, written, *discounts]


def zero_balance(draft: Draft) -> None:
    """A form that is paid on the spot leaves nothing open."""
    draft.after["Balance"] = ZERO


_FORM: tuple[Rule, ...] = (expand_bundles, lines, sales_totals)
_LINES: tuple[Rule, ...] = (*_FORM, open_balance)
_NUMBER: tuple[Rule, ...] = (auto_number, duplicate_number, email_address)
SALES_RULES: dict[str, tuple[Rule, ...]] = {
    "Invoice": (transaction_date, currency, due_date, *_LINES, *_NUMBER),
    "CreditMemo": (transaction_date, currency, *_LINES, *_NUMBER),
    "RefundReceipt": (
        transaction_date,
        deposited,
        currency,
        *_FORM,
        zero_balance,
        *_NUMBER,
    ),
}
