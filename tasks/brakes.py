"""Brakes: stop a cycle before its first write, unless a person has approved just that.

The plan that was stopped is stored for people, once for as long as it stays the same; its approval
is good for one cycle, and for no write that was not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.ports import CompanyFacts
from connectors.state.port import COMPANY_CURSOR, Unit
from models.approval import BRAKE_CHARACTERS_MAX, ROWS_MAX, UNDO, Approval, ApprovalState
from models.audit import AuditNote
from models.brakes import Limits, Tripped, is_measured, is_written, takes_away, tripped_by
from models.errors import BrakeError, UsageError
from models.merge import DELETE_AGAINST_EDIT
from models.plan import Plan
from models.record_type import RecordType
from models.records import canonical_json
from models.words import Side
from tasks.context import Cycle
from tasks.periods import check_same_company, take_facts
from tasks.report import planned_rows

#: How often it is checked that the company behind the token is the connected one: it costs two
#: metered calls. What it is is also read when the company is connected.
COMPANY_CHECKED_EVERY = timedelta(days=1)
_DECIDED_BY = "sync"


def check_company(cycle: Cycle, cursors: Mapping[tuple[str, Side], str]) -> None:
    """Make sure from time to time that the company behind the token is the connected one.

    Args:
        cycle: the cycle that is about to use the connection.
        cursors: the connection's, which say when that was checked last.

    Raises:
        BrakeError: it is another one.
    """
    checked_at, now = cursors.get((COMPANY_CURSOR, Side.QUICKBOOKS)), cycle.clock.now()
    if checked_at and now - datetime.fromisoformat(checked_at) < COMPANY_CHECKED_EVERY:
        return
    found = cycle.quickbooks.company()
    tripped = _other_company(cycle.facts, found)
    with cycle.state.begin() as unit:
        approved = _approved(unit, tripped)
    if tripped and approved is None:
        _stop(cycle, tripped, [], frozenset())
    with cycle.state.begin() as unit:
        if approved is not None:
            _use(unit, approved)
        take_facts(cycle, unit, found)
        unit.set_cursors({(COMPANY_CURSOR, Side.QUICKBOOKS): now.isoformat()})


def _other_company(known: CompanyFacts, found: CompanyFacts) -> list[Tripped]:
    """A company keeps its number and currency for life; its name may change, as a person says."""
    check_same_company(known, found)
    if (known.name, known.country) == (found.name, found.country):
        return []
    facts = canonical_json({"name": found.name, "country": found.country})
    message = (
        f"the company behind the token calls itself {found.name} ({found.country}), not "
        f"{known.name} ({known.country})"
    )
    return [Tripped("wrong_company", message, frozenset({f"wrong_company {facts}"}))]


def check_plan(cycle: Cycle, plan: Plan, record_types: Sequence[RecordType]) -> None:
    """Stop where a plan is out of the ordinary and not approved.

    Raises:
        BrakeError: naming what is wrong and how to approve it.
    """
    with cycle.state.begin() as unit:
        tripped = tripped_in(cycle, unit, plan, record_types)
        approved = _approved(unit, tripped)
        if approved is not None:
            _use(unit, approved)
        elif not tripped:
            withdraw(unit, waiting_within(unit, _scope(cycle)))
    if tripped and approved is None:
        _stop(cycle, tripped, planned_rows(plan), _scope(cycle))


def tripped_in(
    cycle: Cycle, unit: Unit, plan: Plan, record_types: Sequence[RecordType]
) -> list[Tripped]:
    """The brakes that a plan trips; one that writes nothing trips none."""
    if not any(map(is_written, plan.records)):
        return []
    amount_max = cycle.connection.settings.approval_amount_max
    losing = [each for each in plan.among(record_types) if any(map(takes_away, plan.of(each)))]
    # counting takes as long as there are records, also for one that was edited
    linked = unit.linked_counts() if is_measured(plan) else {}
    limits = Limits(linked, amount_max, cycle.facts.home_currency, _gone(unit, losing))
    return tripped_by(plan, record_types, limits)


def _gone(unit: Unit, record_types: Sequence[RecordType]) -> dict[tuple[str, Side], frozenset[int]]:
    """Record type and side -> links of records that an earlier cycle found gone from it.

    They were edited on the other side, and wait for a person.
    """
    found: dict[tuple[str, Side], frozenset[int]] = {}
    for each in unit.parked([each.name for each in record_types]):
        if each.code != DELETE_AGAINST_EDIT:
            continue
        for side in _gone_from(unit, each.link_id):
            key = each.record_type, side
            found[key] = found.get(key, frozenset()) | {each.link_id}
    return found


def _gone_from(unit: Unit, link_id: int) -> list[Side]:
    """The side that the last conflict about the delete has no value of; in doubt both."""
    conflicts = [each.conflict for each in unit.conflicts_of(link_id)]
    last = [each for each in conflicts if each.verdict.reason == DELETE_AGAINST_EDIT][-1:]
    without_quickbooks = all(each.quickbooks is None for each in last)
    without_platform = all(each.platform is None for each in last)
    gone = {Side.QUICKBOOKS: without_quickbooks, Side.PLATFORM: without_platform}
    return [side for side, is_gone in gone.items() if is_gone]


def _subjects(tripped: Sequence[Tripped]) -> frozenset[str]:
    return frozenset(subject for each in tripped for subject in each.subjects)


def _approved(unit: Unit, tripped: Sequence[Tripped]) -> Approval | None:
    """A person's approval of all that trips now."""
    subjects = _subjects(tripped)
    if not subjects:
        return None
    approvals = unit.approvals([ApprovalState.APPROVED])
    return next((each for each in approvals if each.covers(subjects)), None)


