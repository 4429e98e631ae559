"""Pair: which QuickBooks record is which platform record.

Every record that was read finds its link, or gets one. A record that is new on one side is first
compared with those the other side holds unlinked: if exactly one of them has the same match key,
they are the same record. A record whose version we know already (our own write coming back, a page
read twice) needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.ports import Payload
from connectors.state.port import NewLink, Parked, Row, Unit
from models.codecs import sync_token_of
from models.errors import RecordError
from models.fields import DELETED_SUFFIX, Field
from models.plan import Link
from models.record_type import RecordType
from models.records import Content
from models.words import Owner, Side
from tasks.context import Cycle
from tasks.extract import PlatformExtract, QuickBooksExtract
from tasks.match import match
from tasks.outcome import twins, unclaimed
from tasks.reads import is_outdated, read_many, token_number


@dataclass(frozen=True)
class Candidate:
    """A record that needs a look, with what was read of it."""

    record_type: RecordType
    link: Link
    #: QuickBooks's record, where it was read.
    quickbooks: Payload | None = None
    #: QuickBooks says it is gone.
    gone_in_quickbooks: bool = False
    #: The platform's row, where it was read.
    platform: Row | None = None
    #: The platform's row is gone for good.
    gone_on_platform: bool = False
    #: Sides whose change made us look.
    read_from: frozenset[Side] = field(default_factory=frozenset)
    #: Why it was parked before.
    parked: Parked | None = None
    #: The link whose QuickBooks record carries the same marker; this one is a copy.
    twin_of: Link | None = None
    #: After a restore it may be the same as one that is on the other side only.
    unsure: bool = False


def pair(
    cycle: Cycle,
    record_types: Sequence[RecordType],
    quickbooks: QuickBooksExtract,
    platform: PlatformExtract,
) -> list[Candidate]:
    """Link everything that was read, parents first; what is already known is counted and left."""
    candidates: list[Candidate] = []
    with cycle.state.begin() as unit:
        intents = unit.open_intents()
        busy = {each.link_id for each in intents}
        for record_type in record_types:
            found: dict[int, Candidate] = {}
            _link_rows_of_parents(cycle, unit, record_type, quickbooks)
            quickbooks.records[record_type.name] = unclaimed(
                cycle, unit, record_type, quickbooks.records.get(record_type.name, []), intents
            )
            parked = {each.link_id: each for each in unit.parked([record_type.name])}
            _pair_platform(cycle, unit, record_type, platform, found, parked)
            _pair_quickbooks(cycle, unit, record_type, quickbooks, found, parked)
            if record_type.name in cycle.after_restore:
                _doubt_lone_ones(found)
            _add_parked(cycle, unit, record_type, found, parked)
            candidates += [each for each in found.values() if each.link.id not in busy]
    _fetch_missing_sides(cycle, candidates)
    with cycle.state.begin() as unit:
        return _with_rows(unit, candidates)


# -- the platform's records --


def _pair_platform(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    extract: PlatformExtract,
    found: dict[int, Candidate],
    parked: Mapping[int, Parked],
) -> None:
    rows = extract.rows.get(record_type.name, [])
    gone = extract.gone.get(record_type.name, [])
    links = unit.links_of(record_type.name, Side.PLATFORM, [*(row.id for row in rows), *gone])
    cycle.references.learn(links.values())
    unlinked: list[Row] = []
    for row in rows:
        link = links.get(row.id)
        if link is None:
            unlinked.append(row)
        elif _platform_needs_look(link, row) or link.id in parked:
            found[link.id] = Candidate(
                record_type, link, platform=row, read_from=frozenset({Side.PLATFORM})
            )
        else:
            _count_unchanged(cycle, record_type, Side.PLATFORM)
    for row_id in gone:
        link = links.get(row_id)
        if link is not None and link.deleted_at is None:
            found[link.id] = Candidate(
                record_type, link, gone_on_platform=True, read_from=frozenset({Side.PLATFORM})
            )
    _link_new_rows(cycle, unit, record_type, unlinked, found)


def _platform_needs_look(link: Link, row: Row) -> bool:
    if link.deleted_at is not None:
        return row.live
    return row.version != link.platform_version


def _link_new_rows(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    rows: Iterable[Row],
    found: dict[int, Candidate],
) -> None:
    ready = []
    for row in rows:
        if row.live and is_ready(record_type, row):
            ready.append(row)
        else:
            _count_unchanged(cycle, record_type, Side.PLATFORM)
    links = unit.add_links(
        [
            NewLink(record_type.name, Side.PLATFORM, row.id, _row_label(record_type, row))
            for row in ready
        ]
    )
    cycle.references.learn(links)
    for row, link in zip(ready, links, strict=True):
        found[link.id] = Candidate(
            record_type, link, platform=row, read_from=frozenset({Side.PLATFORM})
        )


def is_ready(record_type: RecordType, row: Row) -> bool:
    """Whether the platform's workflow lets the record into the books."""
    workflow = record_type.workflow
    return workflow is None or row.values.get(workflow.column) in workflow.forwarded


