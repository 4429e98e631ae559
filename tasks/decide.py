"""Decide: what overrides and undoing share: a run of a person's own, and carrying out revisions.

A person's run has the company for itself as a cycle has, and writes by the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta

from sqlalchemy.exc import SQLAlchemyError

from connectors.state.port import Parked, Unit
from models.errors import BrakeError, DecisionError, RecordError, SyncError
from models.plan import RecordPlan, generations
from models.record_type import RecordType, catalog
from models.records import Content
from models.revision import REVISING
from models.words import Side
from tasks.brakes import check_company
from tasks.context import Cycle
from tasks.load import BATCH_SIZE, PLATFORM_BATCH_SIZE
from tasks.observe import Observation
from tasks.plan import plan
from tasks.record import park
from tasks.replan import reread
from tasks.steps import PLAIN
from tasks.waiting import BUSY

#: What was made since is looked for from so long before QuickBooks's clock on.
FAR_OVERLAP = timedelta(minutes=5)
BOTH = frozenset(Side)


@contextmanager
def persons_run(cycle: Cycle, flow: str) -> Iterator[None]:
    """Have the company for oneself, with QuickBooks's facts of now, as a run of its own.

    flow names the run; "" is for one that only looks, which is no run.

    Raises:
        DecisionError: another run works on the company.
        BrakeError: another company is behind the token.
    """
    try:
        cycle.renew_lease()
    except BrakeError as error:
        raise DecisionError(str(error), code=BUSY, fix=error.fix) from error
    try:
        with cycle.state.begin() as unit:
            if flow:
                unit.start_run(flow)
            cursors = unit.cursors()
        try:
            check_company(cycle, cursors)
            cycle.take_facts(cycle.quickbooks.company())
            yield
        except SyncError as error:
            with cycle.state.begin() as unit:
                unit.finish_run("failed", {}, str(error))
            raise
        except Exception as error:
            # what the database that failed cannot store either is in the log
            with suppress(SyncError, SQLAlchemyError, OSError), cycle.state.begin() as unit:
                unit.finish_run("failed", {}, f"an error of its own, {type(error).__name__}")
            raise
        with cycle.state.begin() as unit:
            unit.finish_run("completed", {"flow": flow}, None)
    finally:
        cycle.state.release_lease()


def note_far_clock(cycle: Cycle, record_type: RecordType, quickbooks_id: str) -> None:
    """Learn QuickBooks's clock, by which a record that is made now is looked for."""
    _, told_at = cycle.quickbooks.query(record_type.entity, f"Id = '{quickbooks_id}'")
    cycle.far_since = told_at - FAR_OVERLAP


def closed_day(cycle: Cycle, record_type: RecordType, *contents: Content | None) -> date | None:
    """A day of these contents on which QuickBooks's books are closed, if there is one."""
    closed = cycle.facts.book_close_date
    if not closed or not record_type.booked_on:
        return None
    days = [each.get(record_type.booked_on) for each in contents if each is not None]
    last = date.fromisoformat(closed)
    return next((each for each in days if each is not None and each <= last), None)


def set_aside(unit: Unit, plan_: RecordPlan, words: str) -> None:
    """Hand a record over to this run, and to the next cycle if this run does not get through."""
    known = unit.parked_record(plan_.link.id)
    unit.park(
        Parked(
            link_id=plan_.link.id,
            record_type=plan_.record_type.name,
            side=Side.PLATFORM,
            code=REVISING,
            field="",
            value="",
            message=words,
            fix="Nothing to do: the next sync finishes it.",
            attempts=0,
            since=known.since if known else unit.now,
            next_attempt_at=unit.now,
        )
    )


def carry_out(cycle: Cycle, links: Mapping[str, Sequence[int]]) -> None:
    """Write what the stored revisions of these records come to.

    links maps record types to links; what goes goes children first, all else parents first.

    Raises:
        DisconnectedError: no call can work.
    """
    planned = {name: _planned(cycle, catalog()[name], ids) for name, ids in links.items()}
    order = [name for name in catalog() if name in planned]
    for name in reversed(order):
        _write(cycle, [each for each in planned[name] if each.merge.content is None])
    for name in order:
        _write(cycle, [each for each in planned[name] if each.merge.content is not None])


def _planned(cycle: Cycle, record_type: RecordType, link_ids: Sequence[int]) -> list[RecordPlan]:
    candidates = reread(cycle, record_type, link_ids, BOTH)
    return list(plan(cycle, [record_type], candidates).records)


def _write(cycle: Cycle, plans: Sequence[RecordPlan]) -> None:
    for each in plans:
        if each.parked is not None:
            park(cycle, each, each.parked)
    ready = [each for each in plans if each.parked is None]
    for generation in generations(ready):
        here = [each for each in generation if each.quickbooks_operation is None]
        there = [each for each in generation if each.quickbooks_operation is not None]
        for start in range(0, len(here), PLATFORM_BATCH_SIZE):
            some = here[start : start + PLATFORM_BATCH_SIZE]
            PLAIN.push_all(cycle, PLAIN.apply_batch(cycle, some))
        for start in range(0, len(there), BATCH_SIZE):
            cycle.renew_lease()
            PLAIN.push_all(cycle, PLAIN.load_batch(cycle, there[start : start + BATCH_SIZE]))


def refusal(error: RecordError) -> DecisionError:
    """Why a record cannot be written as a person wants it."""
    return DecisionError(str(error), code=error.code, fix=error.fix)


def was_refused(plan_: RecordPlan, waiting: Parked) -> bool:
    """Whether nothing was written to either side, and nothing ever will be by itself."""
    if waiting.next_attempt_at is not None:
        return False
    return waiting.code.startswith("fault_") or plan_.quickbooks_operation is None


def sides_of(observation: Observation) -> dict[Side, Content | None]:
    """What each side holds."""
    quickbooks, platform = observation.quickbooks, observation.platform
    return {
        Side.QUICKBOOKS: quickbooks.content if quickbooks else None,
        Side.PLATFORM: platform.content if platform else None,
    }
