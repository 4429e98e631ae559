"""The life of one write to QuickBooks, as pure decisions.

    planned -> sent -> acknowledged            it took effect, and is settled
                    -> rejected                QuickBooks refuses it, or it never took effect
                    -> unknown  -> looked for  a time-out is a third outcome, not a failure

A write whose outcome is unknown is looked for. Seen, it is adopted with what is observed, not with
what was sent. Not seen, it may still be on its way: only after the longest flight, counted from the
last send, is it sent again (reliability, section 4.4). An update, void or delete carries the
version that it was planned on, so QuickBooks itself takes it once: it need not wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from models.errors import RecordError
from models.merge import Conflict
from models.records import Content
from models.words import IntentState, Operation, Side

#: Sends of one intent; then a person decides.
ATTEMPTS_MAX = 8
#: Sends under one request id: an error may be what QuickBooks replays for it.
ATTEMPTS_PER_GENERATION = 3
#: A write may leave this share of the longest flight after its send was recorded.
SEND_WINDOW_DIVISOR = 4


@dataclass(frozen=True)
class Intent:
    """One planned write to QuickBooks, stored before it is sent."""

    id: str
    link_id: int
    record_type: str
    operation: Operation
    state: IntentState
    #: Canonical JSON of the body.
    payload: str
    payload_hash: str
    #: Fields that the body carries from the platform, to be compared with what QuickBooks holds.
    fields: frozenset[str]
    #: What the record carries to be found by; "" where its name does that.
    marker: str
    #: QuickBooks's clock before the first send, so that a record made by it is not older.
    far_since: datetime | None
    created_at: datetime
    #: What the plan decided against somebody: named once the write is known to have been made.
    conflicts: tuple[Conflict, ...] = ()
    #: When each side says that it was edited last, for those conflicts.
    edited_at: Mapping[Side, datetime | None] = field(default_factory=dict)
    attempts: int = 0
    sent_at: datetime | None = None

    @property
    def request_id(self) -> str:
        """The request id of the last send, or of the first one to come."""
        return request_id_of(self.id, max(1, self.attempts))


def request_id_of(intent_id: str, attempt: int) -> str:
    """The request id of an intent's attempt: the intent's id and a generation.

    QuickBooks answers a known request id from memory, with an error too; so after three sends
    without a proper answer, each a whole flight after the one before, the id changes.
    """
    assert 1 <= attempt <= ATTEMPTS_MAX, f"attempt {attempt} of intent {intent_id}"
    return f"{intent_id}-{1 + (attempt - 1) // ATTEMPTS_PER_GENERATION}"


@dataclass(frozen=True)
class Attempt:
    """How one send of an intent ended."""

    intent_id: str
    outcome: str
    intuit_tid: str = ""
    fault: str = ""


class Sight(StrEnum):
    """What a look at QuickBooks says about a write without an answer."""

    #: It took effect: QuickBooks holds what was sent.
    LANDED = "landed"
    #: There is no trace of it.
    ABSENT = "absent"
    #: The record is another one than was planned on, and not what was sent.
    MOVED = "moved"
    #: What is there may be ours; a person must look.
    UNSURE = "unsure"


@dataclass(frozen=True)
class Sighting:
    """A look at QuickBooks after a write without an answer."""

    sight: Sight
    #: When QuickBooks was asked: what has come to light since is not in the answer.
    looked_at: datetime
    #: QuickBooks's id of the record, where it is there.
    quickbooks_id: str | None = None
    #: What QuickBooks holds of the fields that were sent, where that is what was sent.
    agreed: Content = field(default_factory=dict)
    #: Why a person must look.
    error: RecordError | None = None


class Step(StrEnum):
    """What to do about a write without an answer."""

    ADOPT = "adopt"
    #: It may have taken effect or not; the record has moved on since.
    PLAN_ANEW = "plan_anew"
    #: It never took effect, and can no longer do so.
    DROP = "drop"
    WAIT = "wait"
    SEND_AGAIN = "send_again"
    ASK_PERSON = "ask_person"
    GIVE_UP = "give_up"


_SEEN = {Sight.LANDED: Step.ADOPT, Sight.MOVED: Step.PLAN_ANEW, Sight.UNSURE: Step.ASK_PERSON}


def next_step(intent: Intent, sighting: Sighting, flight: timedelta) -> Step:
    """Decide on an intent whose outcome is unknown."""
    if sighting.sight is not Sight.ABSENT:
        return _SEEN[sighting.sight]
    may_send = intent.attempts < ATTEMPTS_MAX
    under_way = sighting.looked_at < due_at(intent, flight)
    if intent.operation is not Operation.CREATE:
        if under_way:
            return Step.SEND_AGAIN if may_send else Step.WAIT
        return Step.DROP
    if under_way:
        return Step.WAIT
    return Step.SEND_AGAIN if may_send else Step.GIVE_UP


def due_at(intent: Intent, flight: timedelta) -> datetime:
    """When the last send can no longer take effect."""
    assert intent.sent_at is not None, "only what was sent can be under way"
    return intent.sent_at + flight
