"""Actors on greenlets: who takes the next step, when, and who is killed.

The production code is synchronous and unchanged. It runs in a greenlet; at each call of a port it
pauses here, and the next actor whose time has come goes on. A killed actor's ports refuse
everything, so that `finally` and `__exit__` cannot tidy up as kill -9 never would.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any

from greenlet import getcurrent, greenlet

from tests.simulation.clock import VirtualClock
from tests.simulation.draws import ORDER, Draws


class Killed(BaseException):
    """The process is gone; nothing of the product may catch it."""


class EndlessError(AssertionError):
    """A schedule does not come to its end (invariant I22)."""


@dataclass(eq=False)
class Actor:
    """Something that takes steps of its own."""

    name: str
    run: Callable[[], None]
    #: Virtual second at which it goes on.
    wake_at: float
    alive: bool = True
    #: What it is paused in, for the story.
    label: str = ""
    #: Set when it ended by an exception that nobody may cause.
    error: BaseException | None = None
    thread: Any = field(default=None, repr=False)


class Scheduler:
    """Runs actors one at a time until none is left."""

    def __init__(self, clock: VirtualClock, draws: Draws, steps_max: int) -> None:
        self.clock = clock
        self.draws = draws
        self.actors: list[Actor] = []
        self.steps = 0
        self._steps_max = steps_max
        self._hub = getcurrent()
        self.current: Actor | None = None
        #: When the next of the others wakes while one runs: only spawning and killing change that.
        self._others_wake_at = inf

    def spawn(self, name: str, run: Callable[[], None], delay: float = 0.0) -> Actor:
        """Add an actor."""
        actor = Actor(name, run, self.clock.seconds + delay)
        actor.thread = greenlet(self._body(actor), self._hub)
        self.actors.append(actor)
        self._others_wake_at = min(self._others_wake_at, actor.wake_at)
        return actor

    def _body(self, actor: Actor) -> Callable[[], None]:
        def body() -> None:
            try:
                with suppress(Killed):  # the end that was meant for it
                    actor.run()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the schedule reports it
                actor.error = error
            actor.alive = False

        return body

    def pause(self, seconds: float = 0.0, label: str = "") -> None:
        """Let others go on; called by the actor that runs.

        Raises:
            Killed: it was killed meanwhile.
        """
        actor = self.current
        assert actor is not None, "only an actor pauses"
        if not actor.alive:
            raise Killed
        actor.wake_at = wake_at = self.clock.seconds + seconds
        actor.label = label
        if self._others_wake_at > wake_at:  # nobody else goes on before it
            self.clock.seconds = wake_at
            self.steps += 1
            if self.steps > self._steps_max:
                raise self._endless(actor)
            return
        self._hub.switch()
        if not actor.alive:
            raise Killed

    def kill(self, actor: Actor) -> None:
        """End an actor at once; what it was doing stays as it is."""
        actor.alive = False
        if actor is self.current:
            raise Killed
        if actor.thread:
            self.current, before = actor, self.current
            actor.thread.parent = getcurrent()
            actor.thread.throw(Killed)
            self.current = before
            if before is not None:
                self._others_wake_at = self._next_but(before)

    def run_until(self, is_over: Callable[[], bool], deadline: float) -> None:
        """Let actors take steps until it is over, or the virtual deadline has come.

        Raises:
            EndlessError: more steps than any schedule needs.
            BaseException: what an actor ended with.
        """
        while not is_over():
            actors = self.actors = [each for each in self.actors if each.alive]
            if not actors:
                return
            now = self.clock.seconds
            ready = [each for each in actors if each.wake_at <= now]
            if not ready:
                earliest = min(each.wake_at for each in actors)
                if earliest > deadline:
                    return
                self.clock.seconds = earliest
                continue
            chosen = ready[0]
            if len(ready) > 1:
                chosen = ready[self.draws.pick(ORDER, "next", len(ready))]
            self._step(chosen)

    def _step(self, actor: Actor) -> None:
        self.steps += 1
        if self.steps > self._steps_max:
            raise self._endless(actor)
        self.current, self._others_wake_at = actor, self._next_but(actor)
        actor.thread.switch()
        self.current = None
        if actor.error is not None:
            raise actor.error

    def _next_but(self, actor: Actor) -> float:
        """When the first of the others wakes."""
        return min(
            (each.wake_at for each in self.actors if each.alive and each is not actor), default=inf
        )

    def _endless(self, actor: Actor) -> EndlessError:
        return EndlessError(f"more than {self._steps_max} steps; {actor.name} {actor.label}")

    def end(self) -> None:
        """Kill whoever is left, so that nothing of the schedule goes on."""
        for actor in self.actors:
            if actor.alive:
                self.kill(actor)
        self.actors = []