def _link_rows_of_parents(
    cycle: Cycle, unit: Unit, record_type: RecordType, extract: QuickBooksExtract
) -> None:
    """Let rows of a record type that is only read for its children be matched, not made twice."""
    side_ids = {str(each["Id"]) for each in extract.records.get(record_type.name, [])}
    known = unit.links_of(record_type.name, Side.QUICKBOOKS, side_ids)
    if cycle.own(record_type) or len(known) == len(side_ids):
        return
    row_ids = unit.platform.ids(record_type)
    linked = unit.links_of(record_type.name, Side.PLATFORM, row_ids)
    rows = unit.platform.rows(record_type, [each for each in row_ids if each not in linked])
    unit.add_links(
        [
            NewLink(record_type.name, Side.PLATFORM, row.id, _row_label(record_type, row))
            for row in rows.values()
        ]
    )


def _row_label(record_type: RecordType, row: Row) -> str:
    column = record_type.by_name[record_type.label].column
    value = row.values.get(column)
    name = value if isinstance(value, str) else ""
    return record_type.label_of({record_type.label: name}, row.id)


# -- QuickBooks's records --


def _pair_quickbooks(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    extract: QuickBooksExtract,
    found: dict[int, Candidate],
    parked: Mapping[int, Parked],
) -> None:
    records = {str(each["Id"]): each for each in extract.records.get(record_type.name, [])}
    gone = extract.gone.get(record_type.name, [])
    links = unit.links_of(record_type.name, Side.QUICKBOOKS, [*records, *gone])
    cycle.references.learn(links.values())
    unlinked: list[Payload] = []
    for side_id, record in records.items():
        link = links.get(side_id)
        if link is None:
            unlinked.append(record)
        elif is_outdated(link, record) or _is_no_news(cycle, record_type, link, record, parked):
            _count_unchanged(cycle, record_type, Side.QUICKBOOKS)
        else:
            _add_side(found, record_type, link, quickbooks=record)
    for side_id in gone:
        link = links[side_id]
        _add_side(found, record_type, link, gone_in_quickbooks=True)
    copies = twins(unit, record_type, [*unlinked, *_half_known(records, links)])
    matched = match(
        cycle, unit, record_type, [each for each in unlinked if str(each["Id"]) not in copies]
    )
    new = [each for each in unlinked if str(each["Id"]) not in matched]
    new_links = unit.add_links(
        [
            NewLink(
                record_type.name,
                Side.QUICKBOOKS,
                str(each["Id"]),
                _payload_label(record_type, each),
            )
            for each in new
        ]
    )
    cycle.references.learn(new_links)
    for record, link in zip(new, new_links, strict=True):
        _add_side(found, record_type, link, quickbooks=record)
    for record in unlinked:
        if str(record["Id"]) in matched:
            _add_side(found, record_type, matched[str(record["Id"])], quickbooks=record)
    for link_id, each in found.items():
        twin = copies.get(each.link.quickbooks_id or "")
        if twin is not None:
            found[link_id] = replace(each, twin_of=twin)


def _half_known(records: Mapping[str, Payload], links: Mapping[str, Link]) -> list[Payload]:
    """Records that only QuickBooks holds, though they have a link."""
    return [
        records[side_id]
        for side_id, link in links.items()
        if side_id in records and link.platform_id is None
    ]


def _is_no_news(
    cycle: Cycle,
    record_type: RecordType,
    link: Link,
    record: Payload,
    parked: Mapping[int, Parked],
) -> bool:
    """Whether a linked record stands as we know it."""
    if link.deleted_at is not None:
        return link.id not in parked and is_inactive(record)
    return _is_known(cycle, record_type, link, record)


def is_inactive(record: Payload) -> bool:
    """Whether a name list keeps the record as an inactive one: all that a delete can do there."""
    return record.get("Active") is False


def _is_known(cycle: Cycle, record_type: RecordType, link: Link, record: Payload) -> bool:
    """Whether the record stands as we know it.

    The version alone does not say so: a computed figure that moves twice within a second keeps
    SyncToken and LastUpdatedTime (quickbooks-api, section 3.1), so those figures are compared.
    """
    if sync_token_of(record) != link.quickbooks_version or link.base is None:
        return False
    return all(
        _figure(cycle, field, link.base, record) == link.base.get(field.name)
        for field in record_type.fields
        if field.owner is Owner.QUICKBOOKS
    )


def _figure(cycle: Cycle, field: Field, base: Content, record: Payload) -> object:
    """A computed figure; one that cannot be read equals nothing, and is named when decoded."""
    currency = base.get("currency") or cycle.references.home_currency
    try:
        return field.from_quickbooks(record, cycle.references, currency)
    except RecordError as error:
        return error


