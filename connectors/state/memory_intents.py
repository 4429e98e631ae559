"""Intents, attempts and approvals in memory: each write to QuickBooks, stored before it is sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from connectors.state.memory_store import (
    AttemptRow,
    ConstraintError,
    IntentRow,
    MemoryDatabase,
    MemoryRows,
    Undo,
    undo_to,
)
from models.approval import Approval, ApprovalState
from models.errors import CorruptStateError, UsageError
from models.intent import Attempt, Intent, request_id_of
from models.tables import sync as tables
from models.words import IntentState, Operation

_OPEN = frozenset(tables.INTENT_STATES_OPEN)
#: What the table holds, by column.
_LENGTHS: dict[str, int] = {
    name: tables.intents.c[name].type.length  # type: ignore[attr-defined]
    for name in ("id", "record_type", "payload_hash", "request_id", "marker", "planned_version")
}


class MemoryIntents(MemoryRows):
    """The part of a unit that keeps intents, and plans that wait for a person."""

    __slots__ = ("_run_id", "epoch")

    def __init__(
        self, database: MemoryDatabase, undo: Undo, now: datetime, run_id: str, epoch: int
    ) -> None:
        super().__init__(database, undo, now)
        self._run_id = run_id
        self.epoch = epoch

    def add_intents(self, intents: Sequence[Intent], planned: Mapping[str, str]) -> None:
        """Store intents before anything is sent."""
        mark = len(self._undo)
        try:
            for each in intents:
                self._add_intent(each, planned.get(each.id))
        except ConstraintError:
            undo_to(self._undo, mark)
            raise

    def _add_intent(self, given: Intent, planned_version: str | None) -> None:
        db = self._db
        _check_lengths(given, planned_version)
        if given.id in db.intents:
            raise ConstraintError(f"there is an intent {given.id} already")
        if given.link_id not in db.links:
            raise ConstraintError(f"intent {given.id} is about link {given.link_id}: there is none")
        if given.link_id in db.open_intent_of:
            raise ConstraintError(f"link {given.link_id} has an open intent already")
        intent = replace(
            given,
            state=IntentState.PLANNED,
            far_since=in_utc(given.far_since),
            created_at=self.now,
            attempts=0,
            sent_at=None,
        )
        self._put(
            db.intents, given.id, IntentRow(intent, planned_version, self._run_id, self.epoch)
        )
        self._put(db.open_intents, given.id, intent)
        self._put(db.open_intent_of, given.link_id, given.id)
        if given.operation is Operation.CREATE:
            marked = db.marked.get(given.marker, ())
            self._put(db.marked, given.marker, (*marked, given.id))

    def mark_sent(self, intents: Sequence[Intent]) -> list[Intent]:
        """Record a send before it leaves."""
        return [self._mark_sent(each) for each in intents]

    def _mark_sent(self, given: Intent) -> Intent:
        number = given.attempts + 1
        request_id = request_id_of(given.id, number)
        stored = self._db.open_intents.get(given.id)
        if stored is None or stored.attempts != given.attempts:
            raise CorruptStateError(f"intent {given.id} is closed or was sent meanwhile")
        sent = replace(stored, state=IntentState.SENT, attempts=number, sent_at=self.now)
        row = self._db.intents[given.id]
        self._put(self._db.intents, given.id, row.with_intent(sent, row.closed_at, row.error))
        self._put(self._db.open_intents, given.id, sent)
        attempts = self._db.attempts.get(given.id, ())
        attempt = AttemptRow(number, request_id, self.now)
        self._put(self._db.attempts, given.id, (*attempts, attempt))
        return replace(given, state=IntentState.SENT, attempts=number, sent_at=self.now)

    def close_intents(self, ends: Sequence[tuple[str, IntentState, Attempt]]) -> None:
        """Record how sends ended."""
        for intent_id, state, attempt in ends:
            self.close_intent(intent_id, state, attempt)

    def close_intent(self, intent_id: str, state: IntentState, attempt: Attempt) -> None:
        """Record how a send ended."""
        db = self._db
        stored = db.open_intents.get(intent_id)
        if stored is None:
            raise CorruptStateError(f"intent {intent_id} is closed already")
        is_open = state in _OPEN
        intent = replace(stored, state=state)
        row = db.intents[intent_id].with_intent(
            intent, None if is_open else self.now, attempt.fault or None
        )
        self._put(db.intents, intent_id, row)
        if is_open:
            self._put(db.open_intents, intent_id, intent)
        else:
            self._drop(db.open_intents, intent_id)
            self._drop(db.open_intent_of, stored.link_id)
        if intent_id in db.attempts:
            answered = tuple(self._answered(each, attempt) for each in db.attempts[intent_id])
            self._put(db.attempts, intent_id, answered)

    def _answered(self, row: AttemptRow, attempt: Attempt) -> AttemptRow:
        if row.answered_at is not None:
            return row
        return AttemptRow(
            row.number,
            row.request_id,
            row.sent_at,
            answered_at=self.now,
            outcome=attempt.outcome,
            intuit_tid=attempt.intuit_tid or None,
            fault=attempt.fault or None,
        )

    def open_intents(self) -> list[Intent]:
        """Intents that are neither acknowledged nor rejected."""
        found = list(self._db.open_intents.values())
        if len(found) > 1:
            found.sort(key=_age)
        return found

    def intents_marked(self, markers: Collection[str]) -> dict[str, Intent]:
        """The newest create of each of these markers, open or closed."""
        intents, marked = self._db.intents, self._db.marked
        return {
            each: max((intents[intent_id].intent for intent_id in marked[each]), key=_age)
            for each in sorted(markers)
            if each in marked
        }

    # -- plans that a brake stopped --

    def approvals(self, states: Collection[ApprovalState]) -> list[Approval]:
        """Plans that a brake stopped and that are in one of these states, oldest first."""
        found = [each for each in self._db.approvals.values() if each.state in states]
        return sorted(found, key=lambda each: each.number)

    def add_approval(self, approval: Approval) -> Approval:
        """Store a plan that waits for a person; the same with its number."""
        added = replace(
            approval,
            number=self._next_id("approvals"),
            created_at=self.now,
            run_id=self._run_id,
        )
        stored = replace(
            added,
            rows=tuple(json.loads(json.dumps(approval.rows, default=str))),
            decided_at=None,
            decided_by="",
        )
        self._put(self._db.approvals, added.number, stored)
        return added

    def set_approval(
        self, number: int, expected: ApprovalState, state: ApprovalState, actor: str
    ) -> None:
        """Move a stored plan on, if it is still where it was seen."""
        stored = self._db.approvals.get(number)
        if stored is None or stored.state is not expected:
            raise UsageError(
                f"plan {number} is not {expected} any more; see `quickbooks-sync plan`"
            )
        decided = replace(stored, state=state, decided_at=self.now, decided_by=actor[:100])
        self._put(self._db.approvals, number, decided)


def _age(intent: Intent) -> tuple[datetime, str]:
    return intent.created_at, intent.id


def _check_lengths(intent: Intent, planned_version: str | None) -> None:
    held = (
        ("id", intent.id),
        ("record_type", intent.record_type),
        ("payload_hash", intent.payload_hash),
        ("request_id", intent.request_id),
        ("marker", intent.marker),
        ("planned_version", planned_version or ""),
    )
    for column, value in held:
        if len(value) > _LENGTHS[column]:
            raise ConstraintError(f"intents.{column} takes at most {_LENGTHS[column]} characters")


def in_utc(at: datetime | None) -> datetime | None:
    """An instant as the tables give it back.

    Raises:
        ValueError: it has no time zone, so it names no instant.
    """
    if at is None or at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat(' ')} has no time zone, so it names no instant")
    return at.astimezone(UTC)
