"""Sales tax: codes, rates and the agencies they are paid to.

Codes and rates are read only; the TaxService makes them (see writing/tax_service.py). None of the
three appears in CDC.
Source: dossier sections 3.6, 5 and 10.3; Intuit's XSD for the fields.
"""

from __future__ import annotations

from emulator.entities.common import RECORD
from emulator.entities.declaration import Entity, parse_fields

TAX_CODE = Entity(
    name="TaxCode",
    group="list",
    name_field="Name",
    title="tax code",
    plural="TaxCode",
    verbs=frozenset(),
    fields=parse_fields(
        RECORD,
        """
        Name                   text:10 readonly filter
        Description            text readonly
        Active                 bool readonly filter
        Hidden                 bool readonly
        Taxable                bool readonly filter
        TaxGroup               bool readonly filter
        SalesTaxRateList       any readonly
        PurchaseTaxRateList    any readonly
        AdjustmentTaxRateList  any readonly
        TaxCodeEx              any readonly
        TaxCodeConfigType      text readonly
        """,
    ),
)

TAX_RATE = Entity(
    name="TaxRate",
    group="list",
    name_field="Name",
    title="tax rate",
    plural="TaxRate",
    verbs=frozenset(),
    fields=parse_fields(
        RECORD,
        """
        Name              text readonly filter
        Description       text readonly
        Active            bool readonly filter
        RateValue         number readonly filter
        AgencyRef         any readonly
        TaxReturnLineRef  any readonly
        EffectiveTaxRate  any readonly
        SpecialTaxType    text readonly
        DisplayType       text readonly
        TaxRateEx         any readonly
        OriginalTaxRate   any readonly
        """,
    ),
)

TAX_AGENCY = Entity(
    name="TaxAgency",
    group="list",
    name_field="DisplayName",
    title="tax agency",
    plural="TaxAgency",
    verbs=frozenset({"create"}),
    behaviours=("unique_name",),
    defaults={"TaxTrackedOnPurchases": False, "TaxTrackedOnSales": True},
    marks_deleted=False,
    fields=parse_fields(
        RECORD,
        """
        DisplayName                  text:100 name required filter
        TaxRegistrationNumber        text:100
        TaxTrackedOnPurchases        bool
        TaxTrackedOnSales            bool
        LastFileDate                 date readonly
        ReportingPeriod              text
        TaxAgencyConfig              text readonly
        SalesTaxCountry              text
        TaxOnPurchasesAccountRef     any readonly
        TaxTrackedOnSalesAccountRef  any readonly
        TaxAgencyExt                 any readonly
        """,
    ),
)

ENTITIES = (TAX_CODE, TAX_RATE, TAX_AGENCY)
