"""One cycle of one company: the order of the steps, written once.

    lease -> right company? -> recover -> post expenses as bills -> extract both sides -> pair
          -> validate and plan -> brakes -> write to the platform and to QuickBooks, parents first
          -> cursors last -> fetch files -> report

Whatever stops a cycle before its cursors leaves them where they were: the next one reads again.
Files come after them: which ones are missing is seen on the platform itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from connectors.state.port import Unit, restored_cursor
from models.audit import AuditNote
from models.brakes import Tripped
from models.errors import BrakeError, DisconnectedError, SyncError
from models.periods import CLOSED_PERIOD
from models.plan import Plan, RecordPlan, generations
from models.record_type import RecordType, in_data_types
from models.words import Side
from tasks.brakes import check_company, check_plan, tripped_in, waiting_for_approval
from tasks.context import Cycle
from tasks.extract import PlatformExtract, QuickBooksExtract
from tasks.load import BATCH_SIZE, PLATFORM_BATCH_SIZE, Failed
from tasks.merged import goes_last, read_referring, tell_winners
from tasks.names import learn_names
from tasks.periods import bring_over
from tasks.record import park, reason_of, release_waiting
from tasks.report import Report, report_of
from tasks.steps import PLAIN, Steps

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

#: Alerts about the connection as a whole, which a cycle that works closes.
CONNECTION_ALERTS = ("disconnected", "cycle_failed")
#: What to do about an error that nobody foresaw.
LOOK_AT_LOG = (
    "Look at the log of the worker. The next cycle reads everything again; report what comes back."
)
#: The alert of a cycle that was stopped, which stays open while its plan waits for approval.
BRAKE_ALERT = "brake"


def run_cycle(cycle: Cycle, flow: str, steps: Steps = PLAIN) -> Report:
    """Sync the cycle's data types once.

    Raises:
        BrakeError: a guard stopped it before its first write.
        DisconnectedError: QuickBooks does not let us in.
        SyncError: anything else that concerns the whole cycle.
    """
    started = cycle.clock.monotonic()
    cycle.renew_lease()
    try:
        with cycle.state.begin() as unit:
            unit.start_run(flow)
            cycle.cursors_at_start = unit.cursors()
        try:
            record_types = _synced(cycle, steps)
            with cycle.state.begin() as unit:
                report = report_of(cycle, unit, record_types, cycle.clock.monotonic() - started)
                unit.close_alerts(CONNECTION_ALERTS)
                if not waiting_for_approval(unit):  # one of another data type goes on waiting
                    unit.close_alerts([BRAKE_ALERT])
                unit.finish_run("completed", report.as_json(), None)
        except SyncError as error:
            _note_failure(cycle, error)
            raise
        except Exception as error:
            _note_unforeseen(cycle, error)
            raise
        return report
    finally:
        cycle.state.release_lease()


def _synced(cycle: Cycle, steps: Steps) -> list[RecordType]:
    """All steps; the record types that were synced."""
    check_company(cycle, cycle.cursors_at_start)
    steps.recover(cycle)
    steps.post_expenses(cycle)
    seen = _observed(cycle, steps)
    check_plan(cycle, seen.plan, seen.record_types)
    planned = seen.plan.among(seen.record_types)
    # QuickBooks deletes nothing that others are linked to, so what refers to it goes first
    for record_type in reversed(planned):
        deleted = [each for each in seen.plan.of(record_type) if each.deletes_in_quickbooks]
        if deleted:
            _write(cycle, record_type, deleted, steps)
    for last in (False, True):
        for record_type in planned:
            plans = [
                each
                for each in seen.plan.of(record_type)
                if not each.deletes_in_quickbooks and goes_last(cycle, each) is last
            ]
            if plans:
                _write(cycle, record_type, plans, steps)
    if cycle.tally.moved:
        release_waiting(cycle)
    _advance(cycle, seen.quickbooks, seen.platform)
    if any(each.file is not None and cycle.own(each) for each in seen.record_types):
        steps.fetch_files(cycle, seen.record_types)
    return seen.record_types


def plan_only(cycle: Cycle, steps: Steps = PLAIN) -> tuple[Plan, list[Tripped]]:
    """What a cycle would do now, and the brakes that would stop it.

    Nothing is written to either side, and no cursor moves.
    """
    cycle.renew_lease()
    try:
        seen = _observed(cycle, steps)
        with cycle.state.begin() as unit:
            return seen.plan, tripped_in(cycle, unit, seen.plan, seen.record_types)
    finally:
        cycle.state.release_lease()


@dataclass(frozen=True)
class _Observed:
    """What both sides said, and the plan made from it."""

    record_types: list[RecordType]
    quickbooks: QuickBooksExtract
    platform: PlatformExtract
    plan: Plan


def _observed(cycle: Cycle, steps: Steps) -> _Observed:
    """The steps up to the plan: they read both sides and write to neither."""
    own = in_data_types(cycle.data_types)
    record_types = cycle.record_types
    quickbooks = steps.extract_quickbooks(cycle, record_types)
    record_types = read_referring(cycle, record_types, quickbooks)
    platform = steps.extract_platform(cycle, own)
    learn_names(cycle, quickbooks, platform)
    cycle.keep_lease()
    candidates = steps.pair(cycle, record_types, quickbooks, platform)
    tell_winners(cycle, candidates)
    cycle.keep_lease()
    plan = steps.plan(cycle, record_types, candidates)
    return _Observed(record_types, quickbooks, platform, plan)


def _write(
    cycle: Cycle, record_type: RecordType, plans: Sequence[RecordPlan], steps: Steps
) -> None:
    """Everything planned for one record type, parents before children."""
    cycle.renew_lease()
    cycle.progress(f"writing {record_type.plural}: {len(plans)} to look at")
    for each in plans:
        if each.parked is not None:
            if each.parked.code == CLOSED_PERIOD:
                bring_over(cycle, each)
            park(cycle, each, each.parked)
    ready = [each for each in plans if each.parked is None]
    for generation in generations(ready):
        here = [each for each in generation if each.quickbooks_operation is None]
        there = [each for each in generation if each.quickbooks_operation is not None]
        _in_batches(cycle, here, PLATFORM_BATCH_SIZE, steps.apply_batch, steps)
        _in_batches(cycle, there, BATCH_SIZE, steps.load_batch, steps)


def _in_batches(
    cycle: Cycle,
    plans: Sequence[RecordPlan],
    size: int,
    step: Callable[[Cycle, Sequence[RecordPlan]], list[Failed]],
    steps: Steps,
) -> None:
    for some in _chunked(plans, size):
        failed = step(cycle, some)
        if failed:
            steps.push_all(cycle, failed)
        cycle.renew_lease()


def _chunked(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _advance(cycle: Cycle, quickbooks: QuickBooksExtract, platform: PlatformExtract) -> None:
    """The last thing a cycle does: what was read need not be read again.

    A cycle that writes one side only has left something out, so the next one reads it again.
    """
    if cycle.write_to != frozenset(Side):
        return
    positions = {
        (name, Side.QUICKBOOKS): position for name, position in quickbooks.positions.items()
    }
    positions |= {(name, Side.PLATFORM): position for name, position in platform.positions.items()}
    for name in cycle.after_restore & set(platform.positions):
        positions[restored_cursor(name), Side.PLATFORM] = ""
    with cycle.state.begin() as unit:
        unit.set_cursors(positions)


def _note_failure(cycle: Cycle, error: SyncError) -> None:
    """Say what stopped the cycle: an alert, an audit entry and the run's end."""
    if isinstance(error, BrakeError) and error.brake == "lease":
        return
    code, _, _, fix = reason_of(error)
    cause = "cycle_failed"
    if isinstance(error, DisconnectedError):
        cause = "disconnected"
    elif isinstance(error, BrakeError):
        cause, fix = BRAKE_ALERT, error.fix
    title = f"{cycle.connection.name}: {error}"
    with cycle.state.begin() as unit:
        unit.alert(cause, title, str(error), fix)
        _note_stop(unit, cause, code, str(error))


def _note_unforeseen(cycle: Cycle, error: Exception) -> None:
    """The same for a bug, or a database that fails; the log has what cannot even be stored.

    The error's own words stay in the log: nobody knows what they hold.
    """
    name = type(error).__name__
    message = f"the cycle ended with an error of its own, {name}"
    title = f"{cycle.connection.name}: {message}"
    try:
        with cycle.state.begin() as unit:
            unit.alert("cycle_failed", title, message, LOOK_AT_LOG)
            _note_stop(unit, "cycle_failed", name, message)
    except (SyncError, SQLAlchemyError, OSError):
        _LOG.exception("%s, and no alert of it could be stored", title)


def _note_stop(unit: Unit, cause: str, code: str, message: str) -> None:
    unit.audit([AuditNote("cycle.stopped", {"cause": cause, "code": code, "error": message})])
    unit.finish_run("failed", {}, message)
