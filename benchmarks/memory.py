"""The most memory that a first sync has resident: of the largest company that fits, of 10,000."""

from __future__ import annotations

from typing import Final

from benchmarks import ladder
from benchmarks.result import Goal, Result, is_full, show

BASE: Final = 10_000


def run(*, full: bool = False) -> list[Result]:
    """Megabytes."""
    return [result_of(ladder.climbed(full=full))]


def result_of(steps: tuple[ladder.Step, ...]) -> Result:
    """The line that follows from the first syncs."""
    base = next(each for each in steps if each.records == BASE)
    reached = steps[-1]
    return Result(
        name="memory",
        work="memory of a first sync of 1,000,000 records",
        figure=reached.megabytes,
        unit="MB",
        goal=Goal("ratio", "at most", 1.3),
        against=f"a first sync of {BASE:,}",
        against_figure=base.megabytes,
        size=f"{reached.records:,} records",
        full_size=reached.records >= ladder.STEPS[-1],
        rounds=1,
        details={
            "records": [each.records for each in steps],
            "megabytes": [each.megabytes for each in steps],
            "megabytes_before_the_first_record": base.megabytes_before,
        },
    )


if __name__ == "__main__":
    show(run(full=is_full()))
