"""Settle: what follows an acknowledged write, in one transaction.

QuickBooks's answer is compared with what was sent, because a 200 may hold something else
(quickbooks-api, section 3.2). What QuickBooks computed goes to the platform in the same
transaction, and the base becomes what both sides were seen to hold.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from connectors.ports import Payload, RemoteAnswer
from connectors.quickbooks import exact_json
from connectors.state.platform_port import PlatformWrite, StaleRowError, Written
from connectors.state.port import LinkUpdate, Unit
from models.codecs import decode, platform_row, sync_token_of
from models.errors import MismatchError, RecordError
from models.fields import Derived
from models.intent import Intent
from models.merge import Conflict, Outcome
from models.plan import RecordPlan
from models.policy import Verdict
from models.records import Content, Value
from models.words import Operation, Owner, Side
from tasks.context import Cycle
from tasks.files import check_size
from tasks.outcome import covers
from tasks.parents import load_parents
from tasks.record import Done, Settled, note_settled, note_unsettled


@dataclass(frozen=True)
class Answered:
    """A write to QuickBooks that it has acknowledged."""

    plan: RecordPlan
    intent: Intent
    answer: RemoteAnswer

    @property
    def record(self) -> Payload:
        """The record as QuickBooks says that it holds it now."""
        assert self.answer.record is not None, "an acknowledged write has a record"
        return self.answer.record

    @property
    def removes(self) -> bool:
        """Whether the record is gone by it."""
        return self.plan.merge.outcome is Outcome.REMOVE_IN_QUICKBOOKS

    @property
    def facts(self) -> dict[str, str]:
        """Particulars for the log."""
        return {"intent": self.intent.id, "intuit_tid": self.answer.intuit_tid}


@dataclass(frozen=True)
class _Agreed:
    """An acknowledged write whose answer agrees with what was sent."""

    answered: Answered
    #: Names the loser where QuickBooks holds something else than the platform gave.
    plan: RecordPlan
    held: Content
    #: What the platform has to learn; None where it holds all of it.
    write: PlatformWrite | None
    #: Whether that changes a field of the record.
    teaches: bool


def settle_quickbooks(
    cycle: Cycle, unit: Unit, answered: Sequence[Answered]
) -> tuple[list[Settled], list[tuple[RecordPlan, RecordError]]]:
    """Commit acknowledged writes and what the platform has to learn of them.

    Those settled, and those that cannot be: the answer is not what was sent, or the platform's row
    has moved on. Their links know the QuickBooks record already, so that it can never be created
    again.
    """
    _learn_answers(cycle, unit, answered)
    settled = [_removed(each) for each in answered if each.removes]
    held: list[_Agreed] = []
    unsettled: list[tuple[RecordPlan, RecordError]] = []
    for each in answered:
        if each.removes:
            continue
        try:
            held.append(_agreeing(cycle, each))
        except RecordError as error:
            unsettled.append(_unsettled(unit, each, each.plan, error))
    outcomes = iter(unit.platform.write_all([each.write for each in held if each.write]))
    for one in held:
        outcome = next(outcomes) if one.write else None
        if isinstance(outcome, RecordError):
            unsettled.append(_unsettled(unit, one.answered, one.plan, outcome, one.held))
        else:
            settled.append(_settled(one, outcome))
    note_settled(cycle, unit, settled)
    return settled, unsettled


def _learn_answers(cycle: Cycle, unit: Unit, answered: Sequence[Answered]) -> None:
    """Let links know their QuickBooks records, and learn what those refer to."""
    by_type: dict[str, list[Answered]] = {}
    for each in answered:
        by_type.setdefault(each.plan.record_type.name, []).append(each)
    for some in by_type.values():
        # The answer may name what the record did not, such as the account that QuickBooks chose.
        load_parents(cycle, unit, some[0].plan.record_type, [each.record for each in some], [])
    unit.save_links(
        [
            LinkUpdate(each.plan.link.id, quickbooks_id=str(each.record["Id"]))
            for each in answered
            if not each.removes
        ]
    )


def _removed(each: Answered) -> Settled:
    update = LinkUpdate(each.plan.link.id, deleted=True, quickbooks_version=_version(each.record))
    return Settled(
        each.plan, update, Done({Side.QUICKBOOKS: each.intent.operation}, None), each.facts
    )


def _agreeing(cycle: Cycle, each: Answered) -> _Agreed:
    """Compare an answer with what was sent, and see what the platform has to learn of it.

    Raises:
        RecordError: the answer is not what was sent.
    """
    plan, intent = each.plan, each.intent
    held = _held(cycle, plan, intent.fields, each.record)
    check_size(plan.record_type, intent, exact_json.decode(intent.payload), each.record)
    plan = _with_overruled_values(plan, intent.operation, held)
    write, teaches = _lesson(cycle, plan, held)
    return _Agreed(each, plan, held, write, teaches)


def _settled(one: _Agreed, written: Written | None) -> Settled:
    """What is to be noted of a record, of which the platform has learnt what it did not hold."""
    plan, record = one.plan, one.answered.record
    assert plan.platform is not None, "a write to QuickBooks comes from the platform"
    quickbooks_id = str(record["Id"])
    update = LinkUpdate(
        plan.link.id,
        label=plan.record_type.label_of(one.held, quickbooks_id),
        quickbooks_id=quickbooks_id,
        base=one.held,
        quickbooks_version=_version(record),
        platform_version=written[1] if written else int(plan.platform.version),
    )
    writes = {Side.QUICKBOOKS: one.answered.intent.operation}
    if one.teaches:
        writes[Side.PLATFORM] = Operation.UPDATE
    return Settled(plan, update, Done(writes, one.held), one.answered.facts)


def _unsettled(
    unit: Unit,
    each: Answered,
    plan: RecordPlan,
    error: RecordError,
    held: Content | None = None,
) -> tuple[RecordPlan, RecordError]:
    """Log a write that was taken, although the record could not be settled after it."""
    note_unsettled(unit, plan, each.intent.operation, error, **each.facts)
    if isinstance(error, StaleRowError) and held is not None:
        unit.save_links([LinkUpdate(plan.link.id, base=_seen_on_both(plan, held))])
    return each.plan, error


def _version(record: Payload) -> str | None:
    return sync_token_of(record) if "SyncToken" in record else None


def _held(cycle: Cycle, plan: RecordPlan, sent: Collection[str], record: Payload) -> Content:
    """What QuickBooks says it holds now, if it agrees with what was sent."""
    decoded = decode(plan.record_type, Side.QUICKBOOKS, record, cycle.references)
    if decoded.errors:
        raise decoded.errors[0]
    wanted = plan.merge.content
    assert wanted is not None, "only a removal has no content"
    for name in sorted(sent):
        field = plan.record_type.by_name[name]
        if field.normalised or field.owner is Owner.QUICKBOOKS:
            continue
        if not covers(plan.record_type, wanted, decoded.content, name):
            raise MismatchError(
                f"QuickBooks stored {name} as {_shown(decoded.content.get(name))} instead of "
                f"{_shown(wanted.get(name))}",
                code="mismatch",
                field=name,
                value=_shown(decoded.content.get(name)),
                fix="Look at the record in QuickBooks and correct it on one of the two sides.",
            )
    return decoded.content


def _shown(value: Value) -> str:
    return f"{len(value)} lines" if isinstance(value, tuple) else str(value)


def _seen_on_both(plan: RecordPlan, held: Content) -> Content:
    """The base when the platform's row moved on before it could learn all that QuickBooks holds.

    What was planned on stood on the platform and stands in QuickBooks now, so it is no edit of
    QuickBooks's: against what a person has typed since, it would win as the later one.
    """
    before = plan.link.base or {}
    on_platform = (plan.platform.content if plan.platform else None) or {}
    return {
        name: held[name] if held[name] == on_platform.get(name) else before.get(name)
        for name in held
    }


def _with_overruled_values(plan: RecordPlan, operation: Operation, held: Content) -> RecordPlan:
    """What the platform gave and QuickBooks holds otherwise is named as the loser.

    A create may come with a total that QuickBooks computes itself; a void sends nothing of what
    else was edited. A status that nobody may set is the column's default, and no edit.
    """
    given = plan.platform.content if plan.platform else None
    if given is None or operation not in (Operation.CREATE, Operation.VOID):
        return plan
    rule = "owner" if operation is Operation.CREATE else "void"
    fields = plan.record_type.fields
    computed = frozenset(field.name for field in fields if field.owner is Owner.QUICKBOOKS)
    defaults = frozenset(
        field.name
        for field in fields
        if isinstance(field, Derived) and given.get(field.name) not in field.platform_may_set
    )
    names = computed - defaults if rule == "owner" else plan.merge.to_quickbooks - computed
    before = plan.link.base or {}
    verdict = Verdict(Side.QUICKBOOKS, rule)
    overruled = tuple(
        Conflict(name, before.get(name), held.get(name), given[name], verdict)
        for name in sorted(names)
        if given.get(name) is not None and given[name] != held.get(name)
    )
    if not overruled:
        return plan
    return replace(plan, merge=replace(plan.merge, conflicts=plan.merge.conflicts + overruled))


def _lesson(cycle: Cycle, plan: RecordPlan, held: Content) -> tuple[PlatformWrite | None, bool]:
    """Write to the platform what QuickBooks holds and the platform does not.

    None where there is nothing to write; and whether it changes a field of the record.
    """
    assert plan.platform is not None, "a write to QuickBooks comes from the platform"
    on_platform = plan.platform.content or {}
    missing = frozenset(name for name in held if held[name] != on_platform.get(name))
    values: dict[str, object] = platform_row(plan.record_type, held, missing, cycle.references)
    workflow = plan.record_type.workflow
    raw = plan.platform.raw
    if workflow and raw is not None and raw.get(workflow.column) != workflow.posted:
        values[workflow.column] = workflow.posted
    if not values:
        return None, False
    version = int(plan.platform.version)
    write = PlatformWrite(
        plan.record_type, Operation.UPDATE, plan.link.platform_id, version, values
    )
    return write, bool(missing)
