"""Dispatch: sync every company that is due, side by side, in one run.

A company is a cycle as any other; one that fails is named with its reason and keeps nobody else. An
idle one costs one metered call and leaves nothing behind but the row of its run.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from connectors.database import database_time
from connectors.state.connections import with_usual_settings
from connectors.state.schedules import (
    Due,
    Scheduled,
    is_due_again,
    make_due,
    scheduled,
    take_due,
    usage,
)
from models.errors import BrakeError, DisconnectedError, SyncError, UsageError
from models.schedule import Forecast, forecast
from models.words import DataType
from tasks.bootstrap import Installation, open_cycle, state_of
from tasks.notify import alerts_told
from tasks.report import Report
from tasks.steps import PLAIN, Steps
from tasks.watching import run_watched

#: Companies at a time: a cycle mostly waits for QuickBooks.
COMPANIES_AT_A_TIME: Final = 8
#: A dispatcher begins no more companies after this long, or after an hour where one still runs.
SECONDS_MAX: Final = 600.0
SECONDS_MAX_BESIDE: Final = 3_600.0
#: How often it looks who else is due while all that it began are still running.
LOOK_SECONDS: Final = 5.0
#: Seconds between two cycles of one company that becomes due again and again, as by webhooks; as
#: many times longer as its interval is where the month's budget is short.
AGAIN_SECONDS: Final = 15
#: What to do about settings that a newer program has written, or somebody by hand.
SETTINGS_FIX: Final = (
    "Run the version of quickbooks-sync that wrote them, or correct what is named in the column "
    "settings of the table connections."
)
#: How often it looks whether such a company's time has come.
WAIT_SECONDS: Final = 1.0

_LOG = logging.getLogger(__name__)


class CycleEnd(StrEnum):
    """How a company's cycle ended."""

    #: Both sides agreed already.
    IDLE = "idle"
    MOVED = "moved"
    #: Records were set aside for a person or a later try.
    PARKED = "parked"
    #: Another run had just taken the company; it stays due until that one has ended.
    BUSY = "busy"
    #: A brake stopped it before its first write.
    STOPPED = "stopped"
    #: A person has to reconnect it.
    DISCONNECTED = "disconnected"
    FAILED = "failed"


#: Ends that a person should look at.
LOOKED_AT: Final = frozenset(
    {CycleEnd.PARKED, CycleEnd.STOPPED, CycleEnd.DISCONNECTED, CycleEnd.FAILED}
)


@dataclass(frozen=True)
class CompanyRun:
    """What became of one company."""

    connection_id: int
    connection: str
    data_types: tuple[DataType, ...]
    end: CycleEnd
    message: str = ""
    report: Report | None = None

    def as_row(self) -> dict[str, Any]:
        """A row for people."""
        report = self.report
        return {
            "connection": self.connection,
            "data_types": ", ".join(self.data_types),
            "end": self.end.value,
            "written": report.moved if report else 0,
            "parked": report.parked_open if report else 0,
            "metered_calls": report.metered if report else 0,
            "run": report.run_ids[0] if report else "",
            "message": self.message,
        }


@dataclass
class Dispatched:
    """What one dispatcher did."""

    forecast: Forecast
    runs: list[CompanyRun] = field(default_factory=list)

    def count(self, *ends: CycleEnd) -> int:
        """Companies that ended so."""
        return sum(each.end in ends for each in self.runs)

    @property
    def to_look_at(self) -> list[CompanyRun]:
        """Companies that a person should look at."""
        return [each for each in self.runs if each.end in LOOKED_AT]

    def as_json(self) -> dict[str, Any]:
        """Figures, for scripts."""
        return {
            "companies": len(self.runs),
            "ends": {each.value: self.count(each) for each in CycleEnd},
            "written": sum(each.report.moved for each in self.runs if each.report),
            "metered_calls": sum(each.report.metered for each in self.runs if each.report),
            "forecast": forecast_figures(self.forecast),
        }


