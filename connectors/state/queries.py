"""Lists for people: what is parked, which alerts are open, conflicts, runs, and one record's story.

All are bounded.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, func, or_, select

from connectors.database import reading
from models.retry_queue import LEFT_BY_PERSON, RetryState, state_of
from models.revision import RevisionKind, RevisionState, taken
from models.tables import sync as tables
from models.words import Side

#: Rows in one answer.
ROWS_MAX = 1_000
#: Audit entries that are looked at for what was done lately.
LATELY = 10_000


def some(engine: Engine, query: Select[Any], size: int) -> tuple[list[dict[str, Any]], bool]:
    """The first rows of a query, and whether there are more."""
    with reading(engine).connect() as connection:
        rows = [dict(row) for row in connection.execute(query.limit(size + 1)).mappings()]
    return rows[:size], len(rows) > size


def _rows(engine: Engine, query: Select[Any]) -> list[dict[str, Any]]:
    return some(engine, query, ROWS_MAX)[0]


# -- what the rows of a list are; each list has its own order and conditions --


def set_aside_rows(connection_id: int) -> Select[Any]:
    """Records that are set aside."""
    table, links = tables.parked, tables.links
    return (
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
    )


def open_alert_rows(connection_id: int) -> Select[Any]:
    """Alerts that are open."""
    table = tables.alerts
    return select(
        table.c.id,
        table.c.cause,
        table.c.title,
        table.c.message,
        table.c.fix,
        table.c.opened_at,
        table.c.occurrences,
    ).where(table.c.connection_id == connection_id, table.c.closed_at.is_(None))


def conflict_rows(connection_id: int) -> Select[Any]:
    """Conflicts with all three versions."""
    table, links = tables.conflicts, tables.links
    return (
        select(
            table.c.id,
            table.c.link_id.label("link"),
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
    )


def link_rows(connection_id: int) -> Select[Any]:
    """Links with what people call their records."""
    table = tables.links
    return select(
        table.c.id.label("link"),
        table.c.record_type,
        table.c.label.label("record"),
        table.c.quickbooks_id,
        table.c.platform_id,
        table.c.deleted_at,
    ).where(table.c.connection_id == connection_id)


def is_called(label: str) -> ColumnElement[bool]:
    """A link's label is this without case; SQLite lowers ASCII only, so as it is counts, too."""
    column = tables.links.c.label
    return or_(column == label, func.lower(column) == label.lower())


# -- the lists of the command line --


