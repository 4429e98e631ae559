"""The true emulator behind the production client, in this process, without HTTP and threads.

`EmulatorBooks` has the same people's interface as `SmallBooks`, and `EmulatorQuickBooks` is the
production client with another transport below it: each call is read by the emulator's own code and
answered at once. Time is the caller's, so a run is repeatable. What holds a call up for real
seconds (`late`, `timeout`, dripping answers) needs the emulator over HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request

from connectors.ports import Changes
from connectors.ports import Clock as ClockPort
from connectors.quickbooks.client import ClientSettings, QuickBooksClient
from connectors.quickbooks.endpoints import endpoints
from connectors.quickbooks.faults import Answer, local_error
from connectors.quickbooks.limits import Limiter
from connectors.quickbooks.transport import MINOR_VERSION, Call
from emulator.attachments import store_file
from emulator.clock import Clock
from emulator.company import Company
from emulator.emulator import DEFAULT_CLIENT_ID, DEFAULT_REALM, Emulator
from emulator.entities import ENTITIES
from emulator.faults import QuickBooksFault
from emulator.injection import parse_rule
from emulator.loading import add_defaults
from emulator.oauth.tokens import person
from emulator.options import Options
from emulator.saving.snapshots import state_of
from emulator.server import troubles
from emulator.server.answers import DropConnection
from emulator.server.call import read_call
from emulator.server.services import file_of
from emulator.writing import pipeline
from emulator.writing.pipeline import WriteContext
from tests.simulation.small_books import error_of
from tests.simulation.small_state import Entry

if TYPE_CHECKING:
    from emulator.company import Record
    from emulator.oauth.tokens import AccessToken

#: Every record, and the journal so far.
Snapshot = tuple[dict[str, Any], list[Entry]]

#: Nothing is sent there: the calls stay in this process.
_NOWHERE = "http://127.0.0.1:1"
_REAL_CDC_CAP = 1_000


class DrivenClock(Clock):
    """The emulator's clock, driven by another one."""

    def __init__(self, clock: ClockPort) -> None:
        super().__init__(clock.now())
        self._clock = clock

    def now(self) -> datetime:
        """The instant."""
        return self._clock.now()

    def advance(self, seconds: float) -> None:
        """Refuse: whoever drives the clock moves it."""
        raise AssertionError(f"the clock is driven from outside, not by {seconds} s")


