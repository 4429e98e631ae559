"""What the brakes promise, judged by what a run deleted: invariant I21."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.merge import DELETE_AGAINST_EDIT
from models.plan import Link
from models.words import Side
from tests.simulation.oracle import Violation
from tests.simulation.settled import raws_of

if TYPE_CHECKING:
    from tests.simulation.world import World

#: A record type with fewer linked records may become empty.
_EMPTY_FROM = 3


@dataclass(frozen=True)
class Before:
    """What stood linked when a run began."""

    links: Sequence[Link]
    #: Record type and side -> records gone from it that wait for a person, being edited elsewhere.
    gone: Counter[tuple[str, Side]]


def before_run(world: World) -> Before:
    """What is linked now."""
    links, gone = world.links(), Counter[tuple[str, Side]]()
    in_conflict = world.sides.links_parked_as(DELETE_AGAINST_EDIT)
    for each in links if in_conflict else ():
        if each.id in in_conflict and _was_merged(each):
            for side, raw in zip(Side, raws_of(world, each), strict=True):
                gone[each.record_type, side] += raw is None
    return Before(links, gone)


def _was_merged(link: Link) -> bool:
    """Whether a run had merged it; what none has is none that somebody had before."""
    known = link.quickbooks_id and link.platform_id and link.quickbooks_version
    return bool(known) and link.deleted_at is None


def check_brakes(worker: str, taken: Counter[tuple[str, Side]], before: Before) -> None:
    """I21: no run deletes very much of what was linked before it, or empties a side, unasked."""
    linked = Counter(each.record_type for each in before.links if _was_merged(each))
    total = sum(taken.values())
    if total > max(10, linked.total() / 5):
        raise Violation("I21", f"{worker} deleted {total} of {linked.total()} unasked")
    for (name, side), count in taken.items():
        lost = count + before.gone[name, side.other]
        if linked[name] >= _EMPTY_FROM and lost >= linked[name]:
            raise Violation("I21", f"{worker} emptied {side} of all {lost} {name} unasked")
