"""Load: the one write protocol towards QuickBooks, and the writes to the platform.

1. The intent is stored: what is to be written, with the marker that the record will carry. Where
   a default account stands in, the platform's row takes it in the same transaction.
2. The send is recorded, with its number and time; only then does it leave, under a request id made
   from the intent, and within a bounded time or not at all.
3. Answered: the answer is verified and everything it means commits in one transaction (`settle`).
4. Refused: the intent is closed; the record goes to `push_record`, which a person can watch.
5. Not answered: the outcome is unknown, and nothing else touches the record. It is looked for;
   found, it is adopted with what is observed and merged again; not found, it is sent again once the
   longest flight has passed since the last send (`outcome`, `recover`).
6. Moved on since it was planned: both sides are read and merged again, at most three times; then it
   is a conflict, and waits for whoever keeps changing it.

A batch never fails because of one of its records.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.ports import Payload, RemoteAnswer
from connectors.quickbooks import exact_json
from models.codecs import create_body, mark_body, needs_held, removal_body, update_body
from models.errors import (
    DisconnectedError,
    Fault,
    GoneError,
    OutcomeUnknownError,
    RecordError,
    RejectedError,
    RemoteError,
    RetryLaterError,
    StaleRecordError,
    SyncError,
)
from models.intent import SEND_WINDOW_DIVISOR, Attempt, Intent
from models.marker import marker_of
from models.merge import Outcome
from models.plan import RecordPlan
from models.records import canonical_json, fingerprint, link_in
from models.referring import references_in
from models.words import IntentState, Operation
from tasks.apply import apply_to_platform
from tasks.context import Cycle
from tasks.default_accounts import note_fills, write_fills
from tasks.files import describe, is_upload, post, remote_write
from tasks.merged import note_merged
from tasks.parents import load_parents
from tasks.record import Settled, count_done, edit_times
from tasks.settle import Answered, settle_quickbooks

#: QuickBooks takes 30 items in a batch (section 6).
BATCH_SIZE = 30
#: Characters of a batch's request id (section 6: at most 36).
BATCH_ID_CHARACTERS = 32
#: Records written to the platform in one transaction.
PLATFORM_BATCH_SIZE = 200


@dataclass
class Prepared:
    """A write that is ready to be sent."""

    plan: RecordPlan
    intent: Intent
    body: Payload
    #: A send of it was not answered: it may stand in QuickBooks, whatever later sends come to.
    unknown: bool = False


@dataclass
class Failed:
    """A record whose write failed, and how far it got."""

    plan: RecordPlan
    error: SyncError
    #: The write, while its intent is open.
    prepared: Prepared | None = None
    attempts: int = 0
    #: How often it was merged again because it had moved on.
    merges: int = 0

    @property
    def name(self) -> str:
        """What people call it, for the task run's name."""
        return f"{self.plan.record_type.name} {self.plan.label}"


# -- batches --


def load_batch(cycle: Cycle, plans: Sequence[RecordPlan]) -> list[Failed]:
    """Write up to 30 records to QuickBooks; the ones that failed.

    Raises:
        DisconnectedError: no call can work.
    """
    assert len(plans) <= BATCH_SIZE
    uploads = [each for each in plans if is_upload(each.record_type, each.quickbooks_operation)]
    failed = _load(cycle, [each for each in plans if each not in uploads])
    for each in uploads:
        # A file may take minutes, and its send has a deadline of its own.
        cycle.renew_lease()
        failed += _load(cycle, [each])
    return failed


def _load(cycle: Cycle, plans: Sequence[RecordPlan]) -> list[Failed]:
    prepared, failed = _prepare_all(cycle, plans)
    ready, refused = _store_intents(cycle, prepared) if prepared else ([], [])
    failed += refused
    if ready:
        failed += send(cycle, ready)
    return failed


def apply_batch(cycle: Cycle, plans: Sequence[RecordPlan]) -> list[Failed]:
    """Write records to the platform in one transaction; the ones that failed."""
    _load_references(cycle, plans)
    with cycle.state.begin() as unit:
        settled, refused = apply_to_platform(cycle, unit, plans)
        for each in settled:
            note_merged(cycle, unit, each.plan)
    for each in settled:
        count_done(cycle, each)
    return [Failed(plan, error) for plan, error in refused]


