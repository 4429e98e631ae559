"""One exchange with QuickBooks over python-quickbooks' client and its OAuth session.

The library gives the address, the minor version and the session that carries the token. Its own
`make_request` is not used: it has no time limit, follows redirects, and loses status, headers and
the faults' shape (reference quickbooks-api, section 11). What cannot be known here, whether a
request that got no answer was carried out, is told apart as far as it can be: a connection that was
never made sent nothing.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from quickbooks.client import QuickBooks
from requests.exceptions import ConnectionError as NoConnectionError
from requests.exceptions import ProxyError, RequestException

from connectors.answer_body import BodyTooLargeError, BodyTooSlowError, read_body
from connectors.quickbooks.endpoints import Endpoints, allow_plain_http, is_loopback
from connectors.quickbooks.faults import Answer, answer_error, local_error, needs_fresh_token
from connectors.quickbooks.files import fetch_file
from connectors.quickbooks.scrub import silence_token_logs
from connectors.quickbooks.seen import seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connectors.ports import Clock

MINOR_VERSION = 75
_CHUNK_BYTES = 65_536
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
)


@dataclass(frozen=True)
class TransportLimits:
    """How long and how much one exchange may take."""

    connect_seconds: float = 5.0
    #: Longest silence; QuickBooks itself gives up after 120 s.
    read_seconds: float = 130.0
    #: Longest exchange in all, for an answer that drips.
    total_seconds: float = 300.0
    answer_bytes_max: int = 64 * 2**20


@dataclass(frozen=True)
class Call:
    """One HTTP request below /v3/company/{realm}/."""

    #: What the meter counts it as: "query", "cdc", "batch", "create" ...
    kind: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    #: Whether it may change the books.
    write: bool = False
    #: Whether it counts against the paid allowance: everything but single writes does.
    metered: bool = True
    #: Whether the answer is plain text, not JSON.
    plain: bool = False
    #: Whether the body holds a file.
    is_upload: bool = False

    @property
    def template(self) -> str:
        """The path without ids: what may be told of it."""
        head, slash, _ = self.path.partition("/")
        if head == "reports":
            return self.path
        return f"{head}/{{id}}" if slash else head


@dataclass(frozen=True)
class _Credentials:
    """What python-quickbooks asks of an AuthClient, without the network calls of the real one."""

    environment: str
    access_token: str = field(repr=False)
    client_id: str = ""
    refresh_token: None = None


class Transport:
    """Sends calls to one company; safe to share between threads."""

    def __init__(
        self, endpoints: Endpoints, realm_id: str, clock: Clock, limits: TransportLimits
    ) -> None:
        silence_token_logs()
        allow_plain_http(endpoints.api_url)
        self._endpoints = endpoints
        self._realm_id = realm_id
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        self._idle: list[tuple[str, QuickBooks]] = []

    def send(self, call: Call, access_token: str) -> Answer:
        """Send a call once.

        Raises:
            RetryLaterError: nothing was sent, or a read got no answer.
            OutcomeUnknownError: a write got no whole answer.
        """
        with seen(call.method, call.template, call.kind) as watched:
            answer = self._send(call, access_token)
            watched.answered(answer.status, answer.intuit_tid, _retry_class(call, answer))
            return answer

    def _send(self, call: Call, access_token: str) -> Answer:
        quickbooks = self._take(access_token)
        try:
            return self._exchange(quickbooks, call)
        except (RequestException, urllib3.exceptions.HTTPError) as error:
            code = "timeout" if may_have_been_sent(error) else "unsent"
            raise local_error(code, type(error).__name__, write=call.write) from None
        finally:
            self._give_back(access_token, quickbooks)

    def fetch(self, address: str, bytes_max: int) -> bytes:
        """The file at a temporary address, without the token; errors as `files.fetch_file`."""
        with seen("GET", "file") as watched:
            content = fetch_file(self._endpoints, self._clock, self._limits, address, bytes_max)
            watched.answered(requests.codes.ok)
            return content

    def close(self) -> None:
        """Close the idle sessions."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, quickbooks in idle:
            quickbooks.session.close()

    def _exchange(self, quickbooks: QuickBooks, call: Call) -> Answer:
        """Send a call through one session and read the answer."""
        url = f"{quickbooks.api_url}/company/{quickbooks.company_id}/{call.path}"
        expected, actual = urlsplit(self._endpoints.api_url), urlsplit(url)
        assert (expected.scheme, expected.netloc) == (actual.scheme, actual.netloc), url
        deadline = self._clock.monotonic() + self._limits.total_seconds
        response: requests.Response = quickbooks.session.request(
            call.method,
            url,
            params={**call.params, "minorversion": str(quickbooks.minorversion)},
            data=self._sent_body(call, deadline),
            headers={
                "Accept": "application/json",
                "Content-Type": call.content_type,
                "User-Agent": "quickbooks-sync",
            },
            timeout=(self._limits.connect_seconds, self._limits.read_seconds),
            allow_redirects=False,
            stream=True,
        )
        with response:
            intuit_tid = response.headers.get("intuit_tid", "")[:80]
            content = self._read(response, deadline, call, intuit_tid)
            wait = response.headers.get("Retry-After", "")
            seconds = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 8 else 0
            return Answer.of(response.status_code, content, intuit_tid, seconds)

    def _sent_body(self, call: Call, deadline: float) -> bytes | _BoundedBody | None:
        """The body to send; that of an upload is long enough to need a time of its own."""
        if call.body is None or not call.is_upload:
            return call.body
        return _BoundedBody(call.body, self._clock, deadline)

    def _read(
        self, response: requests.Response, deadline: float, call: Call, intuit_tid: str
    ) -> bytes:
        """Read a body within its size and time."""
        bytes_max = self._limits.answer_bytes_max
        try:
            return read_body(
                response.raw, bytes_max=bytes_max, deadline=deadline, clock=self._clock
            )
        except BodyTooLargeError as error:
            raise local_error(
                "unreadable",
                str(error),
                write=call.write,
                status=response.status_code,
                intuit_tid=intuit_tid,
            ) from None
        except BodyTooSlowError as error:
            raise local_error("timeout", str(error), write=call.write) from None

    def _take(self, access_token: str) -> QuickBooks:
        """Take an idle session with this token, or build one: a token cannot be swapped in it."""
        with self._lock:
            for index, (token, quickbooks) in enumerate(self._idle):
                if token == access_token:
                    del self._idle[index]
                    return quickbooks
            stale, self._idle = self._idle, []
        for _, quickbooks in stale:
            quickbooks.session.close()
        return self._build(access_token)

    def _give_back(self, access_token: str, quickbooks: QuickBooks) -> None:
        """Keep a session for the next call; there are as many as calls at the same time."""
        with self._lock:
            self._idle.append((access_token, quickbooks))

    def _build(self, access_token: str) -> QuickBooks:
        """Build python-quickbooks' client for one token, nailed to our address."""
        quickbooks = QuickBooks(
            auth_client=_Credentials(self._endpoints.environment, access_token),
            company_id=self._realm_id,
            minorversion=MINOR_VERSION,
        )
        quickbooks.api_url_v3 = quickbooks.sandbox_api_url_v3 = self._endpoints.api_url
        assert quickbooks.api_url == self._endpoints.api_url
        # No proxy stands between two programs on one machine.
        quickbooks.session.trust_env = not is_loopback(self._endpoints.api_url)
        return quickbooks


