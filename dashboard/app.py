"""The web application, put together: which address is answered by what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from dashboard.api import api_router
from dashboard.api.calling import Calls
from dashboard.assets import mount_assets
from dashboard.guard import Guard
from dashboard.house import House
from dashboard.mistakes import answer_mistakes
from dashboard.pages import routers
from dashboard.waker import Wake
from dashboard.webhooks import WEBHOOKS_PATH, Receiver
from tasks.bootstrap import Installation


class GuardedApp(FastAPI):
    """An application with the guard around all of it, also around what answers its own errors."""

    #: Where people find the pages; "" for wherever they ask.
    dashboard_url = ""
    #: Networks of the proxies that are believed.
    proxies: Sequence[str] = ()

    def build_middleware_stack(self) -> ASGIApp:
        """What answers; `add_middleware` would put the guard inside of what answers a 500."""
        guarded: Any = Guard(super().build_middleware_stack(), self.dashboard_url)
        if not self.proxies:
            return cast("ASGIApp", guarded)
        # takes, from the right, the first address that is none of theirs; what others say is
        # nothing to it
        return cast("ASGIApp", ProxyHeadersMiddleware(guarded, list(self.proxies)))


def create_app(place: Installation, wake: Wake) -> FastAPI:
    """The application of an installation; wake is called when companies became due.

    Without a verifier token there is no receiver: nobody's webhooks could be told from Intuit's.

    Raises:
        UsageError: files of the pages are not where they should be, or a setting of theirs is
            none.
    """
    # without the pages that describe an interface: they would need scripts from afar
    # and without a redirect to an address with or without a slash: it would repeat whatever host
    # and scheme the request names
    app = GuardedApp(title="quickbooks-sync", openapi_url=None, redirect_slashes=False)
    app.dashboard_url = place.settings.dashboard_url
    app.proxies = place.settings.proxies
    house = House(place, wake)
    _ = house.provider  # settings of it that cannot be used stop the start
    app.state.house = house
    app.state.calls = Calls()
    answer_mistakes(app)
    if place.settings.has_webhook_verifiers:
        # the first: routes are looked through in their order, and webhooks come by the hundred
        receiver = Receiver(place, wake)
        app.add_api_route(WEBHOOKS_PATH, receiver.receive, methods=["POST"], response_model=None)
    mount_assets(app)
    for router in (*routers(), api_router()):
        app.include_router(router)
    return app
