"""1,000 connected companies in which nothing has changed: what one run of sync-due costs.

Each company is asked for changes once, through Prefect, against an emulator in a process of its
own. The limit in the same run is the same number of bare requests of the same kind over as many
connections as the dispatcher has threads.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from sqlalchemy import insert, update

from connectors.state.schedules import usage
from emulator.loading import DEMO_FOLDER
from emulator.testing import RunningEmulator
from models.tables import schedule as schedule_tables
from models.tables.platform import companies
from tasks.bootstrap import Installation, connect_company, installation
from tasks.dispatch import COMPANIES_AT_A_TIME, CycleEnd, dispatch

COMPANIES = 1_000
#: Cycles until nothing moves after the first sync.
SETTLING_MAX = 4
#: What a company needs to be one.
FILES = ("CompanyInfo.json", "Preferences.json", "Account.json", "Customer.json")
START_SECONDS_MAX = 600.0


def run(count: int = COMPANIES) -> dict[str, Any]:
    """The figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _emulator(folder, count) as emulator:
            os.environ |= _settings(folder, emulator)
            with installation() as place:
                _connect(place, emulator, count)
                _settle(place, count)
                _make_all_due(place)
                before = usage(place.engine, place.clock.now()).metered
                figures = _through_prefect(count)
                metered = usage(place.engine, place.clock.now()).metered - before
            limit = _bare_requests(emulator, count)
    return {
        "name": "idle_companies",
        "companies": count,
        "metered_calls": metered,
        **figures,
        "against": f"bare CDC requests over {COMPANIES_AT_A_TIME} connections",
        "against_seconds": round(limit, 2),
        "ratio": round(figures["seconds"] / limit, 1),
    }


# -- the companies --


@contextmanager
def _emulator(folder: Path, count: int) -> Iterator[dict[str, Any]]:
    """An emulator with so many companies, in a process of its own; where it is and its tokens."""
    source = folder / "company"
    source.mkdir()
    for name in FILES:
        shutil.copyfile(DEMO_FOLDER / name, source / name)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, str(source), count), daemon=True)
    process.start()
    try:
        assert here.poll(START_SECONDS_MAX), "the emulator does not start"
        yield here.recv()
        here.send("end")
        process.join(timeout=30)
    finally:
        process.kill()


def _serve(pipe: Pipe, source: str, count: int) -> None:
    realms = [_realm(number) for number in range(count)]
    more = dict.fromkeys(realms[1:], source)
    with RunningEmulator(company=source, realm_id=realms[0], companies=more) as emulator:
        tokens = emulator.emulator.tokens
        granted = {
            realm: tokens.open_connection(emulator.client_id, realm).refresh_token
            for realm in realms
        }
        bearers = {realm: tokens.person_token(realm, "benchmark").value for realm in realms}
        pipe.send(
            {
                "base_url": emulator.base_url,
                "client_id": emulator.client_id,
                "client_secret": emulator.client_secret,
                "tokens": granted,
                "bearers": bearers,
            }
        )
        pipe.recv()


def _realm(number: int) -> str:
    return f"91300000{number:08}"


def _settings(folder: Path, emulator: dict[str, Any]) -> dict[str, str]:
    return {
        "QBSYNC_DATABASE_URL": f"sqlite:///{folder}/sync.sqlite3",
        "QBSYNC_QUICKBOOKS_API_URL": emulator["base_url"],
        "QBSYNC_INTUIT_CLIENT_ID": emulator["client_id"],
        "QBSYNC_INTUIT_CLIENT_SECRET": emulator["client_secret"],
        "QBSYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "QBSYNC_AUDIT_SIGNING_KEY": Fernet.generate_key().decode(),
        "QBSYNC_AUDIT_CHECKPOINTS": f"{folder}/checkpoints",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def _connect(place: Installation, emulator: dict[str, Any], count: int) -> None:
    names = [f"Company {number:05}" for number in range(count)]
    with place.engine.begin() as transaction:
        rows = [{"name": name, "currency": "USD"} for name in names]
        transaction.execute(insert(companies), rows)
    for number, name in enumerate(names):
        realm = _realm(number)
        token = emulator["tokens"][realm]
        connect_company(place, realm_id=realm, refresh_token=token, company=name)


def _settle(place: Installation, count: int) -> None:
    """Sync until no company moves any more."""
    for _ in range(SETTLING_MAX):
        _make_all_due(place)
        if dispatch(place).count(CycleEnd.IDLE) == count:
            return
    raise AssertionError("the companies do not come to rest")


def _make_all_due(place: Installation) -> None:
    # as if they had not been synced just now
    due = {"due_at": place.clock.now(), "taken_at": None}
    with place.engine.begin() as transaction:
        transaction.execute(update(schedule_tables.schedules).values(due))


# -- what is measured --


def _through_prefect(count: int) -> dict[str, Any]:
    """One run of the flow: seconds, this process's share of the processor, and flow runs."""
    from prefect.client.orchestration import get_client
    from prefect.testing.utilities import prefect_test_harness

    from flows.due import sync_due

    with prefect_test_harness(server_startup_timeout=90):
        started, used = time.perf_counter(), time.process_time()
        state = sync_due(return_state=True)
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        assert state.message == f"{count} companies, {count} of them idle", state.message
        with get_client(sync_client=True) as client:
            flow_runs = client.read_flow_runs()
            task_runs = client.read_task_runs()
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "milliseconds_per_company": round(1_000 * seconds / count, 1),
        "flow_runs": len(flow_runs),
        "task_runs": len(task_runs),
    }


def _bare_requests(emulator: dict[str, Any], count: int) -> float:
    """Seconds for the same number of CDC requests and nothing else."""
    host = urlsplit(emulator["base_url"]).netloc
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection(host, timeout=30)
        for number in range(first, count, COMPANIES_AT_A_TIME):
            realm = _realm(number)
            path = f"/v3/company/{realm}/cdc?entities=Customer,Invoice&changedSince={since}"
            headers = {"Authorization": f"Bearer {emulator['bearers'][realm]}"}
            connection.request("GET", path, headers={**headers, "Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(COMPANIES_AT_A_TIME) as threads:
        list(threads.map(ask, range(COMPANIES_AT_A_TIME)))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
