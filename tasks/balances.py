"""Balances: sums of ledger lines per account and month end, as frames of integer minor units.

A trial balance carries balance sheet accounts since the beginning, income and expenses since the
fiscal year began; what earlier years earned stands in Retained Earnings (quickbooks-api 12.17).
"""

from __future__ import annotations

from calendar import month_name
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Columns of a frame of ledger lines; minor is debit-positive.
COLUMNS = ("account", "day", "record", "party", "minor")


@dataclass(frozen=True)
class Calendar:
    """The month ends to compare at, oldest first; the last one is the day asked for."""

    ends: tuple[date, ...]
    #: Number of the fiscal year's first month.
    year_starts: int

    @property
    def first(self) -> str:
        """The month that also holds everything before it."""
        return month_of(self.ends[0])

    def year_start(self, day: date) -> date:
        """First day of the fiscal year that a day is in."""
        return date(
            day.year if day.month >= self.year_starts else day.year - 1, self.year_starts, 1
        )

    def begins_year(self, place: int) -> bool:
        """Whether a fiscal year began between an end and the one before."""
        return place > 0 and self.year_start(self.ends[place]) > self.ends[place - 1]

    def bucket(self, day: date) -> str:
        """The month of a day, or the first one for what lies before it."""
        return max(month_of(day), self.first)


def calendar(as_of: date, earliest: date, months_max: int, fiscal_month: str) -> Calendar:
    """Month ends back from a day, no further than the earliest posting."""
    ends = [as_of]
    while len(ends) < months_max and month_of(ends[-1]) > month_of(earliest):
        ends.append(ends[-1].replace(day=1) - timedelta(days=1))
    names = list(month_name)
    number = names.index(fiscal_month) if fiscal_month in names[1:] else 1
    return Calendar(tuple(reversed(ends)), number)


def month_of(day: date) -> str:
    """The month of a day, such as 2026-11."""
    return f"{day:%Y-%m}"


def lines(rows: Iterable[tuple[str, date, str, str, int]]) -> pd.DataFrame:
    """A frame of ledger lines."""
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    return frame.astype({"minor": "int64"})


def closing(
    frame: pd.DataFrame, days: Calendar, yearly: Iterable[str], retained: str
) -> dict[tuple[str, str], int]:
    """Balance per (account, month) at each end.

    yearly are the accounts of income and expenses; retained takes what earlier years earned.
    """
    found: dict[tuple[str, str], int] = {}
    is_yearly = frame["account"].isin(set(yearly))
    for end in days.ends:
        until = frame["day"] <= end
        this_year = frame["day"] >= days.year_start(end)
        carried = frame[until & (~is_yearly | this_year)]
        sums = {str(key): int(value) for key, value in _sums(carried).items()}
        earned = int(frame.loc[until & is_yearly & ~this_year, "minor"].sum())
        if earned:
            sums[retained] = sums.get(retained, 0) + earned
        found |= {(account, month_of(end)): value for account, value in sums.items()}
    return found


def _sums(frame: pd.DataFrame) -> dict[str, int]:
    return dict(frame.groupby("account")["minor"].sum())


def arising(
    left: dict[tuple[str, str], int], days: Calendar, yearly: Sequence[str], retained: str
) -> dict[tuple[str, str], int]:
    """From differences of balances to those that each month brought.

    A difference stays in all later balances; it is told once, for the month in which it arose.
    """
    months = [month_of(end) for end in days.ends]
    accounts = sorted({account for account, _ in left})
    found: dict[tuple[str, str], int] = {}
    for place, month in enumerate(months):
        for account in accounts:
            before = left.get((account, months[place - 1]), 0) if place else 0
            if days.begins_year(place):
                if account in yearly:
                    before = 0
                elif account == retained:
                    before += sum(left.get((each, months[place - 1]), 0) for each in yearly)
            change = left.get((account, month), 0) - before
            if change:
                found[account, month] = change
    return found
