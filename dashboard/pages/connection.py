"""One company's connection: with whom, until when, and pausing or ending it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from fastapi import APIRouter, Response

from connectors.quickbooks.tokens import Permission
from connectors.state.connections import connected_at, facts_of
from connectors.state.history import done_lately
from connectors.state.port import Connection
from connectors.state.queries import alert_of_cause
from dashboard.forms import Plain, PlainForm
from dashboard.house import ROOT, Administer, See, Visit
from tasks import connecting
from tasks.bootstrap import Installation
from tasks.keep_connected import TOLD_BEFORE, end_of, permission_of

router = APIRouter()

#: Kinds of audit entries that tell a connection's story, and how many are shown.
KINDS: Final = {
    "connection.connected": "Connected",
    "connection.paused": "Paused",
    "connection.resumed": "Resumed",
    "connection.disconnected": "Disconnected",
}
_ROWS_MAX: Final = 20


class TokenHealth(StrEnum):
    """Whether QuickBooks lets us in, as far as is known without asking."""

    GOOD = "good"
    ENDS_SOON = "ends soon"
    ENDED = "ended"
    REFUSED = "refused"
    NONE = "none"


@dataclass(frozen=True)
class Limit:
    """One of the two limits of a permission."""

    ends_at: datetime | None
    days: int
    days_left: int


#: After so many days a permission ends that nobody renews, or any, as Intuit has it.
_UNUSED_DAYS, _HARD_DAYS = 100, 5 * 365


@router.get(ROOT + "/{connection_id}/connection")
def show(visit: See) -> Response:
    """The connection."""
    place, company = visit.place, visit.company
    permission = permission_of(place, company)
    refused = alert_of_cause(place.engine, company.id, "disconnected")
    now = place.clock.now()
    return visit.page(
        "connection.html",
        facts=facts_of(place.engine, company.id),
        since=connected_at(place.engine, company.id),
        permission=permission,
        token_health=token_health(permission, now, is_refused=refused is not None),
        refused=refused,
        ends=end_of(permission) if permission else (None, ""),
        unused=limit(permission.unused_ends_at if permission else None, _UNUSED_DAYS, now),
        hard=limit(permission.hard_ends_at if permission else None, _HARD_DAYS, now),
        lately=done_lately(place.engine, company.id, KINDS, _ROWS_MAX),
        kinds=KINDS,
    )


def token_health(permission: Permission | None, now: datetime, *, is_refused: bool) -> TokenHealth:
    """Whether a permission is good for long enough."""
    if permission is None:
        return TokenHealth.NONE
    ends_at, _ = end_of(permission)
    if ends_at is not None and ends_at <= now:
        return TokenHealth.ENDED
    if is_refused:
        return TokenHealth.REFUSED
    if ends_at is not None and ends_at - now <= TOLD_BEFORE:
        return TokenHealth.ENDS_SOON
    return TokenHealth.GOOD


def limit(ends_at: datetime | None, days: int, now: datetime) -> Limit:
    """A limit of so many days, and what is left of it."""
    left = max((ends_at - now) // timedelta(days=1), 0) if ends_at else 0
    return Limit(ends_at, max(days, left), left)


@router.post(ROOT + "/{connection_id}/pause")
def pause(visit: Administer, form: PlainForm) -> Response:
    """Start no more runs."""
    words = f"{visit.company.name} is paused. A run that is under way comes to its end."
    return _change(visit, form, connecting.pause, words)


@router.post(ROOT + "/{connection_id}/resume")
def resume(visit: Administer, form: PlainForm) -> Response:
    """Go on."""
    done = _change(visit, form, connecting.resume, f"{visit.company.name} is synced again.")
    visit.house.wake()
    return done


@router.post(ROOT + "/{connection_id}/disconnect")
def disconnect(visit: Administer, form: PlainForm) -> Response:
    """Give the permission back."""
    words = f"{visit.company.name} is disconnected. Its links and settings are kept."
    return _change(visit, form, connecting.disconnect, words)


def _change(
    visit: Visit, form: Plain, change: Callable[[Installation, Connection, str], bool], words: str
) -> Response:
    assert isinstance(form, Plain)
    changed = change(visit.place, visit.company, visit.user.name)
    return visit.done(words if changed else "It was so already.", "connection")
