"""How long each page takes at 100,000 audit entries, 10,000 records and 1,000 alerts.

And the pages of the installation at 5,000 people with a token each, and as many entries of their
own log.

Against the same page of a company with a hundredth of that, asked for in turns in the same run, on
SQLite and on PostgreSQL. Both companies are real ones, connected to an emulator and synced once,
so that a record's page reads both sides; what they have more is written into their database. The
limit is 1.5 times as long; the memory that the process gains by answering is printed, too.
"""

from __future__ import annotations

import json
import os
import re
import resource
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import requests
from cryptography.fernet import Fernet
from fastapi.routing import APIRoute
from psycopg import sql
from sqlalchemy import func, insert, select

from connectors.state.audit_log import append_notes
from connectors.state.people import add_user
from dashboard.app import create_app
from dashboard.house import ROOT, SIGN_IN_PATH
from dashboard.pages import routers
from dashboard.pages.account import ACCOUNT_PATH
from dashboard.pages.own_log import LOG_PATH
from dashboard.pages.people import PEOPLE_PATH
from dashboard.pages.tokens import TOKENS_PATH
from dashboard.serving import bind, server_of
from emulator.loading import DEMO_FOLDER
from emulator.testing import RunningEmulator
from models.audit import AuditNote
from models.people import Actor, Role
from models.tables import people
from models.tables import sync as tables
from tasks.bootstrap import Installation, connect_company, installation, open_cycle
from tasks.cycle import run_cycle
from tests.fixtures.databases import PostgreSQLServer, UnavailableError, own_server

ENTRIES, RECORDS, ALERTS, PEOPLE = 100_000, 10_000, 1_000, 5_000
#: The other company has one for so many of them.
SMALLER: Final = 100
LIMIT: Final = 1.5
#: The only company of its installation.
COMPANY: Final = 1
_ROUNDS: Final = 15
_NOTES_AT_ONCE: Final = 5_000
#: A file, and where Intuit leads back to.
_LEFT_OUT: Final = ("/audit/export", "/callback")
_OF_INSTALLATION: Final = (PEOPLE_PATH, TOKENS_PATH, LOG_PATH, ACCOUNT_PATH)
_TOKEN: Final = re.compile(r'name="form_token" value="([^"]+)"')


def run() -> dict[str, Any]:
    """The figures."""
    before = _memory()
    with tempfile.TemporaryDirectory() as name, RunningEmulator(company=DEMO_FOLDER) as emulator:
        os.environ |= _settings(emulator)
        files = [f"sqlite:///{name}/{size}.sqlite3" for size in ("big", "small")]
        databases = {"sqlite": _pages(files, emulator)}
        try:
            databases["postgresql"] = _on_postgresql(emulator)
        except UnavailableError as error:
            print(f"no PostgreSQL here: {error}", file=sys.stderr)
    return {
        "name": "page_times",
        "entries": ENTRIES,
        "records": RECORDS,
        "alerts": ALERTS,
        "people": PEOPLE,
        "against": f"1/{SMALLER} of each, in the same run",
        "limit": LIMIT,
        "worst": max(each["ratio"] for pages in databases.values() for each in pages),
        "megabytes_gained": round(_memory() - before),
        "pages": databases,
    }


def _on_postgresql(emulator: RunningEmulator) -> list[dict[str, Any]]:
    with own_server() as url:
        server = PostgreSQLServer(url=url, template="template1")
        for size in ("big", "small"):
            server.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(size)))
        urls = [url.set(database=size) for size in ("big", "small")]
        return _pages([each.render_as_string(hide_password=False) for each in urls], emulator)


def _pages(databases: list[str], emulator: RunningEmulator) -> list[dict[str, Any]]:
    """Each page's times on one kind of database; one for the big company, one for the small."""
    with ExitStack() as stack:
        big, small = (
            stack.enter_context(_opened(database, emulator, smaller))
            for database, smaller in zip(databases, (1, SMALLER), strict=True)
        )
        pages = _paths(small.first_parked)
        found: dict[str, tuple[list[float], list[float]]] = {page: ([], []) for page in pages}
        for page in pages * _ROUNDS:
            for place, kept in zip((small, big), found[page], strict=True):
                kept.append(place.seconds(page))
    return [{"page": page, **_compared(*times)} for page, times in found.items()]


def _compared(small: list[float], big: list[float]) -> dict[str, float]:
    """Medians, without the first of each, which fills caches."""
    few, many = statistics.median(small[1:]), statistics.median(big[1:])
    return {
        "small_ms": round(1_000 * few, 1),
        "big_ms": round(1_000 * many, 1),
        "ratio": round(many / few, 2),
    }


