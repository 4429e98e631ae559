"""When companies are due: spread out, on a grid, and rarer when the budget is short."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.schedule import (
    STRETCH_MAX,
    Usage,
    cycles_of_day,
    forecast,
    interval_of,
    month_of,
    next_due,
    next_slot,
)
from models.settings import ConnectionSettings
from models.words import DataType

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@given(
    number=st.integers(1, 10**6),
    minutes=st.integers(1, 1440),
    seconds=st.integers(0, 10**8),
)
def test_the_next_slot_is_later_by_at_most_the_interval(
    number: int, minutes: int, seconds: int
) -> None:
    """Slots are a grid: from one to the next it is exactly the interval, whenever one asks."""
    interval = timedelta(minutes=minutes)
    after = NOON + timedelta(seconds=seconds)
    slot = next_slot(number, interval, after)
    assert after < slot <= after + interval
    assert next_slot(number, interval, slot) == slot + interval
    assert next_slot(number, interval, slot - timedelta(microseconds=1)) == slot


@pytest.mark.parametrize("interval_minutes", [5, 15, 30, 60, 240, 1440])
@pytest.mark.parametrize("companies", [15, 200, 1_000])
def test_companies_are_spread_over_the_interval(companies: int, interval_minutes: int) -> None:
    """No fifteenth of it has more than twice its share and one, for numbers in a row."""
    interval = timedelta(minutes=interval_minutes)
    slots = [next_slot(7 + number, interval, NOON) for number in range(companies)]
    parts = Counter((slot - NOON - timedelta(seconds=1)) // (interval / 15) for slot in slots)
    assert max(parts.values()) <= 2 * companies / 15 + 1
    assert len(parts) >= 8


def test_a_data_type_may_have_a_frequency_of_its_own() -> None:
    """Invoices every five minutes, the rest as the company."""
    settings = ConnectionSettings(frequency_minutes=60, frequency_minutes_of={DataType.INVOICES: 5})
    assert interval_of(settings, DataType.INVOICES) == timedelta(minutes=5)
    assert interval_of(settings, DataType.EXPENSES) == timedelta(hours=1)
    assert interval_of(settings, DataType.INVOICES, Fraction(3, 2)) == timedelta(seconds=450)
    assert interval_of(settings, DataType.EXPENSES, Fraction(1000)) == timedelta(days=1)


def test_the_months_calls_are_foreseen() -> None:
    """Half of November is left: 1,000 companies, each once an hour, one call each."""
    assert month_of(NOON) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    hourly = [ConnectionSettings(frequency_minutes=60)] * 1_000
    made = forecast(NOON, Usage(100_000, 110_000, 90_000), hourly, 500_000)
    assert made.wanted == 348_000  # 14.5 days, and an idle cycle costs at least one call
    assert (made.total, made.stretch) == (438_000, 1)


def test_cycles_become_rarer_before_the_budget_is_overrun() -> None:
    """What is wanted is fitted into what is left; a budget that is gone leaves a little."""
    hourly = [ConnectionSettings(frequency_minutes=60)] * 1_000
    short = forecast(NOON, Usage(100_000, 100_000, 200_000), hourly, 500_000)
    assert short.wanted == 696_000  # this month's cycles cost two calls each
    assert short.stretch == Fraction(696_000, 300_000)
    assert short.total == 500_000
    gone = forecast(NOON, Usage(1, 1, 600_000), hourly, 500_000)
    assert gone.stretch == STRETCH_MAX
    free = forecast(NOON, Usage(1, 1, 600_000), hourly, None)
    assert (free.stretch, free.budget) == (1, None)


@given(number=st.integers(1, 10**6), minutes=st.sampled_from([5, 15, 60]))
def test_longer_intervals_share_the_slots_of_shorter_ones(number: int, minutes: int) -> None:
    """Data types with different frequencies are due together where the intervals allow it."""
    hourly = next_slot(number, timedelta(hours=1), NOON)
    assert next_slot(number, timedelta(minutes=minutes), hourly - timedelta(seconds=1)) == hourly


@given(
    number=st.integers(1, 10**6),
    minutes=st.sampled_from([1, 15, 60]),
    stretches=st.lists(st.fractions(1, 24), min_size=20, max_size=60),
)
def test_a_stretch_that_changes_makes_no_cycle_early(
    number: int, minutes: int, stretches: list[Fraction]
) -> None:
    """Whatever the budget says each time, the next cycle is a stretched interval away, and never
    more than one chosen interval later than that."""
    settings = ConnectionSettings(frequency_minutes=minutes)
    chosen = timedelta(minutes=minutes)
    slot = next_slot(number, chosen, NOON)
    for stretch in stretches:
        taken_at = slot + timedelta(seconds=20)
        following = next_due(number, settings, DataType.INVOICES, stretch, taken_at)
        wanted = interval_of(settings, DataType.INVOICES, stretch)
        assert wanted - timedelta(minutes=1) <= following - slot
        assert following - slot <= wanted + chosen
        slot = following


def test_cycles_of_data_types_that_are_due_together_count_once() -> None:
    """Every quarter of an hour and every hour are 96 cycles a day; every 15 and 20 minutes, 144."""
    assert cycles_of_day(frozenset({15, 60})) == 96
    assert cycles_of_day(frozenset({15, 20, 60})) == 144
    assert cycles_of_day(frozenset({1440})) == 1
    assert cycles_of_day(frozenset()) == 0


def test_a_company_without_data_types_costs_nothing() -> None:
    """Everything is switched off: there is nothing to ask for."""
    off = ConnectionSettings(data_types=frozenset())
    made = forecast(NOON, Usage(0, 0, 0), [off], 500_000)
    assert (made.wanted, made.total) == (0, 0)
