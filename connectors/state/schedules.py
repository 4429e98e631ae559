"""When each data type of a connection is due, and how many calls a month has cost.

A run takes due connections up by moving their rows to the next slot, in one transaction: two
dispatchers never take the same one, and what a dispatcher that dies had taken is due again a slot
later. A company that is being worked on is left due until that ends. Correctness does not rest on
this (the lease keeps two runs of one company apart); it decides when somebody looks.

Whoever changes schedules locks their connection first: no two transactions wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Row, bindparam, func, or_, select, update
from sqlalchemy import Connection as SqlConnection

from connectors.database import reading, upsert
from connectors.ports import Meter
from models.errors import UsageError
from models.schedule import Usage, next_due
from models.settings import ConnectionSettings, settings_from_json
from models.tables import schedule as schedule_tables
from models.tables import sync as tables
from models.words import DataType

#: Connections taken up at once; the next call takes the next ones. Few, because what is taken is
#: out of reach for other dispatchers, and waits for its next slot where the one that took it dies.
TAKEN_MAX: Final = 32


@dataclass
class Due:
    """A connection whose data types are due."""

    connection_id: int
    name: str
    #: Since when.
    due_at: datetime
    #: Why it cannot be synced, where its settings cannot be read; "" where they can.
    error: str = ""
    data_types: set[DataType] = field(default_factory=set)


def take_due(
    engine: Engine,
    now: datetime,
    *,
    stretch: Fraction = Fraction(1),
    only: Collection[DataType] = tuple(DataType),
    again_after: timedelta = timedelta(0),
) -> list[Due]:
    """Take up connections that are due, longest first; they are due again at their next slot.

    Args:
        engine: the database.
        now: the instant up to which they are due, by the clock that leases are timed by.
        stretch: by how much intervals are longer than people chose.
        only: data types to look at.
        again_after: how long one that was taken up is left alone.
    """
    due = _due(now, only, again_after)
    with engine.begin() as transaction:
        _fill(transaction, now)
        taken, moved = [], []
        locked = _locked(transaction, now, due)
        # asked for under the lock: another dispatcher may have moved them just before
        types = _due_types(transaction, [row.id for row in locked], due)
        for row in locked:
            settings, error = _readable(row.settings)
            found = types.get(row.id, set())
            for name in found:
                due_at = next_due(row.id, settings, name, stretch, now)
                moved.append({"of": row.id, "named": name.value, "due_at": due_at})
            if wanted := found & settings.data_types:
                taken.append(Due(row.id, row.name, row.due_at, error, wanted))
        if moved:
            _move(transaction, moved, now)
    return taken


def _readable(text: str) -> tuple[ConnectionSettings, str]:
    """Settings, or the usual ones and what is wrong: one company's stop no other company."""
    try:
        return settings_from_json(text), ""
    except UsageError as error:
        return ConnectionSettings(), str(error)


def is_due_again(
    engine: Engine, now: datetime, again_after: timedelta, only: Collection[DataType]
) -> bool:
    """Whether one is due, and not held, that was taken up less than again_after ago."""
    schedules, connections = schedule_tables.schedules, tables.connections
    query = (
        select(connections.c.id)
        .join(schedules, schedules.c.connection_id == connections.c.id)
        .where(connections.c.status == "connected", ~_held(now), *_due(now, only))
        .where(schedules.c.taken_at > now - again_after)
        .limit(1)
    )
    with reading(engine).connect() as connection:
        return connection.execute(query).first() is not None


def _held(now: datetime) -> ColumnElement[bool]:
    """Whether a run works on a connection."""
    leases = tables.leases
    held = select(leases.c.epoch).where(
        leases.c.connection_id == tables.connections.c.id,
        leases.c.holder.is_not(None),
        leases.c.expires_at > now,
    )
    return held.exists()


def _locked(
    transaction: SqlConnection, now: datetime, due: Sequence[ColumnElement[bool]]
) -> Sequence[Row[Any]]:
    """Due connections, longest first; on PostgreSQL those that no other dispatcher is taking up.

    SQLite's transaction has the whole file. One that a run holds would only be found busy, and
    moved to its next slot: what became due meanwhile would wait as long.
    """
    schedules, connections = schedule_tables.schedules, tables.connections
    due_at = (
        select(func.min(schedules.c.due_at))
        .where(schedules.c.connection_id == connections.c.id, *due)
        .scalar_subquery()
    )
    query = (
        select(connections.c.id, connections.c.name, connections.c.settings)
        .add_columns(due_at.label("due_at"))
        .where(connections.c.status == "connected", due_at.is_not(None), ~_held(now))
        .order_by(due_at, connections.c.id)
        .limit(TAKEN_MAX)
    )
    # not so strong that it stood in the way of rows that refer to the connection
    locking = query.with_for_update(of=connections, key_share=True, skip_locked=True)
    return transaction.execute(locking).all()


