"""All chance of a schedule: separate streams for people, faults and scheduling, on one tape.

Streams are separate so that taking out a fault does not reshuffle what people do. Each draw is
kept as (stream, kind, value); value 0 is the dullest: nothing happens, the first one is chosen. A
tape that is played again gives the same schedule; where it has no fitting draw, the dullest value
stands in, so that pieces can be cut out of it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

#: (stream, kind, value).
Draw = tuple[str, str, int]

PEOPLE, FAULTS, ORDER, SHAPE = "people", "faults", "order", "shape"
STREAMS = (PEOPLE, FAULTS, ORDER, SHAPE)
#: How far ahead a played tape is searched for a draw of the kind that is asked for.
_SEARCH_MAX = 12
_SCALE = 1 << 20


class Draws:
    """Draws that a seed makes, kept on a tape."""

    def __init__(self, seed: str) -> None:
        self.tape: list[Draw] = []
        self._sources = {each: random.Random(f"{seed}/{each}").random for each in STREAMS}

    def chance(self, stream: str, kind: str, share: float) -> bool:
        """Whether something with this probability happens."""
        happens = self._sources[stream]() < share
        self.tape.append((stream, kind, int(happens)))
        return happens

    def pick(self, stream: str, kind: str, count: int) -> int:
        """One of so many, from 0."""
        value = int(self._sources[stream]() * count)
        self.tape.append((stream, kind, value))
        return value

    def upto(self, stream: str, kind: str, seconds: float) -> float:
        """Seconds between 0 and a limit."""
        return self.pick(stream, kind, _SCALE) * seconds / _SCALE


class Replay(Draws):
    """Draws from a tape."""

    def __init__(self, tape: Sequence[Draw]) -> None:
        self.tape = []
        self._left: dict[str, list[tuple[str, int]]] = {each: [] for each in STREAMS}
        for stream, kind, value in tape:
            self._left[stream].append((kind, value))
        self._at = dict.fromkeys(STREAMS, 0)

    def chance(self, stream: str, kind: str, share: float) -> bool:
        """Whether the tape says that it happens; never what cannot happen."""
        value = self._next(stream, kind) if share > 0 else 0
        self.tape.append((stream, kind, int(bool(value))))
        return bool(value)

    def pick(self, stream: str, kind: str, count: int) -> int:
        """What the tape picks, within the count."""
        value = min(self._next(stream, kind), count - 1)
        self.tape.append((stream, kind, value))
        return value

    def _next(self, stream: str, kind: str) -> int:
        left, at = self._left[stream], self._at[stream]
        for ahead in range(at, min(at + _SEARCH_MAX, len(left))):
            if left[ahead][0] == kind:
                self._at[stream] = ahead + 1
                return left[ahead][1]
        return 0
