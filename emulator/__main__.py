"""The command line: `python -m emulator --port 9000 --company FOLDER`.

Without a folder it serves its own demo company; `--company REALM=FOLDER` may be given several
times. It prints on standard error where it listens and what to type to connect to it, and stops
cleanly on SIGINT and SIGTERM. What cannot be done is said there in one sentence, with exit code 2.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.emulator import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REALM, Emulator
from emulator.loading import CompanyFolderError
from emulator.options import Options
from emulator.saving.store import Store, StoreError
from emulator.server.runner import PortError, PromptServer, bind, make_server, url_of
from emulator.webhooks.events import SHAPES
from emulator.webhooks.settings import BadWebhookError, parse_settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

_USAGE_ERROR = 2
_NAMED_COMPANY = re.compile(r"([0-9A-Za-z_-]{1,40})=(.+)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quickbooks-sync emulator", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=9000, help="0 picks a free port")
    add("--realm-id", default=DEFAULT_REALM, help="the number of the (first) company")
    add("--client-id", default=DEFAULT_CLIENT_ID)
    add("--client-secret", default=DEFAULT_CLIENT_SECRET)
    add("--refresh-token", help="a refresh token that works from the start")
    add("--redirect-uri", action="append", default=[], help="the only ones that are taken")
    add(
        "--company",
        action="append",
        default=[],
        metavar="[REALM=]FOLDER",
        help="a folder of JSON, or demo (the default); several with their realm ids",
    )
    add("--store", type=Path, metavar="FILE", help="keep the books in this SQLite file")
    add("--limits", action="store_true", help="throttle as QuickBooks does")
    add("--cdc-cap", type=int, default=1000, metavar="N")
    add("--page-cap", type=int, default=1000, metavar="N")
    add("--webhook-url", metavar="URL", help="an http address of this machine")
    add("--webhook-verifier", metavar="TOKEN", default="emulator-verifier")
    add("--webhook-shape", choices=SHAPES, default=SHAPES[0])
    add("--ready-file", type=Path, help="gets the base URL once it listens")
    add("--quiet", action="store_true", help="say nothing but errors")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit code."""
    choices = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.ERROR if choices.quiet else logging.WARNING, format="%(message)s"
    )
    store: Store | None = None
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        store = Store(choices.store) if choices.store is not None else None
        emulator = _make(choices, store)
        listener = bind(choices.host, choices.port)
        server = make_server(emulator)
        _stop_on_signals(server)
        _announce(choices, emulator, listener)
    except (CompanyFolderError, PortError, StoreError, BadWebhookError) as error:
        for number, handler in former.items():
            signal.signal(number, handler)
        if store is not None:
            store.close()
        sys.stderr.write(f"{error}\n")
        return _USAGE_ERROR
    asyncio.run(server.serve(sockets=[listener]))
    emulator.close()
    return 0


def _stop_on_signals(server: PromptServer) -> None:
    """Let a signal end the server, even one that comes before it serves.

    The server takes these signals while it runs and repeats them afterwards, for handlers like
    this one: by then all is done.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _make(choices: argparse.Namespace, store: Store | None) -> Emulator:
    """Return the emulator with its companies, as chosen."""
    options = Options(limits=choices.limits, cdc_cap=choices.cdc_cap, page_cap=choices.page_cap)
    emulator = Emulator(options, store=store)
    for realm_id, folder in _companies(choices).items():
        if realm_id not in emulator.companies:
            emulator.add_company(realm_id, folder)
    emulator.tokens.clients[choices.client_id] = choices.client_secret
    if choices.redirect_uri:
        emulator.tokens.redirects[choices.client_id] = set(choices.redirect_uri)
    if choices.webhook_url is not None:
        settings = {
            "url": choices.webhook_url,
            "verifier": choices.webhook_verifier,
            "shape": choices.webhook_shape,
        }
        emulator.webhooks.configure(parse_settings(settings))
    return emulator


def _companies(choices: argparse.Namespace) -> dict[str, Path | None]:
    """Return the folders by realm id; None is the demo company."""
    folders: dict[str, Path | None] = {}
    for text in choices.company or ["demo"]:
        named = _NAMED_COMPANY.fullmatch(text)
        # A folder with an equals sign in its name is a folder all the same.
        realm_id, name = (
            named.groups() if named and not Path(text).is_dir() else (choices.realm_id, text)
        )
        if realm_id in folders:
            raise CompanyFolderError(
                f"Two companies have the realm id {realm_id}: give --company REALM=FOLDER with "
                "different numbers."
            )
        folders[realm_id] = None if name == "demo" else Path(name)
    return folders


def _announce(choices: argparse.Namespace, emulator: Emulator, listener: socket.socket) -> None:
    """Connect the client to every company, and say how to use that."""
    base_url = url_of(listener)
    lines = [f"QuickBooks emulator at {base_url}", ""]
    exports = {
        "QBSYNC_QUICKBOOKS_API_URL": base_url,
        "QBSYNC_INTUIT_CLIENT_ID": choices.client_id,
        "QBSYNC_INTUIT_CLIENT_SECRET": choices.client_secret,
    }
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    for place, (realm_id, company) in enumerate(emulator.companies.items()):
        given = choices.refresh_token if place == 0 else None
        held = emulator.tokens.open_connection(choices.client_id, realm_id, refresh_token=given)
        words = ["--realm-id", realm_id, "--refresh-token", held.refresh_token]
        command = shlex.join(["quickbooks-sync", "connect", *words])
        lines.append(f"{command}  # {company.name}")
    lines += [
        "",
        f"Discovery: {base_url}/.well-known/openid_sandbox_configuration",
        f"What happened, and trouble on request: {base_url}/_emulator/ (see docs/emulator.md)",
    ]
    if choices.ready_file is not None:
        try:
            choices.ready_file.write_text(f"{base_url}\n", encoding="utf-8")
        except OSError as error:
            listener.close()
            raise PortError(
                f"The ready file {choices.ready_file} cannot be written ({error})."
            ) from error
    if not choices.quiet:
        sys.stderr.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    sys.exit(main())
