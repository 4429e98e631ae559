"""Fields that documents have in common: currency, dimensions, tax and totals (10.1 and 10.4)."""

from __future__ import annotations

from models.fields import Choice, Currency, HomeMoney, Money, Number
from models.reference_fields import Named, Reference
from models.words import Owner

DEPARTMENT = Reference(
    name="department",
    quickbooks="DepartmentRef",
    platform="department_id",
    to=("department",),
    meaning="Department that the document counts in.",
)
CURRENCY = Currency(name="currency", quickbooks="CurrencyRef.value", create_only=True)
EXCHANGE_RATE = Number(
    name="exchange_rate",
    quickbooks="ExchangeRate",
    normalised=True,
    meaning="Home currency per unit; QuickBooks takes the day's rate where it is empty.",
)
TAX_CALCULATION = Choice(
    name="tax_calculation",
    quickbooks="GlobalTaxCalculation",
    create_only=True,
    words={"exclusive": "TaxExcluded", "inclusive": "TaxInclusive", "none": "NotApplicable"},
    meaning="Whether amounts include tax; not in companies of the US.",
)
TAX_CODE = Named(
    name="tax_code",
    quickbooks="TxnTaxDetail.TxnTaxCodeRef",
    entity="TaxCode",
    owner=Owner.QUICKBOOKS,
    create_only=True,
    meaning="Tax code of the whole document.",
)
TAX_TOTAL = Money(
    name="tax_total",
    quickbooks="TxnTaxDetail.TotalTax",
    owner=Owner.QUICKBOOKS,
    create_only=True,
    meaning="Tax; given when the document is made, QuickBooks's own afterwards.",
)
TOTAL = Money(name="total", quickbooks="TotalAmt", owner=Owner.QUICKBOOKS)
HOME_TOTAL = HomeMoney(
    name="home_total",
    quickbooks="HomeTotalAmt",
    owner=Owner.QUICKBOOKS,
    meaning="The total in the home currency, where the document is in another one.",
)
