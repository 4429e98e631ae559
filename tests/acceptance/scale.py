"""Scale-out for real: two workers on PostgreSQL and Redis, and one of them killed in its run.

    python -m tests.acceptance.scale --companies 200 --worked 20

A Prefect server on PostgreSQL with Redis messaging, its services, two workers with a disk each, and
an emulator with many companies. First all companies are idle; then people work in some of them, and
the worker that syncs these is killed with -9, its disk with it. Prefect must notice, the other
worker must take over, and everything must have been written once. Prints figures as one JSON
object; exit code 1 where a check failed, 2 where PostgreSQL or Redis cannot be had.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deployments.processes import interruptible
from models.errors import SyncError
from tasks.bootstrap import Installation, installation
from tests.acceptance import scale_figures as figures
from tests.acceptance.scale_checks import all_wrong, overlapping
from tests.acceptance.scale_servers import Machines, Worker, running
from tests.acceptance.scale_work import Scene, connected, emulator_of, settle
from tests.fixtures.company import ENCRYPTION_KEY, SIGNING_KEY
from tests.fixtures.databases import UnavailableError

COMPANIES, WORKED = 200, 20
COMPANIES_MAX = 1_000
#: Settings that the product offers, and that a run of some minutes needs.
FLIGHT_SECONDS, READ_TIMEOUT_SECONDS = 40, 15
WORKERS = ("machine-1", "machine-2")
#: The worker dies when this share of the writes to QuickBooks has taken effect.
KILLED_AT_SHARE = 0.35
#: Companies that a worker has when it is killed, at least.
HELD_MIN = 2
#: How long each stage may take.
WORKERS_SECONDS_MAX, IDLE_SECONDS_MAX, KILL_SECONDS_MAX = 120, 240, 240
TAKEN_UP_SECONDS_MAX, CRASHED_SECONDS_MAX, REST_SECONDS_MAX = 420, 420, 420
QUIET_SECONDS_MAX = 120


@dataclass
class Killed:
    """The worker that was killed."""

    worker: Worker
    at: datetime
    #: Cycles that were under way, and the leases that they held.
    runs: list[Any]
    leases: list[Any]
    writes: int


@dataclass
class Outcome:
    """Figures, and what was wrong by check."""

    figures: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    options = _parser().parse_args(arguments)
    outcome = Outcome()
    try:
        with interruptible(), _folder(options.folder) as folder:
            _perform(options, folder, outcome)
    except UnavailableError as error:
        _say(f"cannot run: {error}")
        return 2
    except SyncError as error:
        outcome.wrong["the_run_itself"] = [str(error)]
    except KeyboardInterrupt:
        outcome.wrong["the_run_itself"] = ["stopped before its end"]
    wrong = {name: listed for name, listed in outcome.wrong.items() if listed}
    checks = {name: not listed for name, listed in outcome.wrong.items()}
    printed = {**outcome.figures, "checks": checks, "wrong": wrong}
    sys.stdout.write(json.dumps(printed, indent=2) + "\n")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.scale", description=__doc__)
    parser.add_argument("--companies", type=int, default=COMPANIES, help=f"in all ({COMPANIES})")
    parser.add_argument("--worked", type=int, default=WORKED, help=f"with work ({WORKED})")
    parser.add_argument("--folder", type=Path, help="keep the logs in this new folder")
    return parser


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Where all processes work and log: a temporary folder, or one that is kept."""
    if given is not None:
        given.mkdir(parents=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="qbsync-scale-") as folder:
        yield Path(folder)


