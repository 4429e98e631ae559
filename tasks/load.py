"""Load: the one write protocol towards QuickBooks, and the writes to the platform.

1. The intent is stored: what is to be written, under a request id made from the intent.
2. The send is recorded; only then does it leave.
3. Answered: the answer is verified and everything it means commits in one transaction (`settle`).
4. Refused: the intent is closed; the record goes to `push_record`, which a person can watch.
5. Not answered: the outcome is unknown. The record is looked for; found, it is adopted and merged
   again; not found, the same write is sent with the same request id, which QuickBooks replays.

A batch never fails because of one of its records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.ports import Payload, RemoteAnswer, RemoteWrite
from connectors.quickbooks import exact_json
from connectors.state.port import Attempt, Intent, StaleRowError
from models.codecs import create_body, needs_held, removal_body, update_body
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
from models.merge import Outcome
from models.plan import RecordPlan
from models.record_type import RecordType
from models.records import canonical_json, fingerprint, link_in
from models.reference_fields import Reference
from models.words import IntentState, Operation, Side
from tasks.context import Cycle
from tasks.look_up import find_created
from tasks.record import Done, count_done, note_recovered, park
from tasks.replan import replan
from tasks.settle import apply_to_platform, settle_quickbooks

#: QuickBooks takes 30 items in a batch (section 6).
BATCH_SIZE = 30
#: Records written to the platform in one transaction.
PLATFORM_BATCH_SIZE = 200
#: Tries of one record within a run, the batch's own left out.
ATTEMPTS_MAX = 4


@dataclass
class Prepared:
    """A write that is ready to be sent."""

    plan: RecordPlan
    intent: Intent
    write: RemoteWrite
    #: Canonical fields that the body carries, to be compared with the answer.
    sent: frozenset[str]
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

    @property
    def name(self) -> str:
        """What people call it, for the task run's name."""
        return f"{self.plan.record_type.name} {self.plan.label}"


def is_passing(error: SyncError) -> bool:
    """Whether another attempt within this run can help."""
    return isinstance(
        error,
        RetryLaterError | OutcomeUnknownError | StaleRecordError | GoneError | StaleRowError,
    )


# -- batches --


def load_batch(cycle: Cycle, plans: Sequence[RecordPlan]) -> list[Failed]:
    """Write up to 30 records to QuickBooks; the ones that failed.

    Raises:
        DisconnectedError: no call can work.
    """
    assert len(plans) <= BATCH_SIZE
    prepared, failed = _prepare_all(cycle, plans)
    if prepared:
        _store_intents(cycle, prepared)
        failed += _send(cycle, prepared)
    return failed


def apply_batch(cycle: Cycle, plans: Sequence[RecordPlan]) -> list[Failed]:
    """Write records to the platform in one transaction; the ones that failed."""
    failed: list[Failed] = []
    done: list[tuple[RecordPlan, Done]] = []
    _load_references(cycle, plans)
    with cycle.state.begin() as unit:
        for plan in plans:
            try:
                done.append((plan, apply_to_platform(cycle, unit, plan)))
            except RecordError as error:
                failed.append(Failed(plan, error))
    for plan, each in done:
        count_done(cycle, plan, each)
    return failed


def _load_references(cycle: Cycle, plans: Sequence[RecordPlan]) -> None:
    """Fetch links that a base refers to and that nobody read in this cycle."""
    wanted = {
        link_id
        for plan in plans
        for link_id in _linked(plan)
        if not cycle.references.knows_link(link_id)
    }
    if wanted:
        with cycle.state.begin() as unit:
            cycle.references.load_links(unit, wanted)


def _linked(plan: RecordPlan) -> list[int]:
    content = plan.merge.content or {}
    values = [
        content.get(each.name) for each in plan.record_type.fields if isinstance(each, Reference)
    ]
    lines = plan.record_type.lines
    for line in (content.get(lines.name) or ()) if lines else ():
        shape = lines.shape_of(line["kind"]) if lines else None
        fields = shape.fields if shape else ()
        values += [line.get(each.name) for each in fields if isinstance(each, Reference)]
    return [link_in(value)[1] for value in values if value]


# -- preparing --


