"""Who is due, on both databases: taken up once, moved to the next slot, counted by month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from threading import Barrier, Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, update

from connectors.ports import Meter
from connectors.state.schedules import (
    TAKEN_MAX,
    Due,
    count_calls,
    is_due_again,
    make_due,
    scheduled,
    take_due,
    usage,
)
from models.schedule import Usage
from models.settings import ConnectionSettings
from models.tables.platform import companies
from models.tables.sync import connections, leases
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


def test_what_a_run_holds_is_left_due(database: Engine) -> None:
    """Until that run ends, or died so long ago that its lease is over."""
    held, free = connect(database, 2)
    take_due(database, NOON)
    with database.begin() as transaction:
        lease = {"connection_id": held, "holder": "one", "epoch": 1}
        transaction.execute(insert(leases).values(**lease, expires_at=NOON + QUARTER))
        for each in (held, free):
            make_due(transaction, each, NOON)
    assert numbers(take_due(database, NOON)) == [free]
    assert numbers(take_due(database, NOON + QUARTER, only=[DataType.INVOICES])) == [held, free]
    with database.begin() as transaction:
        make_due(transaction, held, NOON)
        transaction.execute(update(leases).values(holder=None, expires_at=None))
    assert numbers(take_due(database, NOON)) == [held]


def test_what_was_taken_up_just_now_is_left_alone_for_a_while(database: Engine) -> None:
    """With all that became due meanwhile; whoever asks whether that is soon is told."""
    (number,) = connect(database, 1)
    while_ = timedelta(seconds=15)
    take_due(database, NOON, again_after=while_)
    for _ in range(2):
        with database.begin() as transaction:
            make_due(transaction, number, NOON, [DataType.INVOICES])
        soon = NOON + while_ - timedelta(seconds=1)
        assert take_due(database, soon, again_after=while_) == []
        assert is_due_again(database, soon, while_, list(DataType))
        assert not is_due_again(database, soon, while_, [DataType.EXPENSES])
    with database.begin() as transaction:
        make_due(transaction, number, NOON, [DataType.EXPENSES])
    (due,) = take_due(database, NOON + while_, again_after=while_)
    assert due.data_types == {DataType.INVOICES, DataType.EXPENSES}
    assert not is_due_again(database, NOON + while_, while_, list(DataType))


def test_what_becomes_due_is_never_lost(database: Engine) -> None:
    """Somebody makes companies due, over and over, while two dispatchers take them up: after the
    last time each is taken up once more."""
    ids = connect(database, 5)
    take_due(database, NOON)
    taken: list[int] = []
    ended = Event()

    def dispatcher() -> None:
        while not ended.is_set():
            taken.extend(numbers(take_due(database, NOON)))

    threads = [Thread(target=dispatcher) for _ in range(2)]
    for each in threads:
        each.start()
    for _ in range(20):
        before = len(taken)
        with database.begin() as transaction:
            for number in ids:
                make_due(transaction, number, NOON, [DataType.INVOICES, DataType.EXPENSES])
        deadline = monotonic() + 10
        while set(taken[before:]) != set(ids):
            assert monotonic() < deadline, taken[before:]
    ended.set()
    for each in threads:
        each.join(timeout=60)


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
