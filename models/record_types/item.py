"""Items: what invoices sell and purchases buy (quickbooks-api 10.3)."""

from __future__ import annotations

from models.checks import amount_check, unique_name_checks
from models.fields import Choice, Flag, Number, Text
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.words import DataType

RECORD_TYPE = RecordType(
    name="item",
    plural="items",
    data_type=DataType.INVOICES,
    entity="Item",
    table="items",
    meaning="A product or service.",
    label="name",
    delete_means=DeleteMeans.DEACTIVATE,
    match_keys=(("name",),),
    fields=(
        Text(name="name", quickbooks="Name", length_max=100, required=True, deleted_suffix=True),
        Choice(
            name="kind",
            quickbooks="Type",
            create_only=True,
            required=True,
            words={
                "service": "Service",
                "non_inventory": "NonInventory",
                "inventory": "Inventory",
                "bundle": "Group",
                "category": "Category",
            },
            meaning="What kind of item it is; it stays what it was made as.",
        ),
        Text(name="sku", quickbooks="Sku", length_max=100),
        Text(name="description", quickbooks="Description", length_max=4000),
        Text(name="purchase_description", quickbooks="PurchaseDesc", length_max=4000),
        Number(name="unit_price", quickbooks="UnitPrice", meaning="Sales price per unit."),
        Number(name="purchase_cost", quickbooks="PurchaseCost", meaning="Cost per unit."),
        Reference(
            name="income_account",
            quickbooks="IncomeAccountRef",
            platform="income_account_id",
            to=("account",),
        ),
        Reference(
            name="expense_account",
            quickbooks="ExpenseAccountRef",
            platform="expense_account_id",
            to=("account",),
        ),
        Reference(
            name="asset_account",
            quickbooks="AssetAccountRef",
            platform="asset_account_id",
            to=("account",),
        ),
        Flag(name="taxable", quickbooks="Taxable"),
        Flag(name="active", quickbooks="Active", default=True),
    ),
    checks=(
        *unique_name_checks("item"),
        amount_check("unit_price", minimum=0),
    ),
)
