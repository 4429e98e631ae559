"""Pair: which QuickBooks record is which platform record.

Every record that was read finds its link, or gets one. A record that is new on one side is first
compared with those the other side holds unlinked: if exactly one of them has the same match key,
they are the same record. A record whose version we know already (our own write coming back, a page
read twice) needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from connectors.ports import Payload
from connectors.state.platform_port import Row
from connectors.state.port import NewLink, Parked, Unit
from models.codecs import sync_token_of
from models.errors import RecordError
from models.fields import DELETED_SUFFIX, Field
from models.plan import Link
from models.record_type import RecordType
from models.records import Content
from models.reimbursement import bill_marked
from models.words import ExpensePosting, Side
from tasks.candidate import Candidate, add_side
from tasks.claims import twins, unclaimed
from tasks.complete import fetch_missing_sides, with_rows
from tasks.context import Cycle
from tasks.documents import is_ready, unready, with_released
from tasks.doubts import compare_lone_ones, doubt_lone_ones, doubt_questioned
from tasks.extract import PlatformExtract, QuickBooksExtract
from tasks.match import match
from tasks.matching import (
    kept_doubt,
    waiting_for_parent,
)
from tasks.reads import is_outdated
from tasks.record import FILE_NOT_FETCHED


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
        parked_of = _parked_by_type(unit, record_types)
        asked = _asked_of(cycle, record_types, quickbooks, platform)
        for record_type in record_types:
            found: dict[int, Candidate] = {}
            parked = parked_of.get(record_type.name, {})
            if not parked and record_type.name not in asked:
                continue
            _link_rows_of_parents(cycle, unit, record_type, quickbooks)
            quickbooks.records[record_type.name] = unclaimed(
                cycle, unit, record_type, quickbooks.records.get(record_type.name, []), intents
            )
            rows = platform.rows.get(record_type.name, [])
            platform.rows[record_type.name] = with_released(
                unit, record_type, rows, _about_to_be_created(candidates)
            )
            _pair_platform(cycle, unit, record_type, platform, found, parked)
            _pair_quickbooks(cycle, unit, record_type, quickbooks, found, parked)
            if record_type.name in cycle.after_restore:
                doubt_lone_ones(found)
            if record_type.name in cycle.matching.first:
                compare_lone_ones(cycle, unit, record_type, found, busy)
            _add_parked(cycle, unit, record_type, found, parked)
            candidates += [each for each in found.values() if each.link.id not in busy]
    candidates = [each for each in candidates if not _is_billed(cycle, each)]
    if not candidates:
        return []
    fetch_missing_sides(cycle, candidates)
    with cycle.state.begin() as unit:
        return with_rows(unit, [*_knowing_twins(unit, candidates)])


def _knowing_twins(unit: Unit, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The candidates; a copy stays one when it is read because somebody retries it."""
    for each in candidates:
        record = each.quickbooks
        if record is None or each.twin_of is not None or each.link.platform_id is not None:
            yield each
            continue
        twin_of = twins(unit, each.record_type, [record]).get(str(record["Id"]))
        yield each if twin_of is None else replace(each, twin_of=twin_of)


def _parked_by_type(unit: Unit, record_types: Sequence[RecordType]) -> dict[str, dict[int, Parked]]:
    found: dict[str, dict[int, Parked]] = {}
    for each in unit.parked([record_type.name for record_type in record_types]):
        found.setdefault(each.record_type, {})[each.link_id] = each
    return found


def _asked_of(
    cycle: Cycle,
    record_types: Sequence[RecordType],
    quickbooks: QuickBooksExtract,
    platform: PlatformExtract,
) -> set[str]:
    """Record types that need a look whatever is parked: few of them, most of the time."""
    said = (quickbooks.records, quickbooks.gone, platform.rows, platform.gone)
    names = {name for each in said for name, values in each.items() if values}
    # files come when their documents do, without a change of their own
    names.update(each.name for each in record_types if each.file is not None)
    return names | cycle.after_restore | cycle.matching.first


def _about_to_be_created(candidates: Iterable[Candidate]) -> Iterator[tuple[str, str]]:
    """Record type and platform id of records that QuickBooks does not have yet."""
    for each in candidates:
        if each.link.quickbooks_id is None and each.link.platform_id is not None:
            yield each.record_type.name, each.link.platform_id


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
    if not rows and not gone:
        return
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
    if unlinked:
        _link_new_rows(cycle, unit, record_type, unlinked, found)


def _platform_needs_look(link: Link, row: Row) -> bool:
    if link.deleted_at is not None:
        return row.live
    return row.version != link.platform_version


def _link_new_rows(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    rows: Sequence[Row],
    found: dict[int, Candidate],
) -> None:
    ready = []
    held = unready(unit, record_type, rows)
    for row in rows:
        goes = is_ready(record_type, row) and not _goes_as_bill(cycle, record_type, row)
        if row.live and goes and row.id not in held:
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


def _goes_as_bill(cycle: Cycle, record_type: RecordType, row: Row) -> bool:
    """Whether a row that has no link stands in the books as a bill, now or later."""
    workflow = record_type.workflow
    if workflow is None or not workflow.billed_as:
        return False
    as_bills = cycle.connection.settings.expense_posting is ExpensePosting.BILL
    return as_bills or row.values.get(workflow.billed_as) is not None


