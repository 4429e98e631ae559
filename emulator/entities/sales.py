"""Sales forms and customer payments.

Source: dossier sections 10.4 and 3.6; the recorded company for what a bare create is served with.
"""

from __future__ import annotations

from emulator.entities.common import RECORD, SALES, SALES_LINES, SALES_VERBS, TRANSACTION
from emulator.entities.declaration import Entity, parse_fields

_BEFORE = ("transaction_date", "closed_books", "deposited", "customer_defaults", "currency")
_LINES = ("expand_bundles", "number_lines", "check_lines", "sales_totals")

_FORM_DEFAULTS = {
    "CustomField": [],
    "ApplyTaxAfterDiscount": False,
    "PrintStatus": "NeedToPrint",
    "EmailStatus": "NotSet",
}

INVOICE = Entity(
    name="Invoice",
    group="transaction",
    title="Invoice",
    verbs=SALES_VERBS | {"void"},
    behaviours=(
        *_BEFORE,
        "due_date",
        *_LINES,
        "open_balance",
        "auto_number",
        "duplicate_number",
        "email_address",
        "auto_apply",
    ),
    line_details=SALES_LINES,
    shows_modifier=True,
    defaults={
        "AllowIPNPayment": False,
        "AllowOnlinePayment": False,
        "AllowOnlineCreditCardPayment": False,
        "AllowOnlineACHPayment": False,
        "LinkedTxn": [],
        **_FORM_DEFAULTS,
    },
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        SALES,
        """
        CustomerRef                   ref:Customer required filter
        Line                          list:Line required
        DueDate                       date filter
        Balance                       money readonly filter
        Deposit                       money
        AllowIPNPayment               bool
        AllowOnlinePayment            bool
        AllowOnlineCreditCardPayment  bool
        AllowOnlineACHPayment         bool
        AllowOnlinePayPalPayment      bool
        EInvoiceStatus                text readonly
        ECloudStatusTimeStamp         instant readonly
        CfdiUse                       int
        Exportation                   text
        GlobalInfo                    any
        invoiceStatus                 text readonly
        callToAction                  text readonly
        invoiceStatusLog              any readonly
        InvoiceEx                     any readonly
        LessCIS                       money
        InvoiceLink                   text readonly
        PaymentDetailsMessage         text readonly
        ConvenienceFeeDetail          any readonly
        InvoiceLinkSecurityCode       text readonly
        InvoiceLinkExpiryDate         date readonly
        AutoPayEligible               bool readonly
        SchedulePayEligible           bool readonly
        ScheduledPaymentId            text readonly
        GratuityEnabled               bool
        FinancingProductType          text readonly
        SubscriptionPaymentsSetting   text readonly
        """,
    ),
)

ESTIMATE = Entity(
    name="Estimate",
    group="transaction",
    title="Estimate",
    verbs=SALES_VERBS,
    behaviours=(*_BEFORE, *_LINES, "auto_number", "duplicate_number", "email_address"),
    line_details=SALES_LINES,
    defaults={"TxnStatus": "Pending", **_FORM_DEFAULTS},
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        SALES,
        """
        CustomerRef     ref:Customer required filter
        Line            list:Line required
        TxnStatus       enum:Pending|Accepted|Closed|Rejected|Converted
        ExpirationDate  date filter
        AcceptedBy      text
        AcceptedDate    date
        EstimateEx      any readonly
        """,
    ),
)

SALES_RECEIPT = Entity(
    name="SalesReceipt",
    group="transaction",
    title="Sales Receipt",
    verbs=SALES_VERBS | {"void_by_update"},
    behaviours=(
        *_BEFORE,
        "deposit_account",
        *_LINES,
        "zero_balance",
        "auto_number",
        "duplicate_number",
        "email_address",
    ),
    line_details=SALES_LINES,
    defaults=_FORM_DEFAULTS,
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        SALES,
        """
        Line            list:Line required
        SalesReceiptEx  any readonly
        LessCIS         money
        """,
    ),
)

CREDIT_MEMO = Entity(
    name="CreditMemo",
    group="transaction",
    title="Credit Memo",
    verbs=SALES_VERBS | {"void_by_hand"},
    behaviours=(
        *_BEFORE,
        *_LINES,
        "open_balance",
        "auto_number",
        "duplicate_number",
        "email_address",
        "auto_apply",
    ),
    line_details=SALES_LINES,
    defaults=_FORM_DEFAULTS,
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        SALES,
        """
        CustomerRef      ref:Customer required filter
        Line             list:Line required
        RemainingCredit  money readonly
        InvoiceRef       any
        CreditMemoEx     any readonly
        """,
    ),
)

REFUND_RECEIPT = Entity(
    name="RefundReceipt",
    group="transaction",
    title="Refund",
    verbs=SALES_VERBS | {"void_by_hand"},
    behaviours=(
        *_BEFORE,
        *_LINES,
        "zero_balance",
        "auto_number",
        "duplicate_number",
        "email_address",
    ),
    line_details=SALES_LINES,
    defaults=_FORM_DEFAULTS,
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        SALES,
        """
        Line                 list:Line required
        DepositToAccountRef  ref:Account required
        RemainingCredit      money readonly
        RefundReceiptEx      any readonly
        """,
    ),
)

PAYMENT = Entity(
    name="Payment",
    group="transaction",
    title="Payment",
    verbs=SALES_VERBS | {"void_by_update"},
    behaviours=(
        "payment_total",
        "transaction_date",
        "closed_books",
        "deposited",
        "currency",
        "deposit_account",
        "payment_lines",
    ),
    defaults={"ProcessPayment": False},
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        """
        CustomerRef          ref:Customer required filter
        RemitToRef           any
        ARAccountRef         ref:Account
        DepositToAccountRef  ref:Account bare
        PaymentMethodRef     ref:PaymentMethod bare
        PaymentRefNum        text:21 filter
        PaymentType          text
        CheckPayment         any
        CreditCardPayment    any
        TotalAmt             money
        UnappliedAmt         money readonly
        ProcessPayment       bool
        TxnSource            text
        PaymentEx            any readonly
        """,
    ),
)

ENTITIES = (INVOICE, ESTIMATE, SALES_RECEIPT, CREDIT_MEMO, REFUND_RECEIPT, PAYMENT)
