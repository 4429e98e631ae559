"""Waiting for a company that another run has: who asks for a run wants it done, not refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from connectors.ports import Clock
from models.errors import BrakeError, DecisionError

T = TypeVar("T")

#: What to do about a run that never lets the company go.
LET_GO: Final = "Look at that run: `quickbooks-sync status` shows it."
#: Code of a decision that another run of the company keeps from being carried out.
BUSY: Final = "busy"
#: Ten minutes in all: a cycle that takes longer is a first sync or a backfill.
WAIT_SECONDS: Final = 5.0
WAITS_MAX: Final = 120


def when_free(
    clock: Clock, call: Callable[[], T], progress: Callable[[str], None], *, what: str, fix: str
) -> T:
    """What the call returns; it is made again while another run has the company.

    Args:
        clock: for the waits.
        call: a cycle, or a part of one, which takes the company's lease first.
        progress: is told that it waits, and for whom.
        what: waits, in a word.
        fix: what to do if that run never lets the company go.

    Raises:
        BrakeError: that run never lets the company go.
        DecisionError: what the call decides cannot be decided so.
    """
    for _ in range(WAITS_MAX):
        try:
            return call()
        except (BrakeError, DecisionError) as error:
            if not _is_busy(error):
                raise
            progress(f"{what} waits: {error}")
            clock.sleep(WAIT_SECONDS)
    raise BrakeError(
        f"another run has had the company for {WAITS_MAX * WAIT_SECONDS:.0f} seconds",
        brake="lease",
        fix=fix,
    )


def _is_busy(error: BrakeError | DecisionError) -> bool:
    return error.brake == "lease" if isinstance(error, BrakeError) else error.code == BUSY
