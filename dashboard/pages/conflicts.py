"""Conflicts: what both sides changed differently, side by side, and deciding them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from connectors.state.review_lists import PAST, Wanted, conflicts_page, of_one_decision
from dashboard.deciding import AT_ONCE_MAX, decide, decide_each, is_of_delete, takes_of
from dashboard.forms import Number, NumberInAddress, Plain
from dashboard.house import ROOT, Operate, See
from dashboard.shown import side, words
from dashboard.versions import VERSIONS, versions_of
from models.errors import UsageError, shorten
from models.numbers import number_in
from models.record_type import catalog, record_type_named
from models.revision import ConflictState
from models.words import Side

router = APIRouter()

_PATH: Final = ROOT + "/{connection_id}/conflicts"
_FACTS: Final[dict[str, Any]] = {
    "versions_of": versions_of,
    "is_of_delete": is_of_delete,
    "VERSIONS": VERSIONS,
    "sides": tuple(Side),
}


class Shown(StrEnum):
    """Which conflicts a list shows."""

    WAITING = "waiting"
    DECIDED = "decided"
    OVERRIDDEN = "overridden"
    #: Those that wait for nobody, however they were decided.
    HISTORY = "history"


_STATES: Final = {
    Shown.WAITING: (ConflictState.REVIEW,),
    Shown.DECIDED: (ConflictState.DECIDED,),
    Shown.OVERRIDDEN: (ConflictState.OVERRIDDEN,),
    Shown.HISTORY: PAST,
}


class Decide(Plain):
    """What a person chose for the fields of one record: NUMBER=SIDE each, "" to leave one."""

    take: list[Annotated[str, Field(max_length=40)]] = Field(max_length=200)


class DecideMany(Plain):
    """The conflicts that a person ticked, and the side whose version of all of them counts."""

    conflict: list[Number] = Field(min_length=1, max_length=AT_ONCE_MAX)
    take: Side


@router.get(_PATH)
def conflicts(
    visit: See,
    record_type: str = "",
    field: str = "",
    state: str = "",
    link: NumberInAddress = None,
    before: NumberInAddress = None,
) -> Response:
    """Those that wait for a person, then the others; or one list of them, a page at a time.

    Raises:
        UsageError: no such record type or state.
    """
    name = record_type_named(record_type).name if record_type else ""
    lists = [_shown(state)] if state else [Shown.WAITING, Shown.HISTORY]
    found = {
        each: conflicts_page(
            visit.place.engine,
            visit.company.id,
            Wanted(_STATES[each], name, field[:60], link),
            before if state else None,
        )
        for each in lists
    }
    chosen = {"record_type": name, "field": field[:60], "link": link or ""}
    return visit.page(
        "conflicts.html",
        lists=found,
        chosen=chosen,
        state=state,
        record_types=list(catalog()),
        shown=list(Shown),
        **_FACTS,
    )


def _shown(state: str) -> Shown:
    if state not in set(Shown):
        raise UsageError(f"the state is {shorten(state)!r}: use one of {', '.join(Shown)}")
    return Shown(state)


@router.get(_PATH + "/{number}")
def conflict(visit: See, number: str) -> Response:
    """One conflict with those of its record that came up with it, and the form to decide them."""
    return visit.page("conflict.html", rows=_together(visit, number), **_FACTS)


@router.post(ROOT + "/{connection_id}/decide-conflicts")
def decide_many(visit: Operate, form: Annotated[DecideMany, Form()]) -> Response:
    """Take one side's version of all conflicts that were ticked; what became of each.

    Raises:
        UsageError: one that is not there, or waits for nobody any more.
    """
    numbers = set(form.conflict)
    wanted = Wanted(_STATES[Shown.WAITING], numbers=numbers)
    rows = conflicts_page(visit.place.engine, visit.company.id, wanted).rows
    gone = sorted(numbers - {row["id"] for row in rows})
    if gone:
        raise UsageError(f"conflict is {gone[0]}: it does not wait for a decision; look again")
    results = decide_each(visit, rows, form.take)
    return visit.page("conflict_results.html", results=results, take=form.take)


@router.post(_PATH + "/{number}")
def decide_one(visit: Operate, number: str, form: Annotated[Decide, Form()]) -> Response:
    """Take a side's version of one conflict, and of others of the same decision.

    Raises:
        UsageError: no such choice, or none.
        DecisionError: as things stand it cannot be done; nothing was written.
        DisconnectedError: no call can work.
    """
    rows = _together(visit, number)
    takes = takes_of(rows, form.take)
    done = decide(visit, rows, takes)
    names = {row["id"]: row["field"] for row in rows}
    chosen = ", ".join(f"{words(names[each])}: {side(takes[each])}" for each in takes)
    record = f"{words(done.record_type)} {done.record}"
    if done.waiting is None:
        return visit.done(f"{record} is decided, and both sides hold it. {chosen}.", "conflicts")
    left = f"{done.waiting.message}. {done.waiting.fix}"
    return visit.done(f"{record} is decided, but not on both sides yet: {left}", "conflicts")


def _together(visit: See, number: str) -> list[dict[str, Any]]:
    """The conflicts of a decision, that which an address names first."""
    known = number_in(number)
    rows = of_one_decision(visit.place.engine, visit.company.id, known) if known else []
    if not rows:
        raise HTTPException(404, f"there is no conflict {shorten(number)} of this company")
    return rows
