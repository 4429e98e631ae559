"""The state port in a simulation: pauses, crashes and database faults around each transaction.

Within a transaction nobody else can see or write anything, so an actor pauses only before it begins
and after it has committed. The list of all port calls, for the crash points, is kept by `calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.exc import SQLAlchemyError

from connectors.state.memory import MemoryState, MemoryUnit
from connectors.state.memory_platform import MemoryPlatform
from connectors.state.memory_store import MemoryDatabase, Undo
from connectors.state.platform_port import PlatformPort, PlatformWrite, Written
from connectors.state.port import Connection, LinkUpdate, State, Unit
from models.errors import RecordError
from tests.simulation.actors import Killed

if TYPE_CHECKING:
    from tests.simulation.world import World


class DatabaseFaultError(SQLAlchemyError):
    """The database could not be used: as a DBAPIError, it stops the run and nothing else."""


class Cancelled(BaseException):
    """The run was cancelled, as Prefect does it: an exception at any place."""


class SimState:
    """One worker's way to the state; implements `State`."""

    def __init__(self, world: World, inner: State, worker: str) -> None:
        self.world = world
        self._inner = inner
        self._worker = worker
        self._is_memory = type(inner) is MemoryState

    @property
    def connection(self) -> Connection:
        """The connection."""
        return self._inner.connection

    @property
    def run_id(self) -> str:
        """The run."""
        return self._inner.run_id

    def begin(self) -> AbstractContextManager[Unit]:
        """A transaction that may fail at its beginning and at its end."""
        if self._is_memory and not self.world.calls.listening:
            return WatchedUnit(self.world, self._inner)  # type: ignore[arg-type]
        return _Transaction(self.world, self._inner)  # type: ignore[return-value]

    def take_lease(self, duration: timedelta) -> None:
        """Become the only worker, or renew."""
        self.world.occasion("take_lease")
        with self.world.calls.around("take_lease"):
            self._inner.take_lease(duration)
        self.world.has_lease(self._worker)

    def release_lease(self) -> None:
        """Let another worker have the connection."""
        self.world.occasion("release_lease")
        with self.world.calls.around("release_lease"):
            self._inner.release_lease()


class _Transaction:
    """The block of a transaction, with what may go wrong around it."""

    __slots__ = ("_block", "_inner", "_unit", "_world")

    def __init__(self, world: World, inner: State) -> None:
        self._world, self._inner = world, inner

    def __enter__(self) -> SimUnit:
        about_to_begin(self._world)
        self._block = self._inner.begin()
        self._unit = SimUnit(self._world, self._block.__enter__())
        self._world.calls.note("begin")
        return self._unit

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        world, block, unit = self._world, self._block, self._unit
        if error is not None:
            return block.__exit__(kind, error, trace)
        try:
            if world.database_fails:
                world.maybe_fail("commit_failed", "disk_full")
            number = world.calls.before("commit")
            if unit.updates or unit.writes:
                world.oracle.about_to_commit(unit)
        except BaseException as failure:
            if not block.__exit__(type(failure), failure, failure.__traceback__):
                raise
        block.__exit__(None, None, None)
        world.oracle.committed(self._inner.epoch)
        world.calls.after("commit", number)
        has_committed(world)
        return None


def about_to_begin(world: World) -> None:
    """Others go on before a transaction begins, and the database may fail."""
    world.occasion("begin")
    if world.database_fails:
        world.maybe_fail("begin_failed")


def has_committed(world: World) -> None:
    """The answer to a commit may be lost, and others go on."""
    if world.database_fails:
        world.maybe_fail("commit_unknown")
    world.occasion("committed")


#: Record type and id of a row, and what was written to it.
SeenWrite = tuple[str, str, PlatformWrite]


class WatchedPlatform(MemoryPlatform):
    """The platform's tables in memory, which note what is written."""

    __slots__ = ("writes",)

    def __init__(
        self, database: MemoryDatabase, undo: Undo, now: datetime, writes: list[SeenWrite]
    ) -> None:
        super().__init__(database, undo, now)
        self.writes = writes

    def write(self, write: PlatformWrite) -> Written:
        """Write, and remember."""
        row_id, version = super().write(write)
        self.writes.append((write.record_type.name, row_id, write))
        return row_id, version


