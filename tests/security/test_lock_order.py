"""Who signs in side by side takes rows in one order, so that no two wait for each other.

Each test holds one of the rows, lets the work wait for it, and takes the row that comes after it:
that one is free unless the work has taken it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, Select, insert, select, text

from connectors.state.people import add_user
from connectors.state.sessions import LENGTH_MAX, begin_session
from connectors.state.tries import (
    FAILURES_KEPT_FOR,
    count_tries,
    forget_tries,
    subject_of,
    subject_of_place,
)
from models.people import Role
from models.tables.people import sessions, sign_in_failures, users
from tests.fixtures.pages import BY, PASSWORD

PLACE = "198.51.100.7"
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def take_after(
    engine: Engine, first: Select[int], work: Callable[[], object], second: Select[int]
) -> None:
    """Hold the first row until work waits for it, and take the second one, which nobody has."""
    with ThreadPoolExecutor(1) as threads:
        with engine.begin() as holder:
            assert len(holder.execute(first.with_for_update()).all()) == 1
            done = threads.submit(work)
            for _ in range(500):
                with engine.connect() as connection:
                    if connection.scalar(WAITING):
                        break
                time.sleep(0.01)
            else:
                pytest.fail("it waits for nothing")
            assert len(holder.execute(second.with_for_update(nowait=True)).all()) == 1
        done.result()


def row_of(subject: str) -> Select[int]:
    """The failures of a subject."""
    return select(sign_in_failures.c.failures).where(sign_in_failures.c.subject == subject)


def names_on_each_side() -> list[str]:
    """A name that is counted before the place, and one that is counted after it."""
    at_place = subject_of_place(PLACE)
    names = [f"name{number}" for number in range(100)]
    before = next(each for each in names if subject_of("name", each) < at_place)
    after = next(each for each in names if subject_of("name", each) > at_place)
    return [before, after]


def fail_at(engine: Engine, subjects: list[str]) -> None:
    """Failures of these, in the table in this order."""
    with engine.begin() as transaction:
        for subject in subjects:
            row = {"subject": subject, "failures": 3, "first_at": NOON}
            transaction.execute(insert(sign_in_failures).values(**row))


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.asvs("15.4.2")
@pytest.mark.parametrize("name", names_on_each_side())
def test_what_was_right_is_forgotten_in_the_order_of_counting(
    postgresql_engine: Engine, name: str
) -> None:
    """A double click on Sign in is two tries: one is counted while the other is forgotten."""
    engine, subject = postgresql_engine, subject_of("name", name)
    first, second = sorted([subject, subject_of_place(PLACE)])
    fail_at(engine, [first, second])

    def forget() -> None:
        with engine.begin() as transaction:
            forget_tries(transaction, [subject], PLACE)

    take_after(engine, row_of(first), forget, row_of(second))


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.asvs("15.4.2")
def test_what_is_old_is_forgotten_in_the_order_of_counting(postgresql_engine: Engine) -> None:
    """However it lies in the table."""
    engine = postgresql_engine
    first, second = sorted(subject_of("name", each) for each in ("ann", "bob"))
    fail_at(engine, [second, first])

    def count() -> None:
        count_tries(engine, {subject_of("name", "cat"): 10}, "here", NOON + FAILURES_KEPT_FOR)

    take_after(engine, row_of(first), count, row_of(second))


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.asvs("15.4.2")
def test_a_person_is_taken_before_their_sessions(postgresql_engine: Engine) -> None:
    """As where somebody is changed, or gets another password; what is old still ends."""
    engine = postgresql_engine
    user = add_user(engine, "ann", PASSWORD, Role.VIEWER, actor=BY)
    begin_session(engine, user, NOON)
    later = NOON + LENGTH_MAX + timedelta(seconds=1)
    person = select(users.c.id).where(users.c.id == user.id)
    theirs = select(sessions.c.user_id).where(sessions.c.user_id == user.id)
    take_after(engine, person, lambda: begin_session(engine, user, later), theirs)
    begin_session(engine, user, later)
    with engine.connect() as connection:
        assert len(connection.execute(theirs).all()) == 2
