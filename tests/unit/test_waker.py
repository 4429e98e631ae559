"""The dispatcher is woken at once, once more after a burst, and never given up."""

from __future__ import annotations

import logging
import threading
from queue import Queue

import pytest

from dashboard.waker import Waker

#: Long enough for any thread here.
SECONDS = 10.0


def test_at_once_and_once_more_after_a_burst() -> None:
    """What comes while it is being woken is woken for when that has ended, as one."""
    woken, go_on = Queue[int](), threading.Semaphore(0)

    def start() -> None:
        woken.put(1)
        assert go_on.acquire(timeout=SECONDS)

    with Waker(start, pause_seconds=0.01) as waker:
        waker.wake()
        woken.get(timeout=SECONDS)
        for _ in range(1_000):
            waker.wake()
        go_on.release()
        woken.get(timeout=SECONDS)
        go_on.release()
    assert woken.empty()


def test_a_burst_is_two_wakings_at_most() -> None:
    """Between two of them is a pause, however many ask."""
    woken = Queue[int]()
    with Waker(lambda: woken.put(1), pause_seconds=60) as waker:
        for _ in range(1_000):
            waker.wake()
        woken.get(timeout=SECONDS)
        for _ in range(1_000):
            waker.wake()
    assert woken.empty()


def test_nobody_asks() -> None:
    """Nobody is woken, and it ends at once."""
    woken = Queue[int]()
    with Waker(lambda: woken.put(1)):
        pass
    assert woken.empty()


def test_a_failure_is_told_and_the_next_one_tried(caplog: pytest.LogCaptureFixture) -> None:
    """Prefect cannot be reached: the log says so, and that the schedule comes."""
    calls = Queue[int]()

    def start() -> None:
        calls.put(1)
        raise ConnectionError("nobody there")

    with caplog.at_level(logging.WARNING), Waker(start, pause_seconds=0.01) as waker:
        for _ in range(3):
            waker.wake()
            calls.get(timeout=SECONDS)
    assert "nobody there" in caplog.text
    assert "schedule comes" in caplog.text
