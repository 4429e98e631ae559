"""The same company in memory, on SQLite and on PostgreSQL, for tests of the state's port.

A world gives states, people who write the platform past the sync, and a look at what is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from connectors.database import reading
from connectors.platform.sql import SqlPlatform
from connectors.ports import CompanyFacts
from connectors.state import audit_log
from connectors.state.connections import connection_named
from connectors.state.memory import (
    ConstraintError,
    MemoryDatabase,
    MemoryPeople,
    MemoryState,
    PlatformPeople,
)
from connectors.state.memory_people import LineValues, Values, numbered
from connectors.state.platform_port import Row
from connectors.state.port import Connection, State
from connectors.state.sql import SqlState
from models.audit import AuditEntry, AuditFinding, verify_chain
from models.errors import RecordError
from models.record_type import catalog
from models.records import canonical_json
from models.revision import dump_expected
from models.settings import ConnectionSettings
from models.tables import sync
from models.tables.platform import change_log, companies, receipt_files
from models.tables.record_tables import RECORD_TABLES
from tests.fixtures.fake_clock import FakeClock

HOME_CURRENCY = "USD"


class World(Protocol):
    """One empty company with its connection."""

    name: str
    clock: FakeClock
    connection: Connection
    people: PlatformPeople
    #: What a broken constraint of the sync's own tables raises.
    constraint: type[Exception]

    def state(self, run_id: str = "run", holder: str = "worker") -> State:
        """A worker's state."""
        ...

    def stored(self, table: str) -> list[dict[str, Any]]:
        """What a table of the sync holds, with instants, in order of its key."""
        ...

    def audit(self) -> tuple[list[AuditEntry], list[AuditFinding]]:
        """The audit log, and what is wrong with it."""
        ...

    def log(self) -> list[tuple[str, str, str]]:
        """The change log: record type, id and operation."""
        ...

    def facts(self) -> CompanyFacts | None:
        """What QuickBooks said about the company, where anybody asked it."""
        ...


# -- memory --

#: Columns of each table of the sync that a world shows.
SHOWN = {
    "intents": [
        "id",
        "link_id",
        "state",
        "attempts",
        "planned_version",
        "run_id",
        "epoch",
        "closed_at",
        "error",
    ],
    "attempts": [
        "intent_id",
        "number",
        "request_id",
        "sent_at",
        "answered_at",
        "outcome",
        "intuit_tid",
        "fault",
    ],
    "alerts": [
        "id",
        "cause",
        "link_id",
        "title",
        "message",
        "fix",
        "opened_at",
        "closed_at",
        "occurrences",
    ],
    "conflicts": [
        "id",
        "link_id",
        "record_type",
        "field",
        "base",
        "quickbooks",
        "platform",
        "winner",
        "rule",
        "policy_version",
        "quickbooks_edited_at",
        "platform_edited_at",
        "state",
        "decided_at",
        "run_id",
        "entry",
    ],
    "revisions": [
        "id",
        "link_id",
        "record_type",
        "kind",
        "field",
        "side",
        "expected",
        "value",
        "state",
        "actor",
        "entry",
        "undoes",
        "conflict_id",
        "created_at",
    ],
    "runs": ["id", "flow", "started_at", "finished_at", "state", "summary", "error"],
}