def _say(words: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {words}\n")


# -- the run --


def _perform(options: argparse.Namespace, folder: Path, outcome: Outcome) -> None:
    """All stages, in order; the figures and checks as they come."""
    count = min(options.companies, COMPANIES_MAX)
    worked = min(options.worked, count)
    began = time.monotonic()
    _say("starting PostgreSQL, Redis and the Prefect server with its services")
    with (
        running(folder) as machines,
        emulator_of(folder, count) as emulator,
        _opened(machines, emulator) as place,
    ):
        _say(f"connecting {count} companies and syncing them until nothing moves")
        scene = connected(place, emulator, count)
        settle(scene)
        _start_workers(machines)
        outcome.figures = {"companies": count, "companies_with_work": worked, **SETTINGS_SHOWN}
        outcome.figures["idle"] = _idle_stage(scene, machines)
        killed = _killed(scene, machines, worked)
        outcome.figures["kill"] = figures.kill(scene, killed)
        outcome.figures |= _taken_over(scene, machines, killed)
        _quiet(machines)
        outcome.wrong = _checked(scene, machines, killed)
        outcome.figures["totals"] = figures.totals(scene, machines, time.monotonic() - began)


SETTINGS_SHOWN = {
    "settings": {
        "QBSYNC_FLIGHT_SECONDS": FLIGHT_SECONDS,
        "QBSYNC_READ_TIMEOUT_SECONDS": READ_TIMEOUT_SECONDS,
        "frequency_minutes": 1,
        "batch_writes": False,
    }
}


@contextmanager
def _opened(machines: Machines, emulator: Any) -> Iterator[Installation]:
    """The installation in this process, with the settings that the workers get too."""
    share = machines.folder / "share"
    share.mkdir()
    machines.sync |= {
        "QBSYNC_DATABASE_URL": machines.database_url,
        "QBSYNC_QUICKBOOKS_API_URL": emulator.base_url,
        "QBSYNC_INTUIT_CLIENT_ID": emulator.client_id,
        "QBSYNC_INTUIT_CLIENT_SECRET": emulator.client_secret,
        "QBSYNC_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        "QBSYNC_AUDIT_SIGNING_KEY": SIGNING_KEY,
        # what a network's file system is for several machines
        "QBSYNC_AUDIT_CHECKPOINTS": str(share / "checkpoints.jsonl"),
        "QBSYNC_FLIGHT_SECONDS": str(FLIGHT_SECONDS),
        "QBSYNC_READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_SECONDS),
        # cycles every minute would otherwise be made rarer to stay within the free calls
        "QBSYNC_METERED_CALLS_PER_MONTH": "0",
    }
    # Prefect reads its settings when it is imported, which is later
    os.environ.update(machines.sync | machines.client)
    with installation() as place:
        yield place


def _start_workers(machines: Machines) -> None:
    """Deploy, as deployments/compose.yaml does, and start the workers."""
    _say("deploying, and starting two workers")
    machines.deploy()
    for name in WORKERS:
        machines.start_worker(name)
    machines.wait_for(
        "both workers online", WORKERS_SECONDS_MAX, lambda: figures.online() == {*WORKERS}
    )


def _idle_stage(scene: Scene, machines: Machines) -> dict[str, Any]:
    """Every company is synced once through Prefect, and none has anything to do."""
    _say("all companies are idle: one cycle each")
    since, before = scene.place.clock.now(), figures.usage_of(scene)
    scene.make_due(scene.companies)
    everybody = {each.connection_id for each in scene.companies}
    machines.wait_for(
        "a cycle of every idle company",
        IDLE_SECONDS_MAX,
        lambda: figures.synced_since(scene, since) >= everybody,
    )
    return figures.idle(scene, since, before)


def _killed(scene: Scene, machines: Machines, count: int) -> Killed:
    """People work; the worker that syncs them is killed in the middle of its run."""
    some = scene.companies[:count]
    _say(f"people work in {count} companies, on both sides")
    scene.work_in(some)
    scene.make_due(some, since=timedelta(hours=1))
    wanted = sum(each.side == "platform" for each in scene.entered) * KILLED_AT_SHARE
    machines.wait_for(
        "a worker in the middle of its writes to QuickBooks",
        KILL_SECONDS_MAX,
        lambda: scene.written_by_us() >= wanted and _busy(scene, machines),
    )
    worker = _busy(scene, machines)
    if worker is None:
        raise SyncError("all work was done before a worker could be killed; try --worked 40")
    worker.kill()
    at = scene.place.clock.now()
    _say(f"killed {worker.name} in the middle of its run, and removed its disk")
    leases = [each for each in figures.held(scene) if _process_of(each) in worker.killed]
    struck = {each.connection_id for each in leases}
    runs = [each for each in figures.under_way(scene) if each.connection_id in struck]
    return Killed(worker, at, runs, leases, scene.written_by_us())


def _busy(scene: Scene, machines: Machines) -> Worker | None:
    """The worker that has most companies just now, if it has some."""
    holders = Counter(_process_of(each) for each in figures.held(scene))
    for number, count in holders.most_common(1):
        if count >= HELD_MIN:
            return machines.worker_of(number)
    return None


def _process_of(lease: Any) -> int:
    """The number of the process that holds a lease."""
    return int(lease.holder.rpartition(":")[2])


def _taken_over(scene: Scene, machines: Machines, killed: Killed) -> dict[str, Any]:
    """Until the other worker has done all, and Prefect has marked the run as crashed."""
    everybody = {each.connection_id for each in scene.companies}
    machines.wait_for(
        "the other worker to sync every company",
        TAKEN_UP_SECONDS_MAX,
        lambda: figures.synced_since(scene, killed.at) >= everybody,
    )
    _say("the other worker has synced every company")
    machines.wait_for(
        "both sides to come to rest",
        REST_SECONDS_MAX,
        lambda: figures.at_rest(scene, killed.at),
    )
    _say("nothing moves any more; waiting until the killed run is marked as crashed")
    machines.wait_for(
        "the killed run to be marked as crashed",
        CRASHED_SECONDS_MAX,
        lambda: figures.crashed(killed.worker.killed) is not None,
    )
    return {"take_over": figures.take_over(scene, killed)}


def _quiet(machines: Machines) -> None:
    """No more runs; the one that is under way ends by itself."""
    figures.pause_pool()
    machines.wait_for(
        "the last run to end", QUIET_SECONDS_MAX, lambda: not figures.runs_under_way()
    )


def _checked(scene: Scene, machines: Machines, killed: Killed) -> dict[str, list[str]]:
    """All checks."""
    wrong = all_wrong(scene)
    runs = figures.runs_of(scene)
    wrong["one_cycle_of_a_company_at_a_time"] = overlapping(runs, killed.at, killed.leases)
    wrong["killed_in_the_middle"] = [] if killed.runs else ["no cycle was under way at the kill"]
    wrong["audit_verify"] = machines.failed("cli", "audit", "verify")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
