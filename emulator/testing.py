"""A running emulator for tests: a real server on a free port, in a thread.

    with RunningEmulator(company="demo") as emulator:
        requests.get(f"{emulator.base_url}/v3/company/{emulator.realm_id}/query", ...)

The pytest plugin `emulator.pytest_plugin` makes fixtures of it.
Source: dossier section 1.4 for how the two client libraries are pointed at it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from emulator import exact_json
from emulator.emulator import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REALM, Emulator
from emulator.entities import ENTITIES
from emulator.injection import FaultRule, parse_rule
from emulator.oauth.tokens import application, person
from emulator.options import Options
from emulator.saving.store import Store
from emulator.server.runner import ServerThread
from emulator.webhooks.settings import parse_settings
from emulator.writing import pipeline
from emulator.writing.pipeline import WriteContext

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from emulator.clock import Clock
    from emulator.company import Company, Record


class RunningEmulator:
    """An emulator with one company (or several), served over HTTP while the context lasts."""

    def __init__(
        self,
        company: str | Path | None = None,
        *,
        realm_id: str = DEFAULT_REALM,
        client_id: str = DEFAULT_CLIENT_ID,
        client_secret: str = DEFAULT_CLIENT_SECRET,
        refresh_token: str | None = None,
        companies: Mapping[str, str | Path | None] | None = None,
        store: str | Path | None = None,
        webhook: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        **options: Any,
    ) -> None:
        """Load the company; `options` are the fields of `emulator.options.Options`.

        A store is a file that the books are kept in: what it holds wins over the folders. A webhook
        is given as its settings, see `emulator.webhooks.settings`.
        """
        kept = Store(Path(store)) if store is not None else None
        self.emulator = Emulator(Options(**options), clock, kept)
        self.realm_id = realm_id
        self.client_id = client_id
        self.client_secret = client_secret
        for realm, source in {realm_id: company, **(companies or {})}.items():
            if realm not in self.emulator.companies:
                folder = None if source in (None, "demo") else Path(str(source))
                self.emulator.add_company(realm, folder)
        tokens = self.emulator.tokens
        tokens.clients[client_id] = client_secret
        connection = tokens.open_connection(client_id, realm_id, refresh_token=refresh_token)
        self.refresh_token = connection.refresh_token
        if webhook is not None:
            self.emulator.webhooks.configure(parse_settings(dict(webhook)))
        self._server = ServerThread(self.emulator, host, port)
        self.base_url = self._server.base_url

    def __enter__(self) -> Self:
        """Start serving."""
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self._server.stop()
        self.emulator.close()

    @property
    def company(self) -> Company:
        """Return the books themselves; hold `emulator.lock` around more than one look."""
        return self.emulator.companies[self.realm_id]

    @property
    def clock(self) -> Clock:
        """Return the clock, to be advanced."""
        return self.emulator.clock

    @property
    def api_url(self) -> str:
        """Return what python-quickbooks wants as `api_url_v3`."""
        return f"{self.base_url}/v3"

    @property
    def discovery_url(self) -> str:
        """Return what intuit-oauth wants as its environment."""
        return f"{self.base_url}/.well-known/openid_sandbox_configuration"

    def connection_token(self) -> str:
        """Return a bearer token of the application, without the OAuth round trip."""
        with self.emulator.lock:
            return self.emulator.tokens.refresh(self.client_id, self.refresh_token).value

    def token(self, who: str = "accountant", realm_id: str | None = None) -> str:
        """Return a bearer token of a person who works in QuickBooks."""
        with self.emulator.lock:
            return self.emulator.tokens.person_token(realm_id or self.realm_id, who).value

    def webhook(self, **settings: Any) -> None:
        """Send webhooks to an endpoint of this machine from now on."""
        with self.emulator.lock:
            self.emulator.webhooks.configure(parse_settings(settings))

    def faults(self, *rules: dict[str, Any], **rule: Any) -> list[FaultRule]:
        """Order trouble: rules as dictionaries, or one rule as keywords."""
        sources = [*rules, rule] if rule else list(rules)
        parsed = [parse_rule(source) for source in sources]
        with self.emulator.lock:
            self.emulator.injection.rules.extend(parsed)
        return parsed

    def clear_faults(self) -> None:
        """Take all ordered trouble back."""
        with self.emulator.lock:
            self.emulator.injection.rules.clear()
            self.emulator.mishaps.clear()

    def get(self, entity: str, record_id: str) -> Record | None:
        """Return a copy of a record as it stands in the books."""
        with self.emulator.lock:
            record = self.company.get(entity, record_id)
            return exact_json.copy(record) if record is not None else None

    def save(self, entity: str, body: Record, who: str | None = None) -> Record:
        """Create or update in process, as a person or as the application."""
        return self._write(pipeline.save, entity, body, who)

    def delete(self, entity: str, body: Record, who: str | None = None) -> Record:
        """Delete in process, as a person or as the application."""
        return self._write(pipeline.delete, entity, body, who)

    def void(self, entity: str, body: Record, who: str | None = None) -> Record:
        """Void in process, as a person or as the application."""
        return self._write(pipeline.void, entity, body, who)

    def _write(self, action: Any, entity: str, body: Record, who: str | None) -> Record:
        author = person(who) if who is not None else application(self.client_id)
        with self.emulator.lock:
            written: Record = action(
                self.company, ENTITIES[entity], body, WriteContext(author=author)
            )
            copied: Record = exact_json.copy(written)
            return copied
