"""Vendor credits: what a vendor owes back (quickbooks-api 10.5)."""

from __future__ import annotations

from models import posting_rules
from models.checks import SameAmount, amount_check, present_check
from models.document_fields import (
    CURRENCY,
    DEPARTMENT,
    EXCHANGE_RATE,
    HOME_TOTAL,
    TAX_CALCULATION,
    TAX_TOTAL,
    TOTAL,
)
from models.fields import Day, Money, Text
from models.lines import Lines
from models.marker import Marking, Note
from models.purchase_lines import PURCHASE_SHAPES, total_of_lines
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="vendor_credit",
    plural="vendor credits",
    data_type=DataType.EXPENSES,
    entity="VendorCredit",
    table="vendor_credits",
    web_page="vendorcredit?txnId=",
    meaning="What a vendor owes back; bill payments apply it to bills.",
    label="number",
    amount="total",
    booked_on="issued_on",
    postings=posting_rules.vendor_credit,
    report_titles=("Vendor Credit",),
    delete_means=DeleteMeans.DELETE,
    voidable=True,
    match_keys=(("number", "vendor", "total"), ("vendor", "issued_on", "total")),
    # the number of a vendor credit is the vendor's own
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
        Note(name="memo", quickbooks="PrivateNote"),
        Reference(
            name="payable_account",
            quickbooks="APAccountRef",
            platform="payable_account_id",
            to=("account",),
            normalised=True,
            meaning="Where it counts; QuickBooks takes its payables account where it is empty.",
        ),
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        TAX_CALCULATION,
        TAX_TOTAL,
        Lines(name="lines", quickbooks="Line", table="vendor_credit_lines", shapes=PURCHASE_SHAPES),
        TOTAL,
        HOME_TOTAL,
        Money(
            name="remaining",
            quickbooks="Balance",
            owner=Owner.QUICKBOOKS,
            meaning="What no bill payment has applied yet.",
        ),
    ),
    checks=(
        present_check("lines"),
        amount_check("total", minimum=0),
        SameAmount(
            field="total",
            compute=total_of_lines,
            code="unbalanced",
            message="total is not the sum of the lines plus tax_total",
            fix="Correct the lines, tax_total or total so that they add up.",
        ),
    ),
)
