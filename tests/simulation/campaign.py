"""Many schedules on all cores: how many, how fast, what was hit, and what went wrong."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from models.words import DataType
from tests.simulation import cells
from tests.simulation.draws import Draw, Draws
from tests.simulation.profile import FAULTS, SWITCHED, Profile, draw_profile
from tests.simulation.schedule import Result, run
from tests.simulation.worlds import bases_of

CHUNK = 100
#: Violations that are kept with their tapes; more of them say nothing new.
FAILURES_MAX = 20
#: A campaign of this many schedules reaches every fault and every cell.
COMPLETE_FROM = 20_000
#: What is done in every schedule of a campaign under one condition.
_FORCED: dict[str, dict[str, Any]] = {
    "": {},
    "request_id_ignored": {"honour_request_ids": False},
    "request_ids_forgotten": {"forget_request_ids": True},
    "late_landing": {},
    "rough": {"honour_request_ids": False, "workers": 3},
    "lost": {
        "honour_request_ids": False,
        "data_types": frozenset({DataType.INVOICES}),
        "custom_numbers": True,
        "actions": 14,
    },
    "emptied": {"mass_delete": True},
    "emptied_lost": {"mass_delete": True, "data_types": frozenset({DataType.INVOICES})},
    "emptied_against": {
        "mass_delete": True,
        "data_types": frozenset({DataType.INVOICES}),
        "actions": 40,
    },
    "restored": {"restored": True},
    "touched": {"honour_request_ids": False},
    "restored_touched": {"restored": True},
    "corrected": {"actions": 14},
}
CONDITIONS = tuple(_FORCED)
#: What the schedules of a condition are rich in.
_RICH_IN = {
    # writes of unknown outcome, and workers that fall asleep
    "rough": {
        "late_landing": 0.4,
        "timeout_before": 0.2,
        "answer_lost": 0.25,
        "zombie": 0.06,
        "old_reading": 0.2,
        "slow_call": 0.2,
    },
    # documents whose write was lost on its way there or back
    "lost": {"timeout_before": 0.35, "answer_lost": 0.35},
    # the same beside records of which nobody knows yet whether they were made
    "emptied_lost": {"timeout_before": 0.5, "answer_lost": 0.3},
    # a side that is emptied beside records that were found gone from it and edited
    "emptied_against": {"against": 0.9},
    # records on which people work before it is known that they were made
    "touched": {"late_landing": 0.3, "answer_lost": 0.4, "touched": 0.5},
    "restored_touched": {"late_landing": 0.3, "touched": 0.5},
    # new records that were edited, or said to be deleted, before they were read, beside writes
    # that never arrived
    "corrected": {"timeout_before": 0.4, "corrected": 0.7, "false_delete": 0.3},
}


@dataclass
class Campaign:
    """What a campaign came to."""

    schedules: int = 0
    seconds: float = 0.0
    steps: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    cells: Counter[str] = field(default_factory=Counter)
    failures: list[Result] = field(default_factory=list)
    violations: int = 0
    #: Seed -> trace, where they were asked for.
    traces: dict[str, str] = field(default_factory=dict)

    @property
    def per_minute(self) -> int:
        """Schedules a minute."""
        return round(60 * self.schedules / self.seconds) if self.seconds else 0

    def unreached(self) -> list[str]:
        """Faults and cells that no schedule reached."""
        faults = [
            f"fault {number} ({', '.join(kinds)})"
            for number, kinds in FAULTS.items()
            if not any(self.hits[kind] for kind in kinds)
        ]
        return faults + sorted(cells.ALL - set(self.cells))

    def as_json(self) -> dict[str, Any]:
        """The figures."""
        return {
            "schedules": self.schedules,
            "seconds": round(self.seconds, 1),
            "per_minute": self.per_minute,
            "steps": self.steps,
            "violations": self.violations,
            "unreached": self.unreached(),
            "faults": dict(self.hits.most_common()),
            "cells": dict(sorted(self.cells.items())),
            "failures": [
                {"seed": each.seed, "invariant": each.invariant, "message": each.message}
                for each in self.failures
            ],
        }


@dataclass(frozen=True)
class Plan:
    """Which schedules to run."""

    name: str
    first: int
    count: int
    condition: str = ""
    books: str = "small"
    state: str = "memory"
    traced: bool = False


def seed_of(plan: Plan, number: int) -> str:
    """The name of one seed of a campaign."""
    return f"{plan.name}-{number}"


def profile_of(draws: Draws, condition: str) -> Profile:
    """A profile with a campaign's condition in force."""
    profile = draw_profile(draws)
    rates = profile.rates
    if condition == "late_landing":
        rates = {**rates, "late_landing": SWITCHED["late_landing"]}
    elif condition in _RICH_IN:
        rates = {**rates, **_RICH_IN[condition]}
    return replace(profile, rates=rates, **_FORCED[condition])


def one(plan: Plan, number: int, *, story: bool = False) -> Result:
    """One schedule of a campaign."""
    return run(
        seed_of(plan, number),
        bases=partial(bases_of, plan.books, plan.state),
        profiles=partial(profile_of, condition=plan.condition),
        story=story,
        traced=plan.traced,
    )


def replayed(plan: Plan, tape: list[Draw], *, story: bool = False) -> Result:
    """A schedule from a tape, under the conditions of a campaign."""
    return run(
        "tape",
        tape=tape,
        bases=partial(bases_of, plan.books, plan.state),
        profiles=partial(profile_of, condition=plan.condition),
        story=story,
    )


def run_chunk(plan: Plan) -> Campaign:
    """Some schedules in this process."""
    campaign = Campaign(schedules=plan.count)
    for number in range(plan.first, plan.first + plan.count):
        result = one(plan, number)
        campaign.steps += result.steps
        campaign.hits.update(result.hits)
        campaign.cells.update(result.cells)
        if plan.traced:
            campaign.traces[result.seed] = result.trace
        if result.failed:
            campaign.violations += 1
            if len(campaign.failures) < FAILURES_MAX:
                campaign.failures.append(result)
    return campaign


def _chunks(plan: Plan) -> Iterator[Plan]:
    for first in range(plan.first, plan.first + plan.count, CHUNK):
        count = min(CHUNK, plan.first + plan.count - first)
        yield replace(plan, first=first, count=count)


def make_bases(plan: Plan) -> None:
    """Set up the companies that schedules begin with, by the engine as it is now."""
    for custom_numbers in (True, False):
        bases_of(plan.books, plan.state, custom_numbers=custom_numbers)


def _make_ready(plan: Plan) -> None:
    """Set up what is needed in a process; Python's collector need not look at it."""
    make_bases(plan)
    gc.collect()
    gc.freeze()
    # a schedule's own objects are few, and gone with it
    gc.set_threshold(50_000)


def run_campaign(plan: Plan, processes: int, tell: Any = None) -> Campaign:
    """All schedules of a plan, on so many processes."""
    started = time.perf_counter()
    total = Campaign()
    with ProcessPoolExecutor(processes, initializer=_make_ready, initargs=(plan,)) as pool:
        for done in pool.map(run_chunk, _chunks(plan)):
            total.schedules += done.schedules
            total.steps += done.steps
            total.violations += done.violations
            total.hits.update(done.hits)
            total.cells.update(done.cells)
            total.traces.update(done.traces)
            total.failures += done.failures[: FAILURES_MAX - len(total.failures)]
            total.seconds = time.perf_counter() - started
            if tell is not None:
                tell(total)
    return total
