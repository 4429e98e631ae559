"""Time as QuickBooks tells it: whole seconds, Pacific offset, never backwards.

Every record carries `2026-04-05T14:49:30-07:00`: whole seconds with the Pacific offset of that day,
for companies anywhere in the world; the envelope adds milliseconds. The clock can be moved forward
by tests and made to run faster, so that token expiry, the 24-hour rotation, the 30-day look-back
and the webhooks' retries need no waiting.
Source: the notes on recorded data, section "Dates and times"; dossier sections 2, 4 and 5.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")


class Clock:
    """The time of one emulator: the machine's own, faster or slower, plus what tests added."""

    def __init__(self, start: datetime | None = None) -> None:
        """Start at the given instant, or at the machine's present one."""
        begin = start if start is not None else datetime.now(UTC)
        self._begin = begin.astimezone(UTC)
        self._monotonic_begin = time.monotonic()
        #: How many seconds pass here while one passes outside.
        self._speed = 1.0

    def now(self) -> datetime:
        """Return the present instant in UTC; it never moves backwards."""
        elapsed = time.monotonic() - self._monotonic_begin
        return self._begin + timedelta(seconds=elapsed * self._speed)

    @property
    def speed(self) -> float:
        """Return how many seconds pass here while one passes outside."""
        return self._speed

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._begin += timedelta(seconds=seconds)

    def move_to(self, instant: datetime) -> None:
        """Move the clock forward to an instant."""
        self.advance((instant - self.now()).total_seconds())

    def run_at(self, speed: float) -> None:
        """Let the time run at another speed from now on; 0 stops it."""
        if speed < 0:
            raise ValueError("the clock only moves forward")
        now = self.now()
        self._begin, self._monotonic_begin, self._speed = now, time.monotonic(), speed

    def today(self) -> date:
        """Return the present day in the company's (Pacific) calendar."""
        return self.now().astimezone(PACIFIC).date()


def stamp(instant: datetime) -> str:
    """Write an instant as MetaData carries it: whole seconds and the Pacific offset."""
    return instant.astimezone(PACIFIC).replace(microsecond=0).isoformat()


def stamp_milliseconds(instant: datetime) -> str:
    """Write an instant as the envelope's `time` carries it."""
    return instant.astimezone(PACIFIC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=200_000)
def parse_instant(text: str) -> datetime | None:
    """Read an instant or a bare date; an offset-less one counts as Pacific. None if unreadable."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=PACIFIC)


@lru_cache(maxsize=50_000)
def parse_date(text: str) -> date | None:
    """Read a date, or the date part of an instant. None if it is neither."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None
