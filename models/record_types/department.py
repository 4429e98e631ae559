"""Departments, which QuickBooks shows as locations (quickbooks-api 10.3)."""

from __future__ import annotations

from models.checks import name_checks
from models.fields import Flag, Text
from models.record_type import DeleteMeans, RecordType
from models.reference_fields import Reference
from models.words import DataType

RECORD_TYPE = RecordType(
    name="department",
    plural="departments",
    data_type=DataType.FINANCIALS,
    entity="Department",
    table="departments",
    meaning="A location or part of the business that documents are counted in.",
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
        Reference(
            name="parent",
            quickbooks="ParentRef",
            platform="parent_id",
            to=("department",),
            flag="SubDepartment",
            meaning="The department above it.",
        ),
        Flag(name="active", quickbooks="Active", default=True),
    ),
    checks=name_checks("name"),
)