class _BoundedBody:
    """A request's body that stops half-way when its time is over: an upload may be slow.

    A time-out of a socket is one of silence only, and the longest flight counts on the end of an
    exchange. Half a body is no request, so nothing is done with it.
    """

    def __init__(self, content: bytes, clock: Clock, deadline: float) -> None:
        self._content = memoryview(content)
        self._clock = clock
        self._deadline = deadline
        self._place = 0

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(_CHUNK_BYTES):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self._clock.monotonic() > self._deadline:
            raise requests.Timeout("the request dripped")
        end = len(self._content) if size < 0 else self._place + size
        chunk = bytes(self._content[self._place : end])
        self._place += len(chunk)
        return chunk


def _retry_class(call: Call, answer: Answer) -> str:
    """What a fault in an answer asks for, by the class of its error; "" for a success."""
    if needs_fresh_token(answer):
        return "fresh_token"
    error = answer_error(answer, write=call.write, plain=call.plain)
    return "" if error is None else type(error).__name__


def may_have_been_sent(error: RequestException | urllib3.exceptions.HTTPError) -> bool:
    """Tell whether a request could have reached QuickBooks before it failed."""
    if isinstance(error, requests.ConnectTimeout | ProxyError):
        return False
    if not isinstance(error, NoConnectionError):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, urllib3.exceptions.SSLError):
        return not any(isinstance(one, ssl.SSLCertVerificationError) for one in reason.args)
    return not isinstance(reason, _NEVER_SENT)
