"""Names of terms, tax codes and payment methods, learnt where a record names an unknown one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.fields import Raw, value_at
from models.record_type import RecordType, catalog
from models.reference_fields import Named
from models.words import Side
from tasks.context import Cycle

if TYPE_CHECKING:
    from tasks.extract import PlatformExtract, QuickBooksExtract


def learn_names(cycle: Cycle, quickbooks: QuickBooksExtract, platform: PlatformExtract) -> None:
    """Make sure that the terms, tax codes and payment methods in use are known by name.

    An entity is read again only when a record names an entry that is not known.
    """
    unknown: set[str] = set()
    for name, records in quickbooks.records.items():
        for raw in records:
            unknown |= _unknown_names(cycle, catalog()[name], raw, Side.QUICKBOOKS)
    for name, rows in platform.rows.items():
        for row in rows:
            unknown |= _unknown_names(cycle, catalog()[name], row.values, Side.PLATFORM)
    for entity in sorted(unknown):
        records, _ = cycle.quickbooks.query(entity)
        names = {
            str(each["Id"]): str(each.get("Name", each["Id"])).removesuffix(" (deleted)")
            for each in records
        }
        with cycle.state.begin() as unit:
            unit.save_named_references(entity, names)
        cycle.references.learn_names(entity, names)


def _unknown_names(cycle: Cycle, record_type: RecordType, raw: Raw, side: Side) -> set[str]:
    holders = [(field, raw) for field in record_type.named]
    lines = record_type.lines
    if lines is not None:
        path, name = (
            (lines.marker_path, lines.quickbooks) if side is Side.QUICKBOOKS else ("kind", "lines")
        )
        for line in raw.get(name) or ():
            shape = lines.shape_by_word.get(value_at(line, path) or "")
            holders += [(field, line) for field in (shape.named if shape else ())]
    return {field.entity for field, holder in holders if not _known(cycle, field, holder, side)}


def _known(cycle: Cycle, field: Named, holder: Raw, side: Side) -> bool:
    if side is Side.PLATFORM:
        name = holder.get(field.column)
        if not isinstance(name, str) or not name or name in field.literal:
            return True
        return cycle.references.id_of_name(field.entity, name) is not None
    quickbooks_id = value_at(holder, f"{field.quickbooks}.value")
    if quickbooks_id in (None, "", *field.literal):
        return True
    return cycle.references.name_of(field.entity, str(quickbooks_id)) is not None
