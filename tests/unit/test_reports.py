"""Reports of QuickBooks as plain rows, and the balances that they are compared with."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connectors.ports import Cell
from connectors.quickbooks.queries import read_count
from connectors.quickbooks.reports import DEPTH_MAX, read_report
from models.errors import RetryLaterError
from tasks.balances import Calendar, arising, calendar, closing, lines


def column(title: str, key: str = "") -> dict[str, Any]:
    """One column's heading."""
    named = {"MetaData": [{"Name": "ColKey", "Value": key}]} if key else {}
    return {"ColTitle": title, "ColType": "Money", **named}


def cells(*values: Any) -> list[dict[str, str]]:
    """Cells; a pair is a value with its id."""
    return [
        {"value": each[0], "id": each[1]} if isinstance(each, tuple) else {"value": each}
        for each in values
    ]


def report(*rows: Any, columns: Any = None) -> dict[str, Any]:
    """A report as QuickBooks answers."""
    return {
        "Header": {"ReportName": "AgedReceivables", "Currency": "USD"},
        "Columns": {"Column": columns or [column(""), column("Total")]},
        "Rows": {"Row": list(rows)} if rows else {},
    }


def section(first: Any, *rows: Any, own: str = "") -> dict[str, Any]:
    """A section with a heading, rows and a total."""
    return {
        "Header": {"ColData": cells(first, own)},
        "Rows": {"Row": list(rows)},
        "Summary": {"ColData": cells("Total", "999.00")},
        "type": "Section",
    }


PLAIN = {"ColData": cells(("Ana", "7"), "12.50")}
TOTAL = {"Summary": {"ColData": cells("TOTAL", "12.50")}, "type": "Section", "group": "GrandTotal"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([PLAIN, TOTAL], [(("Ana", "7"), "12.50", [])]),
        # a row may end early
        ([{"ColData": cells("Ana")}], [(("Ana", ""), None, [])]),
        # a parent customer with an amount of its own above its job's
        (
            [section(("Parent", "1"), PLAIN, own="3.00"), TOTAL],
            [(("Parent", "1"), "3.00", []), (("Ana", "7"), "12.50", ["1"])],
        ),
        # sections within sections, the outer one a mere group
        (
            [section("Assets", section(("Bank", "35"), PLAIN))],
            [(("Ana", "7"), "12.50", ["", "35"])],
        ),
        # a section without a heading or without rows
        ([{"Rows": {"Row": [PLAIN]}}], [(("Ana", "7"), "12.50", [""])]),
        ([{"Header": {"ColData": cells("Empty", "")}, "Rows": {}}], []),
    ],
)
def test_nested_sections_become_plain_rows(rows: list[Any], expected: list[Any]) -> None:
    """Goal: every data row with its headings' ids; totals are left out."""
    found = read_report(report(*rows))
    assert (found.name, found.currency, found.columns) == ("AgedReceivables", "USD", ("", "Total"))
    assert [
        (
            (row.cells[""].value, row.cells[""].id),
            row.cells["Total"].value if "Total" in row.cells else None,
            [each.id for each in row.sections],
        )
        for row in found.rows
    ] == expected


def test_columns_go_by_their_keys() -> None:
    """Goal: a program's name for a column wins over its title, which is translated."""
    columns = [column("Datum", "tx_date"), column("Betrag", "subt_nat_amount")]
    found = read_report(report({"ColData": cells("2026-11-02", "1.00")}, columns=columns))
    assert found.columns == ("tx_date", "subt_nat_amount")
    assert found.rows[0].cells["subt_nat_amount"] == Cell("1.00")


@pytest.mark.parametrize("answer", [{}, {"Header": {"ReportName": "X"}}, {"Header": "no"}])
def test_an_answer_that_is_no_report_is_an_error(answer: dict[str, Any]) -> None:
    """Goal: an empty answer never counts as empty books."""
    with pytest.raises(RetryLaterError):
        read_report(answer)


