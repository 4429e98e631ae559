"""Outcome: what became of writes that QuickBooks did not answer.

A write without an answer may have taken effect, may never do so, or may still be on its way. One
look tells: a record that we made carries our marker, or its unique name; a record that we changed
has another version. What `models.intent.next_step` decides is carried out here, but for sending
again: that is for `tasks.load`, which knows how, and `tasks.recover`, which starts each cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.ports import Payload
from connectors.quickbooks import exact_json
from connectors.quickbooks.queries import quote
from connectors.state.port import LinkUpdate, Unit
from models.codecs import decode
from models.errors import RecordError, RejectedError
from models.file_rules import not_whole_error
from models.intent import Attempt, Intent, Sight, Sighting, Step, due_at, next_step
from models.lines import holds
from models.plan import Link
from models.record_type import DeleteMeans, RecordType, catalog
from models.records import Content
from models.words import IntentState, Operation, Side
from tasks.context import Cycle
from tasks.parents import load_parents
from tasks.reads import read_many, token_number
from tasks.record import note_conflicts, note_recovered, note_uncertain


@dataclass
class _Traces:
    """Records that a create may have made, by how sure it is."""

    #: They carry our marker, or the unique name.
    ours: list[Payload] = field(default_factory=list)
    #: All that was sent is there, but for a marker that somebody took out.
    alike: list[Payload] = field(default_factory=list)
    #: Edited since they were made, without a marker, and at least half of what was sent is there;
    #: an entry of a name list has so few fields that any edited one is in doubt.
    doubtful: list[Payload] = field(default_factory=list)

    def all(self) -> list[Payload]:
        """All of them."""
        return [*self.ours, *self.alike, *self.doubtful]


# -- looking --


def look(cycle: Cycle, intents: Sequence[Intent]) -> dict[str, Sighting]:
    """What QuickBooks holds now of these writes; by intent, a query per record type.

    Raises:
        RetryLaterError: QuickBooks cannot be asked now.
        DisconnectedError: no call can work.
    """
    found: dict[str, Sighting] = {}
    for name in dict.fromkeys(each.record_type for each in intents):
        record_type = catalog()[name]
        some = [each for each in intents if each.record_type == name]
        created = [each for each in some if each.operation is Operation.CREATE]
        changed = [each for each in some if each.operation is not Operation.CREATE]
        if created:
            found |= _look_for_created(cycle, record_type, created)
        if changed:
            found |= _look_at_changed(cycle, record_type, changed)
    return found


def _look_for_created(
    cycle: Cycle, record_type: RecordType, intents: Sequence[Intent]
) -> dict[str, Sighting]:
    looked_at = _now(cycle)
    records, _ = cycle.quickbooks.query(record_type.entity, _made_since(intents))
    bodies = {each.id: exact_json.decode(each.payload) for each in intents}
    with cycle.state.begin() as unit:
        ids = [str(each["Id"]) for each in records]
        linked = unit.links_of(record_type.name, Side.QUICKBOOKS, ids)
        load_parents(cycle, unit, record_type, [*bodies.values(), *records], [])
    sightings: dict[str, Sighting] = {}
    for intent in intents:
        free = [each for each in records if _may_be_of(intent, linked.get(str(each["Id"])))]
        sent = sent_by(cycle, record_type, bodies[intent.id])
        traces = traces_of(cycle, record_type, intent, sent, free)
        sighting = _created_sighting(cycle, record_type, intent, sent, traces, looked_at)
        sightings[intent.id] = sighting
    missed = [
        each
        for each in intents
        if sightings[each.id].sight is Sight.ABSENT and looked_at >= due_at(each, cycle.flight)
    ]
    if missed and record_type.delete_means is DeleteMeans.DELETE:
        sightings |= _perhaps_deleted(cycle, record_type, missed, looked_at)
    return sightings


def _perhaps_deleted(
    cycle: Cycle, record_type: RecordType, intents: Sequence[Intent], looked_at: datetime
) -> dict[str, Sighting]:
    """Creates of which no trace is left: somebody may have deleted what they made.

    All that QuickBooks tells of a deleted record is its number, so one that nobody knows is enough
    for not sending again.
    """
    gone: set[str] | None = set()
    for since in {each.far_since for each in intents}:
        found = _deleted_since(cycle, record_type, since)
        gone = None if found is None or gone is None else gone | found
    if gone is not None:
        with cycle.state.begin() as unit:
            gone -= set(unit.links_of(record_type.name, Side.QUICKBOOKS, sorted(gone)))
    if gone is not None and not gone:
        return {}
    ids = ", ".join(sorted(gone)) if gone else "too many to tell"
    error = RecordError(
        f"QuickBooks did not answer, and what was deleted there since may have been it: {ids}",
        code="may_be_deleted",
        fix="Delete it on the platform too if it was meant to go; if not, retry this record.",
    )
    return {each.id: Sighting(Sight.UNSURE, looked_at, error=error) for each in intents}


def _deleted_since(
    cycle: Cycle, record_type: RecordType, since: datetime | None
) -> set[str] | None:
    """Ids of deleted records; None where QuickBooks does not tell them all."""
    if since is None:
        return None
    try:
        changes = cycle.quickbooks.changes([record_type.entity], since)
    except RejectedError:
        return None  # it is longer ago than QuickBooks tells of
    if record_type.entity in changes.overflowed:
        return None
    return set(changes.deleted.get(record_type.entity, ()))


def _now(cycle: Cycle) -> datetime:
    """The time before QuickBooks is asked: its answer may come much later."""
    with cycle.state.begin() as unit:
        return unit.now


def _made_since(intents: Iterable[Intent]) -> str:
    """A condition on QuickBooks's own clock; none where an intent does not know it."""
    instants = [each.far_since for each in intents]
    known = [each for each in instants if each is not None]
    if len(known) < len(instants):
        return ""
    return f"MetaData.CreateTime >= {quote(_whole_seconds(min(known)))}"


