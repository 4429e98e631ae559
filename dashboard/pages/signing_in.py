"""Signing in and out."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.exceptions import HTTPException

from connectors.sign_on.places import SIGN_ON_PATH
from connectors.state.people import signed_in
from connectors.state.sessions import begin_session, end_session, session_of
from dashboard.forms import Plain, PlainForm
from dashboard.house import ROOT, SIGN_IN_PATH, House, See, address_of, house_of
from models.people import NAME_CHARACTERS_MAX, PASSWORD_CHARACTERS_MAX, User

router = APIRouter()
_LOG = logging.getLogger("dashboard.security")


class SignIn(BaseModel):
    """The form."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=NAME_CHARACTERS_MAX)
    password: SecretStr = Field(max_length=PASSWORD_CHARACTERS_MAX)


@router.get("/")
def begin() -> Response:
    """The pages begin elsewhere."""
    return RedirectResponse(ROOT, 303)


@router.get(SIGN_IN_PATH)
def ask(request: Request) -> Response:
    """The form to sign in; who has signed in goes on."""
    house = house_of(request)
    number = request.cookies.get(house.cookie, "")
    if session_of(house.place.engine, number, house.place.clock.now()) is not None:
        return RedirectResponse(ROOT, 303)
    return sign_in_page(request, house)


@router.post(SIGN_IN_PATH)
def sign_in(request: Request, form: Annotated[SignIn, Form()]) -> Response:
    """Begin a session, under a number that nobody can have known before (ASVS 7.2.4).

    Raises:
        TooManyTriesError: the name or the address has failed too often.
        HTTPException: 403 for a form of another site, which would sign somebody into an account of
            its choice, or where passwords open nothing.
    """
    house = house_of(request)
    require_our_page(request, house)
    if house.provider is not None and house.provider.places.is_only:
        told = f"passwords are switched off here: sign in with {house.provider.places.name}"
        raise HTTPException(403, told)
    place = house.place
    address = address_of(request)
    password = form.password.get_secret_value()
    user = signed_in(place.engine, form.name, password, address, place.clock.now())
    if user is None:
        _LOG.warning("signing in failed from %s", address)
        return sign_in_page(request, house, "Name or password is wrong.", form.name, status=401)
    return begin_for(request, house, user)


def sign_in_page(
    request: Request, house: House, refused: str = "", name: str = "", status: int = 200
) -> Response:
    """The ways to sign in, with why the last one was refused."""
    places = house.provider.places if house.provider is not None else None
    facts = {"refused": refused, "name": name, "sign_on": places, "sign_on_path": SIGN_ON_PATH}
    return house.render(request, "sign_in.html", facts, status)


def begin_for(request: Request, house: House, user: User) -> Response:
    """Let somebody in: a new session, in place of the one that the browser had."""
    place = house.place
    answer = RedirectResponse(ROOT, 303)
    before = session_of(place.engine, request.cookies.get(house.cookie, ""), place.clock.now())
    if before is not None:
        end_session(place.engine, before)
    house.set_cookie(answer, begin_session(place.engine, user, place.clock.now()))
    _LOG.info("%s has signed in from %s", user.name, address_of(request))
    return answer


def require_our_page(request: Request, house: House) -> None:
    """Raise HTTPException 403 for a form of another site; nobody has a form token yet."""
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    if origin and not house.is_ours(origin, host):
        _LOG.warning("refused: a form to sign in that is not ours, from %s", address_of(request))
        raise HTTPException(403, "this form is not one of ours")


@router.post("/sign-out")
def sign_out(visit: See, form: PlainForm) -> Response:
    """End the session, here and in the database."""
    assert isinstance(form, Plain)
    end_session(visit.place.engine, visit.session)
    _LOG.info("%s has signed out", visit.user.name)
    answer = RedirectResponse(SIGN_IN_PATH, 303)
    visit.house.drop_cookie(answer)
    return answer