def _use(unit: Unit, approval: Approval) -> None:
    unit.set_approval(
        approval.number, ApprovalState.APPROVED, ApprovalState.USED, approval.decided_by
    )
    _note(unit, "approval.used", approval)


def _scope(cycle: Cycle) -> frozenset[str]:
    """What a plan of this cycle comes up in."""
    return frozenset(f"{cycle.purpose} {each}" for each in cycle.data_types)


def waiting_within(unit: Unit, scope: frozenset[str]) -> list[Approval]:
    """Stored plans of which something with this scope can tell whether they still hold."""
    return [each for each in unit.approvals([ApprovalState.WAITING]) if each.within(scope)]


def withdraw(unit: Unit, approvals: Sequence[Approval]) -> None:
    """Take back stored plans that are no longer what would happen."""
    for each in approvals:
        unit.set_approval(each.number, ApprovalState.WAITING, ApprovalState.WITHDRAWN, _DECIDED_BY)


def _stop(
    cycle: Cycle,
    tripped: Sequence[Tripped],
    rows: Sequence[dict[str, Any]],
    scope: frozenset[str],
) -> None:
    brakes = list(dict.fromkeys(each.brake for each in tripped))
    message = "; ".join(each.message for each in tripped)
    approval = Approval(
        number=0,
        brake=_as_stored(brakes),
        message=message,
        subjects=_subjects(tripped),
        rows=tuple(rows[:ROWS_MAX]),
        writes=len(rows),
        state=ApprovalState.WAITING,
        created_at=cycle.clock.now(),
        scope=scope,
    )
    with cycle.state.begin() as unit:
        stored = _stored(unit, approval)
    raise BrakeError(
        f"nothing was written: {message}",
        brake="+".join(brakes),
        fix=f"Look at it with `quickbooks-sync plan`. If it is right, approve it with "
        f"`quickbooks-sync plan --approve {stored.number}` and sync again; if not, put it right "
        "where it went wrong.",
    )


def _as_stored(brakes: Sequence[str]) -> str:
    """As many of their names as are stored: what cannot be stored nobody could approve."""
    some = list(brakes)
    while len("+".join(some)) > BRAKE_CHARACTERS_MAX:
        some.pop()
    return "+".join(some)


def _stored(unit: Unit, approval: Approval) -> Approval:
    """The stored plan; an earlier one that is no longer what would happen is withdrawn."""
    waiting = waiting_within(unit, approval.scope)
    same = next((each for each in waiting if each.subjects == approval.subjects), None)
    withdraw(unit, [each for each in waiting if each is not same])
    if same is not None:
        return same
    stored = unit.add_approval(approval)
    _note(unit, "approval.asked", stored)
    return stored


def waiting_for_approval(unit: Unit) -> list[Approval]:
    """Stored plans that a person can approve, oldest first."""
    return [each for each in unit.approvals([ApprovalState.WAITING]) if each.brake != UNDO]


def approve(unit: Unit, number: int | None, actor: str) -> Approval:
    """Let the next cycle pass with what a stored plan names; the plan.

    Raises:
        UsageError: no such plan waits, or several do and none is named.
    """
    waiting = waiting_for_approval(unit)
    chosen = [each for each in waiting if number in (None, each.number)]
    if len(chosen) != 1:
        numbers = ", ".join(str(each.number) for each in waiting)
        which = "no plan waits" if number is None else f"plan {number} does not wait"
        raise UsageError(
            f"several plans wait for approval; name one of them: {numbers}"
            if chosen
            else f"{which} for approval" + (f"; waiting: {numbers}" if numbers else "")
        )
    (approval,) = chosen
    unit.set_approval(approval.number, ApprovalState.WAITING, ApprovalState.APPROVED, actor)
    _note(unit, "approval.given", approval, actor)
    return approval


def _note(unit: Unit, kind: str, approval: Approval, actor: str = _DECIDED_BY) -> None:
    body: dict[str, object] = {
        "plan": approval.number,
        "brake": approval.brake,
        "message": approval.message,
        "writes": approval.writes,
        "subjects": sorted(approval.subjects),
    }
    unit.audit([AuditNote(kind, body, actor=actor)])
