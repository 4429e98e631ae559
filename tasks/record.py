"""Record: note how every record ended, in the state, the audit log and the tally."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.state.platform_port import BusyRowError, StaleRowError
from connectors.state.port import LinkUpdate, Parked, Unit
from models.audit import AuditNote
from models.errors import (
    OutcomeUnknownError,
    OutdatedReadingError,
    RecordError,
    RemoteError,
    RetryLaterError,
    StaleRecordError,
    SyncError,
)
from models.file_rules import FileNotThereError
from models.intent import Intent
from models.merge import Conflict
from models.plan import Link, RecordPlan
from models.record_type import catalog
from models.records import Content
from models.retry_queue import ATTEMPTS_MAX
from models.words import SIDES, Operation, Side
from tasks.context import Cycle
from tasks.revisions import close_revisions

#: Wait before a record that failed for a passing reason is taken up again: doubled each time.
WAIT_FIRST = timedelta(minutes=1)
WAIT_MAX = timedelta(hours=6)
#: Code of records that are in order, and whose file could not be fetched: `tasks.fetch` goes on.
FILE_NOT_FETCHED = "file_not_fetched"


@dataclass(frozen=True)
class Done:
    """What was written for one record."""

    writes: Mapping[Side, Operation]
    #: What both sides hold now; None when the record is gone.
    content: Content | None


@dataclass(frozen=True)
class Settled:
    """A record that both sides agree on now, and what is to be noted of it."""

    plan: RecordPlan
    update: LinkUpdate
    done: Done
    #: Particulars for the log, such as the intent and Intuit's transaction id.
    facts: Mapping[str, str] = field(default_factory=dict)

    def link(self, now: datetime) -> Link:
        """Which records the link names from now on."""
        link, update = self.plan.link, self.update
        return replace(
            link,
            quickbooks_id=update.quickbooks_id or link.quickbooks_id,
            platform_id=update.platform_id or link.platform_id,
            label=update.label or link.label,
            deleted_at=now if update.deleted else link.deleted_at,
        )


def note_settled(cycle: Cycle, unit: Unit, settled: Sequence[Settled]) -> None:
    """Commit settled records: links, bases, conflicts, audit; none of them is parked any more."""
    if not settled:
        return
    ids = [each.plan.link.id for each in settled]
    unit.save_links([each.update for each in settled])
    cycle.references.learn(each.link(unit.now) for each in settled)
    unit.unpark(ids)
    for each in settled:
        note_plan_conflicts(unit, each.plan)
    unit.audit([note for each in settled for note in _notes_of(each)])
    for each in settled:
        if each.plan.parked_before is not None:
            _end_revisions(unit, each)


def _notes_of(settled: Settled) -> Iterator[AuditNote]:
    """What was written, and that the record is taken back in where it had been set aside."""
    plan, done = settled.plan, settled.done
    before = plan.link.base or {}
    for side, operation in done.writes.items():
        body: dict[str, object] = {
            "operation": operation,
            "label": plan.label,
            "changed": _differences(plan, side, before, done.content),
            **settled.facts,
        }
        yield _note(plan, f"write.{side}", body)
    if plan.parked_before is not None:
        yield _note(plan, "unparked", {"label": plan.label, "was": plan.parked_before})


def _end_revisions(unit: Unit, settled: Settled) -> None:
    for parked in close_revisions(unit, settled.plan, settled.done.content):
        unit.park(parked)
        note_parked(unit, parked, label=settled.plan.label)


def note_unsettled(
    unit: Unit, plan: RecordPlan, operation: Operation, error: RecordError, **facts: str
) -> None:
    """Log a write that QuickBooks has taken, although the record could not be settled after it."""
    if isinstance(error, StaleRowError):
        # It is merged again, where the losers of this write can no longer be seen.
        note_plan_conflicts(unit, plan)
    body: dict[str, object] = {
        "operation": operation,
        "label": plan.label,
        "changed": _differences(plan, Side.QUICKBOOKS, plan.link.base or {}, plan.merge.content),
        "unsettled": str(error),
        **facts,
    }
    unit.audit([_note(plan, f"write.{Side.QUICKBOOKS}", body)])


def note_part_written(unit: Unit, plan: RecordPlan, names: Collection[str]) -> None:
    """Log the part of a held record that the platform was given meanwhile."""
    changed = _differences(plan, Side.PLATFORM, plan.link.base or {}, plan.merge.content)
    body: dict[str, object] = {
        "operation": Operation.UPDATE,
        "label": plan.label,
        "changed": {name: values for name, values in changed.items() if name in names},
    }
    unit.audit([_note(plan, f"write.{Side.PLATFORM}", body)])


def note_recovered(unit: Unit, intent: Intent, link: Link, agreed: Content, **facts: str) -> None:
    """Log a write that took effect although its answer never came; link is as it was before."""
    base = link.base or {}
    body: dict[str, object] = {
        "operation": intent.operation,
        "label": link.label,
        "intent": intent.id,
        "changed": {
            name: [base.get(name), value]
            for name, value in agreed.items()
            if value != base.get(name)
        },
        "found": "its answer was lost; QuickBooks holds what was sent",
        **facts,
    }
    kind = f"write.{Side.QUICKBOOKS}"
    unit.audit([AuditNote(kind, body, record_type=intent.record_type, link_id=intent.link_id)])


def note_uncertain(unit: Unit, intent: Intent, reason: str) -> None:
    """Log a send of which nobody can say any more whether it took effect."""
    body: dict[str, object] = {
        "operation": intent.operation,
        "intent": intent.id,
        "uncertain": reason,
    }
    note = AuditNote(
        "write.uncertain", body, record_type=intent.record_type, link_id=intent.link_id
    )
    unit.audit([note])


def count_done(cycle: Cycle, settled: Settled) -> None:
    """Tally a settled record, after its transaction has committed."""
    tally, plan, done = cycle.tally, settled.plan, settled.done
    tally.read(plan.record_type, plan.read_from)
    for side in SIDES:
        operation = done.writes.get(side)
        if operation is not None:
            outcome = "created" if operation is Operation.CREATE else "updated"
            tally.direction(plan.record_type, side, outcome)
        elif side.other in plan.read_from:
            tally.direction(plan.record_type, side, "unchanged")
    _count_conflicts(cycle, plan)
    tally.end(plan.record_type, "applied" if done.writes else "unchanged")


def _count_conflicts(cycle: Cycle, plan: RecordPlan) -> None:
    """A conflict counts in the direction of the side that loses; an open one, to the platform."""
    for conflict in plan.merge.conflicts:
        loser = conflict.verdict.winner.other if conflict.verdict.winner else Side.PLATFORM
        cycle.tally.direction(plan.record_type, loser, "conflicts")


def edit_times(plan: RecordPlan) -> dict[Side, datetime | None]:
    """When each side says that the record was edited last."""
    return {
        Side.QUICKBOOKS: plan.quickbooks.edited_at if plan.quickbooks else None,
        Side.PLATFORM: plan.platform.edited_at if plan.platform else None,
    }


def note_plan_conflicts(unit: Unit, plan: RecordPlan) -> None:
    """Keep and log what a plan decided against somebody."""
    note_conflicts(unit, plan.link, plan.merge.conflicts, edit_times(plan))


def note_conflicts(
    unit: Unit,
    link: Link,
    conflicts: Sequence[Conflict],
    edited_at: Mapping[Side, datetime | None],
) -> None:
    """Keep and log conflicts, with all three versions."""
    if not conflicts:
        return
    times = {side: time for side, time in edited_at.items() if time}
    entries = unit.audit([_conflict_note(link, each, times) for each in conflicts])
    unit.add_conflicts(link, conflicts, edited_at, entries)


def _conflict_note(link: Link, each: Conflict, times: Mapping[Side, datetime]) -> AuditNote:
    body: dict[str, object] = {
        "label": link.label,
        "field": each.field,
        "base": each.base,
        "quickbooks": each.quickbooks,
        "platform": each.platform,
        "winner": each.verdict.winner or "person",
        "rule": each.verdict.reason,
        "edited_at": times,
    }
    return AuditNote("conflict", body, record_type=link.record_type, link_id=link.id)


def _differences(
    plan: RecordPlan, side: Side, before: Content, after: Content | None
) -> dict[str, list[object]]:
    """Field -> [what the side held, what it holds now]."""
    observed = plan.quickbooks if side is Side.QUICKBOOKS else plan.platform
    held = observed.content if observed and observed.content is not None else before
    if after is None:
        return {}
    return {
        name: [held.get(name), value] for name, value in after.items() if value != held.get(name)
    }


def _note(plan: RecordPlan, kind: str, body: dict[str, object]) -> AuditNote:
    return AuditNote(kind, body, record_type=plan.record_type.name, link_id=plan.link.id)


def park(cycle: Cycle, plan: RecordPlan, error: SyncError) -> None:
    """Set a record aside with its reason, in a transaction of its own, and tally it."""
    with cycle.state.begin() as unit:
        parked = _parked(plan, error, unit.now)
        known = unit.parked_record(plan.link.id)
        unit.park(with_attempts(parked, known))
        if known is None or known.message != parked.message:
            if plan.merge.conflicts:
                note_plan_conflicts(unit, plan)
            note_parked(unit, parked, label=plan.label)
    count_parked(cycle, plan, parked)


def note_parked(unit: Unit, parked: Parked, **facts: str) -> None:
    """Log that a record was set aside, and why."""
    body: dict[str, object] = {
        "code": parked.code,
        "field": parked.field,
        "value": parked.value,
        "message": parked.message,
        "fix": parked.fix,
        **facts,
    }
    unit.audit([AuditNote("parked", body, record_type=parked.record_type, link_id=parked.link_id)])


def count_parked(cycle: Cycle, plan: RecordPlan, parked: Parked) -> None:
    """Tally a record that was set aside."""
    cycle.tally.read(plan.record_type, plan.read_from)
    for side in plan.read_from:
        cycle.tally.direction(plan.record_type, side.other, "parked")
    _count_conflicts(cycle, plan)
    cycle.tally.end(plan.record_type, "parked")
    cycle.tally.parked(
        {
            "record_type": plan.record_type.name,
            "record": plan.label,
            "link": str(plan.link.id),
            "side": parked.side,
            "code": parked.code,
            "field": parked.field,
            "value": parked.value,
            "message": parked.message,
            "fix": parked.fix,
        }
    )


def _parked(plan: RecordPlan, error: SyncError, now: datetime) -> Parked:
    code, field, value, fix = reason_of(error)
    return Parked(
        link_id=plan.link.id,
        record_type=plan.record_type.name,
        side=Side.PLATFORM if Side.PLATFORM in plan.read_from else Side.QUICKBOOKS,
        code=code,
        field=field,
        value=value,
        message=str(error),
        fix=fix,
        attempts=1,
        since=now,
        next_attempt_at=now if passes(error) else None,
    )


def with_attempts(parked: Parked, known: Parked | None) -> Parked:
    """Count the attempts, wait longer after each, and give up in the end."""
    attempts = known.attempts + 1 if known else 1
    since = known.since if known else parked.since
    counted = replace(parked, attempts=attempts, since=since)
    if parked.next_attempt_at is None or known is None:
        return counted
    if attempts >= ATTEMPTS_MAX:
        fix = f"It was tried {attempts} times since {since:%Y-%m-%d}, and is not tried again by "
        fix += f"itself. {parked.fix} Then `quickbooks-sync retry {parked.link_id}`."
        return replace(counted, next_attempt_at=None, fix=fix)
    wait = min(WAIT_MAX, WAIT_FIRST * 2 ** min(attempts - 1, 10))
    return replace(counted, next_attempt_at=parked.next_attempt_at + wait)


def passes(error: SyncError) -> bool:
    """Whether the reason may pass by itself, without anybody editing the record."""
    return isinstance(
        error,
        RetryLaterError
        | OutcomeUnknownError
        | StaleRecordError
        | StaleRowError
        | BusyRowError
        | OutdatedReadingError
        | FileNotThereError,
    )


def reason_of(error: SyncError) -> tuple[str, str, str, str]:
    """Code, field, value and fix of an error, for people and for the parked record."""
    if isinstance(error, RecordError):
        return error.code, error.field, error.value, error.fix
    if isinstance(error, RemoteError):
        fault = error.fault
        code = f"fault_{fault.code}" if fault.code else type(error).__name__
        return code, fault.element, "", fault.fix or "See the message of QuickBooks."
    return type(error).__name__, "", "", "See the message."


def waits_for_parent(code: str) -> bool:
    """Whether a parked record waits for another one."""
    return code in ("missing_parent", "waits_for_parent")


def release_waiting(cycle: Cycle) -> None:
    """Let records that wait for a parent be tried again, because something was created.

    Also those of data types that other cycles sync.
    """
    with cycle.state.begin() as unit:
        waiting = [
            each.link_id for each in unit.parked(list(catalog())) if waits_for_parent(each.code)
        ]
        if waiting:
            unit.release(waiting)
