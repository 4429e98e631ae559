"""What the brakes promise, judged by what a run deleted: invariant I21."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.merge import DELETE_AGAINST_EDIT
from models.words import Side
from tests.simulation.oracle import Violation
from tests.simulation.settled import raws_of

if TYPE_CHECKING:
    from tests.simulation.world import World

#: A record type with fewer linked records may become empty.
_EMPTY_FROM = 3


@dataclass(frozen=True)
class Before:
    """What was linked when a run began."""

    linked: Counter[str]
    #: Record type and side -> records gone from it that wait for a person, being edited elsewhere.
    gone: Counter[tuple[str, Side]]


def before_run(world: World) -> Before:
    """What is linked now; what no run has merged yet is none that somebody had before."""
    linked: Counter[str] = Counter()
    gone: Counter[tuple[str, Side]] = Counter()
    in_conflict = world.sides.links_parked_as(DELETE_AGAINST_EDIT)
    for each in world.links():
        sides = each.quickbooks_id and each.platform_id and each.quickbooks_version
        if not sides or each.deleted_at is not None:
            continue
        linked[each.record_type] += 1
        if each.id in in_conflict:
            for side, raw in zip(Side, raws_of(world, each), strict=True):
                gone[each.record_type, side] += raw is None
    return Before(linked, gone)


def check_brakes(worker: str, taken: Counter[tuple[str, Side]], before: Before) -> None:
    """I21: no run deletes very much of what was linked before it, or empties a side, unasked."""
    linked, total = before.linked, sum(taken.values())
    if total > max(10, linked.total() / 5):
        raise Violation("I21", f"{worker} deleted {total} of {linked.total()} unasked")
    for (name, side), count in taken.items():
        lost = count + before.gone[name, side.other]
        if linked[name] >= _EMPTY_FROM and lost >= linked[name]:
            raise Violation("I21", f"{worker} emptied {side} of all {lost} {name} unasked")
