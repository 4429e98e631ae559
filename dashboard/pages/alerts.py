"""Alerts: what a person must know, grouped by cause; what to do, and where; who knows already."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Response
from pydantic import Field

from connectors.state.acknowledging import acknowledge, acknowledge_cause
from connectors.state.review_lists import (
    closed_alerts,
    newest_of_each_cause,
    open_alerts,
    open_causes,
)
from dashboard.causes import cause_words, fix_words, fixed_at
from dashboard.forms import Number, NumberInAddress, Plain, place_of, place_text
from dashboard.house import ROOT, Operate, See
from models.errors import UsageError, shorten

router = APIRouter()

#: Alerts of each cause that the page shows; a cause has a page of its own.
SHOWN: Final = 5
#: Closed alerts that it shows.
CLOSED_SHOWN: Final = 10

_PATH: Final = ROOT + "/{connection_id}/alerts"
_WORDS: Final[dict[str, Any]] = {
    "cause_words": cause_words,
    "fix_words": fix_words,
    "fixed_at": fixed_at,
}


class Acknowledge(Plain):
    """Somebody knows of one alert."""

    alert: Number


class AcknowledgeCause(Plain):
    """Somebody knows of all alerts of a cause that they were shown."""

    cause: str = Field(min_length=1, max_length=60)
    up_to: Number


@router.get(_PATH)
def alerts(visit: See, cause: str = "", before: NumberInAddress = None) -> Response:
    """Open alerts by cause, or those of one cause, a page at a time."""
    engine, company = visit.place.engine, visit.company
    causes = open_causes(engine, company.id)
    if cause:
        page = open_alerts(engine, company.id, cause, before)
        shown = {cause: page.rows}
        causes = [each for each in causes if each.cause == cause]
        older = page.rows[-1]["id"] if page.more else None
    else:
        shown, older = newest_of_each_cause(engine, company.id, SHOWN), None
    return visit.page(
        "alerts.html",
        causes=causes,
        shown=shown,
        cause=cause,
        older=older,
        closed=[] if cause else closed_alerts(engine, company.id, size=CLOSED_SHOWN).rows,
        **_WORDS,
    )


@router.get(_PATH + "/closed")
def closed(visit: See, before: str = "") -> Response:
    """Closed alerts, the last one first."""
    page = closed_alerts(visit.place.engine, visit.company.id, place_of(before))
    last = page.rows[-1] if page.more else None
    older = place_text(last["closed_at"], last["id"]) if last else None
    return visit.page("alerts_closed.html", closed=page.rows, older=older, **_WORDS)


@router.post(_PATH + "/acknowledge")
def acknowledge_one(visit: Operate, form: Annotated[Acknowledge, Form()]) -> Response:
    """Say that one alert is known."""
    place = visit.place
    now = place.clock.now()
    acknowledge(place.engine, visit.company.id, form.alert, visit.user.name, now)
    return visit.done("Acknowledged. It closes by itself once its cause is gone.", "alerts")


@router.post(_PATH + "/acknowledge-cause")
def acknowledge_all(visit: Operate, form: Annotated[AcknowledgeCause, Form()]) -> Response:
    """Say that all alerts of a cause are known, as far as they were shown or are older.

    Raises:
        UsageError: there is none to acknowledge.
    """
    place = visit.place
    count = acknowledge_cause(
        place.engine,
        visit.company.id,
        form.cause,
        form.up_to,
        visit.user.name,
        place.clock.now(),
    )
    if not count:
        raise UsageError(
            f"the cause is {shorten(form.cause)!r}: no open alert of it waits to be acknowledged"
        )
    return visit.done(f"{count} acknowledged: {cause_words(form.cause)}.", "alerts")
