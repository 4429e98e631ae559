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
from sqlalchemy import Engine, bindparam, delete, insert, select, update

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

# Asked in nearly every transaction: to build a statement takes longer than the database needs
_MINE = tables.leases.c.connection_id == bindparam("of")
_EPOCH = select(tables.leases.c.epoch).where(_MINE).with_for_update(read=True)
_LEASE = select(tables.leases).where(_MINE).with_for_update()
_RENEWED = (
    update(tables.leases)
    .where(_MINE)
    .values({name: bindparam(name) for name in ("holder", "epoch", "expires_at")})
)
_RELEASED = (
    update(tables.leases)
    .where(_MINE, tables.leases.c.epoch == bindparam("mine"))
    .values(holder=None, expires_at=None)
)
_CURSORS = select(tables.cursors.c.record_type, tables.cursors.c.side, tables.cursors.c.position)
_CURSORS = _CURSORS.where(tables.cursors.c.connection_id == bindparam("of"))
_MOVED = (
    update(tables.cursors)
    .where(
        tables.cursors.c.connection_id == bindparam("of"),
        tables.cursors.c.record_type == bindparam("name"),
        tables.cursors.c.side == bindparam("on"),
    )
    .values(position=bindparam("position"), updated_at=bindparam("now"))
)


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
        epoch = connection.scalar(_EPOCH, {"of": self.connection.id})
        if epoch != self.epoch:
            raise lease_lost(self.connection.name)

    def take_lease(self, duration: timedelta) -> None:
        """Become the only worker, or renew."""
        now = self.clock.now()
        with self.engine.begin() as connection:
            row = connection.execute(_LEASE, {"of": self.connection.id}).first()
            expires_at = now + duration
            if row is None:
                connection.execute(
                    insert(tables.leases).values(
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
            renewed = {"holder": self.holder, "epoch": self.epoch, "expires_at": expires_at}
            connection.execute(_RENEWED, {"of": self.connection.id, **renewed})

    def release_lease(self) -> None:
        """Give the company free, if it is still ours."""
        with self.engine.begin() as connection:
            connection.execute(_RELEASED, {"of": self.connection.id, "mine": self.epoch})
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
            rows = self._sql.execute(_CURSORS, {"of": self._id})
            self._positions = {(name, Side(side)): position for name, side, position in rows}
        return self._positions

    def set_cursors(self, positions: Mapping[tuple[str, Side], str]) -> None:
        """Note how far sides were read."""
        cursors, known = tables.cursors, self._cursors()
        ours = {"of": self._id, "now": self._now}
        there = [
            {**ours, "name": name, "on": side.value, "position": position}
            for (name, side), position in positions.items()
            if (name, side) in known
        ]
        missing = [
            {"record_type": name, "side": side.value, "position": position}
            for (name, side), position in positions.items()
            if (name, side) not in known
        ]
        if there:
            self._sql.execute(_MOVED, there)
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
