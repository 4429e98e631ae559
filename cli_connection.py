"""quickbooks-sync pause, resume, disconnect and rotate-keys: for connections that are there."""

from __future__ import annotations

from collections.abc import Callable

import typer

from cli_shared import ConnectionName, Json, person, show, translated_errors
from connectors.state.connections import connection_named
from connectors.state.port import Connection
from tasks import bootstrap, connecting


def add_commands(app: typer.Typer) -> None:
    """Give the command line these commands."""
    for command in (pause, resume, disconnect):
        app.command()(command)
    app.command("rotate-keys")(rotate_keys)


def pause(connection: ConnectionName = "", *, as_json: Json = False) -> None:
    """Start no more runs of a company until it is resumed; one that runs comes to its end."""
    _change(connection, connecting.pause, "paused", as_json=as_json)


def resume(connection: ConnectionName = "", *, as_json: Json = False) -> None:
    """Sync a paused company again, at once."""
    _change(connection, connecting.resume, "connected", as_json=as_json)


def disconnect(connection: ConnectionName = "", *, as_json: Json = False) -> None:
    """Revoke a company's permission at Intuit and forget it; links and settings are kept."""
    _change(connection, connecting.disconnect, "disconnected", as_json=as_json)


def rotate_keys(*, as_json: Json = False) -> None:
    """Seal all permissions with the newest of QBSYNC_ENCRYPTION_KEYS; then the others can go."""
    with translated_errors(), bootstrap.installation() as place:
        count = place.tokens(place.settings.default_environment).rotate()
        words = f"{count} permissions are sealed with the newest key; earlier keys can go."
        show({"connections": count}, as_json=as_json, words=words)


def _change(
    name: str,
    change: Callable[[bootstrap.Installation, Connection, str], bool],
    status: str,
    *,
    as_json: bool,
) -> None:
    with translated_errors(), bootstrap.installation() as place:
        known = connection_named(place.engine, name)
        changed = change(place, known, person())
        facts = {"connection": known.name, "status": status, "changed": changed}
        words = f"{known.name} is {status}{'' if changed else ' already'}."
        show(facts, as_json=as_json, words=words)
