"""When each data type of a connection is due, and how many calls a month has cost.

A run takes due connections up by moving their rows to the next slot, in one transaction: two
dispatchers never take the same one, and what a dispatcher that dies had taken is due again a slot
later. Correctness does not rest on this (the lease keeps two runs of one company apart); it decides
when somebody looks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Final

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connectors.database import reading
from connectors.ports import Meter
from models.schedule import Usage, interval_of, next_slot
from models.settings import ConnectionSettings, settings_from_json
from models.tables import sync as tables
from models.words import DataType

#: Connections taken up at once; the next call takes the next ones.
TAKEN_MAX: Final = 200


@dataclass
class Due:
    """A connection whose data types are due."""

    connection_id: int
    name: str
    #: Since when.
    due_at: datetime
    data_types: set[DataType] = field(default_factory=set)


def take_due(
    engine: Engine,
    now: datetime,
    *,
    stretch: Fraction = Fraction(1),
    only: Collection[DataType] = tuple(DataType),
) -> list[Due]:
    """Take up connections that are due, longest first; they are due again at their next slot.

    Args:
        engine: the database.
        now: the instant up to which they are due.
        stretch: by how much intervals are longer than people chose.
        only: data types to look at.
    """
    schedules, connections = tables.schedules, tables.connections
    with engine.begin() as transaction:
        _fill(transaction, now)
        rows = transaction.execute(
            select(schedules, connections.c.name, connections.c.settings)
            .join(connections, connections.c.id == schedules.c.connection_id)
            .where(
                connections.c.status == "connected",
                schedules.c.due_at <= now,
                schedules.c.data_type.in_([each.value for each in only]),
            )
            .order_by(schedules.c.due_at, schedules.c.connection_id)
            .limit(TAKEN_MAX * len(DataType))
            # on PostgreSQL; SQLite's transaction has the whole file
            .with_for_update(of=schedules, skip_locked=True)
        ).all()
        taken: dict[int, Due] = {}
        settings: dict[int, ConnectionSettings] = {}
        for row in rows:
            number, data_type = row.connection_id, DataType(row.data_type)
            if number not in settings:
                if len(taken) == TAKEN_MAX:
                    break
                settings[number] = settings_from_json(row.settings)
            if data_type in settings[number].data_types:
                due = taken.setdefault(number, Due(number, row.name, row.due_at))
                due.data_types.add(data_type)
            _move(transaction, number, data_type, settings[number], stretch, now)
    return list(taken.values())


def _fill(transaction: SqlConnection, now: datetime) -> None:
    """A connection without a schedule has just been connected: it is due."""
    schedules, connections = tables.schedules, tables.connections
    there = select(schedules.c.connection_id).where(schedules.c.connection_id == connections.c.id)
    new = transaction.scalars(
        select(connections.c.id).where(connections.c.status == "connected", ~there.exists())
    ).all()
    if new:
        transaction.execute(
            insert(schedules),
            [
                {"connection_id": each, "data_type": name.value, "due_at": now}
                for each in new
                for name in DataType
            ],
        )


def _move(
    transaction: SqlConnection,
    connection_id: int,
    data_type: DataType,
    settings: ConnectionSettings,
    stretch: Fraction,
    now: datetime,
) -> None:
    """To the next slot; one that is switched off too, which a change of the settings makes due."""
    schedules = tables.schedules
    due_at = next_slot(connection_id, interval_of(settings, data_type, stretch), now)
    transaction.execute(
        update(schedules)
        .where(schedules.c.connection_id == connection_id, schedules.c.data_type == data_type.value)
        .values(due_at=due_at, taken_at=now)
    )


def make_due(
    transaction: SqlConnection,
    connection_id: int,
    at: datetime,
    data_types: Collection[DataType] = tuple(DataType),
) -> None:
    """Let a connection be due at an instant, unless it is earlier anyway."""
    schedules = tables.schedules
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
    connections, schedules = tables.connections, tables.schedules
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
        Scheduled(row.id, row.name, settings_from_json(row.settings), due.get(row.id, {}))
        for row in rows
    ]


# -- what it costs --


def count_calls(engine: Engine, connection_id: int, now: datetime, meter: Meter) -> None:
    """Add a cycle's calls to its month."""
    counts = tables.call_counts
    key = {"connection_id": connection_id, "month": _month(now)}
    row = {**key, "cycles": 1, "requests": meter.total, "metered": meter.metered}
    added = {name: counts.c[name] + row[name] for name in row if name not in key}
    # both databases know it, each under its own name
    upsert = (postgresql if engine.dialect.name == "postgresql" else sqlite).insert(counts)
    with engine.begin() as transaction:
        transaction.execute(
            upsert.values(row).on_conflict_do_update(index_elements=[*key], set_=added)
        )


def usage(engine: Engine, now: datetime, connection_id: int | None = None) -> Usage:
    """What this month has cost, for one connection or all."""
    counts = tables.call_counts
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
