"""Undo: put back what a run wrote, record by record, as far as nobody has built on it.

What is to be put back comes from the audit log (`models.undo`), is stored as revisions, each with
an audit entry that names the undone one, and is then written as any other (`tasks.decide`). An
entry is undone once: running it again finds its revisions and does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from connectors.state.platform_port import PlatformWrite
from connectors.state.port import Parked, Unit
from models.approval import ROWS_MAX, UNDO, Approval, ApprovalState
from models.audit import AuditNote
from models.brakes import Tripped
from models.errors import DecisionError
from models.plan import Plan
from models.record_type import catalog
from models.records import Value
from models.revision import Revision, RevisionState
from models.undo import Does, Written
from models.words import Operation, Side
from tasks.brakes import tripped_in, waiting_within, withdraw
from tasks.context import Cycle
from tasks.decide import carry_out, persons_run, set_aside, sides_of, was_refused
from tasks.observe import Observation
from tasks.record import note_parked
from tasks.report import planned_rows
from tasks.revisions import separate
from tasks.undo_steps import Step, revisions_of, steps_of

#: Records whose revisions are stored in one transaction.
STORED_AT_ONCE = 200


@dataclass
class Undone:
    """What undoing a run comes to, or came to."""

    run: str
    steps: list[Step]
    #: Brakes that it trips.
    tripped: list[Tripped] = field(default_factory=list)
    #: Number that confirms what trips them.
    confirm: int | None = None
    applied: bool = False


def undo(
    cycle: Cycle, run: str, actor: str, *, apply: bool = False, confirm: int | None = None
) -> Undone:
    """Show what undoing a run would put back, or put it back.

    Raises:
        UsageError: there is no such run.
        DecisionError: another run works on the company, or it needs a confirmation.
        DisconnectedError: no call can work.
    """
    with persons_run(cycle, "undo" if apply else ""):
        steps = steps_of(cycle, run)
        undone = Undone(run, steps)
        _brake(cycle, undone)
        if not apply:
            _ask(cycle, undone)
            return undone
        _confirmed(cycle, undone, confirm, actor)
        undone.applied = True
        ready = [each for each in steps if each.state == "planned"]
        for start in range(0, len(ready), STORED_AT_ONCE):
            with cycle.state.begin() as unit:
                for each in ready[start : start + STORED_AT_ONCE]:
                    _store(unit, run, each, actor)
        written = [each for each in ready if each.wish.does is not Does.BRING_BACK]
        carry_out(cycle, _by_type([*written, *_unfinished(cycle, steps)]))
        _end(cycle, ready)
    return undone


def _by_type(steps: Iterable[Step]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in steps:
        found.setdefault(each.wish.record_type.name, []).append(each.wish.link_id)
    return found


def _unfinished(cycle: Cycle, steps: Sequence[Step]) -> list[Step]:
    """Records whose undoing was begun before and not carried out."""
    before = {each.wish.link_id: each for each in steps if each.state == "undone before"}
    with cycle.state.begin() as unit:
        pending = unit.revisions(list(before), RevisionState.PENDING)
    return [before[link_id] for link_id in dict.fromkeys(each.link_id for each in pending)]


# -- brakes --


def _brake(cycle: Cycle, undone: Undone) -> None:
    plans = tuple(each.plan for each in undone.steps if each.state == "planned" and each.plan)
    types = [each for each in catalog().values() if any(p.record_type is each for p in plans)]
    with cycle.state.begin() as unit:
        undone.tripped = tripped_in(cycle, unit, Plan(plans), types) if plans else []


def _subjects(undone: Undone) -> frozenset[str]:
    """Keys that no cycle's plan has: the number is good for this undo alone."""
    return frozenset(
        f"undo {undone.run} {subject}" for each in undone.tripped for subject in each.subjects
    )


def _ask(cycle: Cycle, undone: Undone) -> None:
    """Store what trips a brake, for the number that confirms it."""
    if not undone.tripped:
        return
    plans = tuple(each.plan for each in undone.steps if each.state == "planned" and each.plan)
    rows = planned_rows(Plan(plans))
    subjects, scope = _subjects(undone), frozenset({f"undo {undone.run}"})
    with cycle.state.begin() as unit:
        waiting = waiting_within(unit, scope)
        same = next((each for each in waiting if each.subjects == subjects), None)
        withdraw(unit, [each for each in waiting if each is not same])
        stored = same or unit.add_approval(
            Approval(
                number=0,
                brake=UNDO,
                message="; ".join(each.message for each in undone.tripped),
                subjects=subjects,
                rows=tuple(rows[:ROWS_MAX]),
                writes=len(rows),
                state=ApprovalState.WAITING,
                created_at=unit.now,
                scope=scope,
            )
        )
    undone.confirm = stored.number


