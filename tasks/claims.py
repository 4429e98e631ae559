"""Claims: QuickBooks records that are no news: a write without an answer may have made them.

They are left out of pairing until it is known what became of the write (`tasks.recover`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.ports import Payload
from connectors.quickbooks import exact_json
from connectors.state.port import Unit
from models.fields import value_at
from models.intent import Intent
from models.plan import Link
from models.record_type import RecordType
from models.words import Operation, Side
from tasks.context import Cycle
from tasks.outcome import sent_by, traces_of
from tasks.parents import load_parents
from tasks.times import parse_time


def _is_older(record: Payload, intent: Intent) -> bool:
    """Whether a record was there before the intent's cycle first read QuickBooks."""
    made_at = parse_time(value_at(record, "MetaData.CreateTime"))
    if intent.far_since is None or made_at is None:
        return False
    return made_at < intent.far_since.replace(microsecond=0)


def unclaimed(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    records: Sequence[Payload],
    intents: Sequence[Intent],
) -> list[Payload]:
    """The records, without unlinked ones that an open create has made or may have made.

    Those are no news: once the intent is settled, its record has the link that it was made from.
    """
    creates = [
        (each, exact_json.decode(each.payload))
        for each in intents
        if each.operation is Operation.CREATE and each.record_type == record_type.name
    ]
    if not creates:
        return list(records)
    linked = unit.links_of(record_type.name, Side.QUICKBOOKS, [str(each["Id"]) for each in records])
    load_parents(cycle, unit, record_type, [*(body for _, body in creates), *records], [])
    free = [each for each in records if str(each["Id"]) not in linked]
    claimed = {
        str(each["Id"])
        for intent, body in creates
        for each in traces_of(
            cycle,
            record_type,
            intent,
            sent_by(cycle, record_type, body),
            [record for record in free if not _is_older(record, intent)],
        ).all()
    }
    return [each for each in records if str(each["Id"]) not in claimed]


def twins(unit: Unit, record_type: RecordType, records: Sequence[Payload]) -> Mapping[str, Link]:
    """QuickBooks id of an unlinked record -> the link whose record carries the same marker.

    Such a record is a copy that a person made, or a write that landed after all. It must never
    become a second record on the platform by itself.
    """
    marked = {
        str(each["Id"]): marker
        for each in records
        if (marker := record_type.marker_in(each)) is not None
    }
    if not marked:
        return {}
    intents = unit.intents_marked(set(marked.values()))
    links = unit.links({each.link_id for each in intents.values()})
    found: dict[str, Link] = {}
    for side_id, marker in marked.items():
        intent = intents.get(marker)
        link = links.get(intent.link_id) if intent else None
        if link is not None and link.quickbooks_id not in (None, side_id):
            found[side_id] = link
    return found