def _load_references(cycle: Cycle, plans: Sequence[RecordPlan]) -> None:
    """Fetch links that a base refers to and that nobody read in this cycle."""
    referred = {
        link_in(value)[1]
        for plan in plans
        for _, value in references_in(plan.record_type, plan.merge.content)
    }
    wanted = {each for each in referred if not cycle.references.knows_link(each)}
    if wanted:
        with cycle.state.begin() as unit:
            cycle.references.load_links(unit, wanted)


# -- preparing --


def _prepare_all(cycle: Cycle, plans: Sequence[RecordPlan]) -> tuple[list[Prepared], list[Failed]]:
    _load_references(cycle, plans)
    ours = _made_by_us(cycle, plans)
    prepared: list[Prepared] = []
    failed: list[Failed] = []
    for plan in plans:
        try:
            prepared.append(_prepare(cycle, plan, ours))
        except (RecordError, RemoteError) as error:
            if isinstance(error, DisconnectedError):
                raise
            failed.append(Failed(plan, error))
    return prepared, failed


def _made_by_us(cycle: Cycle, plans: Sequence[RecordPlan]) -> frozenset[int]:
    """Links of records that carry our marker, of those whose note is to be written."""
    markers = {}
    for plan in plans:
        marking, operation = plan.record_type.marking, plan.quickbooks_operation
        if operation is Operation.UPDATE and marking and marking.note in plan.merge.to_quickbooks:
            markers[_marker(cycle, plan)] = plan.link.id
    if not markers:
        return frozenset()
    with cycle.state.begin() as unit:
        return frozenset(markers[marker] for marker in unit.intents_marked(set(markers)))


def _marker(cycle: Cycle, plan: RecordPlan) -> str:
    assert plan.link.platform_id is not None, "what is written to QuickBooks is on the platform"
    return marker_of(cycle.origin, plan.record_type.name, plan.link.platform_id)


def _prepare(cycle: Cycle, plan: RecordPlan, ours: Collection[int]) -> Prepared:
    """The body of a planned write and the intent to send it.

    Raises:
        RecordError: a value or parent has no form in QuickBooks.
        StaleRecordError: QuickBooks's record has moved on since it was planned.
        RemoteError: the record could not be read.
    """
    operation = plan.quickbooks_operation
    assert operation is not None, "only plans with a write to QuickBooks are loaded"
    sent = plan.merge.to_quickbooks
    if operation is Operation.CREATE:
        assert plan.merge.content is not None
        body = create_body(plan.record_type, plan.merge.content, cycle.references)
        sent = frozenset(name for name in sent if plan.merge.content.get(name) not in (None, ()))
        if is_upload(plan.record_type, operation):
            describe(cycle, plan, body)
    else:
        held = _held(cycle, plan)
        if plan.merge.outcome is Outcome.REMOVE_IN_QUICKBOOKS and operation is Operation.UPDATE:
            body = {**removal_body(held, Operation.DELETE), "sparse": True, "Active": False}
            sent = frozenset()
        elif operation is Operation.UPDATE:
            assert plan.merge.content is not None
            body = update_body(plan.record_type, plan.merge.content, sent, held, cycle.references)
        else:
            body, sent = removal_body(held, operation), frozenset()
    marker = ""
    if operation is Operation.CREATE or plan.link.id in ours:
        marker = _marked(cycle, plan, body)
    return _prepared(cycle, plan, operation, body, sent, marker)


def _marked(cycle: Cycle, plan: RecordPlan, body: dict[str, Any]) -> str:
    """Put the marker of the platform's record into a body; "" where it carries none."""
    assert plan.merge.content is not None, "a record that is written has content"
    marker, custom = _marker(cycle, plan), cycle.facts.custom_numbers
    is_marked = mark_body(plan.record_type, body, plan.merge.content, marker, custom_numbers=custom)
    return marker if is_marked else ""


