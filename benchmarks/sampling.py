"""Where processor time goes, by samples of the running functions; no dependency, little cost.

The system's profiling timer strikes after so much processor time of this process, and the stack of
the main thread is looked at. A sample counts for the innermost of the named parts that it is in.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERVAL_SECONDS: Final = 0.002
OTHER: Final = "the rest"


class Samples:
    """How often which part was found at work."""

    def __init__(self, parts: Mapping[str, tuple[str, ...]]) -> None:
        """Parts are named with ends of paths, or `path:function`."""
        self._parts = parts
        self._known: dict[tuple[str, str], str] = {}
        self.counts: Counter[str] = Counter()

    def take(self, frame: FrameType | None) -> None:
        """Count one sample."""
        while frame is not None:
            if part := self.part_of(frame.f_code.co_filename, frame.f_code.co_name):
                break
            frame = frame.f_back
        else:
            part = OTHER
        self.counts[part] += 1

    def part_of(self, path: str, function: str) -> str:
        """The part that a function belongs to; "" for none."""
        key = (path, function)
        if key not in self._known:
            self._known[key] = next(
                (
                    part
                    for part, places in self._parts.items()
                    if any(_is_in(place, path, function) for place in places)
                ),
                "",
            )
        return self._known[key]

    @property
    def total(self) -> int:
        """All samples."""
        return sum(self.counts.values())


def _is_in(place: str, path: str, function: str) -> bool:
    file, _, name = place.partition(":")
    return path.endswith(file) and name in ("", function)


@contextmanager
def sampled(parts: Mapping[str, tuple[str, ...]]) -> Iterator[Samples]:
    """Sample this process's main thread while the context lasts."""
    samples = Samples(parts)

    def strike(_number: int, frame: FrameType | None) -> None:
        samples.take(frame)

    former = signal.signal(signal.SIGPROF, strike)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)
