"""The lines of what the company buys: expenses, bills and vendor credits (quickbooks-api 10.5)."""

from __future__ import annotations

from decimal import Decimal

from models.fields import Choice, Field, Money, Number, Text
from models.lines import LineShape
from models.records import Content
from models.reference_fields import Named, Reference

ACCOUNT_LINE = "AccountBasedExpenseLineDetail"
ITEM_LINE = "ItemBasedExpenseLineDetail"


def _common(detail: str) -> tuple[Field, ...]:
    """What both kinds of line end with."""
    return (
        Money(name="amount", quickbooks="Amount", required=True),
        Money(
            name="gross_amount",
            quickbooks=f"{detail}.TaxInclusiveAmt",
            meaning="The amount with its tax, where amounts include tax.",
        ),
        Named(
            name="tax_code",
            quickbooks=f"{detail}.TaxCodeRef",
            entity="TaxCode",
            literal=("TAX", "NON"),
        ),
        Reference(
            name="customer",
            quickbooks=f"{detail}.CustomerRef",
            platform="customer_id",
            to=("customer",),
            meaning="Customer that the cost is for.",
        ),
        Choice(
            name="billing",
            quickbooks=f"{detail}.BillableStatus",
            words={
                "billable": "Billable",
                "not_billable": "NotBillable",
                "billed": "HasBeenBilled",
            },
            meaning="Whether the customer pays for it.",
        ),
        Reference(
            name="class",
            quickbooks=f"{detail}.ClassRef",
            platform="class_id",
            to=("class",),
            meaning="Class that the line counts in.",
        ),
    )


PURCHASE_SHAPES = (
    LineShape(
        kind="account",
        marker=ACCOUNT_LINE,
        constant={"DetailType": ACCOUNT_LINE},
        fields=(
            Reference(
                name="account",
                quickbooks=f"{ACCOUNT_LINE}.AccountRef",
                platform="account_id",
                to=("account",),
                required=True,
            ),
            Text(name="description", quickbooks="Description"),
            *_common(ACCOUNT_LINE),
        ),
    ),
    LineShape(
        kind="item",
        marker=ITEM_LINE,
        constant={"DetailType": ITEM_LINE},
        fields=(
            Reference(
                name="item",
                quickbooks=f"{ITEM_LINE}.ItemRef",
                platform="item_id",
                to=("item",),
                required=True,
            ),
            Text(name="description", quickbooks="Description"),
            Number(name="quantity", quickbooks=f"{ITEM_LINE}.Qty"),
            Number(name="unit_price", quickbooks=f"{ITEM_LINE}.UnitPrice"),
            *_common(ITEM_LINE),
        ),
    ),
    LineShape(
        kind="other",
        marker="",
        constant={},
        writable=False,
        fields=(
            Text(name="description", quickbooks="Description"),
            Money(name="amount", quickbooks="Amount"),
        ),
    ),
)


def total_of_lines(content: Content) -> Decimal | None:
    """Sum of the lines and the tax, or None while a line has a kind of its own."""
    lines = content.get("lines") or ()
    if any(line["kind"] == "other" for line in lines):
        return None
    lines_total = sum((line["amount"] for line in lines), Decimal(0))
    return lines_total + (content.get("tax_total") or Decimal(0))
