"""The command line: `python -m emulator --port 9000 --company FOLDER`.

Without a folder it serves its own demo company. It prints one line with the base URL, the realm and
how to connect, and stops cleanly on SIGINT and SIGTERM. What cannot be done is said in one sentence
on standard error, with exit code 2.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.emulator import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_REALM, Emulator
from emulator.loading import CompanyFolderError
from emulator.options import Options
from emulator.server.runner import PortError, bind, make_server, url_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE_ERROR = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 picks a free port")
    parser.add_argument("--realm-id", default=DEFAULT_REALM)
    parser.add_argument("--client-id", default=DEFAULT_CLIENT_ID)
    parser.add_argument("--client-secret", default=DEFAULT_CLIENT_SECRET)
    parser.add_argument("--refresh-token", help="a refresh token that works from the start")
    parser.add_argument("--company", help="a folder of JSON; the demo company without it")
    parser.add_argument("--limits", action="store_true", help="throttle as QuickBooks does")
    parser.add_argument("--cdc-cap", type=int, default=1000, metavar="N")
    parser.add_argument("--page-cap", type=int, default=1000, metavar="N")
    parser.add_argument("--ready-file", type=Path, help="gets the base URL once it listens")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit code."""
    choices = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.ERROR if choices.quiet else logging.WARNING, format="%(message)s"
    )
    options = Options(limits=choices.limits, cdc_cap=choices.cdc_cap, page_cap=choices.page_cap)
    emulator = Emulator(options)
    folder = Path(choices.company) if choices.company not in (None, "demo") else None
    try:
        emulator.add_company(choices.realm_id, folder)
        listener = bind(choices.host, choices.port)
    except (CompanyFolderError, PortError) as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE_ERROR
    emulator.tokens.clients[choices.client_id] = choices.client_secret
    connection = emulator.tokens.connect(
        choices.client_id, choices.realm_id, refresh_token=choices.refresh_token
    )
    base_url = url_of(listener)
    if not choices.quiet:
        sys.stderr.write(
            f"QuickBooks emulator at {base_url}, realm {choices.realm_id}: connect with discovery "
            f"{base_url}/.well-known/openid_sandbox_configuration, client id {choices.client_id}, "
            f"client secret {choices.client_secret}, refresh token {connection.refresh_token}\n"
        )
    if choices.ready_file is not None:
        try:
            choices.ready_file.write_text(f"{base_url}\n", encoding="utf-8")
        except OSError as error:
            listener.close()
            sys.stderr.write(f"The ready file {choices.ready_file} cannot be written ({error}).\n")
            return _USAGE_ERROR
    # The server takes these signals while it runs and repeats them afterwards, for handlers like
    # these: by then all is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    asyncio.run(make_server(emulator).serve(sockets=[listener]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
