"""Backfill: read a range of days again on both sides, and sync what is found, part by part.

A part is a cycle as any other, whose extracts hold, beside what changed, everything that counts on
its days; so what is new on both sides is seen together, whatever its day, and nothing is made
twice. Each part takes the company's lease for itself, so that scheduled cycles go on in between.
What was deleted is found by cycles, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from connectors.state.backfills import begin_or_go_on, note_part
from connectors.state.connections import connection_named
from connectors.state.platform_port import Row
from models.backfill import Asked, Part
from models.brakes import amount_at_home, is_written
from models.errors import BrakeError
from models.plan import Plan, RecordPlan
from models.record_type import RecordType
from models.words import Operation, Side
from tasks.bootstrap import Installation, open_cycle
from tasks.context import Cycle
from tasks.cycle import plan_only, run_cycle
from tasks.extract import PlatformExtract, QuickBooksExtract, newest_each
from tasks.report import Report, planned_rows
from tasks.steps import PLAIN, Steps

#: How long a part waits for another run of the company, and how often it looks.
WAIT_SECONDS: Final = 10.0
WAITS_MAX: Final = 60

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
    parts = asked.checked().parts()
    known = connection_named(place.engine, connection)
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
    """One cycle; it waits where another run has the company."""
    for _ in range(WAITS_MAX):
        try:
            with _opened(place, connection, asked, progress) as cycle:
                return run_cycle(cycle, "backfill", with_part(steps, part))
        except BrakeError as error:
            if error.brake != "lease":
                raise
            progress(f"{part} waits: {error}")
            place.clock.sleep(WAIT_SECONDS)
    raise BrakeError(
        f"another run has had {connection} for {WAITS_MAX * WAIT_SECONDS:.0f} seconds",
        brake="lease",
        fix="Start the backfill again later: it goes on where it was.",
    )


@contextmanager
def _opened(
    place: Installation, connection: str, asked: Asked, progress: Callable[[str], None]
) -> Iterator[Cycle]:
    with open_cycle(place, connection, asked.data_types, progress) as cycle:
        cycle.write_to = asked.write_to
        yield cycle


# -- a dry run --


@dataclass
class Preview:
    """What a backfill would do now."""

    #: Link -> what becomes of its record; parts that follow see what earlier ones saw, too.
    plans: dict[int, RecordPlan] = field(default_factory=dict)
    home_currency: str = ""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row per write or parked record."""
        return planned_rows(Plan(tuple(self.plans.values())))

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
    found = Preview()
    for part in asked.checked().parts():
        progress(f"looking at {part}")
        with _opened(place, connection, asked, progress) as cycle:
            plan, _ = plan_only(cycle, with_part(PLAIN, part))
            found.home_currency = cycle.facts.home_currency
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
    """The steps of a cycle that also reads everything of a part."""

    def extract_quickbooks(cycle: Cycle, record_types: Sequence[RecordType]) -> QuickBooksExtract:
        extract = steps.extract_quickbooks(cycle, record_types)
        for each in _of_part(cycle, record_types, part):
            cycle.progress(f"reading {each.plural} of {part} from QuickBooks")
            records, _ = cycle.quickbooks.query(each.entity, _condition(each, part))
            gone = set(extract.gone.get(each.name, ()))
            known = [*extract.records.get(each.name, ()), *records]
            extract.records[each.name] = [
                record for record in newest_each(known) if str(record["Id"]) not in gone
            ]
        return extract

    def extract_platform(cycle: Cycle, record_types: Sequence[RecordType]) -> PlatformExtract:
        extract = steps.extract_platform(cycle, record_types)
        with cycle.state.begin() as unit:
            for each in _of_part(cycle, record_types, part):
                days = part.days
                ids = unit.platform.booked(each, *days) if days else unit.platform.ids(each)
                rows = {row.id: row for row in extract.rows.get(each.name, ())}
                rows |= unit.platform.rows(each, ids)
                extract.rows[each.name] = _in_order(rows)
        return extract

    return replace(steps, extract_quickbooks=extract_quickbooks, extract_platform=extract_platform)


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
