"""Billing: the bill that an expense is posted as, made, edited and deleted on the platform.

Each function works within its caller's transaction; `tasks.reimburse` decides which one is called.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from connectors.state.platform_port import PlatformWrite, Row
from connectors.state.port import LinkUpdate, NewLink, Unit
from models.audit import AuditNote
from models.codecs import decode, platform_row
from models.default_accounts import gaps_in
from models.errors import CorruptStateError, RecordError
from models.fields import column_value
from models.plan import Link
from models.record_type import RecordType, Workflow, catalog
from models.records import Content
from models.reimbursement import SHARED_FIELDS, BillState, carried_lines, mark_of, status_for
from models.words import Operation, Owner, Side
from tasks.context import Cycle
from tasks.default_accounts import accounts_now, completed, note_of
from tasks.outcome import covers
from tasks.parents import load_parents


@dataclass(frozen=True)
class Claim:
    """One expense with what is known of it, within a transaction."""

    id: str
    row: Row | None
    link: Link | None
    bill_id: str
    bill: Row | None
    content: Content
    #: What cannot be used of the fields that a bill is made from.
    wrong: tuple[RecordError, ...]

    @property
    def live(self) -> bool:
        """Whether the expense is there and not marked as deleted."""
        return self.row is not None and self.row.live

    @property
    def label(self) -> str:
        """What people call the expense."""
        number = self.row.values.get("number") if self.row else None
        fallback = self.link.label if self.link else self.id
        return expense_type().label_of(
            {"number": number} if isinstance(number, str) else None, fallback
        )


def expense_type() -> RecordType:
    """The record type of what is posted."""
    return catalog()["expense"]


def bill_type() -> RecordType:
    """The record type of what it is posted as."""
    return catalog()["bill"]


def workflow_of_expenses() -> Workflow:
    """The statuses of expenses, which say what is ready."""
    workflow = expense_type().workflow
    assert workflow is not None, "expenses have a workflow"
    return workflow


# -- what can be done --


def with_default_accounts(cycle: Cycle, unit: Unit, claim: Claim) -> Claim:
    """The expense with the default account in those of its lines that name none, also on its row.

    Who paid is the employee here, so no payment account is missing.

    Raises:
        RecordError: no default account can stand in, or the row was edited since it was read.
    """
    row = _row_of(claim)
    gaps = [
        each
        for each in gaps_in(expense_type(), claim.content, row.values)
        if each.root(expense_type()) in SHARED_FIELDS
    ]
    if not gaps:
        return claim
    accounts = accounts_now(cycle, unit)
    whole = completed(cycle, expense_type(), claim.content, row.values, gaps, accounts)
    wrong = tuple(each for each in whole.errors if is_shared(each))
    if wrong:
        return replace(claim, wrong=wrong)
    names = {each.root(expense_type()) for each in gaps}
    values = platform_row(expense_type(), whole.content, names, cycle.references)
    write = PlatformWrite(expense_type(), Operation.UPDATE, row.id, row.version, values)
    _, version = unit.platform.write(write)
    link = claim.link or new_link(unit, claim.id, claim.label)
    unit.audit([note_of(expense_type(), link.id, claim.label, whole.fills)])
    row = replace(row, version=version, values=whole.raw)
    return replace(claim, row=row, link=link, content=whole.content, wrong=())


def is_shared(error: RecordError) -> bool:
    """Whether an error of an expense is about a field that its bill is made from."""
    return error.field not in expense_type().by_name.keys() - SHARED_FIELDS.keys()


def post(cycle: Cycle, unit: Unit, claim: Claim) -> None:
    """Make the bill and let the expense name it, in the caller's transaction."""
    row = _row_of(claim)
    if claim.content.get("is_refund"):
        raise RecordError(
            "it is a refund, and a bill cannot take money back",
            code="refund_not_billed",
            field="is_refund",
            value=True,
            fix="Enter it as a vendor credit, or as a deposit, and reject this expense.",
        )
    vendor_id = _vendor_id(unit, row)
    shared = _as_bill(claim.content)
    values = platform_row(bill_type(), shared, shared, cycle.references)
    values = {name: value for name, value in values.items() if value is not None}
    bill_id, _ = unit.platform.write(
        PlatformWrite(
            bill_type(), Operation.CREATE, None, None, {**values, "vendor_id": int(vendor_id)}
        )
    )
    link = claim.link or new_link(unit, claim.id, claim.label)
    version = save(
        unit,
        claim,
        {"bill_id": int(bill_id), workflow_of_expenses().column: workflow_of_expenses().posted},
    )
    unit.save_links(
        [
            LinkUpdate(
                link.id,
                base=claim.content,
                quickbooks_version=mark_of(bill_id),
                platform_version=version,
            )
        ]
    )
    facts: dict[str, object] = {"label": claim.label, "bill": bill_id, "vendor": vendor_id}
    unit.audit([AuditNote("expense.billed", facts, record_type="expense", link_id=link.id)])


def hang_receipts(unit: Unit, expense_id: str, bill_id: str) -> None:
    """Hang an expense's receipts on its bill too: QuickBooks knows no other document of it."""
    receipt = catalog()["receipt"]
    ids = unit.platform.referring(receipt, "expense_id", [expense_id])
    for row in unit.platform.rows(receipt, ids).values():
        if row.live and row.values.get("bill_id") is None:
            unit.platform.write(
                PlatformWrite(
                    receipt, Operation.UPDATE, row.id, row.version, {"bill_id": int(bill_id)}
                )
            )


