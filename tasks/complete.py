"""Complete: read the sides of candidates that nobody said anything about, where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.state.port import Unit
from models.record_type import RecordType
from tasks.context import Cycle
from tasks.reads import read_many

if TYPE_CHECKING:
    from tasks.candidate import Candidate


def fetch_missing_sides(cycle: Cycle, candidates: list[Candidate]) -> None:
    """Read QuickBooks's records that the base does not stand for, in place.

    A side that said nothing still holds the base, unless the record is parked or has none.
    """
    wanted: dict[RecordType, list[int]] = {}
    for index, each in enumerate(candidates):
        stands = each.link.base is not None and each.parked is None
        if each.link.quickbooks_id and each.quickbooks is None and not each.gone_in_quickbooks:
            if stands and each.link.deleted_at is None:
                continue
            wanted.setdefault(each.record_type, []).append(index)
    for record_type, indexes in wanted.items():
        ids = [candidates[index].link.quickbooks_id or "" for index in indexes]
        records = read_many(cycle, record_type, ids)
        for index in indexes:
            record = records.get(candidates[index].link.quickbooks_id or "")
            candidates[index] = replace(
                candidates[index], quickbooks=record, gone_in_quickbooks=record is None
            )


def with_rows(unit: Unit, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Read the platform's rows that the base does not stand for."""
    wanted: dict[str, list[str]] = {}
    types: dict[str, RecordType] = {}
    for each in candidates:
        if _row_needed(each):
            types[each.record_type.name] = each.record_type
            wanted.setdefault(each.record_type.name, []).append(each.link.platform_id or "")
    rows = {name: unit.platform.rows(types[name], ids) for name, ids in wanted.items()}
    complete = []
    for each in candidates:
        row = rows.get(each.record_type.name, {}).get(each.link.platform_id or "")
        if _row_needed(each):
            complete.append(replace(each, platform=row, gone_on_platform=row is None))
        else:
            complete.append(each)
    return complete


def _row_needed(each: Candidate) -> bool:
    if not each.link.platform_id or each.platform is not None or each.gone_on_platform:
        return False
    return each.link.base is None or each.parked is not None or each.link.deleted_at is not None
