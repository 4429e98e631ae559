"""The partner of a record: a person says which record of the other side it is the same as."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Response
from starlette.exceptions import HTTPException

from connectors.state.review_lists import queue_page
from dashboard.causes import QUEUE, cause_words
from dashboard.forms import Number, Plain
from dashboard.house import ROOT, Operate, See, Visit
from dashboard.pages.records import PLAIN_TEXT
from dashboard.shown import words
from models.errors import UsageError
from models.numbers import number_in
from tasks.bootstrap import open_cycle
from tasks.partner import choice_of, choose_partner, without_partner

router = APIRouter()

_PATH: Final = ROOT + "/{connection_id}/" + QUEUE + "/{link}/partner"
#: Records that a person chooses for on one page.
_CHOICES_MAX: Final = 3


class Choose(Plain):
    """Two records are the same, each by its link."""

    record: Number
    partner: Number


@router.get(_PATH)
def partner(
    visit: See,
    link: str,
    search: Annotated[str, Query(max_length=200, pattern=PLAIN_TEXT)] = "",
) -> Response:
    """What a record that is set aside waits for, and what of the other side that may be.

    Raises:
        HTTPException: 404 where it is not set aside.
    """
    engine, company = visit.place.engine, visit.company
    row = _row(visit, link)
    records = without_partner(engine, company.id, row)[:_CHOICES_MAX]
    return visit.page(
        "partner.html",
        row=row,
        choices=[choice_of(engine, company.id, each, search.strip()) for each in records],
        search=search.strip(),
        cause_words=cause_words,
    )


@router.post(_PATH + "/choose")
def choose(visit: Operate, link: str, form: Annotated[Choose, Form()]) -> Response:
    """Link the two, and let the next sync try what waited.

    Raises:
        HTTPException: 404 where the record is not set aside.
        UsageError: they are no two halves of one record, or not what the record waits for.
        BrakeError: a sync of the company is under way.
        RemoteError: QuickBooks does not answer.
    """
    row = _row(visit, link)
    engine, company = visit.place.engine, visit.company
    if form.record not in {each.link for each in without_partner(engine, company.id, row)}:
        raise UsageError(
            f"record is {form.record}: it is none that {words(row['record_type'])} "
            f"{row['record']} waits for; choose one of the page"
        )
    with open_cycle(visit.place, company.name) as cycle:
        made = choose_partner(cycle, form.record, form.partner, visit.user.name)
    named = f"{words(made.record_type)} {made.label}"
    return visit.done(f"{named} is the same on both sides. The next sync goes on with it.", QUEUE)


def _row(visit: Visit, link: str) -> dict[str, Any]:
    """The row of the queue that an address names."""
    number = number_in(link)
    if number is None:
        raise HTTPException(404, "there is no such record in the queue")
    place = visit.place
    rows = queue_page(place.engine, visit.company.id, place.clock.now(), link=number).rows
    if not rows:
        raise HTTPException(404, "this record is not set aside, or not any more")
    return rows[0]
