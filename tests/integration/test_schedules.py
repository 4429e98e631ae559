"""Who is due, on both databases: taken up once, moved to the next slot, counted by month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from connectors.ports import Meter
from connectors.state.schedules import (
    TAKEN_MAX,
    Due,
    count_calls,
    make_due,
    scheduled,
    take_due,
    usage,
)
from models.schedule import Usage
from models.settings import ConnectionSettings
from models.tables.platform import companies
from models.tables.sync import connections
from models.words import DataType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
#: Many times what is taken up at once.
COMPANIES = 450


def connect(engine: Engine, count: int, settings: ConnectionSettings | None = None) -> list[int]:
    """So many connected companies; their numbers."""
    chosen = (settings or ConnectionSettings()).model_dump_json()
    ids = []
    with engine.begin() as transaction:
        for number in range(count):
            company = transaction.execute(
                insert(companies)
                .values(name=f"Company {number:04}", currency="USD")
                .returning(companies.c.id)
            ).scalar_one()
            ids.append(
                transaction.execute(
                    insert(connections)
                    .values(
                        company_id=company,
                        name=f"Company {number:04}",
                        environment="sandbox",
                        realm_id=str(number),
                        status="connected",
                        settings=chosen,
                    )
                    .returning(connections.c.id)
                ).scalar_one()
            )
    return ids


def numbers(due: Sequence[Due]) -> list[int]:
    """Which connections."""
    return sorted(each.connection_id for each in due)


def test_each_is_taken_up_once_whoever_asks(database: Engine) -> None:
    """Four dispatchers ask at the same moment, over and over, of companies that were just
    connected: together they get each of them exactly once, and a quarter of an hour later again."""
    ids = connect(database, COMPANIES)
    assert COMPANIES > 4 * TAKEN_MAX
    for round_number in range(2):
        now = NOON + round_number * QUARTER
        found: list[int] = []
        start = Barrier(4)

        def dispatcher(now: datetime = now, start: Barrier = start) -> None:
            start.wait(timeout=30)
            for _ in range(20):
                due = take_due(database, now)
                found.extend(each.connection_id for each in due)  # noqa: B023 - ends in its round

        threads = [Thread(target=dispatcher) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(timeout=60)
        assert sorted(found) == ids
        assert take_due(database, now) == []


def test_the_longest_waiting_comes_first_and_with_all_that_is_due(database: Engine) -> None:
    """Order is by due time, and a company's data types come together."""
    first, second = connect(database, 2)
    take_due(database, NOON)
    with database.begin() as transaction:
        make_due(transaction, second, NOON - timedelta(hours=2), [DataType.INVOICES])
        make_due(transaction, second, NOON - timedelta(hours=1), [DataType.EXPENSES])
        make_due(transaction, first, NOON - timedelta(minutes=90))
    due = take_due(database, NOON)
    assert [each.connection_id for each in due] == [second, first]
    assert due[0].data_types == {DataType.INVOICES, DataType.EXPENSES}
    assert due[1].data_types == set(DataType)


def test_only_some_data_types_may_be_asked_for(database: Engine) -> None:
    """The others stay due."""
    ids = connect(database, 2)
    assert numbers(take_due(database, NOON, only=[DataType.EXPENSES])) == ids
    left = take_due(database, NOON)
    assert [each.data_types for each in left] == [{DataType.FINANCIALS, DataType.INVOICES}] * 2


def test_what_is_switched_off_is_not_due(database: Engine) -> None:
    """Nor does it come up again at each look."""
    connect(database, 1, ConnectionSettings(data_types=frozenset({DataType.INVOICES})))
    (due,) = take_due(database, NOON)
    assert due.data_types == {DataType.INVOICES}
    assert take_due(database, NOON) == []


@pytest.mark.parametrize(("stretch", "minutes"), [(1, 15), (3, 45), (1_000, 1_440)])
def test_the_next_slot_follows_the_frequency_and_the_budget(
    database: Engine, stretch: int, minutes: int
) -> None:
    """At most one interval later, and one as it was chosen where the budget makes it longer."""
    connect(database, 5)
    take_due(database, NOON, stretch=Fraction(stretch))
    for each in scheduled(database):
        assert len(set(each.due_at.values())) == 1
        late = timedelta(minutes=minutes) + (QUARTER if stretch > 1 else timedelta(0))
        assert NOON < each.due_at[DataType.INVOICES] <= NOON + late


def test_calls_are_counted_by_month(database: Engine) -> None:
    """Added up over companies, also from threads at once; another month begins anew."""
    first, second = connect(database, 2)
    meter = Meter(free=2, metered=3)
    threads = [
        Thread(target=count_calls, args=(database, number, NOON, meter))
        for number in (first, second)
        for _ in range(10)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    assert usage(database, NOON) == Usage(cycles=20, requests=100, metered=60)
    assert usage(database, NOON, second) == Usage(cycles=10, requests=50, metered=30)
    assert usage(database, NOON + timedelta(days=20)) == Usage(0, 0, 0)
