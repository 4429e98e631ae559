"""The cells of the merge and write tables: a campaign must reach every one of them.

A cell that no schedule reaches is a case of which the simulator says nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from models.plan import RecordPlan
from models.records import Observed

if TYPE_CHECKING:
    from tests.simulation.world import World

#: base, QuickBooks, platform -> outcome: the rows of `models.merge`, with what they come to.
MERGE_CELLS = frozenset(
    {
        "merge none/live/- create_on_platform",
        "merge none/-/live create_in_quickbooks",
        "merge none/live/live merged",
        "merge some/live/live merged",
        "merge some/live/live unchanged",
        "merge some/live/live review",
        "merge some/gone/live remove_on_platform",
        "merge some/gone/live review",
        "merge some/live/gone remove_in_quickbooks",
        "merge some/live/gone review",
        "merge some/gone/gone forget",
    }
)
_SENT = ("acknowledged", "OutcomeUnknownError", "RetryLaterError", "RejectedError", "adopted")
_CHANGED = ("StaleRecordError", "GoneError", "moved")
#: operation -> how a send can end.
WRITE_CELLS = frozenset(
    {f"write create {end}" for end in _SENT}
    | {f"write update {end}" for end in (*_SENT, *_CHANGED)}
    | {f"write delete {end}" for end in ("acknowledged", "OutcomeUnknownError", "adopted")}
    | {f"write void {end}" for end in ("acknowledged", "OutcomeUnknownError", "adopted")}
)
ALL = MERGE_CELLS | WRITE_CELLS


def merge_cell(each: RecordPlan) -> str:
    """The cell of the decision table that a plan stands in."""
    base = "none" if each.link.base is None else "some"
    states = f"{_state(each.quickbooks)}/{_state(each.platform)}"
    if each.parked is not None and not each.merge.conflicts:
        return f"parked {base}/{states} {each.parked.code}"
    return f"merge {base}/{states} {each.merge.outcome}"


def _state(observed: Observed | None) -> str:
    if observed is None:
        return "-"
    return "gone" if observed.content is None else "live"


def write_cells(world: World) -> Counter[str]:
    """How the sends of a schedule ended."""
    return Counter(
        f"write {operation} {outcome}" for operation, outcome in world.sides.attempt_outcomes()
    )
