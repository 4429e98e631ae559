"""When a connection's data types are due, and what that costs of the month's metered calls.

Cycles stand on a grid: each connection has its own place in the interval, so that thousands that
sync every quarter of an hour are spread over the whole of it, and a late cycle moves no later one.
Where the month's budget would be overrun, all intervals grow by one factor.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Final

from models.settings import FREQUENCY_MINUTES_MAX, ConnectionSettings
from models.words import DataType

#: Metered calls that Intuit gives an app each month without payment (quickbooks-api, section 7).
METERED_CALLS_FREE: Final = 500_000
#: A cycle that finds nothing to do asks QuickBooks once for changes.
CALLS_OF_IDLE_CYCLE: Final = Fraction(1)
#: No interval grows by more than this, so that no company is forgotten when a budget is used up.
STRETCH_MAX: Final = Fraction(24)
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
#: The golden ratio of 32 bits: neighbouring numbers land far apart, and any few evenly.
_SPREAD: Final = 2_654_435_769
_SPREAD_RANGE: Final = 2**32
_HOUR_SECONDS: Final = 3_600
_DAY_SECONDS: Final = 86_400
#: Dispatchers begin every minute.
_LATE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Usage:
    """What was used of a month's budget until now."""

    cycles: int
    requests: int
    metered: int


@dataclass(frozen=True)
class Forecast:
    """What the month is going to cost in metered calls."""

    #: First instant of the month, and of the next one.
    since: datetime
    until: datetime
    used: Usage
    #: Metered calls until the end of the month at the frequencies that people chose.
    wanted: int
    #: Metered calls of the whole month that are allowed; None: no limit.
    budget: int | None
    #: By how much all intervals are longer than people chose.
    stretch: Fraction

    @property
    def total(self) -> int:
        """Metered calls of the whole month, about as it will be."""
        return self.used.metered + round(self.wanted / self.stretch)


def interval_of(
    settings: ConnectionSettings, data_type: DataType, stretch: Fraction = Fraction(1)
) -> timedelta:
    """Time between two scheduled cycles of a data type: as chosen, or longer to save calls."""
    minutes = settings.frequency_of(data_type) * max(stretch, Fraction(1))
    return timedelta(seconds=round(min(minutes, Fraction(FREQUENCY_MINUTES_MAX)) * 60))


def next_slot(connection_id: int, interval: timedelta, after: datetime) -> datetime:
    """The connection's first slot later than an instant.

    Its place is the same in every interval, so that slots of a longer one fall on those of a
    shorter one that divides it.
    """
    seconds = round(interval.total_seconds())
    assert seconds > 0, "an interval of a schedule is a minute or more"
    in_hour = connection_id * _SPREAD % _SPREAD_RANGE * _HOUR_SECONDS // _SPREAD_RANGE
    hours = max(1, seconds // _HOUR_SECONDS)
    phase = (in_hour + connection_id % hours * _HOUR_SECONDS) % seconds
    passed = (after - _EPOCH) // timedelta(seconds=1) - phase
    return _EPOCH + timedelta(seconds=phase + (passed // seconds + 1) * seconds)


def next_due(
    connection_id: int,
    settings: ConnectionSettings,
    data_type: DataType,
    stretch: Fraction,
    now: datetime,
) -> datetime:
    """When a data type is due that is taken up now.

    A stretched interval skips slots of the chosen grid; a grid of its own would begin anew with
    each change of the stretch, and cycles would come too early.
    """
    chosen = interval_of(settings, data_type)
    stretched = interval_of(settings, data_type, stretch)
    if stretched <= chosen:
        return next_slot(connection_id, chosen, now)
    # it was taken up a little after its slot
    return next_slot(connection_id, chosen, now + stretched - _LATE)


@lru_cache(1_000)
def cycles_of_day(minutes: frozenset[int]) -> int:
    """Cycles that a company has in a day; data types that are due together share one."""
    return sum(any(minute % each == 0 for each in minutes) for minute in range(_DAY_SECONDS // 60))


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """First instant of the month, and of the next one, in UTC."""
    now = now.astimezone(UTC)
    days = calendar.monthrange(now.year, now.month)[1]
    first = datetime(now.year, now.month, 1, tzinfo=UTC)
    return first, first + timedelta(days=days)


def forecast(
    now: datetime,
    used: Usage,
    scheduled: Iterable[ConnectionSettings],
    budget: int | None,
) -> Forecast:
    """What the rest of the month costs, and how much slower cycles must be to stay in the budget.

    scheduled holds the settings of all connections that are synced by schedule. What a cycle costs
    is what this month's have cost on average, whoever started them, and at least what an idle one
    does.
    """
    since, until = month_of(now)
    cost = max(CALLS_OF_IDLE_CYCLE, Fraction(used.metered, max(used.cycles, 1)))
    days = Fraction(int((until - now).total_seconds()), _DAY_SECONDS)
    a_day = sum(
        cycles_of_day(frozenset(each.frequency_of(name) for name in each.data_types))
        for each in scheduled
    )
    wanted = round(days * a_day * cost)
    stretch = Fraction(1)
    if budget is not None and used.metered + wanted > budget:
        left = max(budget - used.metered, 0)
        stretch = min(STRETCH_MAX, Fraction(wanted, left)) if left else STRETCH_MAX
    return Forecast(since, until, used, wanted, budget, stretch)
