"""The nested shapes inside records: addresses, lines, tax details, links.

Source: Intuit's XSD for names and types, the notes on recorded data for what newer replies add
(CustomExtensions, ItemAccountRef), dossier section 10.1 for text limits.
"""

from __future__ import annotations

from emulator.entities.declaration import Field, parse_fields

_ITEM_DETAIL = """
ItemRef              ref:Item
ClassRef             ref:Class
UnitPrice            number
UnitCostPrice        number
RatePercent          number
PriceLevelRef        any
MarkupInfo           shape:MarkupInfo
Qty                  number
UOMRef               any
ItemAccountRef       ref:Account readonly
InventorySiteRef     any
TaxCodeRef           ref:TaxCode bare
TaxClassificationRef any
TaxInclusiveAmt      money
"""

_DECLARED: dict[str, str] = {
    "MetaData": """
        CreateTime         instant readonly filter
        LastUpdatedTime    instant readonly filter
        CreatedByRef       any readonly
        LastModifiedByRef  any readonly
        LastChangedInQB    instant readonly
        Synchronized       bool readonly
    """,
    "Address": """
        Id                      text readonly
        Line1                   text:500
        Line2                   text:500
        Line3                   text:500
        Line4                   text:500
        Line5                   text:500
        City                    text:255
        Country                 text:255
        CountryCode             text
        County                  text:25
        CountrySubDivisionCode  text:255
        PostalCode              text:30
        PostalCodeSuffix        text
        Lat                     text
        Long                    text
        Tag                     text
        Note                    text
    """,
    "Telephone": """
        Id              text readonly
        DeviceType      text
        CountryCode     text
        AreaCode        text
        ExchangeCode    text
        Extension       text
        FreeFormNumber  text:30
        Default         bool
        Tag             text
    """,
    "Email": """
        Id       text readonly
        Address  text:100
        Default  bool
        Tag      text
    """,
    "WebSite": """
        Id       text readonly
        URI      text:1000
        Default  bool
        Tag      text
    """,
    "Memo": "value text:1000",
    "NameValue": """
        Name   text
        Value  text
    """,
    "LinkedTxn": """
        TxnId      text
        TxnType    text
        TxnLineId  text
    """,
    "CustomField": """
        DefinitionId  text
        Name          text
        Type          enum:StringType|BooleanType|NumberType|DateType
        StringValue   text:31
        BooleanValue  bool
        DateValue     date
        NumberValue   number
    """,
    "MarkupInfo": """
        PercentBased            bool
        Value                   number
        Percent                 number
        PriceLevelRef           any
        MarkUpIncomeAccountRef  ref:Account
    """,
    "TxnTaxDetail": """
        DefaultTaxCodeRef     ref:TaxCode bare
        TxnTaxCodeRef         ref:TaxCode bare
        TotalTax              money
        TaxReviewStatus       enum:NON_AST_TAX|AST_TAX_OVERRIDE
        UseAutomatedSalesTax  bool
        TaxLine               list:TaxLine
    """,
    "TaxLine": """
        Id             text
        LineNum        int
        Description    text
        Amount         money
        DetailType     text
        TaxLineDetail  shape:TaxLineDetail
    """,
    "TaxLineDetail": """
        TaxRateRef           ref:TaxRate bare
        PercentBased         bool
        TaxPercent           number
        NetAmountTaxable     money
        TaxInclusiveAmount   money
        OverrideDeltaAmount  money
        ServiceDate          date
    """,
    "Line": """
        Id                             text
        LineNum                        int
        Description                    text:4000
        Amount                         money
        Received                       number
        LinkedTxn                      list:LinkedTxn
        DetailType                     text
        SalesItemLineDetail            shape:SalesItemLineDetail
        GroupLineDetail                shape:GroupLineDetail
        DescriptionLineDetail          shape:DescriptionLineDetail
        DescriptionOnly                any
        DiscountLineDetail             shape:DiscountLineDetail
        SubTotalLineDetail             shape:SubTotalLineDetail
        TaxLineDetail                  shape:TaxLineDetail
        ItemBasedExpenseLineDetail     shape:ItemBasedExpenseLineDetail
        AccountBasedExpenseLineDetail  shape:AccountBasedExpenseLineDetail
        JournalEntryLineDetail         shape:JournalEntryLineDetail
        DepositLineDetail              shape:DepositLineDetail
        PaymentLineDetail              any
        ReimburseLineDetail            any
        TDSLineDetail                  any
        CustomField                    list:CustomField
        CustomExtensions               any
        LineEx                         any readonly
        ProjectRef                     any
        CostAmount                     money readonly
        HomeCostAmount                 money readonly
    """,
    "SalesItemLineDetail": _ITEM_DETAIL
    + """
        ServiceDate      date
        DiscountRate     number
        DiscountAmt      money
        DeferredRevenue  bool
    """,
    "ItemBasedExpenseLineDetail": _ITEM_DETAIL
    + """
        CustomerRef     ref:Customer
        BillableStatus  enum:Billable|NotBillable|HasBeenBilled
    """,
    "AccountBasedExpenseLineDetail": """
        AccountRef       ref:Account
        CustomerRef      ref:Customer
        ClassRef         ref:Class
        BillableStatus   enum:Billable|NotBillable|HasBeenBilled
        MarkupInfo       shape:MarkupInfo
        TaxAmount        money
        TaxCodeRef       ref:TaxCode bare
        TaxInclusiveAmt  money
    """,
    "GroupLineDetail": """
        GroupItemRef  ref:Item
        Quantity      number
        UOMRef        any
        ServiceDate   date
        Line          list:Line
    """,
    "DescriptionLineDetail": """
        ServiceDate  date
        TaxCodeRef   ref:TaxCode bare
    """,
    "SubTotalLineDetail": """
        ItemRef      ref:Item
        ServiceDate  date
    """,
    "DiscountLineDetail": """
        DiscountRef         any
        PercentBased        bool
        DiscountPercent     number
        DiscountAccountRef  ref:Account
        ServiceDate         date
        ClassRef            ref:Class
        TaxCodeRef          ref:TaxCode bare
    """,
    "JournalEntryLineDetail": """
        PostingType      enum:Debit|Credit
        Entity           shape:JournalEntity
        AccountRef       ref:Account
        ClassRef         ref:Class
        DepartmentRef    ref:Department
        TaxCodeRef       ref:TaxCode bare
        TaxRateRef       ref:TaxRate bare
        TaxApplicableOn  enum:Purchase|Sales
        TaxAmount        money
        TaxInclusiveAmt  money
        BillableStatus   enum:Billable|NotBillable|HasBeenBilled
        JournalCodeRef   any
    """,
    "JournalEntity": """
        Type       enum:Customer|Vendor|Employee
        EntityRef  ref:Customer|Vendor|Employee
    """,
    "DepositLineDetail": """
        Entity            ref:Customer|Vendor|Employee
        AccountRef        ref:Account
        ClassRef          ref:Class
        PaymentMethodRef  ref:PaymentMethod bare
        CheckNum          text:21
        TxnType           text
        TaxCodeRef        ref:TaxCode bare
        TaxApplicableOn   enum:Purchase|Sales
    """,
    "CashBack": """
        AccountRef  ref:Account
        Amount      money
        Memo        text:4000
    """,
    "AttachableRef": """
        EntityRef         shape:AttachedEntity filter
        LineInfo          text
        IncludeOnSend     bool
        Inactive          bool
        NoRefOnly         bool
        CustomField       list:CustomField
        AttachableRefEx   any readonly
    """,
    "AttachedEntity": """
        value  text filter
        name   text
        type   text filter
    """,
    "BudgetDetail": """
        BudgetDate     date
        Amount         money
        AccountRef     ref:Account
        CustomerRef    ref:Customer
        ClassRef       ref:Class
        DepartmentRef  ref:Department
    """,
    "ItemGroupDetail": "ItemGroupLine list:ItemGroupLine",
    "ItemGroupLine": """
        ItemRef  ref:Item
        Qty      number
        UOMRef   any
    """,
    "BillPaymentCheck": """
        BankAccountRef  ref:Account
        PrintStatus     enum:NotSet|NeedToPrint|PrintComplete
        CheckDetail     any
        PayeeAddr       shape:Address
    """,
    "BillPaymentCard": """
        CCAccountRef  ref:Account
        CCDetail      any
    """,
}

SHAPES: dict[str, dict[str, Field]] = {
    name: parse_fields(block) for name, block in _DECLARED.items()
}
