"""Tokens: which programs may use the interface, for whom, and until when."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Response
from pydantic import Field

from connectors.state import roster
from connectors.state.api_tokens import DAYS_DEFAULT, DAYS_MAX, make_token, revoke_token
from dashboard.forms import Number, NumberInAddress, Plain
from dashboard.house import Administer
from dashboard.pages.people import names_of_companies
from models.numbers import NUMBER_MAX
from models.people import NAME_CHARACTERS_MAX, Role, role_named

router = APIRouter()

TOKENS_PATH: Final = "/settings/tokens"


class Wanted(Plain):
    """A token to be made."""

    name: str = Field(max_length=NAME_CHARACTERS_MAX)
    #: Whom it acts for.
    user: str = Field(max_length=NAME_CHARACTERS_MAX)
    role: str = Field(max_length=20)
    days: int = Field(ge=-NUMBER_MAX, le=NUMBER_MAX)


class Revoked(Plain):
    """A token to be ended."""

    token: Number


@router.get(TOKENS_PATH)
def tokens(visit: Administer, before: NumberInAddress = None) -> Response:
    """Tokens that act for people whom they manage, or for them, newest first."""
    found, more = roster.tokens(visit.place.engine, visit.user, before=before)
    return visit.page(
        "tokens.html",
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
    role = role_named(form.role)
    made, token = make_token(
        visit.place.engine, form.user, form.name, role, form.days, actor=visit.actor
    )
    words = f"Token {made.id}, {made.name}, acts for {made.user} as {made.role}."
    return visit.page("shown_once.html", what="Token", secret=token, words=words, back=TOKENS_PATH)


@router.post(TOKENS_PATH + "/revoke")
def revoke(visit: Administer, form: Annotated[Revoked, Form()]) -> Response:
    """End one at once."""
    revoked = revoke_token(visit.place.engine, form.token, actor=visit.actor)
    return visit.done_at(
        f"Token {revoked.id}, {revoked.name}, opens nothing any more.", TOKENS_PATH
    )
