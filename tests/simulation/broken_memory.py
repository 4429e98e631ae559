"""Planted bugs of base, cursors, lease, merge, audit, parking and brakes: patches for `mutants`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectors.state.memory import MemoryState
from connectors.state.memory_platform import MemoryPlatform
from connectors.state.memory_reviews import MemoryReviews
from connectors.state.platform_port import PlatformWrite
from connectors.state.port import LinkUpdate
from models import brakes as brakes_model
from models import merge as merge_model
from models.approval import Approval
from models.lines import Lines
from models.matching import Kind, Proposal
from models.merge import Merge, Outcome
from models.words import Side
from tasks import (
    brakes,
    cycle,
    extract,
    fetch,
    files,
    load,
    match,
    matching,
    outcome,
    pair,
    reads,
    record,
    settle,
)
from tests.simulation.planted import Patch, nothing

# -- base, cursor, lease --


def base_first() -> list[Patch]:
    original = load._store_intents

    def store(of_cycle: Any, prepared: Any) -> None:
        original(of_cycle, prepared)
        with of_cycle.state.begin() as unit:
            unit.save_links(
                [
                    LinkUpdate(each.plan.link.id, base=each.plan.merge.content)
                    for each in prepared
                    if each.plan.merge.content is not None
                ]
            )

    return [(load, "_store_intents", store)]


def base_of_one_side() -> list[Patch]:
    return [(settle, "_seen_on_both", lambda _plan, held: held)]


def base_as_sent() -> list[Patch]:
    original = settle._held

    def held(of_cycle: Any, of_plan: Any, sent: Any, raw: Any) -> Any:
        return {**original(of_cycle, of_plan, sent, raw), **(of_plan.merge.content or {})}

    return [(settle, "_held", held)]


def cursor_first() -> list[Patch]:
    original = cycle._observed

    def observed(of_cycle: Any, steps: Any) -> Any:
        seen = original(of_cycle, steps)
        cycle._advance(of_cycle, seen.quickbooks, seen.platform)
        return seen

    return [(cycle, "_observed", observed)]


def cursor_ahead() -> list[Patch]:
    return [(extract, "OVERLAP", timedelta(seconds=-5))]


def cursor_by_local_clock() -> list[Patch]:
    def seen_at(of_cycle: Any, server_time: Any) -> str:
        of_cycle.far_since = server_time - extract.OVERLAP
        return of_cycle.clock.now().isoformat()

    return [(extract, "_seen_at", seen_at)]


def full_answer_is_whole() -> list[Patch]:
    original = extract._read_changes

    def read(of_cycle: Any, record_types: Any, since: Any, into: Any) -> Any:
        port = of_cycle.quickbooks
        ask = port.changes
        port.changes = lambda *given: replace(ask(*given), overflowed=frozenset())
        try:
            return original(of_cycle, record_types, since, into)
        finally:
            del port.changes

    return [(extract, "_read_changes", read)]


def platform_cursor_late() -> list[Patch]:
    original = cycle._advance

    def advance(of_cycle: Any, quickbooks: Any, platform: Any) -> None:
        with of_cycle.state.begin() as unit:
            end = unit.platform.position()
        late = replace(platform, positions=dict.fromkeys(platform.positions, end))
        original(of_cycle, quickbooks, late)

    return [(cycle, "_advance", advance)]


def no_epoch() -> list[Patch]:
    return [(MemoryState, "check_epoch", nothing)]


def versions_say_it_all() -> list[Patch]:
    def known(_cycle: Any, _type: Any, link: Any, raw: Any) -> bool:
        return reads.token_number(raw) == int((link.quickbooks_version or "-2").partition("|")[0])

    return [(pair, "is_known", known)]


def restored_is_forgotten() -> list[Patch]:
    return [(pair, "doubt_lone_ones", nothing)]


def first_sync_asks_nothing() -> list[Patch]:
    return [(pair, "compare_lone_ones", nothing)]


# -- merging and deleting --


def last_writer_wins() -> list[Patch]:
    original = merge_model._merge_live

    def merge_live(kind: Any, base: Any, quickbooks: Any, platform: Any, policy: Any) -> Merge:
        merged = original(kind, base, quickbooks, platform, policy)
        if base is None or merged.outcome is not Outcome.MERGED:
            return merged
        winner = quickbooks.content
        to_platform = frozenset(n for n in winner if winner[n] != platform.content.get(n))
        return Merge(Outcome.MERGED, dict(winner), frozenset(), to_platform)

    return [(merge_model, "_merge_live", merge_live)]


def conflict_unsaid() -> list[Patch]:
    return [(record, "note_conflicts", nothing), (outcome, "note_conflicts", nothing)]


def wrong_winner() -> list[Patch]:
    original = merge_model._merge_field

    def merge_field(*arguments: Any) -> Any:
        value, conflict = original(*arguments)
        if conflict is not None and conflict.verdict.winner is Side.PLATFORM:
            return conflict.quickbooks, conflict
        return value, conflict

    return [(merge_model, "_merge_field", merge_field)]


def delete_wins() -> list[Patch]:
    return [(merge_model, "_remove", lambda result, *_others: Merge(result, None))]


def deleted_is_new() -> list[Patch]:
    from connectors.state.memory_links import MemoryLinks

    original = MemoryLinks.links_of

    def links_of(self: Any, kind: str, side: Side, ids: Any) -> Any:
        found = original(self, kind, side, ids)
        return {key: replace(each, deleted_at=None, base=None) for key, each in found.items()}

    return [(MemoryLinks, "links_of", links_of)]


def unconfirmed_delete() -> list[Patch]:
    def confirm(of_cycle: Any, kind: Any, ids: Any) -> Any:
        with of_cycle.state.begin() as unit:
            links = unit.links_of(kind.name, Side.QUICKBOOKS, ids)
        return [each for each in ids if each in links and links[each].deleted_at is None], []

    return [(extract, "_confirm_gone", confirm)]


def lines_dropped() -> list[Patch]:
    original = Lines.overlay
    return [
        (
            Lines,
            "overlay",
            lambda self, value, current, references, currency: original(
                self, value[:1], current, references, currency
            ),
        ),
        (settle, "covers", lambda *_arguments: True),
    ]


def platform_unchecked() -> list[Patch]:
    original = MemoryPlatform.write

    def write(self: Any, given: PlatformWrite) -> Any:
        if given.id is not None:
            rows = self.rows(given.record_type, [given.id])
            if given.id in rows:
                given = replace(given, expected_version=rows[given.id].version)
        return original(self, given)

    return [(MemoryPlatform, "write", write)]


def match_by_anything() -> list[Patch]:
    def by_marker(_cycle: Any, _kind: Any, records: Any, rows: Any) -> dict[str, str]:
        return {str(raw["Id"]): row for raw, row in zip(records, rows, strict=False)}

    def propose(_kind: Any, theirs: Any, ours: Any, _stand_ins: Any = None) -> Any:
        found = {each.link_id: Proposal(Kind.NEW) for each in (*theirs, *ours)}
        for one, other in zip(theirs, ours, strict=False):
            found[one.link_id] = Proposal(Kind.CERTAIN, (other.link_id,), "in order", 1)
        return found

    return [(match, "_by_marker", by_marker), (matching, "propose", propose)]


# -- audit, parking, brakes --


def audit_dropped() -> list[Patch]:
    return [(record, "_notes_of", lambda _settled: [])]


def audit_of_adoption_dropped() -> list[Patch]:
    return [(outcome, "note_recovered", nothing)]


def audit_doubled() -> list[Patch]:
    original = record._notes_of

    def notes_of(settled: Any) -> Any:
        return [*original(settled)] * (2 if "intent" in settled.facts else 1)

    return [(record, "_notes_of", notes_of)]


def park_forgotten() -> list[Patch]:
    return [(MemoryReviews, "park", nothing)]


def brakes_off() -> list[Patch]:
    return [(brakes, "tripped_by", lambda *_arguments: [])]


def brake_on_few() -> list[Patch]:
    return [(brakes_model, "_empty_side", lambda *_arguments: None)]


def approval_for_ever() -> list[Patch]:
    return [
        (Approval, "covers", lambda _self, _subjects: True),
        (brakes, "_use", nothing),
    ]


def file_cut_short() -> list[Patch]:
    original = fetch._store

    def store(of_cycle: Any, kind: Any, rules: Any, link: Any, content: bytes) -> bool:
        return original(of_cycle, kind, rules, link, content[:-1])

    return [(fetch, "_store", store)]


def other_file_sent() -> list[Patch]:
    original = files._checked
    return [(files, "_checked", lambda *arguments: original(*arguments)[::-1])]


def figures_forgotten() -> list[Patch]:
    return [(settle, "_lesson", lambda *_arguments: (None, False))]
