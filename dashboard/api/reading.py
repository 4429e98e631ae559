"""What programs can look at; nothing here changes anything or asks QuickBooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from connectors.state import listing, queries
from connectors.state.listing import Part, Where
from connectors.state.port import Connection
from dashboard.api import answers
from dashboard.api.answers import After, Limit, PathNumber, Wanted, WantedType
from dashboard.api.calling import See
from dashboard.pages.audit import verified
from dashboard.pages.overview import overview_facts
from models.approval import ApprovalState
from models.record_type import record_type_named
from models.revision import ConflictState

router = APIRouter()

_PAGE = 50
COMPANY = "/companies/{connection_id}"


def page(part: Part) -> dict[str, Any]:
    """A part of a list as it is answered."""
    return {"items": part.rows, "next": part.next}


def only(part: Part, what: str) -> Mapping[str, Any]:
    """The one row that was asked for.

    Raises:
        HTTPException: 404 where this company has none.
    """
    if not part.rows:
        raise HTTPException(404, f"this company has no such {what}")
    return part.rows[0]


def of_type(name: str) -> str:
    """A record type that exists, or "" for all.

    Raises:
        UsageError: there is none of this name.
    """
    return record_type_named(name).name if name else ""


@router.get("/me", response_model=answers.Me)
def me(call: See) -> dict[str, Any]:
    """Whom the token acts for, and what it may."""
    return {"user": call.user.name, "role": call.user.role, "token_id": call.caller.token_id}


@router.get("/companies", response_model=list[answers.Company])
def companies(call: See) -> list[dict[str, Any]]:
    """The companies that the token sees, by name."""
    return [company_row(each) for each in call.companies()]


@router.get(COMPANY, response_model=answers.Company)
def company(call: See) -> dict[str, Any]:
    """One company."""
    return company_row(call.company)


def company_row(found: Connection) -> dict[str, Any]:
    """A company as it is answered."""
    names = ("name", "environment", "realm_id", "status", "home_currency")
    return {"company_id": found.id, **{name: getattr(found, name) for name in names}}


@router.get(COMPANY + "/overview", response_model=answers.Overview)
def overview(call: See) -> dict[str, Any]:
    """Whether it is in sync, since when, and what waits."""
    facts = overview_facts(call)
    found = facts["figures"]
    return {
        "health": facts["health"],
        "synced_at": found.synced_at,
        "due_at": found.due_at,
        "set_aside": facts["parked"],
        "set_aside_since": found.parked_since,
        "alerts": sum(found.alerts.values()),
        "conflicts": found.conflicts,
        "writes": found.writes,
        "metered_calls": found.metered,
        "runs": facts["runs"],
        "month": facts["month"],
    }


@router.get(COMPANY + "/alerts", response_model=answers.Page[answers.Alert])
def alerts(call: See, after: After = None, limit: Limit = _PAGE) -> dict[str, Any]:
    """Open alerts, newest first; each says what to do."""
    return page(listing.open_alerts(call.place.engine, call.company.id, Where(after, limit)))


@router.get(COMPANY + "/conflicts", response_model=answers.Page[answers.Conflict])
def conflicts(
    call: See,
    state: ConflictState | None = None,
    record_type: WantedType = "",
    after: After = None,
    limit: Limit = _PAGE,
) -> dict[str, Any]:
    """What both sides changed differently, with all three versions, newest first."""
    found = listing.conflicts(
        call.place.engine,
        call.company.id,
        Where(after, limit),
        state=state or "",
        record_type=of_type(record_type),
    )
    return page(found)


@router.get(COMPANY + "/conflicts/{number}", response_model=answers.Conflict)
def conflict(call: See, number: PathNumber) -> Mapping[str, Any]:
    """One conflict."""
    engine, company_id = call.place.engine, call.company.id
    return only(listing.conflicts(engine, company_id, Where(None, 1), number=number), "conflict")


@router.get(COMPANY + "/queue", response_model=answers.Page[answers.Parked])
def queue(
    call: See, record_type: WantedType = "", after: After = None, limit: Limit = _PAGE
) -> dict[str, Any]:
    """What is set aside, why, and when it is tried again."""
    found = listing.set_aside(
        call.place.engine,
        call.company.id,
        Where(after, limit),
        call.place.clock.now(),
        of_type(record_type),
    )
    return page(found)


@router.get(COMPANY + "/plans", response_model=answers.Page[answers.Plan])
def plans(
    call: See,
    state: ApprovalState | None = None,
    after: After = None,
    limit: Limit = _PAGE,
) -> dict[str, Any]:
    """Plans that a brake stopped, newest first."""
    where = Where(after, limit)
    return page(listing.plans(call.place.engine, call.company.id, where, state=state or ""))


@router.get(COMPANY + "/plans/{number}", response_model=answers.PlanWithRows)
def plan(call: See, number: PathNumber) -> Mapping[str, Any]:
    """One plan, with what it would write."""
    engine, company_id = call.place.engine, call.company.id
    return only(listing.plans(engine, company_id, Where(None, 1), number=number), "plan")


@router.get(COMPANY + "/records", response_model=answers.Page[answers.Record])
def records(
    call: See,
    record_type: WantedType = "",
    label: Wanted = "",
    quickbooks_id: Wanted = "",
    platform_id: Wanted = "",
    after: After = None,
    limit: Limit = _PAGE,
) -> dict[str, Any]:
    """Records by their type, their number or name, or their id on a side; newest first."""
    found = listing.records(
        call.place.engine,
        call.company.id,
        Where(after, limit),
        record_type=of_type(record_type),
        label=label,
        quickbooks_id=quickbooks_id,
        platform_id=platform_id,
    )
    return page(found)


@router.get(COMPANY + "/records/{link}", response_model=answers.RecordStory)
def record(call: See, link: PathNumber) -> dict[str, Any]:
    """One record's story: what was asked of QuickBooks for it, its conflicts, and its log."""
    engine, company_id = call.place.engine, call.company.id
    found = only(listing.records(engine, company_id, Where(None, 1), number=link), "record")
    return {
        "record": found,
        "requests": queries.requests_of(engine, link),
        "conflicts": queries.conflicts_of(engine, link),
        "log": queries.audit_of(engine, company_id, link),
    }


@router.get(COMPANY + "/audit", response_model=answers.Page[answers.Entry])
def audit(
    call: See,
    kind: Wanted = "",
    record_type: WantedType = "",
    link: After = None,
    after: After = None,
    limit: Limit = _PAGE,
) -> dict[str, Any]:
    """Entries of the audit log, newest first."""
    found = listing.entries(
        call.place.engine,
        call.company.id,
        Where(after, limit),
        kind=kind,
        record_type=of_type(record_type),
        link=link,
    )
    return page(found)


@router.get(COMPANY + "/audit/verify", response_model=answers.Verdict)
def verify(call: See) -> dict[str, Any]:
    """Whether the log is as it was written: what is wrong with this company's, or with the file."""
    findings = [
        {"entry": each.number, "message": each.message}
        for each in verified(call, call.company.id).findings
    ]
    return {"is_whole": not findings, "findings": findings}
