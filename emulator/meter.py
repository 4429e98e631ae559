"""Counting what calls would cost, and refusing what comes too fast.

Entity writes and uploads are free; every GET, query, CDC, report and batch is metered, and only
answers of 2xx count. Limits hold for a realm (500 requests and 120 batches a minute) and for an
application in a realm (10 requests a second, 10 at once, 40 batches a minute).
Source: dossier section 7; where its sources disagree (10 a second or 10 at once), both hold.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timedelta

_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
REQUESTS_PER_MINUTE = 500
REQUESTS_PER_SECOND = 10
REQUESTS_AT_ONCE = 10
BATCHES_PER_MINUTE = 120
APPLICATION_BATCHES_PER_MINUTE = 40

_FREE = frozenset({"create", "update", "delete", "void", "upload", "send", "taxservice"})
_NOT_COUNTED = frozenset({"token", "other"})


class Meter:
    """Calls of one emulator, by class and by whether they would be billed."""

    def __init__(self) -> None:
        """Start at zero."""
        self.by_class: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.metered = 0
        self.free = 0

    def count(self, verb: str, status: int) -> None:
        """Count one call; status 0 is a call that got no answer."""
        self.by_class[verb] += 1
        self.by_status[status] += 1
        if not 200 <= status < 300 or verb in _NOT_COUNTED:
            return
        if verb in _FREE:
            self.free += 1
        else:
            self.metered += 1


class Window:
    """So many in so long, sliding."""

    def __init__(self, most: int, length: timedelta) -> None:
        """Start with nothing counted."""
        self._most, self._length = most, length
        self._moments: deque[datetime] = deque()

    def full(self, now: datetime) -> bool:
        """Say whether one more would be too many."""
        while self._moments and self._moments[0] <= now - self._length:
            self._moments.popleft()
        return len(self._moments) >= self._most

    def add(self, now: datetime) -> None:
        """Count one."""
        self._moments.append(now)


class _Windows:
    """A window for requests and one for batches, which count as requests too."""

    def __init__(self, requests: Window, batches: Window) -> None:
        self._requests, self._batches = requests, batches

    def admit(self, now: datetime, *, batch: bool) -> bool:
        """Say whether one more call fits, and count it if so."""
        if self._requests.full(now) or (batch and self._batches.full(now)):
            return False
        self._requests.add(now)
        if batch:
            self._batches.add(now)
        return True


class Limits(_Windows):
    """The limits of one realm."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        super().__init__(Window(REQUESTS_PER_MINUTE, _MINUTE), Window(BATCHES_PER_MINUTE, _MINUTE))


class ApplicationLimits(_Windows):
    """The limits of one application (or person) in one realm."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        super().__init__(
            Window(REQUESTS_PER_SECOND, _SECOND), Window(APPLICATION_BATCHES_PER_MINUTE, _MINUTE)
        )
        #: Calls that are being answered now.
        self.at_once = 0

    def admit(self, now: datetime, *, batch: bool) -> bool:
        """Say whether one more call fits, and count it if so."""
        return self.at_once < REQUESTS_AT_ONCE and super().admit(now, batch=batch)
