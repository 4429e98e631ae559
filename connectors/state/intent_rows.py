"""Intents and attempts in SQL: each write to QuickBooks, stored before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select, update

from connectors.state.port import Attempt, Intent
from connectors.state.scope import Rows
from models.errors import CorruptStateError
from models.tables import sync as tables
from models.words import IntentState, Operation


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

    def mark_sent(self, intents: Sequence[Intent]) -> None:
        """Record a send before it leaves."""
        for each in intents:
            number = self._sql.execute(
                update(tables.intents)
                .where(
                    tables.intents.c.id == each.id,
                    tables.intents.c.state.in_(tables.INTENT_STATES_OPEN),
                )
                .values(
                    state=IntentState.SENT.value,
                    attempts=tables.intents.c.attempts + 1,
                    sent_at=self._now,
                )
                .returning(tables.intents.c.attempts)
            ).scalar()
            if number is None:
                raise CorruptStateError(f"intent {each.id} is closed and cannot be sent again")
            self._sql.execute(
                insert(tables.attempts).values(
                    intent_id=each.id,
                    number=number,
                    request_id=each.request_id,
                    sent_at=self._now,
                )
            )

    def close_intent(self, intent_id: str, state: IntentState, attempt: Attempt) -> None:
        """Record how a send ended."""
        intents, attempts = tables.intents, tables.attempts
        is_open = state in tables.INTENT_STATES_OPEN
        self._sql.execute(
            update(intents)
            .where(intents.c.id == intent_id, intents.c.connection_id == self._id)
            .values(
                state=state.value,
                closed_at=None if is_open else self._now,
                error=attempt.fault or None,
            )
        )
        self._sql.execute(
            update(attempts)
            .where(attempts.c.intent_id == intent_id, attempts.c.answered_at.is_(None))
            .values(
                answered_at=self._now,
                outcome=attempt.outcome,
                intuit_tid=attempt.intuit_tid or None,
                fault=attempt.fault or None,
            )
        )

    def open_intents(self) -> list[Intent]:
        """Intents that are neither acknowledged nor rejected."""
        intents = tables.intents
        rows = self._sql.execute(
            select(intents)
            .where(
                intents.c.connection_id == self._id,
                intents.c.state.in_(tables.INTENT_STATES_OPEN),
            )
            .order_by(intents.c.created_at, intents.c.id)
        )
        return [
            Intent(
                id=row.id,
                link_id=row.link_id,
                record_type=row.record_type,
                operation=Operation(row.operation),
                state=IntentState(row.state),
                payload=row.payload,
                payload_hash=row.payload_hash,
                request_id=row.request_id,
                attempts=row.attempts,
                created_at=row.created_at,
                sent_at=row.sent_at,
            )
            for row in rows
        ]
