"""Our own side of a measurement: an installation of its own, and cycles in it.

What is measured in a process of its own (`apart`) finds nothing warm and leaves nothing behind.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from cryptography.fernet import Fernet
from pydantic import SecretStr

from benchmarks.books import Books
from connectors.settings import Settings
from tasks.bootstrap import Installation, connect_company, installation, open_cycle
from tasks.cycle import run_cycle
from tasks.report import Report

T = TypeVar("T")
#: Cycles until nothing moves any more.
SETTLING_MAX: Final = 5
#: What a cycle imports where it needs it, and this module.
_LOADED_ON_THE_WAY: Final = (__name__, "great_expectations.expectations", "pandas")
#: Prefect tells nobody that it runs.
QUIET: Final = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Ran:
    """What one cycle took."""

    seconds: float
    #: Of this process alone.
    processor_seconds: float
    report: Report


def settings_of(books: Books, database: Path) -> Settings:
    """Settings of an installation with a database file of its own, which audits and signs."""
    return Settings(
        database_url=f"sqlite:///{database}",
        quickbooks_api_url=books.base_url,
        intuit_client_id=books.client_id,
        intuit_client_secret=SecretStr(books.client_secret),
        encryption_keys=SecretStr(Fernet.generate_key().decode()),
        audit_signing_key=SecretStr(Fernet.generate_key().decode()),
        audit_checkpoints=f"{database}.checkpoints",
    )


@contextmanager
def connected(books: Books, settings: Settings) -> Iterator[Installation]:
    """An installation whose one company is connected to the books."""
    with installation(settings) as place:
        connect_company(place, realm_id=books.realm_id, refresh_token=books.refresh_token)
        yield place


def cycle(place: Installation) -> Ran:
    """One cycle, as the command line and the dispatcher run it."""
    started, used = time.perf_counter(), time.process_time()
    with open_cycle(place) as opened:
        report = run_cycle(opened, "benchmark")
    return Ran(time.perf_counter() - started, time.process_time() - used, report)


def created_in_quickbooks(report: Report) -> int:
    """Records that a cycle created in QuickBooks."""
    return sum(each["to_quickbooks"]["created"] for each in report.data_types.values())


def settle(place: Installation) -> None:
    """Sync until nothing moves any more."""
    for _ in range(SETTLING_MAX):
        report = cycle(place).report
        if not report.moved:
            return
    raise AssertionError(f"the company does not come to rest: {report.data_types}")


def quiet_prefect() -> None:
    """A Prefect server of a benchmark says little, and nothing to others."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    os.environ |= QUIET


def import_all() -> None:
    """Load what a cycle loads on its way, so that it is not counted: the line `start` does."""
    for name in _LOADED_ON_THE_WAY:
        importlib.import_module(name)


def first_sync(books: Books, folder: str) -> dict[str, float]:
    """A company into an empty platform; to be called by `apart`."""
    import_all()
    with connected(books, settings_of(books, Path(folder) / "sync.sqlite3")) as place:
        before = peak_megabytes()
        ran = cycle(place)
    applied = sum(row["applied"] for row in ran.report.read.values())
    return {
        "seconds": ran.seconds,
        "processor_seconds": ran.processor_seconds,
        "applied": applied,
        "parked": len(ran.report.parked),
        "megabytes_before": before,
        "megabytes": peak_megabytes(),
    }


def apart(work: Callable[..., T], *arguments: Any) -> T:
    """Call a function of a module in a fresh process of its own, which has all imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LOADED_ON_THE_WAY))
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def peak_megabytes() -> float:
    """The most memory that this process had resident at a time.

    getrusage() would count in what the process that started this one had; Linux tells our own.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**20 if sys.platform == "darwin" else used / 1024
