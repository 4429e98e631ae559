"""Signing in and out."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.exceptions import HTTPException

from connectors.state.people import signed_in
from connectors.state.sessions import begin_session, end_session, session_of
from dashboard.forms import Plain, PlainForm
from dashboard.house import ROOT, SIGN_IN_PATH, See, address_of, house_of
from models.people import NAME_CHARACTERS_MAX, PASSWORD_CHARACTERS_MAX

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
    return house.render(request, "sign_in.html", {"refused": "", "name": ""})


@router.post(SIGN_IN_PATH)
def sign_in(request: Request, form: Annotated[SignIn, Form()]) -> Response:
    """Begin a session, under a number that nobody can have known before (ASVS 7.2.4).

    Raises:
        TooManyTriesError: the name or the address has failed too often.
        HTTPException: 403 for a form on somebody else's page.
    """
    house = house_of(request)
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    address = address_of(request)
    if origin and not house.is_ours(origin, host):
        _LOG.warning("refused: a form to sign in that is not ours, from %s", address)
        raise HTTPException(403, "this form is not one of ours")
    place = house.place
    password = form.password.get_secret_value()
    user = signed_in(place.engine, form.name, password, address, place.clock.now())
    if user is None:
        _LOG.warning("signing in failed from %s", address)
        facts = {"refused": "Name or password is wrong.", "name": form.name}
        return house.render(request, "sign_in.html", facts, 401)
    answer = RedirectResponse(ROOT, 303)
    before = session_of(place.engine, request.cookies.get(house.cookie, ""), place.clock.now())
    if before is not None:
        end_session(place.engine, before)
    house.set_cookie(answer, begin_session(place.engine, user, place.clock.now()))
    _LOG.info("%s has signed in from %s", user.name, address)
    return answer


@router.post("/sign-out")
def sign_out(visit: See, form: PlainForm) -> Response:
    """End the session, here and in the database."""
    assert isinstance(form, Plain)
    end_session(visit.place.engine, visit.session)
    _LOG.info("%s has signed out", visit.user.name)
    answer = RedirectResponse(SIGN_IN_PATH, 303)
    visit.house.drop_cookie(answer)
    return answer
