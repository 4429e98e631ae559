"""Deposits: payments and other money brought to the bank (quickbooks-api 10.6)."""

from __future__ import annotations

from decimal import Decimal

from models import posting_rules
from models.checks import SameAmount, amount_check, present_check
from models.document_fields import CURRENCY, DEPARTMENT, EXCHANGE_RATE, TOTAL
from models.fields import Day, Money, Text
from models.lines import Lines, LineShape
from models.marker import Marking, Note
from models.record_type import DeleteMeans, RecordType
from models.records import Content
from models.reference_fields import Named, Reference
from models.settlement_lines import MARKER_PATH, settles
from models.words import DataType

DETAIL = "DepositLineDetail"
#: The one line that a payment is, as far as a deposit sees it.
WHOLE = {"LinkedTxn.0.TxnLineId": "0"}


def total_of_deposit(content: Content) -> Decimal:
    """What is brought to the bank: the lines less the cash that is taken back."""
    lines = sum((line["amount"] for line in content.get("lines") or ()), Decimal(0))
    return lines - (content.get("cash_back_amount") or Decimal(0))


def refunds_that_add(content: Content) -> Decimal:
    """What refunds would add to a deposit, which they can only lower."""
    refunds = (each for each in content.get("lines") or () if each["kind"] == "refund_receipt")
    return sum((max(Decimal(0), each["amount"]) for each in refunds), Decimal(0))


RECORD_TYPE = RecordType(
    name="deposit",
    plural="deposits",
    data_type=DataType.FINANCIALS,
    entity="Deposit",
    table="deposits",
    web_page="deposit?txnId=",
    meaning="Payments and other money that were brought to a bank account together.",
    label="memo",
    amount="total",
    booked_on="deposited_on",
    postings=posting_rules.deposit,
    report_titles=("Deposit",),
    delete_means=DeleteMeans.DELETE,
    match_keys=(("deposit_account", "deposited_on", "total"),),
    marking=Marking(note="memo"),
    always_sent=("DepositToAccountRef",),
    fields=(
        Reference(
            name="deposit_account",
            quickbooks="DepositToAccountRef",
            platform="deposit_account_id",
            to=("account",),
            required=True,
            meaning="Bank account that the money went to.",
        ),
        Day(name="deposited_on", quickbooks="TxnDate", required=True),
        Note(name="memo", quickbooks="PrivateNote"),
        DEPARTMENT,
        CURRENCY,
        EXCHANGE_RATE,
        Reference(
            name="cash_back_account",
            quickbooks="CashBack.AccountRef",
            platform="cash_back_account_id",
            to=("account",),
            meaning="Where cash that is taken back goes.",
        ),
        Money(name="cash_back_amount", quickbooks="CashBack.Amount"),
        Text(name="cash_back_memo", quickbooks="CashBack.Memo"),
        Lines(
            name="lines",
            quickbooks="Line",
            table="deposit_lines",
            marker_path=MARKER_PATH,
            shapes=(
                settles("payment", "Payment", WHOLE),
                # below zero: it takes out of Undeposited Funds what was paid back from there
                settles("refund_receipt", "RefundReceipt", WHOLE),
                LineShape(
                    kind="account",
                    marker="",
                    where=(("DetailType", DETAIL), ("LinkedTxn.0.TxnId", None)),
                    constant={"DetailType": DETAIL},
                    fields=(
                        Reference(
                            name="account",
                            quickbooks=f"{DETAIL}.AccountRef",
                            platform="account_id",
                            to=("account",),
                            required=True,
                            meaning="Where the money comes from.",
                        ),
                        Text(name="description", quickbooks="Description"),
                        Money(name="amount", quickbooks="Amount", required=True),
                        Reference(
                            name="party",
                            quickbooks=f"{DETAIL}.Entity",
                            to=("customer", "vendor"),
                            type_path=f"{DETAIL}.Entity.type",
                            type_words={"customer": "CUSTOMER", "vendor": "VENDOR"},
                            columns={"customer": "customer_id", "vendor": "vendor_id"},
                        ),
                        Named(
                            name="method",
                            quickbooks=f"{DETAIL}.PaymentMethodRef",
                            entity="PaymentMethod",
                        ),
                        Text(name="check_number", quickbooks=f"{DETAIL}.CheckNum", length_max=21),
                        Reference(
                            name="class",
                            quickbooks=f"{DETAIL}.ClassRef",
                            platform="class_id",
                            to=("class",),
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
                        Text(name="reference", quickbooks="LinkedTxn.0.TxnId"),
                        Money(name="amount", quickbooks="Amount", required=True),
                    ),
                ),
            ),
        ),
        TOTAL,
    ),
    checks=(
        present_check("lines"),
        amount_check("total", minimum=0),
        SameAmount(
            field="total",
            compute=total_of_deposit,
            code="unbalanced",
            message="total is not the sum of the lines, less the cash taken back",
            fix="Correct the lines, cash_back_amount or total so that they add up.",
        ),
        SameAmount(
            field="lines",
            compute=refunds_that_add,
            code="refund_adds",
            message="a refund receipt takes money out of a deposit, so its amount is below zero",
            fix="Enter the refund receipt's total with a minus sign.",
        ),
    ),
)
