"""Matching: records that both sides held before they were connected, and how sure it is.

In the first sync of a record type `models.matching` compares all that is unlinked on both sides.
What is certain is linked; what is in doubt is parked on both sides until a person decides
(`tasks.match_decisions`), because a record made twice is worse than a question. What refers to a
record in doubt waits for it, and is compared again by its keys once it is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.ports import Payload
from connectors.state.port import Parked, Unit, restored_cursor
from models.codecs import decode
from models.errors import RecordError
from models.match_keys import united
from models.matching import Kind, Proposal, Unlinked, party_of, propose
from models.plan import Link
from models.record_type import RecordType, catalog
from models.records import Content, link_in
from models.reference_fields import Reference
from models.words import Side
from tasks.context import Cycle
from tasks.parents import load_parents, targets_of
from tasks.pool import Matching, Pool
from tasks.record import waits_for_parent

#: Code of a record on one side only of which a database that was restored knows nothing.
AFTER_RESTORE = "after_restore"
#: What records whose match is in doubt are parked as.
MATCH_CODES = {Kind.LIKELY: "match_likely", Kind.AMBIGUOUS: "match_ambiguous"}
#: Reasons to be parked that only a person's decision ends, whatever is edited meanwhile.
DOUBT_CODES = frozenset({AFTER_RESTORE, *MATCH_CODES.values()})
#: Records are compared so often until nothing new follows: parents nest at most five deep.
PASSES_MAX = 6
#: The command that decides.
COMMAND = "quickbooks-sync match"


# -- what is open when a cycle begins --


def open_matches(unit: Unit, record_types: Iterable[RecordType]) -> Matching:
    """Which record types are synced for the first time, and what waits for a decision."""
    parked = unit.parked(list(catalog()))
    synced = {name for (name, _), position in unit.cursors().items() if position}
    found = Matching(
        first=frozenset(
            each.name
            for each in record_types
            if synced.isdisjoint((each.name, restored_cursor(each.name)))
        )
    )
    in_doubt = [each for each in parked if each.code in MATCH_CODES.values()]
    links = unit.links([each.link_id for each in in_doubt])
    for each in in_doubt:
        link = links[each.link_id]
        if each.next_attempt_at is not None:
            found.decided.add(link.id)
        elif link.quickbooks_id is None or link.platform_id is None:
            found.doubts[link.id] = _called(link)
            side = Side.PLATFORM if link.quickbooks_id is None else Side.QUICKBOOKS
            others = unit.links_of(each.record_type, side.other, each.value.split(", "))
            found.groups.append((link.id, *(other.id for other in others.values())))
    wanted = [each for each in parked if waits_for_parent(each.code) and is_due(each, unit)]
    found.waiting = _half_known(unit, wanted)
    return found


def is_due(parked: Parked, unit: Unit) -> bool:
    """Whether a parked record is to be tried in this cycle."""
    return parked.next_attempt_at is not None and parked.next_attempt_at <= unit.now


def _half_known(unit: Unit, parked: Sequence[Parked]) -> dict[str, list[str]]:
    """Record type -> ids of those that only QuickBooks holds so far."""
    found: dict[str, list[str]] = {}
    for link in unit.links([each.link_id for each in parked]).values():
        if link.quickbooks_id and not link.platform_id and link.deleted_at is None:
            found.setdefault(link.record_type, []).append(link.quickbooks_id)
    return found


def waiting_for_parent(
    records: Mapping[str, Payload], links: Mapping[str, Link], parked: Mapping[int, Parked]
) -> dict[str, Link]:
    """Half links of records that waited for a parent, which may be known by their keys now."""
    return {
        side_id: link
        for side_id, link in links.items()
        if side_id in records
        and link.platform_id is None
        and link.deleted_at is None
        and link.id in parked
        and waits_for_parent(parked[link.id].code)
    }


def _called(link: Link) -> str:
    return f"{link.record_type} {link.label}"


# -- comparing --


def add_rows_read_along(cycle: Cycle, unit: Unit, pool: Pool, busy: set[int]) -> None:
    """The platform's rows of a record type that is only read for its children."""
    if cycle.own(pool.record_type):
        return
    halves = unit.half_links(pool.record_type.name, Side.PLATFORM)
    wanted = {
        each.platform_id: each
        for each in halves
        if each.platform_id and each.id not in busy | cycle.matching.decided
    }
    for row_id, row in unit.platform.rows(pool.record_type, list(wanted)).items():
        if row.live:
            pool.add(wanted[row_id], row)


