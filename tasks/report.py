"""The report of a cycle: what was read, what became of it, what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.state.port import Unit
from models.plan import Plan, RecordPlan
from models.record_type import RecordType, catalog
from models.retry_queue import LEFT_BY_PERSON
from models.words import DataType, Operation, Side
from tasks.context import OUTCOMES, Cycle


@dataclass
class Report:
    """One cycle's figures; reports of several flows of one cycle add up."""

    #: Data type -> direction -> outcome -> records.
    data_types: dict[str, dict[str, dict[str, int]]]
    #: Record type -> records read from each side, and how they ended.
    read: dict[str, dict[str, int]]
    requests: int
    metered: int
    seconds: float
    run_ids: list[str] = field(default_factory=list)
    parked: list[dict[str, str]] = field(default_factory=list)
    #: Records that are parked now and not left alone by a person, looked at by this cycle or not.
    parked_open: int = 0

    def as_json(self) -> dict[str, Any]:
        """The report as it is printed and stored."""
        return {
            "data_types": self.data_types,
            "read": self.read,
            "requests": self.requests,
            "metered_requests": self.metered,
            "seconds": round(self.seconds, 3),
            "runs": self.run_ids,
            "parked": self.parked,
            "parked_open": self.parked_open,
        }

    @property
    def moved(self) -> int:
        """Records created or updated on either side."""
        return sum(
            row["created"] + row["updated"]
            for directions in self.data_types.values()
            for row in directions.values()
        )


def report_of(
    cycle: Cycle, unit: Unit, record_types: Sequence[RecordType], seconds: float
) -> Report:
    """The report of a finished cycle."""
    meter = cycle.quickbooks.meter
    return Report(
        data_types=cycle.tally.data_types(record_types),
        read=cycle.tally.records(record_types),
        requests=meter.total,
        metered=meter.metered,
        seconds=seconds,
        run_ids=[cycle.state.run_id],
        parked=cycle.tally.parked_records(),
        parked_open=sum(each.code not in LEFT_BY_PERSON for each in unit.parked(list(catalog()))),
    )


def report_from(text: str) -> Report:
    """A report from its stored JSON."""
    stored = json.loads(text)
    stored["metered"] = stored.pop("metered_requests")
    stored["run_ids"] = stored.pop("runs")
    return Report(**stored)


def added_up(reports: Iterable[Report]) -> Report:
    """The reports of the flows that make up one cycle, as one."""
    total = Report(
        {
            each.value: {f"to_{side}": dict.fromkeys(OUTCOMES, 0) for side in Side}
            for each in DataType
        },
        {},
        0,
        0,
        0.0,
    )
    for each in reports:
        _add(total.data_types, each.data_types)
        _add(total.read, each.read)
        total.requests += each.requests
        total.metered += each.metered
        total.seconds += each.seconds
        total.run_ids += each.run_ids
        total.parked += each.parked
        total.parked_open = each.parked_open
    return total


def _add(total: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add nested counts."""
    for key, value in more.items():
        if isinstance(value, Mapping):
            _add(total.setdefault(key, {}), value)
        else:
            total[key] = total.get(key, 0) + value


def planned_rows(plan: Plan, pages_url: str = "") -> list[dict[str, Any]]:
    """A row per planned write or parked record, for people.

    Args:
        plan: what a cycle is going to do.
        pages_url: where the company's pages are, for rows that lead to the record's; "" for none.
    """
    return [
        {**row, **page_cell(pages_url, f"records/{each.link.id}")}
        for each in plan.records
        for row in _rows_of(each)
    ]


def page_cell(pages_url: str, page: str) -> dict[str, str]:
    """A cell that leads to a page of the company's; none where it is not known where these are.

    The Prefect UI reads the cells of a table as Markdown.
    """
    address = f"{pages_url}/{page}".rstrip("/")
    return {"page": f"[open]({address})"} if pages_url else {}


def _rows_of(each: RecordPlan) -> list[dict[str, Any]]:
    shared = {"record_type": each.record_type.name, "record": each.label}
    if each.parked is not None:
        return [{**shared, "side": "", "operation": "park", "detail": str(each.parked)}]
    rows = []
    for side, operation, fields in (
        (Side.QUICKBOOKS, each.quickbooks_operation, each.merge.to_quickbooks),
        (Side.PLATFORM, each.platform_operation, each.merge.to_platform),
    ):
        if operation is not None:
            detail = ", ".join(sorted(fields)) if operation is Operation.UPDATE else ""
            words = {"side": side.value, "operation": operation.value, "detail": detail}
            rows.append({**shared, **words})
    return rows
