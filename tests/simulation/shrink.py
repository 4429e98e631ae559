"""From a failing schedule to the shortest story that still fails.

Pieces of the tape are cut out, halves first, then smaller ones; then what is left is made dull,
draw by draw. A tape that still breaks the same invariant is kept.
"""

from __future__ import annotations

import json

from tests.simulation.campaign import Plan, replayed
from tests.simulation.draws import Draw
from tests.simulation.schedule import Result

#: Runs that shrinking may take.
RUNS_MAX = 1_500


class Shrinker:
    """Makes one failing tape shorter."""

    def __init__(self, plan: Plan, failure: Result) -> None:
        self._plan = plan
        self._invariant = failure.invariant
        self.tape = list(failure.tape)
        self.runs = 0

    def shrink(self) -> list[Draw]:
        """The shortest tape that was found."""
        if not self._fails(self.tape):
            return self.tape
        before = -1
        while before != len(self.tape) and self.runs < RUNS_MAX:
            before = len(self.tape)
            self._cut()
        self._dull()
        return self.tape

    def _fails(self, tape: list[Draw]) -> bool:
        self.runs += 1
        return replayed(self._plan, tape).invariant == self._invariant

    def _cut(self) -> None:
        size = len(self.tape) // 2
        while size >= 1 and self.runs < RUNS_MAX:
            at = 0
            while at < len(self.tape) and self.runs < RUNS_MAX:
                shorter = self.tape[:at] + self.tape[at + size :]
                if self._fails(shorter):
                    self.tape = shorter
                else:
                    at += size
            size //= 2

    def _dull(self) -> None:
        for number, (stream, kind, value) in enumerate(self.tape):
            if not value or self.runs >= RUNS_MAX:
                continue
            duller = [*self.tape]
            duller[number] = (stream, kind, 0)
            if self._fails(duller):
                self.tape = duller


def shortest_story(plan: Plan, failure: Result) -> str:
    """The shortest story that still fails, and how to keep it."""
    shrinker = Shrinker(plan, failure)
    tape = shrinker.shrink()
    result = replayed(plan, tape, story=True)
    kept = json.dumps({"invariant": result.invariant, "condition": plan.condition, "tape": tape})
    return "\n".join(
        [
            f"{len(failure.tape)} draws came down to {len(tape)} in {shrinker.runs} runs:",
            *(f"  {line}" for line in result.story),
            f"  {result.message or 'the tape does not fail when it is played again'}",
            f"keep it as tests/simulation/tapes/PLANTED_BUG.json (CONTRIBUTING.md): {kept}",
        ]
    )
