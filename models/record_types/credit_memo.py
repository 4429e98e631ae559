"""Credit memos: what a customer is owed back (quickbooks-api 10.4)."""

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
from models.fields import Day, Derived, Money, Text
from models.lines import Lines
from models.marker import Marking, Note
from models.money import DECIMALS_MAX, exact_decimal
from models.open_balance import is_voided
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.sales_lines import SALES_SHAPES, SALES_SUMS
from models.words import DataType, Owner


def status_in_quickbooks(raw: Mapping[str, Any]) -> str:
    """How much of the credit was used; it is voided in QuickBooks only (section 3.4)."""
    if is_voided(raw):
        return "voided"
    total, left = (
        exact_decimal(raw.get(name) or 0, field="status", decimals_max=DECIMALS_MAX)
        for name in ("TotalAmt", "RemainingCredit")
    )
    if left == 0:
        return "applied" if total != 0 else "open"
    return "open" if left >= total else "partially_applied"


RECORD_TYPE = RecordType(
    name="credit_memo",
    plural="credit memos",
    data_type=DataType.INVOICES,
    entity="CreditMemo",
    table="credit_memos",
    web_page="creditmemo?txnId=",
    meaning="What a customer is owed back; payments apply it to invoices.",
    label="number",
    amount="total",
    booked_on="issued_on",
    postings=posting_rules.credit_memo,
    report_titles=("Credit Memo",),
    delete_means=DeleteMeans.DELETE,
    voidable=True,
    match_keys=(("number", "customer", "total"),),
    marking=Marking(
        number="number",
        note="memo",
        # otherwise QuickBooks numbers its sales forms by itself
        number_is_ours=lambda _content, custom_numbers: custom_numbers,
    ),
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
        Note(name="memo", quickbooks="PrivateNote"),
        Text(name="customer_message", quickbooks="CustomerMemo.value", length_max=1000),
        Text(name="email", quickbooks="BillEmail.Address", length_max=100),
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        TAX_CALCULATION,
        TAX_CODE,
        TAX_TOTAL,
        Lines(
            name="lines",
            quickbooks="Line",
            table="credit_memo_lines",
            ignored=("SubTotalLineDetail",),
            shapes=SALES_SHAPES,
        ),
        TOTAL,
        HOME_TOTAL,
        Money(
            name="remaining",
            quickbooks="RemainingCredit",
            owner=Owner.QUICKBOOKS,
            meaning="What no payment has applied yet.",
        ),
        Derived(
            name="status",
            derive=status_in_quickbooks,
            words=dict.fromkeys(("open", "partially_applied", "applied", "voided"), ""),
            meaning="Follows QuickBooks's figures.",
        ),
    ),
    checks=(
        present_check("lines"),
        Unique(
            field="number",
            code="duplicate_number",
            message="another credit memo has the same number",
            fix="Give one of them another number, or none: QuickBooks then numbers it.",
        ),
        amount_check("total", minimum=0),
        amount_check("tax_total", minimum=0),
        *SALES_SUMS,
    ),
)
