"""People: who may sign in, as what, and for which companies; each admin for their companies."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Response
from pydantic import Field, SecretStr
from starlette.exceptions import HTTPException

from connectors.sign_on.places import identity_at, sign_on_of
from connectors.state import roster
from connectors.state.people import add_user, change_user, end_sessions, made_password, set_password
from connectors.state.sessions import sessions_of
from dashboard.forms import Number, Plain, PlainForm
from dashboard.house import Administer, AdministerAll, Asked, Visit
from models.errors import UsageError
from models.numbers import number_in
from models.people import (
    NAME_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    SUBJECT_CHARACTERS_MAX,
    Role,
    User,
    role_named,
)

router = APIRouter()

PEOPLE_PATH: Final = "/settings/people"
#: More companies than anybody ticks.
_COMPANIES_MAX: Final = 1_000
_LOG = logging.getLogger("dashboard.security")

Name = Annotated[str, Query(max_length=NAME_CHARACTERS_MAX)]


class TypedTwice(Plain):
    """A password that somebody types twice; empty where one is to be made."""

    password: SecretStr = Field(SecretStr(""), max_length=PASSWORD_CHARACTERS_MAX)
    again: SecretStr = Field(SecretStr(""), max_length=PASSWORD_CHARACTERS_MAX)

    @property
    def typed(self) -> str:
        """What was typed; "" for nothing.

        Raises:
            UsageError: the two are not the same.
        """
        first, second = self.password.get_secret_value(), self.again.get_secret_value()
        if first != second:
            raise UsageError("the two passwords are not the same: type both again")
        return first


class Rights(Plain):
    """What somebody may, and for whom."""

    role: str = Field(max_length=20)
    #: All companies, also those that come later.
    all_companies: bool = False
    companies: list[Number] = Field(default_factory=list, max_length=_COMPANIES_MAX)

    def chosen(self, asked: Asked) -> tuple[Role, frozenset[int] | None]:
        """The role and the companies, None for all.

        Raises:
            UsageError: there is no such role, no company is chosen, or one that is not theirs.
        """
        role = role_named(self.role)
        if self.all_companies:
            return role, None
        return role, companies_chosen(asked, self.companies)


@dataclass(frozen=True)
class Has:
    """What somebody may and for whom, as `Rights` names it: what its fields show at first."""

    role: str = Role.VIEWER
    all_companies: bool = False
    companies: frozenset[int] = frozenset()

    @classmethod
    def of(cls, user: User) -> Has:
        """What somebody has now."""
        return cls(user.role, user.connections is None, user.connections or frozenset())


class Added(Rights, TypedTwice):
    """Somebody new."""

    name: str = Field(max_length=NAME_CHARACTERS_MAX)


class Active(Plain):
    """Whether somebody may sign in."""

    active: bool


class Bound(Plain):
    """Who somebody is at the OpenID provider."""

    subject: str = Field(max_length=SUBJECT_CHARACTERS_MAX)


def companies_chosen(asked: Asked, numbers: list[int]) -> frozenset[int]:
    """Companies that somebody is given.

    Raises:
        UsageError: it is none, or one that the admin does not see.
    """
    unknown = set(numbers) - {each.id for each in asked.companies()}
    if unknown:
        raise UsageError(f"company {min(unknown)} is not there, or not one of yours")
    if not numbers:
        raise UsageError("no company is chosen: choose at least one")
    return frozenset(numbers)


@router.get(PEOPLE_PATH)
def people(visit: Administer, after: Name = "") -> Response:
    """Everybody whom they manage, by name."""
    found, more = roster.people(visit.place.engine, visit.user, after=after)
    return visit.page(
        "people.html",
        people=found,
        names=names_of_companies(visit),
        is_first=not after,
        next_after=found[-1].name if more else "",
    )


def names_of_companies(asked: Asked) -> dict[int, str]:
    """Number of a company -> its name, of those that they see."""
    return {each.id: each.name for each in asked.companies()}


@router.get(PEOPLE_PATH + "/new")
def ask_new(visit: Administer) -> Response:
    """The form for somebody new."""
    return _form_for_new(visit, Has())


def _form_for_new(
    visit: Visit, rights: Has | Added, *, name: str = "", problem: str = "", status: int = 200
) -> Response:
    return visit.page(
        "person_new.html",
        status=status,
        name=name,
        rights=rights,
        problem=problem,
        names=names_of_companies(visit),
        roles=Role,
    )


@router.post(PEOPLE_PATH + "/add")
def add(visit: Administer, form: Annotated[Added, Form()]) -> Response:
    """Let somebody sign in; a password that is made is on the answer and nowhere else."""
    try:
        role, companies = form.chosen(visit)
        password = form.typed or made_password()
        user = add_user(visit.place.engine, form.name, password, role, companies, actor=visit.actor)
    except UsageError as error:
        return _form_for_new(visit, form, name=form.name, problem=str(error), status=422)
    _LOG.info("%s adds %s as %s", visit.user.name, user.name, user.role)
    told = f"{user.name} may sign in as {user.role}."
    return _told(visit, user, told, "" if form.typed else password)


@router.get(PEOPLE_PATH + "/{number}")
def person(visit: Administer, number: str) -> Response:
    """One of them."""
    return _page_of(visit, one(visit, number))


def _page_of(
    visit: Visit,
    found: User,
    *,
    rights: Rights | None = None,
    subject: str = "",
    problems: Mapping[str, str] | None = None,
) -> Response:
    """Somebody's page; problems are by form, beside what was typed into it."""
    sees_all = visit.user.connections is None
    return visit.page(
        "person.html",
        status=422 if problems else 200,
        person=found,
        rights=rights or Has.of(found),
        typed_subject=subject,
        problems=problems or {},
        sign_on=sign_on_of(visit.place.settings) if sees_all else None,
        is_self=found.id == visit.user.id,
        names=names_of_companies(visit),
        roles=Role,
        sessions=len(sessions_of(visit.place.engine, found, visit.place.clock.now())),
    )


