"""One connected QuickBooks company: the ports `QuickBooksPort` and `ReportsPort`.

Reads are tried again here, a bounded number of times. Writes are sent once: only a refused token
(HTTP 401, nothing was executed) lets the same write go out again, with the same request id. What
became of a write without an answer is for the caller to find out. Source: reference quickbooks-api,
sections 2 to 8.
"""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote as url_quote

from connectors.ports import (
    Changes,
    Clock,
    CompanyFacts,
    Meter,
    Payload,
    RemoteAnswer,
    RemoteWrite,
    Report,
)
from connectors.quickbooks import queries, reports, whole_lists, writes
from connectors.quickbooks.changes import changes_call, read_changes
from connectors.quickbooks.company import company_facts
from connectors.quickbooks.faults import Answer, answer_error, local_error, needs_fresh_token
from connectors.quickbooks.limits import Limiter
from connectors.quickbooks.transport import Call, Transport, TransportLimits
from models.errors import GoneError, RemoteError, RetryLaterError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.quickbooks.endpoints import Endpoints

_LOG = logging.getLogger(__name__)
_REALM = re.compile(r"[0-9A-Za-z-]{1,40}")


class TokenProvider(Protocol):
    """Gives the access token to send; force asks for a new one, as the last one was refused."""

    def __call__(self, *, force: bool = False) -> str:
        """Return a token that is valid now."""
        ...


@dataclass(frozen=True)
class ClientSettings:
    """How patient the client is."""

    transport: TransportLimits = field(default_factory=TransportLimits)
    #: How often a read is sent in all.
    read_tries_max: int = 4
    #: Wait before the second try; it doubles with each further one.
    backoff_seconds: float = 1.0
    #: A number between 0 and 1 that spreads the waits of many clients.
    jitter: Callable[[], float] = random.SystemRandom().random


