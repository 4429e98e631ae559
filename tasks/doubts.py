"""Doubts: which records may be the same as one that is on the other side only.

After a restore, and in a first sync, a person decides; until then nothing is made of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from connectors.state.port import Unit
from models.matching import Kind, Proposal
from models.plan import Link
from models.record_type import RecordType
from models.words import Side
from tasks.candidate import Candidate, add_side
from tasks.context import Cycle
from tasks.matching import (
    MATCH_CODES,
    add_rows_read_along,
    compare,
    copied_before_restore,
    doubt_of,
    examine,
    unknown_after_restore,
)
from tasks.pool import Pool
from tasks.reads import token_number


def compare_lone_ones(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    found: dict[int, Candidate],
    busy: set[int],
) -> None:
    """In the first sync of a record type: link what is certain, and doubt what may be the same."""
    pool = Pool(record_type)
    for each in found.values():
        if each.link.id in busy | cycle.matching.decided or each.twin_of is not None:
            continue
        if each.quickbooks is not None and each.link.platform_id is None:
            pool.add(each.link, each.quickbooks)
        elif each.platform is not None and each.platform.live and not each.link.quickbooks_id:
            pool.add(each.link, each.platform)
    add_rows_read_along(cycle, unit, pool, busy)
    if not pool.quickbooks or not pool.platform:
        return
    for half, link in examine(cycle, unit, pool).items():
        add_side(found, record_type, link, quickbooks=found.pop(half).quickbooks)
    for link_id, proposal in cycle.matching.proposals[record_type.name].items():
        # one in doubt since an earlier cycle keeps the words that it was parked with
        if proposal.kind in MATCH_CODES:
            known = found.get(link_id) or Candidate(
                record_type,
                pool.links[link_id],
                platform=pool.platform[link_id],
                read_from=frozenset({Side.PLATFORM}),
            )
            found[link_id] = replace(known, doubt=doubt_of(cycle, pool, link_id, proposal))


def doubt_questioned(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    found: dict[int, Candidate],
    questioned: Mapping[str, Link],
) -> None:
    """What came later and has the key of a record in doubt is in doubt with it."""
    if not questioned:
        return
    rows = unit.platform.rows(record_type, [each.platform_id or "" for each in questioned.values()])
    by_id = {each.link.quickbooks_id: each for each in found.values()}
    for side_id, half in questioned.items():
        pool, known = Pool(record_type), by_id[side_id]
        assert known.quickbooks is not None, "it was read"
        pool.add(known.link, known.quickbooks)
        pool.add(half, rows[half.platform_id or ""])
        proposal = compare(cycle, unit, pool)[known.link.id]
        asked = Proposal(Kind.LIKELY, (half.id,), proposal.reason or "the same key", 1)
        doubt = doubt_of(cycle, pool, known.link.id, asked)
        found[known.link.id] = replace(known, doubt=doubt)
        cycle.matching.doubts[known.link.id] = f"{record_type.name} {known.link.label}"


def doubt_lone_ones(found: dict[int, Candidate]) -> None:
    """After a restore, records that both sides hold alone may be the same ones.

    Entries of name lists carry no marker, and one that was renamed since the backup is not known by
    its name. A document may have been edited where its marker stood, or copied with its marker:
    then nothing tells the copy from what was made here, also where the platform has lost it.
    """
    in_quickbooks = [each for each in found.values() if each.link.platform_id is None]
    on_platform = [each for each in found.values() if each.link.quickbooks_id is None]
    markers = _copied_markers(in_quickbooks)
    copied = [each for each in in_quickbooks if _marker_of(each) in markers]
    unmarked = [each for each in in_quickbooks if _may_have_lost_its_marker(each)]
    if on_platform and (unmarked or copied):
        for each in (*unmarked, *on_platform):
            found[each.link.id] = replace(each, doubt=unknown_after_restore(each.record_type))
    for each in copied:
        found[each.link.id] = replace(each, doubt=copied_before_restore(each.record_type))


def _copied_markers(candidates: Iterable[Candidate]) -> set[str]:
    """Markers that more than one record carries."""
    counts = Counter(marker for each in candidates if (marker := _marker_of(each)) is not None)
    return {marker for marker, count in counts.items() if count > 1}


def _marker_of(each: Candidate) -> str | None:
    return each.record_type.marker_in(each.quickbooks) if each.quickbooks else None


def _may_have_lost_its_marker(each: Candidate) -> bool:
    """Whether a record that only QuickBooks holds may once have been known as ours."""
    record = each.quickbooks
    if record is None or each.record_type.marking is None:
        return True
    return each.record_type.marker_in(record) is None and token_number(record) > 0
