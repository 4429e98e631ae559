"""People, for programs of admins: to look at, to add, and to change, such as when somebody leaves.

A program gives nobody the role of an admin, and changes none; it sets and learns no passwords and
makes no tokens: whoever steals a token has no other way in when it is revoked.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from connectors.state import roster
from connectors.state.people import add_user, change_user, made_password
from dashboard.api import answers
from dashboard.api.answers import After, Limit, PathNumber
from dashboard.api.calling import Administer, Call
from dashboard.pages.people import companies_chosen
from models.errors import UsageError
from models.people import Actor, Role, User

router = APIRouter()

_PAGE: Final = 50
_LOG = logging.getLogger("dashboard.security")


@router.get("/users", response_model=answers.Page[answers.Person])
def people(call: Administer, after: After = 0, limit: Limit = _PAGE) -> dict[str, Any]:
    """People whom the token's person manages, and that person, by number."""
    found, more = roster.people_by_number(
        call.place.engine, call.user, after=after or 0, rows=limit
    )
    return {"items": [_row(each) for each in found], "next": found[-1].id if more else None}


@router.get("/users/{number}", response_model=answers.Person)
def person(call: Administer, number: PathNumber) -> dict[str, Any]:
    """One of them."""
    return _row(_one(call, number))


@router.post("/users", response_model=answers.Person, status_code=201)
def add(call: Administer, wanted: answers.NewPerson) -> dict[str, Any]:
    """Make somebody a user; by single sign-on, or with a password that an admin sets on a page."""
    companies = _companies(call, wanted.companies)
    # one that nobody is told is none
    unknown = made_password()
    made = add_user(
        call.place.engine, wanted.name, unknown, Role(wanted.role), companies, actor=_actor(call)
    )
    _LOG.info("%s adds %s as %s", call.actor, made.name, made.role)
    return _row(made)


@router.patch("/users/{number}", response_model=answers.Person)
def change(call: Administer, number: PathNumber, wanted: answers.PersonChange) -> dict[str, Any]:
    """Change what is sent, and leave the rest; they are signed out, so that it holds at once.

    Raises:
        UsageError: nothing is sent.
    """
    found = _one(call, number)
    given = wanted.model_fields_set
    if not given:
        raise UsageError("nothing to change: send role, companies or active")
    companies = _companies(call, wanted.companies) if "companies" in given else None
    changed = change_user(
        call.place.engine,
        found.name,
        role=Role(wanted.role) if wanted.role is not None else None,
        connections=companies,
        sees_all=companies is None if "companies" in given else None,
        is_active=wanted.active,
        actor=_actor(call),
    )
    return _row(changed)


def _one(call: Call, number: int) -> User:
    found = roster.person(call.place.engine, call.user, number)
    if found is None:
        raise HTTPException(404, "there is no such person, or not one of your companies")
    return found


def _companies(call: Call, numbers: list[int] | None) -> frozenset[int] | None:
    return None if numbers is None else companies_chosen(call, numbers)


def _actor(call: Call) -> Actor:
    return Actor(call.actor, call.place.clock.now(), call.user, role_max=Role.OPERATOR)


def _row(found: User) -> dict[str, Any]:
    return {
        "user_id": found.id,
        "name": found.name,
        "role": found.role,
        "companies": None if found.connections is None else sorted(found.connections),
        "active": found.is_active,
    }