class WatchedUnit(MemoryUnit):
    """A transaction in memory that is both: the block of `_Transaction` and its `SimUnit`.

    It is there for volume, in a schedule's hundred transactions of which nobody hears each call.
    """

    __slots__ = ("_world", "updates", "writes")

    def __init__(self, world: World, state: MemoryState) -> None:
        super().__init__(state)
        self._world = world
        self.updates: list[LinkUpdate] = []
        #: Rows that were written in it.
        self.writes: list[SeenWrite] = []

    def __enter__(self) -> Self:
        about_to_begin(self._world)
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.roll_back()
            return
        world = self._world
        try:
            if world.database_fails:
                world.maybe_fail("commit_failed", "disk_full")
            if self.updates or self.writes:
                world.oracle.about_to_commit(self)
        except BaseException:
            self.roll_back()
            raise
        super().__exit__(None, None, None)
        world.oracle.committed(self.epoch)
        has_committed(world)

    @property
    def platform(self) -> PlatformPort:
        """The platform's tables within it, which note what is written."""
        if self._platform is None:
            self._platform = WatchedPlatform(self._db, self._undo, self.now, self.writes)
        return self._platform

    def save_links(self, updates: Sequence[LinkUpdate]) -> None:
        """Save, and remember."""
        self.updates.extend(updates)
        super().save_links(updates)


class SimUnit:
    """Any unit, watched: links that are saved, and rows that are written; and every call heard."""

    __slots__ = ("_inner", "_world", "platform", "updates", "writes")

    def __init__(self, world: World, inner: Unit) -> None:
        self._world = world
        self._inner = inner
        self.updates: list[LinkUpdate] = []
        self.writes: list[SeenWrite] = []
        self.platform = SimPlatform(world, inner.platform, self.writes)

    def save_links(self, updates: Any) -> None:
        """Pass on, and remember."""
        self.updates.extend(updates)
        with self._world.calls.around("save_links"):
            self._inner.save_links(updates)

    def __getattr__(self, name: str) -> Any:
        """Pass everything else on."""
        found = getattr(self._inner, name)
        if not self._world.calls.listening or not callable(found):
            return found
        return self._world.calls.wrapped(name, found)


class SimPlatform:
    """The platform's tables, watched."""

    __slots__ = ("_inner", "_world", "_writes")

    def __init__(self, world: World, inner: Any, writes: list[SeenWrite]) -> None:
        self._world = world
        self._inner = inner
        self._writes = writes

    def write(self, write: PlatformWrite) -> Written:
        """Pass on, and remember."""
        with self._world.calls.around("platform.write"):
            row_id, version = self._inner.write(write)
            self._writes.append((write.record_type.name, row_id, write))
        return row_id, version

    def write_all(self, writes: Sequence[PlatformWrite]) -> list[Written | RecordError]:
        """Pass on, and remember what was written."""
        with self._world.calls.around("platform.write_all"):
            outcomes = self._inner.write_all(writes)
        for write, outcome in zip(writes, outcomes, strict=True):
            if not isinstance(outcome, RecordError):
                self._writes.append((write.record_type.name, outcome[0], write))
        return outcomes

    def __getattr__(self, name: str) -> Any:
        """Pass everything else on."""
        found = getattr(self._inner, name)
        if not self._world.calls.listening or not callable(found):
            return found
        return self._world.calls.wrapped(f"platform.{name}", found)


class Calls:
    """Hears every call of a port, for the list of all crash points."""

    def __init__(self) -> None:
        self.listening = False
        self.count = 0
        self._before: Callable[[str], None] = _nobody
        self._after: Callable[[str, int], None] = _nobody

    def listen(
        self,
        before: Callable[[str], None] | None = None,
        after: Callable[[str], None] | None = None,
        after_number: Callable[[str, int], None] | None = None,
    ) -> None:
        """Tell of each call before and after it, afterwards with its number."""
        self.listening, self.count = True, 0
        self._before = before or _nobody
        self._after = after_number or _nobody
        if after is not None:
            self._after = lambda name, _number: after(name)

    def deaf(self) -> None:
        """Tell of no further calls."""
        self.listening = False

    def before(self, name: str) -> int:
        """A call is about to be made; its number."""
        if self.listening:
            self.count += 1
            number = self.count
            self._before(name)
            return number
        return 0

    def after(self, name: str, number: int) -> None:
        """A call was made."""
        if self.listening and number:
            self._after(name, number)

    def note(self, name: str) -> None:
        """A call was made, all at once."""
        self.after(name, self.before(name))

    def around(self, name: str) -> AbstractContextManager[None]:
        """A call that may be crashed at on both sides."""
        return self._heard(name) if self.listening else _UNHEARD

    @contextmanager
    def _heard(self, name: str) -> Iterator[None]:
        number = self.before(name)
        yield
        self.after(name, number)

    def wrapped(self, name: str, call: Any) -> Any:
        """A call that is heard."""

        def heard(*arguments: Any, **options: Any) -> Any:
            with self.around(name):
                return call(*arguments, **options)

        return heard


_UNHEARD = nullcontext()


def _nobody(*_arguments: Any) -> None:
    """Nobody listens."""


__all__ = [
    "Calls",
    "Cancelled",
    "DatabaseFaultError",
    "Killed",
    "SimState",
    "SimUnit",
    "WatchedUnit",
]
