"""A cycle with one change, where 1,000,000 records are linked, against one where 1,000 are.

Both installations are connected to the same books, and take the same change in turn: somebody edits
an invoice in QuickBooks, and somebody edits one on the platform. The many are copies of synced
records inside the database (`linked`); QuickBooks has the few, for one call for changes costs no
more where there are many.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import books, company, entering, linked, ours
from benchmarks.result import ROUNDS, Goal, Result, is_full, middle, show, spread_of
from tasks.bootstrap import Installation

FEW: Final = 1_000
#: As many as fit into a quarter of an hour with all other lines; all of them with --full.
MANY: Final = 200_000
MANY_FULL: Final = 1_000_000


def run(*, full: bool = False, rounds: int = ROUNDS) -> list[Result]:
    """Milliseconds of a cycle with one change, from each side."""
    many = MANY_FULL if full else MANY
    taken: dict[str, dict[int, list[ours.Ran]]] = {
        side: {FEW: [], many: []} for side in ("QuickBooks", "platform")
    }
    ours.import_all()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        quickbooks = stack.enter_context(books.opened(company.of(FEW)))
        places: dict[int, Installation] = {}
        for records in (FEW, many):
            settings = ours.settings_of(quickbooks, Path(name) / f"{records}.sqlite3")
            places[records] = stack.enter_context(ours.connected(quickbooks, settings))
            ours.settle(places[records])
        started = time.perf_counter()
        assert linked.multiply(places[many], many) >= many
        filling = time.perf_counter() - started
        for place in places.values():
            ours.settle(place)
        for number in range(rounds + 1):  # the first one fills caches
            _edit_in_quickbooks(quickbooks, number)
            for records, place in places.items():
                taken["QuickBooks"][records].append(ours.cycle(place))
            for records, place in places.items():
                entering.edit_invoice(place, 1 + number, f"memo {number} of {records}")
                taken["platform"][records].append(ours.cycle(place))
                for other in places.values():
                    ours.settle(other)
    return [result_of(side, many, found, filling) for side, found in taken.items()]


def result_of(
    side: str, many: int, found: dict[int, list[ours.Ran]], filling_seconds: float
) -> Result:
    """The line that follows from the cycles; the first of each does not count."""
    few, more = ([1000 * each.seconds for each in found[records][1:]] for records in (FEW, many))
    assert all(each.report.moved for some in found.values() for each in some), "nothing was moved"
    return Result(
        name=f"one_change_in_{side.lower()}",
        work=f"1 change in {side} among 1,000,000 linked records",
        figure=middle(more),
        unit="ms",
        goal=Goal("ratio", "at most", 1.5),
        against=f"1 change among {FEW:,}",
        against_figure=middle(few),
        size=f"{many:,} linked records",
        full_size=many >= MANY_FULL,
        spread=spread_of(more),
        against_spread=spread_of(few),
        rounds=len(more),
        details={"seconds_to_fill_the_database": filling_seconds},
    )


def _edit_in_quickbooks(quickbooks: books.Books, number: int) -> None:
    """Another memo on an invoice."""
    held = quickbooks.read("Invoice", str(100 + number))
    changed = {name: held[name] for name in ("Id", "SyncToken")}
    quickbooks.save("Invoice", {**changed, "sparse": True, "PrivateNote": f"edit {number}"})


if __name__ == "__main__":
    show(run(full=is_full()))
