"""The queue of events and the ladder of retries, on the emulator's own clock.

The oldest body that is not acknowledged holds up all later ones. Whoever answers 200 in time is
told the next; whoever does not is asked again after 10 s, 20 s, 30 s, 5 min, 20 min, 2 h, 4 h, 6 h
and then every 6 hours. Nothing here waits or sends: the sender asks what is due.
Source: dossier section 9.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.clock import stamp
from emulator.webhooks.events import Event, body_of

if TYPE_CHECKING:
    from emulator.webhooks.settings import WebhookSettings

LADDER_SECONDS = (10, 20, 30, 300, 1_200, 7_200, 14_400, 21_600)
#: More waiting events than this are lost, the newest first.
WAITING_MAX = 10_000
_LOG_LENGTH = 1_000


@dataclass
class Delivery:
    """One body on its way."""

    events: list[Event]
    body: bytes
    due: datetime
    repeated: bool = False
    attempts: int = 0


@dataclass(frozen=True)
class Waiting:
    """One event that has not been told yet."""

    event: Event
    ready: datetime
    repeated: bool = False


class WebhookQueue:
    """Everything that is to be told to one endpoint."""

    def __init__(self) -> None:
        """Start without an endpoint."""
        self.settings: WebhookSettings | None = None
        self.current: Delivery | None = None
        self.waiting: deque[Waiting] = deque()
        self.attempts: deque[dict[str, Any]] = deque(maxlen=_LOG_LENGTH)
        self.acknowledged = 0
        self.lost = 0
        self._chance = random.Random(0)  # noqa: S311 - repeatable, not secret

    def configure(self, settings: WebhookSettings | None) -> None:
        """Take a new endpoint, or none; what was waiting for the old one is forgotten."""
        self.settings = settings
        self._chance = random.Random(settings.seed if settings else 0)  # noqa: S311 - as above
        self.clear()

    def clear(self) -> None:
        """Forget what waits and what was."""
        self.current = None
        self.waiting.clear()
        self.attempts.clear()
        self.acknowledged = self.lost = 0

    def publish(self, event: Event, *, repeated: bool = False) -> None:
        """Let an event wait for its turn."""
        if self.settings is None:
            return
        if len(self.waiting) >= WAITING_MAX:
            self.lost += 1
            return
        ready = event.at + timedelta(seconds=self.settings.delay_seconds)
        self.waiting.append(Waiting(event, ready, repeated))

    def due(self, now: datetime) -> Delivery | None:
        """Return the body to send now, if there is one."""
        if self.current is None:
            self.current = self._next(now)
        if self.current is None or self.current.due > now:
            return None
        return self.current

    def _next(self, now: datetime) -> Delivery | None:
        settings = self.settings
        ready = [each for each in self.waiting if each.ready <= now]
        if settings is None or not ready:
            return None
        if self._chance.random() < settings.reordering:
            self._chance.shuffle(ready)
        first = ready[0]
        taken = [
            each
            for each in ready
            if each.repeated == first.repeated
            and (settings.mixed_realms or each.event.realm_id == first.event.realm_id)
        ][: settings.events_per_body]
        chosen = {id(each) for each in taken}
        self.waiting = deque(each for each in self.waiting if id(each) not in chosen)
        events = [each.event for each in taken]
        return Delivery(events, body_of(events, settings.shape), now, first.repeated)

    def answered(self, delivery: Delivery, problem: str, now: datetime) -> None:
        """Note how an attempt went: an empty problem is an acknowledgement."""
        if delivery is not self.current or self.settings is None:
            return
        delivery.attempts += 1
        self._note(delivery, problem, now)
        if problem:
            step = min(delivery.attempts, len(LADDER_SECONDS)) - 1
            delivery.due = now + timedelta(seconds=LADDER_SECONDS[step])
            return
        self.current = None
        self.acknowledged += len(delivery.events)
        if not delivery.repeated and self._chance.random() < self.settings.duplicates:
            for event in delivery.events:
                self.publish(event, repeated=True)

    def _note(self, delivery: Delivery, problem: str, now: datetime) -> None:
        self.attempts.append(
            {
                "time": stamp(now),
                "attempt": delivery.attempts,
                "events": [event.id for event in delivery.events],
                "repeated": delivery.repeated,
                "problem": problem,
            }
        )

    def describe(self, now: datetime) -> dict[str, Any]:
        """Return the state of things as the admin API shows it."""
        current = self.current
        blocked = current is not None and current.attempts > 0
        return {
            "settings": None if self.settings is None else self.settings.describe(),
            "waiting": len(self.waiting) + (len(current.events) if current else 0),
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "blocked": blocked,
            "next_attempt": stamp(current.due) if current is not None and blocked else None,
            "attempts": list(self.attempts),
            "time": stamp(now),
        }
