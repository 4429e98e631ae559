"""Bugs to plant into a child process, to see that the harness reports what it should."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.state.sql import SqlUnit
from models.intent import Sight, Sighting
from models.words import Side
from tasks import context, load, outcome, push, recover


def _look_for_nothing() -> None:
    """A write without an answer is sent again at once, without a look."""

    def look(_cycle: Any, intents: Any) -> dict[str, Sighting]:
        now = datetime.now(UTC)
        return {each.id: Sighting(Sight.ABSENT, now) for each in intents}

    for module in (outcome, recover, push):
        module.look = look  # type: ignore[attr-defined]
    decide = outcome.next_step
    outcome.next_step = lambda intent, sighting, _flight: decide(  # type: ignore[assignment]
        intent, sighting, timedelta(0)
    )


def _drop_audit_entries() -> None:
    """Writes to QuickBooks are not logged."""
    append = SqlUnit.audit

    def audit(self: SqlUnit, notes: Any) -> list[int]:
        return append(self, [each for each in notes if each.kind != f"write.{Side.QUICKBOOKS}"])

    SqlUnit.audit = audit  # type: ignore[method-assign]


def _forget_intents() -> None:
    """Intents are never stored, so that after a stop nobody knows what was under way."""
    load._store_intents = lambda _cycle, _prepared: None
    SqlUnit.mark_sent = lambda _self, intents: list(intents)  # type: ignore[method-assign]
    SqlUnit.close_intents = lambda *_arguments: None  # type: ignore[method-assign]


def _let_everybody_in() -> None:
    """The lease is neither taken nor checked."""
    context.Cycle.renew_lease = lambda _self: None  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    "no_look": _look_for_nothing,
    "no_audit": _drop_audit_entries,
    "no_intent": _forget_intents,
    "no_lease": _let_everybody_in,
}


def plant(name: str) -> None:
    """Break the program of this process."""
    BUGS[name]()
