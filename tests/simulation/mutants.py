"""Planted bugs: does the simulation see them?

Each is a small change of the engine that a tired person could make. It must be caught within 2,000
seeds; how many it took is kept in `mutants.json`, and a figure four times worse fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest import mock

from connectors.state.memory import MemoryState
from connectors.state.memory_intents import MemoryIntents
from connectors.state.memory_platform import MemoryPlatform
from connectors.state.memory_reviews import MemoryReviews
from connectors.state.port import LinkUpdate, PlatformWrite
from models import brakes as brakes_model
from models import intent as intent_model
from models import merge as merge_model
from models.approval import Approval
from models.intent import Sight, Sighting, Step
from models.lines import Lines
from models.merge import Merge, Outcome
from models.words import IntentState, Side
from tasks import (
    brakes,
    cycle,
    extract,
    load,
    match,
    outcome,
    pair,
    plan,
    push,
    reads,
    record,
    recover,
    settle,
)

#: A patch: where, what, and what stands there instead.
Patch = tuple[Any, str, Any]


@dataclass(frozen=True)
class Mutant:
    """A planted bug."""

    name: str
    #: What somebody got wrong.
    bug: str
    patches: Callable[[], list[Patch]]


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The engine with the bug in it."""
    patchers = [mock.patch.object(where, name, new) for where, name, new in mutant.patches()]
    for each in patchers:
        each.start()
    try:
        yield
    finally:
        for each in reversed(patchers):
            each.stop()


def _nothing(*_arguments: Any, **_options: Any) -> None:
    return None


# -- the write protocol --


def _send_at_once() -> list[Patch]:
    original = intent_model.next_step

    def next_step(intent: Any, sighting: Any, flight: Any) -> Step:
        step = original(intent, sighting, flight)
        return Step.SEND_AGAIN if step is Step.WAIT else step

    return [(outcome, "next_step", next_step)]


def _no_look() -> list[Patch]:
    def look(of_cycle: Any, intents: Any) -> dict[str, Sighting]:
        with of_cycle.state.begin() as unit:
            return {each.id: Sighting(Sight.ABSENT, unit.now) for each in intents}

    return [(recover, "look", look), (push, "look", look)]


def _wait_from_creation() -> list[Patch]:
    return [
        (intent_model, "due_at", lambda intent, flight: intent.created_at + flight),
        (recover, "due_at", lambda intent, flight: intent.created_at + flight),
    ]


def _dropped_on_time_out() -> list[Patch]:
    original = load._state_after

    def state_after(each: Any, answer: Any) -> IntentState:
        state = original(each, answer)
        return IntentState.REJECTED if state is IntentState.UNKNOWN else state

    return [(load, "_state_after", state_after)]


def _not_recorded() -> list[Patch]:
    def mark_sent(self: Any, intents: Any) -> list[Any]:
        return [replace(each, attempts=1, sent_at=self.now) for each in intents]

    return [(MemoryIntents, "mark_sent", mark_sent)]


def _other_body() -> list[Patch]:
    original = load._write

    def write(prepared: Any, deadline: float) -> Any:
        made = original(prepared, deadline)
        return replace(made, body={**made.body, "PrivateNote": "not what was stored"})

    return [(load, "_write", write)]


def _sent_counts_as_unsent() -> list[Patch]:
    original = recover._settle

    def settled(of_cycle: Any, intent: Any, sighting: Any) -> None:
        if intent.state is IntentState.SENT:
            with of_cycle.state.begin() as unit:
                recover._close_unsent(unit, intent)
        else:
            original(of_cycle, intent, sighting)

    return [(recover, "_settle", settled)]


def _no_marker() -> list[Patch]:
    return [(load, "mark_body", lambda *_arguments, **_options: False)]


def _force() -> list[Patch]:
    original = load._held

    def held(of_cycle: Any, of_plan: Any) -> Any:
        found = dict(original(of_cycle, of_plan))
        entity = of_plan.record_type.entity
        now = of_cycle.quickbooks.read(entity, found["Id"])
        return {**found, "SyncToken": now["SyncToken"]} if now else found

    return [(load, "_held", held)]


def _look_counts_when_answered() -> list[Patch]:
    original = outcome.conclude

    def conclude(of_cycle: Any, intent: Any, sighting: Any) -> Any:
        with of_cycle.state.begin() as unit:
            sighting = replace(sighting, looked_at=unit.now)
        return original(of_cycle, intent, sighting)

    return [(recover, "conclude", conclude), (push, "conclude", conclude)]


