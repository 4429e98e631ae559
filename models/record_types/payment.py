"""Payments that customers made, and the invoices they settle (quickbooks-api 10.4)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models import posting_rules
from models.checks import PLATFORM_ONLY, SameAmount, amount_check
from models.document_fields import CURRENCY, EXCHANGE_RATE
from models.fields import Day, Derived, Money, Text
from models.lines import Lines
from models.marker import Marking, Note
from models.open_balance import is_voided
from models.record_type import DeleteMeans, RecordType
from models.records import Content
from models.reference_fields import Named, Reference
from models.settlement_lines import MARKER_PATH, SETTLES_ANOTHER, settles
from models.words import DataType, Owner


def status_in_quickbooks(raw: Mapping[str, Any]) -> str:
    """Received, or taken back."""
    return "voided" if is_voided(raw) else "received"


def excess_applied(content: Content) -> Decimal:
    """By how much the applications exceed the payment; credits pay from another pocket."""
    applied = sum(
        (line["amount"] for line in content.get("lines") or () if line["kind"] == "invoice"),
        Decimal(0),
    )
    credited = sum(
        (line["amount"] for line in content.get("lines") or () if line["kind"] != "invoice"),
        Decimal(0),
    )
    return max(Decimal(0), applied - credited - (content.get("amount") or Decimal(0)))


RECORD_TYPE = RecordType(
    name="payment",
    plural="payments",
    data_type=DataType.INVOICES,
    entity="Payment",
    table="payments",
    web_page="recvpayment?txnId=",
    meaning="Money received from a customer, and the invoices it settles.",
    label="reference",
    amount="amount",
    booked_on="received_on",
    postings=posting_rules.payment,
    report_titles=("Payment",),
    voidable=True,
    void_status="voided",
    delete_means=DeleteMeans.DELETE,
    match_keys=(("customer", "received_on", "amount", "reference"),),
    marking=Marking(
        number="reference",
        note="memo",
        number_is_ours=lambda _content, _custom_numbers: True,
    ),
    fields=(
        Reference(
            name="customer",
            quickbooks="CustomerRef",
            platform="customer_id",
            to=("customer",),
            required=True,
        ),
        Day(name="received_on", quickbooks="TxnDate", required=True),
        Text(name="reference", quickbooks="PaymentRefNum", length_max=21),
        Note(name="memo", quickbooks="PrivateNote"),
        CURRENCY,
        EXCHANGE_RATE,
        Named(name="method", quickbooks="PaymentMethodRef", entity="PaymentMethod"),
        Reference(
            name="deposit_account",
            quickbooks="DepositToAccountRef",
            platform="deposit_account_id",
            to=("account",),
            normalised=True,
            meaning="Where the money went; QuickBooks takes Undeposited Funds where it is empty.",
        ),
        Money(name="amount", quickbooks="TotalAmt", required=True),
        Lines(
            name="lines",
            quickbooks="Line",
            table="payment_applications",
            marker_path=MARKER_PATH,
            shapes=(
                settles("invoice", "Invoice"),
                settles("credit_memo", "CreditMemo"),
                SETTLES_ANOTHER,
            ),
        ),
        Money(
            name="unapplied_amount",
            quickbooks="UnappliedAmt",
            owner=Owner.QUICKBOOKS,
            meaning="What is left to apply, as QuickBooks computes it.",
        ),
        Derived(
            name="status",
            derive=status_in_quickbooks,
            words=dict.fromkeys(("received", "voided"), ""),
            platform_may_set=("voided",),
            meaning="Setting voided on the platform voids it in QuickBooks.",
        ),
    ),
    checks=(
        amount_check("amount", minimum=0),
        SameAmount(
            field="lines",
            compute=excess_applied,
            code="over_applied",
            message="the applications add up to more than the payment",
            fix="Lower the amounts applied to the invoices, or correct the payment's amount.",
            sides=PLATFORM_ONLY,
        ),
    ),
)
