"""The other name lists: accounts, items, classes, departments, terms, payment methods.

Source: dossier section 10.3 and 10.1 (lengths); the recorded company for what is served.
"""

from __future__ import annotations

from emulator.entities.common import LIST_VERBS, RECORD
from emulator.entities.declaration import Entity, parse_fields

_NAMED = ("deactivate", "unique_name", "qualified_name")

ACCOUNT = Entity(
    name="Account",
    group="list",
    name_field="Name",
    title="account",
    plural="Accounts",
    verbs=LIST_VERBS,
    behaviours=("classify_account", *_NAMED, "account_currency"),
    defaults={"Active": True, "SubAccount": False},
    fields=parse_fields(
        RECORD,
        """
        Name                           text:100 name required filter keep
        SubAccount                     bool filter
        ParentRef                      ref:Account bare
        Description                    text:100 filter
        FullyQualifiedName             text readonly filter
        AccountAlias                   text
        TxnLocationType                text
        Active                         bool filter
        Classification                 text readonly filter
        AccountType                    text filter keep
        AccountSubType                 text filter keep
        AccountPurposes                any
        AcctNum                        text:7 filter
        AcctNumExtn                    text
        BankNum                        text
        OpeningBalance                 money readonly
        OpeningBalanceDate             date readonly
        CurrentBalance                 money readonly filter
        CurrentBalanceWithSubAccounts  money readonly
        CurrencyRef                    currency fixed
        TaxAccount                     bool
        TaxCodeRef                     ref:TaxCode bare
        OnlineBankingEnabled           bool readonly
        FIName                         text
        JournalCodeRef                 any
        AccountEx                      any readonly
        CustomExtensions               any
        """,
    ),
)

ITEM = Entity(
    name="Item",
    group="list",
    name_field="Name",
    title="product/service",
    plural="Item",
    verbs=LIST_VERBS,
    behaviours=("check_item", *_NAMED, "quantity_on_hand"),
    defaults={
        "Active": True,
        "Taxable": False,
        "UnitPrice": 0,
        "PurchaseCost": 0,
        "TrackQtyOnHand": False,
    },
    fields=parse_fields(
        RECORD,
        """
        CustomField           list:CustomField
        Name                  text:100 name required filter keep
        Sku                   text:100 filter
        Description           text:4000
        Active                bool filter
        SubItem               bool
        ParentRef             ref:Item
        Level                 int readonly
        FullyQualifiedName    text readonly filter
        Taxable               bool
        SalesTaxIncluded      bool
        PercentBased          bool
        UnitPrice             number filter
        RatePercent           number
        Type                  enum:Inventory|Service|NonInventory|Category|Group filter keep
        PaymentMethodRef      any
        UOMSetRef             any
        IncomeAccountRef      ref:Account
        PurchaseDesc          text:1000
        PurchaseTaxIncluded   bool
        PurchaseCost          number
        ExpenseAccountRef     ref:Account
        COGSAccountRef        ref:Account
        AssetAccountRef       ref:Account
        PrefVendorRef         ref:Vendor
        AvgCost               number readonly
        TrackQtyOnHand        bool
        QtyOnHand             number
        QtyOnPurchaseOrder    number readonly
        QtyOnSalesOrder       number readonly
        ReorderPoint          number
        ManPartNum            text
        DepositToAccountRef   ref:Account
        SalesTaxCodeRef       ref:TaxCode
        PurchaseTaxCodeRef    ref:TaxCode
        InvStartDate          date
        BuildPoint            number
        PrintGroupedItems     bool
        SpecialItem           bool readonly
        SpecialItemType       text readonly
        ItemGroupDetail       shape:ItemGroupDetail
        ItemAssemblyDetail    any
        AbatementRate         number
        ReverseChargeRate     number
        ServiceType           text
        ItemCategoryType      text
        ItemEx                any readonly
        TaxClassificationRef  any
        UQCDisplayText        text
        UQCId                 text
        ClassRef              ref:Class
        Source                text readonly
        DeferredRevenue       bool
        CustomExtensions      any
        """,
    ),
)

CLASS = Entity(
    name="Class",
    group="list",
    name_field="Name",
    title="class",
    plural="Class",
    verbs=LIST_VERBS,
    behaviours=("needs_class_tracking", *_NAMED),
    defaults={"Active": True, "SubClass": False},
    fields=parse_fields(
        RECORD,
        """
        Name                text:100 name required filter keep
        SubClass            bool filter
        ParentRef           ref:Class
        FullyQualifiedName  text readonly filter
        Active              bool filter
        ClassEx             any readonly
        """,
    ),
)

DEPARTMENT = Entity(
    name="Department",
    group="list",
    name_field="Name",
    title="location",
    plural="Department",
    verbs=LIST_VERBS,
    behaviours=("needs_department_tracking", *_NAMED),
    defaults={"Active": True, "SubDepartment": False},
    fields=parse_fields(
        RECORD,
        """
        Name                text:100 name required filter keep
        SubDepartment       bool filter
        ParentRef           ref:Department
        FullyQualifiedName  text readonly filter
        Active              bool filter
        Address             shape:Address
        DepartmentEx        any readonly
        """,
    ),
)

TERM = Entity(
    name="Term",
    group="list",
    name_field="Name",
    title="term",
    plural="Term",
    verbs=LIST_VERBS,
    behaviours=("check_term", "unique_name"),
    defaults={"Active": True},
    marks_deleted=False,
    fields=parse_fields(
        RECORD,
        """
        Name                text:31 name required filter keep
        Active              bool filter
        Type                text readonly filter
        DiscountPercent     number
        DueDays             int filter
        DiscountDays        int
        DayOfMonthDue       int
        DueNextMonthDays    int
        DiscountDayOfMonth  int
        SalesTermEx         any readonly
        """,
    ),
)

PAYMENT_METHOD = Entity(
    name="PaymentMethod",
    group="list",
    name_field="Name",
    title="payment method",
    plural="PaymentMethod",
    verbs=LIST_VERBS,
    behaviours=("deactivate", "unique_name"),
    defaults={"Active": True, "Type": "NON_CREDIT_CARD"},
    fields=parse_fields(
        RECORD,
        """
        Name             text:31 name required filter keep
        Active           bool filter
        Type             enum:CREDIT_CARD|NON_CREDIT_CARD filter
        PaymentMethodEx  any readonly
        """,
    ),
)

ENTITIES = (ACCOUNT, ITEM, CLASS, DEPARTMENT, TERM, PAYMENT_METHOD)