def one(asked: Asked, number: str) -> User:
    """The person whom an address names.

    Raises:
        HTTPException: 404 for nobody, and for whom they do not manage.
    """
    known = number_in(number)
    found = roster.person(asked.place.engine, asked.user, known) if known is not None else None
    if found is None:
        raise HTTPException(404, "there is no such person, or not one of your companies")
    return found


@router.post(PEOPLE_PATH + "/{number}/change")
def change(visit: Administer, number: str, form: Annotated[Rights, Form()]) -> Response:
    """Another role, or other companies; they are signed out, so that it holds at once."""
    found = one(visit, number)
    try:
        role, companies = form.chosen(visit)
        changed = change_user(
            visit.place.engine,
            found.name,
            role=role,
            connections=companies,
            sees_all=companies is None,
            actor=visit.actor,
        )
    except UsageError as error:
        return _page_of(visit, found, rights=form, problems={"rights": str(error)})
    words = f"{found.name} is {changed.role} now, and was signed out."
    return visit.done_at(words, address_of(found))


@router.post(PEOPLE_PATH + "/{number}/active")
def set_active(visit: Administer, number: str, form: Annotated[Active, Form()]) -> Response:
    """Let somebody sign in, or no longer."""
    found = one(visit, number)
    change_user(visit.place.engine, found.name, is_active=form.active, actor=visit.actor)
    words = "may sign in again" if form.active else "may not sign in any more, and was signed out"
    return visit.done_at(f"{found.name} {words}.", address_of(found))


@router.post(PEOPLE_PATH + "/{number}/password")
def give_password(visit: Administer, number: str, form: Annotated[TypedTwice, Form()]) -> Response:
    """Another password; one that is made is on the answer and nowhere else."""
    found = one(visit, number)
    try:
        password = form.typed or made_password()
        set_password(visit.place.engine, found.name, password, actor=visit.actor)
    except UsageError as error:
        return _page_of(visit, found, problems={"password": str(error)})
    told = f"{found.name} has another password, and was signed out."
    return _told(visit, found, told, "" if form.typed else password)


@router.post(PEOPLE_PATH + "/{number}/identity")
def bind(visit: AdministerAll, number: str, form: Annotated[Bound, Form()]) -> Response:
    """Let somebody in by single sign-on who has this number at the provider.

    Raises:
        UsageError: there is no single sign-on here, so that no page has such a form.
    """
    found = one(visit, number)
    try:
        identity = identity_at(visit.place.settings, form.subject)
        change_user(visit.place.engine, found.name, identity=identity, actor=visit.actor)
    except UsageError as error:
        if sign_on_of(visit.place.settings) is None:
            raise
        return _page_of(visit, found, subject=form.subject, problems={"identity": str(error)})
    words = f"{found.name} has the number {form.subject} now, and was signed out."
    return visit.done_at(words, address_of(found))


@router.post(PEOPLE_PATH + "/{number}/identity/forget")
def unbind(visit: AdministerAll, number: str, form: PlainForm) -> Response:
    """Let somebody's next single sign-on be like their first."""
    assert isinstance(form, Plain)
    found = one(visit, number)
    change_user(visit.place.engine, found.name, identity="", actor=visit.actor)
    words = f"The number of {found.name} is forgotten, and they were signed out."
    return visit.done_at(words, address_of(found))


@router.post(PEOPLE_PATH + "/{number}/end-sessions")
def sign_out(visit: Administer, number: str, form: PlainForm) -> Response:
    """Sign somebody out everywhere."""
    assert isinstance(form, Plain)
    found = one(visit, number)
    count = end_sessions(visit.place.engine, found.name, actor=visit.actor)
    return visit.done_at(f"{found.name} was signed out of {count} sessions.", address_of(found))


def address_of(user: User) -> str:
    """Where somebody's page is."""
    return f"{PEOPLE_PATH}/{user.id}"


def _told(visit: Visit, user: User, words: str, secret: str) -> Response:
    """On to somebody's page, or to the one page that shows a password, once."""
    if not secret:
        return visit.done_at(words, address_of(user))
    facts: dict[str, Any] = {
        "what": "Password",
        "secret": secret,
        "words": words,
        "back": address_of(user),
    }
    return visit.page("shown_once.html", **facts)
