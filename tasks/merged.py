"""Merges in QuickBooks: an entry of a name list is gone because it was merged into another one.

QuickBooks deletes no entry of a list, so one that is gone was merged (quickbooks-api 3.5): what
referred to it refers to another one now, and nothing else need show that it moved. So all of it is
read again and merged as usual; the entry's own row goes last, when nothing refers to it any more.
Nobody says which one it was merged into; the records that moved do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from connectors.state.port import LinkUpdate, Unit
from models.audit import AuditNote
from models.codecs import decode
from models.errors import MissingParentError, shorten
from models.merge import Merge, Outcome, merge
from models.plan import Link, RecordPlan
from models.policy import Policy
from models.record_type import LABEL_CHARACTERS_MAX, RecordType, catalog
from models.records import Content, Observed, link_in, reference
from models.referring import references_in, replacements, with_replaced
from models.words import Operation, Side
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.extract import QuickBooksExtract, newest_each
from tasks.parents import load_parents
from tasks.reads import links_to, read_many

# -- before pairing: what to read again --


def read_referring(
    cycle: Cycle, record_types: Sequence[RecordType], extract: QuickBooksExtract
) -> list[RecordType]:
    """Read again what refers to entries that were merged away, into the extract.

    Returns the record types of this cycle, with those that are in it only for such records.
    """
    lists = [each for each in record_types if each.is_list and extract.gone.get(each.name)]
    if not lists:
        return list(record_types)
    with cycle.state.begin() as unit:
        gone = [
            reference(link.record_type, link.id)
            for each in lists
            for link in unit.links_of(each.name, Side.QUICKBOOKS, extract.gone[each.name]).values()
            if link.deleted_at is None
        ]
        wanted: dict[str, set[str]] = {}
        for link in links_to(unit, gone):
            on = catalog()[link.record_type].data_type in cycle.connection.settings.data_types
            if on and link.quickbooks_id is not None:
                wanted.setdefault(link.record_type, set()).add(link.quickbooks_id)
    cycle.merged = dict.fromkeys(gone)
    for name, ids in wanted.items():
        _read_again(cycle, catalog()[name], ids, extract)
    named = {each.name for each in record_types}
    return [each for each in catalog().values() if each.name in named | set(wanted)]


def _read_again(
    cycle: Cycle, record_type: RecordType, ids: Collection[str], extract: QuickBooksExtract
) -> None:
    known_gone = extract.gone.setdefault(record_type.name, [])
    asked = sorted(set(ids) - set(known_gone))
    cycle.progress(f"reading {len(asked)} {record_type.plural} again: a list entry was merged")
    found = read_many(cycle, record_type, asked)
    known_gone += [each for each in asked if each not in found]
    records = [*extract.records.get(record_type.name, ()), *found.values()]
    extract.records[record_type.name] = newest_each(records)
    extract.read_again.setdefault(record_type.name, set()).update(found)


# -- after pairing: into which one --


def tell_winners(cycle: Cycle, candidates: Sequence[Candidate]) -> None:
    """Note which entry each one was merged into, where the records that moved agree on one."""
    if not cycle.merged:
        return
    told: dict[str, set[str]] = {}
    for record_type in dict.fromkeys(each.record_type for each in candidates):
        moved = [
            (each.link.base, each.quickbooks)
            for each in candidates
            if each.record_type is record_type
            and each.quickbooks is not None
            and each.link.base is not None
        ]
        with cycle.state.begin() as unit:
            load_parents(cycle, unit, record_type, [raw for _, raw in moved], [])
        for base, raw in moved:
            now = decode(record_type, Side.QUICKBOOKS, raw, cycle.references).content
            for old, new in replacements(record_type, base, now, cycle.merged):
                told.setdefault(old, set()).add(new)
    for old, winners in told.items():
        if len(winners) == 1:
            (cycle.merged[old],) = winners


# -- planning --


def merge_through(
    cycle: Cycle,
    candidate: Candidate,
    quickbooks: Observed | None,
    platform: Observed | None,
    policy: Policy,
) -> Merge:
    """Merge a record; what it referred to counts as having been the winner all along.

    Else every line of a document would count as edited in QuickBooks, against whatever somebody
    edited on the platform.
    """
    record_type, base = candidate.record_type, candidate.link.base
    winners = {old: new for old, new in cycle.merged.items() if new is not None}
    was_read = quickbooks is not None and quickbooks.raw is not None
    before = {value for _, value in references_in(record_type, base)} if winners else set()
    if base is None or platform is None or not was_read or not before & winners.keys():
        return merge(record_type, base, quickbooks, platform, policy)
    seen = platform.content
    ours = replace(platform, content=seen and with_replaced(record_type, seen, winners))
    base = with_replaced(record_type, base, winners)
    merged = merge(record_type, base, quickbooks, ours, policy)
    if merged.outcome not in (Outcome.MERGED, Outcome.UNCHANGED) or merged.content is None:
        return merged
    lacking = _differing(merged.content, seen or {})
    return replace(merged, outcome=Outcome.MERGED, to_platform=lacking)


def _differing(content: Content, held: Mapping[str, object]) -> frozenset[str]:
    return frozenset(name for name, value in content.items() if value != held.get(name))


def refuse_gone_parents(cycle: Cycle, planned: RecordPlan) -> RecordPlan:
    """Park a write that would newly refer to a record that is gone on both sides, or merged away.

    What referred to it before may go on doing so: QuickBooks keeps inactive entries for that.
    """
    content = planned.merge.content
    if planned.quickbooks_operation not in (Operation.CREATE, Operation.UPDATE) or not content:
        return planned
    known = set(references_in(planned.record_type, planned.link.base))
    for field, value in references_in(planned.record_type, content):
        is_gone = value in cycle.merged or cycle.references.is_gone(link_in(value)[1])
        if is_gone and field in planned.merge.to_quickbooks and (field, value) not in known:
            return replace(planned, parked=_gone_parent(cycle, field, value))
    return planned


def _gone_parent(cycle: Cycle, field: str, value: str) -> MissingParentError:
    record_type, _ = link_in(value)
    return MissingParentError(
        f"{field} is {record_type} {_label(cycle, value)}, which is no longer there",
        code="missing_parent",
        field=field,
        value=_label(cycle, value),
        fix=f"Choose another {record_type} for {field}; where it was merged, the one that it was "
        "merged into.",
    )


def _label(cycle: Cycle, value: str) -> str:
    """What people call an entry, with the one that it was merged into where that is known."""
    label = cycle.references.label_of(link_in(value)[1])
    winner = cycle.merged.get(value)
    if winner is None:
        return label
    into = f" (merged into {shorten(cycle.references.label_of(link_in(winner)[1]))})"
    return shorten(label, characters_max=LABEL_CHARACTERS_MAX - len(into)) + into


def words_for(cycle: Cycle, link: Link) -> str | None:
    """How an entry went, for a conflict with its edit; None where it was not merged away."""
    value = reference(link.record_type, link.id)
    if value not in cycle.merged:
        return None
    winner = cycle.merged[value]
    into = cycle.references.label_of(link_in(winner)[1]) if winner else "another one"
    return f"it was merged into {into} in QuickBooks"


# -- writing --


def goes_last(cycle: Cycle, plan: RecordPlan) -> bool:
    """Whether a plan takes away an entry that other records of this cycle still refer to."""
    return (
        reference(plan.link.record_type, plan.link.id) in cycle.merged
        and plan.parked is None
        and plan.merge.outcome in (Outcome.REMOVE_ON_PLATFORM, Outcome.FORGET)
    )


def note_merged(cycle: Cycle, unit: Unit, plan: RecordPlan) -> None:
    """Say on the tombstone and in the log which entry took the place of a merged one."""
    if not goes_last(cycle, plan):
        return
    value = reference(plan.link.record_type, plan.link.id)
    winner = cycle.merged[value]
    label = _label(cycle, value)
    unit.save_links([LinkUpdate(plan.link.id, label=label)])
    body: dict[str, object] = {
        "label": plan.label,
        "into": cycle.references.label_of(link_in(winner)[1]) if winner else None,
        "into_link": link_in(winner)[1] if winner else None,
    }
    unit.audit([AuditNote("merged", body, record_type=plan.link.record_type, link_id=plan.link.id)])
