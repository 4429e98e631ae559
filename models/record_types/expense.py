"""Expenses: money spent by cash, check or card, and card refunds (quickbooks-api 10.5)."""

from __future__ import annotations

from decimal import Decimal

from models.checks import SameAmount, Unique, amount_check, present_check
from models.fields import Choice, Currency, Day, Flag, Money, Number, Text
from models.lines import Lines, LineShape
from models.marker import Marking, Note
from models.record_type import DeleteMeans, RecordType, Workflow
from models.records import Content
from models.reference_fields import Named, Reference
from models.words import DataType, Owner

ACCOUNT_LINE = "AccountBasedExpenseLineDetail"
ITEM_LINE = "ItemBasedExpenseLineDetail"


def total_of_lines(content: Content) -> Decimal | None:
    """Sum of the lines, or None while one of them has a kind of its own."""
    lines = content.get("lines") or ()
    if any(line["kind"] == "other" for line in lines):
        return None
    return sum((line["amount"] for line in lines), Decimal(0))


def refund_off_card(content: Content) -> Decimal:
    """1 for a refund that is not on a card, which QuickBooks does not know (10.5), else 0."""
    off_card = content.get("is_refund") and content.get("payment_method") != "credit_card"
    return Decimal(1 if off_card else 0)


RECORD_TYPE = RecordType(
    name="expense",
    plural="expenses",
    data_type=DataType.EXPENSES,
    entity="Purchase",
    table="expenses",
    meaning="Money spent by cash, check or card, or refunded to a card.",
    label="number",
    amount="total",
    delete_means=DeleteMeans.DELETE,
    match_keys=(("number", "payment_account", "spent_on", "total"),),
    marking=Marking(
        number="number",
        note="memo",
        # the number of a check is the one printed on it
        number_is_ours=lambda content, _custom_numbers: content.get("payment_method") != "check",
    ),
    always_sent=("PaymentType", "AccountRef", "Credit"),
    workflow=Workflow(
        column="status",
        forwarded=("approved", "posted"),
        posted="posted",
        withdrawn=("submitted", "rejected"),
    ),
    fields=(
        Text(name="number", quickbooks="DocNumber", length_max=21, meaning="Reference number."),
        Reference(
            name="payee",
            quickbooks="EntityRef",
            to=("vendor", "customer"),
            type_path="EntityRef.type",
            type_words={"vendor": "Vendor", "customer": "Customer"},
            columns={"vendor": "payee_vendor_id", "customer": "payee_customer_id"},
        ),
        Text(
            name="payee_name",
            quickbooks="EntityRef.name",
            owner=Owner.QUICKBOOKS,
            meaning="The payee's name in QuickBooks, also where the payee is an employee.",
        ),
        Choice(
            name="payment_method",
            quickbooks="PaymentType",
            required=True,
            create_only=True,
            words={"cash": "Cash", "check": "Check", "credit_card": "CreditCard"},
        ),
        Flag(
            name="is_refund",
            quickbooks="Credit",
            create_only=True,
            meaning="A refund to a card; QuickBooks keeps its amounts positive.",
        ),
        Reference(
            name="payment_account",
            quickbooks="AccountRef",
            platform="payment_account_id",
            to=("account",),
            required=True,
            meaning="The bank or card account that paid.",
        ),
        Day(name="spent_on", quickbooks="TxnDate", required=True),
        Note(name="memo", quickbooks="PrivateNote"),
        Currency(name="currency", quickbooks="CurrencyRef.value", create_only=True),
        Number(name="exchange_rate", quickbooks="ExchangeRate", normalised=True),
        Lines(
            name="lines",
            quickbooks="Line",
            table="expense_lines",
            shapes=(
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
                        Money(name="amount", quickbooks="Amount", required=True),
                        Named(
                            name="tax_code",
                            quickbooks=f"{ACCOUNT_LINE}.TaxCodeRef",
                            entity="TaxCode",
                            literal=("TAX", "NON"),
                        ),
                        Reference(
                            name="customer",
                            quickbooks=f"{ACCOUNT_LINE}.CustomerRef",
                            platform="customer_id",
                            to=("customer",),
                        ),
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
                        Money(name="amount", quickbooks="Amount", required=True),
                        Named(
                            name="tax_code",
                            quickbooks=f"{ITEM_LINE}.TaxCodeRef",
                            entity="TaxCode",
                            literal=("TAX", "NON"),
                        ),
                        Reference(
                            name="customer",
                            quickbooks=f"{ITEM_LINE}.CustomerRef",
                            platform="customer_id",
                            to=("customer",),
                        ),
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
    ),
    checks=(
        present_check("lines"),
        Unique(
            field="number",
            code="duplicate_number",
            message="another expense has the same number",
            fix="Give one of them another number, or none.",
        ),
        amount_check("total", minimum=0),
        SameAmount(
            field="total",
            compute=total_of_lines,
            code="unbalanced",
            message="total is not the sum of the lines",
            fix="Correct the lines or total so that they add up.",
        ),
        SameAmount(
            field="is_refund",
            compute=refund_off_card,
            code="refund_off_card",
            message="only a card can take a refund",
            fix="Set payment_method to credit_card, or record a deposit instead.",
        ),
    ),
)
