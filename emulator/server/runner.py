"""Running the server: binding a port, serving, stopping.

Source: none; uvicorn's `Server` is used with its own socket, so that port 0 picks a free one and a
port in use is refused before anything else happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from emulator.server import background
from emulator.server.app import create_app
from emulator.server.transport import JoiningProtocol

if TYPE_CHECKING:
    from emulator.emulator import Emulator

logger = logging.getLogger(__name__)

_BACKLOG = 512
_TICK_SECONDS = 0.1
_COUNTER_MAX = 864_000
_LOOK_SECONDS = 0.005
_SHUTDOWN_LOOKS = 200


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


class PromptServer(uvicorn.Server):
    """A uvicorn server that stops within a few hundredths of a second."""

    def __init__(self, config: uvicorn.Config, emulator: Emulator) -> None:
        """Hold the emulator, to be told that the end has come."""
        super().__init__(config)
        self._emulator = emulator
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        #: Set once the server serves.
        self.serving = threading.Event()

    def stop_soon(self) -> None:
        """Ask the server, from another thread, to stop now."""
        assert self._loop is not None, "the server was never started"
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._wake.set)

    async def main_loop(self) -> None:
        """Tick until told to stop, as uvicorn does, but wake up when asked to."""
        self._loop = asyncio.get_running_loop()
        self.serving.set()
        beside = asyncio.create_task(background.run(self._emulator))
        beside.add_done_callback(_tell_of_failure)
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % _COUNTER_MAX
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _TICK_SECONDS)
        beside.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let running calls end, and close what is left."""
        # Calls that a fault rule holds up notice this and drop their connections.
        self._emulator.stopping = True
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(_SHUTDOWN_LOOKS):
            if not self.server_state.connections and not self.server_state.tasks:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    """Write down why the background task ended, unless it was told to."""
    if not task.cancelled() and task.exception() is not None:
        logger.error("the emulator's background work failed", exc_info=task.exception())


def make_server(emulator: Emulator) -> PromptServer:
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
        server_header=False,
        date_header=True,
    )
    return PromptServer(config, emulator)


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
        """Serve, and return once the server is up."""
        self._thread.start()
        assert self._server.serving.wait(timeout=10), "the emulator's server did not start"

    def stop(self) -> None:
        """Stop serving and wait for the thread to end."""
        self._server.stop_soon()
        self._thread.join(timeout=10)
        self._listener.close()
        assert not self._thread.is_alive(), "the emulator's server did not stop"
