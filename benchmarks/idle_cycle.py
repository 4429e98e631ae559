"""An idle cycle of all record types: its calls, and its processor time.

Beside it python-quickbooks makes and parses the same one call for changes, with a client of its own
each time, as a cycle has one; what it takes with a client that is kept is told, too. Both are asked
for many times in turn: one takes milliseconds.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks import books, company, ours, peers
from benchmarks.first_sync import STREAMS
from benchmarks.result import ROUNDS, Goal, Result, middle, show, spread_of

TIMES: Final = 20
RECORDS: Final = 1_000
#: What python-quickbooks has a class for, of what our cycle asks for.
ENTITIES: Final = (
    *("Account", "Bill", "BillPayment", "Class", "CreditMemo", "Customer", "Department", "Deposit"),
    *("Invoice", "Item", "JournalEntry", "Payment", "Purchase", "RefundReceipt", "Transfer"),
    *("Vendor", "VendorCredit"),
)


def run(records: int = RECORDS, rounds: int = ROUNDS, times: int = TIMES) -> list[Result]:
    """Processor milliseconds of a cycle, and its calls."""
    mine: list[ours.Ran] = []
    medians: list[float] = []
    theirs: list[dict[str, Any]] = []
    reason = ""
    with tempfile.TemporaryDirectory() as folder, books.opened(company.of(records)) as quickbooks:
        settings = ours.settings_of(quickbooks, Path(folder) / "sync.sqlite3")
        with ours.connected(quickbooks, settings) as place:
            ours.settle(place)
            quickbooks.forget_calls()
            for _ in range(rounds):
                some = [ours.cycle(place) for _ in range(times)]
                mine += some
                medians.append(middle([each.processor_seconds for each in some]))
                calls = quickbooks.calls()
                try:
                    theirs.append(_library(quickbooks, times))
                except peers.UnavailableError as error:
                    reason = str(error)
                quickbooks.forget_calls()
        everybody = {"ours": sum(calls.values()) / times, **_calls_of_others(quickbooks)}
    assert not any(each.report.moved for each in mine), "the company was not at rest"
    return results_of(mine, medians, theirs, times, everybody, reason)


def results_of(
    mine: list[ours.Ran],
    medians: list[float],
    theirs: list[dict[str, Any]],
    times: int,
    calls: dict[str, float],
    reason: str,
) -> list[Result]:
    """The lines that follow from what both took."""
    fresh = [1000 * each["fresh_processor_seconds"] / times for each in theirs]
    kept = [1000 * each["kept_processor_seconds"] / times for each in theirs]
    milliseconds = [1000 * each for each in medians]
    size = f"{len(mine)} cycles of a company at rest"
    return [
        Result(
            name="idle_cycle_processor",
            work="idle cycle, all record types: processor time",
            figure=middle(milliseconds),
            unit="ms",
            goal=Goal("ratio", "at most", 3.0),
            against="python-quickbooks making and parsing that one call",
            against_figure=middle(fresh) if fresh else None,
            size=size,
            spread=spread_of(milliseconds),
            against_spread=spread_of(fresh) if fresh else None,
            rounds=len(medians),
            why=reason,
            details={
                "seconds": middle([each.seconds for each in mine]),
                "python_quickbooks_with_a_kept_client_ms": middle(kept) if kept else None,
            },
        ),
        Result(
            name="idle_cycle_calls",
            work="idle cycle, all record types: calls",
            figure=calls["ours"],
            unit="calls",
            goal=Goal("figure", "at most", 1, "calls"),
            size=size,
            rounds=len(medians),
            details={"calls": calls},
        ),
    ]


def _calls_of_others(quickbooks: books.Books) -> dict[str, float]:
    """Calls of peers that look for changes since now and find none."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    changes = quickbooks.as_arguments(work="changes", entities=ENTITIES, times=1)
    tap = quickbooks.as_arguments(streams=STREAMS, since=now)
    found = {}
    for peer, program, asked, runs in (
        (peers.SINGER_TAP, "singer_tap", tap, 1),
        (peers.PYTHON_QUICKBOOKS, "python_quickbooks", changes, 3),
    ):
        quickbooks.forget_calls()
        with suppress(peers.UnavailableError):
            peers.run(peer, program, asked)
            found[peer.label] = sum(quickbooks.calls().values()) / runs
    return found


def _library(quickbooks: books.Books, times: int) -> dict[str, Any]:
    asked = quickbooks.as_arguments(work="changes", entities=ENTITIES, times=times)
    return peers.run(peers.PYTHON_QUICKBOOKS, "python_quickbooks", asked)


if __name__ == "__main__":
    show(run())
