"""Fetches a file from the temporary address that QuickBooks names for it.

The address needs no token and gets none: it lies outside of the API, on Intuit's storage. It comes
out of an answer, so it is looked at before anything is sent there: it must be one where files of
this environment lie, over https (plain http on this machine only), and it may not lead elsewhere.
Source: reference quickbooks-api, section 2; the recorded attachments for the hosts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.exceptions import RequestException

from connectors.answer_body import BodyTooLargeError, BodyTooSlowError, read_body
from connectors.quickbooks.endpoints import Endpoints, is_loopback
from connectors.quickbooks.faults import local_error
from models.errors import shorten

if TYPE_CHECKING:
    from connectors.ports import Clock
    from connectors.quickbooks.transport import TransportLimits
    from models.errors import RemoteError

#: Answers after which the same address, or a new one, may work.
_PASSING = frozenset({403, 408, 425, 429})


def fetch_file(
    places: Endpoints, clock: Clock, limits: TransportLimits, address: str, bytes_max: int
) -> bytes:
    """The bytes at a temporary address.

    Raises:
        RejectedError: the address is none of QuickBooks's, leads elsewhere, or holds too much.
        RetryLaterError: no whole answer came, or the address has expired.
        GoneError: there is no file.
    """
    if not places.allows_file(address):
        host = shorten(urlsplit(address).hostname or "none")
        raise local_error("file_address", f"it names the host {host}", write=False)
    deadline = clock.monotonic() + limits.total_seconds
    with requests.Session() as session:
        # No proxy stands between two programs on one machine.
        session.trust_env = not is_loopback(address)
        try:
            with session.get(
                address,
                headers={"Accept": "*/*", "Accept-Encoding": "identity"},
                # Nothing that is kept for the host, in a netrc file say, goes along.
                auth=_without_credentials,
                timeout=(limits.connect_seconds, limits.read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                error = _error_of(response, bytes_max)
                if error is not None:
                    raise error
                return _content(response, clock, deadline, bytes_max)
        except (RequestException, urllib3.exceptions.HTTPError) as error:
            raise local_error("timeout", type(error).__name__, write=False) from None


def _without_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _error_of(response: requests.Response, bytes_max: int) -> RemoteError | None:
    """Why an answer holds no file, as far as its head tells."""
    status = response.status_code
    if 300 <= status < 400:
        return local_error("file_address", "it leads elsewhere", write=False, status=status)
    if status in (404, 410):
        return local_error("file_gone", f"HTTP {status}", write=False, status=status)
    if status >= 500 or status in _PASSING:
        return local_error("file_refused", f"HTTP {status}", write=False, status=status)
    if status != 200:
        return local_error("unknown", f"HTTP {status} for a file", write=False, status=status)
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > bytes_max:
        return _too_large(bytes_max)
    return None


def _content(response: requests.Response, clock: Clock, deadline: float, bytes_max: int) -> bytes:
    """The body as it is sent, within its size and time; a zipped one is not unfolded."""
    try:
        return read_body(
            response.raw, bytes_max=bytes_max, deadline=deadline, clock=clock, unfold=False
        )
    except BodyTooLargeError:
        raise _too_large(bytes_max) from None
    except BodyTooSlowError:
        raise local_error("timeout", "the file dripped", write=False) from None


def _too_large(bytes_max: int) -> RemoteError:
    return local_error("file_too_large", f"more than {bytes_max:,} bytes", write=False)
