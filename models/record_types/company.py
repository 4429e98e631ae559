"""The company itself, as QuickBooks knows it; QuickBooks leads (quickbooks-api 10.2)."""

from __future__ import annotations

from models.checks import present_check
from models.fields import Currency, Field, Text
from models.record_type import DeleteMeans, RecordType
from models.words import DataType, Owner


def _kept_in_quickbooks(name: str, path: str, meaning: str = "") -> Field:
    return Text(name=name, quickbooks=path, owner=Owner.QUICKBOOKS, meaning=meaning)


RECORD_TYPE = RecordType(
    name="company",
    plural="companies",
    data_type=DataType.FINANCIALS,
    entity="CompanyInfo",
    table="company_information",
    meaning="Name, address and fiscal year of the company, as they stand in QuickBooks.",
    label="name",
    delete_means=DeleteMeans.KEEP,
    # there is one on each side, and both keep their books in the home currency
    match_keys=(("currency",),),
    fields=(
        _kept_in_quickbooks("name", "CompanyName", "The name it does business under."),
        _kept_in_quickbooks("legal_name", "LegalName"),
        _kept_in_quickbooks("email", "Email.Address"),
        _kept_in_quickbooks("phone", "PrimaryPhone.FreeFormNumber"),
        _kept_in_quickbooks("website", "WebAddr.URI"),
        _kept_in_quickbooks("address_line1", "CompanyAddr.Line1"),
        _kept_in_quickbooks("address_line2", "CompanyAddr.Line2"),
        _kept_in_quickbooks("address_city", "CompanyAddr.City"),
        _kept_in_quickbooks("address_region", "CompanyAddr.CountrySubDivisionCode"),
        _kept_in_quickbooks("address_postal_code", "CompanyAddr.PostalCode"),
        _kept_in_quickbooks("country", "Country"),
        _kept_in_quickbooks(
            "fiscal_year_starts_in",
            "FiscalYearStartMonth",
            "Name of the fiscal year's first month.",
        ),
        Currency(name="currency", owner=Owner.QUICKBOOKS, meaning="Home currency."),
    ),
    checks=(present_check("name"),),
)
