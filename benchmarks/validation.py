"""Validation of 100,000 invoices with all their checks.

The limit in the same run is Great Expectations' own validate() of the same suite over the same
frame, which our call makes and hands over, naming the rows that fail: what is ours is to make frame
and suite, and to find out what failed. One record in a thousand fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final
from unittest.mock import patch

from benchmarks import ours
from benchmarks.result import ROUNDS, Goal, Result, middle, show, spread_of
from models.record_type import catalog
from models.records import Content
from models.words import Side
from tasks.validate import KEY, Subject, validate

RECORDS: Final = 100_000
#: One of so many fails a check.
FAILING: Final = 1_000


@dataclass
class Handed:
    """What our calls hand to Great Expectations."""

    calls: list[tuple[Any, Any]] = field(default_factory=list)


def run(records: int = RECORDS, rounds: int = ROUNDS) -> list[Result]:
    """Seconds of ours, and of Great Expectations alone."""
    ours.import_all()
    subjects = {number: _subject(number) for number in range(1, records + 1)}
    with _handed_over() as handed:
        _ours(subjects)
    mine, alone = [], []
    for _ in range(rounds):
        mine.append(_ours(subjects))
        # what is handed over after it is the part of the suite that failed, to name its rows
        alone.append(_alone(*handed.calls[0]))
    return [
        Result(
            name="validation",
            work="validation of 100,000 records with all checks",
            figure=middle(mine),
            unit="s",
            goal=Goal("ratio", "at most", 1.2),
            against="Great Expectations' own validate of the same suite",
            against_figure=middle(alone),
            size=f"{records:,} invoices",
            full_size=records >= RECORDS,
            spread=spread_of(mine),
            against_spread=spread_of(alone),
            rounds=rounds,
            details={
                "records_per_second": records / middle(mine),
                "expectations": [len(suite.expectations) for _, suite in handed.calls],
            },
        )
    ]


def _ours(subjects: dict[int, Subject]) -> float:
    started = time.perf_counter()
    failures = validate(catalog()["invoice"], Side.PLATFORM, subjects)
    seconds = time.perf_counter() - started
    assert len(failures) == len(subjects) // FAILING, f"{len(failures)} failed"
    return seconds


def _alone(batch: Any, suite: Any) -> float:
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": [KEY]}
    started = time.perf_counter()
    batch.validate(suite, result_format=wanted)
    return time.perf_counter() - started


@contextmanager
def _handed_over() -> Iterator[Handed]:
    """Note what is validated meanwhile, and validate it."""
    from great_expectations.datasource.fluent.interfaces import Batch

    handed, validated = Handed(), Batch.validate

    def noted(batch: Any, suite: Any, **options: Any) -> Any:
        handed.calls.append((batch, suite))
        return validated(batch, suite, **options)

    with patch.object(Batch, "validate", noted):
        yield handed
    assert handed.calls, "nothing was handed to Great Expectations: the limit cannot be told"


def _subject(number: int) -> Subject:
    """An invoice as it is read for the first time, with something for each check to look at."""
    amount = Decimal(number % 1000) + Decimal("0.25")
    due = date(2026, 5, 1) if number % FAILING == 0 else date(2026, 7, 1)
    line: Content = {
        "kind": "item",
        "item": "item:1",
        "quantity": Decimal(1),
        "unit_price": amount,
        "amount": amount,
    }
    content: Content = {
        "number": f"INV-{number}",
        "customer": "customer:1",
        "issued_on": date(2026, 6, 1),
        "due_on": due,
        "currency": "USD",
        "total": amount,
        "tax_total": Decimal(0),
        "balance": amount,
        "lines": (line,),
        # a check of fields that no record has is not asked
        "terms": "Net 30",
        "memo": f"order {number}",
        "customer_message": "Thank you for your business.",
        "email": "accounts@harborpine.example",
        "tracking_number": f"1Z{number}",
        "tax_code": "NON",
    }
    return Subject(content, None, {})


if __name__ == "__main__":
    show(run())
