"""Match decisions: what a person says about records that both sides may hold both.

Each decision is checked, logged with who decided, and takes effect in the next sync: a pair is
merged without a base, a new record is created on the other side. Taken again it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.ports import Payload
from connectors.state.port import Parked, Unit
from models.audit import AuditNote
from models.errors import RecordError, UsageError
from models.matching import Kind, Proposal
from models.plan import Link, fit_together
from models.record_type import RecordType, catalog
from models.words import Side
from tasks.context import Cycle
from tasks.match_survey import Survey
from tasks.matching import COMMAND, MATCH_CODES, PASSES_MAX, doubt_of, waits_for_decision
from tasks.parents import load_parents
from tasks.pool import Pool
from tasks.record import waits_for_parent


@dataclass(frozen=True)
class Decision:
    """What a person has decided about one record or pair."""

    record_type: str
    decision: str
    link: int
    label: str
    quickbooks_id: str | None
    platform_id: str | None
    #: False where it had been decided before, and nothing changed.
    fresh: bool = True


def accept(
    cycle: Cycle,
    found: Survey,
    record_type: RecordType,
    quickbooks_id: str,
    platform_id: str,
    actor: str,
) -> Decision:
    """Link a pair: they are the same record.

    Raises:
        UsageError: one of the two is not there, is linked already or waits for its parents.
    """
    name = record_type.name
    with cycle.state.begin() as unit:
        theirs, ours = _pair(unit, record_type, quickbooks_id, platform_id)
        if theirs.id == ours.id:
            return _decision("accepted", ours, fresh=False)
        rows = unit.platform.rows(record_type, [platform_id])
    pool = found.pools.get(name)
    record = pool.quickbooks.get(theirs.id) if pool else None
    if record is None:
        record = cycle.quickbooks.read(record_type.entity, quickbooks_id)
    row = rows.get(platform_id)
    if record is None or row is None or not row.live:
        side = Side.QUICKBOOKS if record is None else Side.PLATFORM
        side_id = quickbooks_id if record is None else platform_id
        raise UsageError(f"{name} {side_id} does not exist on {side} any more; see `{COMMAND}`")
    with cycle.state.begin() as unit:
        load_parents(cycle, unit, record_type, [record], [row.values])
        raws = {Side.QUICKBOOKS: record, Side.PLATFORM: row.values}
        waits = waits_for_decision(cycle, record_type, raws)
        if waits is not None:
            raise UsageError(f"{name} {quickbooks_id}={platform_id}: {waits}; decide that first")
        joined = _join(cycle, unit, theirs, ours, actor)
    for each in (theirs.id, ours.id):
        cycle.matching.doubts.pop(each, None)
        if pool is not None:
            pool.drop(each)
    cycle.references.learn([joined])
    return _decision("accepted", joined)


def _pair(
    unit: Unit, record_type: RecordType, quickbooks_id: str, platform_id: str
) -> tuple[Link, Link]:
    """The links of the two, which must be half ones, or one and the same."""
    name, links = record_type.name, []
    for side, side_id in ((Side.QUICKBOOKS, quickbooks_id), (Side.PLATFORM, platform_id)):
        link = unit.links_of(name, side, [side_id]).get(side_id)
        if link is None:
            raise UsageError(
                f"no unlinked {name} {side_id} was seen on {side}; see `{COMMAND}` for what is "
                "there, and give --accept QUICKBOOKS_ID=PLATFORM_ID in this order"
            )
        links.append(link)
    theirs, ours = links
    if theirs.id != ours.id and not fit_together(ours, theirs):
        taken = next(
            each for each in links if each.deleted_at or (each.quickbooks_id and each.platform_id)
        )
        state = "was deleted" if taken.deleted_at else "is linked already"
        raise UsageError(
            f"{name} {taken.label} (QuickBooks {taken.quickbooks_id}, platform "
            f"{taken.platform_id}) {state}; only unlinked records can be accepted as the same"
        )
    return theirs, ours


def _join(cycle: Cycle, unit: Unit, theirs: Link, ours: Link, actor: str) -> Link:
    """One link of two, due in the next sync, and what waited for it too."""
    busy = {each.link_id for each in unit.open_intents()} & {theirs.id, ours.id}
    if busy:
        raise UsageError(
            f"a write of {ours.record_type} {ours.label} is under way; sync, then decide again"
        )
    joined = unit.join_links(ours.id, theirs.id)
    if unit.parked_record(joined.id) is not None:
        unit.release([joined.id])
    elif joined.record_type not in cycle.matching.first:
        unit.park(_due(unit, joined))
    _release_children(unit)
    body: dict[str, object] = {
        "label": joined.label,
        "quickbooks_id": joined.quickbooks_id,
        "platform_id": joined.platform_id,
        "link_gone": theirs.id,
    }
    unit.audit([_note("match.accepted", joined, body, actor)])
    return joined


def _due(unit: Unit, link: Link) -> Parked:
    """What makes the next sync look at a link that no side mentions."""
    return Parked(
        link_id=link.id,
        record_type=link.record_type,
        side=Side.PLATFORM,
        code="match_accepted",
        field="",
        value="",
        message="a person has linked it; the next sync merges both sides",
        fix="Nothing to do: sync.",
        attempts=0,
        since=unit.now,
        next_attempt_at=unit.now,
    )


def _release_children(unit: Unit) -> None:
    """Let all that waits for a parent be looked at in the next sync."""
    waiting = [each.link_id for each in unit.parked(list(catalog())) if waits_for_parent(each.code)]
    if waiting:
        unit.release(waiting)


def accept_likely(
    cycle: Cycle, found: Survey, record_types: Iterable[RecordType], actor: str
) -> list[Decision]:
    """Link all pairs that are likely, parents first; what refers to other doubts stays."""
    made: list[Decision] = []
    for record_type in record_types:
        pool = found.pools.get(record_type.name)
        proposals = found.proposals.get(record_type.name, {})
        if pool is None:
            continue
        pairs = [
            (link_id, each.candidates[0])
            for link_id, each in sorted(proposals.items())
            if link_id in pool.quickbooks and _is_likely(cycle, each, link_id)
        ]
        for _level in range(PASSES_MAX):
            ready = [each for each in pairs if not _waits(cycle, pool, each)]
            for theirs, ours in ready:
                ids = pool.id_of(theirs), pool.id_of(ours)
                made.append(accept(cycle, found, record_type, *ids, actor))
            pairs = [each for each in pairs if each not in ready]
            if not ready or not pairs:
                break
    return made


def _is_likely(cycle: Cycle, proposal: Proposal, link_id: int) -> bool:
    """Whether a pair is likely; one that an edit has made certain since waits for a person too."""
    in_doubt = link_id in cycle.matching.doubts
    return in_doubt and proposal.kind in (Kind.LIKELY, Kind.CERTAIN)


def _waits(cycle: Cycle, pool: Pool, pair: tuple[int, int]) -> RecordError | None:
    raws: Mapping[Side, Payload] = {
        Side.QUICKBOOKS: pool.quickbooks[pair[0]],
        Side.PLATFORM: pool.platform[pair[1]].values,
    }
    return waits_for_decision(cycle, pool.record_type, raws)


def declare_new(cycle: Cycle, found: Survey, link_id: int, actor: str) -> Decision:
    """Say that a record in doubt is on its side only: the next sync creates it on the other one.

    Raises:
        UsageError: it is not in doubt.
    """
    with cycle.state.begin() as unit:
        link = unit.links([link_id]).get(link_id)
        known = unit.parked_record(link_id)
        if link is None:
            raise UsageError(f"there is no link {link_id}; `{COMMAND}` shows what is in doubt")
        half = link.deleted_at is None and not (link.quickbooks_id and link.platform_id)
        is_new = half and link_id not in cycle.matching.doubts and link.record_type in found.first
        if link_id in cycle.matching.decided or is_new:
            return _decision("new", link, fresh=False)
        if link_id not in cycle.matching.doubts:
            raise UsageError(
                f"link {link_id} ({link.record_type} {link.label}) waits for no decision about a "
                f"match; `{COMMAND}` shows what does"
            )
        if known is None or known.code not in MATCH_CODES.values():
            unit.park(_doubted(cycle, found, unit, link))
        unit.release([link_id])
        _release_children(unit)
        body: dict[str, object] = {
            "label": link.label,
            "quickbooks_id": link.quickbooks_id,
            "platform_id": link.platform_id,
            "was": known.message if known else "",
        }
        unit.audit([_note("match.new", link, body, actor)])
    cycle.matching.decided.add(link_id)
    cycle.matching.doubts.pop(link_id, None)
    return _decision("new", link)


def _doubted(cycle: Cycle, found: Survey, unit: Unit, link: Link) -> Parked:
    """A record that the first sync would park, parked now so that the decision is kept with it."""
    pool = found.pools[link.record_type]
    error = doubt_of(cycle, pool, link.id, found.proposals[link.record_type][link.id])
    return Parked(
        link_id=link.id,
        record_type=link.record_type,
        side=pool.side_of(link.id),
        code=error.code,
        field=error.field,
        value=error.value,
        message=str(error),
        fix=error.fix,
        attempts=0,
        since=unit.now,
        next_attempt_at=None,
    )


def _decision(decision: str, link: Link, *, fresh: bool = True) -> Decision:
    return Decision(
        link.record_type,
        decision,
        link.id,
        link.label,
        link.quickbooks_id,
        link.platform_id,
        fresh,
    )


def _note(kind: str, link: Link, body: dict[str, object], actor: str) -> AuditNote:
    return AuditNote(kind, body, actor=actor, record_type=link.record_type, link_id=link.id)
