"""Signing in at the OpenID provider: the way there, and the way back.

The way there is a link, and keeps nothing but a cookie in the browser that takes it. The way back
is a GET, so it changes nothing: its page carries what the provider sent in a form, which sends
itself where scripts run. Only that form lets somebody in, once.
"""

from __future__ import annotations

import logging
import re
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.exceptions import HTTPException

from connectors.sign_on.attempt import ATTEMPT_MAX, Attempt, attempt_of, begin_attempt
from connectors.sign_on.places import SIGN_ON_BACK_PATH, SIGN_ON_PATH
from connectors.sign_on.provider import Provider
from connectors.sign_on.wire import ProviderDownError, SignOnError
from connectors.state.sign_on import NotLetInError, forgive_attempt, let_in, take_attempt
from dashboard.house import House, address_of, house_of
from dashboard.pages.signing_in import begin_for, require_our_page, sign_in_page
from models.people import Identity

router = APIRouter()
_LOG = logging.getLogger("dashboard.security")
#: Longer ones than any provider's; the whole address is bounded, too.
_CODE_CHARACTERS_MAX: Final = 3_000
_ERROR: Final = re.compile(r"[a-z_]{1,40}")
_NOT_OURS: Final = (
    "This answer does not belong to a sign-in that was begun in this browser, it was taken "
    "already, or it took too long. Begin again here."
)


class CameBack(BaseModel):
    """The form: what the provider sent."""

    model_config = ConfigDict(extra="forbid")

    code: SecretStr = Field(max_length=_CODE_CHARACTERS_MAX)
    state: SecretStr = Field(max_length=100)


@router.get(SIGN_ON_PATH)
def leave(request: Request) -> Response:
    """To the provider; the browser keeps the number of the try."""
    house, provider = _house(request)
    attempt = begin_attempt(house.place.clock.now())
    try:
        address = provider.way_there(attempt)
    except SignOnError as error:
        return _failed(request, house, provider, error)
    answer = RedirectResponse(address, 303)
    house.set_attempt(answer, attempt.number, ATTEMPT_MAX)
    return answer


@router.get(SIGN_ON_BACK_PATH)
def come_back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """What the provider ended with; nothing is changed yet."""
    house, provider = _house(request)
    name = provider.places.name
    if error:
        word = error if _ERROR.fullmatch(error) else "an error"
        refused = f"You were not signed in with {name}, which says: {word}."
        return sign_in_page(request, house, refused, status=403)
    if _attempt(request, house, state) is None or not 0 < len(code) <= _CODE_CHARACTERS_MAX:
        return sign_in_page(request, house, _NOT_OURS, status=403)
    facts = {"code": code, "state": state, "name": name, "path": SIGN_ON_BACK_PATH}
    return house.render(request, "sign_on_back.html", facts)


@router.post(SIGN_ON_BACK_PATH)
def sign_on(request: Request, form: Annotated[CameBack, Form()]) -> Response:
    """Let in who the provider vouches for, if they are a user here.

    Raises:
        TooManyTriesError: the address has failed too often.
        HTTPException: 403 for a form of another site.
    """
    house, provider = _house(request)
    require_our_page(request, house)
    place, address = house.place, address_of(request)
    attempt = _attempt(request, house, form.state.get_secret_value())
    if attempt is None or not take_attempt(
        place.engine, attempt.number, address, place.clock.now()
    ):
        _LOG.warning("refused: a single sign-on that was not begun, or is taken, from %s", address)
        answer = sign_in_page(request, house, _NOT_OURS, status=403)
        return house.without_attempt(answer)
    try:
        identity = provider.who_came_back(attempt, form.code.get_secret_value())
    except SignOnError as error:
        if isinstance(error, ProviderDownError):
            forgive_attempt(place.engine, attempt.number, address)
        answer = _failed(request, house, provider, error)
    else:
        answer = _let_in(request, house, provider, identity)
    return house.without_attempt(answer)


def _let_in(request: Request, house: House, provider: Provider, identity: Identity) -> Response:
    address = address_of(request)
    try:
        user = let_in(house.place.engine, identity, address, house.place.clock.now())
    except NotLetInError as error:
        # "%r": what the provider says stays on one line
        who = (identity.subject, identity.email)
        _LOG.warning("refused: single sign-on of %r from %s: %s", who, address, error)
        refused = (
            f"{provider.places.name} says who you are, but nobody here may sign in as that. "
            "Nothing was made. Ask an admin to let you in, and give them your number there: "
            f"{identity.subject}"
        )
        return sign_in_page(request, house, refused, status=403)
    return begin_for(request, house, user)


def _failed(request: Request, house: House, provider: Provider, error: SignOnError) -> Response:
    """The page for who cannot do anything about it; the log has what was wrong."""
    _LOG.warning("single sign-on failed from %s: %s", address_of(request), error)
    name = provider.places.name
    if isinstance(error, ProviderDownError):
        refused = f"{name} does not answer just now. Try again in a moment."
        return sign_in_page(request, house, refused, status=503)
    refused = (
        f"{name} gave no answer that can be trusted. Try again; if it stays so, tell an admin."
    )
    return sign_in_page(request, house, refused, status=403)


def _house(request: Request) -> tuple[House, Provider]:
    """The house, and its provider.

    Raises:
        HTTPException: 404 where single sign-on is not set up.
    """
    house = house_of(request)
    if house.provider is None:
        raise HTTPException(404, "single sign-on is not set up here")
    return house, house.provider


def _attempt(request: Request, house: House, state: str) -> Attempt | None:
    """The try of this browser, if the state is its own."""
    number = request.cookies.get(house.attempt_cookie, "")
    attempt = attempt_of(number, house.place.clock.now())
    return attempt if attempt is not None and attempt.expects(state) else None
