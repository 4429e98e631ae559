"""Extract: what each side says has changed since its cursor.

QuickBooks: one CDC call for all record types that have a cursor, again without those that filled
the answer; a full read, ordered and paged, for these and for those without a cursor or with one
older than CDC reaches. A record that is said or seen to be gone is confirmed by a read
(quickbooks-api, section 5). Platform: the change log that its triggers keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from connectors.ports import Changes, Payload
from connectors.state.platform_port import PlatformChanges, Row
from connectors.state.port import Unit, restored_cursor
from models.errors import RejectedError
from models.record_type import RecordType
from models.words import Side
from tasks.context import Cycle
from tasks.matching import open_matches
from tasks.orphans import without_orphans
from tasks.reads import read_many

#: CDC reaches 30 days back; a day less leaves room for clocks.
CDC_REACH = timedelta(days=29)
#: Re-read this much, because changes may surface late and the granularity is a second (section 5).
OVERLAP = timedelta(minutes=5)
#: A full answer for changes is asked for again so often, each time without what filled it most.
FULL_ANSWERS_MAX = 3


@dataclass(frozen=True)
class QuickBooksExtract:
    """What QuickBooks said."""

    #: Record type -> full records; a record type without any is left out.
    records: dict[str, list[Payload]]
    #: Record type -> ids that are gone, confirmed; as above.
    gone: dict[str, list[str]]
    #: Record type -> next cursor.
    positions: dict[str, str]
    #: Record type -> ids that count as news whatever their version says.
    read_again: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class PlatformExtract:
    """What the platform said."""

    #: Record type -> rows; a row that is gone for good is missing here and named in `gone`. A
    #: record type that says nothing is left out.
    rows: dict[str, list[Row]] = field(default_factory=dict)
    gone: dict[str, list[str]] = field(default_factory=dict)
    positions: dict[str, str] = field(default_factory=dict)


def extract_quickbooks(cycle: Cycle, record_types: Sequence[RecordType]) -> QuickBooksExtract:
    """Read QuickBooks's changes for these record types."""
    now = cycle.clock.now()
    with cycle.state.begin() as unit:
        cursors = unit.cursors()
        cycle.matching = open_matches(unit, record_types)
    cycle.after_restore = frozenset(
        each.name
        for each in record_types
        if cursors.get((restored_cursor(each.name), Side.PLATFORM))
    )
    since: dict[str, datetime] = {}
    for each in record_types:
        position = cursors.get((each.name, Side.QUICKBOOKS))
        if position is None or each.name in cycle.after_restore:
            continue
        read_at = datetime.fromisoformat(position)
        if now - read_at < CDC_REACH:
            since[each.name] = read_at
    extract = QuickBooksExtract({}, {}, {})
    cycle.far_since = None
    by_changes = [each for each in record_types if each.name in since]
    overflowed = _read_changes(cycle, by_changes, since, extract) if by_changes else set()
    whole = [each for each in record_types if each.name not in since or each.entity in overflowed]
    for record_type, records, server_time in _read_whole(cycle, whole):
        _keep_all(cycle, record_type, records, server_time, extract)
    for record_type in record_types:
        if record_type.name in cycle.matching.waiting:
            _read_waiting(cycle, record_type, extract)
    _leave_out_orphans(cycle, record_types, extract)
    return extract


def _leave_out_orphans(
    cycle: Cycle, record_types: Sequence[RecordType], extract: QuickBooksExtract
) -> None:
    with_files = [each for each in record_types if each.file and extract.records.get(each.name)]
    if not with_files:
        return
    read = {name: {str(each["Id"]) for each in some} for name, some in extract.records.items()}
    for each in with_files:
        records = extract.records.get(each.name, [])
        extract.records[each.name] = without_orphans(cycle, each, records, read)


def _changes(cycle: Cycle, entities: Sequence[str], since: datetime) -> Changes:
    """The changes of some entities; a full answer is asked for again without what filled it.

    After many writes that takes a call or two, where each entity would be read whole for one.
    """
    changes = cycle.quickbooks.changes(entities, since)
    filled: set[str] = set()
    for _ in range(FULL_ANSWERS_MAX):
        if len(changes.overflowed) < 2:
            break
        filled.add(max(sorted(changes.overflowed), key=partial(_told, changes)))
        changes = cycle.quickbooks.changes([e for e in entities if e not in filled], since)
    return replace(changes, overflowed=changes.overflowed | filled) if filled else changes


def _told(changes: Changes, entity: str) -> int:
    """How many records an answer tells of an entity."""
    return len(changes.records.get(entity, ())) + len(changes.deleted.get(entity, ()))


def _read_changes(
    cycle: Cycle,
    record_types: Sequence[RecordType],
    since: dict[str, datetime],
    extract: QuickBooksExtract,
) -> frozenset[str] | set[str]:
    """One CDC call; returns the entities that must be read whole instead."""
    oldest = min(since[each.name] for each in record_types)
    cycle.progress(f"asking QuickBooks for changes since {oldest:%Y-%m-%d %H:%M:%S} UTC")
    entities = [each.entity for each in record_types]
    try:
        changes = _changes(cycle, entities, oldest)
    except RejectedError:
        return frozenset(entities)  # it goes less far back than our clock says
    position = _seen_at(cycle, changes.server_time)
    for record_type in record_types:
        if record_type.entity in changes.overflowed:
            continue
        extract.positions[record_type.name] = position
        records = changes.records.get(record_type.entity, ())
        said_gone = changes.deleted.get(record_type.entity, ())
        if records or said_gone:
            gone, alive = _confirm_gone(cycle, record_type, said_gone)
            extract.records[record_type.name] = newest_each([*records, *alive])
            extract.gone[record_type.name] = gone
    return changes.overflowed


