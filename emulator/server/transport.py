"""One write per answer: head and body leave together.

The HTTP server writes an answer's head and body one after the other. Joined into one write they
cost one system call and one packet, and no delayed acknowledgement can come between them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class JoiningTransport:
    """A transport that holds writes back until the running task pauses."""

    def __init__(self, inside: asyncio.Transport) -> None:
        """Wrap a transport."""
        self._inside = inside
        self._pending: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:
        """Take bytes to send."""
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)

    def close(self) -> None:
        """Send what is pending, then close."""
        self._flush()
        self._inside.close()

    def abort(self) -> None:
        """Close at once and send nothing more."""
        self._pending.clear()
        self._inside.abort()

    def _flush(self) -> None:
        if self._pending and not self._inside.is_closing():
            self._inside.write(b"".join(self._pending))
        self._pending.clear()

    def __getattr__(self, name: str) -> Any:
        """Pass everything else on."""
        return getattr(self._inside, name)


class JoiningProtocol(H11Protocol):
    """The HTTP protocol over a joining transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(JoiningTransport(transport))  # type: ignore[arg-type]
