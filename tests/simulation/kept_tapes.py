"""Kept tapes: each shows a planted bug by the shortest story, and the engine as it is passes it.

Draws change as the simulator grows, and a tape then tells another story, which passes whatever the
engine does. So a tape is kept with the bug that it is about: it counts while it fails with the bug
planted, and is made anew by `python -m tests.simulation --keep NAME` when it does not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.simulation.campaign import Plan, make_bases, one, replayed
from tests.simulation.draws import Draw
from tests.simulation.mutants import MUTANTS, Mutant, mutant_named, planted
from tests.simulation.schedule import Result
from tests.simulation.shrink import Shrinker

TAPES = Path(__file__).parent / "tapes"
#: What a schedule that ends in an error of another kind breaks: no story to keep.
_UNNAMED = "unexpected"


@dataclass(frozen=True)
class KeptTape:
    """A schedule that fails where a bug is planted, and only there."""

    mutant: Mutant
    invariant: str
    condition: str
    tape: list[Draw]

    def played(self, *, with_bug: bool, story: bool = False) -> Result:
        """What becomes of it now; the company to begin with is made by the engine as it is."""
        plan = Plan("tape", 0, 1, self.condition)
        make_bases(plan)
        if not with_bug:
            return replayed(plan, self.tape, story=story)
        with planted(self.mutant):
            return replayed(plan, self.tape, story=story)


def names() -> list[str]:
    """Planted bugs of which a tape is kept."""
    return sorted(each.stem for each in TAPES.glob("*.json"))


def command(name: str) -> str:
    """What makes a tape anew."""
    return f"python -m tests.simulation --keep {name}"


def kept(name: str) -> KeptTape:
    """The tape of a planted bug."""
    found = json.loads(_path(name).read_text())
    tape = [(stream, kind, value) for stream, kind, value in found["tape"]]
    return KeptTape(mutant_named(name), found["invariant"], found["condition"], tape)


def keep(hunt_name: str, seeds_max: int, wanted: Sequence[str]) -> int:
    """Make the tapes of these planted bugs, or all anew; exit 1 where one cannot be made."""
    unknown = sorted(set(wanted) - {each.name for each in MUTANTS})
    if unknown:
        print(f"no planted bug has the name {', '.join(unknown)}")  # noqa: T201 - it is the output
        return 1
    failed = 0
    for name in wanted or names():
        made = _made(hunt_name, seeds_max, mutant_named(name))
        if isinstance(made, str):
            failed += 1
            print(f"{name}: {made}")  # noqa: T201 - it is the output
            continue
        _write(name, made)
        print(f"{name}: {made.invariant} by {len(made.tape)} draws")  # noqa: T201
    return 1 if failed else 0


def _made(hunt_name: str, seeds_max: int, mutant: Mutant) -> KeptTape | str:
    """A tape that shows the bug, as short as can be; or why there is none."""
    plan = Plan(f"{hunt_name}-{mutant.name}", 0, seeds_max, mutant.condition)
    make_bases(plan)
    with planted(mutant):
        failure = _still_failing(plan, mutant) or _hunted(plan)
        if failure is None:
            return f"not found within {seeds_max} seeds"
        tape = Shrinker(plan, failure).shrink()
    as_it_is = replayed(plan, tape)
    if as_it_is.failed:
        return f"its tape fails without the bug too: {as_it_is.message}"
    return KeptTape(mutant, failure.invariant, mutant.condition, tape)


def _still_failing(plan: Plan, mutant: Mutant) -> Result | None:
    """What the present tape comes to, where it still shows the bug: rare ones are not hunted."""
    if not _path(mutant.name).exists():
        return None
    known = kept(mutant.name)
    result = replayed(plan, known.tape)
    return replace(result, tape=known.tape) if _is_story(result) else None


def _hunted(plan: Plan) -> Result | None:
    found = (one(plan, number) for number in range(plan.count))
    return next((each for each in found if _is_story(each)), None)


def _is_story(result: Result) -> bool:
    return result.failed and result.invariant != _UNNAMED


def _write(name: str, made: KeptTape) -> None:
    content = {
        "story": made.mutant.bug,
        "mutant": made.mutant.name,
        "invariant": made.invariant,
        "condition": made.condition,
        "tape": made.tape,
    }
    _path(name).write_text(json.dumps(content) + "\n")


def _path(name: str) -> Path:
    return TAPES / f"{name}.json"
