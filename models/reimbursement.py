"""How an expense that somebody paid out of their own pocket becomes a bill, and follows it.

A company chooses whether an approved expense is posted as a Purchase or as a bill of whoever handed
it in. The bill then lives its own life; the expense says whether it was paid. What is to be done
next follows from both as they stand.

    expense        bill                    next
    approved       none                    post it as a bill
    edited         unpaid                  carry the edit over to the bill
    edited         paid, even in part      a person decides
    deleted        unpaid                  delete the bill
    deleted        paid, even in part      a person decides
    taken back     stands                  a person decides
    any            deleted or voided       a person decides
    posted         paid                    reimbursed
    reimbursed     not paid any more       posted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from models.errors import RecordError
from models.plan import Link
from models.record_type import Workflow

#: Expense's field -> the bill's; the bill's vendor is whoever handed the expense in.
SHARED_FIELDS = MappingProxyType(
    {
        "number": "number",
        "spent_on": "issued_on",
        "memo": "memo",
        "department": "department",
        "currency": "currency",
        "exchange_rate": "exchange_rate",
        "tax_calculation": "tax_calculation",
        "tax_total": "tax_total",
        "lines": "lines",
        "total": "total",
    }
)
Line = Mapping[str, Any]
#: Status of an expense whose bill is paid.
REIMBURSED = "reimbursed"
#: The link of an expense that goes as a bill has no record in QuickBooks; in place of that one's
#: version it holds this mark and the platform's id of the bill, once there is one.
_MARK = "bill:"


def mark_of(bill_id: str) -> str:
    """What the link of an expense holds that goes as this bill; "" where there is none yet."""
    return f"{_MARK}{bill_id}"


def bill_marked(link: Link) -> str | None:
    """The bill that an expense's link names: "" where it has none yet, None where it needs none."""
    version = link.quickbooks_version or ""
    if link.quickbooks_id is not None or not version.startswith(_MARK):
        return None
    return version.removeprefix(_MARK)


class BillState(StrEnum):
    """How a bill stands, as far as its expense is concerned."""

    NONE = "none"
    UNPAID = "unpaid"
    PARTLY_PAID = "partly paid"
    PAID = "paid"
    #: Deleted or voided.
    REMOVED = "removed"


def bill_state(status: object, *, live: bool) -> BillState:
    """The state of a bill from its row; QuickBooks's figures say what is paid."""
    if not live or status == "voided":
        return BillState.REMOVED
    paid = {"paid": BillState.PAID, "partially_paid": BillState.PARTLY_PAID}
    return paid.get(str(status), BillState.UNPAID)


class Next(StrEnum):
    """What is to be done for an expense."""

    NOTHING = "nothing"
    POST = "post"
    CARRY_OVER = "carry over"
    FOLLOW = "follow"
    DELETE_BILL = "delete bill"
    FORGET = "forget"


@dataclass(frozen=True)
class Situation:
    """An expense and its bill as they stand."""

    live: bool
    status: str
    bill: BillState
    #: The row names no bill any more, though its bill stands.
    let_go: bool = False
    #: Shared fields that were edited since the bill was made from it.
    edited: frozenset[str] = frozenset()


def next_step(now: Situation, workflow: Workflow) -> Next:
    """What is to be done.

    Raises:
        RecordError: a person must decide; it says what.
    """
    paid = now.bill in (BillState.PAID, BillState.PARTLY_PAID)
    if not now.live:
        if paid:
            raise _deleted_after_payment()
        return Next.DELETE_BILL if now.bill is BillState.UNPAID else Next.FORGET
    if now.bill is BillState.NONE or (now.bill is BillState.REMOVED and now.let_go):
        return Next.POST if now.status in workflow.forwarded else Next.NOTHING
    if now.let_go:
        raise _let_go()
    if now.bill is BillState.REMOVED:
        raise _bill_removed()
    if now.status in workflow.withdrawn:
        raise _withdrawn(now.status, workflow)
    if now.edited and paid:
        raise _edited_after_payment(now.edited)
    if now.edited:
        return Next.CARRY_OVER
    return Next.FOLLOW if now.status != status_for(now.bill, workflow) else Next.NOTHING


def status_for(bill: BillState, workflow: Workflow) -> str:
    """The status of an expense whose bill stands so."""
    return REIMBURSED if bill is BillState.PAID else workflow.posted


def carried_lines(
    before: Sequence[Line] | None, in_bill: Sequence[Line] | None, now: Sequence[Line] | None
) -> tuple[Line, ...]:
    """The lines of an expense as its bill is to have them.

    What only the bill's lines hold stays, such as a class that the accountant entered, or a tax
    code of QuickBooks's; but only while nobody added or removed a line.
    """
    old, held, new = before or (), in_bill or (), now or ()
    kinds = {tuple(line["kind"] for line in lines) for lines in (old, held, new)}
    if len(kinds) > 1:
        return tuple(new)
    return tuple(
        {**{name: part for name, part in there.items() if was.get(name) is None}, **line}
        for was, there, line in zip(old, held, new, strict=True)
    )


def _bill_removed() -> RecordError:
    return RecordError(
        "its bill was deleted or voided",
        code="bill_removed",
        field="bill_id",
        fix="Delete the expense if it is not to be reimbursed. To post it again, set bill_id to "
        "NULL and status to approved.",
    )


def _let_go() -> RecordError:
    return RecordError(
        "bill_id is NULL, but the bill that it was posted as stands",
        code="bill_stands",
        field="bill_id",
        fix="Delete that bill first, or set bill_id back.",
    )


def _withdrawn(status: str, workflow: Workflow) -> RecordError:
    return RecordError(
        f"{workflow.column} went back to {status!r} although its bill stands",
        code="withdrawn",
        field=workflow.column,
        value=status,
        fix=f"Delete the expense, which deletes an unpaid bill, or set {workflow.column} to "
        f"{workflow.posted!r}.",
    )


def _edited_after_payment(edited: frozenset[str]) -> RecordError:
    names = ", ".join(sorted(edited))
    return RecordError(
        f"{names} was edited after its bill was paid",
        code="edited_after_payment",
        field=min(edited),
        fix=f"Take the edit of {names} back and enter the difference as a new expense; or delete "
        "the payment in QuickBooks, and it goes to the bill by itself.",
    )


def _deleted_after_payment() -> RecordError:
    return RecordError(
        "it was deleted after its bill was paid",
        code="deleted_after_payment",
        field="deleted_at",
        fix="Set deleted_at to NULL again; or delete the payment in QuickBooks, and the bill is "
        "deleted by itself.",
    )