def _is_billed(cycle: Cycle, each: Candidate) -> bool:
    """Whether a bill stands for the record in the books, or will once a person has helped."""
    bill_id = bill_marked(each.link)
    if bill_id is None:
        return False
    return bool(bill_id) or cycle.connection.settings.expense_posting is ExpensePosting.BILL


def _link_rows_of_parents(
    cycle: Cycle, unit: Unit, record_type: RecordType, extract: QuickBooksExtract
) -> None:
    """Let rows of a record type that is only read for its children be matched, not made twice."""
    side_ids = {str(each["Id"]) for each in extract.records.get(record_type.name, [])}
    if cycle.own(record_type) or not side_ids:
        return
    if len(unit.links_of(record_type.name, Side.QUICKBOOKS, side_ids)) == len(side_ids):
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
    if not records and not gone:
        return
    links = unit.links_of(record_type.name, Side.QUICKBOOKS, [*records, *gone])
    cycle.references.learn(links.values())
    _take_up_linked(cycle, record_type, extract, links, found, parked)
    unlinked = _unlinked(record_type, records, links)
    half_known = _half_known(records, links)
    if not unlinked and not half_known:
        return
    copies = twins(unit, record_type, [*unlinked, *half_known])
    waiting = waiting_for_parent(records, links, parked)
    free = [*unlinked, *(records[side_id] for side_id in waiting)]
    matched = match(
        cycle, unit, record_type, [each for each in free if str(each["Id"]) not in copies], waiting
    )
    new = [each for each in unlinked if str(each["Id"]) not in matched.links]
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
        add_side(found, record_type, link, quickbooks=record)
    for side_id, link in matched.links.items():
        if side_id in waiting:
            found.pop(waiting[side_id].id, None)
        add_side(found, record_type, link, quickbooks=records[side_id])
    doubt_questioned(cycle, unit, record_type, found, matched.questioned)
    for link_id, each in found.items():
        twin = copies.get(each.link.quickbooks_id or "")
        if twin is not None:
            found[link_id] = replace(each, twin_of=twin)


def _take_up_linked(
    cycle: Cycle,
    record_type: RecordType,
    extract: QuickBooksExtract,
    links: Mapping[str, Link],
    found: dict[int, Candidate],
    parked: Mapping[int, Parked],
) -> None:
    """Take up the records that have a link and are news, and those that are gone."""
    read_again = extract.read_again.get(record_type.name, ())
    for record in extract.records.get(record_type.name, ()):
        side_id = str(record["Id"])
        link = links.get(side_id)
        if link is None:
            continue
        if is_outdated(link, record) or (
            side_id not in read_again and _is_no_news(cycle, record_type, link, record, parked)
        ):
            _count_unchanged(cycle, record_type, Side.QUICKBOOKS)
        else:
            add_side(found, record_type, link, quickbooks=record)
    for side_id in extract.gone.get(record_type.name, ()):
        add_side(found, record_type, links[side_id], gone_in_quickbooks=True)


def _unlinked(
    record_type: RecordType, records: Mapping[str, Payload], links: Mapping[str, Link]
) -> list[Payload]:
    """Records without a link; those that are none of this record type's are left out."""
    return [
        each
        for side_id, each in records.items()
        if side_id not in links and record_type.takes(each)
    ]


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
    return is_known(cycle, record_type, link, record)


def is_inactive(record: Payload) -> bool:
    """Whether a name list keeps the record as an inactive one: all that a delete can do there."""
    return record.get("Active") is False


def is_known(cycle: Cycle, record_type: RecordType, link: Link, record: Payload) -> bool:
    """Whether the record stands as we know it.

    The version alone does not say so: a computed figure that moves twice within a second keeps
    SyncToken and LastUpdatedTime (quickbooks-api, section 3.1), so those figures are compared.
    """
    if sync_token_of(record) != link.quickbooks_version or link.base is None:
        return False
    return all(
        _figure(cycle, field, link.base, record) == link.base.get(field.name)
        for field in record_type.figures
    )


def _figure(cycle: Cycle, field: Field, base: Content, record: Payload) -> object:
    """A computed figure; one that cannot be read equals nothing, and is named when decoded."""
    currency = base.get("currency") or cycle.references.home_currency
    try:
        return field.from_quickbooks(record, cycle.references, currency)
    except RecordError as error:
        return error


def _payload_label(record_type: RecordType, record: Payload) -> str:
    path = record_type.by_name[record_type.label].quickbooks
    value = record.get(path)
    name = value.removesuffix(DELETED_SUFFIX) if isinstance(value, str) else ""
    return record_type.label_of({record_type.label: name}, str(record["Id"]))


# -- parked records --


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
        if link_id not in found
        and each.next_attempt_at
        and each.next_attempt_at <= unit.now
        and each.code != FILE_NOT_FETCHED
    ]
    for link in unit.links(due).values():
        found[link.id] = Candidate(record_type, link, read_from=frozenset({parked[link.id].side}))
        cycle.references.learn([link])
    for link_id, each in found.items():
        if link_id in parked:
            known = parked[link_id]
            # only a person's decision ends a doubt, whatever is edited meanwhile
            found[link_id] = replace(each, parked=known, doubt=kept_doubt(known) or each.doubt)


def _count_unchanged(cycle: Cycle, record_type: RecordType, side: Side) -> None:
    cycle.tally.read(record_type, [side])
    cycle.tally.direction(record_type, side.other, "unchanged")
    cycle.tally.end(record_type, "unchanged")
