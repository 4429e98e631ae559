"""Slower and truer sides: the emulator's books, and the state in SQL beside the one in memory.

With the state in SQL every call of the port goes to both; the engine gets SQL's answer, and the two
answers must be equal. So the schedule that runs on SQL is the one that ran in memory, call by call.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import delete, null, update

from connectors.database import create_database_engine, migrate
from connectors.state.memory import MemoryState
from connectors.state.memory_people import LineValues, PlatformPeople, Values
from connectors.state.platform_port import Row
from connectors.state.port import Connection, State, Unit
from connectors.state.sql import SqlState
from models.errors import RecordError, SyncError
from models.tables import sync
from models.words import Operation
from tests.contract.state_worlds import SqlPeople, add_company
from tests.simulation.clock import VirtualClock
from tests.simulation.emulator_port import EmulatorBooks, EmulatorQuickBooks
from tests.simulation.oracle import Violation
from tests.simulation.profile import Profile
from tests.simulation.schedule import Base, prepared
from tests.simulation.sides import REALM_ID, Kept, MemorySides, small_sides


def slow_base(books: str, state: str, *, custom_numbers: bool) -> Base:
    """A company of these books and this state, set up and synced."""
    clock = VirtualClock()
    if books == "small":
        memory = small_sides(clock, custom_numbers=custom_numbers)
    else:
        memory = emulator_sides(clock, custom_numbers=custom_numbers)
    return prepared(memory if state == "memory" else SqlSides(memory))


def emulator_sides(clock: VirtualClock, *, custom_numbers: bool) -> MemorySides:
    """The true emulator behind the production client, with the state in memory."""
    books = EmulatorBooks(clock, custom_numbers=custom_numbers, realm_id=REALM_ID)
    sides = MemorySides(clock, books, lambda: EmulatorQuickBooks(books, clock))
    sides.database.facts[True] = EmulatorQuickBooks(books, clock).company()
    return sides


class SqlSides(MemorySides):
    """The state in a SQLite file as well, which each schedule copies anew."""

    def __init__(self, memory: MemorySides) -> None:
        super().__init__(memory.clock, memory.books, memory.open_quickbooks)
        self.database.facts.update(memory.database.facts)
        self._folder = Path(tempfile.mkdtemp(prefix="qbsync-simulation-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._copies = 0
        self._file = self._folder / "new.db"
        self.engine = create_database_engine(f"sqlite:///{self._file}")
        migrate(self.engine)
        with self.engine.begin() as transaction:
            add_company(transaction, self.clock.now())
            facts = self.facts()
        with SqlState(self.engine, self.connection, self.clock, "", "").begin() as unit:
            unit.save_facts(facts)
        self.forget_cursors()  # the first run asks which company it is, as in memory
        self._people()

    def _people(self) -> None:
        in_memory = MemorySides.people_of(self)
        in_sql = SqlPeople(self.engine, 1, self.clock)
        self.platform_people = BothPeople(in_memory, in_sql)

    def _copied(self) -> Path:
        """The file as it stands, by itself."""
        self.engine.dispose()  # closing the last connection folds the write-ahead log into it
        self._copies += 1
        copy = self._folder / f"{self._copies}.db"
        shutil.copyfile(self._file, copy)
        return copy

    def _open(self, file: Path) -> None:
        self.engine.dispose()
        for each in self._folder.glob("current.db*"):
            each.unlink()
        self._file = self._folder / "current.db"
        shutil.copyfile(file, self._file)
        self.engine = create_database_engine(f"sqlite:///{self._file}")
        self._people()

    def keep(self) -> Kept:
        """Everything as it is now."""
        kept = super().keep()
        return Kept(kept.books, (kept.database, self._copied()))

    def put_back(self, kept: Kept) -> None:
        """Everything as it was then."""
        memory, file = kept.database
        super().put_back(Kept(kept.books, memory))
        self._open(file)

    def keep_database(self) -> Any:
        """A backup of both."""
        return super().keep_database(), self._copied()

    def restore_database(self, kept: Any) -> None:
        """Restore a backup of both."""
        self._open(kept[1])
        super().restore_database(kept[0])

    def settle_for(self, profile: Profile) -> None:
        """Set what a profile says, in the database too."""
        super().settle_for(profile)
        with self.engine.begin() as transaction:
            settings = self.connection.settings.model_dump_json()
            transaction.execute(update(sync.connections).values(settings=settings))

    def forget_cursors(self) -> None:
        """Have everything read again, in both."""
        super().forget_cursors()
        with self.engine.begin() as transaction:
            transaction.execute(delete(sync.cursors))

    def age_intents(self) -> int:
        """Make open updates and deletes look as an older program stored them, in both."""
        intents = sync.intents
        aged = intents.c.state.in_(sync.INTENT_STATES_OPEN) & (
            intents.c.operation != Operation.CREATE
        )
        old = {"fields": "[]", "far_since": null(), "conflicts": null()}
        with self.engine.begin() as transaction:
            transaction.execute(update(intents).where(aged).values(old))
        return super().age_intents()

    def open_state(self, run_id: str, holder: str) -> State:
        """One worker's state: both."""
        in_memory = MemoryState(self.database, self.connection, self.clock, run_id, holder)
        in_sql = SqlState(self.engine, self.connection, self.clock, run_id, holder)
        return BothStates(in_memory, in_sql)  # type: ignore[return-value] # it passes calls on