def _confirmed(cycle: Cycle, undone: Undone, confirm: int | None, actor: str) -> None:
    """Make sure that a person has confirmed what trips a brake.

    Raises:
        DecisionError: nobody has; the message names the number.
    """
    if not undone.tripped:
        return
    subjects = _subjects(undone)
    with cycle.state.begin() as unit:
        waiting = unit.approvals([ApprovalState.WAITING])
        chosen = next((each for each in waiting if each.number == confirm), None)
        if chosen is not None and chosen.subjects == subjects:
            unit.set_approval(chosen.number, ApprovalState.WAITING, ApprovalState.USED, actor)
            body: dict[str, object] = {"plan": chosen.number, "message": chosen.message}
            unit.audit([AuditNote("approval.used", body, actor=actor)])
            return
    _ask(cycle, undone)
    message = "; ".join(each.message for each in undone.tripped)
    raise DecisionError(
        f"nothing was undone: {message}",
        code="needs_confirmation",
        fix=f"Look at the preview; if it is right, add --confirm {undone.confirm}.",
    )


# -- carrying it out --


def _store(unit: Unit, run: str, step: Step, actor: str) -> None:
    """Commit what is to be undone of a record, with an audit entry for each undone one."""
    wish, observation = step.wish, step.observation
    assert observation is not None, "only what was looked at is undone"
    entries = {each.entry: each for each in wish.writes}
    numbers = unit.audit([_note(run, step, each, actor) for each in entries.values()])
    told = dict(zip(entries, numbers, strict=True))
    revisions = revisions_of(step, sides_of(observation), actor)
    for each in revisions:
        assert each.undoes is not None, "it undoes a write of the run"
        unit.add_revision(replace(each, entry=told[each.undoes]))
    if wish.does is Does.BRING_BACK:
        _bring_back(unit, observation)
        return
    assert step.plan is not None, "what is written was planned"
    set_aside(unit, step.plan, f"run {run} is being undone")


def _note(run: str, step: Step, each: Written, actor: str) -> AuditNote:
    changed = each.changed or {}
    body: dict[str, object] = {
        "undoes": each.entry,
        "run": run,
        "label": step.wish.label,
        "does": step.wish.does,
        "side": each.side,
        "changed": {name: [after, before] for name, (before, after) in changed.items()},
    }
    name, link_id = step.wish.record_type.name, step.wish.link_id
    return AuditNote("undo", body, actor=actor, record_type=name, link_id=link_id)


def _bring_back(unit: Unit, observation: Observation) -> None:
    """Let a row that the run marked as deleted live again; QuickBooks's record is gone for good."""
    candidate = observation.candidate
    row = candidate.platform
    assert row is not None, "it was looked at before"
    values: dict[str, Value] = {"deleted_at": None}
    unit.platform.write(
        PlatformWrite(candidate.record_type, Operation.UPDATE, row.id, row.version, values)
    )
    parked = separate(unit, candidate.record_type, candidate.link, Side.QUICKBOOKS)
    unit.park(parked)
    note_parked(unit, parked, label=candidate.link.label)


def _end(cycle: Cycle, steps: Sequence[Step]) -> None:
    """Look how each record ended, and take back what a side refused."""
    for step in steps:
        with cycle.state.begin() as unit:
            pending = unit.revisions([step.wish.link_id], RevisionState.PENDING)
            waiting = unit.parked_record(step.wish.link_id)
            if not pending:
                step.state = "done"
            elif waiting is not None and step.plan and was_refused(step.plan, waiting):
                step.state = "refused"
                _withdraw(unit, step, pending, waiting)
            else:
                step.state = "waiting"
            if step.state != "done" and waiting is not None:
                step.code, step.reason, step.fix = waiting.code, waiting.message, waiting.fix


def _withdraw(unit: Unit, step: Step, pending: Sequence[Revision], waiting: Parked) -> None:
    """Nothing was written: the record is as it was, and can be undone again."""
    wish = step.wish
    for each in pending:
        unit.end_revision(each.number, RevisionState.WITHDRAWN)
        body: dict[str, object] = {
            "label": wish.label,
            "entry": each.entry,
            "code": waiting.code,
            "message": waiting.message,
        }
        name = wish.record_type.name
        note = AuditNote("undo.withdrawn", body, each.actor, name, wish.link_id)
        unit.audit([note])
    unit.unpark([wish.link_id])