class QuickBooksClient:
    """One company behind QuickBooks' API; safe to share between threads.

    Args:
        endpoints: where QuickBooks is; from `endpoints.endpoints`.
        realm_id: QuickBooks' number of the company.
        tokens: gives access tokens; called before every request.
        clock: time, for waits.
        limiter: the company's share of calls; pass the same one to all clients of a company.
        settings: time-outs and tries.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        realm_id: str,
        tokens: TokenProvider,
        clock: Clock,
        *,
        limiter: Limiter | None = None,
        settings: ClientSettings | None = None,
    ) -> None:
        if not _REALM.fullmatch(realm_id):
            raise UsageError(f"{realm_id!r} is not a QuickBooks company id (a number).")
        self.meter = Meter()
        self._realm_id = realm_id
        self._tokens = tokens
        self._clock = clock
        self._limiter = limiter or Limiter(clock)
        self._settings = settings or ClientSettings()
        self._transport = Transport(endpoints, realm_id, clock, self._settings.transport)
        self._meter_lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"QuickBooksClient(realm_id={self._realm_id!r})"

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()

    def company(self) -> CompanyFacts:
        """Who is behind the token."""
        info = self._read(Call("companyinfo", "GET", f"companyinfo/{self._realm_id}"))
        preferences = self._read(Call("preferences", "GET", "preferences"))
        return company_facts(self._realm_id, info, preferences)

    def changes(self, entities: Sequence[str], since: datetime) -> Changes:
        """All changes of these entities since an instant, by one call.

        Raises:
            RejectedError: since is more than 30 days ago.
        """
        return read_changes(self._read(changes_call(entities, since)), entities)

    def query(
        self, entity: str, where: str = "", *, order_by: str = "Id", all_states: bool = True
    ) -> tuple[list[Payload], datetime]:
        """All records of an entity by ordered pages, with the first answer's time."""
        statement = queries.statement(entity, where, order_by, all_states=all_states)
        return queries.read_pages(entity, statement, self._ask)

    def query_all(self, entities: Sequence[str]) -> Iterator[tuple[str, list[Payload], datetime]]:
        """All records of several entities, in as few calls as are safe."""
        return whole_lists.read_lists(entities, self._ask_several, self.query)

    def read(self, entity: str, record_id: str) -> Payload | None:
        """One record by id, or None when it is deleted."""
        assert entity.isalpha(), f"not an entity name: {entity!r}"
        # there is one, and it is asked for by the company's number, not by its Id (section 10.2)
        own_id = self._realm_id if entity == "CompanyInfo" else record_id
        path = f"{entity.lower()}/{url_quote(own_id, safe='')}"
        try:
            answer = self._read(Call("read", "GET", path))
        except GoneError:
            return None
        record = answer.get(entity)
        if not isinstance(record, Mapping):
            raise local_error("incomplete", f"no {entity} in the answer", write=False)
        return record

    def download(self, record_id: str, *, bytes_max: int) -> bytes:
        """The file of an attachment, from the temporary address that QuickBooks names for it."""
        path = f"download/{url_quote(record_id, safe='')}"
        answer = self._answer_to(Call("download", "GET", path, plain=True))
        return self._transport.fetch(answer.body.text, bytes_max)

    def report(self, name: str, params: Mapping[str, str]) -> Report:
        """A report by its name, as plain rows."""
        assert name.isalpha(), f"not a report's name: {name!r}"
        return reports.read_report(self._read(Call("report", "GET", f"reports/{name}", params)))

    def count(self, entity: str) -> int:
        """How many records of an entity there are, inactive ones of name lists left out."""
        return queries.read_count(self._ask(queries.count_statement(entity)))

    def post(self, write: RemoteWrite) -> RemoteAnswer:
        """Send one write once; a fault is in the answer."""
        try:
            answer = self._exchange(writes.write_call(write), write.deadline)
        except RemoteError as error:
            return writes.refused(error)
        return writes.read_write(_data(answer), write, answer.intuit_tid)

    def batch(self, remote_writes: Sequence[RemoteWrite], request_id: str) -> list[RemoteAnswer]:
        """Send at most 30 writes in one call; answers come in the order of the writes.

        A write that cannot be sent at all gets its error and leaves the others alone.
        """
        assert len(remote_writes) <= writes.BATCH_WRITES_MAX, "a batch holds 30 writes"
        writes.check_request_id(request_id)
        items: dict[int, bytes] = {}
        unsendable: dict[int, RemoteAnswer] = {}
        for place, write in enumerate(remote_writes):
            try:
                items[place] = writes.batch_item(place, write)
            except RemoteError as error:
                unsendable[place] = writes.refused(error)
        if not items:
            return [unsendable[place] for place in range(len(remote_writes))]
        answers = self._send_batch(writes.batch_call(items, request_id), remote_writes)
        return [unsendable.get(place, answer) for place, answer in enumerate(answers)]

    def _send_batch(self, call: Call, remote_writes: Sequence[RemoteWrite]) -> list[RemoteAnswer]:
        """Send a batch; when the call as a whole fails, every write gets that error."""
        try:
            answer = self._exchange(call, writes.earliest_deadline(remote_writes))
        except RemoteError as error:
            return [writes.refused(_copy(error)) for _ in remote_writes]
        answers = writes.read_batch(_data(answer), remote_writes, answer.intuit_tid)
        for one in answers:
            if isinstance(one.error, RetryLaterError):
                self._hold_back(one.error)
        return answers

    def _ask(self, statement: str) -> Mapping[str, Any]:
        """Send one query statement."""
        body = statement.encode("utf-8", errors="replace")
        return self._read(
            Call("query", "POST", "query", body=body, content_type="application/text")
        )

    def _ask_several(self, statements: Sequence[str]) -> tuple[list[whole_lists.Part], datetime]:
        """Send several query statements in one call, once: who asks has another way."""
        answer = self._exchange(whole_lists.several_call(statements))
        return whole_lists.read_several(_data(answer), len(statements))

    def _read(self, call: Call) -> Mapping[str, Any]:
        """Send a read; the JSON object of its answer."""
        return _data(self._answer_to(call))

    def _answer_to(self, call: Call) -> Answer:
        """Send a read, again after a wait while it may work later."""
        assert not call.write, "writes are never repeated here"
        for attempt in range(self._settings.read_tries_max - 1):
            try:
                return self._exchange(call)
            except RetryLaterError as error:
                if error.fault.code == "local_limit":
                    raise
                _LOG.info("%s: try %d failed: %s", call.kind, attempt + 1, error.fault.message)
                self._pause(attempt, error)
        return self._exchange(call)

    def _pause(self, attempt: int, error: RetryLaterError) -> None:
        """Wait before the next try; after a throttle the limiter holds the call back instead."""
        if not error.wait_seconds:
            factor = 2**attempt * (0.5 + self._settings.jitter() / 2)
            self._clock.sleep(self._settings.backoff_seconds * factor)

    def _exchange(self, call: Call, deadline: float | None = None) -> Answer:
        """Send a call, once more with a fresh token if the first one was refused."""
        answer = self._send(call, self._tokens(), deadline)
        if needs_fresh_token(answer):
            answer = self._send(call, self._tokens(force=True), deadline)
        error = answer_error(answer, write=call.write, plain=call.plain)
        if error is None:
            return answer
        if isinstance(error, RetryLaterError):
            self._hold_back(error)
        raise error

    def _send(self, call: Call, access_token: str, deadline: float | None) -> Answer:
        """Send a call once, in its place within the limits, and only while its time lasts."""
        with self._limiter.place(batch=call.kind == "batch", write=call.write):
            if deadline is not None and self._clock.monotonic() > deadline:
                raise local_error("too_late", write=call.write)
            with self._meter_lock:
                self.meter.count(call.kind, metered=call.metered)
            return self._transport.send(call, access_token)

    def _hold_back(self, error: RetryLaterError) -> None:
        """Keep all calls of this company back for as long as QuickBooks asked."""
        if error.wait_seconds:
            self._limiter.close(error.wait_seconds)


def _data(answer: Answer) -> Mapping[str, Any]:
    """Return the JSON object of a successful answer."""
    assert answer.body.data is not None, "a success without JSON is an error"
    return answer.body.data


def _copy(error: RemoteError) -> RemoteError:
    """Return a new error of the same kind, so that each write has its own."""
    return type(error)(error.fault, wait_seconds=error.wait_seconds)
