"""Expenses: money spent by cash, check or card, and card refunds (quickbooks-api 10.5)."""

from __future__ import annotations

from decimal import Decimal

from models import posting_rules
from models.checks import SameAmount, Unique, amount_check, present_check
from models.document_fields import (
    CURRENCY,
    DEPARTMENT,
    EXCHANGE_RATE,
    HOME_TOTAL,
    TAX_CALCULATION,
    TAX_TOTAL,
    TOTAL,
)
from models.fields import Choice, Day, Flag, Text
from models.lines import Lines
from models.marker import Marking, Note
from models.purchase_lines import PURCHASE_SHAPES, total_of_lines
from models.record_type import DeleteMeans, RecordType, Workflow
from models.records import Content
from models.reference_fields import Reference
from models.words import DataType, Owner


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
    web_page="expense?txnId=",
    meaning="Money spent by cash, check or card, or refunded to a card.",
    label="number",
    amount="total",
    booked_on="spent_on",
    postings=posting_rules.expense,
    report_titles=("Expense", "Check", "Cash Expense", "Credit Card Expense", "Credit Card Credit"),
    delete_means=DeleteMeans.DELETE,
    voidable=True,
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
        billed_as="bill_id",
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
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        TAX_CALCULATION,
        TAX_TOTAL,
        Lines(
            name="lines",
            quickbooks="Line",
            table="expense_lines",
            shapes=PURCHASE_SHAPES,
        ),
        TOTAL,
        HOME_TOTAL,
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
