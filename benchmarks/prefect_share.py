"""Prefect's share of a first sync: the same sync by the flow that is scheduled, and without it.

Flow and plain cycle run in this process in turn, each into an empty platform, against one Prefect
server and one emulator; what imports and the server's start take is not counted.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from benchmarks import books, company, ours
from benchmarks.result import Goal, Result, middle, share, show, spread_of
from connectors.state.connections import connection_named, save_settings
from deployments.processes import environment_of
from models.settings import FREQUENCY_MINUTES_MAX
from tasks.bootstrap import Installation

#: The first sync of the other lines.
SIZE: Final = company.FIRST_SYNC
ROUNDS: Final = 3


def run(size: company.Size = SIZE, rounds: int = ROUNDS) -> list[Result]:
    """Percent of the flow's time."""
    from prefect.testing.utilities import prefect_test_harness

    ours.quiet_prefect()
    ours.import_all()
    plain, flow = [], []
    with (
        books.opened(size) as quickbooks,
        books.opened(company.of(1_000)) as few,
        tempfile.TemporaryDirectory() as name,
        prefect_test_harness(server_startup_timeout=120),
    ):
        _flow(few, Path(name) / "warm.sqlite3")
        for number in range(rounds):
            plain.append(_plain(quickbooks, Path(name) / f"p{number}.sqlite3"))
            flow.append(_flow(quickbooks, Path(name) / f"f{number}.sqlite3"))
    return [result_of(plain, flow, size)]


def result_of(plain: list[float], flow: list[float], size: company.Size) -> Result:
    """The line that follows from both times."""
    shares = [share(most - least, most) for least, most in zip(plain, flow, strict=True)]
    return Result(
        name="prefect_share",
        work="Prefect's share of a first sync",
        figure=share(middle(flow) - middle(plain), middle(flow)),
        unit="% of wall time",
        goal=Goal("figure", "at most", 20.0, "%"),
        size=f"{size.records:,} records",
        full_size=size.records >= SIZE.records,
        spread=spread_of(shares),
        rounds=len(flow),
        details={"seconds_with_prefect": middle(flow), "seconds_without": middle(plain)},
    )


def _plain(quickbooks: books.Books, database: Path) -> float:
    with ours.connected(quickbooks, ours.settings_of(quickbooks, database)) as place:
        started = time.perf_counter()
        ours.cycle(place)
        return time.perf_counter() - started


def _flow(quickbooks: books.Books, database: Path) -> float:
    from flows.due import sync_due

    settings = ours.settings_of(quickbooks, database)
    with ours.connected(quickbooks, settings) as place:
        _make_rare(place)
    with patch.dict(os.environ, environment_of(settings) | ours.QUIET):
        started = time.perf_counter()
        state: Any = sync_due(return_state=True)
        seconds = time.perf_counter() - started
    assert state.message == "1 companies, 0 of them idle", state.message
    return seconds


def _make_rare(place: Installation) -> None:
    """Due once a day, so that it does not become due again while it is measured."""
    company = connection_named(place.engine)
    rare = company.settings.model_copy(update={"frequency_minutes": FREQUENCY_MINUTES_MAX})
    save_settings(place.engine, company, rare, "benchmark", place.clock.now())


if __name__ == "__main__":
    show(run())
