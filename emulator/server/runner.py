"""Running the server: binding a port, serving, stopping.

Source: none; uvicorn's `Server` is used with its own socket, so that port 0 picks a free one and a
port in use is refused before anything else happens.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from emulator.server.app import create_app
from emulator.server.transport import JoiningProtocol

if TYPE_CHECKING:
    from emulator.emulator import Emulator

_BACKLOG = 512
_SHUTDOWN_SECONDS = 1


class PortError(Exception):
    """A port that cannot be had; the message is one sentence for the user."""


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "is in use" if taken else f"cannot be used ({error})"
        raise PortError(f"Port {port} on {host} {reason}: choose another, or 0.") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the base URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves signals alone unless it owns the main thread."""


def make_server(emulator: Emulator) -> QuietServer:
    """Return a server for an emulator, not yet running."""
    config = uvicorn.Config(
        create_app(emulator),
        http=JoiningProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        server_header=False,
        date_header=True,
    )
    return QuietServer(config)


class ServerThread:
    """A server in a thread of its own, for tests."""

    def __init__(self, emulator: Emulator, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind the port; serving starts with `start`."""
        self._listener = bind(host, port)
        self.base_url = url_of(self._listener)
        self._server = make_server(emulator)
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def start(self) -> None:
        """Serve; the socket already listens, so the first request may come at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and wait for the thread to end."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()
        assert not self._thread.is_alive(), "the emulator's server did not stop"