def _prepare_all(cycle: Cycle, plans: Sequence[RecordPlan]) -> tuple[list[Prepared], list[Failed]]:
    _load_references(cycle, plans)
    prepared: list[Prepared] = []
    failed: list[Failed] = []
    for plan in plans:
        try:
            prepared.append(prepare(cycle, plan))
        except (RecordError, RemoteError) as error:
            if isinstance(error, DisconnectedError):
                raise
            failed.append(Failed(plan, error))
    return prepared, failed


def prepare(cycle: Cycle, plan: RecordPlan) -> Prepared:
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
    return _prepared(cycle, plan, operation, body, sent)


def _prepared(
    cycle: Cycle, plan: RecordPlan, operation: Operation, body: Payload, sent: frozenset[str]
) -> Prepared:
    payload = exact_json.encode(body).decode()
    intent_id = cycle.new_id()
    intent = Intent(
        id=intent_id,
        link_id=plan.link.id,
        record_type=plan.record_type.name,
        operation=operation,
        state=IntentState.PLANNED,
        payload=payload,
        payload_hash=fingerprint(payload),
        request_id=intent_id,
        attempts=0,
        created_at=cycle.clock.now(),
    )
    write = RemoteWrite(plan.record_type.entity, operation, body, intent.request_id)
    return Prepared(plan, intent, write, sent)


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
    return record


# -- sending --


def _store_intents(cycle: Cycle, prepared: Sequence[Prepared]) -> None:
    planned = {
        each.intent.id: each.plan.quickbooks.version
        for each in prepared
        if each.plan.quickbooks is not None
    }
    with cycle.state.begin() as unit:
        unit.add_intents([each.intent for each in prepared], planned)


def _send(cycle: Cycle, prepared: Sequence[Prepared]) -> list[Failed]:
    """Send what is stored, and commit what came back."""
    with cycle.state.begin() as unit:
        unit.mark_sent([each.intent for each in prepared])
    answers = _answers(cycle, prepared)
    failed: list[Failed] = []
    done: list[tuple[RecordPlan, Done]] = []
    with cycle.state.begin() as unit:
        for each, answer in zip(prepared, answers, strict=True):
            each.unknown = each.unknown or isinstance(answer.error, OutcomeUnknownError)
            state = _state_after(each, answer)
            unit.close_intent(each.intent.id, state, _attempt(each, answer))
            if answer.error is not None:
                is_open = state in (IntentState.UNKNOWN, IntentState.PLANNED)
                failed.append(Failed(each.plan, answer.error, each if is_open else None))
                continue
            try:
                done.append(
                    settle_quickbooks(
                        cycle,
                        unit,
                        each.plan,
                        each.intent.operation,
                        each.sent,
                        answer,
                        each.intent.id,
                    )
                )
            except RecordError as error:
                failed.append(Failed(each.plan, error))
    for plan, each_done in done:
        count_done(cycle, plan, each_done)
    for answer in answers:
        if isinstance(answer.error, DisconnectedError):
            raise answer.error
    return failed


def _answers(cycle: Cycle, prepared: Sequence[Prepared]) -> list[RemoteAnswer]:
    """One answer per write, whatever happens on the way."""
    try:
        if len(prepared) == 1 or not cycle.connection.settings.batch_writes:
            return [cycle.quickbooks.post(each.write) for each in prepared]
        writes = [each.write for each in prepared]
        # Not the id of any of its writes: those may yet be sent one by one.
        request_id = cycle.new_id()
        answers = cycle.quickbooks.batch(writes, request_id)
        if _refused_as_a_whole(answers):
            return [cycle.quickbooks.post(each) for each in writes]
    except RemoteError as error:
        return [RemoteAnswer(error=error) for _ in prepared]
    if all(isinstance(each.error, OutcomeUnknownError) for each in answers):
        for each in prepared:
            each.unknown = True
        # The same batch under the same id: QuickBooks replays its answer if it had done it. It has
        # been seen to forget request ids, so nothing is sent again once a record has landed.
        try:
            if _any_landed(cycle, prepared):
                return answers
            answers = cycle.quickbooks.batch(writes, request_id)
        except RemoteError as error:
            return [RemoteAnswer(error=error) for _ in prepared]
    return answers


