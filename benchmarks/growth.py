"""How time and calls grow with the records of a first sync, from 1,000 to 1,000,000.

The figure is the exponent of the curve through all sizes: 1 is linear, 2 is quadratic. Calls are
told per 1,000 records, too, as most of a small company's are one for each kind of record. Time is
the engine's processor time: the emulator's, which holds the books, is not ours.
"""

from __future__ import annotations

from typing import Final

from benchmarks import ladder
from benchmarks.result import Goal, Result, growth, is_full, show

#: What counts as linear: twice the records take at most 2.14 times as long.
EXPONENT_MAX: Final = 1.1


def run(*, full: bool = False) -> list[Result]:
    """The exponents of time and calls."""
    return results_of(ladder.climbed(full=full))


def results_of(steps: tuple[ladder.Step, ...]) -> list[Result]:
    """The lines that follow from the first syncs."""
    sizes = [each.records for each in steps]
    reached = steps[-1]
    return [
        Result(
            name=f"growth_of_{what}",
            work=f"growth of {what.replace('_', ' ')} with the number of records",
            figure=growth(sizes, values),
            unit="exponent",
            goal=Goal("figure", "at most", EXPONENT_MAX),
            size=f"{sizes[0]:,} to {reached.records:,} records",
            full_size=reached.records >= ladder.STEPS[-1],
            rounds=1,
            details={
                "records": sizes,
                "values": values,
                "seconds": [each.seconds for each in steps],
                "per_1000_records": [
                    1000 * value / size for value, size in zip(values, sizes, strict=True)
                ],
            },
        )
        for what, values in (
            ("processor_seconds", [each.processor_seconds for each in steps]),
            ("calls", [float(each.calls) for each in steps]),
        )
    ]


if __name__ == "__main__":
    show(run(full=is_full()))
