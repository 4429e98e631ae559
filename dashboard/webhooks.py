"""The receiver of webhooks: verify, store, answer; all else comes later.

Intuit wants its 200 within three seconds and sends nothing newer before it has it. So the answer
says one thing, "it is in the database", and is given for whatever Intuit signed and we can read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect

from connectors.database import database_time
from connectors.quickbooks.webhooks import (
    BODY_BYTES_MAX,
    SIGNATURE_HEADER,
    WebhookEvent,
    events_in,
    is_signed,
)
from connectors.state.webhooks import Inbox, store_events
from dashboard.waker import Wake
from models.errors import UsageError
from tasks.bootstrap import Installation

#: Where the endpoint of the app's webhooks in Intuit's developer portal points to.
WEBHOOKS_PATH: Final = "/webhooks/quickbooks"
#: An answer that takes longer says that nothing was stored, even where it is later.
ANSWER_SECONDS_MAX: Final = 2.5
#: Bodies go into the database together until they have so many events.
STORED_AT_A_TIME: Final = 1_000
#: Companies that a line of the log names.
_NAMED_MAX: Final = 10

_LOG = logging.getLogger(__name__)


@dataclass(eq=False)
class _Waiting:
    """A body on its way into the database."""

    events: list[WebhookEvent]
    #: What becomes of it; cancelled where the answer was given without.
    inbox: asyncio.Future[Inbox]


class Receiver:
    """Takes webhooks in for an installation.

    A transaction costs far more than the rows that it inserts: what comes while one is under way
    goes into the next one together, so that a burst is stored as fast as it comes.

    Raises:
        UsageError: no verifier token is set.
    """

    def __init__(self, place: Installation, wake: Wake) -> None:
        self._place = place
        self._tokens = place.settings.webhook_verifiers
        self._wake = wake
        self._waiting: deque[_Waiting] = deque()
        self._storing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhook")

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
        """In its turn, and not called back: what is stored late is known when it comes again.

        Raises:
            UsageError: a body in neither shape.
        """
        waiting = _Waiting(events_in(body), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_waiting())
        try:
            return await waiting.inbox
        except asyncio.CancelledError:
            # what is not on its way yet need not go
            with suppress(ValueError):
                self._waiting.remove(waiting)
            raise

    async def _store_waiting(self) -> None:
        """Until nothing waits; beside the loop, which goes on taking webhooks in."""
        loop = asyncio.get_running_loop()
        while together := self._next():
            bodies = [each.events for each in together]
            try:
                inboxes = await loop.run_in_executor(self._thread, self._store, bodies)
            except Exception as error:  # noqa: BLE001 - told to each that waits for it
                for each in together:
                    if not each.inbox.done():
                        each.inbox.set_exception(error)
            else:
                for each, inbox in zip(together, inboxes, strict=True):
                    if not each.inbox.done():
                        each.inbox.set_result(inbox)

    def _next(self) -> list[_Waiting]:
        """What is stored next: all that waits, up to a number of events."""
        together: list[_Waiting] = []
        left = STORED_AT_A_TIME
        while self._waiting and left > 0:
            first = self._waiting.popleft()
            together.append(first)
            left -= len(first.events)
        return together

    def _store(self, bodies: list[list[WebhookEvent]]) -> list[Inbox]:
        now = database_time(self._place.engine, self._place.clock.now())
        inboxes = store_events(self._place.engine, bodies, now)
        if any(each.made_due for each in inboxes):
            self._wake()
        unknown = sum((Counter(each.unknown) for each in inboxes), Counter[str]())
        if unknown:
            some = ", ".join(sorted(unknown)[:_NAMED_MAX])
            count = unknown.total()
            _LOG.warning("%d events are about companies that are not connected: %s", count, some)
        return inboxes


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
