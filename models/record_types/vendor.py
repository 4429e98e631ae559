"""Vendors (quickbooks-api 10.3)."""

from __future__ import annotations

from models.checks import Unique, length_check, name_checks
from models.fields import Currency, Flag, Money, Text
from models.record_type import DeleteMeans, RecordType
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="vendor",
    plural="vendors",
    data_type=DataType.EXPENSES,
    entity="Vendor",
    table="vendors",
    meaning="Somebody the company buys from.",
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
        Text(
            name="account_number",
            quickbooks="AcctNum",
            length_max=100,
            meaning="The company's number in the vendor's books.",
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
            message="another vendor has the same name",
            fix="Give one of them another name; QuickBooks takes a name once.",
        ),
        length_check("company_name", 100),
        length_check("given_name", 100),
        length_check("family_name", 100),
        length_check("email", 100),
        length_check("phone", 30),
        length_check("account_number", 100),
    ),
)
