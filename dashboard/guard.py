"""What holds for every address, also one that is not there: headers, and bounds of what is sent.

Nothing may run on our pages but our own scripts, nothing of them may be framed or kept, and nobody
can send more than a form needs (ASVS 3.4, 4.2.1, 14.3.2).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.assets import STATIC_PATH
from dashboard.webhooks import WEBHOOKS_PATH

#: The longest body of a form or of the interface; the receiver of webhooks has its own bound.
BODY_BYTES_MAX: Final = 64 * 1024
#: A longer address is none of ours.
TARGET_CHARACTERS_MAX: Final = 4_096

_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    # Tabler draws its check marks as data: images
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    # also where a form's answer leads to; to Intuit leads a link
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    #: with "no-referrer" forms would not say where they come from
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
#: Two years, as browsers ask for.
_ONLY_HTTPS: Final = "max-age=63072000; includeSubDomains"
_STATIC_KEPT: Final = "public, max-age=3600"


class Guard:
    """Puts the headers on every answer, and refuses what is too long; the outermost layer.

    Args:
        app: what answers.
        dashboard_url: where people find the pages; "" for wherever they ask.
    """

    def __init__(self, app: ASGIApp, dashboard_url: str) -> None:
        self._app = app
        words = "; ".join(f"{name} {value}" for name, value in _POLICY.items())
        self._headers = {**_HEADERS, "Content-Security-Policy": words}
        if urlsplit(dashboard_url).scheme == "https":
            self._headers["Strict-Transport-Security"] = _ONLY_HTTPS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                is_static = scope["path"].startswith(STATIC_PATH) and message["status"] < 400
                headers["Cache-Control"] = _STATIC_KEPT if is_static else "no-store"
            await send(message)

        refusal = _refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        is_webhook = scope["path"] == WEBHOOKS_PATH
        await self._app(scope, receive if is_webhook else _bounded(receive), send_guarded)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    """What is answered to a request that is too long by what it says of itself."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > TARGET_CHARACTERS_MAX:
        return PlainTextResponse("the address is too long", 414)
    return None


def _bounded(receive: Receive) -> Receive:
    """The same body, refused with 413 where it is longer than any form."""
    left = BODY_BYTES_MAX

    async def receive_bounded() -> Message:
        nonlocal left
        message = await receive()
        if message["type"] == "http.request":
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, f"the body is longer than {BODY_BYTES_MAX} bytes")
        return message

    return receive_bounded
