"""What the in-memory database holds for one connection and its company, and how it goes back.

Everything stands in flat dicts and lists of values that are never changed, only replaced. So a
rollback is a walk back over (where, key, what was there), and a snapshot is a shallow copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn, Protocol, cast

from connectors.ports import CompanyFacts
from connectors.state.memory_columns import PLACES
from connectors.state.platform_port import Row
from connectors.state.port import Connection, Parked
from models.approval import Approval
from models.audit import GENESIS, AuditEntry, AuditNote, chained
from models.intent import Intent
from models.merge import Conflict
from models.plan import Link
from models.revision import Revision
from models.words import Side

#: Says that a key was not there.
MISSING: Final[Any] = object()
#: What was there before: a container, a key or the length of a list, and the value or MISSING.
Undo = list[tuple[Any, Any, Any]]


class ConstraintError(AssertionError):
    """A constraint of the sync's own tables is broken: SQL's IntegrityError."""


@dataclass(frozen=True)
class IntentRow:
    """An intent as stored, with what the steps do not ask for."""

    intent: Intent
    planned_version: str | None
    run_id: str
    epoch: int
    closed_at: datetime | None = None
    error: str | None = None

    def with_intent(
        self, intent: Intent, closed_at: datetime | None, error: str | None
    ) -> IntentRow:
        """The row with the intent as it is now, and how it ended."""
        return IntentRow(intent, self.planned_version, self.run_id, self.epoch, closed_at, error)


@dataclass(frozen=True)
class AttemptRow:
    """One send of an intent."""

    number: int
    request_id: str
    sent_at: datetime
    answered_at: datetime | None = None
    outcome: str | None = None
    intuit_tid: str | None = None
    fault: str | None = None


@dataclass(frozen=True)
class AlertRow:
    """What a person must know; about the connection where there is no link."""

    id: int
    cause: str
    link_id: int | None
    title: str
    message: str
    fix: str
    opened_at: datetime
    closed_at: datetime | None = None
    occurrences: int = 1


@dataclass(frozen=True)
class ConflictRow:
    """A conflict as kept, with all three versions."""

    id: int
    link_id: int
    record_type: str
    conflict: Conflict
    policy_version: int
    quickbooks_edited_at: datetime | None
    platform_edited_at: datetime | None
    decided_at: datetime
    run_id: str
    #: The audit entry that tells of it.
    entry: int | None = None
    #: A person has decided it.
    overridden: bool = False

    @property
    def winner(self) -> str:
        """The side whose value counts, or "person"."""
        winner: Side | None = self.conflict.verdict.winner
        return winner.value if winner else "person"

    @property
    def state(self) -> str:
        """Whether it is decided, by whom, or waits for review."""
        if self.overridden:
            return "overridden"
        return "decided" if self.conflict.verdict.winner else "review"


@dataclass(frozen=True)
class RunRow:
    """One run of a flow."""

    id: str
    flow: str
    started_at: datetime
    state: str = "running"
    finished_at: datetime | None = None
    summary: Mapping[str, object] | None = None
    error: str | None = None


@dataclass(frozen=True)
class Lease:
    """Who may work on the connection; free where there is no holder."""

    holder: str | None
    epoch: int
    expires_at: datetime | None


@dataclass(frozen=True)
class UnsealedNote:
    """An audit note whose hash is left for when somebody reads it."""

    at: datetime
    run_id: str | None
    note: AuditNote


@dataclass(frozen=True)
class Snapshot:
    """All that a database held at one moment."""

    copies: tuple[Any, ...]


class OpenUnit(Protocol):
    """A transaction that has not ended."""

    def roll_back(self) -> None:
        """Undo all, and take no more calls."""
        ...


class MemoryDatabase:
    """The rows of one connection and its company; one transaction at a time, for one thread.

    The public containers are there to be looked at. Whoever writes goes through `MemoryState` or
    `MemoryPeople`.

    Args:
        connection: whose rows these are.
        hashing: False leaves the audit entries unhashed until `audit_entries` is called.
    """

    def __init__(self, connection: Connection, *, hashing: bool = True) -> None:
        self.connection = connection
        self.hashing = hashing
        self.open_unit: OpenUnit | None = None
        #: Record type -> id -> row with its lines, in order of id.
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in PLACES}
        #: Record type, id and operation; the n-th entry has the id n.
        self.change_log: list[tuple[str, str, str]] = []
        #: Record type and id -> the row's file.
        self.files: dict[tuple[str, int], bytes] = {}
        #: Table -> the last id given out.
        self.last_ids: dict[str, int] = {}
        self.links: dict[int, Link] = {}
        self.links_in_quickbooks: dict[tuple[str, str], int] = {}
        self.links_on_platform: dict[tuple[str, str], int] = {}
        self.intents: dict[str, IntentRow] = {}
        self.open_intents: dict[str, Intent] = {}
        self.open_intent_of: dict[int, str] = {}
        #: Marker -> ids of creates.
        self.marked: dict[str, tuple[str, ...]] = {}
        self.attempts: dict[str, tuple[AttemptRow, ...]] = {}
        self.parked: dict[int, Parked] = {}
        self.alerts: dict[int, AlertRow] = {}
        #: Link, or 0 for the connection -> ids of its open alerts.
        self.open_alerts: dict[int, tuple[int, ...]] = {}
        self.conflicts: dict[int, ConflictRow] = {}
        self.revisions: dict[int, Revision] = {}
        self.approvals: dict[int, Approval] = {}
        #: Record type and side -> position.
        self.cursors: dict[tuple[str, Side], str] = {}
        self.named_references: dict[str, dict[str, str]] = {}
        self.runs: dict[str, RunRow] = {}
        self.audit: list[AuditEntry | UnsealedNote] = []
        #: The only row, under True; none before it was first saved.
        self.facts: dict[bool, CompanyFacts] = {}
        #: The only row, under True; none before the lease was first taken.
        self.lease: dict[bool, Lease] = {}

    def abandon(self) -> bool:
        """Roll back the open transaction of a worker that was killed; whether there was one."""
        unit = self.open_unit
        if unit is None:
            return False
        unit.roll_back()
        return True

    def snapshot(self) -> Snapshot:
        """All that is there now, to come back to; costs a shallow copy."""
        assert self.open_unit is None, "a snapshot is of committed rows only"
        return Snapshot(tuple(each.copy() for each in self._containers()))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this database, which can be used again."""
        assert self.open_unit is None, "a transaction is open"
        for each, copied in zip(self._containers(), snapshot.copies, strict=True):
            each.clear()
            if isinstance(each, list):
                each.extend(copied)
            else:
                each.update(copied)

    def _containers(self) -> Iterable[Any]:
        """Every dict and list, in an order that never changes."""
        flat = (each for each in vars(self).values() if isinstance(each, dict | list))
        return (*self.rows.values(), *(each for each in flat if each is not self.rows))

    def audit_entries(self) -> list[AuditEntry]:
        """The audit log, hashed, in order of number."""
        entries: list[AuditEntry] = []
        for each in self.audit:
            if isinstance(each, AuditEntry):
                entries.append(each)
                continue
            entries += chained(
                [each.note],
                connection_id=self.connection.id,
                after_number=len(entries),
                after_hash=entries[-1].hash if entries else GENESIS,
                at=each.at.isoformat(timespec="microseconds"),
                run_id=each.run_id,
            )
        return entries

    def audit_head(self) -> tuple[int, str] | None:
        """Number and hash of the last audit entry."""
        entries = self.audit_entries()
        return (entries[-1].number, entries[-1].hash) if entries else None


