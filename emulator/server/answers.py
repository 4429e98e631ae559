"""Answers: envelopes, faults, and the odd shapes of the gateway in front of QuickBooks.

Business answers and faults are JSON (or XML when JSON was not asked for). The gateway's own 401 and
403 use lower-case keys, its 429 is XML whatever was asked for.
Source: dossier sections 2 (headers, Accept), 7 (429), 8.1 and 8.2.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from emulator import exact_json
from emulator.clock import stamp_milliseconds
from emulator.exact_json import spelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from emulator.emulator import Emulator
    from emulator.faults import QuickBooksFault

JSON_TYPE = "application/json;charset=UTF-8"
XML_TYPE = "application/xml;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"
_XML_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_NAMESPACE = "http://schema.intuit.com/finance/v3"
#: The gateway's refusals: HTTP status, name, code and type.
_UNAUTHORIZED = (401, "AuthenticationFailed", "003200", "AUTHENTICATION")
_FORBIDDEN = (403, "ApplicationAuthorizationFailed", "003100", "SERVICE")
_THROTTLED = (429, "ThrottleExceeded", "003001", "SERVICE")


class DropConnection(Exception):  # noqa: N818 - it is an order, not an error
    """Close the connection without another byte."""


_LOOK_SECONDS = 0.02


async def pause(emulator: Emulator, seconds: float) -> None:
    """Hold a call up, outside the lock, but not beyond the end of the server."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        if emulator.stopping:
            raise DropConnection
        await asyncio.sleep(min(_LOOK_SECONDS, until - loop.time()))


_DRIPS = 20


async def trickle(emulator: Emulator, content: bytes, seconds: float) -> AsyncIterator[bytes]:
    """Give content out piece by piece, with pauses between."""
    size = max(1, -(-len(content) // _DRIPS))
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    for piece in pieces:
        yield piece
        await pause(emulator, seconds / len(pieces))


@dataclass
class Answer:
    """What goes back to the client."""

    status: int
    content: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    #: Over how long the content trickles out.
    seconds: float = 0

    def all_headers(self) -> dict[str, str]:
        """Return the headers, with the trace id every answer carries."""
        return {
            "content-type": self.content_type,
            "intuit_tid": f"1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]}",
            "QBO-Version": "2026.11",
            **self.headers,
        }


def business(payload: dict[str, Any], now: datetime, *, as_json: bool, status: int = 200) -> Answer:
    """Return a body in its envelope."""
    time = stamp_milliseconds(now)
    if as_json:
        return Answer(status, exact_json.dumps({**payload, "time": time}))
    return Answer(status, _xml_envelope(payload, time), XML_TYPE)


def fault(
    refusal: QuickBooksFault, now: datetime, *, as_json: bool, status: int | None = None
) -> Answer:
    """Return a business fault in its envelope."""
    return business(
        {"Fault": refusal.body()},
        now,
        as_json=as_json,
        status=refusal.status if status is None else status,
    )


def unauthorized(detail: str, now: datetime, *, as_json: bool) -> Answer:
    """Return the gateway's 401."""
    answer = _gateway(_UNAUTHORIZED, detail, now, as_json=as_json)
    answer.headers["WWW-Authenticate"] = 'Bearer realm="Intuit", error="invalid_token"'
    return answer


def forbidden(now: datetime, *, as_json: bool) -> Answer:
    """Return the gateway's 403 for a token of another realm."""
    return _gateway(_FORBIDDEN, "", now, as_json=as_json)


def throttled(now: datetime) -> Answer:
    """Return the gateway's 429: XML, whatever was asked for."""
    detail = (
        "The request limit was reached. Please wait for a minute and then try your request again."
    )
    return _gateway(_THROTTLED, detail, now, as_json=False)


def html(status: int) -> Answer:
    """Return the kind of page a proxy sends when what is behind it is ill."""
    title = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}.get(
        status, "Error"
    )
    page = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), HTML_TYPE)


def _gateway(
    refusal: tuple[int, str, str, str], detail: str, now: datetime, *, as_json: bool
) -> Answer:
    status, name, code, kind = refusal
    message = f"message={name}; errorCode={code}; statusCode={status}"
    short = code.lstrip("0")
    if not as_json:
        body = (
            f'{_XML_HEAD}<IntuitResponse time="{stamp_milliseconds(now)}" xmlns="{_NAMESPACE}">'
            f'<Fault type="{kind}"><Error code="{short}"><Message>{escape(message)}</Message>'
            f"<Detail>{escape(detail)}</Detail></Error></Fault></IntuitResponse>"
        )
        return Answer(status, body.encode(), XML_TYPE)
    error = {"message": message, "detail": detail or None, "code": short, "element": None}
    content: dict[str, Any] = {
        "warnings": None,
        "intuitObject": None,
        "fault": {"error": [error], "type": kind},
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": int(now.timestamp() * 1000),
        "status": None,
        "cdcresponse": [],
    }
    return Answer(status, exact_json.dumps(content))


def _xml_envelope(payload: dict[str, Any], time: str) -> bytes:
    inner = "".join(_element(name, value) for name, value in payload.items())
    head = f'{_XML_HEAD}<IntuitResponse xmlns="{_NAMESPACE}" time="{time}">'
    return f"{head}{inner}</IntuitResponse>".encode()


_ATTRIBUTES = (
    "domain",
    "sparse",
    "status",
    "startPosition",
    "maxResults",
    "totalCount",
    "bId",
    "type",
    "code",
    "element",
)


def _element(name: str, value: Any) -> str:
    """Return a JSON value as the XML that QuickBooks would write."""
    if isinstance(value, list):
        return "".join(_element(name, member) for member in value) if value else ""
    if not isinstance(value, dict):
        return f"<{name}>{escape(_scalar(value))}</{name}>"
    if name.endswith("Ref") and "value" in value:
        label = f" name={quoteattr(value['name'])}" if value.get("name") else ""
        return f"<{name}{label}>{escape(str(value['value']))}</{name}>"
    attributes = "".join(
        f" {key}={quoteattr(_scalar(value[key]))}"
        for key in _ATTRIBUTES
        if key in value and not isinstance(value[key], dict | list)
    )
    inner = "".join(
        _element(key, member) for key, member in value.items() if key not in _ATTRIBUTES
    )
    return f"<{name}{attributes}>{inner}</{name}>"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else spelled(value)
