"""Bills, their payments, vendor credits, purchases and purchase orders.

Source: dossier sections 10.5, 8.1 (duplicate numbers of purchases) and 3.6.
"""

from __future__ import annotations

from emulator.entities.common import EXPENSE_LINES, RECORD, SALES_VERBS, TRANSACTION
from emulator.entities.declaration import Entity, parse_fields

_BEFORE = ("transaction_date", "closed_books", "vendor_defaults", "currency")
_LINES = ("number_lines", "check_lines", "purchase_totals")

_VENDOR_FORM = """
APAccountRef            ref:Account
TotalAmt                money readonly filter
HomeTotalAmt            money readonly
BillEmail               shape:Email
ReplyEmail              shape:Email
Memo                    text:4000
VendorAddr              shape:Address
Line                    list:Line required
"""

BILL = Entity(
    name="Bill",
    group="transaction",
    title="Bill",
    verbs=SALES_VERBS | {"void_by_hand"},
    behaviours=(*_BEFORE, "due_date", *_LINES, "open_balance", "duplicate_number"),
    line_details=EXPENSE_LINES,
    shows_modifier=True,
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        _VENDOR_FORM,
        """
        VendorRef            ref:Vendor always filter
        PayerRef             any
        SalesTermRef         ref:Term bare
        DueDate              date filter
        RemitToAddr          shape:Address
        ShipAddr             shape:Address
        Balance              money readonly filter
        HomeBalance          money readonly
        BillEx               any readonly
        LessCIS              money
        IncludeInAnnualTPAR  bool
        """,
    ),
)

VENDOR_CREDIT = Entity(
    name="VendorCredit",
    group="transaction",
    title="Vendor Credit",
    verbs=SALES_VERBS | {"void_by_hand"},
    behaviours=(*_BEFORE, *_LINES, "open_balance"),
    line_details=EXPENSE_LINES,
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        _VENDOR_FORM,
        """
        VendorRef            ref:Vendor always filter
        Balance              money readonly
        VendorCreditEx       any readonly
        IncludeInAnnualTPAR  bool
        """,
    ),
)

BILL_PAYMENT = Entity(
    name="BillPayment",
    group="transaction",
    title="Bill Payment",
    verbs=SALES_VERBS | {"void_by_update"},
    behaviours=(
        "transaction_date",
        "closed_books",
        "bill_payment_account",
        "currency",
        "payment_lines",
    ),
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        """
        VendorRef          ref:Vendor required filter
        VendorAddr         shape:Address
        APAccountRef       ref:Account
        PayType            enum:Check|CreditCard required filter
        CheckPayment       shape:BillPaymentCheck
        CreditCardPayment  shape:BillPaymentCard
        TotalAmt           money required filter
        Line               list:Line required
        ProcessBillPayment bool
        BillPaymentEx      any readonly
        """,
    ),
)

PURCHASE = Entity(
    name="Purchase",
    group="transaction",
    title="Expense",
    verbs=SALES_VERBS | {"void_by_hand"},
    behaviours=(
        "purchase_kind",
        "transaction_date",
        "closed_books",
        "currency",
        *_LINES,
        "duplicate_purchase_number",
    ),
    line_details=EXPENSE_LINES,
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        """
        AccountRef           ref:Account required
        PaymentMethodRef     ref:PaymentMethod
        PaymentRefNum        text:21
        PaymentType          enum:Cash|Check|CreditCard always filter
        CheckPayment         any
        CreditCardPayment    any
        EntityRef            ref:Vendor|Customer|Employee
        Credit               bool
        RemitToAddr          shape:Address
        TotalAmt             money readonly filter
        HomeTotalAmt         money readonly
        Memo                 text:4000
        PrintStatus          enum:NotSet|NeedToPrint|PrintComplete
        Line                 list:Line required
        PurchaseEx           any readonly
        LessCIS              money
        IncludeInAnnualTPAR  bool
        """,
    ),
)

PURCHASE_ORDER = Entity(
    name="PurchaseOrder",
    group="transaction",
    title="Purchase Order",
    verbs=SALES_VERBS,
    behaviours=(*_BEFORE, *_LINES, "auto_number"),
    line_details=EXPENSE_LINES,
    shows_modifier=True,
    defaults={
        "CustomField": [],
        "LinkedTxn": [],
        "POStatus": "Open",
        "EmailStatus": "NotSet",
    },
    fields=parse_fields(
        RECORD,
        TRANSACTION,
        _VENDOR_FORM,
        """
        VendorRef           ref:Vendor required filter
        TaxCodeRef          ref:TaxCode bare
        ClassRef            ref:Class
        ReimbursableInfoRef any
        SalesTermRef        ref:Term bare
        DueDate             date filter
        ExpectedDate        date
        ShipTo              any
        DropShipToEntity    any
        InventorySiteRef    any
        ShipAddr            shape:Address
        ShipMethodRef       any
        FOB                 text
        POEmail             shape:Email
        TemplateRef         any
        PrintStatus         enum:NotSet|NeedToPrint|PrintComplete
        EmailStatus         enum:NotSet|NeedToSend|EmailSent
        ManuallyClosed      bool
        POStatus            enum:Open|Closed
        PurchaseOrderEx     any readonly
        """,
    ),
)

ENTITIES = (BILL, VENDOR_CREDIT, BILL_PAYMENT, PURCHASE, PURCHASE_ORDER)
