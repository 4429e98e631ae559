"""Backfill: read a range of days again on both sides, and sync what is found, part by part.

A part is a cycle as any other, whose extracts hold, beside what changed, everything that counts on
its days, and all of a record type where a record of these days has no counterpart yet. Each part
takes the company's lease for itself, so that scheduled cycles go on in between.
What was deleted is found by cycles, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.ports import Payload
from connectors.state.backfills import begin_or_go_on, note_part
from connectors.state.connections import connection_named
from connectors.state.platform_port import Row
from models.backfill import Asked, Part
from models.brakes import amount_at_home, is_written
from models.plan import Link, Plan, RecordPlan
from models.record_type import RecordType
from models.words import Operation, Side
from tasks.bootstrap import Installation, open_cycle
from tasks.context import Cycle
from tasks.cycle import plan_only
from tasks.documents import is_ready
from tasks.extract import PlatformExtract, QuickBooksExtract, newest_each
from tasks.notify import alerts_told
from tasks.orphans import without_orphans
from tasks.report import Report, planned_rows
from tasks.steps import PLAIN, Steps
from tasks.waiting import when_free
from tasks.watching import run_watched

#: What to do where the company was never free.
_GOES_ON: Final = "Start the backfill again later: it goes on where it was."

Told = Callable[[int, int, Part, Report], None]


def backfill(
    place: Installation,
    connection: str,
    asked: Asked,
    *,
    steps: Steps = PLAIN,
    progress: Callable[[str], None],
    told: Told,
) -> list[Report]:
    """Carry a backfill out, or go on with it where it was stopped; the reports of its parts.

    told hears of each part that is done: how many are, of how many, which, and its report.

    Raises:
        UsageError: what cannot be carried out.
        BrakeError: a part is out of the ordinary, or another run never lets the company go.
    """
    known = connection_named(place.engine, connection)
    asked = asked.checked().within(known.settings.data_types)
    parts = asked.parts()
    under_way = begin_or_go_on(place.engine, known.id, asked, place.clock.now())
    if under_way.parts_done:
        progress(f"backfill {under_way.number} goes on after part {under_way.parts_done}")
    reports = []
    for number in range(under_way.parts_done, len(parts)):
        report = _part(place, known.name, asked, parts[number], steps, progress)
        note_part(place.engine, under_way, number + 1, place.clock.now())
        told(number + 1, len(parts), parts[number], report)
        reports.append(report)
    return reports


def _part(
    place: Installation,
    connection: str,
    asked: Asked,
    part: Part,
    steps: Steps,
    progress: Callable[[str], None],
) -> Report:
    def cycle_of_part() -> Report:
        with (
            alerts_told(place, connection),
            _opened(place, connection, asked, progress) as cycle,
        ):
            return run_watched(cycle, "backfill", with_part(steps, part))

    return when_free(place.clock, cycle_of_part, progress, what=str(part), fix=_GOES_ON)


@contextmanager
def _opened(
    place: Installation, connection: str, asked: Asked, progress: Callable[[str], None]
) -> Iterator[Cycle]:
    with open_cycle(place, connection, asked.data_types, progress) as cycle:
        cycle.write_to = asked.write_to
        cycle.purpose = "backfill"
        yield cycle


# -- a dry run --


@dataclass
class Preview:
    """What a backfill would do now."""

    #: Link -> what becomes of its record; parts that follow see what earlier ones saw, too.
    plans: dict[int, RecordPlan] = field(default_factory=dict)
    home_currency: str = ""

    #: Where the company's pages are; "" where that is not known.
    pages_url: str = ""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row per write or parked record."""
        return planned_rows(Plan(tuple(self.plans.values())))

    @property
    def linked_rows(self) -> list[dict[str, Any]]:
        """The same, each with a link to the record's page."""
        return planned_rows(Plan(tuple(self.plans.values())), self.pages_url)

    def totals(self) -> list[dict[str, Any]]:
        """Records and their sum of money by side, record type and operation."""
        found: dict[tuple[str, str, str], tuple[int, Decimal, int]] = {}
        for each in self.plans.values():
            for side, operation in _operations(each):
                key = (side.value, each.record_type.name, operation.value)
                count, total, unknown = found.get(key, (0, Decimal(0), 0))
                amount = self._amount(each)
                found[key] = (
                    count + 1,
                    total + (amount or Decimal(0)),
                    unknown + (amount is None),
                )
        return [
            {
                "side": side,
                "record_type": name,
                "operation": operation,
                "records": count,
                "total": f"{total} {self.home_currency}",
                "without_a_rate": unknown,
            }
            for (side, name, operation), (count, total, unknown) in sorted(found.items())
        ]

    def _amount(self, each: RecordPlan) -> Decimal | None:
        if not each.record_type.amount:
            return Decimal(0)
        return amount_at_home(each, self.home_currency)


