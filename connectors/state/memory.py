"""The sync's memory and the platform's tables in memory: the port of `SqlState` without a database.

For the simulator, which runs tens of thousands of cycles a minute, and for users' own tests. It
answers as SQLite does (tests/contract/test_state_contract.py holds it to that), and it refuses what
the stricter PostgreSQL refuses. One transaction is open at a time, and everything runs in one
thread; where SQL would make a second worker wait, an assertion fails here.

    database = MemoryDatabase(connection)
    state = MemoryState(database, connection, clock, run_id="run", holder="worker")
    people = MemoryPeople(database, clock)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import TracebackType
from typing import Self

from connectors.ports import Clock, CompanyFacts
from connectors.state.memory_links import MemoryLinks
from connectors.state.memory_people import MemoryPeople, PlatformPeople
from connectors.state.memory_platform import MemoryPlatform
from connectors.state.memory_reviews import MemoryReviews
from connectors.state.memory_revisions import MemoryRevisions
from connectors.state.memory_store import (
    ENDED,
    ConstraintError,
    Lease,
    MemoryDatabase,
    RunRow,
    Snapshot,
    UnsealedNote,
    undo_to,
)
from connectors.state.platform_port import PlatformPort
from connectors.state.port import Connection, Unit, lease_busy, lease_lost
from models.audit import GENESIS, AuditEntry, AuditNote, chained
from models.errors import BrakeError, CorruptStateError
from models.plan import Link, fit_together
from models.words import Side

__all__ = [
    "ConstraintError",
    "MemoryDatabase",
    "MemoryPeople",
    "MemoryState",
    "MemoryUnit",
    "PlatformPeople",
    "Snapshot",
]


@dataclass
class MemoryState:
    """Opens transactions for one connection and one run; implements `State`."""

    database: MemoryDatabase
    connection: Connection
    clock: Clock
    run_id: str
    #: Who holds the lease, for people.
    holder: str
    epoch: int = field(default=0)

    def __post_init__(self) -> None:
        assert self.connection.id == self.database.connection.id, "another connection's database"

    def begin(self) -> AbstractContextManager[Unit]:
        """One transaction; refused once another worker has taken the company over."""
        return MemoryUnit(self)

    def take_lease(self, duration: timedelta) -> None:
        """Become the only worker, or renew."""
        database = self.database
        assert database.open_unit is None, "a transaction is open: taking the lease would wait"
        now = self.clock.now()
        expires_at = now + duration
        lease = database.lease.get(True)
        if lease is None:
            self.epoch = 1
        elif self.epoch:
            if lease.epoch != self.epoch:
                raise lease_lost(self.connection.name)
        else:
            if lease.holder is not None and lease.expires_at is not None and lease.expires_at > now:
                raise lease_busy(self.connection.name, lease.holder, lease.expires_at)
            self.epoch = lease.epoch + 1
        database.lease[True] = Lease(self.holder, self.epoch, expires_at)

    def release_lease(self) -> None:
        """Give the company free, if it is still ours."""
        database = self.database
        assert database.open_unit is None, "a transaction is open: releasing the lease would wait"
        lease = database.lease.get(True)
        if lease is not None and lease.epoch == self.epoch:
            database.lease[True] = Lease(None, lease.epoch, None)
        self.epoch = 0

    def check_epoch(self, epoch: int) -> None:
        """Refuse a worker that lost its lease (invariant I14).

        Raises:
            BrakeError: another worker has taken over.
        """
        lease = self.database.lease.get(True)
        if lease is None or lease.epoch != epoch:
            raise lease_lost(self.connection.name)


class MemoryUnit(MemoryReviews, MemoryRevisions, MemoryLinks):
    """One transaction over a connection's state and its company's platform tables."""

    __slots__ = ("_platform", "_state", "is_open")

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._db = state.database
        self._undo = []
        self._run_id = state.run_id
        self.epoch = state.epoch
        self._connection = state.connection
        self._platform: MemoryPlatform | None = None
        self.is_open = False

    @property
    def platform(self) -> PlatformPort:
        """The platform's tables within it; most transactions have nothing to do with them."""
        if self._platform is None:
            self._platform = MemoryPlatform(self._db, self._undo, self.now)
        return self._platform

    def __enter__(self) -> Self:
        """Begin, where no other transaction is open and the lease is still ours."""
        database = self._db
        assert database.open_unit is None, (
            "a transaction is open: a second one would wait; abandon() it if its worker is dead"
        )
        if self.epoch:
            self._state.check_epoch(self.epoch)
        self.now = self._state.clock.now()
        database.open_unit, self.is_open = self, True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Commit, or roll back on an exception and where the lease was lost meanwhile."""
        if kind is not None:
            self.roll_back()
            return
        assert self.is_open, "this transaction was abandoned and cannot be committed"
        if self.epoch:
            try:
                self._state.check_epoch(self.epoch)
            except BrakeError:
                self.roll_back()
                raise
        self._finish()

    def roll_back(self) -> None:
        """Undo what was done, and take no more calls; nothing happens where it has ended."""
        if self.is_open:
            undo_to(self._undo, 0)
            self._finish()

    def _finish(self) -> None:
        """Take no more calls."""
        self._db.open_unit = None
        self.is_open = False
        self._db = ENDED
        if self._platform is not None:
            self._platform.end()

    def join_links(self, kept: int, dropped: int) -> Link:
        """Make one link of two half links; what was noted about the other goes over to it."""
        db = self._db
        first, second = db.links.get(kept), db.links.get(dropped)
        if first is None or second is None or not fit_together(first, second):
            raise CorruptStateError(f"links {kept} and {dropped} are no two halves of one record")
        if dropped in db.open_intent_of:
            raise CorruptStateError(f"a write of link {dropped} is not settled")
        self.unpark([dropped])
        self._move_notes(kept, dropped)
        side = Side.PLATFORM if first.platform_id is None else Side.QUICKBOOKS
        side_id = second.side_id(side) or ""
        self._drop(db.links, dropped)
        self._drop(self._ids_on(side), (second.record_type, side_id))
        self.complete_link(kept, side, side_id)
        return db.links[kept]

    def _move_notes(self, kept: int, dropped: int) -> None:
        """Let all that refers to one link refer to another one."""
        db = self._db
        for number, alert in list(db.alerts.items()):
            if alert.link_id == dropped:
                self._put(db.alerts, number, replace(alert, link_id=kept))
        for number, conflict in list(db.conflicts.items()):
            if conflict.link_id == dropped:
                self._put(db.conflicts, number, replace(conflict, link_id=kept))
        for number, revision in list(db.revisions.items()):
            if revision.link_id == dropped:
                self._put(db.revisions, number, replace(revision, link_id=kept))
        for intent_id, row in list(db.intents.items()):
            if row.intent.link_id == dropped:
                moved = replace(row.intent, link_id=kept)
                self._put(db.intents, intent_id, replace(row, intent=moved))

    # -- cursors, facts and names --

    def cursors(self) -> Mapping[tuple[str, Side], str]:
        """How far each side was read, by record type and side."""
        return self._db.cursors.copy()

    def set_cursors(self, positions: Mapping[tuple[str, Side], str]) -> None:
        """Note how far sides were read."""
        self._put_all(self._db.cursors, positions)

    def save_facts(self, facts: CompanyFacts) -> None:
        """Remember what QuickBooks says about the company."""
        self._put(self._db.facts, True, facts)  # noqa: FBT003 - the only key

    def named_references(self) -> dict[str, dict[str, str]]:
        """Entity -> id -> name."""
        return {entity: dict(names) for entity, names in self._db.named_references.items()}

    def save_named_references(self, entity: str, names: Mapping[str, str]) -> None:
        """Replace the names of an entity."""
        if names:
            kept = {quickbooks_id: name[:200] for quickbooks_id, name in names.items()}
            self._put(self._db.named_references, entity, kept)
        elif entity in self._db.named_references:
            self._drop(self._db.named_references, entity)

    # -- the log and the runs --

    def audit(self, notes: Sequence[AuditNote]) -> list[int]:
        """Append to the audit log; the entries' numbers."""
        if not notes:
            return []
        first = len(self._db.audit) + 1
        numbers = list(range(first, first + len(notes)))
        log = self._db.audit
        if not self._db.hashing:
            self._append(log, [UnsealedNote(self.now, self._run_id, note) for note in notes])
            return numbers
        last = log[-1] if log else None
        assert last is None or isinstance(last, AuditEntry), "hashing was switched on half way"
        entries = chained(
            notes,
            connection_id=self._connection.id,
            after_number=len(log),
            after_hash=last.hash if last else GENESIS,
            at=self.now.isoformat(timespec="microseconds"),
            run_id=self._run_id,
        )
        self._append(log, entries)
        return numbers

    def entries_of_run(self, run_id: str) -> list[AuditEntry]:
        """What a run has logged, oldest first."""
        return [each for each in self._db.audit_entries() if each.run_id == run_id]

    def has_run(self, run_id: str) -> bool:
        """Whether there was such a run."""
        return run_id in self._db.runs

    def start_run(self, flow: str) -> None:
        """Note that this run has begun."""
        if self._run_id in self._db.runs:
            raise ConstraintError(f"there is a run {self._run_id} already")
        self._put(self._db.runs, self._run_id, RunRow(self._run_id, flow, self.now))

    def finish_run(self, state: str, summary: Mapping[str, object], error: str | None) -> None:
        """Note how this run ended."""
        run = self._db.runs.get(self._run_id)
        if run is not None:
            ended = RunRow(run.id, run.flow, run.started_at, state, self.now, summary, error)
            self._put(self._db.runs, self._run_id, ended)
