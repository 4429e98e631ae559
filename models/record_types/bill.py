"""Bills of vendors, and how much of them is paid (quickbooks-api 10.5)."""

from __future__ import annotations

from models import posting_rules
from models.checks import NotBefore, SameAmount, amount_check, present_check
from models.document_fields import (
    CURRENCY,
    DEPARTMENT,
    EXCHANGE_RATE,
    HOME_TOTAL,
    TAX_CALCULATION,
    TAX_TOTAL,
    TOTAL,
)
from models.fields import Day, Derived, Money, Text
from models.lines import Lines
from models.marker import Marking, Note
from models.open_balance import status_of_document
from models.purchase_lines import PURCHASE_SHAPES, total_of_lines
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Named, Reference
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="bill",
    plural="bills",
    data_type=DataType.EXPENSES,
    entity="Bill",
    table="bills",
    web_page="bill?txnId=",
    meaning="What the company owes a vendor, with its lines and how much of it is paid.",
    label="number",
    amount="total",
    booked_on="issued_on",
    postings=posting_rules.bill,
    report_titles=("Bill",),
    delete_means=DeleteMeans.DELETE,
    voidable=True,
    match_keys=(("number", "vendor", "total"), ("vendor", "issued_on", "total")),
    # the number of a bill is the vendor's own
    marking=Marking(number="number", note="memo"),
    always_sent=("VendorRef",),
    fields=(
        Text(name="number", quickbooks="DocNumber", length_max=21, meaning="The vendor's number."),
        Reference(
            name="vendor",
            quickbooks="VendorRef",
            platform="vendor_id",
            to=("vendor",),
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
        Reference(
            name="payable_account",
            quickbooks="APAccountRef",
            platform="payable_account_id",
            to=("account",),
            normalised=True,
            meaning="Where it is owed; QuickBooks takes its payables account where it is empty.",
        ),
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        TAX_CALCULATION,
        TAX_TOTAL,
        Lines(name="lines", quickbooks="Line", table="bill_lines", shapes=PURCHASE_SHAPES),
        TOTAL,
        HOME_TOTAL,
        Money(name="balance", quickbooks="Balance", owner=Owner.QUICKBOOKS),
        Derived(
            name="status",
            derive=status_of_document,
            words=dict.fromkeys(("open", "partially_paid", "paid", "voided"), ""),
            meaning="Follows QuickBooks's figures.",
        ),
    ),
    checks=(
        present_check("lines"),
        amount_check("total", minimum=0),
        NotBefore(
            field="due_on",
            other="issued_on",
            code="due_before_issued",
            message="due_on is before issued_on",
            fix="Correct one of the two dates.",
        ),
        SameAmount(
            field="total",
            compute=total_of_lines,
            code="unbalanced",
            message="total is not the sum of the lines plus tax_total",
            fix="Correct the lines, tax_total or total so that they add up.",
        ),
    ),
)
