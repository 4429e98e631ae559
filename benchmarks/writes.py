"""1,000 new invoices of the platform on their way into QuickBooks, at 100 ms per call, no throttle.

A whole cycle of ours: found in the change log, validated, planned, each intent stored, sent,
verified, linked, audited and signed. Beside it the bare batches of python-quickbooks, which keep no
record of what was done, and (fewer records, for they take long) its single saves and Fyle's SDK.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks import books, company, entering, ours, peers
from benchmarks.result import ROUNDS, Goal, Result, middle, show, spread_of
from connectors.quickbooks.limits import Limits
from connectors.state.connections import connection_named
from tasks.bootstrap import Installation

WRITES: Final = 1_000
DELAY: Final = 0.1
#: How many of them those write who write one by one.
SINGLES: Final = 20
SIZE: Final = company.of(1_000)
#: No throttle: QuickBooks's own limits are the line `real_limits`.
UNLIMITED: Final = replace(
    Limits(),
    requests_per_minute=1_000_000,
    requests_per_second=1_000_000,
    batches_per_minute=1_000_000,
)


def run(writes: int = WRITES, rounds: int = ROUNDS, delay: float = DELAY) -> list[Result]:
    """Writes a second, ours and theirs."""
    with tempfile.TemporaryDirectory() as folder, books.opened(SIZE) as quickbooks:
        settings = ours.settings_of(quickbooks, Path(folder) / "sync.sqlite3")
        with ours.connected(quickbooks, settings) as place:
            ours.settle(place)
            unthrottle(quickbooks, place)
            quickbooks.delay(delay)
            return _measured(quickbooks, place, writes, rounds)


def unthrottle(quickbooks: books.Books, place: Installation) -> None:
    """Let an installation send as fast as it can."""
    place.limiter(connection_named(place.engine, quickbooks.realm_id).id).limits = UNLIMITED


def _measured(
    quickbooks: books.Books, place: Installation, writes: int, rounds: int
) -> list[Result]:
    names = itertools.count(1)
    library = peers.PYTHON_QUICKBOOKS
    runners: dict[str, Callable[[str], dict[str, Any]]] = {
        "ours": lambda prefix: _ours(place, writes, prefix),
        f"{library.label} in bare batches": lambda prefix: peers.run(
            library, "python_quickbooks", _asked(quickbooks, "batch", writes, prefix)
        ),
        f"{library.label} one by one": lambda prefix: peers.run(
            library, "python_quickbooks", _asked(quickbooks, "save", SINGLES, prefix)
        ),
        peers.QBOSDK.label: lambda prefix: peers.run(
            peers.QBOSDK, "fyle_sdk", _asked(quickbooks, "post", SINGLES, prefix)
        ),
    }
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in runners}
    unavailable: dict[str, str] = {}
    for _ in range(rounds):
        for name, runner in runners.items():
            if name not in unavailable:
                quickbooks.forget_calls()
                try:
                    done = runner(f"W{next(names)}-")
                except peers.UnavailableError as error:
                    unavailable[name] = str(error)
                    continue
                taken[name].append(done | {"calls": sum(quickbooks.calls().values())})
        _take_in(place)
    return [result_of(taken, unavailable, writes, rounds)]


def result_of(
    taken: dict[str, list[dict[str, Any]]], unavailable: dict[str, str], writes: int, rounds: int
) -> Result:
    """The line that follows from what everybody took."""
    rates = {
        name: [each["records"] / each["seconds"] for each in some] for name, some in taken.items()
    }
    mine, batches = list(rates.values())[:2]
    return Result(
        name="writes",
        work="1,000 writes at 100 ms, no throttle",
        figure=middle(mine),
        unit="writes/s",
        goal=Goal("ratio", "at least", 3.0),
        against="python-quickbooks' bare batches",
        against_figure=middle(batches) if batches else None,
        size=f"{writes:,} writes",
        spread=spread_of(mine),
        against_spread=spread_of(batches) if batches else None,
        rounds=rounds,
        why="; ".join(dict.fromkeys(unavailable.values())),
        details={
            "calls": {
                name: middle([1000 * each["calls"] / each["records"] for each in some])
                for name, some in taken.items()
                if some
            },
            "everybody": {
                name: {
                    "writes_per_second": middle(rates[name]),
                    "processor_seconds_per_1000_writes": middle(
                        [1000 * each["processor_seconds"] / each["records"] for each in some]
                    ),
                }
                for name, some in taken.items()
                if some
            },
        },
    )


def _ours(place: Installation, writes: int, prefix: str) -> dict[str, Any]:
    entering.enter_invoices(place, writes, prefix)
    ran = ours.cycle(place)
    written = ours.created_in_quickbooks(ran.report)
    assert written == writes, f"{written} written: {ran.report.parked[:2]}"
    return {
        "seconds": ran.seconds,
        "processor_seconds": ran.processor_seconds,
        "records": writes,
    }


def _take_in(place: Installation) -> None:
    """What the peers wrote comes to the platform between the rounds, and is not measured."""
    ours.settle(place)


def _asked(quickbooks: books.Books, work: str, records: int, prefix: str) -> str:
    return quickbooks.as_arguments(
        work=work,
        records=records,
        prefix=prefix,
        customers=SIZE.customers,
        items=SIZE.items,
        account="3",
        vendor=str(SIZE.customers + 1),
    )


if __name__ == "__main__":
    show(run())
