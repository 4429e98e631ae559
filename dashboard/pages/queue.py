"""The retry queue: what is set aside and why, when it is tried again, and what people decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Response
from pydantic import Field

from connectors.state.partners import half_among
from connectors.state.review_lists import queue_counts, queue_page
from dashboard.causes import QUEUE, cause_words, fix_words, fixed_at
from dashboard.forms import Number, NumberInAddress, Plain, place_of, place_text
from dashboard.house import ROOT, Operate, See, Visit
from models.errors import UsageError, shorten
from models.retry_queue import DONE_BY_HAND, SKIPPED, RetryState
from tasks.bootstrap import open_cycle
from tasks.record import waits_for_parent
from tasks.retry import Chosen, retry_parked, settle_parked, settled_otherwise

router = APIRouter()

#: Characters of a reason that a person gives.
WHY_CHARACTERS_MAX: Final = 300

_PATH: Final = ROOT + "/{connection_id}/" + QUEUE
_MEANINGS: Final = {
    RetryState.WAITING: "tried again by itself, at a known time",
    RetryState.RETRYING: "due: the next sync tries it",
    RetryState.GIVEN_UP: "not tried again before somebody edits or retries it",
    RetryState.SKIPPED: "left alone, as somebody wanted",
    RetryState.DONE: "settled by hand, and left alone",
}
_FACTS: Final[dict[str, Any]] = {
    "cause_words": cause_words,
    "fix_words": fix_words,
    "fixed_at": fixed_at,
    "meanings": _MEANINGS,
    "settled_otherwise": settled_otherwise,
    "why_max": WHY_CHARACTERS_MAX,
    "QUEUE": QUEUE,
}


class Left(StrEnum):
    """How a person leaves a record alone."""

    SKIPPED = SKIPPED
    DONE_BY_HAND = DONE_BY_HAND


class Seen(Plain):
    """One record, and the reason that the person saw; "" is for any."""

    link: Number
    code: str = Field("", max_length=60)

    @property
    def chosen(self) -> Chosen:
        """That record, as long as it is set aside for that reason."""
        return Chosen([self.link], self.code)


class Retry(Seen):
    """One record is to be tried again."""


class RetryAll(Plain):
    """All records that are set aside for one reason are to be tried again."""

    code: str = Field(min_length=1, max_length=60)


class Settle(Seen):
    """One record is left alone, and why."""

    decision: Left
    why: str = Field(min_length=1, max_length=WHY_CHARACTERS_MAX, pattern=r"\S")


@router.get(_PATH)
def queue(
    visit: See,
    state: str = "",
    code: str = "",
    link: NumberInAddress = None,
    after: str = "",
) -> Response:
    """What is set aside, longest first, a page at a time.

    Raises:
        UsageError: no such state, or place in the list.
    """
    place, company = visit.place, visit.company
    now = place.clock.now()
    if state and state not in set(RetryState):
        raise UsageError(f"the state is {shorten(state)!r}: use one of {', '.join(RetryState)}")
    page = queue_page(
        place.engine,
        company.id,
        now,
        state=RetryState(state) if state else None,
        code=code[:60],
        link=link,
        after=place_of(after),
    )
    last = page.rows[-1] if page.more else None
    return visit.page(
        "queue.html",
        counts=queue_counts(place.engine, company.id, now),
        rows=page.rows,
        partnerless=_partnerless(visit, page.rows),
        later=place_text(last["since"], last["link"]) if last else "",
        chosen={"state": state, "code": code[:60], "link": link or ""},
        **_FACTS,
    )


def _partnerless(visit: Visit, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Rows for which a person may choose a partner, of themselves or of what they wait for."""
    half = half_among(visit.place.engine, visit.company.id, [row["link"] for row in rows])
    return {row["link"] for row in rows if row["link"] in half or waits_for_parent(row["code"])}


@router.post(_PATH + "/retry")
def retry(visit: Operate, form: Annotated[Retry, Form()]) -> Response:
    """Let the next sync try one record again.

    Raises:
        UsageError: it is not set aside, or waits for a decision.
    """
    _released(visit, form.chosen)
    return visit.done("The next sync tries it again.", QUEUE)


@router.post(_PATH + "/retry-all")
def retry_all(visit: Operate, form: Annotated[RetryAll, Form()]) -> Response:
    """Let the next sync try all records again that are set aside for one reason.

    Raises:
        UsageError: none is.
    """
    count = _released(visit, Chosen(code=form.code))
    return visit.done(f"The next sync tries {count} again: {cause_words(form.code)}.", QUEUE)


def _released(visit: Operate, chosen: Chosen) -> int:
    with open_cycle(visit.place, visit.company.name) as cycle, cycle.state.begin() as unit:
        return retry_parked(unit, chosen, visit.user.name)


@router.post(_PATH + "/settle")
def settle(visit: Operate, form: Annotated[Settle, Form()]) -> Response:
    """Leave one record alone, because somebody says so.

    Raises:
        UsageError: it is not set aside, or waits for something else.
    """
    chosen, why = form.chosen, form.why.strip()
    with open_cycle(visit.place, visit.company.name) as cycle, cycle.state.begin() as unit:
        settle_parked(unit, chosen, form.decision.value, visit.user.name, why)
    said = "skipped" if form.decision is Left.SKIPPED else "marked as done"
    return visit.done(f"It is {said}, and left alone until somebody retries it.", QUEUE)
