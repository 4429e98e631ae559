"""The QuickBooks port in a simulation: whatever can go wrong on the way, around either company.

A call takes virtual time before and after its effect. A write may be lost on the way, its answer
may be lost, it may land much later, or only some items of a batch come back. What the far side's
journal then holds is noted with the intent that it was for: that is what the oracle goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.ports import (
    Changes,
    CompanyFacts,
    Payload,
    QuickBooksPort,
    RemoteAnswer,
    RemoteWrite,
)
from connectors.quickbooks.faults import local_error
from models.errors import (
    DisconnectedError,
    Fault,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryLaterError,
)
from models.intent import SEND_WINDOW_DIVISOR
from models.words import Operation
from tests.simulation.draws import FAULTS
from tests.simulation.profile import FLIGHT_SECONDS
from tests.simulation.touching import touch

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

#: An ordinary call's way there, and back.
WAY_SECONDS = 0.2
#: A slow one's: QuickBooks gives up after two minutes.
SLOW_SECONDS = 60.0
THROTTLED = Fault("3001", "ThrottleExceeded", status=429)
#: How late QuickBooks may show a change, and how old a copy it may answer from.
LATE_SECONDS = 120.0


class SimQuickBooks:
    """One worker's way to QuickBooks; implements `QuickBooksPort`."""

    def __init__(self, world: World, inner: QuickBooksPort) -> None:
        self.world = world
        self.inner = inner
        self.meter = inner.meter

    # -- reads --

    def company(self) -> CompanyFacts:
        """Who is behind the token."""
        return self._read("company", self.inner.company)

    def changes(self, entities: Sequence[str], since: datetime) -> Changes:
        """What changed; perhaps late, perhaps twice."""

        def ask() -> Changes:
            changes = self.inner.changes(entities, since)
            if changes.overflowed:
                self.world.hit("change_answer_full")
            return self._spoilt(changes)

        return self._read("changes", ask)

    def _spoilt(self, changes: Changes) -> Changes:
        world = self.world
        if world.fails("changes_repeated"):
            doubled = {name: [*rows, *rows] for name, rows in changes.records.items()}
            changes = replace(changes, records=doubled)
        if world.fails("unknown_field"):
            strange = {"NewThing": {"value": "7", "since": None}, "domain": ["QBO"]}
            grown = {
                name: [{**row, **strange} for row in rows] for name, rows in changes.records.items()
            }
            changes = replace(changes, records=grown)
        if world.fails("false_delete"):
            changes = self._with_false_delete(changes)
        if world.fails("late_change"):
            # what is younger than this shows only in a later answer
            limit = changes.server_time - timedelta(seconds=LATE_SECONDS)
            kept = {
                name: [row for row in rows if world.updated_at(row) <= limit]
                for name, rows in changes.records.items()
            }
            changes = replace(changes, records=kept)
        return changes

    def _with_false_delete(self, changes: Changes) -> Changes:
        """CDC has called living records deleted (quickbooks-api, section 5)."""
        entities = [name for name, rows in changes.records.items() if rows]
        if not entities:
            return changes
        name = entities[self.world.draws.pick(FAULTS, "false_entity", len(entities))]
        *kept, wrong = changes.records[name]
        records = {**changes.records, name: kept}
        deleted = {**changes.deleted, name: [*changes.deleted.get(name, ()), str(wrong["Id"])]}
        return replace(changes, records=records, deleted=deleted)

    def query(
        self, entity: str, where: str = "", *, order_by: str = "Id", all_states: bool = True
    ) -> tuple[list[Payload], datetime]:
        """Records that fit."""
        return self._read(
            f"query {entity}",
            lambda: self.inner.query(entity, where, order_by=order_by, all_states=all_states),
        )

    def query_all(self, entities: Sequence[str]) -> Iterator[tuple[str, list[Payload], datetime]]:
        """All records of several entities, one after the other."""
        for entity in entities:
            yield entity, *self.query(entity)

    def read(self, entity: str, record_id: str) -> Payload | None:
        """One record; perhaps an older copy of it."""

        def ask() -> Payload | None:
            found = self.inner.read(entity, record_id)
            if found is not None and self.world.fails("old_reading"):
                return self.world.older_copy(entity, record_id) or found
            return found

        return self._read(f"read {entity} {record_id}", ask)

    def download(self, record_id: str, *, bytes_max: int) -> bytes:
        """The file of an attachment."""
        return self._read(
            f"download {record_id}", lambda: self.inner.download(record_id, bytes_max=bytes_max)
        )

    def _read(self, label: str, ask: Callable[[], T]) -> T:
        world = self.world
        world.occasion(label, self._way())
        with world.calls.around(f"quickbooks.{label.partition(' ')[0]}"):
            if world.fails("server_error_before") or world.fails("throttle"):
                raise RetryLaterError(THROTTLED, wait_seconds=2)
            if world.fails("disconnected"):
                raise DisconnectedError(Fault("3100", "no permission", status=403))
            answer = ask()
        # the answer tells of the moment at which it was made, however long its way back is
        world.occasion(f"{label} answered", self._way())
        return answer

    # -- writes --

    def post(self, write: RemoteWrite) -> RemoteAnswer:
        """One write."""
        (answer,) = self._write([write], lambda some: [self.inner.post(some[0])])
        return answer

    def batch(self, writes: Sequence[RemoteWrite], request_id: str) -> list[RemoteAnswer]:
        """Several writes in one call."""
        return self._write(writes, lambda some: self.inner.batch(some, request_id))

    def _write(
        self,
        writes: Sequence[RemoteWrite],
        send: Callable[[Sequence[RemoteWrite]], list[RemoteAnswer]],
    ) -> list[RemoteAnswer]:
        world = self.world
        first, several = writes[0], len(writes) > 1
        label = f"{first.operation} {first.entity}" + (f" x{len(writes)}" if several else "")
        world.oracle.about_to_send(writes)
        world.occasion(f"send {label}")
        if first.deadline is not None and world.clock.monotonic() > first.deadline:
            world.hit("zombie")
            return _all(writes, local_error("too_late", write=True))
        name = "quickbooks.batch" if several else "quickbooks.post"
        with world.calls.around(name):
            answers = self._sent(writes, send, label)
        world.occasion(f"{label} answered", self._way())
        return answers

    def _sent(
        self,
        writes: Sequence[RemoteWrite],
        send: Callable[[Sequence[RemoteWrite]], list[RemoteAnswer]],
        label: str,
    ) -> list[RemoteAnswer]:
        world = self.world
        # whoever waits cannot be paused beyond it
        world.scheduler.pause(self._way(), f"{label} on its way")
        refusal = self._refused_at_the_door(writes)
        if refusal is not None:
            return refusal
        if world.fails("timeout_before"):
            return _all(writes, lost())
        if world.fails("late_landing"):
            window = FLIGHT_SECONDS * (1 - 1 / SEND_WINDOW_DIVISOR) - SLOW_SECONDS
            delay = world.draws.upto(FAULTS, "landing", window)
            world.land_later(delay, label, lambda: self.effect(writes, send))
            return _all(writes, lost())
        world.meddle(writes)
        answers = self.effect(writes, send)
        return self._spoilt_answers(writes, answers)

    def _refused_at_the_door(self, writes: Sequence[RemoteWrite]) -> list[RemoteAnswer] | None:
        world = self.world
        if world.fails("throttle") or world.fails("server_error_before"):
            return _all(writes, RetryLaterError(THROTTLED, wait_seconds=1))
        if world.fails("token_expired"):
            world.hit("token_race")
            return _all(writes, RetryLaterError(Fault("3200", "token expired", status=401)))
        if world.fails("disconnected"):
            return _all(writes, DisconnectedError(Fault("3100", "no permission", status=403)))
        if world.fails("refused"):
            return _all(writes, RejectedError(Fault("6000", "business validation error")))
        return None

    def effect(
        self,
        writes: Sequence[RemoteWrite],
        send: Callable[[Sequence[RemoteWrite]], list[RemoteAnswer]],
    ) -> list[RemoteAnswer]:
        """What QuickBooks does, noted with the intents that it was for."""
        world = self.world
        seen = len(world.books.journal)
        answers = send(writes)
        world.oracle.note_effects(writes, answers, seen)
        touch(world, seen)
        return answers

    def _spoilt_answers(
        self, writes: Sequence[RemoteWrite], answers: list[RemoteAnswer]
    ) -> list[RemoteAnswer]:
        world = self.world
        if world.fails("answer_lost") or world.fails("server_error_after"):
            return _all(writes, lost())
        if len(writes) > 1:
            if world.fails("batch_lost"):
                return _all(writes, lost())
            return [
                RemoteAnswer(error=lost()) if world.fails("batch_item_lost") else each
                for each in answers
            ]
        return answers

    def _way(self) -> float:
        if self.world.fails("slow_call"):
            return self.world.draws.upto(FAULTS, "way", SLOW_SECONDS)
        return WAY_SECONDS


def lost() -> OutcomeUnknownError:
    """No answer came."""
    return OutcomeUnknownError(Fault("timeout", "no answer"))


def _all(writes: Sequence[RemoteWrite], error: RemoteError) -> list[RemoteAnswer]:
    return [RemoteAnswer(error=error) for _ in writes]


def is_create(write: RemoteWrite) -> bool:
    """Whether a write makes a record."""
    return write.operation is Operation.CREATE


__all__: list[Any] = ["SimQuickBooks", "is_create", "lost"]
