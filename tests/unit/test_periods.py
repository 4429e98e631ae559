"""Which days of a record are closed, and what is said about it."""

from __future__ import annotations

from datetime import date

import pytest

from models.periods import closed_day, closed_error, days_of, refused_error
from models.record_type import catalog

INVOICE, CUSTOMER = catalog()["invoice"], catalog()["customer"]
FIRST, LAST, NEXT = date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 1)


@pytest.mark.parametrize(
    ("days", "until", "closed"),
    [
        ([LAST], "2026-10-31", LAST),  # the close date itself is closed
        ([NEXT], "2026-10-31", None),
        ([NEXT, FIRST], "2026-10-31", FIRST),  # moving it out of the period is a write into it
        ([LAST, FIRST], "2026-10-31", FIRST),
        ([FIRST], "", None),  # no books are closed
        ([], "2026-10-31", None),
    ],
)
def test_the_earliest_closed_day(days: list[date], until: str, closed: date | None) -> None:
    assert closed_day(days, until) == closed


def test_days_of_all_versions_count_once() -> None:
    versions = [{"issued_on": NEXT}, None, {"issued_on": FIRST}, {"issued_on": NEXT}, {}]
    assert days_of(INVOICE, versions) == [FIRST, NEXT]
    assert days_of(CUSTOMER, [{"name": "Ada"}]) == []
    assert days_of(INVOICE, [{"issued_on": None}]) == []


def test_every_record_type_with_a_day_names_a_field_of_its_own() -> None:
    dated = {each.name: each.booked_on for each in catalog().values() if each.booked_on}
    assert all(catalog()[name].by_name[field].kind == "day" for name, field in dated.items())
    lists = {each.name for each in catalog().values() if each.is_list}
    assert not lists & dated.keys()


def test_the_error_names_both_dates_and_both_ways_out() -> None:
    error = closed_error(INVOICE, LAST, "2026-10-31")
    assert (error.code, error.field, error.value) == ("closed_period", "issued_on", "2026-10-31")
    assert "2026-10-31" in str(error)
    assert "Open the books" in error.fix
    assert "later date yourself" in error.fix


@pytest.mark.parametrize(
    ("days", "until", "words"),
    [
        ([FIRST], "2026-10-31", "issued_on is 2026-10-01, and"),
        ([NEXT], "2026-10-31", "up to and including 2026-10-31; issued_on is 2026-11-01"),
        ([NEXT], "", "closed books; issued_on is 2026-11-01"),
        ([], "2026-10-31", "no date of its own"),
    ],
)
def test_a_refusal_says_what_is_known(days: list[date], until: str, words: str) -> None:
    error = refused_error(INVOICE, days, until)
    assert error.code == "closed_period"
    assert words in str(error)
