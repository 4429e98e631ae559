"""Who calls the interface: a program that shows a token, in the header and nowhere else.

No cookie is looked at, so no other site can make a browser call it, and no form token is needed.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from connectors.state.api_tokens import Caller, caller_of
from dashboard.house import Asked, address_of, company_of, house_of
from models.errors import shorten
from models.people import Right

#: Calls of one token within a window of so many seconds.
CALLS_MAX: Final = 300
WINDOW_SECONDS: Final = 60
#: Tokens that are counted at a time; what is idle is forgotten, then the longest known.
_COUNTED_MAX: Final = 10_000

_LOG = logging.getLogger("dashboard.security")


class Calls:
    """How often each token was used lately; safe to share between threads, and bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Token -> when its window began, and calls since.
        self._windows: dict[int, tuple[float, int]] = {}

    def wait_seconds(self, token_id: int, now: float) -> int:
        """One more call: 0, or how long to wait before the next one."""
        with self._lock:
            began, calls = self._windows.get(token_id, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, calls = now, 0
            if calls >= CALLS_MAX:
                return int(began + WINDOW_SECONDS - now) + 1
            if token_id not in self._windows and len(self._windows) >= _COUNTED_MAX:
                self._forget(now)
            self._windows[token_id] = (began, calls + 1)
            return 0

    def _forget(self, now: float) -> None:
        over = [key for key, (at, _) in self._windows.items() if now - at >= WINDOW_SECONDS]
        for key in over or [next(iter(self._windows))]:
            del self._windows[key]


@dataclass(frozen=True)
class Call(Asked):
    """A program that may do what it asks for."""

    caller: Caller

    @property
    def actor(self) -> str:
        """Who did something, for the audit log."""
        return self.caller.actor


class Calling:
    """What a route of the interface depends on."""

    def __init__(self, right: Right) -> None:
        self.right = right

    def __call__(self, request: Request) -> Call:
        """The call.

        Raises:
            HTTPException: 401 without a good token, 429 for too many calls, 404 for a company that
                is not theirs or not there, 403 for what their role may not, 422 for a parameter
                that the address does not have.
        """
        house = house_of(request)
        caller = caller_of(house.place.engine, _shown(request), house.place.clock.now())
        if caller is None:
            _LOG.warning("refused: no token that is good, from %s", address_of(request))
            fix = "Send `Authorization: Bearer TOKEN`; `quickbooks-sync tokens add` makes one."
            raise _refused(401, "no token that is good", fix, {"WWW-Authenticate": "Bearer"})
        calls: Calls = request.app.state.calls
        wait = calls.wait_seconds(caller.token_id, house.place.clock.monotonic())
        if wait:
            _LOG.warning("refused: too many calls by %s", caller.actor)
            words = f"more than {CALLS_MAX} calls in {WINDOW_SECONDS} seconds"
            fix = f"Wait {wait} seconds, and ask less often."
            raise _refused(429, words, fix, {"Retry-After": str(wait)})
        connection = company_of(request, house, caller.user)
        if not caller.user.may(self.right, connection.id if connection else None):
            path = shorten(request.scope["path"], characters_max=200)
            _LOG.warning("refused: %s may not %s at %s", caller.actor, self.right, path)
            fix = "Use a token with another role, of somebody who may."
            raise _refused(403, f"this token is of a {caller.user.role}", fix, {})
        _require_known(request)
        return Call(house, connection, caller.user, caller)


def _shown(request: Request) -> str:
    """The token of a call; "" where it shows none, or several."""
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""


def _require_known(request: Request) -> None:
    """A filter that nobody knows would silently filter nothing."""
    known = [each.alias for each in request.scope["route"].dependant.query_params]
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        words = f"there is no parameter {shorten(repr(unknown[0]))}"
        raise _refused(422, words, f"Use one of: {', '.join(known) or 'none at all'}.", {})


def _refused(status: int, error: str, fix: str, headers: dict[str, str]) -> HTTPException:
    detail: Any = {"error": error, "fix": fix}
    return HTTPException(status, detail, headers)


See = Annotated[Call, Depends(Calling(Right.SEE))]
Operate = Annotated[Call, Depends(Calling(Right.OPERATE))]
Administer = Annotated[Call, Depends(Calling(Right.ADMINISTER))]
