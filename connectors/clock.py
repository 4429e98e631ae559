"""The real clock, behind the port that tests and the simulator replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from connectors.ports import Clock


class SystemClock:
    """Time as this machine tells it; implements `connectors.ports.Clock`."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; a wait of nothing or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)


class SteadyClock:
    """Another clock's time, gone on by seconds that nobody sets; implements `ports.Clock`.

    Workers of one company compare the times of leases and sends. So they all start from the clock
    of the database that they share, and a clock that is set meanwhile does not matter.
    """

    def __init__(self, start: datetime, clock: Clock) -> None:
        self._start = start
        self._clock = clock
        self._began = clock.monotonic()

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return self._start + timedelta(seconds=self._clock.monotonic() - self._began)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; a wait of nothing or less returns at once."""
        self._clock.sleep(seconds)