def _memory() -> float:
    """Megabytes that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


# -- the pages of a company --


class Opened:
    """Somebody who has signed in to the pages of one company."""

    def __init__(self, address: str, password: str, first_parked: int) -> None:
        self._address = address
        #: The link of a record that is set aside.
        self.first_parked = first_parked
        self._web = requests.Session()
        # a connection that is kept would wait 40 ms for an acknowledgement now and then
        self._web.headers["Connection"] = "close"
        form = {"name": "ann", "password": password}
        self._web.post(f"{address}{SIGN_IN_PATH}", data=form, timeout=30).raise_for_status()

    def seconds(self, path: str) -> float:
        """How long a page takes."""
        started = time.perf_counter()
        answer = self._web.get(f"{self._address}{path}", timeout=60)
        took = time.perf_counter() - started
        answer.raise_for_status()
        return took


def _paths(parked: int) -> list[str]:
    """Addresses of all pages that show what is in the database; parked is a record set aside."""
    found = []
    for route in (each for router in routers() for each in router.routes):
        if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
            continue
        is_shown = route.path.startswith((f"{ROOT}/{{connection_id}}", *_OF_INSTALLATION))
        if is_shown and not route.path.endswith(_LEFT_OUT):
            link = parked if "/queue/" in route.path else 1
            found.append(route.path.format(connection_id=COMPANY, number=1, link=link))
    return found


@contextmanager
def _opened(database: str, emulator: RunningEmulator, smaller: int) -> Iterator[Opened]:
    """The pages of a company with so much less, served in a thread."""
    os.environ["QBSYNC_DATABASE_URL"] = database
    password = secrets.token_urlsafe(20)
    with installation() as place, bind("127.0.0.1", 0) as listener:
        _connect(place, emulator)
        actor = Actor("benchmark", place.clock.now())
        add_user(place.engine, "ann", password, Role.ADMIN, actor=actor)
        first_parked = _fill(place, smaller)
        server = server_of(create_app(place, lambda: None))
        options = {"sockets": [listener]}
        thread = threading.Thread(target=server.run, kwargs=options, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Opened(address, password, first_parked)
        server.should_exit = True
        thread.join(timeout=10)


def _settings(emulator: RunningEmulator) -> dict[str, str]:
    return {
        "QBSYNC_QUICKBOOKS_API_URL": emulator.base_url,
        "QBSYNC_INTUIT_CLIENT_ID": emulator.client_id,
        "QBSYNC_INTUIT_CLIENT_SECRET": emulator.client_secret,
        "QBSYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    }


# -- what a company has --


def _connect(place: Installation, emulator: RunningEmulator) -> None:
    """Connect the emulator's company, and sync it once."""
    tokens = emulator.emulator.tokens
    own = tokens.open_connection(emulator.client_id, emulator.realm_id).refresh_token
    connect_company(place, realm_id=emulator.realm_id, refresh_token=own)
    with open_cycle(place) as cycle:
        run_cycle(cycle, "benchmark")


def _fill(place: Installation, smaller: int) -> int:
    """Give the company more records, and what is the matter with some; the link of one of those."""
    now = datetime.now(UTC)
    with place.engine.begin() as transaction:
        last = transaction.execute(select(func.max(tables.links.c.id))).scalar_one()
    records, alerts = RECORDS // smaller, ALERTS // smaller
    rows = [_rows(number, now) for number in range(last + 1, last + records + 1)]
    with place.engine.begin() as transaction:
        transaction.execute(insert(tables.links), [each["link"] for each in rows])
        for name in ("parked", "alerts", "conflicts"):
            some = [each[name] for each in rows[:alerts]]
            transaction.execute(insert(tables.links.metadata.tables[name]), some)
    for first in range(0, ENTRIES // smaller, _NOTES_AT_ONCE):
        count = min(_NOTES_AT_ONCE, ENTRIES // smaller - first)
        notes = [_note(first + number, records) for number in range(count)]
        with place.engine.begin() as transaction:
            for chain in (COMPANY, tables.INSTALLATION):
                append_notes(transaction, notes, connection_id=chain, at=now, run_id=None)
    numbers = range(2, PEOPLE // smaller + 2)
    with place.engine.begin() as transaction:
        transaction.execute(insert(people.users), [_person(each) for each in numbers])
        transaction.execute(insert(people.api_tokens), [_token(each, now) for each in numbers])
    return int(last) + 1


def _person(number: int) -> dict[str, Any]:
    rights = {"role": "viewer", "sees_all": True, "is_active": True}
    return {"id": number, "name": f"person{number}", "password_hash": "", **rights}


def _token(number: int, now: datetime) -> dict[str, Any]:
    mine = {"user_id": number, "name": "report", "role": "viewer", "token_hash": str(number)}
    return {**mine, "created_at": now, "expires_at": now + timedelta(days=90)}


def _note(number: int, records: int) -> AuditNote:
    body: dict[str, object] = {"operation": "update", "changed": {"memo": ["before", "after"]}}
    return AuditNote("write.platform", body, "sync", "invoice", 1 + number % records)


def _rows(number: int, now: datetime) -> dict[str, dict[str, Any]]:
    """A record with what may be the matter with it."""
    mine = {"connection_id": COMPANY, "record_type": "invoice"}
    label, at = f"{number:05}", now - timedelta(seconds=number)
    words = {"message": "QuickBooks refused it", "fix": "Shorten the memo, and retry."}
    versions = {"base": '"a"', "quickbooks": '"b"', "platform": '"c"'}
    return {
        "link": {
            **mine,
            "id": number,
            "quickbooks_id": f"more-{number}",
            "platform_id": f"more-{number}",
            "label": label,
        },
        "parked": {
            **mine,
            **words,
            "link_id": number,
            "side": "quickbooks",
            "code": "fault_2050",
            "field": "memo",
            "value": "",
            "attempts": 1,
            "since": at,
            "run_id": "0" * 32,
        },
        "alerts": {
            **words,
            "connection_id": COMPANY,
            "link_id": number,
            "cause": "fault_2050",
            "title": f"invoice {label}",
            "opened_at": at,
            "occurrences": 1,
        },
        "conflicts": {
            **mine,
            **versions,
            "link_id": number,
            "field": "memo",
            "winner": "quickbooks",
            "rule": "latest",
            "policy_version": 1,
            "state": "decided",
            "decided_at": at,
            "run_id": "0" * 32,
        },
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
