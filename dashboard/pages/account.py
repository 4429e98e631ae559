"""One's own account: another password, and where one is signed in."""

from __future__ import annotations

import logging
from typing import Annotated, Final

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from pydantic import Field, SecretStr

from connectors.state.people import change_password
from connectors.state.sessions import (
    MARK_CHARACTERS,
    begin_session,
    end_other_sessions,
    end_session_marked,
    session_of,
    sessions_of,
    tell,
)
from dashboard.forms import Plain, PlainForm
from dashboard.house import See, Visit, address_of
from dashboard.pages.people import TypedTwice, names_of_companies
from models.errors import UsageError
from models.people import PASSWORD_CHARACTERS_MAX

router = APIRouter()

ACCOUNT_PATH: Final = "/settings/account"
_LOG = logging.getLogger("dashboard.security")


class OwnPassword(TypedTwice):
    """Another password, and the one that it takes the place of."""

    old_password: SecretStr = Field(max_length=PASSWORD_CHARACTERS_MAX)


class Marked(Plain):
    """One of one's sessions."""

    session: str = Field(pattern=f"^[0-9a-f]{{{MARK_CHARACTERS}}}$")


@router.get(ACCOUNT_PATH)
def account(visit: See) -> Response:
    """Who one is here, and where one is signed in."""
    return _page(visit)


def _page(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    return visit.page(
        "account.html",
        status=status,
        problem=problem,
        sessions=sessions_of(visit.place.engine, visit.user, visit.place.clock.now()),
        here=visit.session.mark,
        names=names_of_companies(visit),
    )


@router.post(ACCOUNT_PATH + "/password")
def change(visit: See, form: Annotated[OwnPassword, Form()]) -> Response:
    """Choose another password; this browser stays signed in, under another number.

    Raises:
        TooManyTriesError: the old one was tried too often.
    """
    place, user = visit.place, visit.user
    address = address_of(visit.request)
    old, now = form.old_password.get_secret_value(), place.clock.now()
    try:
        change_password(place.engine, user, old, form.typed, address, now)
    except UsageError as error:  # the old one is wrong, or the new one cannot be one
        return _page(visit, problem=str(error), status=422)
    _LOG.info("%s has changed their password from %s", user.name, address)
    number = begin_session(place.engine, user, now)
    session = session_of(place.engine, number, now)
    assert session is not None, "it has begun just now"
    tell(place.engine, session, "Your password is changed. Other browsers were signed out.")
    answer = RedirectResponse(ACCOUNT_PATH, 303)
    visit.house.set_cookie(answer, number)
    return answer


@router.post(ACCOUNT_PATH + "/end-session")
def end_one(visit: See, form: Annotated[Marked, Form()]) -> Response:
    """End one session, in another browser.

    Raises:
        UsageError: it is the one that asks.
    """
    if form.session == visit.session.mark:
        raise UsageError("this is the session that you are in: use Sign out")
    is_ended = end_session_marked(visit.place.engine, visit.user, form.session)
    return visit.done_at("It has ended." if is_ended else "It had ended already.", ACCOUNT_PATH)


@router.post(ACCOUNT_PATH + "/end-others")
def end_others(visit: See, form: PlainForm) -> Response:
    """End all sessions but this one."""
    assert isinstance(form, Plain)
    count = end_other_sessions(visit.place.engine, visit.session)
    return visit.done_at(f"{count} other sessions have ended.", ACCOUNT_PATH)
