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
    forecast,
    interval_of,
    month_of,
    next_slot,
)
from models.settings import ConnectionSettings
from models.words import DataType

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


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


@pytest.mark.parametrize("companies", [15, 200, 1_000])
def test_companies_are_spread_over_the_interval(companies: int) -> None:
    """No minute has more than twice its share, for any numbers that follow each other."""
    slots = [next_slot(7 + number, QUARTER, NOON) for number in range(companies)]
    minutes = Counter((slot - NOON) // timedelta(minutes=1) for slot in slots)
    assert max(minutes.values()) <= 2 * companies / 15
    assert len(minutes) >= 12


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


def test_a_company_without_data_types_costs_nothing() -> None:
    """Everything is switched off: there is nothing to ask for."""
    off = ConnectionSettings(data_types=frozenset())
    made = forecast(NOON, Usage(0, 0, 0), [off], 500_000)
    assert (made.wanted, made.total) == (0, 0)