def compare(cycle: Cycle, unit: Unit, pool: Pool) -> dict[int, Proposal]:
    """Proposals for a pool, with those that wait for a decision standing for each other."""
    record_type = pool.record_type
    records, rows = pool.quickbooks.values(), [row.values for row in pool.platform.values()]
    load_parents(cycle, unit, record_type, records, rows)
    pool.contents = {
        link_id: _read(cycle, record_type, Side.QUICKBOOKS, link_id, raw)
        for link_id, raw in pool.quickbooks.items()
    } | {
        link_id: _read(cycle, record_type, Side.PLATFORM, link_id, row.values)
        for link_id, row in pool.platform.items()
    }
    groups: set[tuple[int, ...]] = set()
    proposals: dict[int, Proposal] = {}
    for _pass in range(PASSES_MAX):
        proposals = propose(
            record_type,
            [pool.contents[link_id] for link_id in pool.quickbooks],
            [pool.contents[link_id] for link_id in pool.platform],
            united([*cycle.matching.groups, *sorted(groups)]),
        )
        now = {(link_id, *each.candidates) for link_id, each in proposals.items() if _open(each)}
        if now <= groups or record_type.name not in _own_targets(record_type):
            groups |= now
            break
        groups |= now
    cycle.matching.groups += sorted(groups)
    return proposals


def _open(proposal: Proposal) -> bool:
    return proposal.depends or proposal.kind in MATCH_CODES


def _own_targets(record_type: RecordType) -> set[str]:
    return {name for each in record_type.fields if isinstance(each, Reference) for name in each.to}


def _read(
    cycle: Cycle, record_type: RecordType, side: Side, link_id: int, raw: Payload
) -> Unlinked:
    decoded = decode(record_type, side, raw, cycle.references)
    return Unlinked(link_id, decoded.content, whole=not decoded.errors)


def examine(cycle: Cycle, unit: Unit, pool: Pool) -> dict[int, Link]:
    """Link what is certain and note what is in doubt; QuickBooks's half link -> the whole link.

    A sub-account is the same only if its account is, so certain ones are looked for level by level.
    """
    joined: dict[int, Link] = {}
    proposals: dict[int, Proposal] = {}
    for _level in range(PASSES_MAX):
        proposals = compare(cycle, unit, pool)
        certain = [
            (link_id, each.candidates[0])
            for link_id, each in proposals.items()
            if each.kind is Kind.CERTAIN and not each.depends and link_id in pool.quickbooks
        ]
        for theirs, ours in certain:
            joined[theirs] = unit.join_links(ours, theirs)
            cycle.references.learn([joined[theirs]])
            pool.drop(theirs)
            pool.drop(ours)
        if not certain:
            break
    matching = cycle.matching
    matching.pools[pool.record_type.name] = pool
    matching.proposals[pool.record_type.name] = proposals
    for link_id, each in proposals.items():
        if each.kind in MATCH_CODES:
            matching.doubts[link_id] = _called(pool.links[link_id])
    return joined


# -- the words for people --


