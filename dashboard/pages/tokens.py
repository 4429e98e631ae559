"""Tokens: which programs may use the interface, for whom, and until when."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Response
from pydantic import Field

from connectors.state import roster
from connectors.state.api_tokens import DAYS_DEFAULT, DAYS_MAX, make_token, revoke_token
from dashboard.forms import Number, NumberInAddress, Plain
from dashboard.house import Administer, Visit
from dashboard.pages.people import names_of_companies
from models.errors import UsageError, shorten
from models.numbers import number_in
from models.people import NAME_CHARACTERS_MAX, Role, role_named

router = APIRouter()

TOKENS_PATH: Final = "/settings/tokens"


class Wanted(Plain):
    """A token to be made."""

    name: str = Field(max_length=NAME_CHARACTERS_MAX)
    #: Whom it acts for.
    user: str = Field(max_length=NAME_CHARACTERS_MAX)
    role: str = Field(max_length=20)
    #: Whole days that it is good for, as typed.
    days: str = Field(max_length=20)


class Revoked(Plain):
    """A token to be ended."""

    token: Number


@router.get(TOKENS_PATH)
def tokens(visit: Administer, before: NumberInAddress = None) -> Response:
    """Tokens that act for people whom they manage, or for them, newest first."""
    return _page(visit, before)


def _page(
    visit: Visit, before: int | None, typed: Wanted | None = None, problem: str = ""
) -> Response:
    found, more = roster.tokens(visit.place.engine, visit.user, before=before)
    return visit.page(
        "tokens.html",
        status=422 if problem else 200,
        typed=typed,
        problem=problem,
        tokens=found,
        names=names_of_companies(visit),
        roles=Role,
        days=DAYS_DEFAULT,
        days_max=DAYS_MAX,
        is_first=before is None,
        next_before=found[-1][0].id if more else None,
    )


@router.post(TOKENS_PATH + "/add")
def add(visit: Administer, form: Annotated[Wanted, Form()]) -> Response:
    """Make one; it is on the answer and nowhere else."""
    try:
        made, token = make_token(
            visit.place.engine,
            form.user,
            form.name,
            role_named(form.role),
            _days(form.days),
            actor=visit.actor,
        )
    except UsageError as error:
        return _page(visit, None, form, str(error))
    words = f"Token {made.id}, {made.name}, acts for {made.user} as {made.role}."
    return visit.page("shown_once.html", what="Token", secret=token, words=words, back=TOKENS_PATH)


def _days(text: str) -> int:
    days = number_in(text.strip())
    if days is None:
        raise UsageError(f"days is {shorten(text)!r}: use a whole number from 1 to {DAYS_MAX}")
    return days


@router.post(TOKENS_PATH + "/revoke")
def revoke(visit: Administer, form: Annotated[Revoked, Form()]) -> Response:
    """End one at once."""
    revoked = revoke_token(visit.place.engine, form.token, actor=visit.actor)
    return visit.done_at(
        f"Token {revoked.id}, {revoked.name}, opens nothing any more.", TOKENS_PATH
    )
