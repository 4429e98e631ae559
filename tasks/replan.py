"""Replan: look at one record afresh on both sides and decide again.

Used when the record moved on between plan and write (fault 5010, a row version that changed), and
when a record of unknown outcome was found: never overwrite, always merge again.
"""

from __future__ import annotations

from models.errors import CorruptStateError
from models.plan import RecordPlan
from tasks.context import Cycle
from tasks.pair import Candidate
from tasks.plan import plan
from tasks.reads import is_outdated, outdated, read_many


def replan(cycle: Cycle, before: RecordPlan) -> RecordPlan:
    """A new plan for the same record, from what both sides hold now."""
    record_type = before.record_type
    with cycle.state.begin() as unit:
        link = unit.links([before.link.id]).get(before.link.id)
        if link is None:
            raise CorruptStateError(f"link {before.link.id} is gone")
        cycle.references.learn([link])
        parked = unit.parked_record(link.id)
        rows = unit.platform.rows(record_type, [link.platform_id] if link.platform_id else [])
    row = rows.get(link.platform_id or "")
    found = read_many(cycle, record_type, [link.quickbooks_id] if link.quickbooks_id else [])
    record = found.get(link.quickbooks_id or "")
    if record is not None and is_outdated(link, record):
        raise outdated(link, record)
    candidate = Candidate(
        record_type,
        link,
        quickbooks=record,
        gone_in_quickbooks=link.quickbooks_id is not None and record is None,
        platform=row,
        gone_on_platform=link.platform_id is not None and row is None,
        read_from=before.read_from,
        parked=parked,
    )
    (fresh,) = plan(cycle, [record_type], [candidate]).records
    return fresh
