"""Apply: write planned records to the platform, and commit what is known of them with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.state.platform_port import PlatformWrite, Written
from connectors.state.port import LinkUpdate, Unit
from models.codecs import platform_row
from models.errors import RecordError
from models.merge import Outcome
from models.plan import RecordPlan
from models.words import Operation, Side
from tasks.context import Cycle
from tasks.record import Done, Settled, note_settled


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
