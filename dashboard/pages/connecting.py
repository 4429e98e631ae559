"""Connecting a company: to Intuit's consent page and back.

The way out is a link, because a form's answer may lead nowhere but here. The way back is a GET, so
it changes nothing: it shows a form that carries what Intuit sent, and only that is acted on. The
state is bound to the session, counts once, and says which company the consent is for.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import SecretStr
from starlette.exceptions import HTTPException

from connectors.quickbooks.oauth import is_refused_grant
from connectors.state.connections import all_connections, connection_by_id, platform_companies
from connectors.state.port import Connection
from connectors.state.sessions import expect_consent, expects_consent, take_consent, tell
from dashboard.forms import Plain, PlainForm
from dashboard.house import ROOT, Administer, Visit
from models.errors import DecisionError, DisconnectedError, UsageError, shorten
from models.people import Right
from tasks.bootstrap import Installation, connect_company

router = APIRouter()

CONNECT_PATH: Final = f"{ROOT}/connect"
#: Where Intuit sends people back to; one of the app's redirect URIs.
CALLBACK_PATH: Final = f"{ROOT}/callback"
_CODE_CHARACTERS_MAX: Final = 512
#: QuickBooks's number of a company: it becomes a part of addresses.
_REALM: Final = re.compile(r"[0-9]{1,20}")
_ERROR: Final = re.compile(r"[a-z_]{1,40}")
_NOT_OURS: Final = (
    "this answer does not belong to a consent that you asked for in this session, or it was taken "
    "already: begin again on the Connection page"
)

_LOG = logging.getLogger("dashboard.security")


class ConsentForm(Plain):
    """What Intuit sent back, and which company of the platform it is for."""

    code: SecretStr = SecretStr("")
    realm_id: str = ""
    state: SecretStr = SecretStr("")
    company: str = ""


@dataclass(frozen=True)
class Purpose:
    """What a consent is asked for."""

    environment: str
    #: The company that is connected again; None for a new one.
    connection: Connection | None


def redirect_url(place: Installation) -> str:
    """Where Intuit is to send people back to."""
    base = place.settings.dashboard_url.rstrip("/")
    return f"{base}{CALLBACK_PATH}" if base else place.settings.redirect_url


@router.get(CONNECT_PATH)
def explain(visit: Administer) -> Response:
    """What connecting a company means."""
    _require_all_companies(visit)
    return visit.page("connect.html", **_ways_back(visit))


@router.post(CONNECT_PATH)
def ask(visit: Administer, form: PlainForm) -> Response:
    """Ask for the permission to a company that is not connected yet."""
    assert isinstance(form, Plain)
    _require_all_companies(visit)
    return _ask(visit, Purpose(visit.place.settings.default_environment, None))


@router.post(ROOT + "/{connection_id}/reconnect")
def ask_again(visit: Administer, form: PlainForm) -> Response:
    """Ask for the permission to a company that is or was connected."""
    assert isinstance(form, Plain)
    return _ask(visit, Purpose(visit.company.environment, visit.company))


def _ask(visit: Visit, purpose: Purpose) -> Response:
    """The page with the way out."""
    place = visit.place
    note = str(purpose.connection.id) if purpose.connection else ""
    oauth = place.oauth(purpose.environment, redirect_url(place))
    url, state = oauth.authorization_url(note)
    expect_consent(place.engine, visit.session, state)
    _LOG.info("%s asks for the consent of a company", visit.user.name)
    return visit.page("consent.html", url=url, purpose=purpose, **_ways_back(visit))


def _ways_back(visit: Visit) -> dict[str, Any]:
    """Where Intuit sends people back to, and whether that is here."""
    url = redirect_url(visit.place)
    return {"redirect_url": url, "leads_here": url.endswith(CALLBACK_PATH)}


@router.get(CALLBACK_PATH)
def come_back(
    visit: Administer,
    code: str = "",
    state: str = "",
    realm_id: Annotated[str, Query(alias="realmId")] = "",
    error: str = "",
) -> Response:
    """What Intuit's consent page ended with; nothing is changed yet."""
    if error:
        word = error if _ERROR.fullmatch(error) else "an error"
        return visit.page("refused.html", error=word)
    if not expects_consent(visit.session, state):
        raise HTTPException(403, _NOT_OURS)
    _check_answer(code, realm_id)
    purpose = _purpose_of(visit, state)
    facts: dict[str, Any] = {"code": code, "state": state, "realm_id": realm_id}
    choices = _companies_for(visit, purpose, realm_id)
    return visit.page("callback.html", purpose=purpose, choices=choices, **facts)


