"""Planted bugs that the engine once had: what the simulator found, brought back (`mutants`).

Each has a tape in `tapes`, which fails with the bug planted and passes on the engine as it is.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from connectors.state.memory_links import MemoryLinks
from models import match_keys, matching
from models.words import Side
from tasks import brakes, doubts, extract, match, outcome, pair, recover
from tests.simulation.planted import Patch, nothing


def deleted_is_sent_again() -> list[Patch]:
    return [(outcome, "_perhaps_deleted", lambda *_arguments: {})]


def renamed_is_made_again() -> list[Patch]:
    original = outcome._may_be_ours
    return [
        (
            outcome,
            "_may_be_ours",
            lambda kind, intent, record: (
                kind.marking is not None and original(kind, intent, record)
            ),
        ),
    ]


def new_delete_unread() -> list[Patch]:
    original = extract._confirm_gone

    def confirm(of_cycle: Any, kind: Any, ids: Any) -> Any:
        with of_cycle.state.begin() as unit:
            links = unit.links_of(kind.name, Side.QUICKBOOKS, ids)
        return original(of_cycle, kind, [each for each in ids if each in links])

    return [(extract, "_confirm_gone", confirm)]


def landing_unknown_by_name() -> list[Patch]:
    """Neither matched by its name nor in doubt, as everything else on one side only is."""
    by_keys, doubt = match._match_once, pair.doubt_lone_ones

    def match_once(of_cycle: Any, kind: Any, *others: Any) -> dict[str, str]:
        return {} if kind.name in of_cycle.after_restore else by_keys(of_cycle, kind, *others)

    def doubt_lone_ones(found: Any) -> None:
        theirs, ours = (
            {each.link.label for each in found.values() if each.link.side_id(side) is None}
            for side in Side
        )
        others = {key: each for key, each in found.items() if each.link.label not in theirs & ours}
        doubt(others)
        found.update(others)

    return [(match, "_match_once", match_once), (pair, "doubt_lone_ones", doubt_lone_ones)]


def withheld_is_forgotten() -> list[Patch]:
    return [(recover, "_read_withheld", nothing)]


def retried_copy_is_new() -> list[Patch]:
    return [(pair, "_knowing_twins", lambda _unit, candidates: candidates)]


def credits_of_one_day_are_one() -> list[Patch]:
    def completed(_kind: Any, fields: Any, content: Any, values: Any) -> Any:
        return values if content.get(fields[0]) else None

    return [(match_keys, "completed", completed), (matching, "completed", completed)]


def other_credits_are_likely() -> list[Patch]:
    return [(matching._Work, "_tell_nothing", lambda *_arguments: False)]


def copies_are_new_after_restore() -> list[Patch]:
    return [(doubts, "_copied_markers", lambda _candidates: set())]


def recovered_looks_well() -> list[Patch]:
    def linked_counts(unit: Any) -> Counter[str]:
        return Counter(
            each.record_type
            for each in unit._db.links.values()
            if each.quickbooks_id and each.platform_id and each.deleted_at is None
        )

    return [(MemoryLinks, "linked_counts", linked_counts)]


def earlier_conflict_hides_emptied() -> list[Patch]:
    return [(brakes, "_gone", lambda *_arguments: {})]