def preview(
    place: Installation, connection: str, asked: Asked, progress: Callable[[str], None]
) -> Preview:
    """What a backfill would do now; neither side is written."""
    known = connection_named(place.engine, connection)
    asked = asked.checked().within(known.settings.data_types)
    pages_url = place.settings.pages_url(known.id)
    found = Preview(home_currency=known.home_currency, pages_url=pages_url)
    for part in asked.parts():
        progress(f"looking at {part}")

        def plan_of_part(part: Part = part) -> Plan:
            with _opened(place, known.name, asked, progress) as cycle:
                return plan_only(cycle, with_part(PLAIN, part))[0]

        plan = when_free(place.clock, plan_of_part, progress, what=str(part), fix=_GOES_ON)
        found.plans |= {
            each.link.id: each for each in plan.records if is_written(each) or each.parked
        }
    return found


def _operations(each: RecordPlan) -> list[tuple[Side, Operation]]:
    both = (
        (Side.QUICKBOOKS, each.quickbooks_operation),
        (Side.PLATFORM, each.platform_operation),
    )
    return [(side, operation) for side, operation in both if operation is not None]


# -- a part's extracts --


def with_part(steps: Steps, part: Part) -> Steps:
    """The steps of a cycle that also reads everything of a part.

    Where the part has a record without a counterpart, all of its record type is read: the
    counterpart may have another day, and would be made twice.
    """
    whole: set[str] = set()

    def extract_quickbooks(cycle: Cycle, record_types: Sequence[RecordType]) -> QuickBooksExtract:
        extract = steps.extract_quickbooks(cycle, record_types)
        for each in _of_part(cycle, record_types, part):
            cycle.progress(f"reading {each.plural} of {part} from QuickBooks")
            records, _ = cycle.quickbooks.query(each.entity, _condition(each, part))
            if part.days is not None and _stands_alone(cycle, each, records, part.days):
                whole.add(each.name)
                records, _ = cycle.quickbooks.query(each.entity)
            _add(cycle, each, records, extract)
        return extract

    def extract_platform(cycle: Cycle, record_types: Sequence[RecordType]) -> PlatformExtract:
        extract = steps.extract_platform(cycle, record_types)
        with cycle.state.begin() as unit:
            for each in _of_part(cycle, record_types, part):
                days = None if each.name in whole else part.days
                ids = unit.platform.booked(each, *days) if days else unit.platform.ids(each)
                rows = {row.id: row for row in extract.rows.get(each.name, ())}
                rows |= unit.platform.rows(each, ids)
                extract.rows[each.name] = _in_order(rows)
        return extract

    return replace(steps, extract_quickbooks=extract_quickbooks, extract_platform=extract_platform)


def _add(
    cycle: Cycle,
    record_type: RecordType,
    records: Sequence[Payload],
    extract: QuickBooksExtract,
) -> None:
    """Add records to what changed; the later reading of one counts."""
    name = record_type.name
    gone = set(extract.gone.get(name, ()))
    read = {each: {str(one["Id"]) for one in some} for each, some in extract.records.items()}
    records = without_orphans(cycle, record_type, records, read)
    known = newest_each([*extract.records.get(name, ()), *records])
    extract.records[name] = [each for each in known if str(each["Id"]) not in gone]


def _stands_alone(
    cycle: Cycle, record_type: RecordType, records: Sequence[Payload], days: tuple[date, date]
) -> bool:
    """Whether a side has a record of these days whose counterpart is not known."""
    name = record_type.name
    with cycle.state.begin() as unit:
        theirs = [str(each["Id"]) for each in records]
        links = unit.links_of(name, Side.QUICKBOOKS, theirs)
        if any(_is_half(links.get(each)) for each in theirs):
            return True
        ours = unit.platform.booked(record_type, *days)
        links = unit.links_of(name, Side.PLATFORM, ours)
        halves = [each for each in ours if _is_half(links.get(each))]
        rows = unit.platform.rows(record_type, halves).values()
        return any(is_ready(record_type, row) for row in rows)


def _is_half(link: Link | None) -> bool:
    return link is None or link.quickbooks_id is None or link.platform_id is None


def _of_part(cycle: Cycle, record_types: Sequence[RecordType], part: Part) -> list[RecordType]:
    """The cycle's own record types that have days, or those that have none."""
    return [
        each
        for each in record_types
        if cycle.own(each) and bool(each.booked_on) is (part.days is not None)
    ]


def _condition(record_type: RecordType, part: Part) -> str:
    if part.days is None:
        return ""
    field_path = record_type.by_name[record_type.booked_on].quickbooks
    first, last = part.days
    return f"{field_path} >= '{first.isoformat()}' AND {field_path} <= '{last.isoformat()}'"


def _in_order(rows: dict[str, Row]) -> list[Row]:
    return sorted(rows.values(), key=lambda row: int(row.id))
