"""First sync of 11,400 records into an empty platform, at 0 and at 100 ms per call.

Ours validates, merges, stores, links, audits and signs every record; the Singer tap and
python-quickbooks read the same records from the same emulator and keep nothing. Each takes its turn
in a process of its own, and the time is that of the work, without the start of the interpreter and
imports (those are the line `start`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks import books, company, ours, peers
from benchmarks.result import ROUNDS, Goal, Result, middle, show, spread_of

SIZE: Final = company.FIRST_SYNC
DELAYS: Final = (0.0, 0.1)
CALLS_MAX: Final = 15
#: After so long at one delay fewer rounds do, so that all lines fit into a quarter of an hour.
SECONDS_MAX: Final = 90.0
ROUNDS_MIN: Final = 3
STREAMS: Final = ("accounts", "customers", "items", "vendors", "invoices")
ENTITIES: Final = ("Account", "Customer", "Item", "Vendor", "Invoice")

Taken = dict[str, Any]


def run(size: company.Size = SIZE, rounds: int = ROUNDS) -> list[Result]:
    """Seconds at each delay, and calls."""
    results: list[Result] = []
    with books.opened(size) as quickbooks:
        for delay in DELAYS:
            quickbooks.delay(delay)
            results += _at(quickbooks, delay, size, rounds)
    return results


def _at(quickbooks: books.Books, delay: float, size: company.Size, rounds: int) -> list[Result]:
    runners: dict[str, Callable[[], Taken]] = {
        "ours": lambda: _ours(quickbooks, size),
        peers.SINGER_TAP.label: lambda: _tap(quickbooks, size),
        peers.PYTHON_QUICKBOOKS.label: lambda: _library(quickbooks, size),
    }
    taken: dict[str, list[Taken]] = {name: [] for name in runners}
    unavailable: dict[str, str] = {}
    began = time.perf_counter()
    for number in range(rounds):
        if number >= ROUNDS_MIN and time.perf_counter() - began > SECONDS_MAX:
            break
        for name, runner in runners.items():
            if name not in unavailable:
                try:
                    taken[name].append(_counted(quickbooks, runner))
                except peers.UnavailableError as error:
                    unavailable[name] = str(error)
    return results_of(delay, size, len(taken["ours"]), taken, unavailable)


def results_of(
    delay: float,
    size: company.Size,
    rounds: int,
    taken: dict[str, list[Taken]],
    unavailable: dict[str, str],
) -> list[Result]:
    """The lines that follow from what everybody took."""
    mine = taken["ours"]
    seconds = [each["seconds"] for each in mine]
    tap = [each["seconds"] for each in taken[peers.SINGER_TAP.label]]
    at = f"{1000 * delay:.0f} ms per call"
    calls = middle([each["calls"] for each in mine])
    common: dict[str, Any] = {"size": f"{size.records:,} records, {at}", "rounds": rounds}
    return [
        Result(
            name=f"first_sync_{1000 * delay:.0f}ms",
            work=f"first sync, {at}",
            figure=middle(seconds),
            unit="s",
            goal=Goal("ratio", "at most", 1.0),
            against="the Singer tap merely reading them",
            against_figure=middle(tap) if tap else None,
            spread=spread_of(seconds),
            against_spread=spread_of(tap) if tap else None,
            why="; ".join(unavailable.values()),
            details={
                "records_per_second": size.records / middle(seconds),
                "calls": _calls_each(taken, size),
                "everybody": {name: _figures(each, size) for name, each in taken.items() if each},
            },
            **common,
        ),
        Result(
            name=f"first_sync_calls_{1000 * delay:.0f}ms",
            work=f"calls of a first sync, {at}",
            figure=calls,
            unit="calls",
            goal=Goal("figure", "at most", CALLS_MAX, "calls"),
            against="the Singer tap's calls",
            against_figure=_calls(taken[peers.SINGER_TAP.label]),
            details={
                "by_kind": mine[-1]["by_kind"],
                "per_1000_records": 1000 * calls / size.records,
            },
            **common,
        ),
    ]


def _figures(taken: list[Taken], size: company.Size) -> dict[str, float]:
    """One side's medians."""
    figures = {
        name: middle([each[name] for each in taken])
        for name in ("seconds", "processor_seconds", "calls")
    }
    return figures | {"calls_per_1000_records": 1000 * figures["calls"] / size.records}


def _calls_each(taken: dict[str, list[Taken]], size: company.Size) -> dict[str, float]:
    """Calls per 1,000 records, everybody's."""
    return {
        name: 1000 * middle([each["calls"] for each in some]) / size.records
        for name, some in taken.items()
        if some
    }


def _calls(taken: list[Taken]) -> float | None:
    return middle([each["calls"] for each in taken]) if taken else None


def _counted(quickbooks: books.Books, runner: Callable[[], Taken]) -> Taken:
    """What it took, with its calls."""
    quickbooks.forget_calls()
    taken = runner()
    by_kind = quickbooks.calls()
    return {**taken, "calls": sum(by_kind.values()), "by_kind": by_kind}


def _ours(quickbooks: books.Books, size: company.Size) -> Taken:
    with tempfile.TemporaryDirectory() as folder:
        taken = ours.apart(ours.first_sync, quickbooks, folder)
    assert taken["applied"] == size.records, f"{taken['applied']} of {size.records} applied"
    return taken


def _tap(quickbooks: books.Books, size: company.Size) -> Taken:
    taken = peers.run(peers.SINGER_TAP, "singer_tap", quickbooks.as_arguments(streams=STREAMS))
    # it does not read who the company is
    assert taken["records"] == size.records - 1, f"the tap read {taken['records']} records"
    return taken


def _library(quickbooks: books.Books, size: company.Size) -> Taken:
    asked = quickbooks.as_arguments(work="read", entities=ENTITIES)
    taken = peers.run(peers.PYTHON_QUICKBOOKS, "python_quickbooks", asked)
    assert taken["records"] == size.records - 1, f"it read {taken['records']} records"
    return taken


if __name__ == "__main__":
    show(run())