class BothStates:
    """Two states that must say the same; implements `State`."""

    def __init__(self, memory: MemoryState, sql: SqlState) -> None:
        self._memory, self._sql = memory, sql

    @property
    def connection(self) -> Connection:
        """The connection."""
        return self._memory.connection

    @property
    def run_id(self) -> str:
        """The run."""
        return self._memory.run_id

    @property
    def epoch(self) -> int:
        """The lease's epoch."""
        return self._memory.epoch

    def begin(self) -> AbstractContextManager[Unit]:
        """A transaction in both."""
        return _BothTransactions(self._memory, self._sql)  # type: ignore[return-value]

    def take_lease(self, duration: timedelta) -> None:
        """The lease of both."""
        _both("take_lease", self._memory.take_lease, self._sql.take_lease, (duration,), {})

    def release_lease(self) -> None:
        """Give both free."""
        self._memory.release_lease()
        self._sql.release_lease()


class _BothTransactions:
    def __init__(self, memory: MemoryState, sql: SqlState) -> None:
        self._states = memory, sql

    def __enter__(self) -> Any:
        memory, sql = self._states
        self._blocks = memory.begin(), sql.begin()
        return _both("begin", self._blocks[0].__enter__, self._blocks[1].__enter__, (), {})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for block in reversed(self._blocks):
            block.__exit__(kind, error, trace)


class BothUnits:
    """Two units that must say the same."""

    def __init__(self, memory: Any, sql: Any) -> None:
        self._memory, self._sql = memory, sql
        self.now = memory.now

    @property
    def platform(self) -> Any:
        """The platform's tables of both."""
        return BothUnits.__new__(BothUnits)._of(self._memory.platform, self._sql.platform)

    def _of(self, memory: Any, sql: Any) -> BothUnits:
        self._memory, self._sql = memory, sql
        return self

    def __getattr__(self, name: str) -> Any:
        """A call that goes to both."""
        in_memory, in_sql = getattr(self._memory, name), getattr(self._sql, name)
        return lambda *arguments, **options: _both(name, in_memory, in_sql, arguments, options)


class BothPeople:
    """People who write both databases alike; implements `PlatformPeople`."""

    def __init__(self, memory: PlatformPeople, sql: PlatformPeople) -> None:
        self._memory, self._sql = memory, sql

    def insert(self, record_type: str, values: Values, lines: LineValues = ()) -> str:
        """Add a record with its lines; its id."""
        return str(self._do("insert", record_type, values, lines))

    def update(self, record_type: str, row_id: str, values: Values) -> None:
        """Change columns of a record."""
        self._do("update", record_type, row_id, values)

    def replace_lines(self, record_type: str, row_id: str, lines: LineValues) -> None:
        """Delete the lines of a record and add others."""
        self._do("replace_lines", record_type, row_id, lines)

    def delete(self, record_type: str, row_id: str) -> None:
        """Remove a record and its lines for good."""
        self._do("delete", record_type, row_id)

    def mark_deleted(self, record_type: str, row_id: str) -> None:
        """Say that a record is gone, and keep it."""
        self._do("mark_deleted", record_type, row_id)

    def attach(self, record_type: str, row_id: str, content: bytes) -> None:
        """Give a record its file."""
        self._do("attach", record_type, row_id, content)

    def all(self, record_type: str) -> list[Row]:
        """All records with their lines."""
        return self._memory.all(record_type)

    def _do(self, name: str, *arguments: Any) -> Any:
        """Memory first: it keeps PostgreSQL's lengths, which SQLite does not know."""
        answer = getattr(self._memory, name)(*arguments)
        same = getattr(self._sql, name)(*arguments)
        if answer != same:
            raise Violation("same trace", f"{name}{arguments}: memory {answer!r}, SQL {same!r}")
        return answer


def _both(
    name: str, in_memory: Any, in_sql: Any, arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    """Make a call on both; the answer, or the error, which must be the same."""
    answers, errors = [], []
    for call in (in_memory, in_sql):
        try:
            answers.append(call(*arguments, **options))
            errors.append("")
        except (SyncError, LookupError) as error:
            answers.append(error)
            errors.append(type(error).__name__)
    if errors[0] != errors[1]:
        raise Violation(
            "same trace", f"{name}{arguments}: memory {answers[0]!r}, SQL {answers[1]!r}"
        )
    if errors[0]:
        raise answers[0]
    memory, sql = answers
    if hasattr(memory, "open_intents"):
        return BothUnits(memory, sql)
    if _plain(memory) != _plain(sql):
        raise Violation("same trace", f"{name}{arguments}: memory {memory!r}, SQL {sql!r}")
    return memory


#: Columns that the database's own clock fills where the sync writes.
_BY_THE_DATABASE = frozenset({"updated_at", "deleted_at", "created_at"})


def _plain(answer: Any) -> Any:
    """An answer without what the database's own clock says, and without an order of its own.

    Nor with spaces at the end of a text: PostgreSQL, and so memory, cuts off those that are past
    the column's length; SQLite keeps them. Nor with the words of a refusal, which each database
    chooses itself: its type and its code are the answer.
    """
    if isinstance(answer, RecordError):
        return type(answer), answer.code
    if isinstance(answer, Row):
        values = {
            name: value.rstrip() if isinstance(value, str) else value
            for name, value in answer.values.items()
            if name not in _BY_THE_DATABASE
        }
        lines = [
            {name: value for name, value in line.items() if name != "id"}
            for line in answer.values["lines"]
        ]
        return replace(answer, updated_at=None, values={**values, "lines": lines})
    if isinstance(answer, Mapping):
        return {key: _plain(value) for key, value in answer.items()}
    if isinstance(answer, Collection) and not isinstance(answer, str | bytes | frozenset | set):
        return [_plain(each) for each in answer]
    return answer
