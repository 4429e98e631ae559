"""Whole lists read together hold what queries of their own would read, whatever happens meanwhile.

Method: lists of ids behind `read_lists`, which answer statements by position as QuickBooks does,
and meddle with what is asked or answered; a list that is read by a query of its own is noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.quickbooks.faults import local_error
from connectors.quickbooks.whole_lists import Part, read_lists
from models.errors import DisconnectedError, Fault, RejectedError

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


class Lists:
    """QuickBooks, as far as it has lists."""

    def __init__(self, **sizes: int) -> None:
        self.ids = {entity: list(range(1, size + 1)) for entity, size in sizes.items()}
        self.calls: list[list[str]] = []
        self.by_themselves: list[str] = []
        #: What happens before a call is answered.
        self.meddle: Callable[[int], None] = lambda _: None

    def ask(self, statements: Sequence[str]) -> tuple[list[Part], datetime]:
        """Several statements in one call."""
        self.calls.append(list(statements))
        self.meddle(len(self.calls) - 1)
        at = NOON + timedelta(minutes=len(self.calls))
        return [{"QueryResponse": self._answer(each)} for each in statements], at

    def query(self, entity: str) -> tuple[list[Any], datetime]:
        """One list by itself."""
        self.by_themselves.append(entity)
        return self._rows(self.ids[entity]), NOON + timedelta(hours=1)

    def read(self) -> dict[str, list[int]]:
        """All lists."""
        found = read_lists(list(self.ids), self.ask, self.query)
        return {entity: [int(row["Id"]) for row in rows] for entity, rows, _ in found}

    def _answer(self, statement: str) -> dict[str, Any]:
        if counted := re.fullmatch(r"SELECT COUNT\(\*\) FROM (\w+)", statement):
            return {"totalCount": len(self.ids[counted[1]])}
        paged = re.fullmatch(
            r"SELECT \* FROM (\w+) ORDERBY Id STARTPOSITION (\d+) MAXRESULTS 1000", statement
        )
        assert paged, statement
        start = int(paged[2]) - 1
        rows = self._rows(self.ids[paged[1]][start : start + 1_000])
        return {paged[1]: rows} if rows else {}

    @staticmethod
    def _rows(ids: Sequence[int]) -> list[Any]:
        return [{"Id": str(each)} for each in ids]


@pytest.mark.parametrize("size", [0, 1, 998, 999, 1_000, 1_001, 1_998, 1_999, 2_500, 12_000])
def test_a_list_is_read_whole_whatever_its_length(size: int) -> None:
    lists = Lists(Invoice=size, Bill=3)
    assert lists.read() == lists.ids
    assert not lists.by_themselves
    # a thousand records a page, each page after the first beginning with the last record before
    rows_asked = sum(len(some) for some in lists.calls[1:])
    assert rows_asked == (max(size - 1, 0) // 999 + (size > 0)) + 1


def test_what_is_empty_costs_no_call_of_its_own_and_small_lists_share_one() -> None:
    lists = Lists(Invoice=40, Bill=0, Payment=7, Deposit=0, Transfer=1, Purchase=0)
    assert lists.read() == lists.ids
    assert [len(each) for each in lists.calls] == [6, 3]


def test_no_call_is_asked_for_more_than_four_thousand_records() -> None:
    lists = Lists(Invoice=10_000, Bill=10)
    lists.read()
    assert [len(each) for each in lists.calls] == [2, 4, 4, 4]


def test_name_lists_and_the_company_are_read_by_themselves() -> None:
    """A query in a batch was once seen to leave out inactive entries."""
    lists = Lists(CompanyInfo=1, Account=5, Customer=3, Invoice=2, Bill=1)
    assert lists.read() == lists.ids
    assert lists.by_themselves == ["CompanyInfo", "Account", "Customer"]


def test_one_list_alone_is_asked_for_by_a_query() -> None:
    lists = Lists(Invoice=2)
    assert lists.read() == lists.ids
    assert (lists.calls, lists.by_themselves) == ([], ["Invoice"])


def test_the_time_is_that_of_the_counting_so_that_no_change_falls_between() -> None:
    lists = Lists(Invoice=5_000, Bill=0)
    times = {
        entity: at for entity, _, at in read_lists(["Invoice", "Bill"], lists.ask, lists.query)
    }
    assert times == dict.fromkeys(("Invoice", "Bill"), NOON + timedelta(minutes=1))


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda ids: ids.pop(), id="the last record goes"),
        pytest.param(lambda ids: ids.pop(0), id="the first record goes"),
        pytest.param(lambda ids: ids.pop(1_500), id="one between goes"),
        pytest.param(lambda ids: ids.append(90_000), id="one comes"),
        pytest.param(lambda ids: ids.clear(), id="all go"),
    ],
)
def test_a_list_that_changes_meanwhile_is_read_by_itself(
    call: int, change: Callable[[list[int]], object]
) -> None:
    lists = Lists(Invoice=6_000, Bill=2)
    lists.meddle = lambda number: number == call and change(lists.ids["Invoice"])
    found = lists.read()
    # a list that changed behind its last page was whole when it was read
    assert set(found["Invoice"]) >= set(lists.ids["Invoice"]) - {90_000}
    assert lists.by_themselves in ([], ["Invoice"])
    if call == 1:
        assert found == lists.ids


def test_a_list_that_counts_more_than_it_shows_is_read_by_itself() -> None:
    lists = Lists(Invoice=35, Bill=2)
    ask = lists.ask

    def hiding(statements: Sequence[str]) -> tuple[list[Part], datetime]:
        parts, at = ask(statements)
        for part in parts:
            del part["QueryResponse"].get("Invoice", [])[30:]  # type: ignore[index]
        return parts, at

    lists.ask = hiding  # type: ignore[method-assign]
    assert lists.read() == lists.ids
    assert lists.by_themselves == ["Invoice"]


@pytest.mark.parametrize("call", [0, 1, 2])
@pytest.mark.parametrize(
    "error",
    [
        local_error("timeout", "", write=False),
        RejectedError(Fault("4000", "the query is wrong", status=400)),
    ],
)
def test_a_call_that_fails_is_made_up_for_by_queries(call: int, error: Exception) -> None:
    lists = Lists(Invoice=6_000, Bill=2, Payment=0)

    def fail(number: int) -> None:
        if number == call:
            raise error

    lists.meddle = fail
    assert lists.read() == lists.ids
    # what was in it: all that was to be counted, four pages of one list, the last pages of both
    in_it = [["Invoice", "Bill", "Payment"], ["Invoice"], ["Invoice", "Bill"]]
    assert lists.by_themselves == in_it[call]


def test_without_access_nothing_more_is_asked() -> None:
    lists = Lists(Invoice=6_000, Bill=2)

    def fail(_: int) -> None:
        raise DisconnectedError(Fault("3100", "no permission", status=403))

    lists.meddle = fail
    with pytest.raises(DisconnectedError):
        lists.read()
    assert not lists.by_themselves
