"""From an event in QuickBooks to the record on the platform, part by part, for both shapes.

All of it is real: the emulator sends the webhook, `quickbooks-sync serve` receives it, a Prefect
server starts the run that `deployments.serve` serves. Beside it: how many cycles a burst of events
leads to, and whether anything is lost of what comes while companies are synced.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, TypeVar
from uuid import uuid4

import requests
from cryptography.fernet import Fernet
from sqlalchemy import Select, func, select, update

from connectors.database import reading
from deployments.demo_company import PersonInQuickBooks
from deployments.processes import Children, free_port, interruptible
from emulator.testing import RunningEmulator
from emulator.webhooks.events import Event, body_of, signature_of
from models.tables import sync as tables
from models.tables.schedule import schedules
from models.tables.webhook import webhook_events
from tasks.bootstrap import Installation, connect_company, installation
from tasks.dispatch import AGAIN_SECONDS, CycleEnd, dispatch

SHAPES = ("classic", "cloudevents")
#: Webhooks of each shape, and how long one may take on an idle installation.
TIMES = 5
LIMIT_SECONDS = 5.0
#: The burst: of one company, within a second, and the cycles that it may lead to.
BURST, BURST_BODIES, BURST_CYCLES_MAX = 500, 25, 3
#: The load: so many events over so long while companies are synced.
LOAD, LOAD_SECONDS = 1_000, 10.0
#: Senders of the load: more than can wait for an answer at once, so that none holds up the others.
LOAD_SENDERS = 200
VERIFIER = "2f4b0b6e-7f5a-4d0e-9d55-1f1c9b6a7e10"
START_SECONDS_MAX = 120.0
WAIT_SECONDS_MAX = 90.0
#: After so long without a cycle nothing moves any more, and the next event finds nobody at work.
QUIET_SECONDS = AGAIN_SECONDS + 3.0
LOOK_SECONDS = 0.01

T = TypeVar("T")


@dataclass
class Parts:
    """One webhook's way, in seconds."""

    #: Until the receiver had it, a run was made for it, that run began, the record was there.
    accepted: float
    run_made: float
    run_started: float
    record: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.accepted + self.run_made + self.run_started + self.record


@dataclass
class Site:
    """The running parts."""

    place: Installation
    emulator: RunningEmulator
    person: PersonInQuickBooks
    children: Children
    hooks_url: str
    measured: dict[str, list[Parts]] = field(default_factory=dict)


def run() -> dict[str, Any]:
    """The figures."""
    with _site() as site:
        for shape in SHAPES:
            site.emulator.webhook(url=site.hooks_url, verifier=VERIFIER, shape=shape)
            # the first one of a shape finds nothing warm
            site.measured[shape] = [_one(site) for _ in range(TIMES + 1)][1:]
        site.emulator.webhook(url=site.hooks_url, verifier=VERIFIER)
        burst, load = _burst(site), _load(site)
    slowest = max(each.total for found in site.measured.values() for each in found)
    return {
        "name": "webhook_latency",
        "shapes": {shape: _figures(found) for shape, found in site.measured.items()},
        "limit_seconds": LIMIT_SECONDS,
        "within_limit": slowest <= LIMIT_SECONDS,
        "burst": burst,
        "load": load,
    }


def _figures(found: list[Parts]) -> dict[str, Any]:
    parts = {
        "event_to_accepted": [each.accepted for each in found],
        "accepted_to_run_made": [each.run_made for each in found],
        "run_made_to_run_started": [each.run_started for each in found],
        "run_started_to_record": [each.record for each in found],
    }
    totals = [each.total for each in found]
    return {
        "webhooks": len(found),
        "seconds_median": round(median(totals), 2),
        "seconds_max": round(max(totals), 2),
        "parts_median": {name: round(median(values), 3) for name, values in parts.items()},
    }


# -- what is measured --


