"""Waiting for a person's consent in the browser: a one-shot listener on this machine.

For the command line; the dashboard has its own call-back page. Intuit sends the browser to the
redirect URL with `code`, `state` and `realmId` (reference quickbooks-api, section 1.2).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from models.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.quickbooks.oauth import IntuitOAuth

#: An authorisation code lives five minutes; nobody waits longer for the person.
WAIT_SECONDS_MAX = 300


@dataclass(frozen=True)
class Consent:
    """What the call-back brought."""

    code: str
    realm_id: str


class _Listener(HTTPServer):
    """Holds the expected state, and the consent once it came."""

    expected_path: str
    expected_state: str
    consent: Consent | None = None
    refusal: str = ""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        """Take the call-back; everything else is answered with 404."""
        assert isinstance(self.server, _Listener)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != self.server.expected_path:
            self._answer(404, "Nothing here.")
        elif not hmac.compare_digest(query.get("state", ""), self.server.expected_state):
            self._answer(400, "This answer does not belong to the connection that was started.")
        elif "code" in query and "realmId" in query:
            self.server.consent = Consent(query["code"], query["realmId"])
            self._answer(200, "Connected. You can close this page.")
        else:
            self.server.refusal = query.get("error", "no code came")
            self._answer(200, "Not connected. You can close this page.")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep the code out of the log."""


def wait_for_consent(oauth: IntuitOAuth, redirect_url: str, say: Callable[[str], None]) -> Consent:
    """Tell the person where to go, and wait for the call-back.

    Raises:
        UsageError: the redirect URL is not on this machine, or its port is taken, or nobody
            consented in time.
    """
    port, path = _place(redirect_url)
    address, state = oauth.authorization_url()
    with _listening(port, redirect_url) as listener:
        listener.expected_path, listener.expected_state = path, state
        listener.timeout = 1
        say(f"open this address in a browser and choose the company: {address}")
        deadline = monotonic() + WAIT_SECONDS_MAX
        while listener.consent is None and not listener.refusal and monotonic() < deadline:
            listener.handle_request()
        if listener.consent is None:
            reason = listener.refusal or f"nobody consented within {WAIT_SECONDS_MAX} seconds"
            raise UsageError(f"not connected: {reason}; run `quickbooks-sync connect` again")
        return listener.consent


def _place(redirect_url: str) -> tuple[int, str]:
    """The port and the path that the call-back comes to."""
    try:
        parts = urlsplit(redirect_url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, a bracket too many
        host, port = None, None
    if host not in ("localhost", "127.0.0.1") or port is None:
        raise UsageError(
            f"QBSYNC_REDIRECT_URL is {redirect_url!r}; the command line can only listen on "
            "http://localhost:PORT/PATH. Give --realm-id and --refresh-token instead."
        )
    return port, parts.path


def _listening(port: int, redirect_url: str) -> _Listener:
    try:
        return _Listener(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise UsageError(
            f"QBSYNC_REDIRECT_URL is {redirect_url!r}, and port {port} cannot be listened on "
            f"({error.strerror}): end what listens there, perhaps another `quickbooks-sync "
            "connect`, or register and set another port"
        ) from error