def dispatch(
    place: Installation,
    *,
    steps: Steps = PLAIN,
    only: Collection[DataType] = tuple(DataType),
    at_a_time: int = COMPANIES_AT_A_TIME,
    seconds_max: float = SECONDS_MAX,
    progress: Callable[[str], None] = _LOG.info,
) -> Dispatched:
    """Sync all companies that are due, side by side, until none is or the time is up.

    A company that takes long keeps its own place only: others are taken up beside it. One that is
    due again right after its cycle, because more came meanwhile, is waited for.
    """
    done = Dispatched(forecast_of(place))
    started_at, stretch = place.clock.monotonic(), done.forecast.stretch
    again_after = timedelta(seconds=round(AGAIN_SECONDS * stretch))
    waiting: list[Due] = []
    running: set[Future[CompanyRun]] = set()
    with ThreadPoolExecutor(max_workers=at_a_time, thread_name_prefix="company") as threads:
        while True:
            passed = place.clock.monotonic() - started_at
            if not waiting and passed < (SECONDS_MAX_BESIDE if running else seconds_max):
                now = _shared_time(place)
                waiting = take_due(
                    place.engine, now, stretch=stretch, only=only, again_after=again_after
                )
            while waiting and len(running) < at_a_time:
                # each thread belongs to the flow run of this one
                run = contextvars.copy_context().run
                running.add(threads.submit(run, _company, place, waiting.pop(0), steps, progress))
            if not running:
                soon = is_due_again(place.engine, _shared_time(place), again_after, only)
                if not soon or passed >= seconds_max:
                    return done
                place.clock.sleep(WAIT_SECONDS)
                continue
            ended, running = wait(running, LOOK_SECONDS, return_when=FIRST_COMPLETED)
            done.runs += [each.result() for each in ended]


def _shared_time(place: Installation) -> datetime:
    """Now, by the clock of all who make companies due or hold them."""
    return database_time(place.engine, place.clock.now())


def _company(
    place: Installation, due: Due, steps: Steps, progress: Callable[[str], None]
) -> CompanyRun:
    """One company's cycle; whatever goes wrong stays with it."""
    data_types = tuple(sorted(due.data_types))
    try:
        report = _cycle(place, due, steps)
    except SyncError as error:
        end, message = end_of(error), str(error)
    except Exception as error:  # noqa: BLE001 - told, and counted as failed
        # a bug, or a full disk: the others go on, and the run says what it was
        _LOG.exception("%s: the cycle ended with an error of its own", due.name)
        end, message = CycleEnd.FAILED, f"{type(error).__name__}: see the log of the worker"
    else:
        end, message = CycleEnd.MOVED if report.moved else CycleEnd.IDLE, ""
        if report.parked:
            end, message = CycleEnd.PARKED, f"{len(report.parked)} records were set aside"
        if report.moved:
            progress(f"{due.name}: {report.moved} records written")
        return CompanyRun(due.connection_id, due.name, data_types, end, message, report)
    progress(f"{due.name}: {end.value}: {message}")
    return CompanyRun(due.connection_id, due.name, data_types, end, message)


def _alert_unreadable(place: Installation, due: Due) -> None:
    """Let people see a company whose settings cannot be read, as an older program finds them."""
    company = with_usual_settings(place.engine, due.connection_id)
    with state_of(place, company).begin() as unit:
        title = f"{due.name}: its settings cannot be read"
        unit.alert("cycle_failed", title, due.error, SETTINGS_FIX)


def _cycle(place: Installation, due: Due, steps: Steps) -> Report:
    """One cycle; a company that another run has taken stays due, for it was not looked at."""
    if due.error:
        _alert_unreadable(place, due)
        raise UsageError(due.error)
    data_types = tuple(sorted(due.data_types))
    try:
        with alerts_told(place, due.name), open_cycle(place, due.name, data_types) as cycle:
            return run_watched(cycle, "sync-due", steps)
    except BrakeError as error:
        if end_of(error) is CycleEnd.BUSY:
            with place.engine.begin() as transaction:
                make_due(transaction, due.connection_id, _shared_time(place), data_types)
        raise


def end_of(error: SyncError) -> CycleEnd:
    """How a cycle ends that an error has stopped."""
    if isinstance(error, DisconnectedError):
        return CycleEnd.DISCONNECTED
    if isinstance(error, BrakeError):
        return CycleEnd.BUSY if error.brake == "lease" else CycleEnd.STOPPED
    return CycleEnd.FAILED


# -- what the month costs --


def forecast_of(place: Installation, known: Sequence[Scheduled] | None = None) -> Forecast:
    """What this month's metered calls come to, over all companies of the installation."""
    now = place.clock.now()
    known = scheduled(place.engine) if known is None else known
    budget = place.settings.metered_calls_per_month or None
    return forecast(now, usage(place.engine, now), [each.settings for each in known], budget)


def forecast_figures(made: Forecast) -> dict[str, Any]:
    """A forecast's figures, for people and scripts."""
    return {
        "month": f"{made.since:%Y-%m}",
        "used": made.used.metered,
        "expected": made.total,
        "at_chosen_frequencies": made.used.metered + made.wanted,
        "budget": made.budget,
        # 100: intervals are as people chose them
        "interval_percent": round(made.stretch * 100),
    }
