"""One line of the results: what was measured, against what, and whether it reaches its goal.

The arithmetic stands here once, so that a ratio or a goal cannot be meant one way in one benchmark
and another way in the next.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

#: Rounds of a measurement, of which the median counts.
ROUNDS: Final = 5


@dataclass(frozen=True)
class Goal:
    """What a figure, or its ratio to the peer's, is to come to."""

    of: Literal["figure", "ratio"]
    bound: Literal["at most", "at least"]
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        what = "" if self.of == "figure" else "ratio "
        return f"{what}{self.bound} {self.limit:g}{f' {self.unit}' if self.unit else ''}"

    @classmethod
    def of_text(cls, text: str) -> Goal:
        """A goal as it is written."""
        of: Literal["figure", "ratio"] = "ratio" if text.startswith("ratio ") else "figure"
        at, bound, limit, *unit = text.removeprefix("ratio ").split()
        assert at == "at", f"not a goal: {text!r}"
        return cls(of, "at most" if bound == "most" else "at least", float(limit), " ".join(unit))

    def met(self, figure: float | None, ratio: float | None) -> bool | None:
        """Whether it is reached; None where there is nothing to tell it by."""
        value = figure if self.of == "figure" else ratio
        if value is None:
            return None
        return value <= self.limit if self.bound == "at most" else value >= self.limit


@dataclass(frozen=True)
class Result:
    """What one measurement came to."""

    name: str
    #: The line of the table that it belongs to, in words.
    work: str
    #: None where it could not be measured: `why` says why not.
    figure: float | None
    unit: str
    goal: Goal | None = None
    against: str = ""
    against_figure: float | None = None
    #: How much was worked on, and whether that is less than the goal speaks of.
    size: str = ""
    full_size: bool = True
    #: Least and most of the rounds.
    spread: tuple[float, float] | None = None
    against_spread: tuple[float, float] | None = None
    rounds: int = ROUNDS
    #: Why a goal is missed, or why there is no figure.
    why: str = ""
    #: More figures of the same measurement.
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The figure in terms of what it is measured against."""
        if self.figure is None or not self.against_figure:
            return None
        return self.figure / self.against_figure

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None: no goal, or nothing to tell it by."""
        return None if self.goal is None else self.goal.met(self.figure, self.ratio)

    def as_json(self) -> dict[str, Any]:
        """All of it, with what follows from it, rounded for people."""
        values = asdict(self) | {
            "goal": None if self.goal is None else str(self.goal),
            "ratio": self.ratio,
            "met": self.met,
        }
        rounded: dict[str, Any] = _rounded(values)
        return rounded


def stored_in(file: Path) -> list[Result]:
    """The results of an earlier run."""
    names = {each.name for each in fields(Result)}
    found = []
    for line in json.loads(file.read_text(encoding="utf-8")):
        values = {name: value for name, value in line.items() if name in names}
        goal = values["goal"]
        found.append(Result(**values | {"goal": None if goal is None else Goal.of_text(goal)}))
    return found


def _rounded(value: Any) -> Any:
    """Four digits are more than a measurement holds."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread_of(values: Sequence[float]) -> tuple[float, float]:
    """Least and most."""
    return min(values), max(values)


def share(part: float, whole: float) -> float:
    """A part in percent of the whole; nothing of nothing is nothing."""
    return 100 * part / whole if whole else 0.0


def growth(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The exponent by which values grow with sizes: 1 is linear, 2 is quadratic.

    The slope of the line through both logarithms that lies nearest to all points.
    """
    import math

    return statistics.linear_regression(
        [math.log(each) for each in sizes], [math.log(each) for each in values]
    ).slope


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """The processor's name, where the system tells it."""
    told = Path("/proc/cpuinfo")
    if told.is_file():
        for line in told.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def is_full() -> bool:
    """Whether the command line asks for the whole size, however long it takes."""
    return "--full" in sys.argv


def show(results: Sequence[Result]) -> None:
    """Print results as JSON."""
    print(json.dumps([each.as_json() for each in results], indent=2))
