"""Observe: both sides of each candidate in canonical form, or why it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.ports import Payload
from connectors.state.port import Unit
from models.account_choices import Account
from models.codecs import decode, sync_token_of
from models.errors import MissingParentError, RecordError
from models.fields import value_at
from models.plan import Link
from models.record_type import RecordType
from models.records import Observed
from models.revision import Revision, RevisionState
from models.words import Side
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.default_accounts import Completed, completed_candidate, load_accounts
from tasks.files import held_back
from tasks.matching import waits_for_decision
from tasks.pair import is_inactive
from tasks.parents import load_parents, switched_off
from tasks.reads import is_outdated, outdated
from tasks.times import parse_time


@dataclass(frozen=True)
class Observation:
    """A candidate with both sides in canonical form, or the reason why it has none."""

    candidate: Candidate
    quickbooks: Observed | None
    platform: Observed | None
    error: RecordError | None = None
    #: What a person wants it to hold, and nobody has carried out yet.
    revisions: tuple[Revision, ...] = ()
    #: A new record with default accounts in its gaps; None where it needs none.
    completed: Completed | None = None

    @property
    def entered(self) -> Observed | None:
        """What the platform says, with the default accounts that stand in."""
        if self.completed is None or self.platform is None:
            return self.platform
        return replace(self.platform, content=self.completed.content, raw=self.completed.raw)


@dataclass(frozen=True)
class Known:
    """What the state knows of candidates beside their links, by link."""

    #: Why a record with a file cannot go on.
    held: Mapping[int, RecordError]
    #: What persons want records to hold, and nobody has carried out yet.
    wanted: Mapping[int, Sequence[Revision]]
    #: The company's default accounts, where a candidate may need one; by the platform's number.
    accounts: Mapping[int, Account] = field(default_factory=dict)


def observe(
    cycle: Cycle, record_type: RecordType, candidates: Sequence[Candidate]
) -> list[Observation]:
    """Both sides of each candidate in canonical form."""
    with cycle.state.begin() as unit:
        known = look_up(cycle, unit, record_type, candidates)
    return observations_of(cycle, candidates, known)


def look_up(
    cycle: Cycle, unit: Unit, record_type: RecordType, candidates: Sequence[Candidate]
) -> Known:
    """What is needed to decode and to merge them; all that they refer to is known afterwards."""
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
    wanted: dict[int, list[Revision]] = {}
    for revision in unit.revisions(parked, RevisionState.PENDING) if parked else []:
        wanted.setdefault(revision.link_id, []).append(revision)
    return Known(held, wanted, load_accounts(cycle, unit, record_type, candidates))


def observations_of(
    cycle: Cycle, candidates: Sequence[Candidate], known: Known
) -> list[Observation]:
    """The candidates of one record type in canonical form."""
    return [
        _observation(
            cycle,
            each,
            known.held.get(each.link.id),
            tuple(known.wanted.get(each.link.id, ())),
            known.accounts,
        )
        for each in candidates
    ]


def _observation(
    cycle: Cycle,
    each: Candidate,
    held: RecordError | None,
    revisions: tuple[Revision, ...],
    accounts: Mapping[int, Account],
) -> Observation:
    quickbooks, quickbooks_error = _in_quickbooks(cycle, each)
    platform, platform_error = _on_platform(cycle, each)
    completed = completed_candidate(cycle, each, platform, accounts)
    if completed is not None:
        platform_error = completed.error
    error = each.left_alone or _doubt(cycle, each) or quickbooks_error or platform_error
    error = error or _special_case(each) or held
    if isinstance(error, MissingParentError):
        error = switched_off(cycle, each.record_type, error) or error
    return Observation(each, quickbooks, platform, error, revisions, completed)


def _doubt(cycle: Cycle, each: Candidate) -> RecordError | None:
    """Why a person has to say what the record is before anything is decided about it."""
    if each.quickbooks is not None and is_outdated(each.link, each.quickbooks):
        return outdated(each.link, each.quickbooks)
    if each.doubt is not None:
        return None if each.is_gone else each.doubt
    raws: dict[Side, Payload] = {}
    if each.quickbooks is not None:
        raws[Side.QUICKBOOKS] = each.quickbooks
    if each.platform is not None and each.platform.live:
        raws[Side.PLATFORM] = each.platform.values
    return waits_for_decision(cycle, each.record_type, raws)


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
