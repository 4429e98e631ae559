"""Reimburse: post approved expenses as bills where a company wants that, and have them follow.

Runs at the start of a cycle that syncs expenses, on the platform's tables alone: the bill that it
makes is then synced like any other one. Each expense is one transaction, so that it has one bill or
none, whatever happens.
"""

from __future__ import annotations

from connectors.state.platform_port import StaleRowError
from connectors.state.port import LinkUpdate, Parked, Unit
from models.codecs import decode
from models.errors import RecordError
from models.fields import column_value
from models.plan import Link
from models.record_type import catalog
from models.reimbursement import (
    SHARED_FIELDS,
    BillState,
    Next,
    Situation,
    bill_marked,
    bill_state,
    mark_of,
    next_step,
    status_for,
)
from models.words import ExpensePosting, Side
from tasks.billing import (
    Claim,
    bill_type,
    carry_over,
    delete_bill,
    expense_type,
    hang_receipts,
    is_shared,
    new_link,
    post,
    save,
    with_default_accounts,
    workflow_of_expenses,
)
from tasks.context import Cycle
from tasks.parents import load_parents
from tasks.record import note_parked

#: Among the cursors: how far the change log was read for expenses and their bills.
POSTING_CURSOR = "expense posting"


# -- which expenses to look at --


def post_expenses(cycle: Cycle) -> int:
    """Post what is ready, and bring what was posted up to date; how many were looked at.

    What others change while this runs is in the change log after the position that is kept.
    """
    if not cycle.own(expense_type()):
        return 0
    as_bills = cycle.connection.settings.expense_posting is ExpensePosting.BILL
    after = cycle.cursors_at_start.get((POSTING_CURSOR, Side.PLATFORM))
    if after is None and not as_bills:
        return 0
    with cycle.state.begin() as unit:
        ids, position = _to_look_at(unit, after)
    for expense_id in ids:
        cycle.renew_lease()
        _bring_up_to_date(cycle, expense_id, as_bills=as_bills)
    with cycle.state.begin() as unit:
        unit.set_cursors({(POSTING_CURSOR, Side.PLATFORM): position})
    return len(ids)


def _to_look_at(unit: Unit, after: str | None) -> tuple[list[str], str]:
    """Ids of expenses that changed, whose bill changed, or that wait for a person."""
    expense, bill, receipt = expense_type(), bill_type(), catalog()["receipt"]
    if after is not None and not unit.platform.knows(after):  # moved by a dump: all may be news
        every = {*unit.platform.ids(expense), *unit.live_ids(expense.name, Side.PLATFORM)}
        every |= {*unit.platform.referring(expense, "bill_id", unit.platform.ids(bill))}
        return sorted(every, key=int), unit.platform.position()
    if after is None:
        position = unit.platform.position()
        ready = unit.platform.taken(
            expense, workflow_of_expenses().column, workflow_of_expenses().forwarded
        )
        return sorted({each for ids in ready.values() for each in ids}, key=int), position
    changes = unit.platform.changes([expense.name, bill.name, receipt.name], after)
    found = dict.fromkeys(changes.ids[expense.name])
    found |= dict.fromkeys(unit.platform.referring(expense, "bill_id", changes.ids[bill.name]))
    receipts = unit.platform.rows(receipt, changes.ids[receipt.name])
    documented = (each.values.get("expense_id") for each in receipts.values())
    found |= {str(each): None for each in documented if each is not None}
    waiting = unit.links([each.link_id for each in unit.parked([expense.name])])
    found |= {
        link.platform_id: None
        for link in waiting.values()
        if link.platform_id is not None and bill_marked(link) is not None
    }
    return list(found), changes.position


# -- one expense --


def _bring_up_to_date(cycle: Cycle, expense_id: str, *, as_bills: bool) -> None:
    """Do what is to be done for one expense, or park it."""
    try:
        with cycle.state.begin() as unit:
            claim = _claim(cycle, unit, expense_id)
            if _is_left_alone(unit, claim):
                return
            if _is_concern(claim, as_bills=as_bills):
                _act(cycle, unit, claim)
                _hang_receipts(cycle, unit, expense_id)
            elif claim.link is not None and bill_marked(claim.link) == "":
                unit.release([claim.link.id])  # it goes as a purchase now
    except StaleRowError:
        return  # it was changed while we looked: that is in the change log, and looked at next time
    except RecordError as error:
        with cycle.state.begin() as unit:
            _park(cycle, unit, expense_id, error)


def _hang_receipts(cycle: Cycle, unit: Unit, expense_id: str) -> None:
    """Receipts go where the expense went, late ones too."""
    claim = _claim(cycle, unit, expense_id)
    if claim.live and claim.bill is not None and claim.bill.live:
        hang_receipts(unit, expense_id, claim.bill.id)


