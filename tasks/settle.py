"""Settle: what follows an acknowledged write, in one transaction.

QuickBooks's answer is compared with what was sent, because a 200 may hold something else
(quickbooks-api, section 3.2). What QuickBooks computed goes to the platform in the same
transaction, and the base becomes what both sides were seen to hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

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


def settle_quickbooks(
    cycle: Cycle,
    unit: Unit,
    plan: RecordPlan,
    intent: Intent,
    answer: RemoteAnswer,
) -> Settled:
    """Tell the platform what an acknowledged write to QuickBooks came to; what is to be noted.

    Raises:
        RecordError: the answer is not what was sent, or the platform's row has moved on. The link
            then knows the QuickBooks record already, so that it can never be created again.
    """
    assert answer.record is not None
    operation = intent.operation
    # The answer may name what the record did not, such as the account that QuickBooks chose.
    load_parents(cycle, unit, plan.record_type, [answer.record], [])
    facts = {"intent": intent.id, "intuit_tid": answer.intuit_tid}
    if plan.merge.outcome is Outcome.REMOVE_IN_QUICKBOOKS:
        update = LinkUpdate(plan.link.id, deleted=True, quickbooks_version=_version(answer.record))
        return Settled(plan, update, Done({Side.QUICKBOOKS: operation}, None), facts)
    quickbooks_id = str(answer.record["Id"])
    unit.save_links([LinkUpdate(plan.link.id, quickbooks_id=quickbooks_id)])
    writes: dict[Side, Operation] = {Side.QUICKBOOKS: operation}
    try:
        held = _held(cycle, plan, intent.fields, answer.record)
        check_size(plan.record_type, intent, exact_json.decode(intent.payload), answer.record)
        plan = _with_overruled_values(plan, operation, held)
        platform_version = _teach_platform(cycle, unit, plan, held, writes)
    except RecordError as error:
        note_unsettled(unit, plan, operation, error, **facts)
        if isinstance(error, StaleRowError):
            unit.save_links([LinkUpdate(plan.link.id, base=_seen_on_both(plan, held))])
        raise
    update = LinkUpdate(
        plan.link.id,
        label=plan.record_type.label_of(held, quickbooks_id),
        quickbooks_id=quickbooks_id,
        base=held,
        quickbooks_version=_version(answer.record),
        platform_version=platform_version,
    )
    return Settled(plan, update, Done(writes, held), facts)


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


def _teach_platform(
    cycle: Cycle,
    unit: Unit,
    plan: RecordPlan,
    held: Content,
    writes: dict[Side, Operation],
) -> int | None:
    """Write to the platform what QuickBooks holds and the platform does not; its row version."""
    assert plan.platform is not None, "a write to QuickBooks comes from the platform"
    on_platform = plan.platform.content or {}
    missing = frozenset(name for name in held if held[name] != on_platform.get(name))
    values: dict[str, object] = platform_row(plan.record_type, held, missing, cycle.references)
    workflow = plan.record_type.workflow
    raw = plan.platform.raw
    if workflow and raw is not None and raw.get(workflow.column) != workflow.posted:
        values[workflow.column] = workflow.posted
    version = int(plan.platform.version)
    if not values:
        return version
    write = PlatformWrite(
        plan.record_type, Operation.UPDATE, plan.link.platform_id, version, values
    )
    _, new_version = unit.platform.write(write)
    if missing:
        writes[Side.PLATFORM] = Operation.UPDATE
    return new_version


def apply_to_platform(
    cycle: Cycle, unit: Unit, plans: Sequence[RecordPlan]
) -> tuple[list[Settled], list[tuple[RecordPlan, RecordError]]]:
    """Write records to the platform, and commit what is known of them; those settled, and refused.

    A record is refused where somebody edited its row since it was read, where the platform refuses
    its values, or where a parent has no row yet.
    """
    writes: list[tuple[RecordPlan, PlatformWrite]] = []
    settled: list[Settled] = []
    refused: list[tuple[RecordPlan, RecordError]] = []
    for plan in plans:
        try:
            if plan.platform_operation is None:
                settled.append(_nothing_to_write(plan))
            else:
                writes.append((plan, _platform_write(cycle, plan, plan.platform_operation)))
        except RecordError as error:
            refused.append((plan, error))
    outcomes = unit.platform.write_all([write for _, write in writes])
    for (plan, write), outcome in zip(writes, outcomes, strict=True):
        if isinstance(outcome, RecordError):
            refused.append((plan, outcome))
        else:
            settled.append(_applied(plan, write, outcome))
    note_settled(cycle, unit, settled)
    return settled, refused


def _platform_write(cycle: Cycle, plan: RecordPlan, operation: Operation) -> PlatformWrite:
    """The write to the platform that is planned.

    Raises:
        RecordError: a value or parent has no form there.
    """
    values = _platform_values(cycle, plan, operation)
    expected = int(plan.platform.version) if plan.platform else None
    return PlatformWrite(plan.record_type, operation, plan.link.platform_id, expected, values)


def _applied(plan: RecordPlan, write: PlatformWrite, written: Written) -> Settled:
    row_id, version = written
    content = plan.merge.content
    update = LinkUpdate(
        plan.link.id,
        label=plan.record_type.label_of(content, plan.link.label),
        platform_id=row_id,
        base=content,
        quickbooks_version=plan.quickbooks.version if plan.quickbooks else None,
        platform_version=version,
        deleted=write.operation is Operation.DELETE,
    )
    return Settled(plan, update, Done({Side.PLATFORM: write.operation}, content))


def _platform_values(cycle: Cycle, plan: RecordPlan, operation: Operation) -> Mapping[str, object]:
    if operation is Operation.DELETE:
        return {}
    assert plan.merge.content is not None
    values: dict[str, object] = platform_row(
        plan.record_type, plan.merge.content, plan.merge.to_platform, cycle.references
    )
    workflow = plan.record_type.workflow
    if workflow and operation is Operation.CREATE:
        values[workflow.column] = workflow.posted
    return {
        name: value
        for name, value in values.items()
        if operation is not Operation.CREATE or value is not None
    }


def _nothing_to_write(plan: RecordPlan) -> Settled:
    """Both sides agree: remember the versions, and the base where it has moved."""
    forgotten = plan.merge.outcome in (Outcome.FORGET, Outcome.REMOVE_IN_QUICKBOOKS)
    update = LinkUpdate(
        plan.link.id,
        base=plan.merge.content if not forgotten else None,
        quickbooks_version=plan.quickbooks.version if plan.quickbooks else None,
        platform_version=int(plan.platform.version)
        if plan.platform and plan.platform.version.lstrip("-").isdigit()
        else None,
        deleted=forgotten,
    )
    return Settled(plan, update, Done({}, plan.merge.content))