class _Ended:
    """Stands in for the database once a transaction is over."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError("this transaction is over, or its worker was given up as dead")


#: What the parts of an ended transaction hold.
ENDED: Final = cast("MemoryDatabase", _Ended())


def undo_to(undo: Undo, mark: int) -> None:
    """Take back what was noted since the list had the length mark."""
    while len(undo) > mark:
        container, key, before = undo.pop()
        if type(container) is list:
            del container[key:]
        elif before is MISSING:
            del container[key]
        else:
            container[key] = before


class MemoryRows:
    """A part of a transaction: changes rows, and notes how to take that back."""

    __slots__ = ("_db", "_undo", "now")

    def __init__(self, database: MemoryDatabase, undo: Undo, now: datetime) -> None:
        self._db = database
        self._undo = undo
        self.now = now

    def _put(self, rows: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((rows, key, rows.get(key, MISSING)))
        rows[key] = value

    def _put_all(self, rows: dict[Any, Any], values: Mapping[Any, Any]) -> None:
        self._undo.extend([(rows, key, rows.get(key, MISSING)) for key in values])
        rows.update(values)

    def _drop(self, rows: dict[Any, Any], key: Any) -> None:
        self._undo.append((rows, key, rows.pop(key)))

    def _append(self, rows: list[Any], values: Iterable[Any]) -> None:
        self._undo.append((rows, len(rows), MISSING))
        rows.extend(values)

    def _next_id(self, table: str) -> int:
        """A number that was never given out before."""
        last_ids = self._db.last_ids
        number = last_ids.get(table, 0) + 1
        self._put(last_ids, table, number)
        return number

    def end(self) -> None:
        """Take no more calls."""
        self._db = ENDED
