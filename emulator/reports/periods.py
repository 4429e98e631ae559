"""The days a report covers: start_date and end_date, or one of QuickBooks's date macros.

Without either a report runs from the start of the fiscal year to today.
Source: Intuit's Report.xsd (DateMacro); dossier section 10.2 (FiscalYearStartMonth).
"""

from __future__ import annotations

from calendar import month_name
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from emulator import faults
from emulator.clock import parse_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.company import Company

_MONTHS = 12
_QUARTER = 3
_BEGINNING = date(1970, 1, 1)


@dataclass(frozen=True)
class Period:
    """From one day to another, both included, and the macro it came from."""

    start: date
    end: date
    macro: str = ""


def period_of(company: Company, parameters: Mapping[str, str]) -> Period:
    """Return the period that a report's parameters mean."""
    today = company.clock.today()
    start = _day(parameters, "start_date")
    end = _day(parameters, "end_date")
    if start is None and end is None:
        macro = parameters.get("date_macro", "").strip()
        if not macro:
            return Period(fiscal_year_start(company, today), today, "this fiscal year-to-date")
        return _macro(company, macro, today)
    if start is not None and end is not None and start > end:
        raise faults.bad_value("start_date", start.isoformat())
    last = end or today
    return Period(start or fiscal_year_start(company, last), last)


def day_of(company: Company, parameters: Mapping[str, str], name: str) -> date:
    """Return the day a parameter names, today by default."""
    return _day(parameters, name) or company.clock.today()


def _day(parameters: Mapping[str, str], name: str) -> date | None:
    text = parameters.get(name, "")
    if not text:
        return None
    day = parse_date(text)
    if day is None:
        raise faults.bad_value(name, text)
    return day


def fiscal_year_start(company: Company, day: date) -> date:
    """Return the first day of the fiscal year that a day is in."""
    month = str(company.single("CompanyInfo").get("FiscalYearStartMonth") or "January")
    number = list(month_name).index(month) if month in list(month_name) else 1
    return date(day.year if day.month >= number else day.year - 1, number, 1)


def _macro(company: Company, macro: str, today: date) -> Period:
    """Return the period of a date macro, "-to-date" ones ending today."""
    text = macro.lower()
    to_date = text.endswith("-to-date")
    base = text.removesuffix("-to-date")
    if base == "all":
        return Period(_BEGINNING, date(today.year + 50, 12, 31), macro)
    if base in {"today", "yesterday"}:
        day = today - timedelta(days=base == "yesterday")
        return Period(day, day, macro)
    which, _, unit = base.partition(" ")
    shift = {"this": 0, "last": -1, "next": 1}.get(which)
    if shift is None or unit not in _UNITS:
        raise faults.bad_value("date_macro", macro)
    start, end = _span(company, unit, today, shift)
    if to_date:
        elapsed = today - _span(company, unit, today, 0)[0]
        end = min(end, start + elapsed)
    return Period(start, end, macro)


_UNITS = frozenset(
    ["week", "month", "fiscal quarter", "fiscal year", "calendar quarter", "calendar year"]
)


def _span(company: Company, unit: str, today: date, shift: int) -> tuple[date, date]:
    """Return the first and last day of the week, month, quarter or year, some periods away."""
    if unit == "week":
        # Weeks begin on Sunday.
        start = today - timedelta(days=today.isoweekday() % 7) + timedelta(weeks=shift)
        return start, start + timedelta(days=6)
    if unit == "month":
        first, length = today.replace(day=1), 1
    elif unit.endswith("year"):
        fiscal = fiscal_year_start(company, today)
        first, length = (fiscal if "fiscal" in unit else date(today.year, 1, 1)), _MONTHS
    else:
        begins = fiscal_year_start(company, today) if "fiscal" in unit else date(today.year, 1, 1)
        passed = (today.year - begins.year) * _MONTHS + today.month - begins.month
        first, length = _add_months(begins, passed - passed % _QUARTER), _QUARTER
    start = _add_months(first, shift * length)
    return start, _add_months(start, length) - timedelta(days=1)


def _add_months(day: date, months: int) -> date:
    total = day.year * _MONTHS + day.month - 1 + months
    return date(total // _MONTHS, total % _MONTHS + 1, 1)
