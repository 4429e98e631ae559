"""The steps of a cycle as they are seen from outside: wrapped, so that they know nothing of it.

`run_watched` is how everything but the simulator runs a cycle: the same steps in the same order,
and each says where it stands (`connectors.log_fields`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial, wraps
from typing import Any, Final, ParamSpec, TypeVar

from connectors.log_fields import known
from connectors.tracing import span
from models.errors import RemoteError, SyncError
from tasks.context import OUTCOMES, Cycle
from tasks.cycle import run_cycle
from tasks.load import Failed
from tasks.push import push_record
from tasks.record import reason_of
from tasks.report import Report
from tasks.steps import PLAIN, Steps, push_all

P = ParamSpec("P")
T = TypeVar("T")

#: Steps that are given records of one type and tell which of them failed.
_BATCHES: Final = frozenset({"apply_batch", "load_batch"})

_LOG = logging.getLogger(__name__)


def run_watched(cycle: Cycle, flow: str, steps: Steps = PLAIN) -> Report:
    """Sync the cycle's data types once, watched; errors as `run_cycle`."""
    with span("cycle", flow=flow) as current, known(trace=current.trace_id):
        try:
            report = run_cycle(cycle, flow, watched(steps))
        except SyncError as error:
            current.failed(type(error).__name__, code=reason_of(error)[0])
            _LOG.info("%s stopped: %s", flow, error)
            raise
        figures = outcomes(report)
        current.tell(**figures)
        told = ", ".join(f"{count} {name}" for name, count in figures.items())
        _LOG.info("%s finished: %s", flow, told)
        return report


def outcomes(report: Report) -> dict[str, int]:
    """What became of the records of a cycle, and how many requests that took."""
    rows = [row for each in report.data_types.values() for row in each.values()]
    counts = {name: sum(row[name] for row in rows) for name in OUTCOMES}
    return {**counts, "parked": len(report.parked), "requests": report.requests}


def watched(steps: Steps) -> Steps:
    """The same steps, each watched."""
    if steps.push_all is push_all:
        # Prefect's own has a task for each record, which is watched in there
        steps = replace(steps, push_all=partial(push_all, push=push_watched))
    return replace(
        steps,
        **{each.name: _watched(each.name, getattr(steps, each.name)) for each in fields(steps)},
    )


def _watched(name: str, step: Callable[P, T]) -> Callable[P, T]:
    @wraps(step)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        with known(intuit_tid=""), span(f"step {name}") as current:
            ended = step(*arguments, **named)
            if name in _BATCHES:
                current.tell(**_batch(arguments[1], ended))
            return ended

    return call


def _batch(plans: Any, failed: Any) -> dict[str, str | int]:
    """What a batch held, and how many of it failed for now."""
    record_type = plans[0].record_type.name if plans else ""
    return {"record_type": record_type, "records": len(plans), "failed": len(failed)}


def push_watched(cycle: Cycle, failed: Failed) -> None:
    """One more attempt at a record, watched; errors as `push_record`."""
    with record_known(failed), span("record", attempt=failed.attempts + 1) as current:
        try:
            push_record(cycle, failed)
        except SyncError as error:
            current.failed(type(error).__name__, code=reason_of(error)[0])
            _LOG.info("%s: try %d failed: %s", failed.name, failed.attempts, error)
            raise
        _LOG.info("%s: try %d went well", failed.name, failed.attempts)


@contextmanager
def record_known(failed: Failed) -> Iterator[None]:
    """Inside, it is known which record it is about, and which call was the last to fail for it."""
    error = failed.error
    intuit_tid = error.fault.intuit_tid if isinstance(error, RemoteError) else ""
    plan = failed.plan
    with known(record_type=plan.record_type.name, record=plan.link.id, intuit_tid=intuit_tid):
        yield
