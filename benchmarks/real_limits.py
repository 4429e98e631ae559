"""10,000 writes at QuickBooks's real limits, on a virtual clock.

The emulator enforces the limits (500 requests a minute, 10 a second, 40 batches a minute) on a
clock that only moves when our own limiter waits, so that twenty minutes take as long as the work.
The figure is the least time that the limits allow, in percent of the time that the cycle took: once
in batches, which are metered, and once in single posts, which are free (setting `batch_writes`).
One round of each: a virtual clock has no spread.
"""

from __future__ import annotations

import math
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks import books, company, entering, ours
from benchmarks.result import Goal, Result, is_full, share, show
from connectors.state.connections import connection_named, save_settings
from emulator.clock import Clock
from emulator.testing import RunningEmulator
from tasks.bootstrap import connect_company, installation
from tasks.load import BATCH_SIZE

#: As many as fit into a quarter of an hour with all other lines; all of them with --full.
WRITES: Final = 2_400
WRITES_FULL: Final = 10_000
SIZE: Final = company.of(400)
#: What the limits allow (reference: Intuit's limits and throttles).
REQUESTS_A_MINUTE, REQUESTS_A_SECOND, BATCHES_A_MINUTE = 500, 10, 40


class VirtualClock:
    """The emulator's clock, standing still until somebody waits; implements `ports.Clock`."""

    def __init__(self, clock: Clock) -> None:
        clock.run_at(0)
        self._clock = clock
        self._start = clock.now()

    def now(self) -> datetime:
        """The instant by the emulator's clock."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds since the start by the emulator's clock."""
        return (self._clock.now() - self._start) / timedelta(seconds=1)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once; the clock knows no less than a millionth of a second."""
        if seconds > 0:
            self._clock.advance(math.ceil(seconds * 1_000_000) / 1_000_000)


def run(*, full: bool = False) -> list[Result]:
    """Both ways."""
    writes = WRITES_FULL if full else WRITES
    return [_measured(writes, is_batched=is_batched) for is_batched in (True, False)]


def _measured(writes: int, *, is_batched: bool) -> Result:
    emulator_clock = Clock()
    clock = VirtualClock(emulator_clock)
    with tempfile.TemporaryDirectory() as name:
        folder = company.write(Path(name) / "company", SIZE)
        with RunningEmulator(
            folder, clock=emulator_clock, refresh_token=books.REFRESH_TOKEN
        ) as emulator:
            settings = ours.settings_of(books.Books(emulator.base_url), Path(name) / "s.sqlite3")
            with installation(settings, clock) as place:
                connect_company(
                    place, realm_id=emulator.realm_id, refresh_token=emulator.refresh_token
                )
                connection = connection_named(place.engine, emulator.realm_id)
                chosen = connection.settings.model_copy(update={"batch_writes": is_batched})
                save_settings(place.engine, connection, chosen, "benchmark", clock.now())
                ours.settle(place)
                clock.sleep(120)  # all windows are empty
                emulator.emulator.options.limits = True
                meter = emulator.emulator.meter
                entering.enter_invoices(place, writes, "L")
                before, calls = clock.monotonic(), dict(meter.by_class)
                report = ours.cycle(place).report
                seconds = clock.monotonic() - before
            refused = meter.by_status.get(429, 0)
            made = {kind: count - calls.get(kind, 0) for kind, count in meter.by_class.items()}
    written = ours.created_in_quickbooks(report)
    assert written == writes, f"{written} of {writes} written: {report.parked[:2]}"
    return result_of(writes, seconds, is_batched=is_batched, calls=made, refused=refused)


def result_of(
    writes: int, seconds: float, *, is_batched: bool, calls: dict[str, int], refused: int
) -> Result:
    """The line that follows from the seconds of the virtual clock."""
    least = least_seconds(writes, is_batched=is_batched)
    way = "in batches" if is_batched else "by single posts, which are free"
    return Result(
        name=f"real_limits_{'batches' if is_batched else 'singles'}",
        work=f"10,000 writes at QuickBooks's real limits, {way}",
        figure=share(least, seconds),
        unit="% of what the limits allow",
        goal=Goal("figure", "at least", 95.0, "%"),
        size=f"{writes:,} writes",
        full_size=writes >= WRITES_FULL,
        rounds=1,
        details={
            "virtual_seconds": seconds,
            "least_seconds": least,
            "writes_per_minute": 60 * writes / seconds,
            "calls": {kind: count for kind, count in calls.items() if count},
            "refused_as_too_many": refused,
        },
    )


def least_seconds(writes: int, *, is_batched: bool) -> float:
    """The least time from the first call to the last one that the limits allow."""
    calls = -(-writes // BATCH_SIZE) if is_batched else writes
    a_minute = BATCHES_A_MINUTE if is_batched else REQUESTS_A_MINUTE
    whole_minutes, rest = divmod(calls - 1, a_minute)
    return 60 * whole_minutes + rest // REQUESTS_A_SECOND


if __name__ == "__main__":
    show(run(full=is_full()))