def _one(site: Site) -> Parts:
    """Somebody enters an invoice in QuickBooks; when the platform has it."""
    _wait_until_quiet(site)
    event_at = datetime.now(UTC)
    invoice = site.person.save("Invoice", _invoice())
    links = tables.links
    record = select(links.c.platform_id).where(
        links.c.record_type == "invoice",
        links.c.quickbooks_id == invoice["Id"],
        links.c.platform_id.is_not(None),
    )
    _wait_for(site, lambda: _scalar(site, record))
    record_at = datetime.now(UTC)
    events = webhook_events
    accepted_at = _scalar(
        site,
        select(func.min(events.c.received_at)).where(events.c.quickbooks_id == invoice["Id"]),
    )
    flow_run = _flow_run_after(accepted_at)
    made_at, started_at = flow_run.created, flow_run.start_time
    return Parts(
        accepted=(accepted_at - event_at).total_seconds(),
        run_made=(made_at - accepted_at).total_seconds(),
        run_started=(started_at - made_at).total_seconds(),
        record=(record_at - started_at).total_seconds(),
    )


def _invoice() -> dict[str, Any]:
    line = {
        "Amount": 120,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "2"}},
    }
    return {"CustomerRef": {"value": "4"}, "Line": [line]}


def _flow_run_after(instant: datetime) -> Any:
    """The run that a webhook led to."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

    woken = FlowRunFilter(tags=FlowRunFilterTags(all_=["webhook"]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=woken)
    made = [each for each in found if each.created and each.created >= instant]
    return min(made, key=lambda each: each.created or instant)


def _burst(site: Site) -> dict[str, Any]:
    """Events of one company within a second, and the cycles that they lead to."""
    _wait_until_quiet(site)
    before, size = _cycles(site), BURST // BURST_BODIES
    bodies = [[_event(site) for _ in range(size)] for _ in range(BURST_BODIES)]
    started = time.perf_counter()
    for number, events in enumerate(bodies):
        time.sleep(max(0.0, started + number / BURST_BODIES - time.perf_counter()))
        assert _send(site, events) == requests.codes.ok
    seconds = time.perf_counter() - started
    _wait_until_quiet(site)
    cycles = _cycles(site) - before
    return {
        "events": BURST,
        "sent_in_seconds": round(seconds, 2),
        "cycles": cycles,
        "cycles_limit": BURST_CYCLES_MAX,
        "within_limit": cycles <= BURST_CYCLES_MAX,
    }


def _load(site: Site) -> dict[str, Any]:
    """Events one by one while somebody works in QuickBooks and the company is synced."""
    _wait_until_quiet(site)
    before = _cycles(site)
    events = [_event(site) for _ in range(LOAD)]
    ended = threading.Event()
    worker = threading.Thread(target=_work, args=(site, ended))
    worker.start()
    started = time.perf_counter()

    def send(number: int) -> tuple[int, float, float]:
        time.sleep(max(0.0, started + number * LOAD_SECONDS / LOAD - time.perf_counter()))
        sent = time.perf_counter()
        status = _send(site, [events[number]])
        return status, time.perf_counter() - sent, sent - started

    with ThreadPoolExecutor(LOAD_SENDERS) as threads:
        answers = list(threads.map(send, range(LOAD)))
    seconds = time.perf_counter() - started
    ended.set()
    worker.join(timeout=WAIT_SECONDS_MAX)
    table = webhook_events
    with reading(site.place.engine).connect() as connection:
        stored = set(connection.scalars(select(table.c.event_id)))
    waits = [wait for _, wait, _ in answers]
    acknowledged = [
        event.id
        for event, (status, *_) in zip(events, answers, strict=True)
        if status == requests.codes.ok
    ]
    return {
        "events": LOAD,
        "sent_in_seconds": round(max(sent for *_, sent in answers), 2),
        "seconds": round(seconds, 2),
        "answers": Counter(str(status) for status, *_ in answers),
        "lost": len(set(acknowledged) - stored),
        "answer_seconds_median": round(median(waits), 4),
        "answer_seconds_max": round(max(waits), 3),
        "cycles_meanwhile": _cycles(site) - before,
    }


def _work(site: Site, ended: threading.Event) -> None:
    while not ended.is_set():
        site.person.save("Invoice", _invoice())
        ended.wait(0.2)


def _event(site: Site) -> Event:
    """Something happened to a record that the platform does not have yet."""
    at = datetime.now(UTC)
    return Event(str(uuid4()), site.emulator.realm_id, "Invoice", uuid4().hex, "update", at)


def _send(site: Site, events: list[Event]) -> int:
    body = body_of(events, SHAPES[1])
    headers = {"intuit-signature": signature_of(body, VERIFIER)}
    return requests.post(site.hooks_url, data=body, headers=headers, timeout=10).status_code


def _cycles(site: Site) -> int:
    runs = tables.runs
    query = select(func.count()).select_from(runs).where(runs.c.flow == "sync-due")
    return int(_scalar(site, query))


# -- waiting --


def _scalar(site: Site, query: Select[Any]) -> Any:
    with reading(site.place.engine).connect() as connection:
        return connection.scalar(query)


def _wait_for(site: Site, look: Callable[[], T], seconds_max: float = WAIT_SECONDS_MAX) -> T:
    deadline = time.monotonic() + seconds_max
    while not (found := look()):
        site.children.check()
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(LOOK_SECONDS)
    return found


def _wait_until_quiet(site: Site) -> None:
    """Until no cycle has begun for a while."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    count, since = _cycles(site), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        assert time.monotonic() < deadline, "the company does not come to rest"
        time.sleep(0.1)
        if (now := _cycles(site)) != count:
            count, since = now, time.monotonic()