def doubt_of(cycle: Cycle, pool: Pool, link_id: int, proposal: Proposal) -> RecordError:
    """Why a record is parked, with what both sides hold and what to do."""
    record_type, side = pool.record_type, pool.side_of(link_id)
    named = "; ".join(
        f"{side.other} {pool.id_of(each)}: {_in_words(cycle, pool, each)}"
        for each in proposal.candidates
        if each in pool.links
    )
    more = proposal.count - len(proposal.candidates)
    message = (
        f"{side} {pool.id_of(link_id)}: {_in_words(cycle, pool, link_id)} may be the same as "
        f"{named}" + (f" and {more} more" if more > 0 else "") + f" ({proposal.reason})"
    )
    return RecordError(
        message,
        code=MATCH_CODES[proposal.kind],
        field=record_type.label,
        value=", ".join(pool.id_of(each) for each in proposal.candidates if each in pool.links),
        fix=_fix(pool, link_id, proposal),
    )


def _fix(pool: Pool, link_id: int, proposal: Proposal) -> str:
    name, theirs, ours = pool.record_type.name, "QUICKBOOKS_ID", "PLATFORM_ID"
    if proposal.kind is Kind.LIKELY and proposal.candidates[0] in pool.links:
        pair = sorted((link_id, proposal.candidates[0]), key=lambda each: pool.side_of(each).value)
        ours, theirs = pool.id_of(pair[0]), pool.id_of(pair[1])
    return (
        f"If it is the same: {COMMAND} --record-type {name} --accept {theirs}={ours}. "
        f"If it is another one: {COMMAND} --record-type {name} --new {link_id}."
    )


def _in_words(cycle: Cycle, pool: Pool, link_id: int) -> str:
    values = values_of(cycle, pool.record_type, pool.contents[link_id].content)
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "nothing to read"


def values_of(cycle: Cycle, record_type: RecordType, content: Content) -> dict[str, Any]:
    """What people tell a record by: its label, keys, party, day and amount."""
    names = [record_type.label, *(name for key in record_type.match_keys for name in key)]
    names += [party_of(record_type), record_type.booked_on, record_type.amount]
    if record_type.amount:
        names.append("currency")
    found: dict[str, Any] = {}
    for name in dict.fromkeys(names):
        value = content.get(name)
        if value in (None, ""):
            continue
        if isinstance(record_type.by_name.get(name), Reference):
            value = cycle.references.label_of(link_in(value)[1])
        found[name] = value
    return found


def unknown_after_restore(record_type: RecordType) -> RecordError:
    """A list entry carries no marker: renamed since, it is not known by its name either."""
    return RecordError(
        f"the database was restored, and this {record_type.name} is on one side only; it may "
        "be the same as one that is on the other side only, and was renamed since",
        code=AFTER_RESTORE,
        fix="If it is the same, delete the one on the platform and retry the one of QuickBooks; if "
        "not, retry both.",
    )


def copied_before_restore(record_type: RecordType) -> RecordError:
    """What was remembered of the one that was made here is gone, and the copy looks like it."""
    return RecordError(
        f"the database was restored, and QuickBooks holds this {record_type.name} more than once "
        "with the same marker: somebody copied it",
        code=AFTER_RESTORE,
        fix="Delete the surplus ones in QuickBooks, and on the platform one that is the same; then "
        "retry what is left. If all are meant, retry all.",
    )


def kept_doubt(known: Parked) -> RecordError | None:
    """The doubt in which a record was parked, where nobody has decided it since."""
    if known.code not in DOUBT_CODES or known.next_attempt_at is not None:
        return None
    return RecordError(
        known.message, code=known.code, field=known.field, value=known.value, fix=known.fix
    )


def waits_for_decision(
    cycle: Cycle, record_type: RecordType, raws: Mapping[Side, Payload]
) -> RecordError | None:
    """The error of a record that refers to one in doubt: it goes on when that one is decided."""
    doubts = cycle.matching.doubts
    if not doubts:
        return None
    for side, raw in raws.items():
        for name, side_id in sorted(targets_of(record_type, side, raw)):
            link_id = cycle.references.link_of(name, side, side_id)
            if link_id in doubts:
                return RecordError(
                    f"it refers to {doubts[link_id]} of {side}, which {side.other} may hold too",
                    code="waits_for_parent",
                    value=side_id,
                    fix=f"Decide about that one ({COMMAND}); this record then goes on by itself.",
                )
    return None
