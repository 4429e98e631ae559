"""Causes of alerts and reasons of records that are set aside, in words, and where each is fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboard.shown import words
from models.merge import DELETE_AGAINST_EDIT
from models.retry_queue import DONE_BY_HAND, SKIPPED
from models.revision import REVISING, UNDONE
from tasks.keep_connected import ENDS
from tasks.matching import MATCH_CODES
from tasks.notify import CHANNEL_FAILED
from tasks.override import OPEN_CODES
from tasks.recover import OUTCOME_UNKNOWN
from tasks.seal import ALERT as AUDIT_CHECKPOINT

#: Page of a company on which a record that is set aside is retried, skipped or settled.
QUEUE: Final = "queue"


@dataclass(frozen=True)
class Fixed:
    """Where something is put right."""

    #: The company's page; "" for the overview.
    page: str
    #: What the link to it says.
    button: str


_AT_QUEUE: Final = Fixed(QUEUE, "Retry or skip")
_AT_CONFLICTS: Final = Fixed("conflicts", "Decide the conflict")
_AT_MATCHING: Final = Fixed("matching", "Decide the match")
_AT_CONNECTION: Final = Fixed("connection", "Connect again")
_FIXED: Final = {
    **dict.fromkeys(OPEN_CODES, _AT_CONFLICTS),
    **dict.fromkeys(MATCH_CODES.values(), _AT_MATCHING),
    "brake": Fixed("plans", "Look at the plan"),
    "disconnected": _AT_CONNECTION,
    ENDS: _AT_CONNECTION,
    "cycle_failed": Fixed("", "Look at the last runs"),
    AUDIT_CHECKPOINT: Fixed("audit", "Look at the audit log"),
    CHANNEL_FAILED: Fixed("settings/notices", "Look at the channels"),
}
_DECIDE: Final = "Take QuickBooks's version or the platform's, or make both sides equal by hand."
_SAME_OR_NEW: Final = "Say which record it is the same as, or that it is new."
_NOTHING: Final = "Nothing to do; a retry takes that back."
_FIXES: Final = {
    **dict.fromkeys(OPEN_CODES, _DECIDE),
    **dict.fromkeys(MATCH_CODES.values(), _SAME_OR_NEW),
    SKIPPED: _NOTHING,
    DONE_BY_HAND: _NOTHING,
}
_FAULT: Final = "fault_"
_WORDS: Final = {
    "brake": "A brake stopped the sync",
    "disconnected": "QuickBooks does not let the sync in",
    ENDS: "QuickBooks's permission ends soon",
    "cycle_failed": "A sync failed",
    AUDIT_CHECKPOINT: "The audit log has no new checkpoint",
    CHANNEL_FAILED: "Nobody can be told of alerts",
    "needs_review": "Changed on both sides, and a person decides",
    DELETE_AGAINST_EDIT: "Deleted on one side, edited on the other",
    "keeps_changing": "Changes again and again on both sides",
    "match_likely": "Likely the same on both sides",
    "match_ambiguous": "Several records may be the same",
    "waits_for_parent": "Waits for a record that it refers to",
    "missing_parent": "Refers to a record that is not on both sides",
    OUTCOME_UNKNOWN: "QuickBooks gave no answer to a write",
    "after_restore": "Unclear since the database was restored",
    "closed_period": "QuickBooks's books are closed for its day",
    REVISING: "A person's decision is being carried out",
    UNDONE: "Put back by a person",
    SKIPPED: "Skipped by a person",
    DONE_BY_HAND: "Settled by hand",
    "missing": "A field is missing",
    "duplicate_number": "Its number is used twice",
    "duplicate_name": "Its name is used twice",
    "unbalanced": "Its lines do not add up",
}


def cause_words(cause: str) -> str:
    """A cause, or a reason, as people read it."""
    if cause.startswith(_FAULT):
        return f"QuickBooks refused it (fault {cause.removeprefix(_FAULT)})"
    return _WORDS.get(cause, words(cause))


def fix_words(cause: str, fix: str) -> str:
    """What to do, as said to somebody who has these pages at hand and not the command line."""
    if cause == "brake" and "plan --approve" in fix:
        return "Look at the plan. If it is right, approve it and sync; if not, put it right."
    return _FIXES.get(cause, fix)


def fixed_at(cause: str) -> Fixed:
    """Where a cause is fixed; of a record that is set aside that is the retry queue."""
    return _FIXED.get(cause, _AT_QUEUE)
