"""quickbooks-sync metrics: the figures that a monitoring system asks for."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from cli_shared import say, translated_errors
from models.errors import UsageError
from tasks import bootstrap


def metrics(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 picks a free one.")] = 9464,
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine only by default.")
    ] = "127.0.0.1",
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Print the figures and end, without listening.")
    ] = False,
) -> None:
    """Serve lag, queues, alerts and metered calls of every company to Prometheus."""
    from prometheus_client import generate_latest, start_http_server

    from deployments.metrics import registry_of

    with translated_errors(), bootstrap.installation() as place:
        registry = registry_of(place)
        if once:
            typer.echo(generate_latest(registry).decode(), nl=False)
            return
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise UsageError(f"--host {host} --port {port}: {error.strerror}") from error
        say(f"http://{host}:{server.server_port}/metrics; Ctrl-C ends it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            server.shutdown()
            thread.join(timeout=5)
