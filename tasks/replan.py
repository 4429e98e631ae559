"""Replan: look at one record afresh on both sides and decide again.

Used when the record moved on between plan and write (fault 5010, a row version that changed), and
when a record of unknown outcome was found: never overwrite, always merge again.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import CorruptStateError
from models.plan import RecordPlan
from models.record_type import RecordType
from models.words import Side
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.plan import plan
from tasks.reads import is_outdated, outdated, read_many


def replan(cycle: Cycle, before: RecordPlan) -> RecordPlan | None:
    """A new plan for the same record, from what both sides hold now.

    None where it writes a side by now that this cycle is not to write: others do.
    """
    record_type = before.record_type
    (candidate,) = reread(cycle, record_type, [before.link.id], before.read_from)
    return next(iter(plan(cycle, [record_type], [candidate]).records), None)


def reread(
    cycle: Cycle, record_type: RecordType, link_ids: Sequence[int], read_from: frozenset[Side]
) -> list[Candidate]:
    """Records with what both sides hold of them now.

    Raises:
        CorruptStateError: there is no such link.
        OutdatedReadingError: QuickBooks answers from an older copy.
    """
    with cycle.state.begin() as unit:
        known = unit.links(link_ids)
        gone = sorted(set(link_ids) - set(known))
        if gone:
            raise CorruptStateError(f"link {gone[0]} is gone")
        links = [known[each] for each in link_ids]
        cycle.references.learn(links)
        parked = {each: unit.parked_record(each) for each in link_ids}
        rows = unit.platform.rows(
            record_type, [each.platform_id for each in links if each.platform_id]
        )
    found = read_many(
        cycle, record_type, [each.quickbooks_id for each in links if each.quickbooks_id]
    )
    for link in links:
        record = found.get(link.quickbooks_id or "")
        if record is not None and is_outdated(link, record):
            raise outdated(link, record)
    return [
        Candidate(
            record_type,
            link,
            quickbooks=found.get(link.quickbooks_id or ""),
            gone_in_quickbooks=link.quickbooks_id is not None and link.quickbooks_id not in found,
            platform=rows.get(link.platform_id or ""),
            gone_on_platform=link.platform_id is not None and link.platform_id not in rows,
            read_from=read_from,
            parked=parked[link.id],
        )
        for link in links
    ]
