"""The companies, and one company at a glance: is it in sync, since when, and what waits and why."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from connectors.state.figures import Figures, figures
from connectors.state.history import Day, last_days
from connectors.state.queries import runs
from connectors.state.schedules import make_due
from dashboard.forms import Plain, PlainForm
from dashboard.house import ROOT, Asked, Operate, See
from models.errors import DecisionError
from models.retry_queue import LEFT_BY_PERSON
from models.words import Side
from tasks.bootstrap import Installation
from tasks.dispatch import forecast_figures, forecast_of

router = APIRouter()


class Health(StrEnum):
    """Whether a company is in sync, in a word."""

    IN_SYNC = "in sync"
    SYNCING = "syncing"
    WAITING = "needs attention"
    NOT_YET = "not synced yet"
    PAUSED = "paused"
    RECONNECT = "reconnect needed"
    DISCONNECTED = "disconnected"


_OF_STATUS = {
    "paused": Health.PAUSED,
    "reconnect": Health.RECONNECT,
    "disconnected": Health.DISCONNECTED,
}


def health_of(found: Figures) -> Health:
    """Whether a company is in sync."""
    if found.status in _OF_STATUS:
        return _OF_STATUS[found.status]
    if found.synced_at is None:
        return Health.NOT_YET
    if waiting_of(found):
        return Health.WAITING
    return Health.SYNCING if found.writes else Health.IN_SYNC


def waiting_of(found: Figures) -> int:
    """Records and alerts that wait for a person."""
    return sum(found.alerts.values()) + found.conflicts + parked_of(found)


def parked_of(found: Figures) -> int:
    """Records set aside and not left alone by a person."""
    return sum(count for code, count in found.parked.items() if code not in LEFT_BY_PERSON)


@router.get(ROOT)
def companies(visit: See) -> Response:
    """All companies that they see; straight to it where it is one."""
    seen = visit.companies()
    if len(seen) == 1:
        return RedirectResponse(f"{ROOT}/{seen[0].id}", 303)
    now = visit.place.clock.now()
    found = {each.name: each for each in figures(visit.place.engine, _month(visit.place))}
    rows = [
        {"company": each, "figures": each_found, "health": health_of(each_found)}
        for each in seen
        # what is disconnected has no figures
        for each_found in [found.get(each.name) or Figures(each.name, each.status, now)]
    ]
    return visit.page("companies.html", rows=rows)


@router.get(ROOT + "/{connection_id}")
def overview(visit: See) -> Response:
    """One company at a glance."""
    return visit.page("overview.html", **overview_facts(visit))


def overview_facts(asked: Asked) -> dict[str, Any]:
    """What the overview shows."""
    place, company = asked.place, asked.company
    now = place.clock.now()
    found = figures_of(asked)
    return {
        "figures": found,
        "health": health_of(found),
        "parked": parked_of(found),
        "data_types": [
            (each, company.settings.frequency_of(each))
            for each in sorted(company.settings.data_types)
        ],
        "runs": runs(place.engine, company.id),
        "chart": chart_of(last_days(place.engine, company.id, now)),
        "month": forecast_figures(forecast_of(place)),
    }


def figures_of(asked: Asked) -> Figures:
    """One company's figures; those of a company that is disconnected are its name and status."""
    found = figures(asked.place.engine, _month(asked.place), asked.company.id)
    if found:
        return found[0]
    return Figures(asked.company.name, asked.company.status, asked.place.clock.now())


def _month(place: Installation) -> str:
    return f"{place.clock.now():%Y-%m}"


@router.post(ROOT + "/{connection_id}/sync")
def sync_now(visit: Operate, form: PlainForm) -> Response:
    """Let all data types be due, and wake whoever starts runs."""
    assert isinstance(form, Plain)
    let_all_be_due(visit)
    return visit.done("It is due: the sync starts within seconds.")


def let_all_be_due(asked: Asked) -> None:
    """Let all data types of a company be due, and wake whoever starts runs.

    Raises:
        DecisionError: the company is not synced now, so that nothing would start.
    """
    place, company = asked.place, asked.company
    if company.status != "connected":
        raise DecisionError(
            f"{company.name} is {company.status}: no sync starts",
            code="not_connected",
            fix="Resume or reconnect it on the page Connection first.",
        )
    with place.engine.begin() as transaction:
        make_due(transaction, company.id, place.clock.now(), company.settings.data_types)
    asked.house.wake()


# -- the chart --

_BAR, _GAP, _HEIGHT = 10, 14, 120


def chart_of(days: list[Day]) -> dict[str, Any]:
    """Bars of what was moved on each day, in the units of the drawing; one a side and day."""
    most = max((count for day in days for count in day.moved.values()), default=0)
    scale = _HEIGHT / most if most else 0.0
    step = 2 * _BAR + _GAP
    bars = [
        {
            "side": side,
            "x": index * step + place * _BAR,
            "height": round(day.moved[side] * scale, 1),
            "y": round(_HEIGHT - day.moved[side] * scale, 1),
            "day": day.day,
            "count": day.moved[side],
        }
        for index, day in enumerate(days)
        for place, side in enumerate(Side)
    ]
    labels = [{"x": index * step + _BAR, "day": day.day} for index, day in enumerate(days)]
    return {
        "bars": bars,
        "labels": labels,
        "width": len(days) * step,
        "height": _HEIGHT,
        "bar": _BAR,
        "most": most,
        "days": [asdict(day) for day in days],
    }