@router.post(CALLBACK_PATH)
def connect(visit: Administer, form: Annotated[ConsentForm, Form()]) -> Response:
    """Take the consent, once, and connect the company.

    Raises:
        HTTPException: 403 for a state that is not this session's, or was taken already.
        UsageError: the company is paired with another QuickBooks company.
        DecisionError: Intuit does not take the code any more.
    """
    place = visit.place
    state, code = form.state.get_secret_value(), form.code.get_secret_value()
    if not take_consent(place.engine, visit.session, state):
        _LOG.warning("refused: %s brought a consent that was not asked for", visit.user.name)
        raise HTTPException(403, _NOT_OURS)
    _check_answer(code, form.realm_id)
    purpose = _purpose_of(visit, state)
    try:
        connected = connect_company(
            place,
            realm_id=form.realm_id,
            code=code,
            company=_chosen(_companies_for(visit, purpose, form.realm_id), form.company),
            environment=purpose.environment,
            redirect_url=redirect_url(place),
            actor=visit.user.name,
        )
    except DisconnectedError as error:
        if not is_refused_grant(error):
            raise
        raise DecisionError(
            "Intuit does not take the answer of its consent page any more",
            code="consent_refused",
            fix="It is good for five minutes, and once: begin again on the Connection page.",
        ) from error
    _LOG.info("%s has connected %s", visit.user.name, connected.name)
    visit.house.wake()
    words = f"{connected.name} is connected with QuickBooks company {connected.realm_id}. "
    tell(place.engine, visit.session, f"{words}The sync starts within seconds.")
    return RedirectResponse(f"{ROOT}/{connected.id}/connection", 303)


def _require_all_companies(visit: Visit) -> None:
    """A new company is seen only by those who see all."""
    if visit.user.connections is not None:
        raise HTTPException(403, "only who sees all companies may connect another one")


def _check_answer(code: str, realm_id: str) -> None:
    """Raise UsageError unless this can be Intuit's answer; the code is in no message."""
    if not 0 < len(code) <= _CODE_CHARACTERS_MAX or not code.isascii() or not code.isprintable():
        raise UsageError("code: this is no code of Intuit's; begin again on the Connection page")
    if not _REALM.fullmatch(realm_id):
        raise UsageError(
            f"realmId is {shorten(realm_id)!r}: it has to be QuickBooks's number of the company; "
            "begin again on the Connection page"
        )


def _purpose_of(visit: Visit, state: str) -> Purpose:
    """What a consent was asked for, by a state that is known to be this session's."""
    note = state.partition(".")[2]
    if not note:
        _require_all_companies(visit)
        return Purpose(visit.place.settings.default_environment, None)
    connection = connection_by_id(visit.place.engine, int(note))
    if connection is None or not visit.user.may(Right.ADMINISTER, connection.id):
        raise HTTPException(404, "there is no such company, or it is not one of yours")
    return Purpose(connection.environment, connection)


def _companies_for(visit: Visit, purpose: Purpose, realm_id: str) -> list[str]:
    """The platform's companies that a QuickBooks company may be connected with.

    None at all where the platform has no company yet: it is made from QuickBooks's name.

    Raises:
        UsageError: it is another one than what is connected, or nothing is left to connect it with.
    """
    again, engine = purpose.connection, visit.place.engine
    if again is not None and again.realm_id != realm_id:
        raise UsageError(
            f"{again.name} is connected with QuickBooks company {again.realm_id}, and you have "
            f"chosen {realm_id}: its links would point into foreign books. Begin again, and choose "
            f"{again.realm_id} at QuickBooks."
        )
    key = (purpose.environment, realm_id)
    known = [
        each.id for each in all_connections(engine) if (each.environment, each.realm_id) == key
    ]
    companies = platform_companies(engine)
    wanted = known[0] if known else None
    choices = [each.name for each in companies if each.connection_id == wanted]
    if companies and not choices:
        raise UsageError(
            "all companies of the platform are connected with other QuickBooks companies: add the "
            "company to the platform first"
        )
    return choices


def _chosen(choices: list[str], company: str) -> str:
    """The company that was chosen, the only one where there is one.

    Raises:
        UsageError: it is none of them.
    """
    if not choices:
        return ""
    if not company and len(choices) == 1:
        return choices[0]
    if company not in choices:
        raise UsageError(
            f"company is {shorten(company)!r}: choose one that is not connected yet, and begin "
            "again on the Connection page"
        )
    return company
