"""Figures of every connection at an instant, for those who watch many: one query per figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, Select, func, select

from connectors.database import reading
from models.retry_queue import LEFT_BY_PERSON
from models.revision import ConflictState
from models.tables import schedule as schedule_tables
from models.tables import sync as tables

#: Runs in which a person decides about single records: no sync of the company has got through.
PERSONS_RUNS = ("override", "undo")


@dataclass
class Figures:
    """One connection as it stands."""

    name: str
    status: str
    connected_at: datetime
    #: End of the last cycle that got through; None before the first.
    synced_at: datetime | None = None
    #: When it is due next; None before a dispatcher has seen it.
    due_at: datetime | None = None
    #: Reason -> records set aside, and since when the oldest of all waits.
    parked: dict[str, int] = field(default_factory=dict)
    parked_since: datetime | None = None
    #: Cause -> open alerts.
    alerts: dict[str, int] = field(default_factory=dict)
    #: Conflicts that wait for a person.
    conflicts: int = 0
    #: Writes to QuickBooks whose outcome is not known yet, and since when the oldest waits.
    writes: int = 0
    writes_since: datetime | None = None
    #: Metered calls this month.
    metered: int = 0

    @property
    def is_connected(self) -> bool:
        """Whether it is synced at all."""
        return self.status == "connected"


def figures(engine: Engine, month: str, connection_id: int | None = None) -> list[Figures]:
    """All connections that are not disconnected, by name, or one; month is such as 2026-11."""
    with reading(engine).connect() as connection:
        found = _connections(connection, connection_id)
        _add_times(connection, found)
        _add_parked(connection, found)
        _add_counts(connection, found, month)
    return sorted(found.values(), key=lambda each: each.name)


def _connections(connection: SqlConnection, connection_id: int | None) -> dict[int, Figures]:
    table = tables.connections
    query = select(table.c.id, table.c.name, table.c.status, table.c.created_at)
    if connection_id is not None:
        query = query.where(table.c.id == connection_id)
    return {
        row.id: Figures(row.name, row.status, row.created_at)
        for row in connection.execute(query.where(table.c.status != "disconnected"))
    }


def _add_times(connection: SqlConnection, found: Mapping[int, Figures]) -> None:
    runs, schedules = tables.runs, schedule_tables.schedules
    synced = select(runs.c.connection_id, func.max(runs.c.finished_at).label("at")).where(
        runs.c.state == "completed", runs.c.flow.not_in(PERSONS_RUNS)
    )
    for row in _by_connection(connection, synced, found):
        found[row.connection_id].synced_at = row.at
    due = select(schedules.c.connection_id, func.min(schedules.c.due_at).label("at"))
    for row in _by_connection(connection, due, found):
        found[row.connection_id].due_at = row.at


def _add_parked(connection: SqlConnection, found: Mapping[int, Figures]) -> None:
    parked = tables.parked
    query = select(
        parked.c.connection_id,
        parked.c.code,
        func.count().label("records"),
        func.min(parked.c.since).label("at"),
    ).group_by(parked.c.code)
    for row in _by_connection(connection, query, found):
        each = found[row.connection_id]
        each.parked[row.code] = row.records
        if row.code in LEFT_BY_PERSON:
            continue
        each.parked_since = min(each.parked_since or row.at, row.at)


def _add_counts(connection: SqlConnection, found: Mapping[int, Figures], month: str) -> None:
    alerts, conflicts, intents = tables.alerts, tables.conflicts, tables.intents
    open_alerts = (
        select(alerts.c.connection_id, alerts.c.cause, func.count().label("records"))
        .where(alerts.c.closed_at.is_(None))
        .group_by(alerts.c.cause)
    )
    for row in _by_connection(connection, open_alerts, found):
        found[row.connection_id].alerts[row.cause] = row.records
    waiting = select(conflicts.c.connection_id, func.count().label("records")).where(
        conflicts.c.state == ConflictState.REVIEW.value
    )
    for row in _by_connection(connection, waiting, found):
        found[row.connection_id].conflicts = row.records
    writes = select(
        intents.c.connection_id,
        func.count().label("records"),
        func.min(intents.c.created_at).label("at"),
    ).where(intents.c.state.in_(tables.INTENT_STATES_OPEN))
    for row in _by_connection(connection, writes, found):
        found[row.connection_id].writes = row.records
        found[row.connection_id].writes_since = row.at
    calls = schedule_tables.call_counts
    metered = select(calls.c.connection_id, func.sum(calls.c.metered).label("calls")).where(
        calls.c.month == month
    )
    for row in _by_connection(connection, metered, found):
        found[row.connection_id].metered = int(row.calls)


def _by_connection(
    connection: SqlConnection, query: Select[Any], found: Mapping[int, Figures]
) -> list[Any]:
    """The rows of a query that groups by connection, of those that are looked at."""
    by = query.selected_columns["connection_id"]
    if len(found) == 1:  # the others' rows are not read for it
        query = query.where(by == next(iter(found)))
    return [row for row in connection.execute(query.group_by(by)) if row.connection_id in found]
