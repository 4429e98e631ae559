"""Serving the application with uvicorn, within bounds."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from models.errors import UsageError

#: More connections than this at a time are answered 503.
CONNECTIONS_MAX: Final = 200
_BACKLOG: Final = 512
#: A connection that says nothing is closed after so long, at the end too.
_IDLE_SECONDS: Final = 5


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one.

    Raises:
        UsageError: an address or port that cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}: {error.strerror or error}") from error


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve until the process is told to end; what is being answered is answered."""
    server = server_of(app)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return


def server_of(app: FastAPI) -> uvicorn.Server:
    """A server for the application, not yet running."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # whoever asks could say so, and sign-ins are counted by where they come from; which
        # proxies are believed is the application's own matter (`dashboard.app`)
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_IDLE_SECONDS,
    )
    return uvicorn.Server(config)
