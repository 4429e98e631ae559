"""Refund receipts: money that was paid back to a customer at once (quickbooks-api 10.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models import posting_rules
from models.checks import Unique, amount_check, present_check
from models.document_fields import (
    CURRENCY,
    DEPARTMENT,
    EXCHANGE_RATE,
    HOME_TOTAL,
    TAX_CALCULATION,
    TAX_CODE,
    TAX_TOTAL,
    TOTAL,
)
from models.fields import Day, Derived, Text
from models.lines import Lines
from models.marker import Marking, Note
from models.open_balance import is_voided
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Named, Reference
from models.sales_lines import SALES_SHAPES, SALES_SUMS
from models.words import DataType


def status_in_quickbooks(raw: Mapping[str, Any]) -> str:
    """Paid back, or taken back; it is voided in QuickBooks only (section 3.4)."""
    return "voided" if is_voided(raw) else "refunded"


RECORD_TYPE = RecordType(
    name="refund_receipt",
    plural="refund receipts",
    data_type=DataType.INVOICES,
    entity="RefundReceipt",
    table="refund_receipts",
    web_page="refundreceipt?txnId=",
    meaning="Money that was paid back to a customer, and what for.",
    label="number",
    amount="total",
    booked_on="refunded_on",
    postings=posting_rules.refund_receipt,
    report_titles=("Refund",),
    delete_means=DeleteMeans.DELETE,
    voidable=True,
    match_keys=(("number", "customer", "total"),),
    marking=Marking(
        number="number",
        note="memo",
        # otherwise QuickBooks numbers its sales forms by itself
        number_is_ours=lambda _content, custom_numbers: custom_numbers,
    ),
    always_sent=("DepositToAccountRef",),
    fields=(
        Text(name="number", quickbooks="DocNumber", length_max=21),
        Reference(
            name="customer",
            quickbooks="CustomerRef",
            platform="customer_id",
            to=("customer",),
            meaning="Whom the money went to; QuickBooks does not ask for it.",
        ),
        Day(name="refunded_on", quickbooks="TxnDate", required=True),
        Text(
            name="reference",
            quickbooks="PaymentRefNum",
            length_max=21,
            meaning="Number of the check or transfer that paid.",
        ),
        Note(name="memo", quickbooks="PrivateNote"),
        Text(name="customer_message", quickbooks="CustomerMemo.value", length_max=1000),
        Text(name="email", quickbooks="BillEmail.Address", length_max=100),
        Named(name="method", quickbooks="PaymentMethodRef", entity="PaymentMethod"),
        Reference(
            name="payment_account",
            # QuickBooks's name for it on all forms that move money, whichever way
            quickbooks="DepositToAccountRef",
            platform="payment_account_id",
            to=("account",),
            required=True,
            meaning="The account that the money goes out of.",
        ),
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        TAX_CALCULATION,
        TAX_CODE,
        TAX_TOTAL,
        Lines(
            name="lines",
            quickbooks="Line",
            table="refund_receipt_lines",
            ignored=("SubTotalLineDetail",),
            shapes=SALES_SHAPES,
        ),
        TOTAL,
        HOME_TOTAL,
        Derived(
            name="status",
            derive=status_in_quickbooks,
            words=dict.fromkeys(("refunded", "voided"), ""),
            meaning="Voided in QuickBooks only: apps cannot void it.",
        ),
    ),
    checks=(
        present_check("lines"),
        Unique(
            field="number",
            code="duplicate_number",
            message="another refund receipt has the same number",
            fix="Give one of them another number, or none: QuickBooks then numbers it.",
        ),
        amount_check("total", minimum=0),
        amount_check("tax_total", minimum=0),
        *SALES_SUMS,
    ),
)