def parked(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    """Records set aside and not left alone by a person, longest first."""
    return [row for row in _set_aside(engine, connection_id) if row["code"] not in LEFT_BY_PERSON]


def _set_aside(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    table = tables.parked
    query = set_aside_rows(connection_id)
    return _rows(engine, query.order_by(table.c.since, table.c.link_id))


def queue(engine: Engine, connection_id: int, now: datetime) -> list[dict[str, Any]]:
    """The retry queue: what is set aside with its state, longest first, then what was done lately.

    Lately: within the last `LATELY` audit entries.
    """
    waiting = [
        {"state": state_of(row["code"], row["next_attempt_at"], now).value, **row}
        for row in _set_aside(engine, connection_id)
    ]
    return [*waiting, *_done_lately(engine, connection_id)][:ROWS_MAX]


def _done_lately(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    """What was set aside and is applied now, newest first; each says why it was set aside."""
    entries, heads, links = tables.audit_entries, tables.audit_heads, tables.links
    last = select(heads.c.number).where(heads.c.connection_id == connection_id).scalar_subquery()
    rows = _rows(
        engine,
        select(
            entries.c.link_id.label("link"),
            entries.c.record_type,
            links.c.label.label("record"),
            entries.c.body,
            entries.c.at,
        )
        .join(links, links.c.id == entries.c.link_id)
        .where(
            entries.c.connection_id == connection_id,
            entries.c.number > last - LATELY,
            entries.c.kind == "unparked",
        )
        .order_by(entries.c.number.desc()),
    )
    return [
        {
            "state": RetryState.DONE.value,
            "link": row["link"],
            "record_type": row["record_type"],
            "record": row["record"],
            "message": json.loads(row["body"])["was"],
            "done_at": datetime.fromisoformat(row["at"]),
        }
        for row in rows
    ]


def alerts(engine: Engine, connection_id: int) -> list[dict[str, Any]]:
    """Open alerts, newest first."""
    return _rows(engine, open_alert_rows(connection_id).order_by(tables.alerts.c.id.desc()))


def alert_of_cause(engine: Engine, connection_id: int, cause: str) -> dict[str, Any] | None:
    """The connection's own open alert of a cause; None where there is none."""
    table = tables.alerts
    query = select(table.c.title, table.c.message, table.c.fix, table.c.opened_at).where(
        table.c.subject == tables.alert_subject(connection_id, None),
        table.c.cause == cause,
        table.c.closed_at.is_(None),
    )
    return next(iter(_rows(engine, query)), None)


def conflicts(engine: Engine, connection_id: int, run_id: str = "") -> list[dict[str, Any]]:
    """Conflicts with all three versions and who has overridden them, newest first.

    With run_id only those that came up in that run.
    """
    return with_overrides(engine, connection_id, _conflicts(engine, connection_id, run_id))


def with_overrides(
    engine: Engine, connection_id: int, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Conflicts with who has overridden each of them, and to which side's version."""
    overrides = _overrides(engine, connection_id, [row["id"] for row in rows])
    nobody = {"overridden_to": None, "overridden_by": None, "overridden_at": None}
    return [{**row, **overrides.get(row["id"], nobody)} for row in rows]


def _overrides(
    engine: Engine, connection_id: int, numbers: Collection[int]
) -> dict[int, dict[str, Any]]:
    """Conflict -> its last override that was not taken back."""
    table = tables.revisions
    query = (
        select(table.c.conflict_id, table.c.kind, table.c.side, table.c.actor, table.c.created_at)
        .where(
            table.c.connection_id == connection_id,
            table.c.conflict_id.in_(list(numbers)),
            table.c.state.in_([RevisionState.PENDING.value, RevisionState.DONE.value]),
        )
        .order_by(table.c.id)
    )
    with reading(engine).connect() as connection:
        return {
            row.conflict_id: {
                "overridden_to": taken(RevisionKind(row.kind), Side(row.side)),
                "overridden_by": row.actor,
                "overridden_at": row.created_at,
            }
            for row in connection.execute(query)
        }


def _conflicts(engine: Engine, connection_id: int, run_id: str) -> list[dict[str, Any]]:
    table = tables.conflicts
    query = conflict_rows(connection_id)
    if run_id:
        query = query.where(table.c.run_id == run_id)
    return _rows(engine, query.order_by(table.c.id.desc()))


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


# -- one record's story --


def links_found(
    engine: Engine,
    connection_id: int,
    *,
    link: int | None = None,
    record_type: str = "",
    side: Side | None = None,
    side_id: str = "",
    label: str = "",
) -> list[dict[str, Any]]:
    """Links with this number, this id on a side, or this label without case; newest first."""
    table = tables.links
    query = link_rows(connection_id)
    if link is not None:
        query = query.where(table.c.id == link)
    if record_type:
        query = query.where(table.c.record_type == record_type)
    if side is not None:
        query = query.where(table.c[f"{side}_id"] == side_id)
    if label:
        query = query.where(is_called(label))
    return _rows(engine, query.order_by(table.c.id.desc()))


def requests_of(engine: Engine, link_id: int) -> list[dict[str, Any]]:
    """Every send to QuickBooks for a link, in order; a write not sent yet has number None."""
    intents, attempts = tables.intents, tables.attempts
    return _rows(
        engine,
        select(
            intents.c.id.label("intent"),
            intents.c.operation,
            intents.c.state,
            intents.c.fields,
            intents.c.created_at,
            intents.c.closed_at,
            intents.c.run_id,
            intents.c.error,
            intents.c.sent_at.label("last_sent_at"),
            attempts.c.number,
            attempts.c.request_id,
            attempts.c.sent_at,
            attempts.c.answered_at,
            attempts.c.outcome,
            attempts.c.intuit_tid,
            attempts.c.fault,
        )
        .join_from(intents, attempts, attempts.c.intent_id == intents.c.id, isouter=True)
        .where(intents.c.link_id == link_id)
        .order_by(intents.c.created_at, intents.c.id, attempts.c.number),
    )


def conflicts_of(engine: Engine, link_id: int) -> list[dict[str, Any]]:
    """A link's conflicts with all three versions as JSON, oldest first."""
    table = tables.conflicts
    return _rows(
        engine,
        select(
            table.c.id,
            table.c.field,
            table.c.base,
            table.c.quickbooks,
            table.c.platform,
            table.c.winner,
            table.c.rule,
            table.c.policy_version,
            table.c.quickbooks_edited_at,
            table.c.platform_edited_at,
            table.c.state,
            table.c.decided_at,
            table.c.run_id,
        )
        .where(table.c.link_id == link_id)
        .order_by(table.c.id),
    )


def audit_of(engine: Engine, connection_id: int, link_id: int) -> list[dict[str, Any]]:
    """A link's newest entries of the audit log, oldest first; their bodies are JSON."""
    table = tables.audit_entries
    newest = _rows(
        engine,
        select(
            table.c.number, table.c.at, table.c.kind, table.c.actor, table.c.run_id, table.c.body
        )
        .where(table.c.connection_id == connection_id, table.c.link_id == link_id)
        .order_by(table.c.number.desc()),
    )
    return newest[::-1]
