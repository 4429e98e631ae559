"""Revisions: what follows once a person's wish for a record was carried out."""

from __future__ import annotations

from connectors.state.port import LinkUpdate, Parked, Unit
from models.audit import AuditNote
from models.plan import Link, RecordPlan
from models.record_type import RecordType
from models.records import Content
from models.revision import UNDONE, Revision, RevisionKind, RevisionState, ending
from models.words import Side


def close_revisions(unit: Unit, plan: RecordPlan, content: Content | None) -> list[Parked]:
    """End a record's pending revisions; why it is to be set aside now, if it is.

    content is what both sides were seen to hold, None where the record is gone.
    """
    parked: list[Parked] = []
    for revision in unit.revisions([plan.link.id], RevisionState.PENDING):
        state = ending(plan.record_type, revision, content)
        unit.end_revision(revision.number, state)
        if state is RevisionState.OVERTAKEN:
            unit.audit([_overtaken(plan, revision)])
        elif revision.kind is RevisionKind.SEPARATE and _other_side_lives(plan, revision):
            parked.append(
                separate(unit, plan.record_type, plan.link, revision.side or Side.QUICKBOOKS)
            )
    return parked


def _overtaken(plan: RecordPlan, revision: Revision) -> AuditNote:
    body: dict[str, object] = {
        "label": plan.label,
        "entry": revision.entry,
        "field": revision.field,
        "reason": "somebody edited the record before it was carried out; that edit counts",
    }
    return AuditNote(
        "revision.overtaken", body, record_type=plan.record_type.name, link_id=plan.link.id
    )


def _other_side_lives(plan: RecordPlan, revision: Revision) -> bool:
    other = plan.platform if revision.side is Side.QUICKBOOKS else plan.quickbooks
    return other is not None and other.content is not None


def separate(unit: Unit, record_type: RecordType, link: Link, side: Side) -> Parked:
    """Part a record from the one that went on a side; why the one that is left waits.

    QuickBooks keeps entries of name lists, inactive: such a one stays linked, and a retry makes it
    active again.
    """
    link_id, base = link.id, link.base
    if record_type.is_list and side is Side.QUICKBOOKS and base is not None:
        unit.revive_link(link_id)
        unit.save_links([LinkUpdate(link_id, base={**base, "active": False})])
    else:
        unit.separate_link(link_id, side)
    return Parked(
        link_id=link_id,
        record_type=record_type.name,
        side=side.other,
        code=UNDONE,
        field="",
        value="",
        message=f"a person undid what brought it to {side}",
        fix=f"Delete it on {side.other} if it is not wanted; a retry brings it to {side} again.",
        attempts=1,
        since=unit.now,
        next_attempt_at=None,
    )
