"""Invoices with their lines and status (quickbooks-api 10.4)."""

from __future__ import annotations

from models import posting_rules
from models.checks import NotBefore, Unique, amount_check, present_check
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
from models.open_balance import status_of_document
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Named, Reference
from models.sales_lines import SALES_SHAPES, SALES_SUMS
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="invoice",
    plural="invoices",
    data_type=DataType.INVOICES,
    entity="Invoice",
    table="invoices",
    web_page="invoice?txnId=",
    meaning="What a customer owes, with its lines and how much of it is paid.",
    label="number",
    amount="total",
    booked_on="issued_on",
    postings=posting_rules.invoice,
    report_titles=("Invoice",),
    delete_means=DeleteMeans.DELETE,
    match_keys=(("number", "customer", "total"),),
    marking=Marking(
        number="number",
        note="memo",
        # otherwise QuickBooks numbers its sales forms by itself
        number_is_ours=lambda _content, custom_numbers: custom_numbers,
    ),
    voidable=True,
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
        Day(name="shipped_on", quickbooks="ShipDate"),
        Text(name="tracking_number", quickbooks="TrackingNum", length_max=31),
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        TAX_CALCULATION,
        TAX_CODE,
        TAX_TOTAL,
        Lines(
            name="lines",
            quickbooks="Line",
            table="invoice_lines",
            ignored=("SubTotalLineDetail",),
            shapes=SALES_SHAPES,
        ),
        TOTAL,
        HOME_TOTAL,
        Money(
            name="deposit",
            quickbooks="Deposit",
            meaning="What was paid when it was issued; it is taken off the balance.",
        ),
        Money(name="balance", quickbooks="Balance", owner=Owner.QUICKBOOKS),
        Derived(
            name="status",
            derive=status_of_document,
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
        *SALES_SUMS,
    ),
)