class EmulatorBooks:
    """One company of the emulator; it begins with empty books. Arguments: as `SmallBooks`."""

    def __init__(
        self,
        clock: ClockPort,
        *,
        custom_numbers: bool = True,
        cdc_cap: int = _REAL_CDC_CAP,
        cdc_cap_per_entity: bool = False,
        multi_currency: bool = False,
        realm_id: str = DEFAULT_REALM,
    ) -> None:
        self.clock = clock
        self.realm_id = realm_id
        options = Options(cdc_cap=cdc_cap, cdc_cap_per_entity=cdc_cap_per_entity)
        self.emulator = Emulator(options, DrivenClock(clock))
        self.journal: list[Entry] = []
        self.restore((_blank(realm_id), []))
        self.custom_numbers = custom_numbers
        if multi_currency:
            self.set_preference("CurrencyPrefs", MultiCurrencyEnabled=True)
        tokens = self.emulator.tokens
        connection = tokens.open_connection(DEFAULT_CLIENT_ID, realm_id)
        self._access: AccessToken = tokens.refresh(DEFAULT_CLIENT_ID, connection.refresh_token)

    @property
    def company(self) -> Company:
        """The books themselves."""
        return self.emulator.companies[self.realm_id]

    # -- people who work in QuickBooks --

    def create(self, entity: str, body: Mapping[str, Any], who: str = "accountant") -> Record:
        """Enter a record.

        Raises:
            RemoteError: QuickBooks refuses it.
        """
        return self._by_hand(pipeline.save, entity, dict(body), who)

    def attach(self, body: Mapping[str, Any], content: bytes, who: str = "accountant") -> Record:
        """Enter an attachment with its file.

        Raises:
            RemoteError: QuickBooks refuses it.
        """
        made = self.create("Attachable", body, who)
        return store_file(self.company, str(made["Id"]), content, self.company.base_url)

    def file_of(self, record_id: str) -> bytes | None:
        """The file of an attachment; None where there is none."""
        known = self.get("Attachable", record_id) is not None
        return self.company.files.get(record_id) if known else None

    def update(self, entity: str, record_id: str, who: str = "accountant", **fields: Any) -> Record:
        """Change fields of a record, whatever its version is."""
        record = self.get(entity, record_id) or {}
        declared = ENTITIES[entity]
        names = record if declared.full_only else declared.required(sparse=True)
        always = {name: record.get(name) for name in names}
        body = {**always, **self._key(entity, record_id), "sparse": True, **fields}
        return self._by_hand(pipeline.save, entity, body, who)

    def delete(self, entity: str, record_id: str, who: str = "accountant") -> None:
        """Delete a transaction."""
        self._by_hand(pipeline.delete, entity, self._key(entity, record_id), who)

    def void(self, entity: str, record_id: str, who: str = "accountant") -> Record:
        """Void a document, also one that the application cannot void."""
        return self._by_hand(pipeline.void, entity, self._key(entity, record_id), who)

    def all(self, entity: str) -> list[Record]:
        """Every record of an entity, inactive ones too."""
        return self.company.all(entity)

    def get(self, entity: str, record_id: str) -> Record | None:
        """One record."""
        return self.company.get(entity, record_id)

    @property
    def honour_request_ids(self) -> bool:
        """Whether a request id that was seen before gets the first answer again."""
        return self.emulator.options.honour_request_ids

    @honour_request_ids.setter
    def honour_request_ids(self, value: bool) -> None:
        self.emulator.options.honour_request_ids = value

    @property
    def cdc_cap(self) -> int:
        """Most records that one CDC answer carries."""
        return self.emulator.options.cdc_cap

    @cdc_cap.setter
    def cdc_cap(self, value: int) -> None:
        self.emulator.options.cdc_cap = value

    @property
    def cdc_cap_per_entity(self) -> bool:
        """Whether the cap counts for each entity, not for the whole answer."""
        return self.emulator.options.cdc_cap_per_entity

    @cdc_cap_per_entity.setter
    def cdc_cap_per_entity(self, value: bool) -> None:
        self.emulator.options.cdc_cap_per_entity = value

    @property
    def custom_numbers(self) -> bool:
        """Whether the company numbers its invoices itself."""
        return bool(self.company.preference("SalesFormsPrefs", "CustomTxnNumbers"))

    @custom_numbers.setter
    def custom_numbers(self, value: bool) -> None:
        self.set_preference("SalesFormsPrefs", CustomTxnNumbers=value)

    @property
    def book_close_date(self) -> str:
        """Books are closed up to and including this day."""
        return str(self.company.preference("AccountingInfoPrefs", "BookCloseDate") or "")

    @book_close_date.setter
    def book_close_date(self, value: str) -> None:
        self.set_preference("AccountingInfoPrefs", BookCloseDate=value)

    def forget_request_ids(self) -> None:
        """Remember no answer any longer."""
        self.emulator.forget_request_ids()

    def snapshot(self) -> Snapshot:
        """The books as they stand."""
        return self.emulator.snapshot(), list(self.journal)

    def restore(self, kept: Snapshot) -> None:
        """Put the books back as they stood; time goes on."""
        state, journal = kept
        self.emulator.restore(state)
        self.journal = list(journal)
        self.company.listeners.append(self._noted)

    def turn_back(self, kept: Snapshot) -> None:
        """Put a snapshot back, and time with it; the clock is whoever's who drives it."""
        self.restore(kept)

    def trouble(self, kind: str, **rule: Any) -> None:
        """Make the coming calls go wrong (`emulator/injection.py` lists the kinds)."""
        self.emulator.injection.rules.append(parse_rule({"kind": kind, **rule}))

    def set_preference(self, group: str, **values: Any) -> None:
        """Set preferences of the company."""
        record = self.company.single("Preferences")
        changed = {**record, group: {**record.get(group, {}), **values}}
        self.company.put("Preferences", changed)

    def access_token(self, *, force: bool = False) -> str:
        """A bearer token of the application that is valid now."""
        tokens = self.emulator.tokens
        if force or tokens.expired(self._access):
            self._access = tokens.again(self._access)
        return self._access.value

    def _key(self, entity: str, record_id: str) -> Record:
        record = self.get(entity, record_id)
        return {"Id": record_id, "SyncToken": record["SyncToken"] if record else "0"}

    def _by_hand(
        self, action: Callable[..., Record], entity: str, body: Record, who: str
    ) -> Record:
        try:
            written = action(self.company, ENTITIES[entity], body, WriteContext(person(who)))
        except QuickBooksFault as refusal:
            raise error_of(refusal) from refusal
        return written

    def _noted(self, company: Company, _touched: set[tuple[str, str]]) -> None:
        """Keep what a write left behind, while it stands."""
        for line in company.journal[len(self.journal) :]:
            record = self.get(line.entity, line.id)
            self.journal.append(
                Entry(
                    sequence=line.sequence,
                    who=line.who,
                    operation=line.operation,
                    entity=line.entity,
                    id=line.id,
                    sync_token=str(record["SyncToken"]) if record else "",
                    request_id=line.request_id,
                    time=line.time,
                    record=record,
                )
            )