def _due_types(
    transaction: SqlConnection,
    connection_ids: Collection[int],
    due: Sequence[ColumnElement[bool]],
) -> dict[int, set[DataType]]:
    schedules = schedule_tables.schedules
    query = select(schedules.c.connection_id, schedules.c.data_type).where(
        schedules.c.connection_id.in_(connection_ids), *due
    )
    found: dict[int, set[DataType]] = {}
    for connection_id, name in transaction.execute(query):
        found.setdefault(connection_id, set()).add(DataType(name))
    return found


def _due(
    now: datetime, only: Collection[DataType], again_after: timedelta = timedelta(0)
) -> list[ColumnElement[bool]]:
    schedules = schedule_tables.schedules
    names = [each.value for each in only]
    conditions = [schedules.c.due_at <= now, schedules.c.data_type.in_(names)]
    if again_after:
        taken_at = schedules.c.taken_at
        conditions.append(or_(taken_at.is_(None), taken_at <= now - again_after))
    return conditions


def _fill(transaction: SqlConnection, now: datetime) -> None:
    """A connection without a schedule has just been connected: it is due."""
    schedules, connections = schedule_tables.schedules, tables.connections
    there = select(schedules.c.connection_id).where(schedules.c.connection_id == connections.c.id)
    new = transaction.scalars(
        select(connections.c.id).where(connections.c.status == "connected", ~there.exists())
    ).all()
    if new:
        rows = [
            {"connection_id": each, "data_type": name.value, "due_at": now}
            for each in new
            for name in DataType
        ]
        # another dispatcher may have been faster
        transaction.execute(upsert(transaction, schedules).on_conflict_do_nothing(), rows)


def _move(transaction: SqlConnection, moved: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """To their next slots; those that are off too, which a change of the settings makes due."""
    schedules = schedule_tables.schedules
    transaction.execute(
        update(schedules)
        .where(
            schedules.c.connection_id == bindparam("of"),
            schedules.c.data_type == bindparam("named"),
        )
        .values(due_at=bindparam("due_at"), taken_at=now),
        moved,
    )


def make_due(
    transaction: SqlConnection,
    connection_id: int,
    at: datetime,
    data_types: Collection[DataType] = tuple(DataType),
) -> None:
    """Let a connection be due at an instant, unless it is earlier anyway.

    A dispatcher that is just taking the connection up is waited for: it may have looked at the
    sides before what makes it due now, so it is due once more.
    """
    schedules, connections = schedule_tables.schedules, tables.connections
    mine = select(connections.c.id).where(connections.c.id == connection_id)
    transaction.execute(mine.with_for_update(key_share=True))
    transaction.execute(
        update(schedules)
        .where(
            schedules.c.connection_id == connection_id,
            schedules.c.data_type.in_([each.value for each in data_types]),
            schedules.c.due_at > at,
        )
        .values(due_at=at)
    )


@dataclass(frozen=True)
class Scheduled:
    """A connection that is synced by schedule."""

    connection_id: int
    name: str
    settings: ConnectionSettings
    #: Data type -> when it is due; empty before the first dispatcher has seen the connection.
    due_at: Mapping[DataType, datetime]


def scheduled(engine: Engine) -> list[Scheduled]:
    """All connected connections with their schedules, by name."""
    connections, schedules = tables.connections, schedule_tables.schedules
    with reading(engine).connect() as connection:
        rows = connection.execute(
            select(connections.c.id, connections.c.name, connections.c.settings)
            .where(connections.c.status == "connected")
            .order_by(connections.c.name)
        ).all()
        due: dict[int, dict[DataType, datetime]] = {}
        for row in connection.execute(select(schedules)):
            due.setdefault(row.connection_id, {})[DataType(row.data_type)] = row.due_at
    return [
        Scheduled(row.id, row.name, _readable(row.settings)[0], due.get(row.id, {})) for row in rows
    ]


# -- what it costs --


def count_calls(engine: Engine, connection_id: int, now: datetime, meter: Meter) -> None:
    """Add a cycle's calls to its month."""
    counts = schedule_tables.call_counts
    key = {"connection_id": connection_id, "month": _month(now)}
    row = {**key, "cycles": 1, "requests": meter.total, "metered": meter.metered}
    added = {name: counts.c[name] + row[name] for name in row if name not in key}
    with engine.begin() as transaction:
        adding = upsert(transaction, counts).values(row)
        transaction.execute(adding.on_conflict_do_update(index_elements=[*key], set_=added))


def usage(engine: Engine, now: datetime, connection_id: int | None = None) -> Usage:
    """What this month has cost, for one connection or all."""
    counts = schedule_tables.call_counts
    query = select(
        *(func.coalesce(func.sum(counts.c[name]), 0) for name in ("cycles", "requests", "metered"))
    ).where(counts.c.month == _month(now))
    if connection_id is not None:
        query = query.where(counts.c.connection_id == connection_id)
    with reading(engine).connect() as connection:
        cycles, requests, metered = connection.execute(query).one()
    return Usage(int(cycles), int(requests), int(metered))


def _month(now: datetime) -> str:
    return f"{now:%Y-%m}"
