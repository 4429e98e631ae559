"""Lists for people: what is parked, which alerts are open, conflicts and runs. All are bounded."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Select, select

from connectors.database import reading
from models.tables import sync as tables

#: Rows in one answer.
ROWS_MAX = 1_000


def _rows(engine: Engine, query: Select[Any]) -> list[dict[str, Any]]:
    with reading(engine).connect() as connection:
        return [dict(row) for row in connection.execute(query.limit(ROWS_MAX)).mappings()]


def parked(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    """Records set aside, longest first."""
    table, links = tables.parked, tables.links
    return _rows(
        engine,
        select(
            table.c.link_id.label("link"),
            table.c.record_type,
            links.c.label.label("record"),
            table.c.side,
            table.c.code,
            table.c.field,
            table.c.value,
            table.c.message,
            table.c.fix,
            table.c.attempts,
            table.c.since,
            table.c.next_attempt_at,
        )
        .join(links, links.c.id == table.c.link_id)
        .where(table.c.connection_id == connection_id)
        .order_by(table.c.since, table.c.link_id),
    )


def alerts(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    """Open alerts, newest first."""
    table = tables.alerts
    return _rows(
        engine,
        select(
            table.c.id,
            table.c.cause,
            table.c.title,
            table.c.message,
            table.c.fix,
            table.c.opened_at,
            table.c.occurrences,
        )
        .where(table.c.connection_id == connection_id, table.c.closed_at.is_(None))
        .order_by(table.c.id.desc()),
    )


def conflicts(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    """Conflicts with all three versions, newest first."""
    table, links = tables.conflicts, tables.links
    return _rows(
        engine,
        select(
            table.c.id,
            table.c.record_type,
            links.c.label.label("record"),
            table.c.field,
            table.c.base,
            table.c.quickbooks,
            table.c.platform,
            table.c.winner,
            table.c.rule,
            table.c.state,
            table.c.decided_at,
            table.c.run_id,
        )
        .join(links, links.c.id == table.c.link_id)
        .where(table.c.connection_id == connection_id)
        .order_by(table.c.id.desc()),
    )


def runs(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    """The last ten runs, newest first."""
    table = tables.runs
    query = (
        select(
            table.c.id,
            table.c.flow,
            table.c.state,
            table.c.started_at,
            table.c.finished_at,
            table.c.error,
        )
        .where(table.c.connection_id == connection_id)
        .order_by(table.c.started_at.desc())
    )
    return _rows(engine, query.limit(10))[:10]
