"""What holds for every address, also one that is not there: headers, and bounds of what is sent.

Nothing may run on our pages but our own scripts, nothing of them may be framed or kept, and nobody
can send more than a form needs, or in another form (ASVS 3.4, 4.1, 4.2.1, 14.3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.assets import STATIC_PATH
from dashboard.mistakes import API_ROOT
from dashboard.webhooks import WEBHOOKS_PATH

#: The longest body of a form or of the interface; the receiver of webhooks has its own bound.
BODY_BYTES_MAX: Final = 64 * 1024
#: A longer address is none of ours.
TARGET_CHARACTERS_MAX: Final = 4_096
#: What a body must say that it is: what forms are sent as, and what programs send.
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
#: A character that no text has and that PostgreSQL takes in none.
_NOTHING: Final = (b"%00", b"\0")

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
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})
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
        if scope["path"] != WEBHOOKS_PATH:
            is_form = not scope["path"].startswith(API_ROOT)
            receive = _bounded(receive, _NOTHING if is_form else ())
        await self._app(_as_get(scope), receive, _headed(scope, send_guarded))


def _as_get(scope: Scope) -> Scope:
    """HEAD is answered as GET is, without the body."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


def _headed(scope: Scope, send: Send) -> Send:
    """Send no body to who asks for the head alone."""
    if scope["method"] != "HEAD":
        return send

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


def _refusal(scope: Scope) -> Response | None:
    """What is answered to a request that cannot be right by what it says of itself."""
    target = scope["raw_path"] + b"?" + scope["query_string"]
    if len(target) > TARGET_CHARACTERS_MAX:
        return _refused(scope, 414, "the address is too long")
    if any(each in target for each in _NOTHING):
        return _refused(scope, 400, "the address has a character that no text has")
    if scope["path"] == WEBHOOKS_PATH:
        return None
    said = Headers(scope=scope).get("content-type")
    given = said.partition(";")[0].strip().lower() if said else None
    wanted = _JSON if scope["path"].startswith(API_ROOT) else _FORM
    if given not in (None, wanted) and scope["method"] not in _WITHOUT_BODY:
        return _refused(scope, 415, f"the body has to be {wanted}")
    return None


def _refused(scope: Scope, status: int, reason: str) -> Response:
    if scope["path"].startswith(API_ROOT):
        return JSONResponse({"error": reason, "fix": ""}, status)
    return PlainTextResponse(reason, status)


def _bounded(receive: Receive, refused: Sequence[bytes]) -> Receive:
    """The same body, refused where it is longer than any form, or holds one of these."""
    left, end = BODY_BYTES_MAX, b""

    async def receive_bounded() -> Message:
        nonlocal left, end
        message = await receive()
        if message["type"] == "http.request":
            body = message.get("body", b"")
            left -= len(body)
            if left < 0:
                raise HTTPException(413, f"the body is longer than {BODY_BYTES_MAX} bytes")
            # one that is cut in two by the network is found, too
            if any(each in end + body for each in refused):
                raise HTTPException(400, "the form has a character that no text has")
            end = (end + body)[-2:]
        return message

    return receive_bounded
