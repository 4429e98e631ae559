"""The receiver of webhooks: verify, store, answer; all else comes later.

Intuit wants its 200 within three seconds and sends nothing newer before it has it. So the answer
says one thing, "it is in the database", and is given for whatever Intuit signed and we can read.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect

from connectors.database import database_time
from connectors.quickbooks.webhooks import BODY_BYTES_MAX, SIGNATURE_HEADER, events_in, is_signed
from connectors.state.webhooks import Inbox, store_events
from dashboard.waker import Wake
from models.errors import UsageError
from tasks.bootstrap import Installation

#: Where the endpoint of the app's webhooks in Intuit's developer portal points to.
WEBHOOKS_PATH: Final = "/webhooks/quickbooks"
#: An answer that takes longer says that nothing was stored, even where it is later.
ANSWER_SECONDS_MAX: Final = 2.5
#: Bodies that are stored side by side; companies wait for each other on SQLite anyway.
STORED_AT_A_TIME: Final = 4
#: Companies that a line of the log names.
_NAMED_MAX: Final = 10

_LOG = logging.getLogger(__name__)


class Receiver:
    """Takes webhooks in for an installation.

    Raises:
        UsageError: no verifier token is set.
    """

    def __init__(self, place: Installation, wake: Wake) -> None:
        self._place = place
        self._tokens = place.settings.webhook_verifiers
        self._wake = wake
        self._threads = ThreadPoolExecutor(STORED_AT_A_TIME, thread_name_prefix="webhook")

    async def receive(self, request: Request) -> Response:
        """Answer a webhook: 200 stored, 400 not to be read, 401 not Intuit's, 413 too long.

        503 where the database is too slow or fails: Intuit sends it again.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                body = await _body(request)
                if body is None:
                    return _refused(413, f"the body is longer than {BODY_BYTES_MAX} bytes")
                if not is_signed(body, request.headers.get(SIGNATURE_HEADER, ""), self._tokens):
                    return _refused(401, f"{SIGNATURE_HEADER} is not the signature of this body")
                inbox = await self._stored(body)
        except UsageError as error:
            _LOG.error("a webhook that Intuit signed cannot be read: %s", error)
            return _refused(400, str(error))
        except ClientDisconnect:
            return _refused(400, "the body ended before its end")
        except (SQLAlchemyError, TimeoutError) as error:
            _LOG.error("a webhook was not stored in time: %s", type(error).__name__)
            return _refused(503, "it was not stored in time; send it again")
        return JSONResponse(
            {
                "stored": inbox.stored,
                "repeated": inbox.repeated,
                "known": inbox.known,
                "unknown": sum(inbox.unknown.values()),
            }
        )

    async def _stored(self, body: bytes) -> Inbox:
        """Beside the loop, and not called back: what is stored late is known when it comes again.

        Raises:
            UsageError: a body in neither shape.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._store, body)

    def _store(self, body: bytes) -> Inbox:
        events = events_in(body)
        now = database_time(self._place.engine, self._place.clock.now())
        inbox = store_events(self._place.engine, events, now)
        if inbox.made_due:
            self._wake()
        if inbox.unknown:
            some = ", ".join(sorted(inbox.unknown)[:_NAMED_MAX])
            count = sum(inbox.unknown.values())
            _LOG.warning("%d events are about companies that are not connected: %s", count, some)
        return inbox


async def _body(request: Request) -> bytes | None:
    """The body as it came, None where it is too long to be read."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)
