"""Customers, and jobs as customers below another (quickbooks-api 10.3)."""

from __future__ import annotations

from models.checks import unique_name_checks
from models.fields import Currency, Flag, Money, Text
from models.party import PARTY_FIELDS
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="customer",
    plural="customers",
    data_type=DataType.INVOICES,
    entity="Customer",
    table="customers",
    web_page="customerdetail?nameId=",
    meaning="Somebody the company sends invoices to.",
    label="name",
    delete_means=DeleteMeans.DEACTIVATE,
    match_keys=(("name",),),
    fields=(
        *PARTY_FIELDS,
        Text(name="notes", quickbooks="Notes", length_max=2000),
        Reference(
            name="parent",
            quickbooks="ParentRef",
            platform="parent_id",
            to=("customer",),
            flag="Job",
            meaning="The customer above it; this one is then a job or sub-customer.",
        ),
        Text(name="billing_line1", quickbooks="BillAddr.Line1", length_max=500),
        Text(name="billing_line2", quickbooks="BillAddr.Line2", length_max=500),
        Text(name="billing_city", quickbooks="BillAddr.City", length_max=255),
        Text(name="billing_region", quickbooks="BillAddr.CountrySubDivisionCode", length_max=255),
        Text(name="billing_postal_code", quickbooks="BillAddr.PostalCode", length_max=30),
        Text(
            name="billing_country",
            quickbooks="BillAddr.Country",
            length_max=255,
            normalised=True,
            meaning="QuickBooks turns it into a three-letter code when it is read.",
        ),
        Currency(name="currency", quickbooks="CurrencyRef.value", create_only=True),
        Flag(name="active", quickbooks="Active", default=True),
        Money(name="balance", quickbooks="Balance", owner=Owner.QUICKBOOKS),
    ),
    checks=unique_name_checks("customer"),
)
