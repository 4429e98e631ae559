"""Counting what calls would cost, and refusing what comes too fast.

Entity writes are free; every GET, query, CDC and batch is metered, and only answers of 2xx count.
Source: dossier section 7.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta

_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
REQUESTS_PER_MINUTE = 500
REQUESTS_PER_SECOND = 10
BATCHES_PER_MINUTE = 40

_METERED = frozenset({"read", "query", "cdc", "batch"})


class Meter:
    """Calls of one emulator, by class and by whether they would be billed."""

    def __init__(self) -> None:
        """Start at zero."""
        self.by_class: Counter[str] = Counter()
        self.metered = 0
        self.free = 0

    def count(self, verb: str, status: int) -> None:
        """Count one answered call."""
        self.by_class[verb] += 1
        if not 200 <= status < 300:
            return
        if verb in _METERED:
            self.metered += 1
        elif verb != "token":
            self.free += 1


class Limits:
    """The sliding windows of one realm."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._requests: deque[datetime] = deque()
        self._batches: deque[datetime] = deque()

    def admit(self, now: datetime, *, batch: bool) -> bool:
        """Say whether one more call fits, and count it if so."""
        _forget(self._requests, now - _MINUTE)
        _forget(self._batches, now - _MINUTE)
        last_second = sum(1 for moment in self._requests if moment > now - _SECOND)
        full = (
            len(self._requests) >= REQUESTS_PER_MINUTE
            or last_second >= REQUESTS_PER_SECOND
            or (batch and len(self._batches) >= BATCHES_PER_MINUTE)
        )
        if full:
            return False
        self._requests.append(now)
        if batch:
            self._batches.append(now)
        return True


def _forget(moments: deque[datetime], before: datetime) -> None:
    while moments and moments[0] <= before:
        moments.popleft()
