"""What follows for an expense from how it and its bill stand: the table, row by row."""

from __future__ import annotations

from itertools import product

import pytest

from models.errors import RecordError
from models.plan import Link
from models.record_type import catalog
from models.reimbursement import (
    SHARED_FIELDS,
    BillState,
    Next,
    Situation,
    bill_marked,
    bill_state,
    carried_lines,
    mark_of,
    next_step,
    status_for,
)

WORKFLOW = catalog()["expense"].workflow
assert WORKFLOW is not None
EDITED = frozenset({"memo"})


def step(**situation: object) -> str:
    """The next step, or the code of the question to a person."""
    given = {"live": True, "status": "posted", "bill": BillState.UNPAID, **situation}
    assert WORKFLOW is not None
    try:
        return next_step(Situation(**given), WORKFLOW)  # type: ignore[arg-type]
    except RecordError as error:
        return error.code if error.fix and error.field else f"{error.code}, without a way out"


@pytest.mark.parametrize(
    ("situation", "wanted"),
    [
        ({"status": "approved", "bill": BillState.NONE}, Next.POST),
        ({"status": "submitted", "bill": BillState.NONE}, Next.NOTHING),
        ({"status": "rejected", "bill": BillState.NONE}, Next.NOTHING),
        ({"live": False, "bill": BillState.NONE}, Next.FORGET),
        ({}, Next.NOTHING),
        ({"edited": EDITED}, Next.CARRY_OVER),
        ({"edited": EDITED, "bill": BillState.PARTLY_PAID}, "edited_after_payment"),
        ({"edited": EDITED, "bill": BillState.PAID}, "edited_after_payment"),
        ({"bill": BillState.PAID}, Next.FOLLOW),
        ({"bill": BillState.PAID, "status": "reimbursed"}, Next.NOTHING),
        ({"bill": BillState.PARTLY_PAID}, Next.NOTHING),
        ({"bill": BillState.PARTLY_PAID, "status": "reimbursed"}, Next.FOLLOW),
        ({"status": "reimbursed"}, Next.FOLLOW),
        ({"status": "approved"}, Next.FOLLOW),
        ({"status": "rejected"}, "withdrawn"),
        ({"status": "submitted", "bill": BillState.PAID}, "withdrawn"),
        ({"bill": BillState.REMOVED}, "bill_removed"),
        ({"bill": BillState.REMOVED, "edited": EDITED}, "bill_removed"),
        ({"bill": BillState.REMOVED, "let_go": True, "status": "approved"}, Next.POST),
        ({"bill": BillState.REMOVED, "let_go": True, "status": "rejected"}, Next.NOTHING),
        ({"let_go": True, "status": "approved"}, "bill_stands"),
        ({"let_go": True, "bill": BillState.PAID}, "bill_stands"),
        ({"live": False}, Next.DELETE_BILL),
        ({"live": False, "bill": BillState.PAID}, "deleted_after_payment"),
        ({"live": False, "bill": BillState.PARTLY_PAID}, "deleted_after_payment"),
        ({"live": False, "bill": BillState.REMOVED}, Next.FORGET),
    ],
)
def test_the_table(situation: dict[str, object], wanted: str) -> None:
    assert step(**situation) == wanted


def test_a_bill_is_made_only_where_none_stands_and_deleted_only_unpaid() -> None:
    """Goal: of all situations there are, none makes a second bill or deletes a paid one."""
    statuses = ("submitted", "approved", "posted", "reimbursed", "rejected", "")
    for live, status, bill, let_go, edited in product(
        (True, False), statuses, BillState, (True, False), (frozenset(), EDITED)
    ):
        found = step(live=live, status=status, bill=bill, let_go=let_go, edited=edited)
        if found == Next.POST:
            assert live
            assert status in {"approved", "posted"}
            assert bill is BillState.NONE or (bill is BillState.REMOVED and let_go)
        if found == Next.DELETE_BILL:
            assert not live
            assert bill is BillState.UNPAID
        if found == Next.CARRY_OVER:
            assert edited
            assert bill is BillState.UNPAID


@pytest.mark.parametrize(
    ("status", "live", "state"),
    [
        (None, True, BillState.UNPAID),  # not synced yet
        ("open", True, BillState.UNPAID),
        ("partially_paid", True, BillState.PARTLY_PAID),
        ("paid", True, BillState.PAID),
        ("voided", True, BillState.REMOVED),
        ("paid", False, BillState.REMOVED),
    ],
)
def test_states_of_bills(status: str | None, live: bool, state: BillState) -> None:
    assert bill_state(status, live=live) is state


def test_the_status_follows_the_bill() -> None:
    assert WORKFLOW is not None
    assert status_for(BillState.PAID, WORKFLOW) == "reimbursed"
    assert status_for(BillState.PARTLY_PAID, WORKFLOW) == "posted"


def test_shared_fields_hold_the_same_on_both() -> None:
    """Goal: what is copied means the same: field kinds are equal, lines have the same shapes."""
    expense, bill = catalog()["expense"], catalog()["bill"]
    for ours, theirs in SHARED_FIELDS.items():
        assert type(expense.by_name[ours]) is type(bill.by_name[theirs]), ours
    assert expense.lines is not None
    assert bill.lines is not None
    assert expense.lines.shapes == bill.lines.shapes


def test_lines_keep_what_only_the_bill_holds() -> None:
    """Goal: a class that the accountant entered stays when the amount is edited; an added line
    leaves nobody to say which is which."""
    old = ({"kind": "account", "amount": 40},)
    held = ({"kind": "account", "amount": 40, "class": "class:3", "tax_code": "NON"},)
    new = ({"kind": "account", "amount": 44, "description": "Train"},)
    (line,) = carried_lines(old, held, new)
    assert line == {**held[0], **new[0]}
    assert carried_lines(old, held, (*new, *new)) == (*new, *new)
    assert carried_lines(None, None, None) == ()


@pytest.mark.parametrize(
    ("quickbooks_id", "version", "marked"),
    [
        (None, None, None),
        (None, "3|2026-01-01", None),
        (None, mark_of("45"), "45"),
        (None, mark_of(""), ""),
        ("7", mark_of("45"), None),  # it stands in QuickBooks as itself
    ],
)
def test_marks(quickbooks_id: str | None, version: str | None, marked: str | None) -> None:
    link = Link(1, "expense", quickbooks_id, "2", "label", None, version, None)
    assert bill_marked(link) == marked
