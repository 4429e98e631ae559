"""What waits for people, a page at a time: alerts, conflicts, the retry queue, stopped plans.

Each list goes on after a key, never after a count of rows, so that the last page is as quick as the
first one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    and_,
    case,
    func,
    or_,
    select,
)

from connectors.database import reading
from connectors.state.approval_rows import approval_of
from connectors.state.queries import conflict_rows, set_aside_rows, some, with_overrides
from models.approval import UNDO, Approval, ApprovalState
from models.retry_queue import LEFT_BY_PERSON, RetryState, state_of
from models.revision import ConflictState
from models.tables import sync as tables

#: Rows of a page.
PAGE: Final = 25
#: Causes of open alerts that are told apart, and reasons of records that are set aside.
GROUPS_MAX: Final = 100

#: Where a list sorted by an instant goes on: the instant and number of the last row before.
Place = tuple[datetime, int]


@dataclass(frozen=True)
class Listed:
    """A page of a list."""

    rows: list[dict[str, Any]]
    #: Whether there is another page.
    more: bool = False


def _listed(engine: Engine, query: Select[Any], size: int = PAGE) -> Listed:
    return Listed(*some(engine, query, size))


def _before(column: ColumnElement[Any], number: int | None) -> list[ColumnElement[bool]]:
    return [] if number is None else [column < number]


# -- alerts --

_ALERT = (
    tables.alerts.c.id,
    tables.alerts.c.cause,
    tables.alerts.c.link_id.label("link"),
    tables.links.c.record_type,
    tables.links.c.label.label("record"),
    tables.alerts.c.title,
    tables.alerts.c.message,
    tables.alerts.c.fix,
    tables.alerts.c.opened_at,
    tables.alerts.c.closed_at,
    tables.alerts.c.occurrences,
    tables.alerts.c.acknowledged_by,
    tables.alerts.c.acknowledged_at,
)


@dataclass(frozen=True)
class CauseCount:
    """Open alerts of one cause."""

    cause: str
    count: int
    #: When the oldest of them was opened.
    since: datetime
    #: How many of them somebody has acknowledged.
    acknowledged: int


def open_causes(engine: Engine, connection_id: int) -> list[CauseCount]:
    """The causes of open alerts, the one that is open longest first."""
    table = tables.alerts
    since = func.min(table.c.opened_at, type_=table.c.opened_at.type)
    query = (
        select(table.c.cause, func.count(), since, func.count(table.c.acknowledged_at))
        .where(table.c.connection_id == connection_id, table.c.closed_at.is_(None))
        .group_by(table.c.cause)
        .order_by(since, table.c.cause)
        .limit(GROUPS_MAX)
    )
    with reading(engine).connect() as connection:
        return [CauseCount(*row) for row in connection.execute(query)]


def newest_of_each_cause(
    engine: Engine, connection_id: int, count: int
) -> dict[str, list[dict[str, Any]]]:
    """Cause -> its newest open alerts, at most so many of each."""
    table = tables.alerts
    newest_first = func.row_number().over(partition_by=table.c.cause, order_by=table.c.id.desc())
    numbered = (
        select(table.c.id, newest_first.label("place"))
        .where(table.c.connection_id == connection_id, table.c.closed_at.is_(None))
        .subquery()
    )
    chosen = select(numbered.c.id).where(numbered.c.place <= count)
    query = _alerts().where(table.c.id.in_(chosen)).order_by(table.c.id.desc())
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _listed(engine, query, count * GROUPS_MAX).rows:
        found.setdefault(row["cause"], []).append(row)
    return found


def open_alerts(
    engine: Engine, connection_id: int, cause: str, before: int | None = None
) -> Listed:
    """Open alerts of one cause, newest first; before is the last number of the page before."""
    table = tables.alerts
    query = _alerts().where(
        table.c.connection_id == connection_id,
        table.c.closed_at.is_(None),
        table.c.cause == cause,
        *_before(table.c.id, before),
    )
    return _listed(engine, query.order_by(table.c.id.desc()))


def closed_alerts(
    engine: Engine, connection_id: int, before: Place | None = None, size: int = PAGE
) -> Listed:
    """Alerts that are closed, the last one first."""
    table = tables.alerts
    query = _alerts().where(table.c.connection_id == connection_id, table.c.closed_at.is_not(None))
    if before is not None:
        at, number = before
        earlier = and_(table.c.closed_at == at, table.c.id < number)
        query = query.where(table.c.closed_at <= at, or_(table.c.closed_at < at, earlier))
    return _listed(engine, query.order_by(table.c.closed_at.desc(), table.c.id.desc()), size)


def _alerts() -> Select[Any]:
    links = tables.links
    return select(*_ALERT).join_from(
        tables.alerts, links, links.c.id == tables.alerts.c.link_id, isouter=True
    )


# -- conflicts --

#: States of conflicts that nobody waits for any more.
PAST: Final = (ConflictState.DECIDED, ConflictState.OVERRIDDEN)


@dataclass(frozen=True)
class Wanted:
    """Which conflicts are looked for; empty: any."""

    states: Collection[ConflictState] = ()
    record_type: str = ""
    field: str = ""
    link: int | None = None
    numbers: Collection[int] = ()


def conflicts_page(
    engine: Engine, connection_id: int, wanted: Wanted, before: int | None = None
) -> Listed:
    """Conflicts with all three versions and who has overridden them, newest first."""
    # a query for each state: the index has their rows in order
    found: list[dict[str, Any]] = []
    more = False
    for state in wanted.states or ConflictState:
        page = _listed(engine, _conflicts(connection_id, wanted, state, before))
        found += page.rows
        more = more or page.more
    found.sort(key=lambda row: -row["id"])
    more = more or len(found) > PAGE
    return Listed(with_overrides(engine, connection_id, found[:PAGE]), more)


def _conflicts(
    connection_id: int, wanted: Wanted, state: ConflictState, before: int | None
) -> Select[Any]:
    table = tables.conflicts
    conditions = [
        *([table.c.record_type == wanted.record_type] if wanted.record_type else []),
        *([table.c.field == wanted.field] if wanted.field else []),
        *([table.c.link_id == wanted.link] if wanted.link is not None else []),
        *([table.c.id.in_(list(wanted.numbers))] if wanted.numbers else []),
        *_before(table.c.id, before),
    ]
    return (
        conflict_rows(connection_id)
        .add_columns(
            table.c.policy_version, table.c.quickbooks_edited_at, table.c.platform_edited_at
        )
        .where(table.c.state == state.value, *conditions)
        .order_by(table.c.id.desc())
    )


def of_one_decision(engine: Engine, connection_id: int, number: int) -> list[dict[str, Any]]:
    """A conflict and those of its record that came up with it, that one first; none if unknown."""
    named = conflicts_page(engine, connection_id, Wanted(numbers=[number])).rows
    if not named:
        return []
    (first,) = named
    others = conflicts_page(engine, connection_id, Wanted(link=first["link"])).rows
    together = [row for row in others if decision_of_row(row) == decision_of_row(first)]
    return [first, *(row for row in reversed(together) if row["id"] != number)]


def decision_of_row(row: dict[str, Any]) -> tuple[Any, ...]:
    """What conflicts of one decision have in common (`StoredConflict.is_of_one_decision`)."""
    return row["link"], row["run_id"], row["decided_at"]


# -- the retry queue --


@dataclass
class QueueCounts:
    """How many records are set aside, by state and by reason."""

    states: dict[RetryState, int] = field(default_factory=lambda: dict.fromkeys(RetryState, 0))
    codes: dict[str, int] = field(default_factory=dict)


def queue_counts(engine: Engine, connection_id: int, now: datetime) -> QueueCounts:
    """How many records are set aside; what was applied since is not among them."""
    table = tables.parked
    has_time = table.c.next_attempt_at.is_not(None)
    due = case((table.c.next_attempt_at <= now, 1), else_=0)
    query = (
        select(table.c.code, func.count(), func.sum(case((has_time, 1), else_=0)), func.sum(due))
        .where(table.c.connection_id == connection_id)
        .group_by(table.c.code)
        .order_by(func.count().desc(), table.c.code)
    )
    found = QueueCounts()
    with reading(engine).connect() as connection:
        for code, count, timed, retrying in connection.execute(query):
            if len(found.codes) < GROUPS_MAX:
                found.codes[code] = count
            found.states[RetryState.RETRYING] += retrying
            found.states[RetryState.WAITING] += timed - retrying
            found.states[state_of(code, None, now)] += count - timed
    return found


def queue_page(
    engine: Engine,
    connection_id: int,
    now: datetime,
    *,
    state: RetryState | None = None,
    code: str = "",
    link: int | None = None,
    after: Place | None = None,
) -> Listed:
    """Records that are set aside, longest first, each with its state."""
    table = tables.parked
    query = set_aside_rows(connection_id).order_by(table.c.since, table.c.link_id)
    if state is not None:
        query = query.where(*_in_state(state, now))
    if code:
        query = query.where(table.c.code == code)
    if link is not None:
        query = query.where(table.c.link_id == link)
    if after is not None:
        at, number = after
        later = and_(table.c.since == at, table.c.link_id > number)
        query = query.where(or_(table.c.since > at, later))
    page = _listed(engine, query)
    for row in page.rows:
        row["state"] = state_of(row["code"], row["next_attempt_at"], now)
    return page


def _in_state(state: RetryState, now: datetime) -> Iterator[ColumnElement[bool]]:
    """The condition of `state_of`, for the database."""
    table = tables.parked
    if state is RetryState.WAITING:
        yield table.c.next_attempt_at > now
    elif state is RetryState.RETRYING:
        yield table.c.next_attempt_at <= now
    else:
        yield table.c.next_attempt_at.is_(None)
        decided = {code for code in LEFT_BY_PERSON if state_of(code, None, now) is state}
        is_left = state is RetryState.GIVEN_UP
        among: Callable[[Collection[str]], ColumnElement[bool]]
        among = table.c.code.not_in if is_left else table.c.code.in_
        yield among(LEFT_BY_PERSON if is_left else decided)


def parked_in(
    engine: Engine, connection_id: int, codes: Collection[str]
) -> dict[tuple[str, str], int]:
    """Record type and reason -> records set aside for one of these reasons."""
    table = tables.parked
    query = (
        select(table.c.record_type, table.c.code, func.count())
        .where(table.c.connection_id == connection_id, table.c.code.in_(list(codes)))
        .where(table.c.next_attempt_at.is_(None))
        .group_by(table.c.record_type, table.c.code)
    )
    with reading(engine).connect() as connection:
        return {(name, code): count for name, code, count in connection.execute(query)}


# -- plans --


def stopped_plans(engine: Engine, connection_id: int) -> Sequence[Approval]:
    """Plans that a person can approve, oldest first, as many as fit on a page."""
    table = tables.approvals
    query = (
        select(table)
        .where(
            table.c.connection_id == connection_id,
            table.c.state == ApprovalState.WAITING.value,
            table.c.brake != UNDO,
        )
        .order_by(table.c.id)
        .limit(PAGE)
    )
    with reading(engine).connect() as connection:
        return [approval_of(row) for row in connection.execute(query)]


def past_plans(engine: Engine, connection_id: int, before: int | None = None) -> Listed:
    """Plans that wait no more, and undoings, without what they write; newest first."""
    table = tables.approvals
    waiting = ApprovalState.WAITING.value
    return _listed(
        engine,
        select(
            table.c.id,
            table.c.brake,
            table.c.message,
            table.c.writes,
            table.c.state,
            table.c.created_at,
            table.c.decided_at,
            table.c.decided_by,
            table.c.run_id,
        )
        .where(
            table.c.connection_id == connection_id,
            or_(table.c.state != waiting, table.c.brake == UNDO),
            *_before(table.c.id, before),
        )
        .order_by(table.c.id.desc()),
    )
