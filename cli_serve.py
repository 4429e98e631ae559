"""quickbooks-sync serve: the web application: the pages, and the receiver of webhooks."""

from __future__ import annotations

from typing import Annotated

import typer

from cli_shared import say, translated_errors
from connectors.state.connections import all_connections
from connectors.state.people import all_users
from tasks import bootstrap


def serve(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 picks a free one.")] = 8400,
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only by default.")
    ] = "127.0.0.1",
) -> None:
    """Serve the pages, and receive QuickBooks's webhooks: companies are synced within seconds."""
    from dashboard.app import create_app
    from dashboard.dispatcher import has_prefect, start_dispatcher
    from dashboard.house import ROOT
    from dashboard.serving import bind
    from dashboard.serving import serve as serve_app
    from dashboard.waker import Waker
    from dashboard.webhooks import WEBHOOKS_PATH

    with translated_errors(), bootstrap.installation() as place:
        start = start_dispatcher
        if not has_prefect():
            start = _sleep_on
            say("PREFECT_API_URL is not set: what webhooks make due waits for the schedule")
        waker = Waker(start)
        app = create_app(place, waker.wake)
        with bind(host, port) as listener, waker:
            if all_connections(place.engine):
                # for what was stored just before a crash
                waker.wake()
            shown = f"[{host}]" if ":" in host else host
            number = listener.getsockname()[1]
            say(f"http://{shown}:{number}{ROOT}; Ctrl-C ends it")
            if place.settings.has_webhook_verifiers:
                say(f"webhooks: http://{shown}:{number}{WEBHOOKS_PATH}")
            else:
                say("QBSYNC_WEBHOOK_VERIFIER_TOKENS is not set: webhooks are not received")
            if not all_users(place.engine):
                say("nobody may sign in yet: `quickbooks-sync users add NAME --role admin`")
            serve_app(app, listener)


def _sleep_on() -> None:
    """Nobody is woken."""
