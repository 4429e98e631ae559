"""Look up: has a write whose answer never came taken effect?

A record is taken for ours only if nobody else's link knows it, it was made no earlier than our
intent, and it holds all that we sent. Records that were sent alike are alike: each of their intents
takes one. More records that fit than were sent are left to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from connectors.ports import Payload
from connectors.quickbooks import exact_json
from connectors.quickbooks.queries import quote
from connectors.state.port import Intent, Unit
from models.codecs import decode
from models.errors import RecordError
from models.fields import value_at
from models.plan import Link
from models.record_type import RecordType, catalog
from models.records import Content
from models.words import Operation, Owner, Side
from tasks.context import Cycle
from tasks.parents import load_parents
from tasks.times import parse_time

#: QuickBooks's clock and ours may differ by this much.
CLOCK_SKEW_MAX = timedelta(minutes=10)


def find_created(cycle: Cycle, record_type: RecordType, intent: Intent) -> Payload | None:
    """The record that a create made although its answer was lost, or None.

    Raises:
        RecordError: more records fit than were sent.
    """
    assert intent.operation is Operation.CREATE
    body = exact_json.decode(intent.payload)
    records, _ = cycle.quickbooks.query(record_type.entity, _condition(record_type, body))
    ids = [str(each["Id"]) for each in records]
    with cycle.state.begin() as unit:
        linked = unit.links_of(record_type.name, Side.QUICKBOOKS, ids)
        load_parents(cycle, unit, record_type, [body, *records], [])
        twins = sum(each.payload_hash == intent.payload_hash for each in unit.open_intents())
    fitting = [
        each
        for each in records
        if _link_id(linked, each) in (None, intent.link_id) and fits(cycle, intent, body, each)
    ]
    if len(fitting) > max(1, twins):
        raise RecordError(
            f"QuickBooks did not answer, and {len(fitting)} records there look like it: "
            f"{', '.join(str(each['Id']) for each in fitting)}",
            code="several_fit",
            fix="Delete the surplus ones in QuickBooks, then retry this record.",
        )
    return fitting[0] if fitting else None


def unclaimed(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    records: Sequence[Payload],
    intents: Sequence[Intent],
) -> list[Payload]:
    """The records, without unlinked ones that an open intent may have made.

    Those are no news: once the intent is settled, its record has the link that it was made from.
    """
    creates = [
        (each, exact_json.decode(each.payload))
        for each in intents
        if each.operation is Operation.CREATE and each.record_type == record_type.name
    ]
    if not creates:
        return list(records)
    ids = [str(each["Id"]) for each in records]
    linked = unit.links_of(record_type.name, Side.QUICKBOOKS, ids)
    load_parents(cycle, unit, record_type, [*(body for _, body in creates), *records], [])
    return [
        each
        for each in records
        if str(each["Id"]) in linked
        or not any(fits(cycle, intent, body, each) for intent, body in creates)
    ]


def _link_id(linked: Mapping[str, Link], record: Payload) -> int | None:
    link = linked.get(str(record["Id"]))
    return link.id if link else None


def fits(cycle: Cycle, intent: Intent, body: Payload, record: Payload) -> bool:
    """Whether a record may be what the intent created; its references must be known."""
    record_type = catalog()[intent.record_type]
    return _made_since(record, intent) and _holds(cycle, record_type, body, record)


def _condition(record_type: RecordType, body: Payload) -> str:
    """A condition on what was sent, from the fields that QuickBooks can be asked for."""
    parts = []
    for name, field_name in record_type.look_up:
        field = record_type.by_name[field_name]
        path = f"{field.quickbooks}.value" if field.kind == "reference" else field.quickbooks
        value = value_at(body, path)
        if value not in (None, ""):
            parts.append(f"{name} = {quote(str(value))}")
    return " AND ".join(parts)


def _made_since(record: Payload, intent: Intent) -> bool:
    made_at = parse_time(value_at(record, "MetaData.CreateTime"))
    return made_at is not None and made_at >= intent.created_at - CLOCK_SKEW_MAX


def _holds(cycle: Cycle, record_type: RecordType, body: Payload, record: Payload) -> bool:
    """Whether the record has all that was sent; what QuickBooks adds or respells does not count."""
    sent = decode(record_type, Side.QUICKBOOKS, body, cycle.references)
    stored = decode(record_type, Side.QUICKBOOKS, record, cycle.references)
    return all(
        _same(sent.content, stored.content, field.name)
        for field in record_type.fields
        if field.sent_on_create and not field.normalised and field.owner is not Owner.QUICKBOOKS
    )


def _same(sent: Content, stored: Content, name: str) -> bool:
    value = sent.get(name)
    if value in (None, (), False):
        return True
    if isinstance(value, tuple):
        others = stored.get(name) or ()
        return len(value) == len(others) and all(
            all(there.get(key) == part for key, part in line.items())
            for line, there in zip(value, others, strict=True)
        )
    return bool(value == stored.get(name))
