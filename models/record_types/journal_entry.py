"""Journal entries: debits and credits that balance (quickbooks-api 10.6)."""

from __future__ import annotations

from decimal import Decimal

from models import posting_rules
from models.checks import SameAmount, amount_check, present_check
from models.document_fields import CURRENCY, EXCHANGE_RATE
from models.fields import Choice, Day, Flag, Money, Text
from models.lines import Lines, LineShape
from models.marker import Marking, Note
from models.record_type import DeleteMeans, RecordType
from models.records import Content
from models.reference_fields import Named, Reference
from models.words import DataType, Owner

DETAIL = "JournalEntryLineDetail"


def debits_less_credits(content: Content) -> Decimal:
    """What a journal entry is out of balance by (fault 2300)."""
    amounts = (
        line["amount"] if line.get("posting") == "debit" else -line["amount"]
        for line in content.get("lines") or ()
        if line["kind"] == "entry" and line.get("amount") is not None
    )
    return sum(amounts, Decimal(0))


def smallest_amount(content: Content) -> Decimal:
    """Zero, or the most negative amount of a line: a debit below zero is a credit."""
    amounts: list[Decimal] = [
        line["amount"]
        for line in content.get("lines") or ()
        if line["kind"] == "entry" and line.get("amount") is not None
    ]
    return min([Decimal(0), *amounts])


RECORD_TYPE = RecordType(
    name="journal_entry",
    plural="journal entries",
    data_type=DataType.FINANCIALS,
    entity="JournalEntry",
    table="journal_entries",
    web_page="journal?txnId=",
    meaning="Debits and credits that an accountant enters.",
    label="number",
    booked_on="entered_on",
    postings=posting_rules.journal_entry,
    report_titles=("Journal Entry",),
    delete_means=DeleteMeans.DELETE,
    match_keys=(("number", "entered_on"),),
    marking=Marking(number="number", note="memo"),
    fields=(
        Text(name="number", quickbooks="DocNumber", length_max=21),
        Day(name="entered_on", quickbooks="TxnDate", required=True),
        Note(name="memo", quickbooks="PrivateNote"),
        Flag(
            name="is_adjustment",
            quickbooks="Adjustment",
            meaning="Whether it is an adjusting entry of the period's end.",
        ),
        CURRENCY,
        EXCHANGE_RATE,
        Lines(
            name="lines",
            quickbooks="Line",
            table="journal_entry_lines",
            shapes=(
                LineShape(
                    kind="entry",
                    marker=DETAIL,
                    constant={"DetailType": DETAIL},
                    fields=(
                        Choice(
                            name="posting",
                            quickbooks=f"{DETAIL}.PostingType",
                            required=True,
                            words={"debit": "Debit", "credit": "Credit"},
                        ),
                        Reference(
                            name="account",
                            quickbooks=f"{DETAIL}.AccountRef",
                            platform="account_id",
                            to=("account",),
                            required=True,
                        ),
                        Money(name="amount", quickbooks="Amount", required=True),
                        Text(name="description", quickbooks="Description"),
                        Reference(
                            name="party",
                            quickbooks=f"{DETAIL}.Entity.EntityRef",
                            to=("customer", "vendor"),
                            type_path=f"{DETAIL}.Entity.Type",
                            type_words={"customer": "Customer", "vendor": "Vendor"},
                            columns={"customer": "customer_id", "vendor": "vendor_id"},
                            meaning="Who owes or is owed it: a line on receivables has a customer, "
                            "one on payables a vendor.",
                        ),
                        Reference(
                            name="class",
                            quickbooks=f"{DETAIL}.ClassRef",
                            platform="class_id",
                            to=("class",),
                        ),
                        Reference(
                            name="department",
                            quickbooks=f"{DETAIL}.DepartmentRef",
                            platform="department_id",
                            to=("department",),
                        ),
                        Named(
                            name="tax_code",
                            quickbooks=f"{DETAIL}.TaxCodeRef",
                            entity="TaxCode",
                            literal=("TAX", "NON"),
                        ),
                    ),
                ),
                LineShape(
                    kind="description",
                    marker="DescriptionOnly",
                    constant={"DetailType": "DescriptionOnly"},
                    fields=(Text(name="description", quickbooks="Description"),),
                ),
                LineShape(
                    kind="other",
                    marker="",
                    constant={},
                    writable=False,
                    fields=(
                        Text(name="description", quickbooks="Description"),
                        Money(name="amount", quickbooks="Amount"),
                    ),
                ),
            ),
        ),
        Money(
            name="tax_total",
            quickbooks="TxnTaxDetail.TotalTax",
            owner=Owner.QUICKBOOKS,
            meaning="Tax that QuickBooks computes on its lines.",
        ),
    ),
    checks=(
        present_check("lines"),
        amount_check("tax_total", minimum=0),
        SameAmount(
            field="lines",
            compute=smallest_amount,
            code="negative_amount",
            message="a line's amount is below zero",
            fix="Enter the amount without its sign, and turn debit into credit or credit into "
            "debit.",
        ),
        SameAmount(
            field="lines",
            compute=debits_less_credits,
            code="unbalanced",
            message="debits and credits differ",
            fix="Correct the lines so that debits and credits add up to the same.",
        ),
    ),
)
