"""One virtual clock for everything, and the skewed clocks that workers look at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

#: When every schedule begins: seconds since 1970, a Monday noon.
START = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


class VirtualClock:
    """The true time; implements `connectors.ports.Clock`."""

    def __init__(self) -> None:
        self.seconds = START
        self._told_at = -1.0
        self._told = datetime.fromtimestamp(START, UTC)

    def now(self) -> datetime:
        """The instant."""
        if self.seconds != self._told_at:
            self._told_at, self._told = self.seconds, datetime.fromtimestamp(self.seconds, UTC)
        return self._told

    def monotonic(self) -> float:
        """Seconds since 1970, which never go back here."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Refuse: only whoever drives the clock moves it."""
        raise AssertionError(f"the true clock does not sleep {seconds} s")


class WorkerClock:
    """What a worker's machine says the time is; its waits are the scheduler's."""

    def __init__(
        self, clock: VirtualClock, skew: timedelta, sleep: Callable[[float], None]
    ) -> None:
        self._clock = clock
        self.skew = skew
        self._sleep = sleep

    def now(self) -> datetime:
        """The instant, as this machine sees it."""
        return self._clock.now() + self.skew

    def monotonic(self) -> float:
        """Seconds that nobody sets."""
        return self._clock.seconds

    def sleep(self, seconds: float) -> None:
        """Let others go on meanwhile."""
        self._sleep(seconds)
