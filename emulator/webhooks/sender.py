"""Sending one body to an endpoint of this machine, and judging the answer.

Only a 200 within three seconds counts, whatever its body. The answer is read as far as its status,
so that a slow or endless one cannot hold the emulator up.
Source: dossier section 9.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from emulator.webhooks.events import signature_of

if TYPE_CHECKING:
    from emulator.webhooks.settings import WebhookSettings

_REST_SECONDS = 0.1
_REST_BYTES = 65_536
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})")


async def send(settings: WebhookSettings, body: bytes) -> str:
    """Send a body; return what went wrong, nothing if it was acknowledged."""
    try:
        async with asyncio.timeout(settings.answer_seconds):
            line = await _exchange(settings, body)
    except TimeoutError:
        return f"no answer within {settings.answer_seconds:g} s"
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        return f"no connection ({error})"
    found = _STATUS_LINE.match(line)
    if found is None:
        return "the answer is not HTTP"
    status = int(found.group(1))
    return "" if status == 200 else f"status {status}"


async def _exchange(settings: WebhookSettings, body: bytes) -> bytes:
    parts = urlsplit(settings.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(_request(settings, body))
        await writer.drain()
        line = await reader.readline()
        await _read_on(reader)
        return line
    finally:
        writer.transport.abort()


async def _read_on(reader: asyncio.StreamReader) -> None:
    """Let a well-behaved endpoint finish its answer before the connection is closed."""
    with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(_REST_SECONDS):
            await reader.readexactly(_REST_BYTES)


def _request(settings: WebhookSettings, body: bytes) -> bytes:
    parts = urlsplit(settings.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        "User-Agent: intuit-webhooks-emulator",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"intuit-signature: {signature_of(body, settings.verifier)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
