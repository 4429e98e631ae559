"""A plan that a brake stopped, and a person's approval of it: pure.

An approval is for what the person saw, and for once. It names the writes that tripped the brake, a
key each; a later cycle may pass the brake only if all that trips it then was approved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

#: Rows of the plan that are kept for people.
ROWS_MAX = 1_000
#: What the names of the brakes that stopped a plan may take where it is stored.
BRAKE_CHARACTERS_MAX = 30
#: What stops an undoing: it is confirmed where it is asked for, and approved nowhere else.
UNDO = "undo"


class ApprovalState(StrEnum):
    """The life of a stored plan."""

    #: Nobody has decided yet.
    WAITING = "waiting"
    #: A person has approved it, and no cycle has run since.
    APPROVED = "approved"
    #: A cycle has made use of the approval.
    USED = "used"
    #: What tripped the brake has changed since, or does so no longer.
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Approval:
    """A plan that waits for a person, or was decided on."""

    #: Number that people name it by; 0 until it is stored.
    number: int
    #: The brakes that stopped it, joined by "+", as many as are stored; `message` tells of all.
    brake: str
    #: What is wrong, in a sentence.
    message: str
    #: A key for each write that tripped the brake.
    subjects: frozenset[str]
    #: What the cycle was going to do, a row for each write, at most `ROWS_MAX`.
    rows: tuple[dict[str, Any], ...]
    #: How many writes there are in all.
    writes: int
    state: ApprovalState
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    run_id: str = field(default="")
    #: What it came up in, such as "sync invoices", "backfill invoices" or "undo RUN"; empty: about
    #: the company as a whole.
    scope: frozenset[str] = frozenset()

    def within(self, scope: frozenset[str]) -> bool:
        """Whether something with this scope can tell that it is no longer what would happen."""
        return self.scope <= scope

    def covers(self, subjects: frozenset[str]) -> bool:
        """Whether all that trips the brake now was approved."""
        return self.state is ApprovalState.APPROVED and subjects <= self.subjects
