"""What all pages share: the installation, the templates, and who is asking.

A route says which right it needs by what it depends on (`See`, `Operate`, `Administer`): there is
no other way to a visit, so that no page can forget to ask. A route whose address names a company
is not there for whoever may not see that company.
"""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from connectors.quickbooks.endpoints import is_loopback
from connectors.settings import PAGES_PATH
from connectors.sign_on.places import sign_on_of
from connectors.sign_on.provider import Provider
from connectors.state.connections import all_connections, connection_by_id
from connectors.state.port import Connection
from connectors.state.sessions import Session, session_of, tell
from dashboard.shown import environment
from dashboard.waker import Wake
from models.errors import shorten
from models.numbers import number_in
from models.people import Actor, Right, User
from tasks.bootstrap import Installation

#: Where the pages begin.
ROOT: Final = PAGES_PATH
SIGN_IN_PATH: Final = "/sign-in"
#: Field of each form that carries the session's token.
FORM_FIELD: Final = "form_token"
#: The same for scripts of ours, which send it as a header.
FORM_HEADER: Final = "x-form-token"
_NOT_CHANGING: Final = frozenset({"GET", "HEAD"})

_LOG = logging.getLogger("dashboard.security")


class SignInNeededError(Exception):
    """Nobody has signed in, or the session has ended."""


@dataclass(frozen=True)
class House:
    """An installation with its pages."""

    place: Installation
    wake: Wake

    @cached_property
    def templates(self) -> Jinja2Templates:
        """The pages' templates, which escape whatever is put into them."""
        return Jinja2Templates(env=environment())

    @cached_property
    def provider(self) -> Provider | None:
        """Where people sign in but with a password; None where that is not set up.

        Raises:
            UsageError: settings of it that cannot be used.
        """
        places = sign_on_of(self.place.settings)
        return Provider(places, self.place.clock) if places is not None else None

    @property
    def is_https(self) -> bool:
        """Whether cookies may travel over https only; plain http is for this machine."""
        url = self.place.settings.dashboard_url
        return bool(url) and not (urlsplit(url).scheme == "http" and is_loopback(url))

    @property
    def cookie(self) -> str:
        """Name of the cookie with the session's number; __Host- binds it to this very host."""
        return "__Host-session" if self.is_https else "session"

    @property
    def attempt_cookie(self) -> str:
        """Name of the cookie with the number of a try to sign on."""
        return "__Host-sign-on" if self.is_https else "sign-on"

    def set_attempt(self, answer: Response, number: str, lasts: timedelta) -> None:
        """Give the browser the number of its try to sign on, out of reach of scripts."""
        answer.set_cookie(
            self.attempt_cookie,
            number,
            max_age=int(lasts.total_seconds()),
            secure=self.is_https,
            httponly=True,
            # the way back begins at the provider
            samesite="lax",
            path="/",
        )

    def without_attempt(self, answer: Response) -> Response:
        """Take that number away: the try is over."""
        answer.delete_cookie(
            self.attempt_cookie, secure=self.is_https, httponly=True, samesite="lax", path="/"
        )
        return answer

    def set_cookie(self, answer: Response, number: str) -> None:
        """Give the browser a session's number, out of reach of scripts."""
        answer.set_cookie(
            self.cookie, number, secure=self.is_https, httponly=True, samesite="lax", path="/"
        )

    def drop_cookie(self, answer: Response) -> None:
        """Take it away."""
        answer.delete_cookie(
            self.cookie, secure=self.is_https, httponly=True, samesite="lax", path="/"
        )

    def is_ours(self, origin: str, host: str) -> bool:
        """Whether a form was on one of our pages, by what the browser says of where it was."""
        ours = urlsplit(self.place.settings.dashboard_url)
        if ours.netloc:
            return origin == f"{ours.scheme}://{ours.netloc}".lower()
        # without an address of their own the pages are wherever this machine is asked
        return bool(host) and origin in {f"http://{host}", f"https://{host}"}

    def render(
        self, request: Request, template: str, facts: dict[str, Any], status: int = 200
    ) -> Response:
        """A page."""
        return self.templates.TemplateResponse(request, template, facts, status)


@dataclass(frozen=True)
class Asked:
    """What a page and a program have in common when they ask for something they may."""

    house: House
    #: The company that the address names; None where it names none.
    connection: Connection | None
    #: Who asks, or for whom a program does.
    user: User

    @property
    def place(self) -> Installation:
        """The installation."""
        return self.house.place

    @property
    def company(self) -> Connection:
        """The company of an address that names one."""
        assert self.connection is not None, "this address names no company"
        return self.connection

    def companies(self) -> list[Connection]:
        """The companies that they see, by name."""
        return [each for each in all_connections(self.place.engine) if self.user.sees(each.id)]


