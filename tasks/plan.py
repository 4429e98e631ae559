"""Plan: what becomes of every record, as data, before anything is written.

`tasks.validate` judges what `tasks.observe` has decoded; the one decision table of `models.merge`
merges it with the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.state.port import Unit
from models.checks import Unique
from models.errors import RecordError
from models.merge import DELETE_AGAINST_EDIT, Merge, Outcome
from models.plan import Plan, RecordPlan, parents_first
from models.policy import Policy
from models.record_type import RecordType
from models.revision import revised
from models.words import SIDES, Side
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.default_accounts import with_fills
from tasks.merged import merge_through, refuse_gone_parents, words_for
from tasks.observe import Observation, look_up, observations_of
from tasks.periods import hold_back
from tasks.validate import Subject


def plan(
    cycle: Cycle,
    record_types: Sequence[RecordType],
    candidates: Sequence[Candidate],
) -> Plan:
    """Decide what becomes of the candidates."""
    if not candidates:
        return Plan()
    policy = cycle.connection.settings.conflict_policy()
    of_type: dict[RecordType, list[Candidate]] = {}
    for each in candidates:
        of_type.setdefault(each.record_type, []).append(each)
    grouped = {each: of_type[each] for each in record_types if each in of_type}
    with cycle.state.begin() as unit:
        known = {kind: look_up(cycle, unit, kind, some) for kind, some in grouped.items()}
    plans: list[RecordPlan] = []
    for record_type, some in grouped.items():
        observations = observations_of(cycle, some, known[record_type])
        failures = validated(cycle, record_type, observations)
        decided = [
            planned(cycle, each, failures.get(each.candidate.link.id), policy)
            for each in observations
        ]
        plans += parents_first([each for each in decided if _is_asked_for(cycle, each)])
    return Plan(tuple(plans))


def _is_asked_for(cycle: Cycle, each: RecordPlan) -> bool:
    """Whether a plan writes only sides that this cycle is to write."""
    theirs, ours = each.quickbooks_operation, each.platform_operation
    sides = {Side.QUICKBOOKS: theirs, Side.PLATFORM: ours}
    return all(side in cycle.write_to for side, operation in sides.items() if operation)


# -- validating --


def validated(
    cycle: Cycle,
    record_type: RecordType,
    observations: Sequence[Observation],
) -> dict[int, RecordError]:
    """The first check that each record fails, by link."""
    failures: dict[int, RecordError] = {}
    taken = _taken_values(cycle, record_type, observations)
    for side in SIDES:
        subjects = {}
        for each in observations:
            link = each.candidate.link
            observed = each.quickbooks if side is Side.QUICKBOOKS else each.entered
            raw_read = observed is not None and observed.raw is not None
            if each.error is None and raw_read and observed is not None:
                content = observed.content
                if content is not None and content != link.base:
                    subjects[link.id] = Subject(content, link.base, taken.get(link.id, {}))
        judged = cycle.validate(record_type, side, subjects) if subjects else {}
        for link_id, error in judged.items():
            failures.setdefault(link_id, error)
    return failures


def _taken_values(
    cycle: Cycle, record_type: RecordType, observations: Sequence[Observation]
) -> dict[int, dict[str, list[str]]]:
    """Per link and check code: ids of other live rows with the same value that come first."""
    unique = [check for check in record_type.checks if isinstance(check, Unique)]
    asked: dict[str, dict[int, tuple[str, int]]] = {}
    for check in unique:
        for each in observations:
            value = _new_value(each, check.field)
            if value is not None and each.candidate.platform is not None:
                rows = asked.setdefault(check.field, {})
                rows[each.candidate.link.id] = (value, int(each.candidate.platform.id))
    taken: dict[int, dict[str, list[str]]] = {}
    if not asked:
        return taken
    with cycle.state.begin() as unit:
        for check in unique:
            for link_id, others in _others(
                unit, record_type, check.field, asked.get(check.field, {})
            ).items():
                taken.setdefault(link_id, {})[check.code] = others
    return taken


def _new_value(each: Observation, field: str) -> str | None:
    """The platform's value of a field that is to go to QuickBooks."""
    content = each.platform.content if each.platform and each.platform.raw is not None else None
    base = each.candidate.link.base or {}
    value = content.get(field) if content else None
    return value if isinstance(value, str) and value != base.get(field) else None


def _others(
    unit: Unit, record_type: RecordType, field: str, asked: Mapping[int, tuple[str, int]]
) -> dict[int, list[str]]:
    column = record_type.by_name[field].column
    rows = unit.platform.taken(record_type, column, [value for value, _ in asked.values()])
    linked = unit.links_of(
        record_type.name, Side.PLATFORM, {row_id for ids in rows.values() for row_id in ids}
    )
    in_quickbooks = {row_id for row_id, link in linked.items() if link.quickbooks_id}
    found: dict[int, list[str]] = {}
    for link_id, (value, row_id) in asked.items():
        others = [
            other
            for other in rows.get(value.lower(), [])
            if int(other) != row_id and (other in in_quickbooks or int(other) < row_id)
        ]
        if others:
            found[link_id] = others
    return found


