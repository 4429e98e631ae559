"""The emulator itself: several companies, one clock, one lock, one set of tokens.

Everything that changes the books runs under the one lock, so that a write or a batch is seen whole
or not at all, from HTTP and from a test that reaches in directly.
Source: dossier section 13.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from emulator.calls import LogLine, StoredAnswer
from emulator.clock import Clock, stamp
from emulator.company import Company
from emulator.injection import Injection
from emulator.loading import DEMO_FOLDER, load_folder
from emulator.meter import ApplicationLimits, Limits, Meter
from emulator.mishaps import Mishaps
from emulator.oauth.tokens import TokenStore
from emulator.options import Options
from emulator.saving.snapshots import NAMES_MAX, SnapshotError, State, put_back, state_of
from emulator.webhooks.events import event_of
from emulator.webhooks.queue import WebhookQueue

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from emulator.saving.store import Store
    from emulator.server.troubles import Landing

__all__ = [
    "DEFAULT_CLIENT_ID",
    "DEFAULT_CLIENT_SECRET",
    "DEFAULT_REALM",
    "Emulator",
    "LogLine",
    "StoredAnswer",
]

DEFAULT_REALM = "9341450000000042"
DEFAULT_CLIENT_ID = "emulator-client"
DEFAULT_CLIENT_SECRET = "emulator-secret"  # noqa: S105 - a fixture, not a secret
_LOG_LENGTH = 10_000


class Emulator:
    """A QuickBooks with a few companies in it."""

    def __init__(
        self,
        options: Options | None = None,
        clock: Clock | None = None,
        store: Store | None = None,
    ) -> None:
        """Start without companies, or with those of a store."""
        self.options = options or Options()
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.companies: dict[str, Company] = {}
        self.tokens = TokenStore(self.clock, self.options)
        self.injection = Injection()
        self.mishaps = Mishaps()
        self.webhooks = WebhookQueue()
        #: Calls that were let in and take effect later.
        self.landings: list[Landing] = []
        self.meter = Meter()
        self.limits: dict[str, Limits] = {}
        self.application_limits: dict[tuple[str, str], ApplicationLimits] = {}
        self.replays: dict[tuple[str, str], StoredAnswer] = {}
        self.item_replays: dict[tuple[str, str, str], Any] = {}
        self.log: deque[LogLine] = deque(maxlen=_LOG_LENGTH)
        self.requests_seen = 0
        self.snapshots: dict[str, State] = {}
        #: Set when the server goes down, so that held-up calls end.
        self.stopping = False
        self._sources: dict[str, Path] = {}
        self._noted: dict[str, int] = {}
        self.store = store
        if store is not None:
            self._open_store(store)

    def _open_store(self, store: Store) -> None:
        kept_time: datetime | None = store.kept("clock")
        if kept_time is not None and kept_time > self.clock.now():
            self.clock.move_to(kept_time)
        tokens = store.kept("tokens")
        if tokens is not None:
            self.tokens.restore(tokens)
        for realm_id in store.realms():
            company = Company(realm_id, self.clock, self.options)
            store.load(company)
            self._take_in(company, DEMO_FOLDER)
        self.tokens.listeners.append(self._keep_tokens)

    def _keep_tokens(self) -> None:
        if self.store is not None:
            self.store.keep("tokens", self.tokens.state())
            self.store.keep("clock", self.clock.now())

    def close(self) -> None:
        """Keep what is still to be kept and let the store go."""
        if self.store is not None:
            self._keep_tokens()
            self.store.close()
            self.store = None

    def add_company(self, realm_id: str, folder: Path | None = None) -> Company:
        """Load a company from a folder, or the demo company."""
        source = folder if folder is not None else DEMO_FOLDER
        company = Company(realm_id, self.clock, self.options)
        load_folder(company, source)
        info = company.single("CompanyInfo")
        company.name = str(info.get("CompanyName", ""))
        with self.lock:
            self._take_in(company, source)
            if self.store is not None:
                self.store.save(company)
        return company

    def _take_in(self, company: Company, source: Path) -> None:
        realm_id = company.realm_id
        self.companies[realm_id] = company
        self.limits[realm_id] = Limits()
        self._sources[realm_id] = source
        self._noted[realm_id] = len(company.journal)
        company.listeners.append(self._committed)

    def remove_company(self, realm_id: str) -> None:
        """Forget a company."""
        with self.lock:
            for held in (self.companies, self.limits, self._sources, self._noted):
                held.pop(realm_id, None)
            if self.store is not None:
                self.store.forget(realm_id)

    def _committed(self, company: Company, touched: set[tuple[str, str]]) -> None:
        """Keep a write that took effect, and let the world know of it."""
        if self.store is not None:
            self.store.write(company, touched)
            self.store.keep("clock", self.clock.now())
        first = self._noted.get(company.realm_id, 0)
        self._noted[company.realm_id] = len(company.journal)
        now = self.clock.now()
        for line in company.journal[first:]:
            self.mishaps.note(self.injection, line, now)
            event = event_of(line, now)
            if event is not None:
                self.webhooks.publish(event)

    def keep_files(self, realm_id: str) -> None:
        """Keep uploaded files, which come after the write of the record they belong to."""
        if self.store is not None:
            company = self.companies[realm_id]
            self.store.write(company, {("Attachable", record_id) for record_id in company.files})

    def note(self, **line: Any) -> None:
        """Write a line into the request log."""
        self.requests_seen += 1
        now = stamp(self.clock.now())
        self.log.append(LogLine(sequence=self.requests_seen, time=now, **line))

    def forget_request_ids(self, realm_id: str | None = None, request_id: str = "") -> None:
        """Forget every answer kept for replay, or those of one request id."""
        if realm_id is None:
            self.replays.clear()
            self.item_replays.clear()
            return
        self.replays.pop((realm_id, request_id), None)
        for key in [key for key in self.item_replays if key[:2] == (realm_id, request_id)]:
            del self.item_replays[key]

    def snapshot(self) -> State:
        """Return the books of every company as they stand."""
        with self.lock:
            companies = {realm: state_of(company) for realm, company in self.companies.items()}
            replays = (dict(self.replays), dict(self.item_replays))
            return {"companies": companies, "replays": replays}

    def keep_snapshot(self, name: str) -> None:
        """Keep the books as they stand under a name."""
        with self.lock:
            if name not in self.snapshots and len(self.snapshots) >= NAMES_MAX:
                raise SnapshotError(
                    f"Field name has the value {name!r}: there are {NAMES_MAX} snapshots already; "
                    "use one of their names again."
                )
            self.snapshots[name] = self.snapshot()

    def restore(self, state: State) -> None:
        """Put the books of a snapshot in place of the present ones."""
        with self.lock:
            companies = {}
            for realm_id, kept in state["companies"].items():
                company = Company(realm_id, self.clock, self.options)
                put_back(company, kept)
                companies[realm_id] = company
            for realm_id in set(self.companies) - set(companies):
                self.remove_company(realm_id)
            for realm_id, company in companies.items():
                self._take_in(company, self._sources.get(realm_id, DEMO_FOLDER))
                if self.store is not None:
                    self.store.save(company)
            self._forget_happenings()
            self.replays, self.item_replays = (dict(kept) for kept in state["replays"])

    def reset(self) -> None:
        """Load every company anew and forget rules, logs, counts and replays; keep the tokens."""
        with self.lock:
            for realm_id, source in list(self._sources.items()):
                self.add_company(realm_id, source)
            self.injection.rules.clear()
            self._forget_happenings()
            self.forget_request_ids()
            self.application_limits.clear()
            self.meter = Meter()
            self.log.clear()

    def _forget_happenings(self) -> None:
        """Forget what was still to come of the books that are replaced."""
        self.mishaps.clear()
        self.webhooks.clear()
        self.landings.clear()
