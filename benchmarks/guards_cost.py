"""What the audit log, the intents and the verification of answers cost of our own processor time.

A cycle that writes invoices to QuickBooks uses all three; a first sync, which only writes to the
platform, is told beside it. Both are sampled, and a sample belongs to the innermost of the parts
that it is in: SQL that the audit log runs is the audit's.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks import books, company, entering, ours
from benchmarks.result import ROUNDS, Goal, Result, middle, share, show, spread_of
from benchmarks.sampling import sampled
from benchmarks.writes import unthrottle

WRITES: Final = 500
SIZE: Final = company.of(1_000)
GUARDS: Final = {
    "audit": (
        "/connectors/state/audit_log.py",
        "/connectors/state/checkpoints.py",
        "/connectors/state/signing.py",
        "/connectors/state/sql.py:audit",
        "/models/audit.py",
        "/models/checkpoint.py",
        "/tasks/seal.py",
    ),
    "intents": (
        "/connectors/state/intent_rows.py",
        "/models/intent.py",
        "/tasks/load.py:_store_intents",
        "/tasks/load.py:_prepared",
        "/tasks/load.py:attempt_of",
    ),
    "verification": (
        "/tasks/outcome.py",
        "/tasks/settle.py:_held",
        "/tasks/settle.py:check_size",
        "/tasks/files.py:check_size",
    ),
}
OTHERS: Final = {
    "validation": ("/tasks/validate.py",),
    "HTTP": ("/connectors/quickbooks/client.py", "/connectors/quickbooks/transport.py"),
    "platform's tables": (
        "/connectors/platform/sql.py",
        "/connectors/platform/writing.py",
    ),
    "links and bases": ("/connectors/state/link_rows.py",),
    "review lists": ("/connectors/state/review_rows.py",),
    "codecs": ("/models/codecs.py",),
    "merge and plan": ("/models/merge.py", "/tasks/plan.py", "/tasks/observe.py", "/tasks/pair.py"),
}


def run(writes: int = WRITES, rounds: int = ROUNDS) -> list[Result]:
    """The share of the three, in both."""
    ours.import_all()
    first: Counter[str] = Counter()
    shares: list[float] = []
    writing: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, books.opened(SIZE) as quickbooks:
        settings = ours.settings_of(quickbooks, Path(name) / "sync.sqlite3")
        with ours.connected(quickbooks, settings) as place:
            with sampled({**GUARDS, **OTHERS}) as samples:
                ours.cycle(place)
            first = samples.counts
            ours.settle(place)
            unthrottle(quickbooks, place)
            for number in range(rounds):
                entering.enter_invoices(place, writes, f"G{number}-")
                with sampled({**GUARDS, **OTHERS}) as samples:
                    report = ours.cycle(place).report
                assert ours.created_in_quickbooks(report) == writes
                shares.append(guards_share(samples.counts))
                writing += samples.counts
    return [result_of(shares, writing, first, writes)]


def guards_share(counts: Counter[str]) -> float:
    """The three together, in percent of all samples."""
    return share(sum(counts[each] for each in GUARDS), counts.total())


def result_of(
    shares: list[float], writing: Counter[str], first: Counter[str], writes: int
) -> Result:
    """The line that follows from the samples."""
    return Result(
        name="guards_cost",
        work="cost of the audit, intents and verification",
        figure=middle(shares),
        unit="% of the engine's processor time",
        goal=Goal("figure", "at most", 50.0, "%"),
        size=f"{writes:,} writes to QuickBooks",
        spread=spread_of(shares),
        rounds=len(shares),
        details={
            "profile_of_writes_percent": _percent(writing),
            "profile_of_a_first_sync_percent": _percent(first),
            "first_sync_percent": guards_share(first),
            "samples": writing.total(),
        },
    )


def _percent(counts: Counter[str]) -> dict[str, float]:
    return {name: share(count, counts.total()) for name, count in counts.most_common()}


if __name__ == "__main__":
    show(run())
