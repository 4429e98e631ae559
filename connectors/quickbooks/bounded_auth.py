"""intuit-oauth's AuthClient, bounded in time and size.

The library has no time limits, follows redirects, and sets every key of an answer as an attribute
of its client, which is a requests session: a key such as `headers` would break it, and an
`id_token` would make it fetch keys without a limit. Here every request is bounded and every answer
is narrowed to the known fields. Source: reference quickbooks-api, section 1.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from intuitlib.client import AuthClient

from connectors.answer_body import BodyTooLargeError, BodyTooSlowError, read_body
from connectors.quickbooks import exact_json
from connectors.quickbooks.endpoints import is_loopback
from connectors.quickbooks.seen import seen

if TYPE_CHECKING:
    from connectors.ports import Clock

_ANSWER_BYTES_MAX: Final = 2**20
_TOKEN_FIELDS: Final = (
    "access_token",
    "expires_in",
    "refresh_token",
    "x_refresh_token_expires_in",
    "x_refresh_token_hard_expires_in",
)
#: Asks for the end that no renewal moves (section 1.2).
_HARD_EXPIRY: Final = {"x-include-refresh-token-hard-expires-in": "true"}
ENDPOINT_FIELDS: Final = ("authorization_endpoint", "token_endpoint", "revocation_endpoint")
_DISCOVERY_FIELDS: Final = (*ENDPOINT_FIELDS, "issuer", "jwks_uri", "userinfo_endpoint")


@dataclass(frozen=True)
class OAuthTimeouts:
    """How long Intuit's token service may take.

    A renewal holds a lock of the database meanwhile, so even the longest one ends before those who
    wait for that lock give up (`connectors.database.LOCK_WAIT_SECONDS_MAX`).
    """

    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    #: A whole answer, however it drips; its last packet may take read_seconds more.
    total_seconds: float = 15.0


@dataclass(frozen=True)
class AppKeys:
    """Who we are to Intuit."""

    client_id: str
    client_secret: str = field(repr=False)
    #: Where Intuit sends people back to; not needed for renewals.
    redirect_uri: str = ""


class BoundedAuthClient(AuthClient):  # type: ignore[misc] # intuit-oauth has no types
    """An AuthClient whose every request, discovery included, is bounded in time and size."""

    def __init__(
        self,
        keys: AppKeys,
        discovery_url: str,
        timeouts: OAuthTimeouts,
        discovery: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self.discovered = dict(discovery)
        self._discovery_url = discovery_url
        self._timeouts = timeouts
        self._clock = clock
        super().__init__(keys.client_id, keys.client_secret, keys.redirect_uri, discovery_url)

    def request(self, method: str, url: str, **options: Any) -> _Narrow:
        """Send a request; the discovery document is asked for once only."""
        if url == self._discovery_url and self.discovered:
            return _Narrow(200, json.dumps(self.discovered).encode(), {}, _DISCOVERY_FIELDS)
        self.trust_env = not is_loopback(url)
        # a .netrc entry must not take the place of the header
        options["auth"] = options.get("auth") or _leave_as_is
        options["headers"] = {**(options.get("headers") or {}), **_HARD_EXPIRY}
        options["timeout"] = (self._timeouts.connect_seconds, self._timeouts.read_seconds)
        options["allow_redirects"] = False
        options["stream"] = True
        discovering = url == self._discovery_url
        deadline = self._clock.monotonic() + self._timeouts.total_seconds
        with (
            seen(method, urlsplit(url).path.lstrip("/")) as watched,
            super().request(method, url, **options) as response,
        ):
            content = self._content(response, deadline)
            intuit_tid = response.headers.get("intuit_tid", "")[:80]
            watched.answered(response.status_code, intuit_tid)
            narrow = _Narrow(
                response.status_code,
                content,
                {"intuit_tid": intuit_tid},
                _DISCOVERY_FIELDS if discovering else _TOKEN_FIELDS,
            )
        if discovering and narrow.status_code == 200:
            self.discovered = {key: str(value) for key, value in narrow.json().items()}
        return narrow

    def _content(self, response: requests.Response, deadline: float) -> bytes:
        """Read a body; each way in which it does not come is an error of requests."""
        try:
            return read_body(
                response.raw, bytes_max=_ANSWER_BYTES_MAX, deadline=deadline, clock=self._clock
            )
        except BodyTooLargeError as error:
            raise requests.exceptions.ContentDecodingError(str(error)) from None
        except BodyTooSlowError as error:
            raise requests.exceptions.ReadTimeout(str(error)) from None
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error) from None


@dataclass(frozen=True)
class _Narrow:
    """The part of an answer that intuit-oauth may see: no field it could trip over."""

    status_code: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str]
    fields: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Return the known fields only."""
        data = exact_json.decode(self.content)
        if not isinstance(data, Mapping):
            raise ValueError("the answer is not a JSON object")  # noqa: TRY004 - as other bad JSON
        known = {name: data[name] for name in self.fields if name in data}
        if self.fields is _DISCOVERY_FIELDS:
            # the library looks each of them up
            return {name: known.get(name, "") for name in self.fields}
        return known


def _leave_as_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authenticate by the headers that are there."""
    return request
