"""Transfers of money between two of the company's accounts (quickbooks-api 10.6)."""

from __future__ import annotations

from models import posting_rules
from models.checks import amount_check
from models.document_fields import CURRENCY, EXCHANGE_RATE
from models.fields import Day, Money
from models.marker import Marking, Note
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.words import DataType

RECORD_TYPE = RecordType(
    name="transfer",
    plural="transfers",
    data_type=DataType.FINANCIALS,
    entity="Transfer",
    table="transfers",
    web_page="transfer?txnId=",
    meaning="Money moved from one account of the company to another.",
    label="memo",
    amount="amount",
    booked_on="transferred_on",
    postings=posting_rules.transfer,
    report_titles=("Transfer",),
    delete_means=DeleteMeans.DELETE,
    voidable=True,
    match_keys=(("from_account", "to_account", "transferred_on", "amount"),),
    marking=Marking(note="memo"),
    # QuickBooks demands all three even of a sparse update
    always_sent=("FromAccountRef", "ToAccountRef", "Amount"),
    fields=(
        Reference(
            name="from_account",
            quickbooks="FromAccountRef",
            platform="from_account_id",
            to=("account",),
            required=True,
        ),
        Reference(
            name="to_account",
            quickbooks="ToAccountRef",
            platform="to_account_id",
            to=("account",),
            required=True,
        ),
        Money(name="amount", quickbooks="Amount", required=True),
        Day(name="transferred_on", quickbooks="TxnDate", required=True),
        Note(name="memo", quickbooks="PrivateNote"),
        Reference(name="class", quickbooks="ClassRef", platform="class_id", to=("class",)),
        CURRENCY,
        EXCHANGE_RATE,
    ),
    checks=(amount_check("amount", minimum=1),),
)
