"""Recover: settle what the last run left open, before anything new is read.

An intent that was never sent is closed: its change is planned again. One that was sent and not
answered is looked for, and sent again under the same request id if it cannot be found. Either way
the record is handed to this cycle, which reads both sides and merges them.
"""

from __future__ import annotations

from datetime import datetime

from connectors.ports import RemoteAnswer, RemoteWrite
from connectors.quickbooks import exact_json
from connectors.state.port import Attempt, Intent, Parked
from models.errors import DisconnectedError, OutcomeUnknownError, RecordError, RetryLaterError
from models.record_type import catalog
from models.words import IntentState, Operation, Side
from tasks.context import Cycle
from tasks.load import adopt
from tasks.record import note_recovered


def recover(cycle: Cycle) -> int:
    """Settle open intents; how many there were."""
    with cycle.state.begin() as unit:
        intents = unit.open_intents()
    for intent in intents:
        if intent.state is IntentState.PLANNED:
            _close(cycle, intent, IntentState.REJECTED, "never_sent")
        else:
            _settle(cycle, intent)
    return len(intents)


def _settle(cycle: Cycle, intent: Intent) -> None:
    """Find out what became of a send without an answer."""
    record_type = catalog()[intent.record_type]
    try:
        if adopt(cycle, record_type, intent):
            _hand_over(cycle, intent)
            return
        answer = _send_again(cycle, intent)
    except RetryLaterError:
        # QuickBooks cannot be asked now: the intent stays open, and the next cycle asks again.
        return
    except RecordError as error:
        _hand_to_person(cycle, intent, error)
        return
    if isinstance(answer.error, DisconnectedError):
        raise answer.error
    if isinstance(answer.error, OutcomeUnknownError | RetryLaterError):
        return
    if answer.record is not None and intent.operation is Operation.CREATE:
        with cycle.state.begin() as unit:
            unit.complete_link(intent.link_id, Side.QUICKBOOKS, str(answer.record["Id"]))
    state = IntentState.ACKNOWLEDGED if answer.error is None else IntentState.REJECTED
    _close(cycle, intent, state, "recovered", answer)


def _send_again(cycle: Cycle, intent: Intent) -> RemoteAnswer:
    body = exact_json.decode(intent.payload)
    entity = catalog()[intent.record_type].entity
    with cycle.state.begin() as unit:
        unit.mark_sent([intent])
    return cycle.quickbooks.post(RemoteWrite(entity, intent.operation, body, intent.request_id))


def _close(
    cycle: Cycle,
    intent: Intent,
    state: IntentState,
    outcome: str,
    answer: RemoteAnswer | None = None,
) -> None:
    tid = answer.intuit_tid if answer else ""
    fault = str(answer.error) if answer and answer.error else ""
    with cycle.state.begin() as unit:
        unit.close_intent(
            intent.id, state, Attempt(intent.id, intent.request_id, outcome, tid, fault)
        )
        if state is IntentState.ACKNOWLEDGED:
            note_recovered(unit, intent)
    _hand_over(cycle, intent)


def _hand_over(cycle: Cycle, intent: Intent) -> None:
    """Have this cycle read both sides of the record and merge them."""
    error = RecordError(
        "the last run ended before QuickBooks's answer was recorded",
        code="recovered",
        fix="Nothing to do: it is read and merged again.",
    )
    _park(cycle, intent, error, next_attempt_at=cycle.clock.now())


def _hand_to_person(cycle: Cycle, intent: Intent, error: RecordError) -> None:
    """More than one record fits: nothing is sent again before a person has looked."""
    _park(cycle, intent, error, next_attempt_at=None)


def _park(
    cycle: Cycle, intent: Intent, error: RecordError, *, next_attempt_at: datetime | None
) -> None:
    with cycle.state.begin() as unit:
        unit.park(
            Parked(
                link_id=intent.link_id,
                record_type=intent.record_type,
                side=Side.PLATFORM,
                code=error.code,
                field=error.field,
                value=error.value,
                message=str(error),
                fix=error.fix,
                attempts=intent.attempts,
                since=cycle.clock.now(),
                next_attempt_at=next_attempt_at,
            )
        )
