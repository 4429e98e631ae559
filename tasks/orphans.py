"""Orphans: files that QuickBooks keeps of documents that were deleted.

Deleting a document leaves its files behind there (quickbooks-api, section 3.3), so QuickBooks may
hold any number of files that hang on nothing. One that is new to us has no place on the platform
and is left out; one that was synced before its document went stays on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.ports import Payload
from connectors.state.port import Unit
from models.record_type import RecordType, catalog
from models.reference_fields import Reference
from models.words import Side
from tasks.context import Cycle
from tasks.reads import read_many

#: Record type and QuickBooks id of a document.
Target = tuple[str, str]


def without_orphans(
    cycle: Cycle, record_type: RecordType, records: Sequence[Payload], read: Mapping[str, set[str]]
) -> list[Payload]:
    """The records, without new files of documents that are gone; each confirmed by a read.

    read: record type -> ids that this cycle has read.
    """
    if record_type.file is None or not records:
        return list(records)
    document = record_type.by_name[record_type.file.document]
    assert isinstance(document, Reference), "a file documents a record"
    with cycle.state.begin() as unit:
        found = _unknown(unit, record_type, document, records, read)
    gone: set[Target] = set()
    for name in sorted({name for name, _ in found}):
        ids = sorted({side_id for each, side_id in found if each == name})
        alive = read_many(cycle, catalog()[name], ids)
        gone |= {(name, side_id) for side_id in ids if side_id not in alive}
    orphans = {side_id for target in gone for side_id in found[target]}
    return [each for each in records if str(each["Id"]) not in orphans]


def _unknown(
    unit: Unit,
    record_type: RecordType,
    document: Reference,
    records: Sequence[Payload],
    read: Mapping[str, set[str]],
) -> dict[Target, set[str]]:
    """Document that is neither read nor linked, or known to be gone -> ids of its new files."""
    linked = unit.links_of(record_type.name, Side.QUICKBOOKS, [str(each["Id"]) for each in records])
    files: dict[Target, set[str]] = {}
    for each in records:
        target = document.target_in_quickbooks(each)
        if target is not None and str(each["Id"]) not in linked and record_type.takes(each):
            files.setdefault(target, set()).add(str(each["Id"]))
    live: set[Target] = set()
    for name in {name for name, _ in files}:
        ids = {side_id for each, side_id in files if each == name}
        links = unit.links_of(name, Side.QUICKBOOKS, ids)
        known = {side_id for side_id, link in links.items() if link.deleted_at is None}
        live |= {(name, side_id) for side_id in ids & (known | read.get(name, set()))}
    return {target: ids for target, ids in files.items() if target not in live}
