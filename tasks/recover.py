"""Recover: settle what earlier runs left open, before anything new is read.

An intent that was never sent is closed: its change is planned again. One that was sent and not
answered is looked for; seen, it is adopted; not seen, it is sent again once it can no longer be
under way. Whatever is settled is handed to this cycle, which reads both sides and merges them; what
is not stays out of its way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.ports import RemoteAnswer
from connectors.quickbooks import exact_json
from connectors.state.port import Parked, Unit
from models.errors import (
    DisconnectedError,
    RecordError,
    RejectedError,
    RetryLaterError,
)
from models.intent import SEND_WINDOW_DIVISOR, Attempt, Intent, Sighting, Step, due_at
from models.words import IntentState, Operation, Side
from tasks.context import Cycle
from tasks.files import post
from tasks.load import attempt_of
from tasks.outcome import adopt, answered, conclude, look
from tasks.push import never_seen
from tasks.record import note_parked, note_uncertain

#: The reason of a record whose write may still be under way.
OUTCOME_UNKNOWN = "outcome_unknown"
#: Reasons for which a record is parked until a person says whether QuickBooks holds it.
PERSON_DECIDES = frozenset({"several_fit", "may_be_ours", "may_be_deleted", "file_size_differs"})

#: Intents of older programs do not say when QuickBooks was read before: clocks differ by less.
SENT_BY_OLDER_PROGRAM = timedelta(days=1)


def recover(cycle: Cycle) -> int:
    """Settle open intents; how many there were.

    Raises:
        DisconnectedError: no call can work.
    """
    with cycle.state.begin() as unit:
        intents = unit.open_intents()
        for intent in intents:
            if intent.state is IntentState.PLANNED:
                _close_unsent(unit, intent)
    asked = [each for each in intents if each.state is not IntentState.PLANNED]
    try:
        sightings = look(cycle, asked)
    except RetryLaterError:
        # QuickBooks cannot be asked now: they stay open, and the next cycle asks again.
        return len(intents)
    for intent in asked:
        cycle.renew_lease()
        _settle(cycle, intent, sightings[intent.id])
    return len(intents)


def _close_unsent(unit: Unit, intent: Intent) -> None:
    """It never left, or was not let in: what it was for is planned again."""
    unit.close_intent(intent.id, IntentState.REJECTED, Attempt(intent.id, "never_sent"))
    _hand_over(unit, intent)


def _settle(cycle: Cycle, intent: Intent, sighting: Sighting) -> None:
    """Go on with a send without an answer, as far as it goes now."""
    with cycle.state.begin() as unit:
        step = conclude(cycle, unit, intent, sighting)
        if step is Step.ASK_PERSON and _is_released(unit, intent):
            # A person has looked and wants it sent: what there is, is not it, or is gone again.
            unit.close_intent(intent.id, IntentState.REJECTED, Attempt(intent.id, "released"))
            note_uncertain(unit, intent, "a person has released it without an answer")
            _conclude(unit, intent)
        elif step is Step.WAIT:
            _wait(cycle, unit, intent)
        elif step in (Step.ADOPT, Step.PLAN_ANEW, Step.DROP):
            _conclude(unit, intent)
        elif step is not Step.SEND_AGAIN:
            if step is Step.GIVE_UP:
                _read_withheld(unit, intent)
            _park(unit, intent, sighting.error or never_seen(intent), next_attempt_at=None)
    if step is Step.SEND_AGAIN:  # it leaves when nothing is locked
        _send_again(cycle, intent)


def _is_released(unit: Unit, intent: Intent) -> bool:
    """Whether a person has let a record be tried again that waits for nothing else."""
    known = unit.parked_record(intent.link_id)
    asked = known is not None and known.code in PERSON_DECIDES
    return asked and known is not None and known.next_attempt_at is not None


def _send_again(cycle: Cycle, intent: Intent) -> None:
    deadline = cycle.clock.monotonic() + cycle.flight.total_seconds() / SEND_WINDOW_DIVISOR
    with cycle.state.begin() as unit:
        (sent,) = unit.mark_sent([intent])
    body = exact_json.decode(sent.payload)
    answer = post(cycle, sent, body, deadline)
    with cycle.state.begin() as unit:
        _take_answer(cycle, unit, sent, answer)
    if isinstance(answer.error, DisconnectedError):
        raise answer.error


def _take_answer(cycle: Cycle, unit: Unit, intent: Intent, answer: RemoteAnswer) -> None:
    """Commit what came back for a write that was sent again."""
    if answer.record is not None:
        sighting = answered(cycle, unit, intent, answer.record)
        adopt(cycle, unit, intent, sighting, attempt_of(intent, answer))
        _conclude(unit, intent)
    elif isinstance(answer.error, RejectedError) and intent.operation is Operation.CREATE:
        unit.close_intent(intent.id, IntentState.REJECTED, attempt_of(intent, answer))
        _conclude(unit, intent)
    else:
        # Not let in, or the record has moved: that says nothing about the sends before.
        unit.close_intent(intent.id, IntentState.UNKNOWN, attempt_of(intent, answer))
        _wait(cycle, unit, intent)


def _conclude(unit: Unit, intent: Intent) -> None:
    """It is known what became of the send: its record is merged, and what it held back is read."""
    _read_withheld(unit, intent)
    _hand_over(unit, intent)


def _read_withheld(unit: Unit, intent: Intent) -> None:
    """Have this cycle read again what looked like a create's record while its outcome was unknown.

    Pairing left such records out (`tasks.outcome.unclaimed`), and the cursor went on past them.
    """
    if intent.operation is not Operation.CREATE:
        return
    since = intent.far_since or intent.created_at - SENT_BY_OLDER_PROGRAM
    position = unit.cursors().get((intent.record_type, Side.QUICKBOOKS))
    if position is not None and since < datetime.fromisoformat(position):
        unit.set_cursors({(intent.record_type, Side.QUICKBOOKS): since.isoformat()})


def _hand_over(unit: Unit, intent: Intent) -> None:
    """Have this cycle read both sides of the record and merge them."""
    error = RecordError(
        "the last run ended before QuickBooks's answer was recorded",
        code="recovered",
        fix="Nothing to do: it is read and merged again.",
    )
    _park(unit, intent, error, next_attempt_at=unit.now)


def _wait(cycle: Cycle, unit: Unit, intent: Intent) -> None:
    """Leave the record alone until its write can no longer be under way."""
    due = due_at(intent, cycle.flight)
    error = RecordError(
        f"QuickBooks did not answer; it may still take the write until {due:%H:%M:%S} UTC",
        code=OUTCOME_UNKNOWN,
        fix="Nothing to do: it is looked for, and sent again only if QuickBooks does not hold it.",
    )
    _park(unit, intent, error, next_attempt_at=due)


def _park(
    unit: Unit, intent: Intent, error: RecordError, *, next_attempt_at: datetime | None
) -> None:
    known = unit.parked_record(intent.link_id)
    parked = Parked(
        link_id=intent.link_id,
        record_type=intent.record_type,
        side=Side.PLATFORM,
        code=error.code,
        field=error.field,
        value=error.value,
        message=str(error),
        fix=error.fix,
        attempts=intent.attempts,
        since=known.since if known else unit.now,
        next_attempt_at=next_attempt_at,
    )
    unit.park(parked)
    if known is None or known.code != error.code:
        note_parked(unit, parked)
