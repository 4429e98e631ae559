"""From the start of a scheduled run's process to its first request, ours and an empty flow's.

A run is started as Prefect's runner starts one: `python -m prefect.engine` with the run's id,
against one Prefect server. Both ask the same listener, which notes the time and hangs up; the
process is then ended. Compiled files are kept and warm, as on a machine that runs cycles often.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import update

from benchmarks import books, company, ours
from benchmarks.result import ROUNDS, Goal, Result, middle, show, spread_of
from deployments.processes import environment_of
from models.tables.schedule import schedules
from models.tables.sync import leases
from tasks.bootstrap import Installation
from tasks.dispatch import dispatch

EMPTY: Final = "benchmarks.empty_flow"
REPOSITORY: Final = Path(__file__).parents[1]
START_SECONDS_MAX: Final = 300.0
#: Modules whose import is told, with all that they import.
HEAVY: Final = ("prefect", "great_expectations", "pandas", "sqlalchemy", "quickbooks", "alembic")


def run(rounds: int = ROUNDS) -> list[Result]:
    """Seconds to the first request."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    ours.quiet_prefect()
    mine, empty = [], []
    with (
        books.opened(company.of(100)) as quickbooks,
        tempfile.TemporaryDirectory() as name,
        _listener() as listener,
        prefect_test_harness(server_startup_timeout=120),
    ):
        settings = ours.settings_of(quickbooks, Path(name) / "sync.sqlite3")
        environment = {
            **environment_of(settings),
            **ours.QUIET,
            "QBSYNC_QUICKBOOKS_API_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
            "PYTHONPYCACHEPREFIX": f"{name}/compiled",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        due, nothing = _deployed("flows.due", "sync_due"), _deployed(EMPTY, "empty")
        with ours.connected(quickbooks, settings) as place:
            dispatch(place)
            ours.settle(place)
            for _ in range(rounds + 1):  # the first one compiles
                _make_due(place)
                mine.append(_seconds_to_request(due, environment, listener))
                empty.append(_seconds_to_request(nothing, environment, listener))
        imported = _import_seconds(environment)
    return [result_of(mine[1:], empty[1:], imported)]


def result_of(mine: list[float], empty: list[float], imported: dict[str, float]) -> Result:
    """The line that follows from both."""
    return Result(
        name="start",
        work="start of a scheduled run to its first request",
        figure=middle(mine),
        unit="s",
        goal=Goal("ratio", "at most", 1.5),
        against="an empty Prefect flow's start",
        against_figure=middle(empty),
        size="one run",
        spread=spread_of(mine),
        against_spread=spread_of(empty),
        rounds=len(mine),
        details={"import_seconds_by_itself": imported},
    )


def _make_due(place: Installation) -> None:
    """As if it had not been synced just now, and the run that was ended had let go of it."""
    due = {"due_at": place.clock.now(), "taken_at": None}
    with place.engine.begin() as transaction:
        transaction.execute(update(schedules).values(due))
        transaction.execute(update(leases).values(holder=None, expires_at=None))


def _deployed(module: str, name: str) -> Any:
    """A flow's deployment on the server, as `deployments.serve` makes it."""
    import importlib

    flow = getattr(importlib.import_module(module), name)
    return flow.to_deployment(name="benchmark").apply()


def _seconds_to_request(
    deployment: Any, environment: dict[str, str], listener: socket.socket
) -> float:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run_from_deployment(deployment)
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect.engine"],
            cwd=REPOSITORY,
            env={**os.environ, **environment, "PREFECT__FLOW_RUN_ID": str(flow_run.id)},
            stdout=words,
            stderr=words,
        )
        try:
            seconds = _asked_at(listener, process) - started
        except TimeoutError:
            words.seek(0)
            raise AssertionError(f"the run asked nothing: {words.read()[-2000:]}") from None
        finally:
            process.kill()
            process.wait(timeout=30)
    return seconds


def _asked_at(listener: socket.socket, process: subprocess.Popen[bytes]) -> float:
    """When somebody asks; a process that ended will not."""
    deadline = time.perf_counter() + START_SECONDS_MAX
    while time.perf_counter() < deadline:
        try:
            asked, _ = listener.accept()
        except TimeoutError:
            if process.poll() is not None:
                break
        else:
            at = time.perf_counter()
            asked.close()
            return at
    raise TimeoutError


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(1.0)
        yield listener


def _import_seconds(environment: dict[str, str]) -> dict[str, float]:
    """What each heavy module takes to import in a process of its own."""
    program = (
        "import sys, time, importlib; began = time.perf_counter(); "
        "importlib.import_module(sys.argv[1]); print(time.perf_counter() - began)"
    )
    found = {}
    for module in HEAVY:
        with patch.dict(os.environ, environment):
            for _ in range(2):  # the first one compiles
                done = subprocess.run(
                    [sys.executable, "-c", program, module],
                    capture_output=True,
                    text=True,
                    check=True,
                )
        found[module] = float(done.stdout.split()[-1])
    return found


if __name__ == "__main__":
    show(run())
