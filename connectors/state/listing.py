"""Lists for programs and pages, a part at a time, by key: as quick at the end as at the beginning.

A part is found by the key that the last one ended with, so that what comes or goes meanwhile moves
nothing out of sight, and nothing is counted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, Select, select

from connectors.state.queries import (
    conflict_rows,
    is_called,
    link_rows,
    open_alert_rows,
    set_aside_rows,
    some,
)
from models.retry_queue import state_of
from models.tables import sync as tables


@dataclass(frozen=True)
class Part:
    """Some rows of a list, and the key that the next ones come after; None at the end."""

    rows: Sequence[dict[str, Any]]
    next: int | None


@dataclass(frozen=True)
class Where:
    """Where a part begins, and how many rows it has at most."""

    #: Key of the last row that is known; None for the beginning.
    after: int | None
    limit: int


def _part(
    engine: Engine, query: Select[Any], key: Column[int], where: Where, *, newest: bool = True
) -> Part:
    """A part of a query's rows, in the order of their key."""
    if where.after is not None:
        query = query.where(key < where.after if newest else key > where.after)
    rows, more = some(engine, query.order_by(key.desc() if newest else key), where.limit)
    # links are called so in what people see
    name = key.name if key.name in query.selected_columns else "link"
    return Part(rows, rows[-1][name] if more else None)


def _equal(pairs: Sequence[tuple[Column[Any], Any]]) -> list[ColumnElement[bool]]:
    """Conditions for what is asked for; "" and None ask for all."""
    return [column == value for column, value in pairs if value not in ("", None)]


def open_alerts(engine: Engine, connection_id: int, where: Where) -> Part:
    """Alerts that are open, newest first."""
    return _part(engine, open_alert_rows(connection_id), tables.alerts.c.id, where)


def conflicts(
    engine: Engine,
    connection_id: int,
    where: Where,
    *,
    state: str = "",
    record_type: str = "",
    number: int | None = None,
) -> Part:
    """Conflicts with all three versions, newest first."""
    table = tables.conflicts.c
    query = conflict_rows(connection_id).where(
        *_equal([(table.state, state), (table.record_type, record_type), (table.id, number)])
    )
    part = _part(engine, query, table.id, where)
    versions = ("base", "quickbooks", "platform")
    rows = [{**row, **{name: _data(row[name]) for name in versions}} for row in part.rows]
    return Part(rows, part.next)


def set_aside(
    engine: Engine, connection_id: int, where: Where, now: datetime, record_type: str = ""
) -> Part:
    """Records that are set aside, with their state, in the order of their links."""
    table = tables.parked.c
    query = set_aside_rows(connection_id).where(*_equal([(table.record_type, record_type)]))
    part = _part(engine, query, table.link_id, where, newest=False)
    rows = [
        {**row, "state": state_of(row["code"], row["next_attempt_at"], now)} for row in part.rows
    ]
    return Part(rows, part.next)


def plans(
    engine: Engine, connection_id: int, where: Where, *, state: str = "", number: int | None = None
) -> Part:
    """Plans that a brake stopped, newest first; their rows only where one is named."""
    table = tables.approvals.c
    columns = [
        table.id,
        table.brake,
        table.message,
        table.writes,
        table.state,
        table.scope,
        table.created_at,
        table.decided_at,
        table.decided_by,
    ]
    query = select(*columns, *([table.rows] if number is not None else [])).where(
        table.connection_id == connection_id, *_equal([(table.state, state), (table.id, number)])
    )
    part = _part(engine, query, table.id, where)
    parsed = ("scope", "rows")
    rows = [
        {name: json.loads(value) if name in parsed else value for name, value in row.items()}
        for row in part.rows
    ]
    return Part(rows, part.next)


def records(
    engine: Engine,
    connection_id: int,
    where: Where,
    *,
    record_type: str = "",
    label: str = "",
    quickbooks_id: str = "",
    platform_id: str = "",
    number: int | None = None,
) -> Part:
    """Links of this type, with this label without case, or with this id on a side; newest first."""
    table = tables.links.c
    query = link_rows(connection_id).where(
        *_equal(
            [
                (table.record_type, record_type),
                (table.quickbooks_id, quickbooks_id),
                (table.platform_id, platform_id),
                (table.id, number),
            ]
        )
    )
    if label:
        query = query.where(is_called(label))
    return _part(engine, query, table.id, where)


def entries(
    engine: Engine,
    connection_id: int,
    where: Where,
    *,
    kind: str = "",
    record_type: str = "",
    link: int | None = None,
) -> Part:
    """Entries of a company's audit log, newest first."""
    table = tables.audit_entries.c
    query = select(
        table.number,
        table.at,
        table.kind,
        table.actor,
        table.run_id,
        table.record_type,
        table.link_id.label("link"),
        table.body,
        table.previous_hash,
        table.hash,
    ).where(
        table.connection_id == connection_id,
        *_equal([(table.kind, kind), (table.record_type, record_type), (table.link_id, link)]),
    )
    part = _part(engine, query, table.number, where)
    return Part([{**row, "body": _data(row["body"])} for row in part.rows], part.next)


def _data(text: str | None) -> Any:
    """Stored JSON as data; what somebody else has written there stays as it is."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
