"""What programs can do for people who operate: decide, retry, skip, approve, sync.

Each is what the command of the same name does, in the same way, under the name of the person that
the token acts for.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from connectors.state import listing
from connectors.state.listing import Where
from dashboard.api import answers
from dashboard.api.answers import PathNumber
from dashboard.api.calling import Call, Operate
from dashboard.api.reading import COMPANY, only
from dashboard.pages.overview import let_all_be_due
from models.retry_queue import DONE_BY_HAND, SKIPPED
from tasks import retry as retrying
from tasks.bootstrap import open_cycle
from tasks.brakes import approve as approve_plan
from tasks.explain import explain as explain_record
from tasks.override import override

router = APIRouter()


@router.post(COMPANY + "/sync", response_model=answers.Due, status_code=202)
def sync(call: Operate) -> dict[str, Any]:
    """Let all data types be due: the sync starts within seconds."""
    let_all_be_due(call)
    return {"data_types": sorted(call.company.settings.data_types)}


@router.post(COMPANY + "/conflicts/{number}/decide", response_model=answers.Decided)
def decide(call: Operate, number: PathNumber, decision: answers.Decide) -> dict[str, Any]:
    """Let a side's version count, whatever the policy said."""
    engine = call.place.engine
    only(listing.conflicts(engine, call.company.id, Where(None, 1), number=number), "conflict")
    with open_cycle(call.place, call.company.name) as cycle:
        done = override(cycle, number, decision.take, decision.fields, call.actor)
    waiting = done.waiting
    return {
        "record_type": done.record_type,
        "record": done.record,
        "conflicts": done.conflicts,
        "done": waiting is None,
        "message": waiting.message if waiting else "",
        "fix": waiting.fix if waiting else "",
    }


@router.post(COMPANY + "/queue/retry", response_model=answers.Count)
def retry(call: Operate, chosen: answers.Chosen) -> dict[str, int]:
    """Let records be tried again in the next cycle; all where none is named."""
    with open_cycle(call.place, call.company.name) as cycle, cycle.state.begin() as unit:
        meant = retrying.Chosen(chosen.links, chosen.code)
        return {"records": retrying.retry_parked(unit, meant, call.actor)}


@router.post(COMPANY + "/queue/skip", response_model=answers.Count)
def skip(call: Operate, chosen: answers.Settled) -> dict[str, int]:
    """Leave records alone until they are retried."""
    return _settled(call, chosen, SKIPPED)


@router.post(COMPANY + "/queue/done", response_model=answers.Count)
def done_by_hand(call: Operate, chosen: answers.Settled) -> dict[str, int]:
    """Leave records alone that a person has put right on both sides."""
    return _settled(call, chosen, DONE_BY_HAND)


def _settled(call: Call, chosen: answers.Settled, decision: str) -> dict[str, int]:
    with open_cycle(call.place, call.company.name) as cycle, cycle.state.begin() as unit:
        meant = retrying.Chosen(chosen.links, chosen.code)
        count = retrying.settle_parked(unit, meant, decision, call.actor, chosen.why)
    return {"records": count}


@router.post(COMPANY + "/plans/{number}/approve", response_model=answers.Plan)
def approve(call: Operate, number: PathNumber) -> dict[str, Any]:
    """Let the next cycle pass with what a plan names, once."""
    engine = call.place.engine
    only(listing.plans(engine, call.company.id, Where(None, 1), number=number), "plan")
    with open_cycle(call.place, call.company.name) as cycle, cycle.state.begin() as unit:
        approved = approve_plan(unit, number, call.actor)
    found = listing.plans(engine, call.company.id, Where(None, 1), number=approved.number)
    return dict(only(found, "plan"))


@router.post(COMPANY + "/records/{link}/explain")
def explain(call: Operate, link: PathNumber) -> dict[str, Any]:
    """All that is known of a record and what the next cycle does; reads both sides now.

    It costs a metered call, so it is not for those who only look.
    """
    engine = call.place.engine
    only(listing.records(engine, call.company.id, Where(None, 1), number=link), "record")
    with open_cycle(call.place, call.company.name) as cycle:
        return explain_record(cycle, engine, link)