def _refused_as_a_whole(answers: Sequence[RemoteAnswer]) -> bool:
    """Whether one refusal stands for all writes of a batch, of which only one may be at fault."""
    refusals = {
        (each.error.fault.code, each.error.fault.detail)
        for each in answers
        if isinstance(each.error, RejectedError)
    }
    return len(refusals) == 1 and all(isinstance(each.error, RejectedError) for each in answers)


def _any_landed(cycle: Cycle, prepared: Sequence[Prepared]) -> bool:
    """Whether a create of a batch without an answer is in QuickBooks."""
    creates = [each for each in prepared if each.intent.operation is Operation.CREATE]
    try:
        return any(find_created(cycle, each.plan.record_type, each.intent) for each in creates)
    except RecordError:
        return True  # several fit one of them: each is looked at on its own


def _state_after(each: Prepared, answer: RemoteAnswer) -> IntentState:
    """A send that was not let in says nothing about an earlier one that was not answered."""
    if answer.error is None:
        return IntentState.ACKNOWLEDGED
    if isinstance(answer.error, OutcomeUnknownError):
        return IntentState.UNKNOWN
    if each.unknown and isinstance(answer.error, RetryLaterError | DisconnectedError):
        return IntentState.UNKNOWN
    if isinstance(answer.error, RetryLaterError):
        return IntentState.PLANNED
    return IntentState.REJECTED


def _attempt(each: Prepared, answer: RemoteAnswer) -> Attempt:
    if answer.error is None:
        return Attempt(
            each.intent.id, each.write.request_id, "acknowledged", intuit_tid=answer.intuit_tid
        )
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
    return Attempt(
        each.intent.id, each.write.request_id, type(answer.error).__name__[:20], tid, text
    )


# -- one record at a time --


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
    elif failed.prepared.unknown and adopt(
        cycle, failed.prepared.plan.record_type, failed.prepared.intent
    ):
        failed.prepared = None
        _write_anew(cycle, failed)
    else:
        _outcome(failed, _send(cycle, [failed.prepared]))


def _write_anew(cycle: Cycle, failed: Failed) -> None:
    """Look at the record afresh, merge again, and do what that comes to."""
    plan = replan(cycle, failed.plan)
    failed.plan = plan
    if plan.parked is not None:
        failed.error = plan.parked
        raise plan.parked
    if plan.quickbooks_operation is not None:
        _outcome(failed, load_batch(cycle, [plan]))
    else:
        _outcome(failed, apply_batch(cycle, [plan]))


def _outcome(failed: Failed, again: Sequence[Failed]) -> None:
    if again:
        failed.plan, failed.error = again[0].plan, again[0].error
        failed.prepared = again[0].prepared
        raise failed.error


def adopt(cycle: Cycle, record_type: RecordType, intent: Intent) -> bool:
    """Settle an intent of unknown outcome by what QuickBooks holds now.

    A create that is found is linked. An update, delete or void is sent again in any case: if it
    took effect, its SyncToken is stale by now, and the record is merged again.
    """
    if intent.operation is not Operation.CREATE:
        return False
    record = find_created(cycle, record_type, intent)
    if record is None:
        return False
    with cycle.state.begin() as unit:
        unit.complete_link(intent.link_id, Side.QUICKBOOKS, str(record["Id"]))
        unit.close_intent(
            intent.id,
            IntentState.ACKNOWLEDGED,
            Attempt(intent.id, intent.request_id, "adopted"),
        )
        note_recovered(unit, intent)
        cycle.references.learn(unit.links([intent.link_id]).values())
    return True


def give_up(cycle: Cycle, failed: Failed) -> None:
    """Park a record whose attempts are used up; an intent of unknown outcome stays open."""
    if failed.prepared is not None and not failed.prepared.unknown:
        with cycle.state.begin() as unit:
            unit.close_intent(
                failed.prepared.intent.id,
                IntentState.REJECTED,
                Attempt(failed.prepared.intent.id, failed.prepared.write.request_id, "given_up"),
            )
    park(cycle, failed.plan, failed.error)