def _prepared(
    cycle: Cycle,
    plan: RecordPlan,
    operation: Operation,
    body: dict[str, Any],
    sent: frozenset[str],
    marker: str,
) -> Prepared:
    payload = exact_json.encode(body).decode()
    intent = Intent(
        id=cycle.new_id(),
        link_id=plan.link.id,
        record_type=plan.record_type.name,
        operation=operation,
        state=IntentState.PLANNED,
        payload=payload,
        payload_hash=fingerprint(payload),
        fields=sent,
        marker=marker,
        far_since=cycle.far_since,
        created_at=cycle.clock.now(),
        conflicts=plan.merge.conflicts,
        edited_at=edit_times(plan) if plan.merge.conflicts else {},
    )
    return Prepared(plan, intent, body)


def _held(cycle: Cycle, plan: RecordPlan) -> Payload:
    """QuickBooks's record as planned on; read only where its unmapped parts are needed."""
    if plan.quickbooks is not None and plan.quickbooks.raw is not None:
        return plan.quickbooks.raw
    quickbooks_id = plan.link.quickbooks_id
    assert quickbooks_id is not None, "an update has a record to update"
    sync_token, _, _ = (plan.link.quickbooks_version or "").partition("|")
    updates = plan.merge.outcome is not Outcome.REMOVE_IN_QUICKBOOKS and (
        plan.quickbooks_operation is Operation.UPDATE
    )
    if not updates or not needs_held(plan.record_type, plan.merge.to_quickbooks):
        return {"Id": quickbooks_id, "SyncToken": sync_token}
    record = cycle.quickbooks.read(plan.record_type.entity, quickbooks_id)
    if record is None:
        raise GoneError(Fault("610", "Object Not Found", fix="It is read and merged again."))
    if str(record.get("SyncToken")) != sync_token:
        raise StaleRecordError(Fault("5010", "Stale Object Error", "read before the write"))
    with cycle.state.begin() as unit:
        # what its lines refer to may be nothing that this cycle has read
        load_parents(cycle, unit, plan.record_type, [record], [])
    return record


# -- sending --


def _store_intents(
    cycle: Cycle, prepared: Sequence[Prepared]
) -> tuple[list[Prepared], list[Failed]]:
    """Store what is to be sent, and with it the default accounts on the platform that go along."""
    ready: list[Prepared] = []
    refused: list[Failed] = []
    with cycle.state.begin() as unit:
        outcomes = write_fills(cycle, unit, [each.plan for each in prepared])
        for each, outcome in zip(prepared, outcomes, strict=True):
            if isinstance(outcome, RecordError):
                refused.append(Failed(each.plan, outcome))
            else:
                each.plan = outcome
                ready.append(each)
        planned = {
            each.intent.id: each.plan.quickbooks.version
            for each in ready
            if each.plan.quickbooks is not None
        }
        unit.add_intents([each.intent for each in ready], planned)
        note_fills(unit, [each.plan for each in ready])
    return ready, refused


def send(cycle: Cycle, prepared: Sequence[Prepared]) -> list[Failed]:
    """Send what is stored, and commit what came back."""
    # Counted from before the send is recorded, on a clock that nobody sets: a worker that is paused
    # here for long must not send when another one may have taken over.
    deadline = cycle.clock.monotonic() + cycle.flight.total_seconds() / SEND_WINDOW_DIVISOR
    with cycle.state.begin() as unit:
        sent = unit.mark_sent([each.intent for each in prepared])
    for each, intent in zip(prepared, sent, strict=True):
        each.intent = intent
    answers = _answers(cycle, prepared, deadline)
    if _in_batch(cycle, answers) and _refused_as_a_whole(answers):
        return _send_singly(cycle, prepared, answers)
    failed, settled = _commit(cycle, prepared, answers)
    for done in settled:
        count_done(cycle, done)
    for answer in answers:
        if isinstance(answer.error, DisconnectedError):
            raise answer.error
    return failed