@dataclass
class MemoryWorld:
    """A company in memory."""

    clock: FakeClock = field(default_factory=FakeClock)
    hashing: bool = True
    name: str = "memory"
    constraint: type[Exception] = ConstraintError

    def __post_init__(self) -> None:
        self.connection = Connection(
            id=1,
            company_id=1,
            name="Acme",
            environment="sandbox",
            realm_id="9",
            status="connected",
            settings=ConnectionSettings(),
            home_currency=HOME_CURRENCY,
        )
        self.database = MemoryDatabase(self.connection, hashing=self.hashing)
        self.people: PlatformPeople = MemoryPeople(self.database, self.clock)

    def state(self, run_id: str = "run", holder: str = "worker") -> State:
        return MemoryState(self.database, self.connection, self.clock, run_id, holder)

    def stored(self, table: str) -> list[dict[str, Any]]:
        rows: dict[str, Any] = {
            "intents": self._intents,
            "attempts": self._attempts,
            "alerts": lambda: [asdict(each) for _, each in sorted(self.database.alerts.items())],
            "conflicts": self._conflicts,
            "revisions": self._revisions,
            "runs": lambda: [asdict(each) for _, each in sorted(self.database.runs.items())],
        }
        return [{name: row[name] for name in SHOWN[table]} for row in rows[table]()]

    def _intents(self) -> Iterator[dict[str, Any]]:
        for _, row in sorted(self.database.intents.items()):
            intent = {name: getattr(row.intent, name) for name in ("id", "link_id", "attempts")}
            yield {**intent, "state": row.intent.state.value, **vars(row)}

    def _attempts(self) -> Iterator[dict[str, Any]]:
        for intent_id, rows in sorted(self.database.attempts.items()):
            for row in rows:
                yield {"intent_id": intent_id, **vars(row)}

    def _conflicts(self) -> Iterator[dict[str, Any]]:
        for row in self.database.conflicts.values():
            sides = ("base", "quickbooks", "platform")
            yield {
                **vars(row),
                **{name: canonical_json(getattr(row.conflict, name)) for name in sides},
                "field": row.conflict.field,
                "rule": row.conflict.verdict.reason,
                "winner": row.winner,
                "state": row.state,
            }

    def _revisions(self) -> Iterator[dict[str, Any]]:
        for row in self.database.revisions.values():
            yield {
                **vars(row),
                "id": row.number,
                "expected": dump_expected(row),
                "value": canonical_json(row.value),
                "conflict_id": row.conflict,
                "created_at": row.made_at,
            }

    def audit(self) -> tuple[list[AuditEntry], list[AuditFinding]]:
        entries = self.database.audit_entries()
        head = self.database.audit_head()
        found = verify_chain(entries, connection_id=self.connection.id, head=head)
        return entries, list(found)

    def log(self) -> list[tuple[str, str, str]]:
        return list(self.database.change_log)

    def facts(self) -> CompanyFacts | None:
        return self.database.facts.get(True)


# -- SQL --


@dataclass
class SqlWorld:
    """A company in a migrated, empty database."""

    engine: Engine
    clock: FakeClock = field(default_factory=FakeClock)
    constraint: type[Exception] = IntegrityError

    def __post_init__(self) -> None:
        self.name = self.engine.dialect.name
        with self.engine.begin() as transaction:
            add_company(transaction, self.clock.now())
        self.connection = connection_named(self.engine)
        self.people: PlatformPeople = SqlPeople(self.engine, 1, self.clock)

    def state(self, run_id: str = "run", holder: str = "worker") -> State:
        return SqlState(self.engine, self.connection, self.clock, run_id, holder)

    def stored(self, table: str) -> list[dict[str, Any]]:
        source: Table = getattr(sync, table)
        order = [source.c.intent_id, source.c.number] if table == "attempts" else [source.c.id]
        columns = [source.c[name] for name in SHOWN[table]]
        with reading(self.engine).connect() as connection:
            rows = connection.execute(select(*columns).order_by(*order)).mappings()
            stored = [dict(row) for row in rows]
        for row in stored:
            if row.get("summary") is not None:
                row["summary"] = json.loads(row["summary"])
        return stored

    def audit(self) -> tuple[list[AuditEntry], list[AuditFinding]]:
        with reading(self.engine).connect() as connection:
            rows = audit_log.rows_of(connection, self.connection.id)
            entries = [AuditEntry(*row) for row in rows]
        return entries, audit_log.verify(self.engine)[1]

    def log(self) -> list[tuple[str, str, str]]:
        columns = change_log.c
        with reading(self.engine).connect() as connection:
            rows = connection.execute(
                select(columns.record_type, columns.record_id, columns.operation).order_by(
                    columns.id
                )
            )
            return [(record_type, str(row_id), how) for record_type, row_id, how in rows]

    def facts(self) -> CompanyFacts | None:
        with reading(self.engine).connect() as connection:
            stored = json.loads(connection.scalar(select(sync.connections.c.facts)) or "{}")
        return CompanyFacts(**stored) if "realm_id" in stored else None


def add_company(transaction: SqlConnection, now: datetime) -> None:
    """Company 1 and connection 1."""
    transaction.execute(insert(companies).values(name="Acme", currency=HOME_CURRENCY))
    transaction.execute(
        insert(sync.connections).values(
            company_id=1,
            name="Acme",
            environment="sandbox",
            realm_id="9",
            status="connected",
            settings=ConnectionSettings().model_dump_json(),
            facts=json.dumps({"home_currency": HOME_CURRENCY}),
            created_at=now,
            updated_at=now,
        )
    )


