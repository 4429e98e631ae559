"""No window of any length holds more calls than QuickBooks allows, and little is given away.

Method: simulated time; every granted call's time is kept and all windows are counted.
"""

from __future__ import annotations

import random
import threading
import time
from bisect import bisect_left

import pytest

from connectors.clock import SystemClock
from connectors.quickbooks.limits import Limiter, LimiterState, Limits, close, decide
from models.errors import RetryLaterError
from tests.fixtures.fake_clock import FakeClock


def most_in_any_window(times: list[float], window_seconds: float) -> int:
    """Count the calls in the fullest window that ends with a call, its ends included."""
    return max(i + 1 - bisect_left(times, at - window_seconds) for i, at in enumerate(times))


def grants(limiter: Limiter, clock: FakeClock, until: float, *, batch: bool) -> list[float]:
    """Ask as fast as possible until a time; return when each call went."""
    times = []
    while clock.seconds < until:
        with limiter.place(batch=batch):
            times.append(clock.seconds)
    return times


def test_calls_asked_as_fast_as_possible_stay_within_and_use_the_allowance() -> None:
    clock = FakeClock()
    times = grants(Limiter(clock), clock, 1_000 + 600, batch=False)
    assert most_in_any_window(times, 60) <= 500
    assert most_in_any_window(times, 1) <= 10
    assert len([at for at in times if at < 1_000 + 600]) >= 0.95 * 500 * 10


def test_batches_have_their_own_window() -> None:
    clock = FakeClock()
    times = grants(Limiter(clock), clock, 1_000 + 600, batch=True)
    assert most_in_any_window(times, 60) <= 40
    assert len([at for at in times if at < 1_000 + 600]) >= 0.95 * 40 * 10


def test_a_waiting_batch_does_not_hold_up_other_calls() -> None:
    clock = FakeClock()
    limits = Limits(batches_per_minute=1)
    state = decide(LimiterState(), limits, clock.seconds, batch=True).state
    assert decide(state, limits, clock.seconds, batch=True).wait_seconds > 59
    assert decide(state, limits, clock.seconds, batch=False).wait_seconds == 0


def test_random_arrivals_never_pass_the_limits() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        clock = FakeClock()
        limiter = Limiter(clock, Limits(requests_per_minute=60, batches_per_minute=9))
        calls: list[tuple[float, bool]] = []
        for _ in range(400):
            if chance.random() < 0.3:
                clock.sleep(chance.expovariate(1.0))
            batch = chance.random() < 0.2
            with limiter.place(batch=batch):
                calls.append((clock.seconds, batch))
        times = [at for at, _ in calls]
        assert most_in_any_window(times, 60) <= 60
        assert most_in_any_window(times, 1) <= 10
        assert most_in_any_window([at for at, batch in calls if batch], 60) <= 9


def test_deciding_is_pure_and_a_refusal_counts_nothing() -> None:
    limits = Limits(requests_per_second=1)
    one = decide(LimiterState(), limits, 5.0, batch=False)
    two = decide(one.state, limits, 5.0, batch=False)
    assert two.state == one.state
    assert two.wait_seconds == pytest.approx(1.15)
    assert LimiterState() == LimiterState(requests=(), batches=())


def test_the_state_stays_small() -> None:
    clock = FakeClock()
    limiter = Limiter(clock)
    grants(limiter, clock, 1_000 + 300, batch=False)
    assert len(limiter._state.requests) == 500
    assert len(limiter._state.batches) == 0


def test_after_a_throttle_everybody_waits() -> None:
    clock = FakeClock()
    limiter = Limiter(clock)
    limiter.close(60)
    with limiter.place():
        assert clock.seconds == pytest.approx(1_060)
    state = close(close(LimiterState(), 0, 60), 0, 5)
    assert decide(state, Limits(), 10, batch=False).wait_seconds == pytest.approx(50)


def test_a_wait_beyond_the_longest_is_given_back_and_the_place_is_freed() -> None:
    clock = FakeClock()
    limiter = Limiter(clock, Limits(requests_concurrent=1))
    limiter.close(600)
    for _ in range(2):
        with pytest.raises(RetryLaterError) as caught, limiter.place():
            pytest.fail("no place was free")
        assert caught.value.fault.code == "local_limit"
    assert clock.seconds == 1_000


def test_threads_share_one_allowance_and_at_most_ten_run_at_once() -> None:
    """Real threads and time, with a window of a fifth of a second to stay quick."""
    limits = Limits(requests_per_second=20, second_seconds=0.2, requests_concurrent=10)
    limiter = Limiter(SystemClock(), limits)
    guard = threading.Lock()
    running = most_running = 0

    def work() -> None:
        nonlocal running, most_running
        for _ in range(4):
            with limiter.place():
                with guard:
                    running += 1
                    most_running = max(most_running, running)
                time.sleep(0.001)
                with guard:
                    running -= 1

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = list(limiter._state.requests)
    assert len(times) == 80
    assert most_running <= 10
    assert most_in_any_window(times, 0.199) <= 20


def test_a_place_is_given_back_when_the_call_fails() -> None:
    limiter = Limiter(FakeClock(), Limits(requests_concurrent=1, wait_seconds_max=0.05))
    with pytest.raises(ZeroDivisionError), limiter.place():
        raise ZeroDivisionError
    with limiter.place(), pytest.raises(RetryLaterError), limiter.place():
        pytest.fail("only one may run")
