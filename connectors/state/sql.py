"""The sync's memory in SQL: one transaction covers the platform's rows and what we know of them.

Implements `connectors.state.port.State` and `Unit`. SQLite runs each transaction under BEGIN
IMMEDIATE; PostgreSQL locks the audit head and the lease row, which is all that two workers of one
company could both want.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, Row, Table, and_, delete, insert, select, update

from connectors.platform.sql import SqlPlatform, chunks
from connectors.ports import Clock
from connectors.state.audit_log import append_notes
from connectors.state.port import (
    Attempt,
    Connection,
    Intent,
    LinkUpdate,
    NewLink,
    Parked,
    PlatformPort,
    Unit,
)
from models.audit import AuditNote
from models.codecs import load_content
from models.errors import BrakeError, CorruptStateError, shorten
from models.merge import Conflict
from models.plan import Link
from models.record_type import catalog
from models.records import canonical_json
from models.tables import sync as tables
from models.words import IntentState, Operation, Side

#: Longest label that the tables hold.
LABEL_LENGTH_MAX = 200


@dataclass
class SqlState:
    """Opens transactions for one connection and one run."""

    engine: Engine
    connection: Connection
    clock: Clock
    run_id: str
    #: Who holds the lease, for people: host and process.
    holder: str
    epoch: int = field(default=0)

    @contextmanager
    def begin(self) -> Iterator[Unit]:
        """One transaction; refused once another worker has taken the company over."""
        with self.engine.begin() as connection:
            if self.epoch:
                self._check_epoch(connection)
            yield SqlUnit(connection, self)

    def _check_epoch(self, connection: SqlConnection) -> None:
        """A worker that lost its lease must not commit anything (invariant I14).

        The row stays locked against a take-over until the transaction ends; workers' threads share
        the lock.
        """
        leases = tables.leases
        mine = leases.c.connection_id == self.connection.id
        epoch = connection.scalar(select(leases.c.epoch).where(mine).with_for_update(read=True))
        if epoch != self.epoch:
            raise _lease_lost(self.connection.name)

    def take_lease(self, seconds: int) -> None:
        """Become the only worker, or renew."""
        leases = tables.leases
        now = self.clock.now()
        mine = leases.c.connection_id == self.connection.id
        with self.engine.begin() as connection:
            row = connection.execute(select(leases).where(mine).with_for_update()).first()
            expires_at = now + timedelta(seconds=seconds)
            if row is None:
                connection.execute(
                    insert(leases).values(
                        connection_id=self.connection.id,
                        holder=self.holder,
                        epoch=1,
                        expires_at=expires_at,
                    )
                )
                self.epoch = 1
                return
            if self.epoch and row.epoch != self.epoch:
                raise _lease_lost(self.connection.name)
            if not self.epoch:
                if row.holder is not None and row.expires_at is not None and row.expires_at > now:
                    raise _lease_busy(self.connection.name, row.holder, row.expires_at)
                self.epoch = row.epoch + 1
            connection.execute(
                update(leases)
                .where(mine)
                .values(holder=self.holder, epoch=self.epoch, expires_at=expires_at)
            )

    def release_lease(self) -> None:
        """Give the company free, if it is still ours."""
        leases = tables.leases
        with self.engine.begin() as connection:
            connection.execute(
                update(leases)
                .where(leases.c.connection_id == self.connection.id, leases.c.epoch == self.epoch)
                .values(holder=None, expires_at=None)
            )
        self.epoch = 0


def _lease_busy(name: str, holder: str, expires_at: datetime) -> BrakeError:
    return BrakeError(
        f"another run works on {name}: {holder}, at most until {expires_at:%H:%M:%S} UTC",
        brake="lease",
        fix="Wait until it has finished; two runs of one company never overlap.",
    )


def _lease_lost(name: str) -> BrakeError:
    return BrakeError(
        f"this run has lost {name} to another one",
        brake="lease",
        fix="Nothing to do: the other run goes on, and this one wrote nothing more.",
    )


class SqlUnit:
    """One transaction over a connection's state and its company's platform tables."""

    def __init__(self, connection: SqlConnection, state: SqlState) -> None:
        self._sql = connection
        self._state = state
        self._id = state.connection.id
        self._now = state.clock.now()
        self.platform: PlatformPort = SqlPlatform(connection, state.connection.company_id)

    # -- links --

    def links_of(self, record_type: str, side: Side, side_ids: Collection[str]) -> dict[str, Link]:
        """Links by a side's record ids."""
        links = tables.links
        column = _side_column(side)
        found: dict[str, Link] = {}
        for some in chunks(side_ids):
            rows = self._sql.execute(
                select(links).where(
                    links.c.connection_id == self._id,
                    links.c.record_type == record_type,
                    column.in_(some),
                )
            )
            for row in rows:
                link = _link(row)
                found[link.side_id(side) or ""] = link
        return found

    def links(self, link_ids: Collection[int]) -> dict[int, Link]:
        """Links by id."""
        links = tables.links
        found: dict[int, Link] = {}
        for some in chunks(link_ids):
            rows = self._sql.execute(
                select(links).where(links.c.connection_id == self._id, links.c.id.in_(some))
            )
            found.update((row.id, _link(row)) for row in rows)
        return found

    def half_links(self, record_type: str, side: Side) -> list[Link]:
        """Live links that know only this side."""
        links = tables.links
        rows = self._sql.execute(
            select(links)
            .where(
                links.c.connection_id == self._id,
                links.c.record_type == record_type,
                _side_column(side).is_not(None),
                _side_column(side.other).is_(None),
                links.c.deleted_at.is_(None),
            )
            .order_by(links.c.id)
        )
        return [_link(row) for row in rows]

    def live_ids(self, record_type: str, side: Side) -> set[str]:
        """A side's ids of all live links."""
        links = tables.links
        column = _side_column(side)
        return set(
            self._sql.scalars(
                select(column).where(
                    links.c.connection_id == self._id,
                    links.c.record_type == record_type,
                    column.is_not(None),
                    links.c.deleted_at.is_(None),
                )
            )
        )

    def add_links(self, new: Sequence[NewLink]) -> list[Link]:
        """Store links for records seen for the first time."""
        if not new:
            return []
        rows = self._sql.execute(
            insert(tables.links).returning(tables.links, sort_by_parameter_order=True),
            [
                {
                    "connection_id": self._id,
                    "record_type": each.record_type,
                    "quickbooks_id": each.side_id if each.side is Side.QUICKBOOKS else None,
                    "platform_id": each.side_id if each.side is Side.PLATFORM else None,
                    "label": each.label[:LABEL_LENGTH_MAX],
                    "created_at": self._now,
                    "updated_at": self._now,
                }
                for each in new
            ],
        )
        return [_link(row) for row in rows]

    def complete_link(self, link_id: int, side: Side, side_id: str) -> None:
        """Note the other side's record of a half link."""
        self._sql.execute(
            update(tables.links)
            .where(
                tables.links.c.id == link_id,
                tables.links.c.connection_id == self._id,
                _side_column(side).is_(None),
            )
            .values({_side_column(side).name: side_id, "updated_at": self._now})
        )

    def save_links(self, updates: Sequence[LinkUpdate]) -> None:
        """Store what links know now."""
        for each in updates:
            values: dict[str, Any] = {
                "label": each.label[:LABEL_LENGTH_MAX] if each.label else None,
                "quickbooks_id": each.quickbooks_id,
                "platform_id": each.platform_id,
                "base": None if each.base is None else canonical_json(each.base),
                "quickbooks_version": each.quickbooks_version,
                "platform_version": each.platform_version,
                "deleted_at": self._now if each.deleted else None,
            }
            known = {name: value for name, value in values.items() if value is not None}
            done = self._sql.execute(
                update(tables.links)
                .where(tables.links.c.id == each.link_id, tables.links.c.connection_id == self._id)
                .values(**known, updated_at=self._now)
            )
            if done.rowcount != 1:
                raise CorruptStateError(f"link {each.link_id} is gone")

    # -- intents --

    def add_intents(self, intents: Sequence[Intent], planned: Mapping[str, str]) -> None:
        """Store intents before anything is sent."""
        if not intents:
            return
        self._sql.execute(
            insert(tables.intents),
            [
                {
                    "id": each.id,
                    "connection_id": self._id,
                    "link_id": each.link_id,
                    "record_type": each.record_type,
                    "operation": each.operation.value,
                    "state": IntentState.PLANNED.value,
                    "payload": each.payload,
                    "payload_hash": each.payload_hash,
                    "request_id": each.request_id,
                    "attempts": 0,
                    "planned_version": planned.get(each.id),
                    "created_at": self._now,
                    "run_id": self._state.run_id,
                    "epoch": self._state.epoch,
                }
                for each in intents
            ],
        )

    def mark_sent(self, intents: Sequence[Intent]) -> None:
        """Record a send before it leaves."""
        for each in intents:
            number = self._sql.execute(
                update(tables.intents)
                .where(
                    tables.intents.c.id == each.id,
                    tables.intents.c.state.in_(tables.INTENT_STATES_OPEN),
                )
                .values(
                    state=IntentState.SENT.value,
                    attempts=tables.intents.c.attempts + 1,
                    sent_at=self._now,
                )
                .returning(tables.intents.c.attempts)
            ).scalar()
            if number is None:
                raise CorruptStateError(f"intent {each.id} is closed and cannot be sent again")
            self._sql.execute(
                insert(tables.attempts).values(
                    intent_id=each.id,
                    number=number,
                    request_id=each.request_id,
                    sent_at=self._now,
                )
            )

    def close_intent(self, intent_id: str, state: IntentState, attempt: Attempt) -> None:
        """Record how a send ended."""
        intents, attempts = tables.intents, tables.attempts
        is_open = state in tables.INTENT_STATES_OPEN
        self._sql.execute(
            update(intents)
            .where(intents.c.id == intent_id, intents.c.connection_id == self._id)
            .values(
                state=state.value,
                closed_at=None if is_open else self._now,
                error=attempt.fault or None,
            )
        )
        self._sql.execute(
            update(attempts)
            .where(attempts.c.intent_id == intent_id, attempts.c.answered_at.is_(None))
            .values(
                answered_at=self._now,
                outcome=attempt.outcome,
                intuit_tid=attempt.intuit_tid or None,
                fault=attempt.fault or None,
            )
        )

    def open_intents(self) -> list[Intent]:
        """Intents that are neither acknowledged nor rejected."""
        intents = tables.intents
        rows = self._sql.execute(
            select(intents)
            .where(
                intents.c.connection_id == self._id,
                intents.c.state.in_(tables.INTENT_STATES_OPEN),
            )
            .order_by(intents.c.created_at, intents.c.id)
        )
        return [
            Intent(
                id=row.id,
                link_id=row.link_id,
                record_type=row.record_type,
                operation=Operation(row.operation),
                state=IntentState(row.state),
                payload=row.payload,
                payload_hash=row.payload_hash,
                request_id=row.request_id,
                attempts=row.attempts,
                created_at=row.created_at,
                sent_at=row.sent_at,
            )
            for row in rows
        ]

    # -- parked records, conflicts, alerts --

    def park(self, parked: Parked) -> None:
        """Set a record aside, with an alert; the reason replaces an earlier one."""
        values = {
            "connection_id": self._id,
            "record_type": parked.record_type,
            "side": parked.side.value,
            "code": parked.code[:60],
            "field": parked.field[:60],
            "value": parked.value[:100],
            "message": parked.message,
            "fix": parked.fix,
            "attempts": parked.attempts,
            "next_attempt_at": parked.next_attempt_at,
            "run_id": self._state.run_id,
        }
        done = self._sql.execute(
            update(tables.parked).where(tables.parked.c.link_id == parked.link_id).values(**values)
        )
        if done.rowcount == 0:
            self._sql.execute(
                insert(tables.parked).values(link_id=parked.link_id, since=parked.since, **values)
            )
        label = self._sql.scalar(
            select(tables.links.c.label).where(tables.links.c.id == parked.link_id)
        )
        self._close_alerts_of([parked.link_id], but=parked.code)
        self._alert(
            parked.code,
            parked.link_id,
            f"{parked.record_type} {label}: {shorten(parked.message, characters_max=200)}",
            parked.message,
            parked.fix,
        )

    def unpark(self, link_ids: Collection[int]) -> None:
        """Take records back in."""
        for some in chunks(link_ids):
            self._sql.execute(delete(tables.parked).where(tables.parked.c.link_id.in_(some)))
            self._close_alerts_of(some)

    def parked(self, record_types: Collection[str]) -> list[Parked]:
        """Records set aside."""
        parked = tables.parked
        rows = self._sql.execute(
            select(parked)
            .where(parked.c.connection_id == self._id, parked.c.record_type.in_(list(record_types)))
            .order_by(parked.c.link_id)
        )
        return [
            Parked(
                link_id=row.link_id,
                record_type=row.record_type,
                side=Side(row.side),
                code=row.code,
                field=row.field,
                value=row.value,
                message=row.message,
                fix=row.fix,
                attempts=row.attempts,
                since=row.since,
                next_attempt_at=row.next_attempt_at,
            )
            for row in rows
        ]

    def release(self, link_ids: Collection[int] | None) -> int:
        """Let parked records be tried in the next cycle."""
        condition = tables.parked.c.connection_id == self._id
        if link_ids is not None:
            condition = and_(condition, tables.parked.c.link_id.in_(list(link_ids)))
        done = self._sql.execute(
            update(tables.parked).where(condition).values(next_attempt_at=self._now)
        )
        return done.rowcount

    def add_conflicts(
        self, link: Link, conflicts: Sequence[Conflict], edited_at: Mapping[Side, datetime | None]
    ) -> None:
        """Keep conflicts with all three versions."""
        for each in conflicts:
            winner = each.verdict.winner
            self._sql.execute(
                insert(tables.conflicts).values(
                    connection_id=self._id,
                    link_id=link.id,
                    record_type=link.record_type,
                    field=each.field,
                    base=canonical_json(each.base),
                    quickbooks=canonical_json(each.quickbooks),
                    platform=canonical_json(each.platform),
                    winner=winner.value if winner else "person",
                    rule=each.verdict.reason,
                    policy_version=self._state.connection.settings.policy_version,
                    quickbooks_edited_at=edited_at.get(Side.QUICKBOOKS),
                    platform_edited_at=edited_at.get(Side.PLATFORM),
                    state="decided" if winner else "review",
                    decided_at=self._now,
                    run_id=self._state.run_id,
                )
            )

    def alert(self, cause: str, title: str, message: str, fix: str) -> None:
        """Open an alert about the connection, or count another occurrence."""
        self._alert(cause, None, title, message, fix)

    def _alert(self, cause: str, link_id: int | None, title: str, message: str, fix: str) -> None:
        alerts = tables.alerts
        done = self._sql.execute(
            update(alerts)
            .where(
                alerts.c.subject == tables.alert_subject(self._id, link_id),
                alerts.c.cause == cause,
                alerts.c.closed_at.is_(None),
            )
            .values(
                title=title[:300], message=message, fix=fix, occurrences=alerts.c.occurrences + 1
            )
        )
        if done.rowcount == 0:
            self._sql.execute(
                insert(alerts).values(
                    connection_id=self._id,
                    cause=cause[:60],
                    link_id=link_id,
                    title=title[:300],
                    message=message,
                    fix=fix,
                    opened_at=self._now,
                    occurrences=1,
                )
            )

    def close_alerts(self, causes: Collection[str]) -> None:
        """Close the connection's own alerts of these causes."""
        self._close_alerts_where(
            tables.alerts.c.link_id.is_(None), tables.alerts.c.cause.in_(list(causes))
        )

    def _close_alerts_of(self, link_ids: Collection[int], *, but: str = "") -> None:
        self._close_alerts_where(
            tables.alerts.c.link_id.in_(list(link_ids)), tables.alerts.c.cause != but
        )

    def _close_alerts_where(self, *conditions: Any) -> None:
        self._sql.execute(
            update(tables.alerts)
            .where(
                tables.alerts.c.connection_id == self._id,
                tables.alerts.c.closed_at.is_(None),
                *conditions,
            )
            .values(closed_at=self._now)
        )

    # -- cursors, names, audit, runs --

    def cursor(self, record_type: str, side: Side) -> str | None:
        """How far a side was read."""
        cursors = tables.cursors
        return self._sql.scalar(
            select(cursors.c.position).where(
                cursors.c.connection_id == self._id,
                cursors.c.record_type == record_type,
                cursors.c.side == side.value,
            )
        )

    def set_cursors(self, positions: Mapping[tuple[str, Side], str]) -> None:
        """Note how far sides were read."""
        for (record_type, side), position in positions.items():
            key = {
                "connection_id": self._id,
                "record_type": record_type,
                "side": side.value,
            }
            self._put(tables.cursors, key, {"position": position, "updated_at": self._now})

    def _put(self, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Update the row with this key, or insert it."""
        condition = and_(*(table.c[name] == value for name, value in key.items()))
        done = self._sql.execute(update(table).where(condition).values(**values))
        if done.rowcount == 0:
            self._sql.execute(insert(table).values(**key, **values))

    def named_references(self) -> dict[str, dict[str, str]]:
        """Entity -> id -> name."""
        names = tables.named_references
        found: dict[str, dict[str, str]] = {}
        rows = self._sql.execute(select(names).where(names.c.connection_id == self._id))
        for row in rows:
            found.setdefault(row.entity, {})[row.quickbooks_id] = row.name
        return found

    def save_named_references(self, entity: str, names: Mapping[str, str]) -> None:
        """Replace the names of an entity."""
        table = tables.named_references
        self._sql.execute(
            delete(table).where(table.c.connection_id == self._id, table.c.entity == entity)
        )
        if names:
            self._sql.execute(
                insert(table),
                [
                    {
                        "connection_id": self._id,
                        "entity": entity,
                        "quickbooks_id": quickbooks_id,
                        "name": name[:200],
                        "active": True,
                    }
                    for quickbooks_id, name in names.items()
                ],
            )

    def audit(self, notes: Sequence[AuditNote]) -> None:
        """Append to the audit log."""
        append_notes(
            self._sql, notes, connection_id=self._id, at=self._now, run_id=self._state.run_id
        )

    def start_run(self, flow: str) -> None:
        """Note that this run has begun."""
        self._sql.execute(
            insert(tables.runs).values(
                id=self._state.run_id,
                connection_id=self._id,
                flow=flow,
                started_at=self._now,
                state="running",
            )
        )

    def finish_run(self, state: str, summary: str, error: str | None) -> None:
        """Note how this run ended."""
        self._sql.execute(
            update(tables.runs)
            .where(tables.runs.c.id == self._state.run_id)
            .values(state=state, finished_at=self._now, summary=summary, error=error)
        )


def _side_column(side: Side) -> Any:
    links = tables.links
    return links.c.quickbooks_id if side is Side.QUICKBOOKS else links.c.platform_id


def _link(row: Row[Any]) -> Link:
    base = None
    if row.base is not None:
        base = load_content(catalog()[row.record_type], json.loads(row.base))
    return Link(
        id=row.id,
        record_type=row.record_type,
        quickbooks_id=row.quickbooks_id,
        platform_id=row.platform_id,
        label=row.label,
        base=base,
        quickbooks_version=row.quickbooks_version,
        platform_version=row.platform_version,
        deleted_at=row.deleted_at,
    )
