"""Where our own processor time goes in a piece of work, by part, and how many statements it takes.

`python -m benchmarks.profiles [first_sync|writes|one_change|idle_cycle ...]` prints it as JSON. To
compare two versions of the engine, run it in both checkouts, this folder copied into the older one;
`docs/performance-profiles.md` was made so. No line of the table: it says why, not how fast.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event

from benchmarks import books, company, entering, linked, ours
from benchmarks.guards_cost import GUARDS, OTHERS
from benchmarks.result import share
from benchmarks.sampling import sampled
from benchmarks.writes import SIZE, unthrottle
from tasks.bootstrap import Installation

PARTS: Final = {
    **GUARDS,
    **OTHERS,
    "brakes": ("/tasks/brakes.py", "/models/brakes.py"),
    "lease, cursors and names": ("/connectors/state/sql.py",),
}
WRITES: Final = 1_000
LINKED: Final = 200_000
#: Of what takes milliseconds, so that there are samples enough.
TIMES: Final = 50
_CHARACTERS_MAX: Final = 160


@dataclass
class Profile:
    """What a piece of work took; of several times, each one's part."""

    work: str
    processor_seconds: float
    statements: float
    transactions: float
    #: Until the database answered, without fetching rows; and the longest statement. No sample is
    #: taken inside the database, so what it takes long for is best seen under cProfile.
    database_seconds: float
    longest_statement: str
    #: Part -> share of the samples; the rest is calling, planning and what has no part.
    percent: dict[str, float]


def of_first_sync(_quickbooks: books.Books, place: Installation) -> Profile:
    """All records of a company into an empty platform."""
    size = f"{company.FIRST_SYNC.records:,} records"
    return profiled(f"first sync of {size}", place, lambda: ours.cycle(place))


def of_writes(quickbooks: books.Books, place: Installation) -> Profile:
    """New invoices of the platform on their way into QuickBooks."""
    ours.settle(place)
    unthrottle(quickbooks, place)
    entering.enter_invoices(place, WRITES, "P-")
    return profiled(f"{WRITES:,} writes to QuickBooks", place, lambda: ours.cycle(place))


def of_one_change(_quickbooks: books.Books, place: Installation) -> Profile:
    """One edit on the platform, among many linked records."""
    ours.settle(place)
    assert linked.multiply(place, LINKED) >= LINKED
    ours.settle(place)
    entering.edit_invoice(place, 1, "an edit")
    return profiled(f"one change among {LINKED:,}", place, lambda: ours.cycle(place))


def of_idle_cycle(_quickbooks: books.Books, place: Installation) -> Profile:
    """Cycles of a company at rest."""
    ours.settle(place)
    ours.cycle(place)  # fills caches

    def some() -> None:
        for _ in range(TIMES):
            ours.cycle(place)

    return profiled("an idle cycle", place, some, times=TIMES)


WORK: Final[dict[str, tuple[Callable[[books.Books, Installation], Profile], company.Size]]] = {
    "first_sync": (of_first_sync, company.FIRST_SYNC),
    "writes": (of_writes, SIZE),
    "one_change": (of_one_change, SIZE),
    "idle_cycle": (of_idle_cycle, SIZE),
}


def profiled(work: str, place: Installation, run: Callable[[], Any], *, times: int = 1) -> Profile:
    """Run some work under samples."""
    with watched(place.engine) as seen, sampled(PARTS) as samples:
        started = time.process_time()
        run()
        used = time.process_time() - started
    seconds, statement = seen.longest
    return Profile(
        work=work,
        processor_seconds=used / times,
        statements=seen.statements / times,
        transactions=seen.transactions / times,
        database_seconds=seen.seconds / times,
        longest_statement=f"{seconds:.3f} s: {' '.join(statement.split())[:_CHARACTERS_MAX]}",
        percent={part: share(count, samples.total) for part, count in samples.counts.most_common()},
    )


class Statements:
    """What an engine is asked for: how much, and how long its database takes."""

    def __init__(self) -> None:
        self.statements = 0
        self.transactions = 0
        self.seconds = 0.0
        self.longest = (0.0, "")
        self._began = 0.0

    def begin(self, *_: Any) -> None:
        """A transaction begins."""
        self.transactions += 1

    def before(self, *_: Any) -> None:
        """A statement is sent."""
        self.statements += 1
        self._began = time.perf_counter()

    def after(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """A statement was answered."""
        took = time.perf_counter() - self._began
        self.seconds += took
        self.longest = max(self.longest, (took, statement))


@contextmanager
def watched(engine: Engine) -> Iterator[Statements]:
    """Listen to an engine, of which one thread at a time makes use."""
    seen = Statements()
    listeners = {
        "begin": seen.begin,
        "before_cursor_execute": seen.before,
        "after_cursor_execute": seen.after,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield seen
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


def main() -> None:
    """Profile what is named, or everything."""
    named = sys.argv[1:] or list(WORK)
    if unknown := sorted(set(named) - set(WORK)):
        sys.exit(f"{', '.join(unknown)}: no such work; there are {', '.join(WORK)}")
    ours.import_all()
    found = []
    for name in named:
        profile, size = WORK[name]
        with tempfile.TemporaryDirectory() as folder, books.opened(size) as quickbooks:
            settings = ours.settings_of(quickbooks, Path(folder) / "sync.sqlite3")
            with ours.connected(quickbooks, settings) as place:
                found.append(asdict(profile(quickbooks, place)))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
