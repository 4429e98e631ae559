"""Planted bugs of the write protocol towards QuickBooks: each a patch of the engine (`mutants`)."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from connectors.state.memory_intents import MemoryIntents
from models import intent as intent_model
from models.intent import Sight, Sighting, Step
from models.words import IntentState
from tasks import files, load, outcome, push, recover
from tests.simulation.planted import Patch, nothing


def send_at_once() -> list[Patch]:
    original = intent_model.next_step

    def next_step(intent: Any, sighting: Any, flight: Any) -> Step:
        step = original(intent, sighting, flight)
        return Step.SEND_AGAIN if step is Step.WAIT else step

    return [(outcome, "next_step", next_step)]


def no_look() -> list[Patch]:
    def look(of_cycle: Any, intents: Any) -> dict[str, Sighting]:
        with of_cycle.state.begin() as unit:
            return {each.id: Sighting(Sight.ABSENT, unit.now) for each in intents}

    return [(recover, "look", look), (push, "look", look)]


def wait_from_creation() -> list[Patch]:
    return [
        (intent_model, "due_at", lambda intent, flight: intent.created_at + flight),
        (recover, "due_at", lambda intent, flight: intent.created_at + flight),
    ]


def dropped_on_time_out() -> list[Patch]:
    original = load._state_after

    def state_after(each: Any, answer: Any) -> IntentState:
        state = original(each, answer)
        return IntentState.REJECTED if state is IntentState.UNKNOWN else state

    return [(load, "_state_after", state_after)]


def not_recorded() -> list[Patch]:
    def mark_sent(self: Any, intents: Any) -> list[Any]:
        return [replace(each, attempts=1, sent_at=self.now) for each in intents]

    return [(MemoryIntents, "mark_sent", mark_sent)]


def other_body() -> list[Patch]:
    original = files.remote_write

    def write(of_cycle: Any, intent: Any, body: Any, deadline: float) -> Any:
        made = original(of_cycle, intent, body, deadline)
        return replace(made, body={**made.body, "PrivateNote": "not what was stored"})

    return [(files, "remote_write", write), (load, "remote_write", write)]


def sent_counts_as_unsent() -> list[Patch]:
    original = recover._settle

    def settled(of_cycle: Any, intent: Any, sighting: Any) -> None:
        if intent.state is IntentState.SENT:
            with of_cycle.state.begin() as unit:
                recover._close_unsent(unit, intent)
        else:
            original(of_cycle, intent, sighting)

    return [(recover, "_settle", settled)]


def no_marker() -> list[Patch]:
    return [(load, "mark_body", lambda *_arguments, **_options: False)]


def force() -> list[Patch]:
    original = load._held

    def held(of_cycle: Any, of_plan: Any) -> Any:
        found = dict(original(of_cycle, of_plan))
        entity = of_plan.record_type.entity
        now = of_cycle.quickbooks.read(entity, found["Id"])
        return {**found, "SyncToken": now["SyncToken"]} if now else found

    return [(load, "_held", held)]


def look_counts_when_answered() -> list[Patch]:
    original = outcome.conclude

    def conclude(of_cycle: Any, unit: Any, intent: Any, sighting: Any) -> Any:
        return original(of_cycle, unit, intent, replace(sighting, looked_at=unit.now))

    return [(recover, "conclude", conclude), (push, "conclude", conclude)]


def conflicts_with_the_answer() -> list[Patch]:
    return [(load, "edit_times", lambda _plan: {}), (outcome, "note_conflicts", nothing)]


def no_deadline() -> list[Patch]:
    original = files.remote_write

    def write(of_cycle: Any, intent: Any, body: Any, _deadline: float) -> Any:
        return original(of_cycle, intent, body, float("inf"))

    return [(files, "remote_write", write), (load, "remote_write", write)]


def answers_mixed_up() -> list[Patch]:
    original = load._answers
    return [
        (load, "_answers", lambda *given: list(reversed(original(*given)))),
    ]


def busy_is_planned() -> list[Patch]:
    """Pairing does not know the links of open intents."""
    original = MemoryIntents.open_intents

    def open_intents(self: Any) -> Any:
        found = original(self)
        if sys._getframe(1).f_code.co_name == "pair":
            return [replace(each, link_id=-1) for each in found]
        return found

    return [(MemoryIntents, "open_intents", open_intents)]


def adopts_the_first() -> list[Patch]:
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
