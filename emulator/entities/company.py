"""The company's own records: CompanyInfo, Preferences, currencies and exchange rates.

An exchange rate has no Id on the wire: it is known by its currency and its day.
Source: dossier section 10.2 (what is read at connect) and 3.6; Intuit's XSD for ExchangeRate.
"""

from __future__ import annotations

from emulator.entities.common import LIST_VERBS, RECORD
from emulator.entities.declaration import Entity, parse_fields

COMPANY_INFO = Entity(
    name="CompanyInfo",
    group="single",
    title="CompanyInfo",
    plural="CompanyInfo",
    verbs=frozenset({"update", "cdc"}),
    fields=parse_fields(
        RECORD,
        """
        CompanyName                     text:1024 filter
        LegalName                       text:1024
        CompanyAddr                     shape:Address
        CustomerCommunicationAddr       shape:Address
        LegalAddr                       shape:Address
        CompanyEmailAddr                any
        CustomerCommunicationEmailAddr  shape:Email
        CompanyURL                      any
        PrimaryPhone                    shape:Telephone
        OtherContactInfo                any
        CompanyFileName                 text readonly
        FlavorStratum                   text readonly
        SampleFile                      bool readonly
        CompanyUserId                   text readonly
        CompanyUserAdminEmail           text readonly
        CompanyStartDate                date readonly
        EmployerId                      text
        FiscalYearStartMonth            text
        TaxYearStartMonth               text
        QBVersion                       text readonly
        Country                         text readonly
        ShipAddr                        shape:Address
        OtherAddr                       list:Address
        Mobile                          shape:Telephone
        Fax                             shape:Telephone
        Email                           shape:Email
        WebAddr                         shape:WebSite
        LastImportedTime                instant readonly
        LastSyncTime                    instant readonly
        SupportedLanguages              text readonly
        DefaultTimeZone                 text readonly
        MultiByteCharsSupported         bool readonly
        NameValue                       any readonly
        FifoCalculationStatus           any readonly
        CompanyInfoEx                   any readonly
        """,
    ),
)

PREFERENCES = Entity(
    name="Preferences",
    group="single",
    title="Preferences",
    plural="Preferences",
    verbs=frozenset({"update", "cdc"}),
    fields=parse_fields(
        RECORD,
        """
        AccountingInfoPrefs      any
        AdvancedInventoryPrefs   any
        ProductAndServicesPrefs  any
        SalesFormsPrefs          any
        EmailMessagesPrefs       any
        PrintDocumentPrefs       any
        VendorAndPurchasesPrefs  any
        TimeTrackingPrefs        any
        TaxPrefs                 any
        FinanceChargesPrefs      any
        CurrencyPrefs            any
        ReportPrefs              any
        OtherPrefs               any
        """,
    ),
)

COMPANY_CURRENCY = Entity(
    name="CompanyCurrency",
    group="list",
    name_field="Name",
    title="currency",
    plural="CompanyCurrency",
    verbs=LIST_VERBS,
    behaviours=("name_currency",),
    defaults={"Active": True},
    marks_deleted=False,
    fields=parse_fields(
        RECORD,
        """
        CustomField        list:CustomField
        Code               text:3 required filter
        Name               text:100 filter
        Active             bool filter
        CompanyCurrencyEx  any readonly
        """,
    ),
)

EXCHANGE_RATE = Entity(
    name="ExchangeRate",
    group="list",
    title="exchange rate",
    plural="ExchangeRate",
    verbs=frozenset({"update", "create"}),
    behaviours=("exchange_rate",),
    hidden=frozenset({"Id"}),
    keyed_by=("SourceCurrencyCode", "AsOfDate"),
    fields=parse_fields(
        RECORD,
        """
        CustomField         list:CustomField
        SourceCurrencyCode  text:3 required filter
        TargetCurrencyCode  text:3 filter
        Rate                number required
        AsOfDate            date filter
        ExchangeRateEx      any readonly
        """,
    ),
)

ENTITIES = (COMPANY_INFO, PREFERENCES, COMPANY_CURRENCY, EXCHANGE_RATE)
