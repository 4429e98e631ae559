"""The sync's memory in SQL: one transaction covers the platform's rows and what we know of them.

Implements `connectors.state.port.State` and `Unit`. SQLite runs each transaction under BEGIN
IMMEDIATE; PostgreSQL locks the audit head and the lease row, which is all that two workers of one
company could both want.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, and_, bindparam, delete, insert, select, update

from connectors.platform.sql import SqlPlatform
from connectors.ports import Clock, CompanyFacts
from connectors.state.approval_rows import ApprovalRows
from connectors.state.audit_log import append_notes
from connectors.state.intent_rows import IntentRows
from connectors.state.link_rows import LinkRows
from connectors.state.platform_port import PlatformPort
from connectors.state.port import Connection, Unit, lease_busy, lease_lost
from connectors.state.review_rows import ReviewRows
from connectors.state.revision_rows import RevisionRows
from connectors.state.scope import Scope
from models.audit import AuditEntry, AuditNote
from models.tables import sync as tables
from models.words import Side


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
    #: What Prefect calls the flow run that this run is part of; "" where it is part of none.
    flow_run_id: str = ""

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
            raise lease_lost(self.connection.name)

    def take_lease(self, duration: timedelta) -> None:
        """Become the only worker, or renew."""
        leases = tables.leases
        now = self.clock.now()
        mine = leases.c.connection_id == self.connection.id
        with self.engine.begin() as connection:
            row = connection.execute(select(leases).where(mine).with_for_update()).first()
            expires_at = now + duration
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
                raise lease_lost(self.connection.name)
            if not self.epoch:
                if row.holder is not None and row.expires_at is not None and row.expires_at > now:
                    raise lease_busy(self.connection.name, row.holder, row.expires_at)
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


class SqlUnit(LinkRows, IntentRows, ApprovalRows, ReviewRows, RevisionRows):
    """One transaction over a connection's state and its company's platform tables."""

    def __init__(self, connection: SqlConnection, state: SqlState) -> None:
        super().__init__(
            Scope(
                connection,
                state.connection,
                state.run_id,
                state.epoch,
                state.clock.now(),
                state.flow_run_id,
            )
        )
        self.now = self._now
        self.platform: PlatformPort = SqlPlatform(connection, state.connection.company_id)
        self._positions: dict[tuple[str, Side], str] | None = None

    def cursors(self) -> Mapping[tuple[str, Side], str]:
        """How far each side was read, by record type and side."""
        return self._cursors().copy()

    def _cursors(self) -> dict[tuple[str, Side], str]:
        """All cursors; only who has the company sets them."""
        if self._positions is None:
            cursors = tables.cursors
            rows = self._sql.execute(
                select(cursors.c.record_type, cursors.c.side, cursors.c.position).where(
                    cursors.c.connection_id == self._id
                )
            )
            self._positions = {(row.record_type, Side(row.side)): row.position for row in rows}
        return self._positions

    def set_cursors(self, positions: Mapping[tuple[str, Side], str]) -> None:
        """Note how far sides were read."""
        cursors, known = tables.cursors, self._cursors()
        there = [
            {"of": name, "on": side.value, "position": position}
            for (name, side), position in positions.items()
            if (name, side) in known
        ]
        missing = [
            {"record_type": name, "side": side.value, "position": position}
            for (name, side), position in positions.items()
            if (name, side) not in known
        ]
        if there:
            mine = and_(
                cursors.c.connection_id == self._id,
                cursors.c.record_type == bindparam("of"),
                cursors.c.side == bindparam("on"),
            )
            moved = update(cursors).where(mine).values(updated_at=self._now)
            self._sql.execute(moved, there)
        if missing:
            made = insert(cursors).values(connection_id=self._id, updated_at=self._now)
            self._sql.execute(made, missing)
        known.update(positions)

    def save_facts(self, facts: CompanyFacts) -> None:
        """Remember what QuickBooks says about the company."""
        connections = tables.connections
        self._sql.execute(
            update(connections)
            .where(connections.c.id == self._id)
            .values(facts=json.dumps(asdict(facts), sort_keys=True), updated_at=self._now)
        )

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

    def audit(self, notes: Sequence[AuditNote]) -> list[int]:
        """Append to the audit log; the entries' numbers."""
        return append_notes(
            self._sql, notes, connection_id=self._id, at=self._now, run_id=self._scope.run_id
        )

    def entries_of_run(self, run_id: str) -> list[AuditEntry]:
        """What a run has logged, oldest first."""
        entries = tables.audit_entries
        rows = self._sql.execute(
            select(entries)
            .where(entries.c.connection_id == self._id, entries.c.run_id == run_id)
            .order_by(entries.c.number)
        )
        return [AuditEntry(**row) for row in rows.mappings()]

    def has_run(self, run_id: str) -> bool:
        """Whether there was such a run."""
        runs = tables.runs
        mine = select(runs.c.id).where(runs.c.connection_id == self._id, runs.c.id == run_id)
        return self._sql.scalar(mine) is not None

    def start_run(self, flow: str) -> None:
        """Note that this run has begun."""
        self._sql.execute(
            insert(tables.runs).values(
                id=self._scope.run_id,
                connection_id=self._id,
                flow=flow,
                flow_run_id=self._scope.flow_run_id or None,
                started_at=self._now,
                state="running",
            )
        )

    def finish_run(self, state: str, summary: Mapping[str, object], error: str | None) -> None:
        """Note how this run ended."""
        self._sql.execute(
            update(tables.runs)
            .where(tables.runs.c.id == self._scope.run_id)
            .values(
                state=state,
                finished_at=self._now,
                summary=json.dumps(summary, ensure_ascii=False),
                error=error,
            )
        )
