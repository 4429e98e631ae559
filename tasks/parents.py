"""Parents: the links of all that raw records refer to, fetched before the records are decoded."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.ports import Payload
from connectors.state.port import Unit
from models.codecs import parents_of
from models.errors import MissingParentError, RecordError
from models.record_type import RecordType, catalog
from models.reference_fields import Reference
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


def switched_off(
    cycle: Cycle, record_type: RecordType, error: MissingParentError
) -> MissingParentError | None:
    """The same error with its reason where what is meant is of a data type that is off."""
    name = error.field.rpartition(".")[2]
    fields = [*record_type.fields]
    if record_type.lines is not None:
        fields += [each for shape in record_type.lines.shapes for each in shape.fields]
    targets = {
        catalog()[to]
        for each in fields
        if isinstance(each, Reference) and each.name == name
        for to in each.to
    }
    synced = set(cycle.record_types)
    if not targets or targets & synced:
        return None
    types = ", ".join(sorted({each.data_type for each in targets}))
    return MissingParentError(
        f"{error}: {types} are switched off",
        code=error.code,
        field=error.field,
        value=error.value,
        fix=f"Switch on {types}, or leave it as it is.",
    )