@dataclass(frozen=True)
class Visit(Asked):
    """Somebody who has signed in."""

    request: Request
    session: Session

    def path(self, page: str = "") -> str:
        """Address of a page of this company."""
        return f"{ROOT}/{self.company.id}{f'/{page}' if page else ''}"

    def page(self, template: str, *, status: int = 200, **facts: Any) -> Response:
        """A page with these facts, and what all pages show."""
        if self.session.notice:
            tell(self.place.engine, self.session, "")
        shared = {
            "visit": self,
            "user": self.user,
            "connection": self.connection,
            "may_operate": self.user.role.may(Right.OPERATE),
            "may_administer": self.user.role.may(Right.ADMINISTER),
            "form_token": self.session.form_token,
            "notice": self.session.notice,
            "root": ROOT,
            "now": self.place.clock.now(),
        }
        return self.house.render(self.request, template, {**shared, **facts}, status)

    def done(self, words: str, page: str = "") -> Response:
        """Back to a page of this company, which says once what was done."""
        return self.done_at(words, self.path(page))

    def done_at(self, words: str, address: str) -> Response:
        """On to an address of ours, which says once what was done."""
        tell(self.place.engine, self.session, words)
        return RedirectResponse(address, 303)

    @property
    def actor(self) -> Actor:
        """Who changes people or tokens now, with the rights that bound it."""
        return Actor(self.user.name, self.place.clock.now(), self.user)


def house_of(request: Request) -> House:
    """The house that an application was made for."""
    house: House = request.app.state.house
    return house


def address_of(request: Request) -> str:
    """Where a request comes from, as far as it is believed (`dashboard.app`)."""
    return request.client.host if request.client else ""


class Visiting:
    """What a route depends on that needs a right."""

    def __init__(self, right: Right, *, of_all: bool = False) -> None:
        self.right = right
        #: Whether it needs the right for all companies, also those that come later.
        self.of_all = of_all

    async def __call__(self, request: Request) -> Visit:
        """The visit.

        Raises:
            SignInNeededError: nobody has signed in.
            HTTPException: 404 for a company that is not theirs or not there, 403 for what their
                role may not, or for a form that is not from one of our pages.
        """
        if request.method not in _NOT_CHANGING:
            await self._check_form(request)
        return await run_in_threadpool(self._visit, request)

    async def _check_form(self, request: Request) -> None:
        """Have the token at hand before the session is read in a thread."""
        given = request.headers.get(FORM_HEADER, "")
        if not given:
            given = str((await request.form()).get(FORM_FIELD, ""))
        request.state.form_token = given

    def _visit(self, request: Request) -> Visit:
        house = house_of(request)
        place = house.place
        number = request.cookies.get(house.cookie, "")
        session = session_of(place.engine, number, place.clock.now())
        if session is None:
            raise SignInNeededError
        if request.method not in _NOT_CHANGING:
            self._require_our_form(request, house, session)
        connection = company_of(request, house, session.user)
        if not session.user.may(self.right, connection.id if connection else None):
            _LOG.warning(
                "refused: %s (%s) may not %s at %s",
                session.user.name,
                session.user.role,
                self.right,
                # what somebody typed is on one line, without what moves a terminal's cursor
                shorten(request.scope["path"], characters_max=200),
            )
            raise HTTPException(403, f"your role, {session.user.role}, may not do this")
        if self.of_all and session.user.connections is not None:
            raise HTTPException(403, "your role would have to be for all companies, not for some")
        return Visit(house, connection, session.user, request, session)

    @staticmethod
    def _require_our_form(request: Request, house: House, session: Session) -> None:
        origin = request.headers.get("origin", "")
        given: str = request.state.form_token
        is_ours = not origin or house.is_ours(origin, request.headers.get("host", ""))
        if not is_ours or not hmac.compare_digest(given.encode(), session.form_token.encode()):
            _LOG.warning("refused: a form of %s that is not ours", session.user.name)
            raise HTTPException(403, "this form is too old, or not one of ours: load its page anew")


def company_of(request: Request, house: House, user: User) -> Connection | None:
    """The company that an address names; None where it names none.

    Raises:
        HTTPException: 404 for one that is not theirs or not there.
    """
    text = request.path_params.get("connection_id")
    if text is None:
        return None
    number = number_in(text) or 0
    found = connection_by_id(house.place.engine, number) if number and user.sees(number) else None
    if found is None:
        raise HTTPException(404, "there is no such company, or it is not one of yours")
    return found


See = Annotated[Visit, Depends(Visiting(Right.SEE))]
Operate = Annotated[Visit, Depends(Visiting(Right.OPERATE))]
Administer = Annotated[Visit, Depends(Visiting(Right.ADMINISTER))]
AdministerAll = Annotated[Visit, Depends(Visiting(Right.ADMINISTER, of_all=True))]
