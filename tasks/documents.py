"""Documents: what a receipt hangs on decides when the receipt is ready for the books.

An expense goes to QuickBooks once the platform's workflow lets it; until then its receipts are left
alone, which is no trouble that anybody has to hear of. They come with it when it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.state.platform_port import Row
from connectors.state.port import Unit
from models.record_type import RecordType, catalog
from models.reference_fields import Reference
from models.words import Side


def is_ready(record_type: RecordType, row: Row) -> bool:
    """Whether the platform's workflow lets the record into the books."""
    workflow = record_type.workflow
    return workflow is None or row.values.get(workflow.column) in workflow.forwarded


def unready(unit: Unit, record_type: RecordType, rows: Iterable[Row]) -> set[str]:
    """Ids of new rows whose document is not ready, and has never been in the books."""
    by_document = _by_document(record_type, rows)
    held: set[str] = set()
    for name in {name for name, _ in by_document}:
        document = catalog()[name]
        ids = [row_id for each, row_id in by_document if each == name]
        if document.workflow is None:
            continue
        linked = unit.links_of(name, Side.PLATFORM, ids)
        found = unit.platform.rows(document, [each for each in ids if each not in linked])
        for row_id, row in found.items():
            if row.live and not is_ready(document, row):
                held.update(each.id for each in by_document[name, row_id])
    return held


def with_released(
    unit: Unit, record_type: RecordType, rows: Sequence[Row], ready: Iterable[tuple[str, str]]
) -> list[Row]:
    """The rows, and those not seen before whose documents are ready now.

    ready: record type and platform id of documents that this cycle is about to create.
    """
    wanted = {each for each in ready if each[0] in record_type.parents}
    if record_type.file is None or not wanted:
        return list(rows)
    known = {row.id for row in rows}
    ids = [each for each in unit.platform.ids(record_type) if each not in known]
    linked = unit.links_of(record_type.name, Side.PLATFORM, ids)
    lone = unit.platform.rows(record_type, [each for each in ids if each not in linked])
    found = _by_document(record_type, lone.values())
    return [*rows, *(row for each in sorted(wanted) for row in found.get(each, ()))]


def _by_document(record_type: RecordType, rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Record type and platform id of a document -> rows that hang on it."""
    if record_type.file is None:
        return {}
    field = record_type.by_name[record_type.file.document]
    assert isinstance(field, Reference), "a file documents a record"
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        target = field.target_on_platform(row.values)
        if target is not None:
            found.setdefault(target, []).append(row)
    return found
