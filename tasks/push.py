"""Push: one more attempt at a record whose write failed, which a person can watch by its name.

What may have taken effect is looked for first; what moved on is read on both sides and merged
again; what was held back goes again as it is. What stays failed is parked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.state.platform_port import BusyRowError, StaleRowError
from models.errors import (
    GoneError,
    OutcomeUnknownError,
    OutdatedReadingError,
    RecordError,
    RetryLaterError,
    StaleRecordError,
    SyncError,
)
from models.intent import Attempt, Intent, Step
from models.merge import Conflict
from models.plan import RecordPlan
from models.policy import Verdict
from models.words import IntentState, Operation
from tasks.context import Cycle
from tasks.load import Failed, Prepared, apply_batch, load_batch, send
from tasks.outcome import conclude, look
from tasks.periods import in_plain_words
from tasks.record import park
from tasks.replan import replan

#: Tries of one record within a run, the batch's own left out.
ATTEMPTS_MAX = 4
#: How often a record that keeps moving is merged again within a run.
MERGES_MAX = 3


def is_passing(error: SyncError) -> bool:
    """Whether another attempt within this run can help."""
    return isinstance(
        error,
        RetryLaterError
        | OutcomeUnknownError
        | StaleRecordError
        | GoneError
        | StaleRowError
        | BusyRowError
        | OutdatedReadingError,
    )


def push_record(cycle: Cycle, failed: Failed) -> None:
    """One more attempt at a record that failed.

    Raises:
        SyncError: it failed again; `is_passing` says whether another attempt can help.
    """
    if not is_passing(failed.error):
        raise failed.error
    cycle.renew_lease()
    failed.attempts += 1
    if failed.prepared is None:
        _write_anew(cycle, failed)
    elif failed.prepared.unknown:
        _follow_up(cycle, failed, failed.prepared)
    else:
        _outcome(failed, send(cycle, [failed.prepared]))


def _follow_up(cycle: Cycle, failed: Failed, prepared: Prepared) -> None:
    """Look what became of a write without an answer, and go on from there."""
    intent = prepared.intent
    sighting = look(cycle, [intent])[intent.id]
    with cycle.state.begin() as unit:
        step = conclude(cycle, unit, intent, sighting)
    if step is Step.SEND_AGAIN:
        _outcome(failed, send(cycle, [prepared]))
    elif step in (Step.ADOPT, Step.PLAN_ANEW, Step.DROP):
        failed.prepared = None
        _write_anew(cycle, failed)
    elif step is Step.WAIT:
        raise failed.error
    else:
        if step is Step.GIVE_UP:
            failed.prepared = None
        failed.error = sighting.error or never_seen(intent)
        raise failed.error


def never_seen(intent: Intent) -> RecordError:
    """The error for a write that was sent as often as is allowed, and never seen."""
    return RecordError(
        f"QuickBooks did not answer {intent.attempts} times, and does not hold the record",
        code="never_seen",
        fix="Look whether QuickBooks works, then retry this record.",
    )


def _write_anew(cycle: Cycle, failed: Failed) -> None:
    """Look at the record afresh, merge again, and do what that comes to."""
    if isinstance(failed.error, StaleRecordError | StaleRowError | GoneError):
        if failed.merges >= MERGES_MAX:
            failed.plan, failed.error = _contested(failed.plan)
            raise failed.error
        failed.merges += 1
    before, plan = failed.plan, replan(cycle, failed.plan)
    if plan is None:
        return
    failed.plan = plan
    if plan.parked is not None:
        failed.error = plan.parked
        raise plan.parked
    if isinstance(failed.error, GoneError) and _is_as_before(before, plan):
        failed.error = _inactive(failed.error)
        raise failed.error
    if plan.quickbooks_operation is not None:
        _outcome(failed, load_batch(cycle, [plan]))
    else:
        _outcome(failed, apply_batch(cycle, [plan]))


def _is_as_before(before: RecordPlan, now: RecordPlan) -> bool:
    """Whether the same write is due to the same version of the record: then nobody deleted it."""
    operations = {before.quickbooks_operation, now.quickbooks_operation}
    return operations <= {Operation.CREATE, Operation.UPDATE} and (
        len(operations) == 1 and _version(before) == _version(now)
    )


def _version(plan: RecordPlan) -> str | None:
    return plan.quickbooks.version if plan.quickbooks else plan.link.quickbooks_version


def _inactive(gone: GoneError) -> RecordError:
    """The same fault, of what the record refers to: QuickBooks has one number for both (610)."""
    named = f" ({gone.fault.element})" if gone.fault.element else ""
    return RecordError(
        f"QuickBooks says that something is inactive or deleted there: the record itself, or what "
        f"it refers to{named}",
        code="inactive",
        fix="Make it active again in QuickBooks, or choose another one; then retry this record.",
    )


def _contested(plan: RecordPlan) -> tuple[RecordPlan, RecordError]:
    """A record that moved on each time it was merged: a conflict, not a race to be won."""
    base = plan.link.base or {}
    theirs = (plan.quickbooks.content if plan.quickbooks else None) or {}
    ours = (plan.platform.content if plan.platform else None) or {}
    conflicts = tuple(
        Conflict(
            name,
            base.get(name),
            theirs.get(name),
            ours.get(name),
            Verdict(None, "keeps_changing"),
        )
        for name in sorted(plan.merge.to_quickbooks | plan.merge.to_platform)
    )
    error = RecordError(
        f"it was changed each of the {MERGES_MAX} times that it was merged",
        code="keeps_changing",
        fix="Nothing, unless somebody or some program goes on editing it: it is merged again "
        "after its next change.",
    )
    merged = replace(plan.merge, conflicts=plan.merge.conflicts + conflicts)
    return replace(plan, merge=merged), error


def _outcome(failed: Failed, again: Sequence[Failed]) -> None:
    if again:
        failed.plan, failed.error = again[0].plan, again[0].error
        failed.prepared = again[0].prepared
        raise failed.error


def give_up(cycle: Cycle, failed: Failed) -> None:
    """Park a record whose attempts are used up; an intent of unknown outcome stays open."""
    if failed.prepared is not None and not failed.prepared.unknown:
        intent = failed.prepared.intent
        with cycle.state.begin() as unit:
            unit.close_intent(intent.id, IntentState.REJECTED, Attempt(intent.id, "given_up"))
    park(cycle, failed.plan, in_plain_words(cycle, failed.plan, failed.error))