# -- merging --


def planned(
    cycle: Cycle, each: Observation, failure: RecordError | None, policy: Policy
) -> RecordPlan:
    """What becomes of one record; failure is the check that it fails."""
    candidate = each.candidate
    error = _kept_in_quickbooks(each) or each.error or failure
    merged = Merge(Outcome.REVIEW, None) if error else _merged(cycle, each, policy)
    if error is None and merged.outcome is Outcome.REVIEW:
        error = _review_error(candidate, merged, words_for(cycle, candidate.link))
    planned = RecordPlan(
        record_type=candidate.record_type,
        link=candidate.link,
        merge=merged,
        quickbooks=each.quickbooks,
        platform=each.platform,
        read_from=candidate.read_from,
        parked=error,
        parked_before=candidate.parked.message if candidate.parked else None,
    )
    if each.completed is not None:
        planned = with_fills(cycle, planned, each.completed.fills)
    planned = refuse_gone_parents(cycle, _within_permission(cycle, planned))
    return hold_back(cycle, planned)


def _kept_in_quickbooks(each: Observation) -> RecordError | None:
    """What the platform cannot do to a record that QuickBooks leads; None where it did not try.

    Edits of its fields need no word here: they are undone by the owner rule, and named.
    """
    record_type, link = each.candidate.record_type, each.candidate.link
    if not record_type.read_only or each.platform is None or each.candidate.left_alone:
        return None
    if each.platform.content is not None and link.quickbooks_id is None:
        done = "made on the platform"
        fix = f"Delete it on the platform; the {record_type.name} is kept in QuickBooks."
    elif each.platform.content is None and each.quickbooks and each.quickbooks.content is not None:
        done = "deleted on the platform"
        fix = f"Restore it on the platform; the {record_type.name} is kept in QuickBooks."
    else:
        return None
    return RecordError(
        f"{record_type.name} {link.label} was {done}, but a {record_type.name} is neither made nor "
        "deleted from there",
        code="read_only",
        value=link.platform_id or "",
        fix=fix,
    )


def _merged(cycle: Cycle, each: Observation, policy: Policy) -> Merge:
    record_type, base = each.candidate.record_type, each.candidate.link.base
    merged = merge_through(cycle, each.candidate, each.quickbooks, each.entered, policy)
    if not each.revisions:
        return merged
    sides = {Side.QUICKBOOKS: each.quickbooks, Side.PLATFORM: each.entered}
    return revised(record_type, merged, base, sides, each.revisions)


def _review_error(candidate: Candidate, merged: Merge, went: str | None) -> RecordError:
    """The error for a conflict; went says how a merged entry of a list went away."""
    names = ", ".join(conflict.field for conflict in merged.conflicts)
    gone_from = _side_without(candidate)
    if gone_from is not None:
        return RecordError(
            f"{went or f'it was deleted on {gone_from}'} and edited on {gone_from.other}"
            + (f" ({names})" if names else ""),
            code=DELETE_AGAINST_EDIT,
            field=names.partition(",")[0],
            fix="Decide with `quickbooks-sync override`, or delete it on the other side too.",
        )
    return RecordError(
        f"both sides changed {names}, and the policy leaves it to a person",
        code="needs_review",
        field=names.partition(",")[0],
        fix="Decide with `quickbooks-sync override`, or make both sides equal by hand.",
    )


def _side_without(candidate: Candidate) -> Side | None:
    row = candidate.platform
    if candidate.gone_in_quickbooks:
        return Side.QUICKBOOKS
    if candidate.gone_on_platform or (row is not None and not row.live):
        return Side.PLATFORM
    return None


def _within_permission(cycle: Cycle, planned: RecordPlan) -> RecordPlan:
    """Writes to a side that may not be written are not planned; the difference waits, visibly."""
    blocked = [
        side
        for side, operation in (
            (Side.QUICKBOOKS, planned.quickbooks_operation),
            (Side.PLATFORM, planned.platform_operation),
        )
        if operation is not None and not cycle.may_write(planned.record_type, side)
    ]
    if not blocked:
        return planned
    data_type, settings = planned.record_type.data_type, cycle.connection.settings
    reason = f"which is switched off for {data_type}"
    fix = f"Switch on {data_type} and writing to {blocked[0]}, or leave it as it is."
    if data_type in settings.data_types and blocked[0] in settings.write_to:
        reason = f"which the sync of {data_type} does"
        fix = f"Nothing to do: the sync of {data_type} takes it up."
    return replace(
        planned,
        parked=RecordError(
            f"it would have to be written to {blocked[0]}, {reason}", code="not_written", fix=fix
        ),
    )