def _whole_seconds(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def _may_be_of(intent: Intent, link: Link | None) -> bool:
    return link is None or link.id == intent.link_id


def sent_by(cycle: Cycle, record_type: RecordType, body: Payload) -> Content:
    """What a body says, in canonical form."""
    return decode(record_type, Side.QUICKBOOKS, body, cycle.references).content


def traces_of(
    cycle: Cycle,
    record_type: RecordType,
    intent: Intent,
    sent: Content,
    records: Iterable[Payload],
) -> _Traces:
    """Sort records into those that the intent made, may have made, and all others."""
    traces = _Traces()
    compared = _compared(record_type, intent, sent)
    for record in records:
        stored = decode(record_type, Side.QUICKBOOKS, record, cycle.references).content
        if _is_ours(record_type, intent, sent, stored, record):
            traces.ours.append(record)
            continue
        if not _may_be_ours(record_type, intent, record):
            continue
        same = sum(covers(record_type, sent, stored, name) for name in compared)
        if same == len(compared) and record_type.marking is not None:
            traces.alike.append(record)
        elif record_type.marking is None or (intent.marker and 2 * same >= len(compared)):
            traces.doubtful.append(record)
    return traces


def _is_ours(
    record_type: RecordType, intent: Intent, sent: Content, stored: Content, record: Payload
) -> bool:
    """Whether a record has what nobody else's has: our marker, or the unique name."""
    if record_type.marking is None:
        return _same_name(record_type, sent, stored)
    return bool(intent.marker) and record_type.marker_in(record) == intent.marker


def _may_be_ours(record_type: RecordType, intent: Intent, record: Payload) -> bool:
    """Whether a person can have taken out what told it.

    An untouched record still has what it was made with. Intents of older programs have no marker.
    """
    if record_type.marking is not None and not intent.marker:
        return True
    return record_type.marker_in(record) is None and token_number(record) > 0


def _compared(record_type: RecordType, intent: Intent, sent: Content) -> list[str]:
    """Fields that tell a record from others; the marker's place may have been overwritten."""
    marking = record_type.marking
    places = {marking.number, marking.note} if marking else set()
    names = intent.fields or {name for name, value in sent.items() if value not in (None, ())}
    return [
        each.name
        for each in record_type.fields
        if each.name in names and each.name not in places and not each.normalised
    ]


def _same_name(record_type: RecordType, sent: Content, stored: Content) -> bool:
    names = record_type.match_keys[0]
    return all(_folded(sent.get(name)) == _folded(stored.get(name)) for name in names)


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _created_sighting(
    cycle: Cycle,
    record_type: RecordType,
    intent: Intent,
    sent: Content,
    traces: _Traces,
    looked_at: datetime,
) -> Sighting:
    certain = traces.ours or traces.alike
    if len(certain) == 1:
        (record,) = certain
        stored = decode(record_type, Side.QUICKBOOKS, record, cycle.references).content
        rules = record_type.file
        if rules and stored.get(rules.size) != sent.get(rules.size):
            error = not_whole_error(sent.get(rules.size), stored.get(rules.size), record["Id"])
            return Sighting(Sight.UNSURE, looked_at, error=error)
        # Under our marker it was made with all that was sent: what differs was edited since.
        agreed = {name: sent.get(name) for name in intent.fields}
        if not (intent.marker and traces.ours):
            agreed = {
                name: agreed[name] for name in agreed if covers(record_type, sent, stored, name)
            }
        return Sighting(Sight.LANDED, looked_at, str(record["Id"]), agreed)
    if not traces.all():
        return Sighting(Sight.ABSENT, looked_at)
    ids = ", ".join(str(each["Id"]) for each in traces.all())
    if len(certain) > 1:
        error = RecordError(
            f"QuickBooks did not answer, and {len(certain)} records there look like it: {ids}",
            code="several_fit",
            fix="Delete the surplus ones in QuickBooks; the one that is left is then linked.",
        )
    else:
        error = RecordError(
            f"QuickBooks did not answer, and what was edited there since may be it: {ids}",
            code="may_be_ours",
            fix="Delete it in QuickBooks if it is the same; then, or if it is another one, retry "
            "this record.",
        )
    return Sighting(Sight.UNSURE, looked_at, error=error)


def _look_at_changed(
    cycle: Cycle, record_type: RecordType, intents: Sequence[Intent]
) -> dict[str, Sighting]:
    bodies = {each.id: exact_json.decode(each.payload) for each in intents}
    looked_at = _now(cycle)
    records = read_many(cycle, record_type, [str(body["Id"]) for body in bodies.values()])
    with cycle.state.begin() as unit:
        load_parents(cycle, unit, record_type, [*bodies.values(), *records.values()], [])
    sightings = {}
    for each in intents:
        body = bodies[each.id]
        record = records.get(str(body["Id"]))
        sight, agreed = _changed_sight(cycle, record_type, each, body, record)
        sightings[each.id] = Sighting(sight, looked_at, str(body["Id"]), agreed)
    return sightings


def _changed_sight(
    cycle: Cycle, record_type: RecordType, intent: Intent, body: Payload, record: Payload | None
) -> tuple[Sight, Content]:
    """What became of an update, void or delete, and what both sides agree on by it."""
    if record is None:
        return (Sight.LANDED if intent.operation is Operation.DELETE else Sight.MOVED), {}
    if token_number(record) <= token_number(body):
        return Sight.ABSENT, {}
    sent = sent_by(cycle, record_type, body)
    stored = decode(record_type, Side.QUICKBOOKS, record, cycle.references).content
    if _took_effect(record_type, intent, body, sent, stored, record):
        return Sight.LANDED, {name: sent.get(name) for name in intent.fields}
    return Sight.MOVED, {}


def _took_effect(
    record_type: RecordType,
    intent: Intent,
    body: Payload,
    sent: Content,
    stored: Content,
    record: Payload,
) -> bool:
    """Whether a record that has moved on holds what the intent was to bring about."""
    if intent.operation is Operation.VOID:
        return stored.get("status") == record_type.void_status
    if intent.operation is Operation.DELETE:
        return False
    if not intent.fields:
        return body.get("Active") is False and record.get("Active") is False
    return all(covers(record_type, sent, stored, name) for name in intent.fields)


def covers(record_type: RecordType, sent: Content, stored: Content, name: str) -> bool:
    """Whether a stored field holds what was sent; lines may come back with more in them."""
    return holds(record_type.by_name[name], sent.get(name), stored.get(name))


def _covered(
    record_type: RecordType, sent: Content, stored: Content, names: Iterable[str]
) -> Content:
    """What was sent of these fields and is stored."""
    return {name: sent.get(name) for name in names if covers(record_type, sent, stored, name)}


# -- concluding --


def conclude(cycle: Cycle, unit: Unit, intent: Intent, sighting: Sighting) -> Step:
    """Carry out what follows from a look; what is left to do, if anything, is the caller's.

    A caller whose cycle may not have read the record hands it over in the same unit: adopted and
    not merged, it would keep what only one side has until somebody edits it.
    """
    step = next_step(intent, sighting, cycle.flight)
    if step is Step.ADOPT:
        adopt(cycle, unit, intent, sighting, Attempt(intent.id, "adopted"))
    elif step is Step.PLAN_ANEW:
        unit.close_intent(intent.id, IntentState.REJECTED, Attempt(intent.id, "moved"))
        note_uncertain(unit, intent, "the record had moved on when it was looked at")
        link = unit.links([intent.link_id])[intent.link_id]
        note_conflicts(unit, link, intent.conflicts, intent.edited_at)
    elif step in (Step.DROP, Step.GIVE_UP):
        unit.close_intent(intent.id, IntentState.REJECTED, Attempt(intent.id, "never_seen"))
    return step


def answered(cycle: Cycle, unit: Unit, intent: Intent, record: Payload) -> Sighting:
    """What QuickBooks's answer to a write that was sent again says, as a sighting."""
    record_type = catalog()[intent.record_type]
    body = exact_json.decode(intent.payload)
    load_parents(cycle, unit, record_type, [body, record], [])
    sent = sent_by(cycle, record_type, body)
    stored = decode(record_type, Side.QUICKBOOKS, record, cycle.references).content
    agreed = {
        name: sent.get(name) for name in intent.fields if covers(record_type, sent, stored, name)
    }
    return Sighting(Sight.LANDED, unit.now, str(record["Id"]), agreed)


def adopt(cycle: Cycle, unit: Unit, intent: Intent, sighting: Sighting, end: Attempt) -> None:
    """The write took effect: link what was made, and move the base to what both sides held."""
    if intent.operation is Operation.CREATE:
        assert sighting.quickbooks_id is not None, "a record that was made has an id"
        unit.complete_link(intent.link_id, Side.QUICKBOOKS, sighting.quickbooks_id)
    link = unit.links([intent.link_id])[intent.link_id]
    if sighting.agreed:
        base = {**(link.base or {}), **sighting.agreed}
        unit.save_links([LinkUpdate(intent.link_id, base=base)])
    unit.close_intent(intent.id, IntentState.ACKNOWLEDGED, end)
    note_recovered(unit, intent, link, sighting.agreed, intuit_tid=end.intuit_tid)
    note_conflicts(unit, link, intent.conflicts, intent.edited_at)
    cycle.references.learn(unit.links([intent.link_id]).values())
