"""The permission to read and write a company's books: connect, renew, revoke.

Built on intuit-oauth (`bounded_auth`), with a state made by `secrets`, addresses checked before a
secret is sent to them, and errors that say what to do. The library's clients are used once and
thrown away. Source: reference quickbooks-api, sections 1.1 to 1.3.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import requests
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError

from connectors.clock import SystemClock
from connectors.quickbooks import exact_json
from connectors.quickbooks.bounded_auth import (
    ENDPOINT_FIELDS,
    AppKeys,
    BoundedAuthClient,
    OAuthTimeouts,
)
from connectors.quickbooks.faults import local_error
from connectors.quickbooks.scrub import hide, scrub
from connectors.quickbooks.transport import may_have_been_sent
from models.errors import DisconnectedError, RemoteError, UsageError, shorten

if TYPE_CHECKING:
    from connectors.ports import Clock
    from connectors.quickbooks.endpoints import Endpoints

_LOG = logging.getLogger(__name__)

#: Intuit's own figures, for an answer that leaves them out (section 1.2).
_ACCESS_SECONDS: Final = 3_600
_REFRESH_SECONDS: Final = 8_640_000
_TOKEN_CHARACTERS_MAX: Final = 8_192

T = TypeVar("T", int, None)


@dataclass(frozen=True)
class TokenSet:
    """What the token service gave; the tokens never show in its repr."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_seconds: int
    refresh_seconds: int
    #: Until the permission ends whatever is renewed: five years after it was given; None where the
    #: service does not say.
    hard_seconds: int | None = None


class IntuitOAuth:
    """Intuit's token service for one app and environment; safe to share between threads."""

    def __init__(
        self,
        endpoints: Endpoints,
        keys: AppKeys,
        timeouts: OAuthTimeouts | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not keys.client_id or not keys.client_secret:
            raise UsageError(
                "QBSYNC_INTUIT_CLIENT_ID and QBSYNC_INTUIT_CLIENT_SECRET are not set; copy both "
                "from the app's Keys page in Intuit's developer portal."
            )
        self._endpoints = endpoints
        self._keys = keys
        self._timeouts = timeouts or OAuthTimeouts()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._discovery: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"IntuitOAuth(environment={self._endpoints.environment!r})"

    def prepare(self) -> None:
        """Read the discovery document once, so that a renewal is a single request."""
        with self._lock:
            if not self._discovery:
                self._discovery = self._discover()

    def authorization_url(self, note: str = "") -> tuple[str, str]:
        """Return where to send the person, and the state to bind to their session.

        The state must come back unchanged and is good for one use. A note, such as for whom it is
        asked, travels in it after a dot; it is seen by the person and by Intuit.
        """
        state = secrets.token_urlsafe(32) + (f".{note}" if note else "")
        with self._client() as client:
            url: str = client.get_authorization_url([Scopes.ACCOUNTING], state_token=state)
        return url, state

    def exchange_code(self, code: str) -> TokenSet:
        """Trade the code of a call-back for tokens; a code lives 5 minutes and works once."""
        hide(code)
        with self._client() as client:
            return self._ask(client, lambda: client.get_bearer_token(code))

    def refresh(self, refresh_token: str) -> TokenSet:
        """Renew a permission; what comes back replaces the old tokens.

        Raises:
            DisconnectedError: the token or the app's keys are refused.
            RetryLaterError: no usable answer came; the old token may still be good.
        """
        hide(refresh_token)
        with self._client() as client:
            return self._ask(client, lambda: client.refresh(refresh_token=refresh_token))

    def revoke(self, refresh_token: str) -> None:
        """End a permission at Intuit; one that has ended already is no error."""
        with self._client() as client:
            try:
                self._call(lambda: client.revoke(token=refresh_token))
            except DisconnectedError as error:
                if error.fault.code == "invalid_client":
                    raise
                _LOG.info("revoking: Intuit says the permission has ended: %s", error.fault.detail)

    def _client(self) -> BoundedAuthClient:
        """Build a client for one request."""
        self.prepare()
        return self._bounded(self._discovery)

    def _bounded(self, discovery: Mapping[str, str]) -> BoundedAuthClient:
        return BoundedAuthClient(
            self._keys, self._endpoints.discovery_url, self._timeouts, discovery, self._clock
        )

    def _ask(self, client: BoundedAuthClient, call: Any) -> TokenSet:
        """Make a token request and copy the known fields out of the client."""
        self._call(call)
        try:
            given = TokenSet(
                access_token=_token(client.access_token),
                refresh_token=_token(client.refresh_token),
                access_seconds=_seconds(client.expires_in, _ACCESS_SECONDS),
                refresh_seconds=_seconds(client.x_refresh_token_expires_in, _REFRESH_SECONDS),
                hard_seconds=_seconds(
                    getattr(client, "x_refresh_token_hard_expires_in", None), None
                ),
            )
        except ValueError as error:
            raise local_error("unreadable", str(error), write=False) from None
        hide(given.access_token, given.refresh_token)
        return given

    def _call(self, call: Any) -> None:
        """Make a request and translate its errors; none of them carries a token."""
        try:
            call()
        except AuthClientError as error:
            raise _refusal(error.status_code, error.content, error.intuit_tid or "") from None
        except requests.RequestException as error:
            code = "timeout" if may_have_been_sent(error) else "unsent"
            raise local_error(code, type(error).__name__, write=False) from None
        except ValueError:
            raise local_error("unreadable", "the token service", write=False) from None

    def _discover(self) -> dict[str, str]:
        """Read the discovery document and check where it leads."""
        found: dict[str, str] = {}

        def read() -> None:
            with self._bounded({}) as client:
                found.update(client.discovered)

        self._call(read)
        for name in ENDPOINT_FIELDS:
            if not self._endpoints.allows(found.get(name, "")):
                raise UsageError(
                    f"The discovery document names a {name} outside of the environment "
                    f"{self._endpoints.environment!r}; check QBSYNC_QUICKBOOKS_DISCOVERY_URL."
                )
        return found


def _token(value: object) -> str:
    """Check one token of an answer."""
    if not isinstance(value, str) or not 0 < len(value) <= _TOKEN_CHARACTERS_MAX:
        raise ValueError("the answer has no usable token")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("a token has characters that no header can carry")
    return value


def _seconds(value: object, default: T) -> int | T:
    """Read a lifetime, which some answers give as text."""
    text = "" if value is None else str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else default


def _refusal(status: int, content: bytes, intuit_tid: str) -> RemoteError:
    """Translate an answer other than 200 of the token service."""
    word, description = _error_words(content)
    code = word if word in {"invalid_grant", "invalid_client"} else ""
    if not code and status == 401:
        code = "invalid_client"
    if not code and (status in {408, 429} or not 400 <= status < 500):
        code = "3001" if status == 429 else "5xx"
    detail = f"{word} {description}".strip() or f"HTTP {status}"
    return local_error(
        code or "oauth_refused", detail, write=False, status=status, intuit_tid=intuit_tid
    )


def _error_words(content: bytes) -> tuple[str, str]:
    """Return `error` and `error_description` of a refusal; empty where the body is no JSON."""
    try:
        data = exact_json.decode(content)
    except ValueError:
        return "", ""
    if not isinstance(data, Mapping):
        return "", ""
    words = (str(data.get("error", "")), str(data.get("error_description", "")))
    return shorten(scrub(words[0])), shorten(scrub(words[1]))


def is_refused_grant(error: RemoteError) -> bool:
    """Tell whether the refresh token itself was refused, which an outage can cause as well."""
    return isinstance(error, DisconnectedError) and error.fault.code == "invalid_grant"
