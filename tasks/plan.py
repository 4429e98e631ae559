"""Plan: what becomes of every record, as data, before anything is written.

Decodes what was read, lets `tasks.validate` judge it, and merges it with the base by the one
decision table of `models.merge`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.ports import Payload
from connectors.state.port import Unit
from models.checks import Unique
from models.codecs import decode, sync_token_of
from models.errors import MissingParentError, RecordError
from models.fields import value_at
from models.merge import DELETE_AGAINST_EDIT, Merge, Outcome
from models.plan import Link, Plan, RecordPlan, parents_first
from models.policy import Policy
from models.record_type import RecordType
from models.records import Observed
from models.revision import UNDONE, Revision, RevisionState, revised
from models.words import Side
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.files import held_back
from tasks.matching import waits_for_decision
from tasks.merged import merge_through, refuse_gone_parents, words_for
from tasks.pair import is_inactive
from tasks.parents import load_parents, switched_off
from tasks.periods import hold_back
from tasks.reads import is_outdated, outdated
from tasks.times import parse_time
from tasks.validate import Subject


@dataclass(frozen=True)
class Observation:
    """A candidate with both sides in canonical form, or the reason why it has none."""

    candidate: Candidate
    quickbooks: Observed | None
    platform: Observed | None
    error: RecordError | None = None
    #: What a person wants it to hold, and nobody has carried out yet.
    revisions: tuple[Revision, ...] = ()


def plan(
    cycle: Cycle,
    record_types: Sequence[RecordType],
    candidates: Sequence[Candidate],
) -> Plan:
    """Decide what becomes of the candidates."""
    if not candidates:
        return Plan()
    policy = cycle.connection.settings.conflict_policy()
    plans: list[RecordPlan] = []
    for record_type in record_types:
        some = [each for each in candidates if each.record_type is record_type]
        if not some:
            continue
        observations = observe(cycle, record_type, some)
        failures = validated(cycle, record_type, observations)
        plans += parents_first(
            [
                planned(cycle, each, failures.get(each.candidate.link.id), policy)
                for each in observations
            ]
        )
    return Plan(tuple(plans))


# -- decoding --


def observe(
    cycle: Cycle, record_type: RecordType, candidates: Sequence[Candidate]
) -> list[Observation]:
    """Both sides of each candidate in canonical form."""
    with cycle.state.begin() as unit:
        held = held_back(unit, record_type, candidates)
        load_parents(
            cycle,
            unit,
            record_type,
            [each.quickbooks for each in candidates if each.quickbooks is not None],
            [each.platform.values for each in candidates if each.platform is not None],
        )
        # One that is under way is parked, so that no other record needs a look.
        parked = [each.link.id for each in candidates if each.parked is not None]
        revisions = unit.revisions(parked, RevisionState.PENDING) if parked else []
    wanted: dict[int, list[Revision]] = {}
    for revision in revisions:
        wanted.setdefault(revision.link_id, []).append(revision)
    return [
        _observation(cycle, each, held.get(each.link.id), tuple(wanted.get(each.link.id, ())))
        for each in candidates
    ]


def _observation(
    cycle: Cycle,
    each: Candidate,
    held: RecordError | None,
    revisions: tuple[Revision, ...],
) -> Observation:
    quickbooks, quickbooks_error = _in_quickbooks(cycle, each)
    platform, platform_error = _on_platform(cycle, each)
    doubt = _doubt(cycle, each) or quickbooks_error or platform_error
    error = doubt or _undone(each) or _special_case(each) or held
    if isinstance(error, MissingParentError):
        error = switched_off(cycle, each.record_type, error) or error
    return Observation(each, quickbooks, platform, error, revisions)


def _doubt(cycle: Cycle, each: Candidate) -> RecordError | None:
    """Why a person has to say what the record is before anything is decided about it."""
    if each.quickbooks is not None and is_outdated(each.link, each.quickbooks):
        return outdated(each.link, each.quickbooks)
    if each.doubt is not None:
        return None if _is_gone(each) else each.doubt
    raws: dict[Side, Payload] = {}
    if each.quickbooks is not None:
        raws[Side.QUICKBOOKS] = each.quickbooks
    if each.platform is not None and each.platform.live:
        raws[Side.PLATFORM] = each.platform.values
    return waits_for_decision(cycle, each.record_type, raws)


def _is_gone(each: Candidate) -> bool:
    """Whether a person deleted the record on the only side that held it."""
    if each.link.platform_id is None:
        return each.gone_in_quickbooks
    row_is_gone = each.platform is not None and not each.platform.live
    return each.link.quickbooks_id is None and (each.gone_on_platform or row_is_gone)


def _in_quickbooks(cycle: Cycle, each: Candidate) -> tuple[Observed | None, RecordError | None]:
    link = each.link
    if _is_gone_in_quickbooks(each):
        return Observed(None, "", None), None
    if each.quickbooks is not None:
        raw = each.quickbooks
        decoded = decode(each.record_type, Side.QUICKBOOKS, raw, cycle.references)
        edited_at = parse_time(value_at(raw, "MetaData.LastUpdatedTime"))
        observed = Observed(decoded.content, sync_token_of(raw), edited_at, raw)
        return observed, decoded.errors[0] if decoded.errors else None
    if link.quickbooks_id is not None and link.base is not None:
        return Observed(link.base, link.quickbooks_version or "", None), None
    return None, None


def _is_gone_in_quickbooks(each: Candidate) -> bool:
    """A name list keeps what both sides have deleted, inactive."""
    record = each.quickbooks
    kept = each.link.deleted_at is not None and record is not None and is_inactive(record)
    return each.gone_in_quickbooks or kept


def _on_platform(cycle: Cycle, each: Candidate) -> tuple[Observed | None, RecordError | None]:
    link, row = each.link, each.platform
    if each.gone_on_platform or (row is not None and not row.live):
        return Observed(None, str(row.version if row else ""), None), None
    if row is not None:
        decoded = decode(each.record_type, Side.PLATFORM, row.values, cycle.references)
        observed = Observed(decoded.content, str(row.version), row.updated_at, row.values)
        return observed, decoded.errors[0] if decoded.errors else None
    if link.platform_id is not None and link.base is not None:
        return Observed(link.base, str(link.platform_version), None), None
    return None, None


def _undone(each: Candidate) -> RecordError | None:
    """What a person undid stays so, whatever is edited meanwhile, until a person retries it."""
    parked = each.parked
    if parked is None or parked.code != UNDONE or parked.next_attempt_at is not None:
        return None
    return RecordError(parked.message, code=UNDONE, fix=parked.fix)


def _special_case(each: Candidate) -> RecordError | None:
    """Situations that no merge decides."""
    workflow, row = each.record_type.workflow, each.platform
    if each.twin_of is not None and not _is_gone_in_quickbooks(each):
        return _twin_error(each, each.twin_of)
    in_quickbooks = each.quickbooks is not None and not _is_gone_in_quickbooks(each)
    if each.link.deleted_at is not None and (in_quickbooks or (row and row.live)):
        return RecordError(
            f"{each.record_type.name} {each.link.label} was deleted on both sides and is there "
            "again on one",
            code="came_back",
            fix="Delete it again, or create a new record instead of reviving the old one.",
        )
    if workflow and row and row.live and row.values.get(workflow.column) in workflow.withdrawn:
        return RecordError(
            f"{workflow.column} went back to {row.values[workflow.column]!r} although the record "
            "stands in QuickBooks",
            code="withdrawn",
            field=workflow.column,
            value=row.values[workflow.column],
            fix=f"Delete it on the platform, or set {workflow.column} to {workflow.posted!r}.",
        )
    return _kept_by_quickbooks(each) or _voided_before_sync(each)


def _kept_by_quickbooks(each: Candidate) -> RecordError | None:
    row, record_type = each.platform, each.record_type
    deleted = each.gone_on_platform or (row is not None and not row.live)
    if not (record_type.read_only and deleted and each.link.quickbooks_id):
        return None
    return RecordError(
        f"it was deleted on the platform, and QuickBooks leads and keeps its {record_type.name}",
        code="kept_by_quickbooks",
        fix=f"Set deleted_at of the {record_type.name} to NULL again.",
    )


def _voided_before_sync(each: Candidate) -> RecordError | None:
    void, row = each.record_type.void_status, each.platform
    status = row.values.get(each.record_type.by_name["status"].column) if void and row else None
    if void and status == void and row and row.live and each.link.quickbooks_id is None:
        return RecordError(
            f"status is {void!r} on a record that has never been in QuickBooks",
            code="voided_before_sync",
            field="status",
            value=void,
            fix="Delete it on the platform, or set another status to have it created there.",
        )
    return None


def _twin_error(each: Candidate, other: Link) -> RecordError:
    name = f"{each.record_type.name} {other.label}"
    return RecordError(
        f"QuickBooks holds {name} twice, as {other.quickbooks_id} and as "
        f"{each.link.quickbooks_id}: both carry the marker of one platform record",
        code="twin",
        value=each.link.quickbooks_id or "",
        fix="Delete the surplus one in QuickBooks. If somebody copied the record on purpose, take "
        "the line that begins with QS- out of the copy's private note, or change its number.",
    )


# -- validating --


def validated(
    cycle: Cycle,
    record_type: RecordType,
    observations: Sequence[Observation],
) -> dict[int, RecordError]:
    """The first check that each record fails, by link."""
    failures: dict[int, RecordError] = {}
    taken = _taken_values(cycle, record_type, observations)
    for side in Side:
        subjects = {}
        for each in observations:
            link = each.candidate.link
            observed = each.quickbooks if side is Side.QUICKBOOKS else each.platform
            raw_read = observed is not None and observed.raw is not None
            if each.error is None and raw_read and observed is not None:
                content = observed.content
                if content is not None and content != link.base:
                    subjects[link.id] = Subject(content, link.base, taken.get(link.id, {}))
        for link_id, error in cycle.validate(record_type, side, subjects).items():
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
    planned = refuse_gone_parents(cycle, _within_permission(cycle, planned))
    return hold_back(cycle, planned)


def _kept_in_quickbooks(each: Observation) -> RecordError | None:
    """What the platform cannot do to a record that QuickBooks leads; None where it did not try.

    Edits of its fields need no word here: they are undone by the owner rule, and named.
    """
    record_type, link = each.candidate.record_type, each.candidate.link
    if not record_type.read_only or each.platform is None:
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
    merged = merge_through(cycle, each.candidate, each.quickbooks, each.platform, policy)
    if not each.revisions:
        return merged
    sides = {Side.QUICKBOOKS: each.quickbooks, Side.PLATFORM: each.platform}
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
