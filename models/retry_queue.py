"""The retry queue: where each record that is set aside stands, and what a person decided about it.

Pure. A record that is set aside is never lost: it is tried again by itself, or once somebody edits
it, or a person says what becomes of it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from models.revision import UNDONE

#: Reasons that a person's decision gives: such a record is left alone, whatever is edited, until
#: a person retries it. None of them is an alert, as somebody knows.
SKIPPED, DONE_BY_HAND = "skipped", "done_by_hand"
LEFT_BY_PERSON = frozenset({SKIPPED, DONE_BY_HAND})
#: Those and what a person undid, which is an alert: somebody else may not know.
LEFT_ALONE = LEFT_BY_PERSON | {UNDONE}

#: Tries of a record that fails for a reason that may pass: about two weeks, as the longest wait
#: between two is six hours (`tasks.record`).
ATTEMPTS_MAX = 60


class RetryState(StrEnum):
    """Where a record of the queue stands."""

    #: It is tried again by itself at a known time.
    WAITING = "waiting"
    #: It is due: the cycle that runs now, or the next one, tries it.
    RETRYING = "retrying"
    #: It is not tried again before somebody edits it or a person retries it.
    GIVEN_UP = "given_up"
    #: A person wants it left alone.
    SKIPPED = "skipped"
    #: It was applied, or a person has settled it by hand.
    DONE = "done"


_DECIDED = {SKIPPED: RetryState.SKIPPED, DONE_BY_HAND: RetryState.DONE}


def state_of(code: str, next_attempt_at: datetime | None, now: datetime) -> RetryState:
    """Where a record stands that is set aside for a reason."""
    if next_attempt_at is not None:
        return RetryState.RETRYING if next_attempt_at <= now else RetryState.WAITING
    return _DECIDED.get(code, RetryState.GIVEN_UP)
