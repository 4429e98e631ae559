"""Intents and attempts in SQL: each write to QuickBooks, stored before it is sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, and_, bindparam, insert, or_, select, update

from connectors.platform.sql import chunks
from connectors.state.scope import Rows
from models.codecs import dump_conflicts, load_conflicts
from models.errors import CorruptStateError
from models.intent import Attempt, Intent, request_id_of
from models.record_type import catalog
from models.tables import sync as tables
from models.words import IntentState, Operation

#: Spelt out, because a statement for many rows cannot have a list in it.
_IS_OPEN = or_(*(tables.intents.c.state == each for each in tables.INTENT_STATES_OPEN))
# Asked in every cycle: to build a statement takes longer than the database needs for it
_OPEN = (
    select(tables.intents)
    .where(tables.intents.c.connection_id == bindparam("of"), _IS_OPEN)
    .order_by(tables.intents.c.created_at, tables.intents.c.id)
)


class IntentRows(Rows):
    """The part of a unit that keeps intents."""

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
                    "fields": json.dumps(sorted(each.fields)),
                    "marker": each.marker,
                    "far_since": each.far_since,
                    "conflicts": dump_conflicts(each.conflicts, each.edited_at)
                    if each.conflicts
                    else None,
                    "request_id": each.request_id,
                    "attempts": 0,
                    "planned_version": planned.get(each.id),
                    "created_at": self._now,
                    "run_id": self._scope.run_id,
                    "epoch": self._scope.epoch,
                }
                for each in intents
            ],
        )

    def mark_sent(self, intents: Sequence[Intent]) -> list[Intent]:
        """Record a send before it leaves."""
        if not intents:
            return []
        rows = [_sent(each) for each in intents]
        table = tables.intents
        planned = and_(
            table.c.id == bindparam("of"),
            table.c.attempts == bindparam("sent_before"),
            _IS_OPEN,
        )
        sent = update(table).where(planned).values(state=IntentState.SENT, sent_at=self._now)
        done = self._sql.execute(sent, rows)
        if done.rowcount != len(rows):
            raise CorruptStateError(f"{_one_of(rows)} is closed or was sent meanwhile")
        self._sql.execute(
            insert(tables.attempts),
            [
                {
                    "intent_id": each["of"],
                    "number": each["attempts"],
                    "request_id": each["request_id"],
                    "sent_at": self._now,
                }
                for each in rows
            ],
        )
        return [
            replace(each, state=IntentState.SENT, attempts=each.attempts + 1, sent_at=self._now)
            for each in intents
        ]

    def close_intent(self, intent_id: str, state: IntentState, attempt: Attempt) -> None:
        """Record how a send ended."""
        self.close_intents([(intent_id, state, attempt)])

    def close_intents(self, ends: Sequence[tuple[str, IntentState, Attempt]]) -> None:
        """Record how sends ended."""
        if not ends:
            return
        rows = [
            {
                "of": intent_id,
                "state": state.value,
                "closed_at": None if state in tables.INTENT_STATES_OPEN else self._now,
                "error": attempt.fault or None,
            }
            for intent_id, state, attempt in ends
        ]
        intents, attempts = tables.intents, tables.attempts
        still_open = and_(
            intents.c.id == bindparam("of"),
            intents.c.connection_id == self._id,
            _IS_OPEN,
        )
        done = self._sql.execute(update(intents).where(still_open), rows)
        if done.rowcount != len(rows):
            raise CorruptStateError(f"{_one_of(rows)} is closed already")
        unanswered = and_(attempts.c.intent_id == bindparam("of"), attempts.c.answered_at.is_(None))
        self._sql.execute(
            update(attempts).where(unanswered).values(answered_at=self._now),
            [
                {
                    "of": intent_id,
                    "outcome": attempt.outcome,
                    "intuit_tid": attempt.intuit_tid or None,
                    "fault": attempt.fault or None,
                }
                for intent_id, _, attempt in ends
            ],
        )

    def open_intents(self) -> list[Intent]:
        """Intents that are neither acknowledged nor rejected."""
        rows = self._sql.execute(_OPEN, {"of": self._id})
        return [_intent(row) for row in rows]

    def intents_marked(self, markers: Collection[str]) -> dict[str, Intent]:
        """The newest create of each of these markers, open or closed."""
        intents = tables.intents
        found: dict[str, Intent] = {}
        for some in chunks(sorted(markers)):
            rows = self._sql.execute(
                select(intents)
                .where(
                    intents.c.connection_id == self._id,
                    intents.c.marker.in_(some),
                    intents.c.operation == Operation.CREATE.value,
                )
                .order_by(intents.c.created_at, intents.c.id)
            )
            found.update((row.marker, _intent(row)) for row in rows)
        return found


def _sent(intent: Intent) -> dict[str, Any]:
    """What a stored intent becomes by being sent once more."""
    number = intent.attempts + 1
    request_id = request_id_of(intent.id, number)
    return {
        "of": intent.id,
        "sent_before": intent.attempts,
        "attempts": number,
        "generation": int(request_id.rpartition("-")[2]),
        "request_id": request_id,
    }


def _one_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """How a message names intents of which one is at fault."""
    ids = [str(each["of"]) for each in rows]
    return f"intent {ids[0]}" if len(ids) == 1 else f"one of the intents {', '.join(ids)}"


def _intent(row: Row[Any]) -> Intent:
    conflicts, edited_at = (
        load_conflicts(catalog()[row.record_type], row.conflicts) if row.conflicts else ((), {})
    )
    return Intent(
        id=row.id,
        link_id=row.link_id,
        record_type=row.record_type,
        operation=Operation(row.operation),
        state=IntentState(row.state),
        payload=row.payload,
        payload_hash=row.payload_hash,
        fields=frozenset(json.loads(row.fields)),
        marker=row.marker,
        far_since=row.far_since,
        created_at=row.created_at,
        conflicts=conflicts,
        edited_at=edited_at,
        attempts=row.attempts,
        sent_at=row.sent_at,
    )
