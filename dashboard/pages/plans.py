"""Plans that a brake stopped: what they would write, and approving one, once."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Response

from connectors.state.review_lists import past_plans, stopped_plans
from dashboard.forms import Number, NumberInAddress, Plain
from dashboard.house import ROOT, Operate, See
from models.approval import UNDO, Approval
from models.brakes import totals_of
from tasks.bootstrap import open_cycle
from tasks.brakes import approve as approve_plan

router = APIRouter()

#: Writes of a plan that the page shows.
WRITES_SHOWN: Final = 50

_PATH: Final = ROOT + "/{connection_id}/plans"
_BRAKES: Final = {
    "mass_delete": "Many deletions",
    "empty_side": "A side is suddenly empty",
    "mass_change": "Nearly everything was changed",
    "amount": "More money than may be written without approval",
    "wrong_company": "Another company behind the token",
    UNDO: "Undoing of a run",
}


class Approve(Plain):
    """Let the next sync write one plan, once; whoever sends it has looked at it."""

    plan: Number
    confirmed: Literal["yes"]


@router.get(_PATH)
def plans(visit: See, before: NumberInAddress = None) -> Response:
    """Plans that wait for approval, and below them what became of earlier ones."""
    engine, company = visit.place.engine, visit.company
    waiting = [] if before else stopped_plans(engine, company.id)
    past = past_plans(engine, company.id, before)
    return visit.page(
        "plans.html",
        waiting=[_shown(each) for each in waiting],
        past=past.rows,
        older=past.rows[-1]["id"] if past.more else None,
        before=before,
        currency=company.home_currency,
        brake_words=brake_words,
    )


def brake_words(brake: str) -> str:
    """The brakes that stopped a plan, as people read them."""
    return "; ".join(_BRAKES.get(each, each) for each in brake.split("+"))


def _shown(plan: Approval) -> dict[str, Any]:
    return {
        "plan": plan,
        "rows": plan.rows[:WRITES_SHOWN],
        "more": plan.writes - min(len(plan.rows), WRITES_SHOWN),
        # its rows are the writes, and the records that it sets aside
        "aside": sum(row["operation"] == "park" for row in plan.rows),
        "scope": sorted(plan.scope),
        "totals": totals_of(plan.subjects),
    }


@router.post(_PATH + "/approve")
def approve(visit: Operate, form: Annotated[Approve, Form()]) -> Response:
    """Let the next sync write a plan.

    Raises:
        UsageError: it does not wait: it is approved, used or withdrawn already.
    """
    with open_cycle(visit.place, visit.company.name) as cycle, cycle.state.begin() as unit:
        approved = approve_plan(unit, form.plan, visit.user.name)
    words = f"Plan {approved.number} is approved; the next sync writes it, once."
    return visit.done(words, "plans")
