"""The emulator itself: several companies, one clock, one lock, one set of tokens.

Everything that changes the books runs under the one lock, so that a write or a batch is seen whole
or not at all, from HTTP and from a test that reaches in directly.
Source: dossier section 13.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.clock import Clock
from emulator.company import Company
from emulator.injection import Injection
from emulator.loading import DEMO_FOLDER, load_folder
from emulator.meter import Limits, Meter
from emulator.oauth.tokens import TokenStore
from emulator.options import Options

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_REALM = "9341450000000042"
DEFAULT_CLIENT_ID = "emulator-client"
DEFAULT_CLIENT_SECRET = "emulator-secret"  # noqa: S105 - a fixture, not a secret
_LOG_LENGTH = 10_000


@dataclass(frozen=True)
class LogLine:
    """One request as the log shows it."""

    sequence: int
    time: str
    method: str
    path: str
    query: str
    status: int
    verb: str
    entity: str
    request_id: str
    who: str
    struck: str


@dataclass(frozen=True)
class StoredAnswer:
    """An answer kept for the replay of its request id."""

    status: int
    content: bytes
    content_type: str


class Emulator:
    """A QuickBooks with a few companies in it."""

    def __init__(self, options: Options | None = None, clock: Clock | None = None) -> None:
        """Start without companies."""
        self.options = options or Options()
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.companies: dict[str, Company] = {}
        self.tokens = TokenStore(self.clock, self.options)
        self.injection = Injection()
        self.meter = Meter()
        self.limits: dict[str, Limits] = {}
        self.replays: dict[tuple[str, str], StoredAnswer] = {}
        self.item_replays: dict[tuple[str, str, str], Any] = {}
        self.log: deque[LogLine] = deque(maxlen=_LOG_LENGTH)
        self.requests_seen = 0
        #: Set when the server goes down, so that held-up calls end.
        self.stopping = False
        self._sources: dict[str, Path] = {}

    def add_company(self, realm_id: str, folder: Path | None = None) -> Company:
        """Load a company from a folder, or the demo company."""
        source = folder if folder is not None else DEMO_FOLDER
        company = Company(realm_id, self.clock, self.options)
        load_folder(company, source)
        info = company.single("CompanyInfo")
        company.name = str(info.get("CompanyName", ""))
        with self.lock:
            self.companies[realm_id] = company
            self.limits[realm_id] = Limits()
            self._sources[realm_id] = source
        return company

    def forget_request_ids(self) -> None:
        """Forget every answer kept for replay."""
        self.replays.clear()
        self.item_replays.clear()

    def reset(self) -> None:
        """Load every company anew and forget rules, logs, counts and replays; keep the tokens."""
        with self.lock:
            for realm_id, source in list(self._sources.items()):
                self.add_company(realm_id, source)
            self.injection.rules.clear()
            self.forget_request_ids()
            self.meter = Meter()
            self.log.clear()
