"""Customers, vendors and employees: three lists that share one space of display names.

Source: dossier sections 10.1 (names, lengths) and 10.3; notes on recorded data for newer fields.
"""

from __future__ import annotations

from emulator.entities.common import LIST_VERBS, PERSON, RECORD
from emulator.entities.declaration import Entity, parse_fields

_NAME_BEHAVIOURS = ("compose_name", "deactivate", "unique_name", "qualified_name")

CUSTOMER = Entity(
    name="Customer",
    group="list",
    name_field="DisplayName",
    title="Customer",
    plural="Names",
    verbs=LIST_VERBS,
    behaviours=(*_NAME_BEHAVIOURS, "party_currency", "opening_balance"),
    defaults={
        "Taxable": True,
        "Job": False,
        "BillWithParent": False,
        "Active": True,
        "PreferredDeliveryMethod": "Print",
    },
    fields=parse_fields(
        RECORD,
        PERSON,
        """
        FullyQualifiedName       text readonly filter
        DefaultTaxCodeRef        ref:TaxCode bare
        Taxable                  bool
        BillAddr                 shape:Address
        ShipAddr                 shape:Address
        ContactName              text
        AltContactName           text
        Job                      bool
        BillWithParent           bool
        RootCustomerRef          any readonly
        ParentRef                ref:Customer bare
        Level                    int readonly
        CustomerTypeRef          any
        SalesTermRef             ref:Term bare
        SalesRepRef              any
        TaxGroupCodeRef          any
        TaxRateRef               any
        PaymentMethodRef         ref:PaymentMethod bare
        CCDetail                 any
        PriceLevelRef            any
        Balance                  money fixed filter
        OpenBalanceDate          date fixed
        BalanceWithJobs          money readonly
        CreditLimit              money
        AcctNum                  text:99
        CurrencyRef              currency fixed
        OverDueBalance           money readonly
        TotalRevenue             money readonly
        TotalExpense             money readonly
        PreferredDeliveryMethod  text
        ResaleNum                text:16
        JobInfo                  any
        TDSEnabled               bool
        CustomerEx               any readonly
        ARAccountRef             ref:Account
        PrimaryTaxIdentifier     text
        SecondaryTaxIdentifier   text
        TaxExemptionReasonId     text
        IsProject                bool readonly
        BusinessNumber           text
        GSTIN                    text
        GSTRegistrationType      text
        IsCISContractor          bool
        ClientCompanyId          text readonly
        ClientEntityId           text readonly
        Source                   text readonly
        TaxRegime                text
        """,
    ),
)

VENDOR = Entity(
    name="Vendor",
    group="list",
    name_field="DisplayName",
    title="Vendor",
    plural="Names",
    verbs=LIST_VERBS,
    behaviours=(*_NAME_BEHAVIOURS, "party_currency", "opening_balance", "mask_tax_id"),
    defaults={"Active": True, "Vendor1099": False},
    fields=parse_fields(
        RECORD,
        PERSON,
        """
        DefaultTaxCodeRef        ref:TaxCode bare
        ContactName              text
        AltContactName           text
        BillAddr                 shape:Address
        ShipAddr                 shape:Address
        TaxCountry               text
        TaxIdentifier            text:20
        TaxIdEffectiveDate       date
        BusinessNumber           text
        ParentRef                any
        VendorTypeRef            any
        TermRef                  ref:Term bare
        PrefillAccountRef        any
        Balance                  money fixed filter
        BillRate                 money
        OpenBalanceDate          date fixed
        CreditLimit              money
        AcctNum                  text:100
        Vendor1099               bool
        T4AEligible              bool
        T5018Eligible            bool
        CurrencyRef              currency fixed
        TDSEnabled               bool
        TDSEntityTypeId          int
        TDSSectionTypeId         int
        TDSOverrideThreshold     bool
        TaxReportingBasis        text
        APAccountRef             ref:Account
        VendorEx                 any readonly
        GSTIN                    text
        GSTRegistrationType      text
        IsSubContractor          bool
        SubcontractorType        text
        CISRate                  text
        HasTPAR                  bool
        VendorPaymentBankDetail  any
        Source                   text readonly
        CostRate                 money
        """,
    ),
)

EMPLOYEE = Entity(
    name="Employee",
    group="list",
    name_field="DisplayName",
    title="Employee",
    plural="Names",
    verbs=LIST_VERBS,
    behaviours=_NAME_BEHAVIOURS,
    defaults={"Active": True, "BillableTime": False, "Organization": False},
    fields=parse_fields(
        RECORD,
        PERSON,
        """
        EmployeeType    text
        EmployeeNumber  text:100
        SSN             text:100
        PrimaryAddr     shape:Address
        BillableTime    bool
        BillRate        money
        BirthDate       date
        Gender          enum:Male|Female
        HiredDate       date
        ReleasedDate    date
        UseTimeEntry    enum:NotSet|DoNotUseTimeEntry|UseTimeEntry
        EmployeeEx      any readonly
        CostRate        money
        """,
    ),
)

ENTITIES = (CUSTOMER, VENDOR, EMPLOYEE)
