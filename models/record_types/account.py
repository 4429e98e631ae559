"""Accounts of the chart of accounts (quickbooks-api 10.3)."""

from __future__ import annotations

from models.checks import name_checks, present_check
from models.fields import Currency, Flag, Money, Text
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.words import DataType, Owner

RECORD_TYPE = RecordType(
    name="account",
    plural="accounts",
    data_type=DataType.FINANCIALS,
    entity="Account",
    table="accounts",
    web_page="register?accountId=",
    meaning="An account of the chart of accounts.",
    label="name",
    delete_means=DeleteMeans.DEACTIVATE,
    match_keys=(("name", "parent"),),
    fields=(
        Text(
            name="name",
            quickbooks="Name",
            length_max=100,
            required=True,
            deleted_suffix=True,
            meaning="Name, without its parents'.",
        ),
        Text(name="number", quickbooks="AcctNum", length_max=20, meaning="Account number."),
        Text(
            name="type",
            quickbooks="AccountType",
            required=True,
            meaning="QuickBooks's account type, such as Bank or Expense.",
        ),
        Text(
            name="subtype",
            quickbooks="AccountSubType",
            normalised=True,
            meaning="QuickBooks's detail type; QuickBooks chooses one where it is empty.",
        ),
        Text(name="description", quickbooks="Description", length_max=100),
        Reference(
            name="parent",
            quickbooks="ParentRef",
            platform="parent_id",
            to=("account",),
            flag="SubAccount",
            meaning="The account above it.",
        ),
        Currency(name="currency", quickbooks="CurrencyRef.value", create_only=True),
        Flag(name="active", quickbooks="Active", default=True),
        Money(
            name="balance",
            quickbooks="CurrentBalance",
            owner=Owner.QUICKBOOKS,
            meaning="Balance as QuickBooks computes it.",
        ),
    ),
    checks=(
        *name_checks("name", pattern=r'[:"\t\r\n]'),
        present_check("type"),
    ),
)
