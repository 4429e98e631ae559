"""Vendors (quickbooks-api 10.3)."""

from __future__ import annotations

from models.checks import unique_name_checks
from models.fields import Currency, Flag, Money, Text
from models.party import PARTY_FIELDS
from models.record_type import DeleteMeans, RecordType
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="vendor",
    plural="vendors",
    data_type=DataType.EXPENSES,
    entity="Vendor",
    table="vendors",
    web_page="vendordetail?nameId=",
    meaning="Somebody the company buys from.",
    label="name",
    delete_means=DeleteMeans.DEACTIVATE,
    match_keys=(("name",),),
    fields=(
        *PARTY_FIELDS,
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
    checks=unique_name_checks("vendor"),
)
