"""What a page says when something cannot be done: one place, as in the command line.

A person learns what was wrong and what to do; what nobody foresaw is logged, and its page says no
more than that.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from connectors.quickbooks.scrub import scrub
from connectors.state.tries import TooManyTriesError
from dashboard.house import ROOT, SIGN_IN_PATH, SignInNeededError, address_of, house_of
from models.errors import BrakeError, RemoteError, SyncError, UsageError, shorten

#: Addresses below this are for programs: their mistakes are JSON.
API_ROOT: Final = "/api/"
_TITLES: Final = {
    400: "This cannot be read",
    403: "You may not do this",
    404: "Nothing here",
    405: "Not like this",
    409: "This cannot be done now",
    413: "This is too long",
    422: "Something is not right yet",
    429: "Please wait",
    500: "Something went wrong here",
    503: "The database is busy",
}

#: What a field's name says where its value is a secret.
_SECRETS: Final = ("password", "token", "secret")

_LOG = logging.getLogger(__name__)
_SECURITY = logging.getLogger("dashboard.security")


def answer_mistakes(app: FastAPI) -> None:
    """Let the application answer whatever is raised."""
    app.add_exception_handler(SignInNeededError, _sign_in)
    app.add_exception_handler(TooManyTriesError, _too_many_tries)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_right)
    app.add_exception_handler(SyncError, _not_done)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _unforeseen)


async def _sign_in(request: Request, _: Exception) -> Response:
    """To the page where one signs in; a form is not sent again by itself."""
    if request.method == "GET":
        return RedirectResponse(SIGN_IN_PATH, 303)
    return _answer(request, 403, "your session has ended", "Sign in, and do it again.")


async def _too_many_tries(request: Request, error: Exception) -> Response:
    assert isinstance(error, TooManyTriesError)
    _SECURITY.warning("refused: too many failed tries, from %s", address_of(request))
    answer = _answer(request, 429, str(error), "An admin can set another password meanwhile.")
    answer.headers["Retry-After"] = str(error.seconds)
    return answer


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # the interface says what to do, too
    told: Any = error.detail
    told = told if isinstance(told, dict) else {"error": str(told), "fix": ""}
    answer = _answer(request, error.status_code, told["error"], told["fix"])
    for name, given in (error.headers or {}).items():
        answer.headers[name] = given
    if "Allow" in answer.headers:
        answer.headers["Allow"] = _all_allowed(request, answer.headers["Allow"])
    return answer


def _all_allowed(request: Request, said: str) -> str:
    """All methods of an address: the router says those of one function only."""
    path, methods = request.scope["path"], set(said.split(", "))
    here = [each for each in iter_route_contexts(request.app.routes) if each.path_regex.match(path)]
    same = {each.path for each in here if each.methods == methods}
    for each in here:
        methods |= (each.methods or set()) if each.path in same else set()
    return ", ".join(sorted(methods))


async def _not_right(request: Request, error: Exception) -> Response:
    """A field that is missing, unknown or not of its kind."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or "the form"
    given = "" if _is_unsaid(first, name) else f" is {shorten(repr(first['input']))}"
    name = shorten(name)
    return _answer(request, 422, f"{name}{given}: {first['msg']}", "Correct it and send it again.")


def _is_unsaid(mistake: Mapping[str, Any], name: str) -> bool:
    """Whether what was given is nothing, a whole form, or what nobody should read again.

    Of a field that is not asked for, nobody knows what it holds.
    """
    is_whole = not isinstance(mistake["input"], str | int | None)
    is_secret = any(word in name.lower() for word in _SECRETS)
    return mistake["type"] in ("missing", "extra_forbidden") or is_whole or is_secret


async def _not_done(request: Request, error: Exception) -> Response:
    """What the sync refuses, with what it says to do."""
    assert isinstance(error, SyncError)
    fix = fix_of(error)
    return _answer(request, 422 if isinstance(error, UsageError) else 409, str(error), fix)


def fix_of(error: SyncError) -> str:
    """What a person can do about what the sync refuses."""
    if isinstance(error, RemoteError):
        return f"{error.fault.cause} {error.fault.fix}".strip()
    if isinstance(error, BrakeError) and error.brake == "lease":
        return "A sync of this company is under way: do it again in a moment."
    return str(getattr(error, "fix", ""))


async def _database(request: Request, error: Exception) -> Response:
    _LOG.error("a page was not answered: %s", type(error).__name__, exc_info=error)
    return _answer(request, 503, "the database did not answer", "Nothing was half done: try again.")


async def _unforeseen(request: Request, error: Exception) -> Response:
    _LOG.critical("a page ended with an error of its own", exc_info=error)
    return _answer(request, 500, "this is our mistake, and it was logged", "")


def _answer(request: Request, status: int, message: str, fix: str) -> Response:
    message, fix = scrub(message), scrub(fix)
    if request.url.path.startswith(API_ROOT):
        return JSONResponse({"error": message, "fix": fix}, status)
    title = _TITLES.get(status, "This did not work")
    facts = {"title": title, "message": message, "fix": fix, "root": ROOT}
    return house_of(request).render(request, "mistake.html", facts, status)
