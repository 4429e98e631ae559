"""Customers, and jobs as customers below another (quickbooks-api 10.3)."""

from __future__ import annotations

from models.checks import Unique, length_check, name_checks
from models.fields import Currency, Flag, Money, Reference, Text
from models.record_type import DeleteMeans, RecordType
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="customer",
    plural="customers",
    data_type=DataType.INVOICES,
    entity="Customer",
    table="customers",
    meaning="Somebody the company sends invoices to.",
    label="name",
    delete_means=DeleteMeans.DEACTIVATE,
    match_keys=(("name",),),
    look_up=(("DisplayName", "name"),),
    fields=(
        Text(
            name="name",
            quickbooks="DisplayName",
            length_max=500,
            required=True,
            deleted_suffix=True,
            meaning="Display name, unique among customers, vendors and employees.",
        ),
        Text(name="company_name", quickbooks="CompanyName", length_max=100),
        Text(name="given_name", quickbooks="GivenName", length_max=100),
        Text(name="family_name", quickbooks="FamilyName", length_max=100),
        Text(name="email", quickbooks="PrimaryEmailAddr.Address", length_max=100),
        Text(name="phone", quickbooks="PrimaryPhone.FreeFormNumber", length_max=30),
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
    checks=(
        *name_checks("name", 500),
        Unique(
            field="name",
            code="duplicate_name",
            message="another customer has the same name",
            fix="Give one of them another name; QuickBooks takes a name once.",
        ),
        length_check("company_name", 100),
        length_check("given_name", 100),
        length_check("family_name", 100),
        length_check("email", 100),
        length_check("phone", 30),
        length_check("notes", 2000),
        length_check("billing_line1", 500),
        length_check("billing_line2", 500),
        length_check("billing_city", 255),
        length_check("billing_region", 255),
        length_check("billing_postal_code", 30),
        length_check("billing_country", 255),
    ),
)
