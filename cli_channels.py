"""quickbooks-sync channels: where people are told of new alerts, and whether messages arrive."""

from __future__ import annotations

from typing import Annotated

import typer

from cli_shared import (
    EXIT_FAILED,
    ConnectionName,
    Json,
    person,
    print_rows,
    show,
    translated_errors,
)
from connectors.state.connections import connection_named
from tasks import bootstrap
from tasks.notify import channel_rows, send_trial


def channels(
    connection: ConnectionName = "",
    test: Annotated[str, typer.Option("--test", help="Send a test message to this channel.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Show where people are told of new alerts, or send a test message.

    The company chooses with `settings --set notify=CHANNEL:SEVERITY,...`, such as finance:warning.
    """
    with translated_errors(), bootstrap.installation() as place:
        company = connection_named(place.engine, connection)
        if not test:
            rows = [each.as_row() for each in channel_rows(place, company)]
            show({"channels": rows}, as_json=as_json, words=None)
            if not as_json:
                print_rows("Channels", rows, "No channel is set up: set QBSYNC_NOTIFY_<NAME>.")
            return
        error = send_trial(place, company, test, person())
        words = f"The message did not arrive: {error}." if error else "The message was taken."
        show({"channel": test, "error": error}, as_json=as_json, words=words)
    if error:
        raise typer.Exit(EXIT_FAILED)