def test_sections_do_not_nest_for_ever() -> None:
    """Goal: the parser has a bound."""
    deep: Any = PLAIN
    for _ in range(DEPTH_MAX + 2):
        deep = section("Level", deep)
    with pytest.raises(RetryLaterError):
        read_report(report(deep))


@pytest.mark.parametrize(
    "answer", [{}, {"QueryResponse": {}}, {"QueryResponse": {"totalCount": "3"}}]
)
def test_a_count_that_is_none_is_an_error(answer: dict[str, Any]) -> None:
    """Goal: what was not counted is not zero."""
    assert read_count({"QueryResponse": {"totalCount": 3}}) == 3
    with pytest.raises(RetryLaterError):
        read_count(answer)


# -- balances --

DAYS = calendar(date(2026, 2, 10), date(2025, 11, 5), 12, "January")


@pytest.mark.parametrize(
    ("as_of", "earliest", "months", "first", "count"),
    [
        (date(2026, 2, 10), date(2025, 11, 5), 12, date(2025, 11, 30), 4),
        (date(2026, 2, 10), date(2020, 1, 1), 3, date(2025, 12, 31), 3),
        (date(2026, 2, 10), date(2026, 2, 1), 12, date(2026, 2, 10), 1),
        # nothing was posted before the day asked for
        (date(2026, 2, 10), date(2026, 5, 1), 12, date(2026, 2, 10), 1),
    ],
)
def test_month_ends_go_back_as_far_as_there_are_books(
    as_of: date, earliest: date, months: int, first: date, count: int
) -> None:
    """Goal: bounded, oldest first, and the last one is the day asked for."""
    ends = calendar(as_of, earliest, months, "January").ends
    assert (ends[0], ends[-1], len(ends)) == (first, as_of, count)


def test_income_of_earlier_years_is_retained() -> None:
    """Goal: a trial balance as QuickBooks makes it, with the year's turn in between."""
    frame = lines(
        [
            ("bank", date(2025, 10, 1), "invoice:1", "", 500),
            ("income", date(2025, 10, 1), "invoice:1", "", -500),
            ("bank", date(2026, 1, 3), "invoice:2", "", 200),
            ("income", date(2026, 1, 3), "invoice:2", "", -200),
        ]
    )
    found = closing(frame, DAYS, ["income"], "retained")
    assert [found.get((name, "2025-12")) for name in ("bank", "income", "retained")] == [
        500, -500, None,
    ]  # fmt: skip
    assert [found.get((name, "2026-01")) for name in ("bank", "income", "retained")] == [
        700, -200, -500,
    ]  # fmt: skip


def test_a_fiscal_year_may_begin_in_another_month() -> None:
    """Goal: the year's turn follows the company."""
    july = calendar(date(2026, 2, 10), date(2025, 5, 5), 12, "July")
    assert july.year_start(date(2026, 2, 10)) == date(2025, 7, 1)
    assert july.year_start(date(2026, 7, 1)) == date(2026, 7, 1)
    assert [july.begins_year(place) for place in range(4)] == [False, False, True, False]
    assert isinstance(july, Calendar)


def test_a_difference_is_told_once_for_the_month_that_brought_it() -> None:
    """Goal: later balances carry it on, and the turn of the year moves it to Retained Earnings;
    neither is news. What vanishes again is."""
    left = {
        ("income", "2025-11"): -30,
        ("income", "2025-12"): -50,
        ("retained", "2026-01"): -50,
        ("retained", "2026-02"): -50,
        ("income", "2026-01"): 7,
        ("bank", "2025-12"): 9,
    }
    assert arising(left, DAYS, ["income"], "retained") == {
        ("income", "2025-11"): -30,
        ("income", "2025-12"): -20,
        ("bank", "2025-12"): 9,
        ("bank", "2026-01"): -9,
        ("income", "2026-01"): 7,
        ("income", "2026-02"): -7,
    }
