"""First syncs of ever larger companies, each in a process of its own: for growth and memory.

A step is climbed while it can be expected to end in time; both lines look at the same syncs.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import cache
from typing import Final

from benchmarks import books, company, ours

STEPS: Final = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
#: Both lines look at these: there is always a step above them.
LEAST: Final = (1_000, 3_000, 10_000, 30_000)
#: Seconds for the whole ladder, unless all of it is wanted.
SECONDS_MAX: Final = 150.0


@dataclass(frozen=True)
class Step:
    """One first sync."""

    records: int
    seconds: float
    processor_seconds: float
    calls: int
    megabytes: float
    #: Before the first record was read.
    megabytes_before: float


@cache
def climbed(*, full: bool = False) -> tuple[Step, ...]:
    """First syncs up to the largest size that fits."""
    steps: list[Step] = []
    began = time.perf_counter()
    last_seconds = 0.0
    for records in STEPS:
        before = time.perf_counter()
        left = SECONDS_MAX - (before - began)
        if (
            not full
            and records not in LEAST
            and expected_seconds(steps, records, last_seconds) > left
        ):
            break
        steps.append(_step(records))
        last_seconds = time.perf_counter() - before
    return tuple(steps)


def expected_seconds(steps: list[Step], records: int, last_seconds: float) -> float:
    """What the next step will take, with its company and emulator, if it grows as records do."""
    return last_seconds * records / steps[-1].records if steps else 0.0


def _step(records: int) -> Step:
    size = company.of(records)
    with books.opened(size) as quickbooks, tempfile.TemporaryDirectory() as folder:
        quickbooks.forget_calls()
        taken = ours.apart(ours.first_sync, quickbooks, folder)
        calls = sum(quickbooks.calls().values())
    assert taken["applied"] == size.records, f"{taken['applied']} of {size.records} applied"
    return Step(
        records,
        taken["seconds"],
        taken["processor_seconds"],
        calls,
        taken["megabytes"],
        taken["megabytes_before"],
    )