def _vendor_id(unit: Unit, row: Row) -> str:
    """The vendor who is reimbursed: the one with the address of who handed the expense in.

    Raises:
        RecordError: there is no such vendor, or several.
    """
    address = str(column_value(row.values, "submitted_by") or "").strip()
    if not address:
        raise _no_vendor(
            "submitted_by is empty, so nobody can be reimbursed",
            "no_submitter",
            "",
            "Enter the e-mail address of the employee in submitted_by.",
        )
    vendors = _vendors_with(unit, address)
    if not vendors:
        raise _no_vendor(
            f"no active vendor has the e-mail address {address} of submitted_by",
            "no_vendor",
            address,
            "Enter the address in the vendor that stands for this employee, or add such a vendor.",
        )
    if len(vendors) > 1:
        names = ", ".join(vendors.values())
        raise _no_vendor(
            f"{len(vendors)} vendors have the e-mail address {address} of submitted_by: {names}",
            "several_vendors",
            address,
            "Leave the address in one of them only, or make the others inactive.",
        )
    return next(iter(vendors))


def _no_vendor(message: str, code: str, value: str, fix: str) -> RecordError:
    return RecordError(message, code=code, field="submitted_by", value=value, fix=fix)


def _vendors_with(unit: Unit, address: str) -> dict[str, str]:
    """Names of the active vendors with an e-mail address, by id."""
    vendor = catalog()["vendor"]
    ids = unit.platform.taken(vendor, "email", [address]).get(address.lower(), [])
    rows = unit.platform.rows(vendor, ids)
    return {
        row_id: str(row.values["name"])
        for row_id, row in rows.items()
        if row.values.get("active") is not False
    }


def carry_over(
    cycle: Cycle, unit: Unit, claim: Claim, edited: frozenset[str], state: BillState
) -> None:
    """Write to the bill what was edited in the expense.

    Raises:
        RecordError: somebody edited the same in the bill, or the employee is another one now.
    """
    bill, row = claim.bill, _row_of(claim)
    assert bill is not None, "an edit is carried over to a bill that stands"
    assert claim.link is not None, "an edit is known by the base"
    assert claim.link.base is not None, "an edit is known by the base"
    _check_same_vendor(unit, row, bill)
    load_parents(cycle, unit, bill_type(), [], [bill.values])
    held = decode(bill_type(), Side.PLATFORM, bill.values, cycle.references).content
    ours, before = _as_bill(claim.content), _as_bill(claim.link.base)
    names = [
        name
        for name in sorted(SHARED_FIELDS[each] for each in edited)
        if bill_type().by_name[name].owner is not Owner.QUICKBOOKS
        and not covers(bill_type(), ours, held, name)
    ]
    both = [name for name in names if not covers(bill_type(), before, held, name)]
    if both:
        raise RecordError(
            f"{', '.join(both)} was edited in the expense and, differently, in its bill",
            code="edited_on_both",
            field=both[0],
            fix="Make the expense equal to its bill, or the bill equal to the expense.",
        )
    if names:
        content = {name: ours.get(name) for name in names}
        if "lines" in names:
            content["lines"] = carried_lines(before["lines"], held["lines"], ours["lines"])
        values = platform_row(bill_type(), content, content, cycle.references)
        unit.platform.write(
            PlatformWrite(bill_type(), Operation.UPDATE, bill.id, bill.version, values)
        )
    status = status_for(state, workflow_of_expenses())
    version = save(unit, claim, {workflow_of_expenses().column: status})
    unit.save_links([LinkUpdate(claim.link.id, base=claim.content, platform_version=version)])
    body: dict[str, object] = {"label": claim.label, "bill": bill.id, "fields": names}
    unit.audit(
        [AuditNote("expense.carried_over", body, record_type="expense", link_id=claim.link.id)]
    )


def _as_bill(content: Content) -> Content:
    """What a bill shares with an expense that has this content."""
    return {theirs: content.get(ours) for ours, theirs in SHARED_FIELDS.items()}


def _check_same_vendor(unit: Unit, row: Row, bill: Row) -> None:
    address = str(column_value(row.values, "submitted_by") or "").strip()
    if str(bill.values.get("vendor_id")) in _vendors_with(unit, address):
        return
    raise RecordError(
        f"submitted_by is {address or 'empty'}, which is not the address of its bill's vendor",
        code="submitter_changed",
        field="submitted_by",
        value=address,
        fix="Set submitted_by back, or choose the vendor with that address in the bill.",
    )


def delete_bill(unit: Unit, claim: Claim) -> None:
    """Delete the bill of an expense that was deleted."""
    bill = claim.bill
    assert bill is not None, "a bill that stands is deleted"
    unit.platform.write(PlatformWrite(bill_type(), Operation.DELETE, bill.id, bill.version))
    if claim.link is not None:
        unit.save_links([LinkUpdate(claim.link.id, deleted=True)])
        body: dict[str, object] = {"label": claim.label, "bill": bill.id}
        unit.audit(
            [AuditNote("expense.bill_deleted", body, record_type="expense", link_id=claim.link.id)]
        )


def save(unit: Unit, claim: Claim, values: dict[str, object]) -> int:
    """Write to the expense; its bill is then made from the version that this comes to."""
    row = _row_of(claim)
    coming = row.version + 1
    write = PlatformWrite(
        expense_type(),
        Operation.UPDATE,
        claim.id,
        row.version,
        {**values, "billed_version": coming},
    )
    _, version = unit.platform.write(write)
    if version != coming:
        raise CorruptStateError(f"expense {claim.id} has version {version} instead of {coming}")
    return version


def _row_of(claim: Claim) -> Row:
    assert claim.row is not None, "what is written to is there"
    return claim.row


def new_link(unit: Unit, expense_id: str, label: str) -> Link:
    """A link for an expense that has none yet."""
    (link,) = unit.add_links([NewLink("expense", Side.PLATFORM, expense_id, label)])
    return link
