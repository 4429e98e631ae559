"""Where each record type is kept: in a given table of the platform, or in one that follows from it.

A table that follows from a record type's declaration has the columns of its fields, and all of them
may be NULL: other programs write it too, and the sync parks what it cannot use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, String, Table, false, true
from sqlalchemy.types import TypeEngine

from models.fields import Field, Flag, Text
from models.lines import Lines
from models.record_type import RecordType, catalog
from models.reference_fields import Reference
from models.tables.platform import (
    accounts,
    customers,
    expense_lines,
    expenses,
    invoice_lines,
    invoices,
    items,
    payment_applications,
    payments,
    receipts,
    vendors,
)
from models.tables.shapes import lines_of, records
from models.tables.types import ExactDecimal


@dataclass(frozen=True)
class RecordTable:
    """Where one record type is kept."""

    #: The record type, such as "invoice".
    record_type: str
    #: One row per record.
    table: Table
    #: One row per line; None where the record type has none.
    lines: Table | None = None

    @property
    def line_parent(self) -> Column[Any]:
        """The column of lines that names the record."""
        assert self.lines is not None, f"{self.record_type} has no lines"
        column: Column[Any] = self.lines.columns[f"{self.record_type}_id"]
        return column


_GIVEN: Final = (
    RecordTable("account", accounts),
    RecordTable("customer", customers),
    RecordTable("vendor", vendors),
    RecordTable("item", items),
    RecordTable("invoice", invoices, invoice_lines),
    RecordTable("payment", payments, payment_applications),
    RecordTable("expense", expenses, expense_lines),
    RecordTable("receipt", receipts),
)


def record_table(record_type: RecordType) -> RecordTable:
    """The tables of a record type as its fields ask for them, added to `metadata`."""
    columns = [each for field in record_type.fields for each in _columns_of(field)]
    label = record_type.by_name[record_type.label]
    indexes = [Index(None, "company_id", label.column)] if _is_short(label) else []
    table = records(record_type.table, *columns, *indexes)
    if record_type.lines is None:
        return RecordTable(record_type.name, table)
    by_name = {
        column.name: column
        for shape in record_type.lines.shapes
        for field in shape.fields
        for column in _columns_of(field)
    }
    kind = Column("kind", String(20), nullable=False)
    lines = record_type.lines.table
    parent = record_type.name
    return RecordTable(
        parent, table, lines_of(lines, parent, record_type.table, kind, *by_name.values())
    )


def _columns_of(field: Field) -> list[Column[Any]]:
    """The columns that a field is kept in."""
    if isinstance(field, Lines):
        return []
    if isinstance(field, Reference):
        targets = field.columns or {field.to[0]: field.column}
        return [
            Column(name, ForeignKey(f"{catalog()[target].table}.id"), index=True)
            for target, name in targets.items()
        ]
    if _is_short(field):
        return [Column(field.column, String(_SHORT))]
    if isinstance(field, Flag):
        # what other programs insert without it means the same to everybody
        default = true() if field.default else false()
        return [Column(field.column, Boolean, server_default=default)]
    return [Column(field.column, _TYPES[field.kind])]


def _is_short(field: Field) -> bool:
    """Whether a text is short enough for an index."""
    return field.kind == "text" and isinstance(field, Text) and field.length_max <= _SHORT


_SHORT: Final = 500
_TYPES: Final[Mapping[str, TypeEngine[Any]]] = {
    "text": String(4000),
    "name": String(100),
    "choice": String(40),
    "currency": String(3),
    "number": ExactDecimal(19, 7),
    "money": ExactDecimal(19, 5),
    "day": Date(),
}


def _record_tables() -> dict[str, RecordTable]:
    given = {each.record_type: each for each in _GIVEN}
    return {name: given.get(name) or record_table(each) for name, each in catalog().items()}


#: Record type -> its tables; parents stand before what refers to them.
RECORD_TABLES: Final[Mapping[str, RecordTable]] = MappingProxyType(_record_tables())