@cache
def _blank(realm_id: str) -> dict[str, Any]:
    """Empty books, loaded once: only the lists and preferences that every company has."""
    clock = Clock(datetime(2020, 1, 1, tzinfo=UTC))
    clock.run_at(0)
    company = Company(realm_id, clock, Options(), name="Simulated company")
    add_defaults(company)
    return {"companies": {realm_id: state_of(company)}, "replays": ({}, {})}


class EmulatorQuickBooks(QuickBooksClient):
    """The production client over an emulator of this process."""

    def __init__(self, books: EmulatorBooks, clock: ClockPort | None = None) -> None:
        clock = clock or books.clock
        super().__init__(
            endpoints("sandbox", _NOWHERE, f"{_NOWHERE}/discovery"),
            books.realm_id,
            books.access_token,
            clock,
            limiter=OpenLimiter(clock),
            settings=ClientSettings(jitter=lambda: 0.0),
        )
        self.books = books
        self._transport.close()
        self._transport = InProcessTransport(books)  # type: ignore[assignment]

    def changes(self, entities: Sequence[str], since: datetime) -> Changes:
        """As the client, which knows the real cap only; a smaller one counts the same."""
        found = super().changes(entities, since)
        options = self.books.emulator.options
        counts = {
            entity: len(found.records[entity]) + len(found.deleted[entity]) for entity in entities
        }
        full = {entity for entity, count in counts.items() if count >= options.cdc_cap}
        if sum(counts.values()) >= options.cdc_cap and not options.cdc_cap_per_entity:
            full.update(entities)
        return replace(found, overflowed=found.overflowed | full)


class OpenLimiter(Limiter):
    """Lets every call go at once, but waits after "too many": limits have tests of their own."""

    def __init__(self, clock: ClockPort) -> None:
        super().__init__(clock)
        self._closed_until = 0.0

    @contextmanager
    def place(self, *, batch: bool = False, write: bool = False) -> Iterator[None]:
        """Let a call go."""
        wait = self._closed_until - self.clock.monotonic()
        if wait > 0:
            self.clock.sleep(wait)
        yield

    def close(self, seconds: float) -> None:
        """Hold all calls back."""
        self._closed_until = max(self._closed_until, self.clock.monotonic() + seconds)


class InProcessTransport:
    """Stands in for `connectors.quickbooks.transport.Transport`."""

    def __init__(self, books: EmulatorBooks) -> None:
        self._books = books
        self._calls = 0

    def send(self, call: Call, access_token: str) -> Answer:
        """Send a call once.

        Raises:
            RetryLaterError: a read got no answer.
            OutcomeUnknownError: a write got no answer.
        """
        self._calls += 1
        try:
            status, content, wait = _completed(self._answered(call, access_token))
        except DropConnection:
            raise local_error("timeout", "ConnectionError", write=call.write) from None
        return Answer.of(status, content, f"in-process-{self._calls}", wait)

    def fetch(self, address: str, bytes_max: int) -> bytes:
        """The file at a temporary address."""
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query))
        *_, realm_id, record_id = parts.path.split("/")
        answer = file_of(self._books.emulator, realm_id, record_id, query)
        if answer.status != 200:
            raise local_error("file_refused", f"HTTP {answer.status}", write=False)
        assert len(answer.content) <= bytes_max
        return answer.content

    def close(self) -> None:
        """Nothing is open."""

    async def _answered(self, call: Call, access_token: str) -> tuple[int, bytes, int]:
        request = Request(self._scope(call, access_token), _receiver(call.body or b""))
        emulator = self._books.emulator
        answer = await troubles.handle(emulator, await read_call(request))
        assert not answer.seconds, "a dripping answer needs the emulator over HTTP"
        wait = answer.all_headers().get("Retry-After", "")
        return answer.status, answer.content, int(wait) if re.fullmatch(r"\d+", wait) else 0

    def _scope(self, call: Call, access_token: str) -> dict[str, Any]:
        realm_id = self._books.realm_id
        query = urlencode({**call.params, "minorversion": str(MINOR_VERSION)})
        headers = {
            "accept": "application/json",
            "authorization": f"Bearer {access_token}",
            "content-type": call.content_type,
            "host": "127.0.0.1",
        }
        return {
            "type": "http",
            "method": call.method,
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "path": f"/v3/company/{realm_id}/{call.path}",
            "path_params": {"realm_id": realm_id, "rest": call.path},
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }


def _receiver(body: bytes) -> Callable[[], Coroutine[Any, Any, dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _completed(work: Coroutine[Any, Any, tuple[int, bytes, int]]) -> tuple[int, bytes, int]:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: tuple[int, bytes, int] = done.value
        return result
    work.close()
    raise AssertionError("the emulator waits; this needs the emulator over HTTP")
