"""Invoices with their lines and status (quickbooks-api 10.4)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models.checks import NotBefore, SameAmount, Unique, amount_check, present_check
from models.fields import Currency, Day, Derived, Money, Number, Text
from models.lines import Lines, LineShape
from models.marker import Marking, Note
from models.money import DECIMALS_MAX, exact_decimal
from models.record_type import DeleteMeans, RecordType
from models.records import Content
from models.reference_fields import Named, Reference
from models.words import DataType, Owner


def status_in_quickbooks(raw: Mapping[str, Any]) -> str:
    """The status that QuickBooks's figures say.

    A voided invoice carries no flag: its total is zero and its note begins with "Voided" (3.4).
    """
    total, balance = (
        exact_decimal(raw.get(name) or 0, field="status", decimals_max=DECIMALS_MAX)
        for name in ("TotalAmt", "Balance")
    )
    if total == 0 and str(raw.get("PrivateNote") or "").startswith("Voided"):
        return "voided"
    if balance == 0:
        return "paid" if total != 0 else "open"
    return "open" if balance >= total else "partially_paid"


def total_of_parts(content: Content) -> Decimal | None:
    """Lines less discounts plus tax, or None while a bundle hides its own amounts."""
    lines = content.get("lines") or ()
    if any(line["kind"] in ("bundle", "other") for line in lines):
        return None
    amounts = (
        -line["amount"] if line["kind"] == "discount" else line.get("amount", Decimal(0))
        for line in lines
    )
    return sum(amounts, Decimal(0)) + (content.get("tax_total") or Decimal(0))


def largest_line_difference(content: Content) -> Decimal:
    """How far any line's amount is from quantity times price, beyond half a cent (fault 6070)."""
    largest = Decimal(0)
    for line in content.get("lines") or ():
        if line.get("quantity") is not None and line.get("unit_price") is not None:
            product = line["quantity"] * line["unit_price"]
            difference = abs(product - line["amount"])
            if difference > Decimal("0.005"):
                largest = max(largest, difference)
    return largest


ITEM_LINE = "SalesItemLineDetail"
DISCOUNT_LINE = "DiscountLineDetail"

RECORD_TYPE = RecordType(
    name="invoice",
    plural="invoices",
    data_type=DataType.INVOICES,
    entity="Invoice",
    table="invoices",
    meaning="What a customer owes, with its lines and how much of it is paid.",
    label="number",
    amount="total",
    delete_means=DeleteMeans.DELETE,
    match_keys=(("number", "customer", "total"),),
    marking=Marking(
        number="number",
        note="memo",
        # otherwise QuickBooks numbers its sales forms by itself
        number_is_ours=lambda _content, custom_numbers: custom_numbers,
    ),
    void_status="voided",
    fields=(
        Text(name="number", quickbooks="DocNumber", length_max=21),
        Reference(
            name="customer",
            quickbooks="CustomerRef",
            platform="customer_id",
            to=("customer",),
            required=True,
        ),
        Day(name="issued_on", quickbooks="TxnDate", required=True),
        Day(
            name="due_on",
            quickbooks="DueDate",
            normalised=True,
            meaning="QuickBooks computes it from the terms where it is empty.",
        ),
        Named(name="terms", quickbooks="SalesTermRef", entity="Term"),
        Note(name="memo", quickbooks="PrivateNote"),
        Text(name="customer_message", quickbooks="CustomerMemo.value", length_max=1000),
        Text(name="email", quickbooks="BillEmail.Address", length_max=100),
        Currency(name="currency", quickbooks="CurrencyRef.value", create_only=True),
        Number(name="exchange_rate", quickbooks="ExchangeRate", normalised=True),
        Named(
            name="tax_code",
            quickbooks="TxnTaxDetail.TxnTaxCodeRef",
            entity="TaxCode",
            owner=Owner.QUICKBOOKS,
            create_only=True,
            meaning="Tax code of the whole document.",
        ),
        Money(
            name="tax_total",
            quickbooks="TxnTaxDetail.TotalTax",
            owner=Owner.QUICKBOOKS,
            create_only=True,
            meaning="Sales tax; given when the invoice is made, QuickBooks's own afterwards.",
        ),
        Lines(
            name="lines",
            quickbooks="Line",
            table="invoice_lines",
            ignored=("SubTotalLineDetail",),
            shapes=(
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
                        ),
                        Text(name="description", quickbooks="Description"),
                        Number(name="quantity", quickbooks=f"{ITEM_LINE}.Qty"),
                        Number(name="unit_price", quickbooks=f"{ITEM_LINE}.UnitPrice"),
                        Money(name="amount", quickbooks="Amount", required=True),
                        Named(
                            name="tax_code",
                            quickbooks=f"{ITEM_LINE}.TaxCodeRef",
                            entity="TaxCode",
                            literal=("TAX", "NON"),
                        ),
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
                    kind="discount",
                    marker=DISCOUNT_LINE,
                    constant={"DetailType": DISCOUNT_LINE},
                    fields=(
                        Text(name="description", quickbooks="Description"),
                        Number(
                            name="discount_percent", quickbooks=f"{DISCOUNT_LINE}.DiscountPercent"
                        ),
                        Money(name="amount", quickbooks="Amount", required=True),
                    ),
                ),
                LineShape(
                    kind="bundle",
                    marker="GroupLineDetail",
                    constant={},
                    writable=False,
                    fields=(
                        Reference(
                            name="item",
                            quickbooks="GroupLineDetail.GroupItemRef",
                            platform="item_id",
                            to=("item",),
                        ),
                        Text(name="description", quickbooks="Description"),
                        Number(name="quantity", quickbooks="GroupLineDetail.Quantity"),
                        Money(name="amount", quickbooks="Amount"),
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
            ),
        ),
        Money(name="total", quickbooks="TotalAmt", owner=Owner.QUICKBOOKS),
        Money(name="balance", quickbooks="Balance", owner=Owner.QUICKBOOKS),
        Derived(
            name="status",
            derive=status_in_quickbooks,
            words=dict.fromkeys(("open", "partially_paid", "paid", "voided"), ""),
            platform_may_set=("voided",),
            meaning="Follows QuickBooks's figures; setting voided on the platform voids it there.",
        ),
    ),
    checks=(
        present_check("lines"),
        Unique(
            field="number",
            code="duplicate_number",
            message="another invoice has the same number",
            fix="Give one of them another number, or none: QuickBooks then numbers it.",
        ),
        amount_check("total", minimum=0),
        amount_check("tax_total", minimum=0),
        NotBefore(
            field="due_on",
            other="issued_on",
            code="due_before_issued",
            message="due_on is before issued_on",
            fix="Correct one of the two dates.",
        ),
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
    ),
)
