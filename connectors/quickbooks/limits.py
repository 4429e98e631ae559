"""Keeps one QuickBooks company within Intuit's limits: 500 a minute, 10 a second, 40 batches.

A sliding window over the times of the last calls, so that no window anywhere holds more than the
limit (a token bucket would let a burst and a full minute pass together). The decision is a pure
function, state in and decision out, so that several processes can share one state in a database;
`Limiter` is its keeper for one process. Source: reference quickbooks-api, section 7.
"""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from connectors.quickbooks.faults import local_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.ports import Clock

_DECISIONS_MAX = 10_000


@dataclass(frozen=True)
class Limits:
    """What one company may be asked.

    The windows are longer than a second and a minute, because calls reach QuickBooks with other
    gaps than they left with. That costs 1 % of the minute's allowance; the longer second costs
    nothing, as ten calls each 1.15 seconds are still more than 500 a minute.
    """

    requests_per_minute: int = 500
    requests_per_second: int = 10
    batches_per_minute: int = 40
    #: Calls under way at the same time ("10 a second" was announced as "10 concurrent").
    requests_concurrent: int = 10
    #: Longest wait for a place; beyond it the call is given back to the caller.
    wait_seconds_max: float = 180.0
    minute_seconds: float = 60.6
    second_seconds: float = 1.15


@dataclass(frozen=True)
class LimiterState:
    """The times of the calls that still count, oldest first, in seconds of one clock."""

    requests: tuple[float, ...] = ()
    batches: tuple[float, ...] = ()
    #: No call before this time: QuickBooks answered "too many".
    closed_until: float = -math.inf


@dataclass(frozen=True)
class Decision:
    """Go now (wait_seconds is 0 and state counts the call), or wait and ask again."""

    state: LimiterState
    wait_seconds: float


def decide(state: LimiterState, limits: Limits, now: float, *, batch: bool) -> Decision:
    """Decide on one call at a time; pure."""
    waits = [
        state.closed_until - now,
        _wait(state.requests, limits.requests_per_second, limits.second_seconds, now),
        _wait(state.requests, limits.requests_per_minute, limits.minute_seconds, now),
    ]
    if batch:
        waits.append(_wait(state.batches, limits.batches_per_minute, limits.minute_seconds, now))
    wait_seconds = max(0.0, *waits)
    if wait_seconds > 0:
        return Decision(state, wait_seconds)
    requests = (*state.requests[-limits.requests_per_minute + 1 :], now)
    batches = (*state.batches[-limits.batches_per_minute + 1 :], now) if batch else state.batches
    return Decision(replace(state, requests=requests, batches=batches), 0.0)


def close(state: LimiterState, now: float, seconds: float) -> LimiterState:
    """Let nobody through for some seconds, after QuickBooks said "too many"; pure."""
    return replace(state, closed_until=max(state.closed_until, now + seconds))


def _wait(times: tuple[float, ...], count_max: int, window_seconds: float, now: float) -> float:
    """Seconds until a window of this length has room for one more call."""
    if len(times) < count_max:
        return 0.0
    return times[-count_max] + window_seconds - now


@dataclass
class Limiter:
    """One company's places in this process; safe to share between threads."""

    clock: Clock
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Start with an empty window."""
        self._state = LimiterState()
        self._lock = threading.Lock()
        self._under_way = threading.BoundedSemaphore(self.limits.requests_concurrent)

    @contextmanager
    def place(self, *, batch: bool = False, write: bool = False) -> Iterator[None]:
        """Hold a place for one call.

        Raises:
            RetryLaterError: no place came free within the longest wait; nothing was sent.
        """
        if not self._under_way.acquire(timeout=self.limits.wait_seconds_max):
            raise local_error("local_limit", write=write)
        try:
            self._wait_for_room(batch=batch, write=write)
            yield
        finally:
            self._under_way.release()

    def close(self, seconds: float) -> None:
        """Hold all calls back, because QuickBooks answered "too many"."""
        with self._lock:
            self._state = close(self._state, self.clock.monotonic(), seconds)

    def _wait_for_room(self, *, batch: bool, write: bool) -> None:
        """Sleep until the windows have room, within the longest wait."""
        deadline = self.clock.monotonic() + self.limits.wait_seconds_max
        for _ in range(_DECISIONS_MAX):
            with self._lock:
                now = self.clock.monotonic()
                decision = decide(self._state, self.limits, now, batch=batch)
                self._state = decision.state
            if decision.wait_seconds == 0:
                return
            if now + decision.wait_seconds > deadline:
                break
            self.clock.sleep(decision.wait_seconds)
        raise local_error("local_limit", write=write)
