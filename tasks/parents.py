"""Parents: the links of all that raw records refer to, fetched before the records are decoded."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.ports import Payload
from connectors.state.port import Unit
from models.codecs import parents_of
from models.errors import RecordError
from models.record_type import RecordType
from models.words import Side
from tasks.context import Cycle


def load_parents(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    records: Iterable[Payload],
    rows: Iterable[Payload],
) -> None:
    """Fetch the links of all that these raw records refer to, a query per record type."""
    for side, raws in ((Side.QUICKBOOKS, records), (Side.PLATFORM, rows)):
        wanted = {target for raw in raws for target in targets_of(record_type, side, raw)}
        cycle.references.load(unit, side, wanted)


def targets_of(record_type: RecordType, side: Side, raw: Payload) -> set[tuple[str, str]]:
    """What a raw record refers to; what cannot be read is found again when it is decoded."""
    try:
        return parents_of(record_type, side, raw)
    except RecordError:
        return set()
