"""The lines of sales forms, which these share, and what must add up (quickbooks-api 10.4)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar

from models.checks import SameAmount
from models.fields import Day, Money, Number, Raw, Text, value_at
from models.lines import LineShape
from models.money import DECIMALS_MAX, exact_decimal, quickbooks_decimals
from models.records import Content, References, Value
from models.reference_fields import Named, Reference
from models.words import Owner

ITEM_LINE = "SalesItemLineDetail"
DISCOUNT_LINE = "DiscountLineDetail"
#: QuickBooks's own item that shipping charges are lines of; no list shows it.
SHIPPING_ITEM = "SHIPPING_ITEM_ID"


class BundleAmount(Money):
    """What the parts of a bundle add up to: QuickBooks leaves the bundle's own amount zero."""

    absent_is_none: ClassVar[bool] = False

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """The sum of the parts' amounts."""
        parts = value_at(raw, "GroupLineDetail.Line")
        if not isinstance(parts, list) or not parts:
            return super().from_quickbooks(raw, references, currency)
        amounts = (
            exact_decimal(value_at(each, "Amount") or 0, field=self.name, decimals_max=DECIMALS_MAX)
            for each in parts
        )
        return self.checked(sum(amounts, Decimal(0)), currency)


def _tax_code(path: str) -> Named:
    return Named(name="tax_code", quickbooks=path, entity="TaxCode", literal=("TAX", "NON"))


def _dimension() -> Reference:
    return Reference(
        name="class",
        quickbooks=f"{ITEM_LINE}.ClassRef",
        platform="class_id",
        to=("class",),
        meaning="Class that the line counts in.",
    )


SALES_SHAPES = (
    LineShape(
        kind="shipping",
        marker=ITEM_LINE,
        where=((f"{ITEM_LINE}.ItemRef.value", SHIPPING_ITEM),),
        constant={"DetailType": ITEM_LINE, f"{ITEM_LINE}.ItemRef.value": SHIPPING_ITEM},
        fields=(
            Money(name="amount", quickbooks="Amount", required=True),
            _tax_code(f"{ITEM_LINE}.TaxCodeRef"),
        ),
    ),
    LineShape(
        kind="item",
        marker=ITEM_LINE,
        constant={"DetailType": ITEM_LINE},
        fields=(
            Reference(
                name="item", quickbooks=f"{ITEM_LINE}.ItemRef", platform="item_id", to=("item",)
            ),
            Text(name="description", quickbooks="Description"),
            Number(name="quantity", quickbooks=f"{ITEM_LINE}.Qty"),
            Number(name="unit_price", quickbooks=f"{ITEM_LINE}.UnitPrice"),
            Money(name="amount", quickbooks="Amount", required=True),
            Money(
                name="gross_amount",
                quickbooks=f"{ITEM_LINE}.TaxInclusiveAmt",
                meaning="The amount with its tax, where amounts include tax.",
            ),
            _tax_code(f"{ITEM_LINE}.TaxCodeRef"),
            _dimension(),
            Day(name="service_on", quickbooks=f"{ITEM_LINE}.ServiceDate"),
        ),
    ),
    LineShape(
        kind="description",
        marker="DescriptionOnly",
        constant={"DetailType": "DescriptionOnly", "DescriptionLineDetail": {}},
        fields=(Text(name="description", quickbooks="Description"),),
    ),
    LineShape(
        kind="percent_discount",
        marker=DISCOUNT_LINE,
        where=((f"{DISCOUNT_LINE}.PercentBased", True),),
        constant={"DetailType": DISCOUNT_LINE, f"{DISCOUNT_LINE}.PercentBased": True},
        fields=(
            Text(name="description", quickbooks="Description"),
            Number(
                name="discount_percent",
                quickbooks=f"{DISCOUNT_LINE}.DiscountPercent",
                required=True,
            ),
            Money(
                name="amount",
                quickbooks="Amount",
                owner=Owner.QUICKBOOKS,
                meaning="The percentage of the lines above, as QuickBooks rounds it.",
            ),
        ),
    ),
    LineShape(
        kind="discount",
        marker=DISCOUNT_LINE,
        constant={"DetailType": DISCOUNT_LINE, f"{DISCOUNT_LINE}.PercentBased": False},
        fields=(
            Text(name="description", quickbooks="Description"),
            Money(name="amount", quickbooks="Amount", required=True),
        ),
    ),
    LineShape(
        kind="bundle",
        marker="GroupLineDetail",
        constant={"DetailType": "GroupLineDetail"},
        fields=(
            Reference(
                name="item",
                quickbooks="GroupLineDetail.GroupItemRef",
                platform="item_id",
                to=("item",),
                required=True,
            ),
            Text(name="description", quickbooks="Description"),
            Number(name="quantity", quickbooks="GroupLineDetail.Quantity"),
            BundleAmount(name="amount", quickbooks="Amount", owner=Owner.QUICKBOOKS),
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


def total_of_parts(content: Content) -> Decimal | None:
    """Lines less discounts plus tax; None while QuickBooks has not said what a part amounts to."""
    plain, discounts = Decimal(0), Decimal(0)
    lines = content.get("lines") or ()
    for line in lines:
        amount = line.get("amount")
        if line["kind"] == "other" or (line["kind"] == "bundle" and amount is None):
            return None
        if line["kind"] == "discount":
            discounts += amount or Decimal(0)
        elif line["kind"] != "percent_discount":
            plain += amount or Decimal(0)
    step = Decimal(1).scaleb(-quickbooks_decimals(content.get("currency") or "USD"))
    for line in lines:
        if line["kind"] == "percent_discount":
            share = plain * (line.get("discount_percent") or Decimal(0)) / 100
            discounts += share.quantize(step, rounding=ROUND_HALF_UP)
    return plain - discounts + (content.get("tax_total") or Decimal(0))


def largest_line_difference(content: Content) -> Decimal:
    """How far any line's amount is from quantity times price, beyond half a cent (fault 6070)."""
    largest = Decimal(0)
    for line in content.get("lines") or ():
        if line.get("quantity") is not None and line.get("unit_price") is not None:
            product = line["quantity"] * line["unit_price"]
            difference = abs(product - (line.get("amount") or Decimal(0)))
            if difference > Decimal("0.005"):
                largest = max(largest, difference)
    return largest


#: What a sales form must add up to.
SALES_SUMS = (
    SameAmount(
        field="total",
        compute=total_of_parts,
        code="unbalanced",
        message="total is not the sum of the lines, less discounts, plus tax_total",
        fix="Correct the lines, tax_total or total so that they add up.",
    ),
    SameAmount(
        field="lines",
        compute=largest_line_difference,
        code="line_amount",
        message="a line's amount is not its quantity times its unit_price",
        fix="Correct the line's quantity, unit_price or amount.",
    ),
)
