"""The web application, put together: which address is answered by what."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from dashboard.waker import Wake
from dashboard.webhooks import Receiver
from tasks.bootstrap import Installation

#: Where the endpoint of the app's webhooks in Intuit's developer portal points to.
WEBHOOKS_PATH: Final = "/webhooks/quickbooks"


def create_app(place: Installation, wake: Wake) -> FastAPI:
    """The application of an installation; wake is called when companies became due.

    Raises:
        UsageError: no verifier token is set.
    """
    # without the pages that describe an interface: this one is Intuit's
    app = FastAPI(title="quickbooks-sync", openapi_url=None)
    receiver = Receiver(place, wake)
    app.add_api_route(WEBHOOKS_PATH, receiver.receive, methods=["POST"], response_model=None)
    return app