class SqlPeople:
    """Implements `PlatformPeople` on any database: statements that know nothing of the sync."""

    def __init__(self, engine: Engine, company_id: int, clock: FakeClock) -> None:
        self._engine = engine
        self._company_id = company_id
        self._clock = clock

    def insert(self, record_type: str, values: Values, lines: LineValues = ()) -> str:
        """Add a record with its lines; its id."""
        place, now = RECORD_TABLES[record_type], self._clock.now()
        times = {"created_at": now, "updated_at": now}
        with self._writing(record_type) as transaction:
            row_id: int = transaction.execute(
                insert(place.table)
                .values({"company_id": self._company_id, **times, **values})
                .returning(place.table.c.id)
            ).scalar_one()
            self._add_lines(transaction, record_type, row_id, lines)
            self._set_time(transaction, record_type, row_id, values)
        return str(row_id)

    def update(self, record_type: str, row_id: str, values: Values) -> None:
        """Change columns of a record."""
        table = RECORD_TABLES[record_type].table
        with self._writing(record_type) as transaction:
            if values:
                transaction.execute(
                    update(table).where(table.c.id == int(row_id)).values(dict(values))
                )
            self._set_time(transaction, record_type, int(row_id), values)

    def replace_lines(self, record_type: str, row_id: str, lines: LineValues) -> None:
        """Delete the lines of a record and add others."""
        place = RECORD_TABLES[record_type]
        assert place.lines is not None
        with self._writing(record_type) as transaction:
            transaction.execute(delete(place.lines).where(place.line_parent == int(row_id)))
            self._set_time(transaction, record_type, int(row_id), {})
            self._add_lines(transaction, record_type, int(row_id), lines)
            self._set_time(transaction, record_type, int(row_id), {})

    def delete(self, record_type: str, row_id: str) -> None:
        """Remove a record and its lines for good."""
        table = RECORD_TABLES[record_type].table
        with self._writing(record_type) as transaction:
            done = transaction.execute(delete(table).where(table.c.id == int(row_id)))
            _check_found(done.rowcount, record_type, row_id)

    def mark_deleted(self, record_type: str, row_id: str) -> None:
        """Say that a record is gone, and keep it."""
        self.update(record_type, row_id, {"deleted_at": self._clock.now()})

    def attach(self, record_type: str, row_id: str, content: bytes) -> None:
        """Give a record its file, in place of what was there."""
        table, key = RECORD_TABLES[record_type].table, int(row_id)
        sha256 = hashlib.sha256(content).hexdigest()
        with self._writing(record_type) as transaction:
            transaction.execute(update(table).where(table.c.id == key).values(sha256=sha256))
            self._set_time(transaction, record_type, key, {})
            transaction.execute(delete(receipt_files).where(receipt_files.c.receipt_id == key))
            transaction.execute(insert(receipt_files).values(receipt_id=key, content=content))

    def all(self, record_type: str) -> list[Row]:
        """All records with their lines, in order of id."""
        table = RECORD_TABLES[record_type].table
        with reading(self._engine).connect() as connection:
            ids = [str(each) for each in connection.scalars(select(table.c.id))]
            rows = SqlPlatform(connection, self._company_id).rows(catalog()[record_type], ids)
        return sorted(rows.values(), key=lambda row: int(row.id))

    def _add_lines(
        self, transaction: SqlConnection, record_type: str, row_id: int, lines: LineValues
    ) -> None:
        place = RECORD_TABLES[record_type]
        for line in numbered(lines):
            assert place.lines is not None
            transaction.execute(
                insert(place.lines).values({place.line_parent.name: row_id, **line})
            )

    def _set_time(
        self, transaction: SqlConnection, record_type: str, row_id: int, values: Values
    ) -> None:
        """Set `updated_at` alone, which is no change: triggers set it by the database's clock."""
        table = RECORD_TABLES[record_type].table
        at = values.get("updated_at") or self._clock.now()
        done = transaction.execute(update(table).where(table.c.id == row_id).values(updated_at=at))
        _check_found(done.rowcount, record_type, str(row_id))

    @contextmanager
    def _writing(self, record_type: str) -> Iterator[SqlConnection]:
        try:
            with self._engine.begin() as transaction:
                yield transaction
        except (DBAPIError, StatementError) as error:
            raise RecordError(
                f"the platform's database refuses this {record_type}", code="refused_by_database"
            ) from error


def _check_found(count: int, record_type: str, row_id: str) -> None:
    if count != 1:
        raise LookupError(f"there is no {record_type} {row_id}")