def _add_side(
    found: dict[int, Candidate],
    record_type: RecordType,
    link: Link,
    *,
    quickbooks: Payload | None = None,
    gone_in_quickbooks: bool = False,
) -> None:
    known = found.get(link.id, Candidate(record_type, link))
    found[link.id] = replace(
        known,
        link=link,
        quickbooks=quickbooks,
        gone_in_quickbooks=gone_in_quickbooks,
        read_from=known.read_from | {Side.QUICKBOOKS},
    )


def _payload_label(record_type: RecordType, record: Payload) -> str:
    path = record_type.by_name[record_type.label].quickbooks
    value = record.get(path)
    name = value.removesuffix(DELETED_SUFFIX) if isinstance(value, str) else ""
    return record_type.label_of({record_type.label: name}, str(record["Id"]))


def _doubt_lone_ones(found: dict[int, Candidate]) -> None:
    """After a restore, records that both sides hold alone may be the same ones.

    Entries of name lists carry no marker, and one that was renamed since the backup is not known by
    its name. A document may have been edited where its marker stood.
    """
    in_quickbooks = [each for each in found.values() if each.link.platform_id is None]
    in_quickbooks = [each for each in in_quickbooks if _may_have_lost_its_marker(each)]
    on_platform = [each for each in found.values() if each.link.quickbooks_id is None]
    if in_quickbooks and on_platform:
        for each in (*in_quickbooks, *on_platform):
            found[each.link.id] = replace(each, unsure=True)


def _may_have_lost_its_marker(each: Candidate) -> bool:
    """Whether a record that only QuickBooks holds may once have been known as ours."""
    record = each.quickbooks
    if record is None or each.record_type.marking is None:
        return True
    return each.record_type.marker_in(record) is None and token_number(record) > 0


# -- parked records, and the sides that nobody said anything about --


def _add_parked(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    found: dict[int, Candidate],
    parked: Mapping[int, Parked],
) -> None:
    """Parked records come back when either side changed them, or when they are due."""
    due = [
        link_id
        for link_id, each in parked.items()
        if link_id not in found and each.next_attempt_at and each.next_attempt_at <= unit.now
    ]
    for link in unit.links(due).values():
        found[link.id] = Candidate(record_type, link, read_from=frozenset({parked[link.id].side}))
        cycle.references.learn([link])
    for link_id, each in found.items():
        if link_id in parked:
            known = parked[link_id]
            # only a person's retry ends that doubt, whatever is edited meanwhile
            unsure = each.unsure or (known.code == "after_restore" and not known.next_attempt_at)
            found[link_id] = replace(each, parked=known, unsure=unsure)


def _fetch_missing_sides(cycle: Cycle, candidates: list[Candidate]) -> None:
    """Read QuickBooks's records that the base does not stand for, in place.

    A side that said nothing still holds the base, unless the record is parked or has none.
    """
    wanted: dict[RecordType, list[int]] = {}
    for index, each in enumerate(candidates):
        stands = each.link.base is not None and each.parked is None
        if each.link.quickbooks_id and each.quickbooks is None and not each.gone_in_quickbooks:
            if stands and each.link.deleted_at is None:
                continue
            wanted.setdefault(each.record_type, []).append(index)
    for record_type, indexes in wanted.items():
        ids = [candidates[index].link.quickbooks_id or "" for index in indexes]
        records = read_many(cycle, record_type, ids)
        for index in indexes:
            record = records.get(candidates[index].link.quickbooks_id or "")
            candidates[index] = replace(
                candidates[index], quickbooks=record, gone_in_quickbooks=record is None
            )


def _with_rows(unit: Unit, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Read the platform's rows that the base does not stand for."""
    wanted: dict[str, list[str]] = {}
    types: dict[str, RecordType] = {}
    for each in candidates:
        if _row_needed(each):
            types[each.record_type.name] = each.record_type
            wanted.setdefault(each.record_type.name, []).append(each.link.platform_id or "")
    rows = {name: unit.platform.rows(types[name], ids) for name, ids in wanted.items()}
    complete = []
    for each in candidates:
        row = rows.get(each.record_type.name, {}).get(each.link.platform_id or "")
        if _row_needed(each):
            complete.append(replace(each, platform=row, gone_on_platform=row is None))
        else:
            complete.append(each)
    return complete


def _row_needed(each: Candidate) -> bool:
    if not each.link.platform_id or each.platform is not None or each.gone_on_platform:
        return False
    return each.link.base is None or each.parked is not None or each.link.deleted_at is not None


def _count_unchanged(cycle: Cycle, record_type: RecordType, side: Side) -> None:
    cycle.tally.read(record_type, [side])
    cycle.tally.direction(record_type, side.other, "unchanged")
    cycle.tally.end(record_type, "unchanged")