# -- the parts --


@contextmanager
def _site() -> Iterator[Site]:
    """Everything started, the company connected and at rest."""
    with interruptible(), tempfile.TemporaryDirectory() as name, RunningEmulator() as emulator:
        folder = Path(name)
        ports = free_port(), free_port()
        os.environ |= _settings(folder, emulator, ports[0])
        children = Children(folder)
        try:
            with installation() as place:
                connect_company(
                    place, realm_id=emulator.realm_id, refresh_token=emulator.refresh_token
                )
                while any(each.end is not CycleEnd.IDLE for each in dispatch(place).runs):
                    _make_due(place)
                person = PersonInQuickBooks.sign_in(emulator.base_url, emulator.realm_id)
                url = f"http://127.0.0.1:{ports[1]}/webhooks/quickbooks"
                site = Site(place, emulator, person, children, url)
                _start(site, *ports)
                yield site
        finally:
            children.stop()


def _start(site: Site, prefect_port: int, hooks_port: int) -> None:
    python, environment = sys.executable, os.environ
    address = ["--host", "127.0.0.1", "--port", str(prefect_port)]
    application = ["--factory", "prefect.server.api.server:create_app"]
    site.children.start("prefect", [python, "-m", "uvicorn", *application, *address], environment)
    health = f"http://127.0.0.1:{prefect_port}/api/health"
    _wait_for(site, lambda: _answers(health) == requests.codes.ok, START_SECONDS_MAX)
    served = [python, "-m", "deployments.serve", "--no-schedules"]
    site.children.start("flows", served, environment)
    _wait_for(site, _is_served, START_SECONDS_MAX)
    serving = [python, "-m", "cli", "serve", "--port", str(hooks_port)]
    site.children.start("receiver", serving, environment)
    # there, and it takes nothing from us
    taken = requests.codes.method_not_allowed
    _wait_for(site, lambda: _answers(site.hooks_url) == taken, START_SECONDS_MAX)


def _settings(folder: Path, emulator: RunningEmulator, prefect_port: int) -> dict[str, str]:
    return {
        "QBSYNC_DATABASE_URL": f"sqlite:///{folder}/sync.sqlite3",
        "QBSYNC_QUICKBOOKS_API_URL": emulator.base_url,
        "QBSYNC_INTUIT_CLIENT_ID": emulator.client_id,
        "QBSYNC_INTUIT_CLIENT_SECRET": emulator.client_secret,
        "QBSYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "QBSYNC_AUDIT_SIGNING_KEY": Fernet.generate_key().decode(),
        "QBSYNC_AUDIT_CHECKPOINTS": f"{folder}/checkpoints",
        "QBSYNC_WEBHOOK_VERIFIER_TOKENS": VERIFIER,
        "PREFECT_HOME": f"{folder}/prefect",
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect_port}/api",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def _make_due(place: Installation) -> None:
    due = {"due_at": place.clock.now(), "taken_at": None}
    with place.engine.begin() as transaction:
        transaction.execute(update(schedules).values(due))


def _answers(url: str) -> int:
    try:
        return requests.get(url, timeout=2).status_code
    except requests.RequestException:
        return 0  # it does not listen yet


def _is_served() -> bool:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return any(each.name == "served" for each in client.read_deployments())


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
