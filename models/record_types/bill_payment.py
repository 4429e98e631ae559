"""Payments of bills, by check or card, and what they settle (quickbooks-api 10.5)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models import posting_rules
from models.checks import PLATFORM_ONLY, SameAmount, amount_check, present_check
from models.document_fields import CURRENCY, DEPARTMENT, EXCHANGE_RATE
from models.fields import Choice, Day, Derived, Money, Text
from models.lines import Lines
from models.marker import Marking, Note
from models.open_balance import is_voided
from models.record_type import DeleteMeans, RecordType
from models.records import Content
from models.reference_fields import Reference
from models.settlement_lines import MARKER_PATH, SETTLES_ANOTHER, settles
from models.words import DataType


def status_in_quickbooks(raw: Mapping[str, Any]) -> str:
    """Paid, or taken back."""
    return "voided" if is_voided(raw) else "paid"


def missing_account(content: Content) -> Decimal:
    """1 where the account that its method needs is missing (fault 2020), else 0."""
    needed = "card_account" if content.get("method") == "credit_card" else "bank_account"
    return Decimal(0 if content.get(needed) else 1)


def unapplied(content: Content) -> Decimal:
    """What the lines differ from the amount by: a bill payment leaves nothing unapplied."""
    lines = content.get("lines") or ()
    settled = sum((line["amount"] for line in lines if line["kind"] != "vendor_credit"), Decimal(0))
    credited = sum(
        (line["amount"] for line in lines if line["kind"] == "vendor_credit"), Decimal(0)
    )
    return settled - credited - (content.get("amount") or Decimal(0))


RECORD_TYPE = RecordType(
    name="bill_payment",
    plural="bill payments",
    data_type=DataType.EXPENSES,
    entity="BillPayment",
    table="bill_payments",
    web_page="billpayment?txnId=",
    meaning="Money paid to a vendor or employee, and the bills it settles.",
    label="number",
    amount="amount",
    booked_on="paid_on",
    postings=posting_rules.bill_payment,
    report_titles=("Bill Payment", "Bill Payment (Check)", "Bill Payment (Credit Card)"),
    delete_means=DeleteMeans.DELETE,
    match_keys=(("vendor", "paid_on", "amount", "number"),),
    # its number is that of the check
    marking=Marking(number="number", note="memo"),
    voidable=True,
    void_status="voided",
    always_sent=("VendorRef", "PayType", "CheckPayment", "CreditCardPayment", "TotalAmt"),
    fields=(
        Text(
            name="number",
            quickbooks="DocNumber",
            length_max=21,
            meaning="Number of the check, or a reference.",
        ),
        Reference(
            name="vendor",
            quickbooks="VendorRef",
            platform="vendor_id",
            to=("vendor",),
            required=True,
        ),
        Day(name="paid_on", quickbooks="TxnDate", required=True),
        Choice(
            name="method",
            quickbooks="PayType",
            required=True,
            create_only=True,
            words={"check": "Check", "credit_card": "CreditCard"},
        ),
        Reference(
            name="bank_account",
            quickbooks="CheckPayment.BankAccountRef",
            platform="bank_account_id",
            to=("account",),
            meaning="Bank account that paid, where it was paid by check.",
        ),
        Reference(
            name="card_account",
            quickbooks="CreditCardPayment.CCAccountRef",
            platform="card_account_id",
            to=("account",),
            meaning="Card account that paid, where it was paid by card.",
        ),
        Note(name="memo", quickbooks="PrivateNote"),
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        Money(name="amount", quickbooks="TotalAmt", required=True),
        Lines(
            name="lines",
            quickbooks="Line",
            table="bill_payment_applications",
            marker_path=MARKER_PATH,
            shapes=(
                settles("bill", "Bill"),
                settles("vendor_credit", "VendorCredit"),
                SETTLES_ANOTHER,
            ),
        ),
        Derived(
            name="status",
            derive=status_in_quickbooks,
            words=dict.fromkeys(("paid", "voided"), ""),
            platform_may_set=("voided",),
            meaning="Setting voided on the platform voids it in QuickBooks.",
        ),
    ),
    checks=(
        present_check("lines"),
        amount_check("amount", minimum=0),
        SameAmount(
            field="lines",
            compute=missing_account,
            code="missing",
            message="bank_account is missing, or card_account where it was paid by card",
            fix="Enter bank_account for a check, card_account for a card.",
        ),
        SameAmount(
            field="lines",
            compute=unapplied,
            code="unbalanced",
            message="the bills paid, less the credits used, are not the amount",
            fix="Correct the lines or the amount so that they add up.",
            sides=PLATFORM_ONLY,
        ),
    ),
)