def _commit(
    cycle: Cycle, prepared: Sequence[Prepared], answers: Sequence[RemoteAnswer]
) -> tuple[list[Failed], list[Settled]]:
    """Commit what came back; what failed, and what is settled."""
    failed: list[Failed] = []
    answered: list[Answered] = []
    ends: list[tuple[str, IntentState, Attempt]] = []
    for each, answer in zip(prepared, answers, strict=True):
        state = _state_after(each, answer)
        each.unknown = state is IntentState.UNKNOWN
        ends.append((each.intent.id, state, _attempt(each, answer)))
        if answer.error is None:
            answered.append(Answered(each.plan, each.intent, answer))
        else:
            is_open = state in (IntentState.UNKNOWN, IntentState.PLANNED)
            failed.append(Failed(each.plan, answer.error, each if is_open else None))
    with cycle.state.begin() as unit:
        unit.close_intents(ends)
        settled, unsettled = settle_quickbooks(cycle, unit, answered)
    return [*failed, *(Failed(plan, error) for plan, error in unsettled)], settled


def _send_singly(
    cycle: Cycle, prepared: Sequence[Prepared], answers: Sequence[RemoteAnswer]
) -> list[Failed]:
    """A batch was refused for one of its writes, nobody says which: nothing of it was done."""
    with cycle.state.begin() as unit:
        unit.close_intents(
            [
                (each.intent.id, IntentState.PLANNED, _attempt(each, answer))
                for each, answer in zip(prepared, answers, strict=True)
            ]
        )
    return [failed for each in prepared for failed in send(cycle, [each])]


def _in_batch(cycle: Cycle, writes: Sequence[object]) -> bool:
    """Whether so many writes go in one call."""
    return len(writes) > 1 and cycle.connection.settings.batch_writes


def _answers(cycle: Cycle, prepared: Sequence[Prepared], deadline: float) -> list[RemoteAnswer]:
    """One answer per write, whatever happens on the way."""
    if not _in_batch(cycle, prepared):
        return [post(cycle, each.intent, each.body, deadline) for each in prepared]
    try:
        writes = [remote_write(cycle, each.intent, each.body, deadline) for each in prepared]
        # Not the id of any of its writes: those may yet be sent one by one.
        ids = " ".join(each.request_id for each in writes)
        return cycle.quickbooks.batch(writes, fingerprint(ids)[:BATCH_ID_CHARACTERS])
    except RemoteError as error:
        return [RemoteAnswer(error=error) for _ in prepared]


def _refused_as_a_whole(answers: Sequence[RemoteAnswer]) -> bool:
    """Whether one refusal stands for all writes of a batch, of which only one may be at fault."""
    refusals = {
        (each.error.fault.code, each.error.fault.detail)
        for each in answers
        if isinstance(each.error, RejectedError)
    }
    return len(refusals) == 1 and all(isinstance(each.error, RejectedError) for each in answers)


def _state_after(each: Prepared, answer: RemoteAnswer) -> IntentState:
    """What an answer says of an intent; a refusal says nothing of an earlier send without answer.

    But a create is sent again only when no earlier send can take effect any more.
    """
    if answer.error is None:
        return IntentState.ACKNOWLEDGED
    if isinstance(answer.error, OutcomeUnknownError):
        return IntentState.UNKNOWN
    is_create = each.intent.operation is Operation.CREATE
    if each.unknown and not (is_create and isinstance(answer.error, RejectedError)):
        return IntentState.UNKNOWN
    if isinstance(answer.error, RetryLaterError):
        return IntentState.PLANNED
    return IntentState.REJECTED


def _attempt(each: Prepared, answer: RemoteAnswer) -> Attempt:
    return attempt_of(each.intent, answer)


def attempt_of(intent: Intent, answer: RemoteAnswer) -> Attempt:
    """How a send ended, for the record of attempts."""
    if answer.error is None:
        return Attempt(intent.id, "acknowledged", intuit_tid=answer.intuit_tid)
    fault = answer.error.fault
    text = canonical_json(
        {
            "code": fault.code,
            "message": fault.message,
            "detail": fault.detail,
            "status": fault.status,
        }
    )
    tid = answer.intuit_tid or fault.intuit_tid
    return Attempt(intent.id, type(answer.error).__name__[:20], tid, text)
