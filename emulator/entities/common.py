"""Blocks of field lines that many entities share.

Source: dossier section 10.1 (text limits, read-only values) and section 4 (what may be filtered).
"""

from __future__ import annotations

#: What every record has.
RECORD = """
Id             text readonly filter
SyncToken      text readonly
MetaData       shape:MetaData readonly
domain         text readonly
sparse         bool readonly
status         text readonly
time           text readonly
AttachableRef  any
"""

#: What every transaction has.
TRANSACTION = """
CustomField              list:CustomField
DocNumber                text:21 filter
TxnDate                  date filter
DepartmentRef            ref:Department
CurrencyRef              currency fixed
ExchangeRate             number
PrivateNote              text:4000
TxnStatus                text
LinkedTxn                list:LinkedTxn
Line                     list:Line
TxnTaxDetail             shape:TxnTaxDetail
TxnSource                text
TaxFormType              text
TaxFormNum               text
TransactionLocationType  text
Tag                      any
TxnApprovalInfo          any readonly
RecurDataRef             any readonly
RecurringInfo            any readonly
ProjectRef               any
TotalCostAmount          money readonly
HomeTotalCostAmount      money readonly
CustomExtensions         any
GlobalTaxCalculation     enum:TaxInclusive|TaxExcluded|NotApplicable
"""

#: What every sales form has.
SALES = """
AutoDocNumber                  bool
CustomerRef                    ref:Customer filter
CustomerMemo                   shape:Memo
BillAddr                       shape:Address
ShipAddr                       shape:Address
FreeFormAddress                bool readonly
ShipFromAddr                   shape:Address
RemitToRef                     any
ClassRef                       ref:Class
SalesTermRef                   ref:Term
DueDate                        date
SalesRepRef                    any
PONumber                       text:25
FOB                            text
ShipMethodRef                  any
ShipDate                       date
TrackingNum                    text:31
TotalAmt                       money readonly filter
HomeTotalAmt                   money readonly
ApplyTaxAfterDiscount          bool
ShippingTaxIncludedInTotalTax  bool
TemplateRef                    any
PrintStatus                    enum:NotSet|NeedToPrint|PrintComplete
EmailStatus                    enum:NotSet|NeedToSend|EmailSent
BillEmail                      shape:Email
BillEmailCc                    shape:Email
BillEmailBcc                   shape:Email
ARAccountRef                   ref:Account
Balance                        money readonly
HomeBalance                    money readonly
FinanceCharge                  bool
PaymentMethodRef               ref:PaymentMethod
PaymentRefNum                  text:21
PaymentType                    enum:Cash|Check|CreditCard|Expense|Other
CheckPayment                   any
CreditCardPayment              any
DepositToAccountRef            ref:Account
DeliveryInfo                   any readonly
DiscountRate                   number
DiscountAmt                    money
GovtTxnRefIdentifier           text
TaxExemptionRef                any
"""

#: What customers, vendors and employees have.
PERSON = """
CustomField       list:CustomField
IntuitId          text readonly
Organization      bool
Title             text:16 name
GivenName         text:100 name filter
MiddleName        text:100 name filter
FamilyName        text:100 name filter
Suffix            text:16 name
CompanyName       text:100 filter
DisplayName       text:500 name filter keep
PrintOnCheckName  text:110 name filter keep
UserId            text readonly
Active            bool filter
V4IDPseudonym     text readonly
PrimaryPhone      shape:Telephone
AlternatePhone    shape:Telephone
Mobile            shape:Telephone
Fax               shape:Telephone
PrimaryEmailAddr  shape:Email filter
WebAddr           shape:WebSite
OtherContactInfo  any
Notes             text:2000
OtherAddr         list:Address
"""

SALES_VERBS = frozenset({"create", "update", "delete", "cdc"})
LIST_VERBS = frozenset({"create", "update", "cdc"})

SALES_LINES = (
    "SalesItemLineDetail",
    "GroupLineDetail",
    "DescriptionOnly",
    "DiscountLineDetail",
    "SubTotalLineDetail",
)
EXPENSE_LINES = ("AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail")
