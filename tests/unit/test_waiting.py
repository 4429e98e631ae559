"""Whoever asks for a run waits for the company, a bounded time."""

from __future__ import annotations

import pytest

from models.errors import BrakeError, DecisionError
from tasks.waiting import BUSY, LET_GO, WAIT_SECONDS, WAITS_MAX, when_free
from tests.fixtures.fake_clock import FakeClock

LEASE = BrakeError("another run has it", brake="lease", fix="wait")
#: The same, as a person's decision says it.
NOT_NOW = DecisionError("another run has it", code=BUSY, fix="wait")


class Company:
    """One that is busy for a while."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.times = times
        self.asked = 0

    def __call__(self) -> str:
        """What is to be done with it."""
        self.asked += 1
        if self.asked <= self.times:
            raise self.error
        return "done"


@pytest.mark.parametrize("error", [LEASE, NOT_NOW], ids=["a cycle", "a decision"])
def test_it_goes_on_when_the_company_is_free(error: Exception) -> None:
    clock, told = FakeClock(), list[str]()
    before = clock.monotonic()
    company = Company(error, 3)
    assert when_free(clock, company, told.append, what="it", fix=LET_GO) == "done"
    assert clock.monotonic() - before == 3 * WAIT_SECONDS
    assert told == ["it waits: another run has it"] * 3


@pytest.mark.parametrize("error", [LEASE, NOT_NOW], ids=["a cycle", "a decision"])
def test_it_does_not_wait_for_ever(error: Exception) -> None:
    company = Company(error, WAITS_MAX + 1)
    with pytest.raises(BrakeError) as caught:
        when_free(FakeClock(), company, lambda _words: None, what="it", fix=LET_GO)
    assert (company.asked, caught.value.fix) == (WAITS_MAX, LET_GO)


@pytest.mark.parametrize(
    "error",
    [
        BrakeError("too many deletions", brake="mass_delete", fix="approve"),
        DecisionError("changed", code="changed_meanwhile", fix="look again"),
    ],
    ids=["a brake", "a decision"],
)
def test_what_does_not_pass_by_waiting_is_said_at_once(error: Exception) -> None:
    company = Company(error, 9)
    with pytest.raises(type(error)):
        when_free(FakeClock(), company, lambda _words: None, what="it", fix=LET_GO)
    assert company.asked == 1
