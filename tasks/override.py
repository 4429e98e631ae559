"""Override: a person decides a conflict otherwise than the policy did, or one that waits.

The decision is stored as a revision, together with its audit entry, before anything is written;
then the record is merged and written as any other (`tasks.decide`). So it takes effect once,
whatever is lost on the way, and what somebody edits meanwhile is never overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.state.port import Parked, Unit
from models.audit import AuditNote
from models.errors import DecisionError, OutdatedReadingError
from models.lines import holds
from models.merge import DELETE_AGAINST_EDIT, changed_fields
from models.plan import RecordPlan
from models.revision import (
    REVISING,
    ConflictState,
    Revision,
    RevisionKind,
    RevisionState,
    StoredConflict,
)
from models.words import Side
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.decide import (
    BOTH,
    carry_out,
    closed_day,
    note_far_clock,
    persons_run,
    refusal,
    set_aside,
    sides_of,
    was_refused,
)
from tasks.observe import Observation, observe
from tasks.override_choice import Decision, decision_of, last_override
from tasks.plan import planned, validated
from tasks.record import note_parked
from tasks.replan import reread

#: Reasons of parked records for which a person decides by an override.
OPEN_CODES = frozenset({"needs_review", DELETE_AGAINST_EDIT, "keeps_changing"})


@dataclass(frozen=True)
class Overridden:
    """What an override came to."""

    record_type: str
    record: str
    #: Conflict -> side whose version counts now.
    conflicts: Mapping[int, Side]
    #: Why it is not on both sides yet; None where it is.
    waiting: Parked | None


def override(
    cycle: Cycle, number: int, take: Side, fields: Mapping[str, Side | None], actor: str
) -> Overridden:
    """Let a side's version of a conflict count.

    fields names further fields of the same decision, with a side where it is another one.

    Raises:
        UsageError: there is no such conflict or field.
        DecisionError: as things stand it cannot be done; nothing was written.
        DisconnectedError: no call can work.
    """
    with persons_run(cycle, "override"):
        with cycle.state.begin() as unit:
            decision = decision_of(unit, number, take, fields)
            before = unit.parked_record(decision.link_id)
        observation = _observed(cycle, decision, before)
        revisions = _revisions(decision, observation, actor)
        preview = _preview(cycle, observation, revisions)
        with cycle.state.begin() as unit:
            stored = _store(unit, decision, preview, revisions)
        carry_out(cycle, {decision.record_type.name: [decision.link_id]})
        waiting = _ended(cycle, decision, preview, stored, before)
    takes = {each.number: side for each, side in decision.takes.items()}
    return Overridden(decision.record_type.name, preview.label, takes, waiting)


# -- how things stand --


def _observed(cycle: Cycle, decision: Decision, before: Parked | None) -> Observation:
    """Both sides of the record now.

    Raises:
        DecisionError: nobody should write it as it stands.
    """
    record_type = decision.record_type
    expected = OPEN_CODES | {REVISING}
    if before is not None and before.code not in expected:
        raise DecisionError(
            f"the record is set aside for another reason: {before.message}",
            code="parked",
            fix=before.fix,
        )
    with cycle.state.begin() as unit:
        busy = any(each.link_id == decision.link_id for each in unit.open_intents())
    if busy:
        raise DecisionError(
            "the outcome of the record's last write is not known yet",
            code="under_way",
            fix="Run `quickbooks-sync sync`, then override it again.",
        )
    try:
        (candidate,) = reread(cycle, record_type, [decision.link_id], BOTH)
    except OutdatedReadingError as error:
        raise refusal(error) from error
    (observation,) = observe(cycle, record_type, [candidate])
    gone = [side for side, each in sides_of(observation).items() if each is None]
    if (
        len(gone) == 2
        or candidate.link.deleted_at is not None
        or bool(gone) != (decision.is_about_a_delete)
    ):
        raise _moved_on(decision, gone)
    if observation.error is not None:
        raise refusal(observation.error)
    return observation


def _moved_on(decision: Decision, gone: Sequence[Side]) -> DecisionError:
    where = " and ".join(gone)
    found = f"the record is gone from {where}" if gone else "the record is on both sides"
    if gone:
        fix = "Run `quickbooks-sync sync`; it tells what there is to decide now."
    else:
        fix = "Delete it on one of the sides if it is to go; the next sync takes that over."
    return DecisionError(
        f"conflict {decision.first.number} is about how things stood before: {found}",
        code="gone" if gone else "moved_on",
        fix=fix,
    )


# -- what it comes to --


def _revisions(decision: Decision, observation: Observation, actor: str) -> list[Revision]:
    """What is to be stored, without entries yet.

    Raises:
        DecisionError: the record has moved on.
    """
    made = []
    for each, side in decision.takes.items():
        blank = Revision(
            number=0,
            link_id=decision.link_id,
            record_type=decision.record_type.name,
            kind=RevisionKind.SET,
            field=each.conflict.field,
            side=side,
            expected=(),
            value=each.version_of(side),
            state=RevisionState.PENDING,
            actor=actor,
            conflict=each.number,
        )
        if decision.is_about_a_delete:
            made.append(_of_record(decision, observation, blank, side))
        else:
            made.append(_of_field_value(decision, observation, each, blank))
    return made


def _of_field_value(
    decision: Decision, observation: Observation, each: StoredConflict, blank: Revision
) -> Revision:
    """The revision that sets a field, which must hold one of the two versions on either side."""
    field = decision.record_type.by_name.get(each.conflict.field)
    if field is None:
        raise DecisionError(
            f"{each.record_type} has no field {each.conflict.field} any more",
            code="no_field",
            fix="Nothing to do: it is not synced any more.",
        )
    expected = [each.conflict.quickbooks, each.conflict.platform]
    contents = sides_of(observation)
    held = [(content or {}).get(field.name) for content in contents.values()]
    base = (observation.candidate.link.base or {}).get(field.name)
    if field.normalised and held[0] == held[1] == base:
        # QuickBooks has put the version that won into its own form.
        expected.append(held[0])
    for side, value in zip(contents, held, strict=True):
        if not any(holds(field, version, value) for version in expected):
            shown = f"{len(value)} lines" if isinstance(value, tuple) else repr(value)
            raise DecisionError(
                f"{field.name} has moved on: {side} holds {shown}, which is neither version of "
                f"conflict {each.number}",
                code="moved_on",
                fix=f"Edit {field.name} on one of the sides; the next sync takes it over.",
            )
    return replace(blank, expected=tuple(expected))


def _of_record(
    decision: Decision, observation: Observation, blank: Revision, side: Side
) -> Revision:
    """The revision for a record that one side has deleted and the other one has edited."""
    contents = sides_of(observation)
    edited = Side.QUICKBOOKS if contents[Side.QUICKBOOKS] is not None else Side.PLATFORM
    content = contents[edited]
    assert content is not None, "one side has it, as was looked at before"
    base = observation.candidate.link.base or {}
    names = {each.conflict.field for each in decision.takes}
    moved = names != changed_fields(decision.record_type, base, content, by=edited) or any(
        not holds(
            decision.record_type.by_name[each.conflict.field],
            each.version_of(edited),
            content.get(each.conflict.field),
        )
        for each in decision.takes
    )
    if moved:
        raise DecisionError(
            f"the record was edited again on {edited} since conflict {decision.first.number}",
            code="moved_on",
            fix="Run `quickbooks-sync sync`; it tells what there is to decide now.",
        )
    whole = replace(blank, field="", value=None)
    if side is edited:
        state = RevisionState.DONE
        return replace(whole, kind=RevisionKind.ANEW, side=edited, state=state)
    return replace(whole, kind=RevisionKind.REMOVE, side=edited, expected=(content,))


def _preview(cycle: Cycle, observation: Observation, revisions: Sequence[Revision]) -> RecordPlan:
    """What will be written, if nothing comes between.

    Raises:
        DecisionError: it fails a check, a field is left without a decision, or it may not be
            written.
    """
    record_type = observation.candidate.record_type
    if any(each.kind is RevisionKind.ANEW for each in revisions):
        observation = _apart(cycle, observation, revisions[0].side or Side.PLATFORM)
    observation = replace(observation, revisions=tuple(revisions))
    policy = cycle.connection.settings.conflict_policy()
    plan = planned(cycle, observation, None, policy)
    if plan.parked is None:
        failure = validated(cycle, record_type, [_as_merged(observation, plan)])
        plan = planned(cycle, observation, failure.get(plan.link.id), policy)
    if plan.parked is not None:
        raise _undecided(plan) if plan.parked.code == "needs_review" else refusal(plan.parked)
    contents = sides_of(observation)
    day = closed_day(cycle, record_type, plan.merge.content, *contents.values())
    if day is not None and plan.quickbooks_operation is not None:
        raise DecisionError(
            f"it counts on {day}, and QuickBooks's books are closed up to "
            f"{cycle.facts.book_close_date}",
            code="closed_period",
            fix="Open the period in QuickBooks (Account and settings, Advanced), or leave it.",
        )
    if plan.quickbooks_operation is not None and plan.link.quickbooks_id is None:
        note_far_clock(cycle, record_type, "0")
    return plan


def _undecided(plan: RecordPlan) -> DecisionError:
    names = [each.field for each in plan.merge.conflicts]
    return DecisionError(
        f"{', '.join(names)} of this record wait for a decision too",
        code="undecided",
        fix="Decide them with it: "
        + " ".join(f"--field {name}" for name in names)
        + ", each with =quickbooks or =platform where another side is to count.",
    )


def _apart(cycle: Cycle, observation: Observation, edited: Side) -> Observation:
    """The record as it is once the side from which it has gone is forgotten."""
    before = observation.candidate
    gone_from_quickbooks = edited is Side.PLATFORM
    link = replace(
        before.link,
        quickbooks_id=None if gone_from_quickbooks else before.link.quickbooks_id,
        platform_id=before.link.platform_id if gone_from_quickbooks else None,
        base=None,
    )
    candidate = Candidate(
        before.record_type,
        link,
        quickbooks=None if gone_from_quickbooks else before.quickbooks,
        platform=before.platform if gone_from_quickbooks else None,
        read_from=BOTH,
    )
    (observation,) = observe(cycle, before.record_type, [candidate])
    return observation


def _as_merged(observation: Observation, plan: RecordPlan) -> Observation:
    """The observation as if both sides held the merged content, to be judged."""
    content = plan.merge.content
    quickbooks, platform = observation.quickbooks, observation.platform
    return replace(
        observation,
        quickbooks=replace(quickbooks, content=content) if quickbooks else None,
        platform=replace(platform, content=content) if platform else None,
    )


# -- carrying it out --


def _store(
    unit: Unit, decision: Decision, preview: RecordPlan, revisions: Sequence[Revision]
) -> list[Revision]:
    """Commit the decision with its audit entries; it counts from now on."""
    stored = []
    for each, revision in zip(decision.takes, revisions, strict=True):
        last = last_override(unit, each)
        if last is not None and last.state is RevisionState.PENDING:
            continue  # the same decision, made before and not carried out
        (entry,) = unit.audit([_note(each, revision, last, preview.label)])
        stored.append(unit.add_revision(replace(revision, entry=entry)))
        unit.set_conflict_state(each.number, ConflictState.OVERRIDDEN)
        if revision.kind is RevisionKind.ANEW and revision.side is not None and not stored[:-1]:
            unit.separate_link(decision.link_id, revision.side.other)
    fields = ", ".join(sorted({each.conflict.field for each in decision.takes}))
    set_aside(unit, preview, f"an override of {fields} is being carried out")
    return stored


def _note(each: StoredConflict, revision: Revision, last: Revision | None, label: str) -> AuditNote:
    body: dict[str, object] = {
        "label": label,
        "conflict": each.number,
        "conflict_entry": each.entry,
        "previous_entry": last.entry if last else each.entry,
        "field": each.conflict.field,
        "base": each.conflict.base,
        "quickbooks": each.conflict.quickbooks,
        "platform": each.conflict.platform,
        "was": (last.take if last else each.conflict.verdict.winner) or "person",
        "take": revision.take,
        "does": revision.kind,
    }
    return AuditNote(
        "override",
        body,
        actor=revision.actor,
        record_type=each.record_type,
        link_id=each.link_id,
    )


def _ended(
    cycle: Cycle,
    decision: Decision,
    preview: RecordPlan,
    stored: Sequence[Revision],
    before: Parked | None,
) -> Parked | None:
    """Why the record still waits, if it does.

    Raises:
        DecisionError: a side refused it; everything is as it was before.
    """
    with cycle.state.begin() as unit:
        waiting = unit.parked_record(decision.link_id)
        pending = unit.revisions([decision.link_id], RevisionState.PENDING)
        if waiting is None or not pending or not was_refused(preview, waiting):
            return waiting
        for each in stored:
            unit.end_revision(each.number, RevisionState.WITHDRAWN)
            unit.audit([_withdrawn(preview, each, waiting)])
        for conflict in decision.takes:
            unit.set_conflict_state(conflict.number, _state_without(unit, conflict))
        unit.unpark([decision.link_id])
        if before is not None:
            unit.park(before)
            note_parked(unit, before, label=preview.label)
    raise DecisionError(waiting.message, code=waiting.code, fix=waiting.fix)


def _state_without(unit: Unit, conflict: StoredConflict) -> ConflictState:
    """The state of a conflict whose last override was taken back."""
    if last_override(unit, conflict) is not None:
        return ConflictState.OVERRIDDEN
    decided = conflict.conflict.verdict.winner is not None
    return ConflictState.DECIDED if decided else ConflictState.REVIEW


def _withdrawn(preview: RecordPlan, each: Revision, waiting: Parked) -> AuditNote:
    body: dict[str, object] = {
        "label": preview.label,
        "conflict": each.conflict,
        "entry": each.entry,
        "code": waiting.code,
        "message": waiting.message,
    }
    return AuditNote(
        "override.withdrawn",
        body,
        actor=each.actor,
        record_type=each.record_type,
        link_id=each.link_id,
    )