def _claim(cycle: Cycle, unit: Unit, expense_id: str) -> Claim:
    expense = expense_type()
    row = unit.platform.rows(expense, [expense_id]).get(expense_id)
    link = unit.links_of(expense.name, Side.PLATFORM, [expense_id]).get(expense_id)
    named = column_value(row.values, "bill_id") if row else None
    bill_id = str(named) if named is not None else (bill_marked(link) or "" if link else "")
    bill = unit.platform.rows(bill_type(), [bill_id]).get(bill_id) if bill_id else None
    if row is None or not row.live:
        return Claim(expense_id, row, link, bill_id, bill, {}, ())
    load_parents(cycle, unit, expense, [], [row.values])
    decoded = decode(expense, Side.PLATFORM, row.values, cycle.references)
    wrong = tuple(each for each in decoded.errors if is_shared(each))
    return Claim(expense_id, row, link, bill_id, bill, decoded.content, wrong)


def _is_left_alone(unit: Unit, claim: Claim) -> bool:
    """Whether a person has skipped an expense that is still there, or settled it by hand."""
    parked = unit.parked_record(claim.link.id) if claim.live and claim.link else None
    return parked is not None and parked.is_left_alone


def _is_concern(claim: Claim, *, as_bills: bool) -> bool:
    """Whether an expense goes as a bill.

    One that stands in QuickBooks or is on its way there stays what it is, whatever is chosen later.
    """
    if claim.link is not None and claim.link.deleted_at is not None:
        return False
    if claim.bill_id:
        return claim.link is None or claim.link.quickbooks_id is None
    if claim.link is not None and bill_marked(claim.link) is None:
        return False
    return as_bills


def _act(cycle: Cycle, unit: Unit, claim: Claim) -> None:
    """Carry out what is to be done next.

    Raises:
        RecordError: a person must decide.
    """
    situation = _situation(claim)
    step = next_step(situation, workflow_of_expenses())
    if step is Next.POST and claim.wrong:
        claim = with_default_accounts(cycle, unit, claim)
    if step in (Next.POST, Next.CARRY_OVER) and claim.wrong:
        raise claim.wrong[0]
    if step is Next.POST:
        post(cycle, unit, claim)
    elif step is Next.CARRY_OVER:
        carry_over(cycle, unit, claim, situation.edited, situation.bill)
    elif step is Next.FOLLOW:
        save(
            unit,
            claim,
            {workflow_of_expenses().column: status_for(situation.bill, workflow_of_expenses())},
        )
    elif step is Next.DELETE_BILL:
        delete_bill(unit, claim)
    elif step is Next.FORGET and claim.link is not None:
        unit.save_links([LinkUpdate(claim.link.id, deleted=True)])
    if claim.link is not None:
        unit.unpark([claim.link.id])


def _situation(claim: Claim) -> Situation:
    row, link = claim.row, claim.link
    live = claim.live
    bill = BillState.NONE
    if claim.bill_id:
        is_live = claim.bill is not None and claim.bill.live
        status = claim.bill.values.get("status") if claim.bill else None
        bill = bill_state(status, live=is_live)
    base = link.base if link is not None and claim.bill_id else None
    edited = frozenset(
        name
        for name in SHARED_FIELDS
        if live and base is not None and claim.content.get(name) != base.get(name)
    )
    return Situation(
        live=live,
        status=str(row.values.get(workflow_of_expenses().column)) if row else "",
        bill=bill,
        let_go=bool(claim.bill_id) and row is not None and row.values.get("bill_id") is None,
        edited=edited if row and row.version != row.values.get("billed_version") else frozenset(),
    )


# -- parking --


def _park(cycle: Cycle, unit: Unit, expense_id: str, error: RecordError) -> None:
    """Set an expense aside for a person; it is looked at in each cycle until it can go on."""
    link = unit.links_of("expense", Side.PLATFORM, [expense_id]).get(expense_id)
    if link is not None and link.quickbooks_id is not None:
        return  # it stands in QuickBooks: what is wrong with it is said when it is synced
    if link is None:
        link = new_link(unit, expense_id, expense_id)
    if bill_marked(link) is None:
        unit.save_links([LinkUpdate(link.id, quickbooks_version=mark_of(""))])
    known = unit.parked_record(link.id)
    if known is not None and (known.code, known.message) == (error.code, str(error)):
        return
    parked = Parked(
        link_id=link.id,
        record_type="expense",
        side=Side.PLATFORM,
        code=error.code,
        field=error.field,
        value=error.value,
        message=str(error),
        fix=error.fix,
        attempts=1,
        since=known.since if known else unit.now,
        next_attempt_at=None,
    )
    unit.park(parked)
    note_parked(unit, parked, label=link.label)
    _count(cycle, parked, link)


def _count(cycle: Cycle, parked: Parked, link: Link) -> None:
    tally, expense = cycle.tally, expense_type()
    tally.read(expense, [Side.PLATFORM])
    tally.direction(expense, Side.QUICKBOOKS, "parked")
    tally.end(expense, "parked")
    names = ("code", "field", "value", "message", "fix")
    reason = {name: str(getattr(parked, name)) for name in names}
    tally.parked(
        {
            "record_type": "expense",
            "record": link.label,
            "link": str(link.id),
            "side": parked.side,
            **reason,
        }
    )
