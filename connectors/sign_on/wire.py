"""Requests to the OpenID provider: bounded in time and size, and nowhere but to its own hosts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import requests
import urllib3.exceptions
from authlib.integrations.requests_client import OAuth2Session
from requests.exceptions import RequestException

from connectors.answer_body import BodyTooLargeError, BodyTooSlowError, read_body
from connectors.ports import Clock
from connectors.quickbooks.endpoints import is_loopback
from connectors.sign_on.places import SignOn
from models.errors import SyncError

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 5.0
#: A whole answer, however it drips.
TOTAL_SECONDS: Final = 10.0
#: Who waits for others longer than this is told that the provider is slow.
WAIT_SECONDS: Final = 1.0
#: Descriptions, keys and tokens are a few thousand bytes.
ANSWER_BYTES_MAX: Final = 256 * 1024
OTHERS_WAIT: Final = "the provider is slow, and others wait for it already"
#: A provider that hangs holds up no more than so many threads of the pages.
_CALLS_AT_A_TIME: Final = threading.BoundedSemaphore(4)


class SignOnError(SyncError):
    """The provider's answer cannot be trusted, or used; nobody was let in."""


class ProviderDownError(SignOnError):
    """The provider gave no answer, or none that can be read; later it may."""


@dataclass(frozen=True)
class Answer:
    """What came back: as much of a response as `authlib` looks at."""

    status_code: int
    content: bytes = field(repr=False)

    def json(self) -> Any:
        """The body.

        Raises:
            ValueError: it is no JSON.
        """
        try:
            return json.loads(self.content)
        except RecursionError as error:
            raise ValueError("the JSON is too deep") from error

    def raise_for_status(self) -> None:
        """Raise ProviderDownError unless it is an answer to go on with."""
        if self.status_code >= 400:
            raise ProviderDownError(f"the provider answered HTTP {self.status_code}")


class BoundedSession(OAuth2Session):  # type: ignore[misc] # authlib has no types
    """authlib's client of the provider, whose every request is bounded."""

    def __init__(self, places: SignOn, clock: Clock, **options: Any) -> None:
        self._places = places
        self._clock = clock
        super().__init__(
            client_id=places.client_id,
            client_secret=places.client_secret,
            redirect_uri=places.redirect_url,
            scope="openid email",
            code_challenge_method="S256",
            **options,
        )

    def request(self, method: str, url: str, **options: Any) -> Answer:
        """Ask the provider.

        Raises:
            SignOnError: the address is none of its own, or leads elsewhere.
            ProviderDownError: no whole answer came in time, or it is too large.
        """
        if not self._places.allows(url):
            raise SignOnError(
                f"{url} is on no host of {self._places.issuer}: name it in QBSYNC_OIDC_HOSTS if it "
                "is the provider's"
            )
        # no proxy stands between two programs on one machine
        self.trust_env = not is_loopback(url)
        deadline = self._clock.monotonic() + TOTAL_SECONDS
        with (
            _within_bounds(),
            requests.Session.request(
                self,
                method,
                url,
                data=options.get("data"),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                # nothing that is kept for the host, in a netrc file say, goes along
                auth=options.get("auth") or _without_credentials,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            if 300 <= response.status_code < 400:
                raise SignOnError(f"{url} leads elsewhere: HTTP {response.status_code}")
            return Answer(response.status_code, self._content(response, deadline))

    def _content(self, response: requests.Response, deadline: float) -> bytes:
        try:
            return read_body(
                response.raw, bytes_max=ANSWER_BYTES_MAX, deadline=deadline, clock=self._clock
            )
        except BodyTooLargeError as error:
            raise ProviderDownError(str(error)) from None
        except BodyTooSlowError:
            message = f"the answer took more than {TOTAL_SECONDS} seconds"
            raise ProviderDownError(message) from None


@contextmanager
def _within_bounds() -> Iterator[None]:
    """Few at a time, and each way in which an answer does not come is one error."""
    if not _CALLS_AT_A_TIME.acquire(timeout=WAIT_SECONDS):
        raise ProviderDownError(OTHERS_WAIT)
    try:
        yield
    except (RequestException, urllib3.exceptions.HTTPError) as error:
        raise ProviderDownError(f"no answer of the provider: {type(error).__name__}") from None
    finally:
        _CALLS_AT_A_TIME.release()


def _without_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
