"""Acknowledging alerts: somebody says that they know, so that nobody else needs to look.

It changes nothing else: an alert closes by itself once its cause is gone, and one that comes back
is another row, which nobody has acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Select, select, update

from connectors.database import reading
from connectors.state.audit_log import append_notes, lock_head
from models.audit import AuditNote
from models.errors import DecisionError, UsageError
from models.tables import sync as tables

#: Alerts that are acknowledged at once, each with an entry in the audit log.
AT_ONCE_MAX: Final = 500
KIND: Final = "alert.acknowledged"


def acknowledge(engine: Engine, connection_id: int, number: int, actor: str, now: datetime) -> None:
    """Acknowledge one open alert.

    Raises:
        UsageError: the company has no such alert.
        DecisionError: it is closed, somebody has acknowledged it, or a sync changes it just now.
    """
    table = tables.alerts
    mine = select(table).where(table.c.connection_id == connection_id, table.c.id == number)
    if _acknowledged(engine, connection_id, mine, actor, now):
        return
    with reading(engine).connect() as connection:
        row = connection.execute(mine).first()
    if row is None:
        raise UsageError(f"the alert is {number}: this company has none of this number")
    raise _refusal(row)


def acknowledge_cause(
    engine: Engine, connection_id: int, cause: str, up_to: int, actor: str, now: datetime
) -> int:
    """Acknowledge open alerts of a cause, at most `AT_ONCE_MAX`; how many there were.

    up_to is the newest alert that the person saw: what came since they do not know.
    """
    table = tables.alerts
    query = select(table).where(
        table.c.connection_id == connection_id, table.c.cause == cause, table.c.id <= up_to
    )
    return _acknowledged(engine, connection_id, query.order_by(table.c.id), actor, now)


def _acknowledged(
    engine: Engine, connection_id: int, query: Select[Any], actor: str, now: datetime
) -> int:
    table = tables.alerts
    query = query.where(table.c.closed_at.is_(None), table.c.acknowledged_at.is_(None))
    with engine.begin() as transaction:
        lock_head(transaction, connection_id)
        # a sync may hold an alert and wait for the log, which is held here: never wait for it
        locked = query.limit(AT_ONCE_MAX).with_for_update(skip_locked=True)
        rows = transaction.execute(locked).all()
        names = _record_types(transaction, rows)
        transaction.execute(
            update(table)
            .where(table.c.id.in_([row.id for row in rows]))
            .values(acknowledged_by=actor[:100], acknowledged_at=now)
        )
        notes = [_note(row, names.get(row.link_id), actor) for row in rows]
        append_notes(transaction, notes, connection_id=connection_id, at=now, run_id=None)
    return len(rows)


def _record_types(transaction: Connection, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """Link -> record type, of the records that alerts are about."""
    links = tables.links
    ids = [row.link_id for row in rows if row.link_id is not None]
    found = transaction.execute(select(links.c.id, links.c.record_type).where(links.c.id.in_(ids)))
    return {row.id: row.record_type for row in found}


def _note(row: Row[Any], record_type: str | None, actor: str) -> AuditNote:
    body: dict[str, object] = {
        "alert": row.id,
        "cause": row.cause,
        "title": row.title,
        "opened_at": row.opened_at.isoformat(),
    }
    return AuditNote(KIND, body, actor, record_type, row.link_id)


def _refusal(row: Row[Any]) -> DecisionError:
    """Why an alert was not acknowledged."""
    if row.closed_at is not None:
        why, code = "is closed: its cause is gone", "closed"
    elif row.acknowledged_at is not None:
        why, code = f"is acknowledged already, by {row.acknowledged_by}", "acknowledged"
    else:
        why, code = "is being changed by a sync just now", "busy"
    fix = "Nothing to do." if code != "busy" else "Acknowledge it again in a moment."
    return DecisionError(f"alert {row.id} {why}", code=code, fix=fix)