def _conflicts_with_the_answer() -> list[Patch]:
    return [(load, "edit_times", lambda _plan: {}), (outcome, "note_conflicts", _nothing)]


def _restored_is_forgotten() -> list[Patch]:
    return [(pair, "_doubt_lone_ones", _nothing)]


def _no_deadline() -> list[Patch]:
    original = load._write
    return [
        (load, "_write", lambda prepared, _deadline: original(prepared, float("inf"))),
    ]


def _answers_mixed_up() -> list[Patch]:
    original = load._answers
    return [
        (load, "_answers", lambda of_cycle, writes: list(reversed(original(of_cycle, writes)))),
    ]


def _claimed_is_news() -> list[Patch]:
    return [(pair, "unclaimed", lambda _cycle, _unit, _type, records, _intents: list(records))]


def _busy_is_planned() -> list[Patch]:
    class NoIntents(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            return iter(())

    original = MemoryIntents.open_intents
    state = {"in_pair": False}
    paired = pair.pair

    def open_intents(self: Any) -> Any:
        found = original(self)
        return NoIntents(found) if state["in_pair"] else found

    def pairing(*arguments: Any) -> Any:
        state["in_pair"] = True
        try:
            return paired(*arguments)
        finally:
            state["in_pair"] = False

    from tasks import steps

    return [
        (MemoryIntents, "open_intents", open_intents),
        (cycle, "PLAIN", replace(steps.PLAIN, pair=pairing)),
        (cycle.run_cycle, "__defaults__", (replace(steps.PLAIN, pair=pairing),)),
    ]


def _adopts_the_first() -> list[Patch]:
    original = outcome._is_ours
    return [
        (
            outcome,
            "_is_ours",
            lambda kind, intent, sent, stored, raw: (
                kind.marking is not None or original(kind, intent, sent, stored, raw)
            ),
        ),
    ]


# -- base, cursor, lease --


def _base_first() -> list[Patch]:
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


def _base_of_one_side() -> list[Patch]:
    return [(settle, "_seen_on_both", lambda _plan, held: held)]


def _base_as_sent() -> list[Patch]:
    original = settle._held

    def held(of_cycle: Any, of_plan: Any, sent: Any, raw: Any) -> Any:
        return {**original(of_cycle, of_plan, sent, raw), **(of_plan.merge.content or {})}

    return [(settle, "_held", held)]


def _cursor_first() -> list[Patch]:
    original = cycle._observed

    def observed(of_cycle: Any, steps: Any) -> Any:
        seen = original(of_cycle, steps)
        cycle._advance(of_cycle, seen.quickbooks, seen.platform)
        return seen

    return [(cycle, "_observed", observed)]


def _cursor_ahead() -> list[Patch]:
    return [(extract, "OVERLAP", timedelta(seconds=-5))]


def _cursor_by_local_clock() -> list[Patch]:
    def seen_at(of_cycle: Any, server_time: Any) -> str:
        of_cycle.far_since = server_time - extract.OVERLAP
        return of_cycle.clock.now().isoformat()

    return [(extract, "_seen_at", seen_at)]


def _full_answer_is_whole() -> list[Patch]:
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


def _platform_cursor_late() -> list[Patch]:
    original = cycle._advance

    def advance(of_cycle: Any, quickbooks: Any, platform: Any) -> None:
        with of_cycle.state.begin() as unit:
            end = unit.platform.position()
        late = replace(platform, positions=dict.fromkeys(platform.positions, end))
        original(of_cycle, quickbooks, late)

    return [(cycle, "_advance", advance)]


def _no_epoch() -> list[Patch]:
    return [(MemoryState, "check_epoch", _nothing)]


def _lease_for_all() -> list[Patch]:
    original = MemoryState.take_lease

    def take(self: Any, duration: timedelta) -> None:
        lease = self.database.lease.get(True)
        if lease is not None and not self.epoch:
            self.database.lease[True] = replace(lease, holder=None)
        original(self, duration)

    return [(MemoryState, "take_lease", take)]


def _old_readings_count() -> list[Patch]:
    return [(pair, "is_outdated", lambda _link, _record: False)]


def _versions_say_it_all() -> list[Patch]:
    def known(_cycle: Any, _type: Any, link: Any, raw: Any) -> bool:
        return reads.token_number(raw) == int((link.quickbooks_version or "-2").partition("|")[0])

    return [(pair, "_is_known", known)]


# -- merging and deleting --


def _last_writer_wins() -> list[Patch]:
    original = merge_model._merge_live

    def merge_live(kind: Any, base: Any, quickbooks: Any, platform: Any, policy: Any) -> Merge:
        merged = original(kind, base, quickbooks, platform, policy)
        if base is None or merged.outcome is not Outcome.MERGED:
            return merged
        winner = quickbooks.content
        to_platform = frozenset(n for n in winner if winner[n] != platform.content.get(n))
        return Merge(Outcome.MERGED, dict(winner), frozenset(), to_platform)

    return [(merge_model, "_merge_live", merge_live)]


def _conflict_unsaid() -> list[Patch]:
    return [(record, "note_conflicts", _nothing), (outcome, "note_conflicts", _nothing)]


def _wrong_winner() -> list[Patch]:
    original = merge_model._merge_field

    def merge_field(*arguments: Any) -> Any:
        value, conflict = original(*arguments)
        if conflict is not None and conflict.verdict.winner is Side.PLATFORM:
            return conflict.quickbooks, conflict
        return value, conflict

    return [(merge_model, "_merge_field", merge_field)]


def _delete_wins() -> list[Patch]:
    return [(merge_model, "_remove", lambda result, *_others: Merge(result, None))]


def _deleted_is_new() -> list[Patch]:
    from connectors.state.memory_links import MemoryLinks

    original = MemoryLinks.links_of

    def links_of(self: Any, kind: str, side: Side, ids: Any) -> Any:
        found = original(self, kind, side, ids)
        return {key: replace(each, deleted_at=None, base=None) for key, each in found.items()}

    return [(MemoryLinks, "links_of", links_of)]


def _unconfirmed_delete() -> list[Patch]:
    def confirm(of_cycle: Any, kind: Any, ids: Any) -> Any:
        with of_cycle.state.begin() as unit:
            links = unit.links_of(kind.name, Side.QUICKBOOKS, ids)
        return [each for each in ids if each in links and links[each].deleted_at is None], []

    return [(extract, "_confirm_gone", confirm)]


def _lines_dropped() -> list[Patch]:
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


def _platform_unchecked() -> list[Patch]:
    original = MemoryPlatform.write

    def write(self: Any, given: PlatformWrite) -> Any:
        if given.id is not None:
            rows = self.rows(given.record_type, [given.id])
            if given.id in rows:
                given = replace(given, expected_version=rows[given.id].version)
        return original(self, given)

    return [(MemoryPlatform, "write", write)]


def _match_by_anything() -> list[Patch]:
    def by_marker(_cycle: Any, _kind: Any, records: Any, rows: Any) -> dict[str, str]:
        return {str(raw["Id"]): row for raw, row in zip(records, rows, strict=False)}

    return [(match, "_by_marker", by_marker)]


# -- audit, parking, brakes --


def _audit_dropped() -> list[Patch]:
    original = record.note_done

    def note_done(of_cycle: Any, unit: Any, *others: Any, **facts: Any) -> None:
        class Silent:
            def __getattr__(self, name: str) -> Any:
                return _nothing if name == "audit" else getattr(unit, name)

        original(of_cycle, Silent(), *others, **facts)  # type: ignore[arg-type]

    return [(settle, "note_done", note_done)]


def _audit_of_adoption_dropped() -> list[Patch]:
    return [(outcome, "note_recovered", _nothing)]


def _audit_doubled() -> list[Patch]:
    original = record.note_done

    def note_done(of_cycle: Any, unit: Any, *others: Any, **facts: Any) -> None:
        original(of_cycle, unit, *others, **facts)
        if "intent" in facts:
            original(of_cycle, unit, *others, **facts)

    return [(settle, "note_done", note_done)]


def _park_forgotten() -> list[Patch]:
    return [(MemoryReviews, "park", _nothing)]


def _brakes_off() -> list[Patch]:
    return [(brakes, "tripped_by", lambda *_arguments: [])]


def _brake_on_few() -> list[Patch]:
    return [(brakes_model, "_empty_side", lambda *_arguments: None)]


def _approval_for_ever() -> list[Patch]:
    return [
        (Approval, "covers", lambda _self, _subjects: True),
        (brakes, "_use", _nothing),
    ]


def _figures_forgotten() -> list[Patch]:
    def teach(_cycle: Any, _unit: Any, of_plan: Any, _held: Any, _writes: Any) -> int:
        return int(of_plan.platform.version)

    return [(settle, "_teach_platform", teach)]


MUTANTS: tuple[Mutant, ...] = (
    Mutant("send_at_once", "a create is sent again without waiting out its flight", _send_at_once),
    Mutant("no_look", "nobody looks before a write is sent again", _no_look),
    Mutant(
        "wait_from_creation",
        "the wait counts from the plan, not from the last send",
        _wait_from_creation,
    ),
    Mutant("dropped_on_time_out", "a time-out is taken for a failure", _dropped_on_time_out),
    Mutant("not_recorded", "a send is not recorded before it leaves", _not_recorded),
    Mutant("other_body", "what is sent is not what was stored", _other_body),
    Mutant(
        "sent_counts_as_unsent",
        "a crash after a send is taken for one before it",
        _sent_counts_as_unsent,
    ),
    Mutant("no_marker", "records are made without a marker", _no_marker),
    Mutant("force", "the SyncToken is read again just before the write", _force),
    Mutant(
        "look_counts_when_answered",
        "a look counts from its answer, not from its question",
        _look_counts_when_answered,
    ),
    Mutant(
        "conflicts_with_the_answer",
        "losers are named only if the answer comes",
        _conflicts_with_the_answer,
    ),
    Mutant("no_deadline", "a paused worker sends, however late", _no_deadline),
    Mutant("answers_mixed_up", "answers of a batch are taken in another order", _answers_mixed_up),
    Mutant("claimed_is_news", "what an open write may have made counts as new", _claimed_is_news),
    Mutant("busy_is_planned", "a record with an open write is planned again", _busy_is_planned),
    Mutant("adopts_the_first", "any record made since is taken for ours", _adopts_the_first),
    Mutant("base_first", "the base advances before the write", _base_first),
    Mutant("base_of_one_side", "the base advances on what one side holds", _base_of_one_side),
    Mutant("base_as_sent", "the base is what was sent, not what was answered", _base_as_sent),
    Mutant("cursor_first", "the cursor is stored before the data", _cursor_first),
    Mutant("cursor_ahead", "the cursor is a few seconds ahead", _cursor_ahead),
    Mutant(
        "cursor_by_local_clock", "the cursor is our time, not QuickBooks's", _cursor_by_local_clock
    ),
    Mutant(
        "full_answer_is_whole", "a full answer is taken for a complete one", _full_answer_is_whole
    ),
    Mutant(
        "platform_cursor_late",
        "the platform's cursor is where the log ends after the cycle",
        _platform_cursor_late,
    ),
    Mutant("no_epoch", "a worker that lost its lease goes on", _no_epoch),
    Mutant("lease_for_all", "a lease is taken from whoever holds it", _lease_for_all),
    Mutant("old_readings_count", "a reading older than what is known counts", _old_readings_count),
    Mutant(
        "versions_say_it_all",
        "figures that move without a new SyncToken are not seen",
        _versions_say_it_all,
    ),
    Mutant("last_writer_wins", "the whole record is taken from one side", _last_writer_wins),
    Mutant("conflict_unsaid", "a conflict is decided and not recorded", _conflict_unsaid),
    Mutant("wrong_winner", "the loser's value is taken", _wrong_winner),
    Mutant("delete_wins", "a delete wins over an edit without a word", _delete_wins),
    Mutant("deleted_is_new", "a deleted record is treated as new", _deleted_is_new),
    Mutant(
        "unconfirmed_delete",
        "what CDC calls deleted is deleted without a read",
        _unconfirmed_delete,
    ),
    Mutant(
        "lines_dropped",
        "only the first line is sent, and the answer is not compared",
        _lines_dropped,
    ),
    Mutant(
        "platform_unchecked", "a row is overwritten, whatever its version is", _platform_unchecked
    ),
    Mutant(
        "match_by_anything",
        "unlinked records are paired in the order they come",
        _match_by_anything,
    ),
    Mutant("audit_dropped", "a write is not logged", _audit_dropped),
    Mutant(
        "audit_of_adoption_dropped",
        "a write that was found is not logged",
        _audit_of_adoption_dropped,
    ),
    Mutant("audit_doubled", "a write is logged twice", _audit_doubled),
    Mutant("park_forgotten", "a record that cannot go on is dropped", _park_forgotten),
    Mutant("brakes_off", "no brake ever trips", _brakes_off),
    Mutant("brake_on_few", "a small side may become empty", _brake_on_few),
    Mutant("approval_for_ever", "one approval lets everything pass", _approval_for_ever),
    Mutant(
        "figures_forgotten",
        "what QuickBooks computed does not reach the platform",
        _figures_forgotten,
    ),
)