def _seen_at(cycle: Cycle, server_time: datetime) -> str:
    """QuickBooks's clock at a reading, with an overlap; the cycle keeps the earliest one."""
    position = server_time - OVERLAP
    cycle.far_since = min(cycle.far_since or position, position)
    return position.isoformat()


def _read_whole(
    cycle: Cycle, record_types: Sequence[RecordType]
) -> Iterator[tuple[RecordType, list[Payload], datetime]]:
    """Every record of some entities, with QuickBooks's clock before they were read.

    Those of which nothing is merged yet are read together, which takes fewer calls. What is linked
    and not among them is confirmed one by one, as ever, and here that is next to nothing.
    """
    if not record_types:
        return
    with cycle.state.begin() as unit:
        linked = unit.linked_counts()
    new = {each.entity: each for each in record_types if not linked.get(each.name)}
    if new:
        plurals = ", ".join(each.plural for each in new.values())
        cycle.progress(f"reading all that QuickBooks has for the first time: {plurals}")
    for entity, records, server_time in cycle.quickbooks.query_all(list(new)):
        yield new[entity], records, server_time
    for each in record_types:
        if each.entity not in new:
            cycle.keep_lease()
            cycle.progress(f"reading all {each.plural} from QuickBooks")
            yield each, *cycle.quickbooks.query(each.entity)


def _keep_all(
    cycle: Cycle,
    record_type: RecordType,
    records: list[Payload],
    server_time: datetime,
    extract: QuickBooksExtract,
) -> None:
    """Keep an entity that was read whole, and which linked records are no longer in it."""
    seen = {str(each["Id"]) for each in records}
    with cycle.state.begin() as unit:
        linked = unit.live_ids(record_type.name, Side.QUICKBOOKS)
        # What came back after it was deleted on both sides waits for being deleted again.
        waiting = unit.links([each.link_id for each in unit.parked([record_type.name])])
        linked |= {each.quickbooks_id for each in waiting.values() if each.quickbooks_id}
    gone, alive = _confirm_gone(cycle, record_type, sorted(linked - seen))
    extract.records[record_type.name] = newest_each([*records, *alive])
    extract.gone[record_type.name] = gone
    extract.positions[record_type.name] = _seen_at(cycle, server_time)


def _read_waiting(cycle: Cycle, record_type: RecordType, extract: QuickBooksExtract) -> None:
    """Read what waited for its parents: now that they are known it may be known by its keys."""
    wanted = cycle.matching.waiting[record_type.name]
    records = extract.records.setdefault(record_type.name, [])
    seen = {str(each["Id"]) for each in records} | set(extract.gone.get(record_type.name, ()))
    missing = [each for each in wanted if each not in seen]
    if missing:
        records += read_many(cycle, record_type, missing).values()


def _confirm_gone(
    cycle: Cycle, record_type: RecordType, ids: Sequence[str]
) -> tuple[list[str], list[Payload]]:
    """CDC has called living records deleted (section 5): only a read that finds nothing counts.

    One that we do not link yet may be a new one; one that we know to be gone needs no read, but
    where it came back and waits for a person.
    """
    gone: list[str] = []
    alive: list[Payload] = []
    if not ids:
        return gone, alive
    with cycle.state.begin() as unit:
        links = unit.links_of(record_type.name, Side.QUICKBOOKS, ids)
        known = {
            side_id
            for side_id, link in links.items()
            if link.deleted_at is not None and unit.parked_record(link.id) is None
        }
    for each in ids:
        link = links.get(each)
        if each in known:
            continue
        cycle.keep_lease()
        record = cycle.quickbooks.read(record_type.entity, each)
        if record is not None:
            alive.append(record)
        elif link is not None:
            gone.append(each)
    return gone, alive


def newest_each(records: Sequence[Payload]) -> list[Payload]:
    """One record per id: the last one given."""
    return list({str(each["Id"]): each for each in records}.values())


def extract_platform(cycle: Cycle, record_types: Sequence[RecordType]) -> PlatformExtract:
    """Read the platform's changes for these record types."""
    extract = PlatformExtract()
    with cycle.state.begin() as unit:
        end = unit.platform.position()
        cursors = unit.cursors()
        after_each = {
            each.name: cursors.get((each.name, Side.PLATFORM))
            for each in record_types
            if each.name not in cycle.after_restore
        }
        # what another database said where it ended says nothing here: all is read
        known = {each for each in {*after_each.values()} if each and unit.platform.knows(each)}
        after_each = {name: each for name, each in after_each.items() if each in known}
        changes_after = _changes_after(unit, after_each)
        for record_type in record_types:
            after = after_each.get(record_type.name)
            if after is None:
                # what is linked and not among the live rows was deleted while nobody read
                linked = unit.live_ids(record_type.name, Side.PLATFORM)
                ids: Sequence[str] = unit.platform.ids(record_type)
                ids = [*ids, *sorted(linked - set(ids))]
                position = end
            else:
                changes = changes_after[after]
                ids, position = changes.ids[record_type.name], changes.position
            extract.positions[record_type.name] = position
            if ids:
                rows = unit.platform.rows(record_type, ids)
                extract.rows[record_type.name] = list(rows.values())
                extract.gone[record_type.name] = [each for each in ids if each not in rows]
    return extract


def _changes_after(unit: Unit, after_each: Mapping[str, str | None]) -> dict[str, PlatformChanges]:
    """The changes after each position; record types that stand at the same one are read at once."""
    names: dict[str, list[str]] = {}
    for name, after in after_each.items():
        if after is not None:
            names.setdefault(after, []).append(name)
    return {after: unit.platform.changes(some, after) for after, some in names.items()}
