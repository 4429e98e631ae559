"""Journal entries, transfers, deposits and payments of credit card balances.

The last is `CreditCardPayment` in the path and `CreditCardPaymentTxn` in JSON.
Source: dossier sections 4 and 10.6; Intuit's XSD; the recorded company (journal line ids start at
"0", TotalAmt is 0).
"""

from __future__ import annotations

from emulator.entities.common import RECORD, SALES_VERBS, TRANSACTION
from emulator.entities.declaration import Entity, parse_fields

JOURNAL_ENTRY = Entity(
    name="JournalEntry",
    group="transaction",
    title="Journal Entry",
    verbs=SALES_VERBS,
    behaviours=(
        "transaction_date",
        "closed_books",
        "currency",
        "number_lines",
        "check_lines",
        "journal_balance",
    ),
    line_details=("JournalEntryLineDetail", "DescriptionOnly"),
    defaults={"Adjustment": False, "TxnTaxDetail": {}},
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        """
        Line                    list:Line required
        Adjustment              bool
        HomeCurrencyAdjustment  bool
        EnteredInHomeCurrency   bool
        TotalAmt                money readonly
        HomeTotalAmt            money readonly
        JournalEntryEx          any readonly
        """,
    ),
)

TRANSFER = Entity(
    name="Transfer",
    group="transaction",
    title="Transfer",
    verbs=SALES_VERBS | {"void_by_hand"},
    behaviours=("transaction_date", "closed_books", "currency", "check_transfer"),
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        """
        FromAccountRef  ref:Account required
        ToAccountRef    ref:Account required
        Amount          money required
        ClassRef        ref:Class
        TransferEx      any readonly
        """,
    ),
)

DEPOSIT = Entity(
    name="Deposit",
    group="transaction",
    title="Deposit",
    verbs=SALES_VERBS,
    behaviours=(
        "transaction_date",
        "closed_books",
        "currency",
        "number_lines",
        "check_lines",
        "deposit_totals",
    ),
    line_details=("DepositLineDetail",),
    defaults={"TxnTaxDetail": {}},
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        """
        DepositToAccountRef  ref:Account required
        Line                 list:Line required
        CashBack             shape:CashBack
        TotalAmt             money readonly filter
        HomeTotalAmt         money readonly
        DepositEx            any readonly
        """,
    ),
)

CREDIT_CARD_PAYMENT = Entity(
    name="CreditCardPayment",
    json_name="CreditCardPaymentTxn",
    group="transaction",
    title="Credit Card Payment",
    verbs=SALES_VERBS,
    behaviours=("transaction_date", "closed_books", "currency", "check_card_payment"),
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        """
        CreditCardAccountRef  ref:Account required
        BankAccountRef        ref:Account required
        Amount                money required
        VendorRef             ref:Vendor
        CheckNum              text:21
        PrintStatus           enum:NotSet|NeedToPrint|PrintComplete
        Memo                  text:4000
        CreditCardPaymentEx   any readonly
        """,
    ),
)

ENTITIES = (JOURNAL_ENTRY, TRANSFER, DEPOSIT, CREDIT_CARD_PAYMENT)
