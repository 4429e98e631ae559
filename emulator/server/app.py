"""The ASGI application: routes, and the one thing routes cannot do, dropping a connection.

Source: dossier section 2 for the paths.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router

from emulator.server import admin, oauth_pages, services, troubles
from emulator.server.answers import DropConnection, trickle
from emulator.server.call import read_call

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emulator.emulator import Emulator

_BOTH = ["GET", "POST"]


def create_app(emulator: Emulator) -> ASGIApp:
    """Return the application that serves an emulator."""
    routes = [
        Route("/v3/company/{realm_id}/{rest:path}", _company(emulator), methods=_BOTH),
        Route("/_files/{realm_id}/{attachment_id}", _file(emulator)),
        Route("/oauth2/v1/tokens/bearer", _with(emulator, oauth_pages.token), methods=["POST"]),
        Route("/v2/oauth2/tokens/revoke", _with(emulator, oauth_pages.revoke), methods=["POST"]),
        Route("/connect/oauth2", _plain(emulator, oauth_pages.consent)),
        Route("/v1/openid_connect/userinfo", _plain(emulator, oauth_pages.user_info)),
        Route("/op/v1/jwks", _async(oauth_pages.key_set)),
        Route("/_emulator/{name:path}", _with(emulator, admin.handle), methods=[*_BOTH, "DELETE"]),
    ]
    for name in ("openid_sandbox_configuration", "openid_configuration"):
        for tail in ("", "/"):
            path = f"/.well-known/{name}{tail}"
            routes.append(Route(path, _async(oauth_pages.discovery)))
    return ConnectionDropper(Router(routes, redirect_slashes=False))


Endpoint = Callable[[Request], Awaitable[Response]]


def _company(emulator: Emulator) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        answer = await troubles.handle(emulator, await read_call(request))
        if answer.seconds:
            drips = trickle(emulator, answer.content, answer.seconds)
            return StreamingResponse(drips, answer.status, answer.all_headers())
        return Response(answer.content, answer.status, answer.all_headers())

    return endpoint


def _file(emulator: Emulator) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        path = request.path_params
        query = dict(request.query_params)
        answer = services.file_of(emulator, path["realm_id"], path["attachment_id"], query)
        return Response(answer.content, answer.status, answer.all_headers())

    return endpoint


def _with(
    emulator: Emulator, function: Callable[[Emulator, Request], Awaitable[Response]]
) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await function(emulator, request)

    return endpoint


def _plain(emulator: Emulator, function: Callable[[Emulator, Request], Response]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return function(emulator, request)

    return endpoint


def _async(function: Callable[[Request], Response]) -> Endpoint:
    # A plain function would be run in a thread pool; these are too short for that.
    async def endpoint(request: Request) -> Response:
        return function(request)

    return endpoint


class ConnectionDropper:
    """Closes the client's connection without an answer when the inside asks for it."""

    def __init__(self, inside: ASGIApp) -> None:
        """Wrap an application."""
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            await self._inside(scope, receive, send)
        except DropConnection:
            # The server's request cycle stands behind `send`; ASGI itself has no word for this.
            cycle: Any = getattr(send, "__self__", None)
            cycle.transport.abort()
            # The loop tells the cycle in its next turn; without it an error page would follow.
            await asyncio.sleep(0)
            assert cycle.disconnected, "the connection is gone"
