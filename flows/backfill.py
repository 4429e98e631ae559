"""Backfill: a range of days, read again on both sides, started by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from connectors.state.connections import connection_named
from flows.parameters import OneConnection
from flows.sync_run import parked_rows, task_runner, totals
from models.backfill import PART_DAYS, PART_DAYS_MAX, Asked, Part
from models.words import DataType, Side
from tasks.backfill import Preview, backfill, preview
from tasks.bootstrap import Installation, installation
from tasks.prefect_steps import PREFECT_WRITES, ROWS_MAX
from tasks.report import Report, added_up


class Direction(StrEnum):
    """Which sides a backfill may write."""

    BOTH = "both"
    TO_PLATFORM = "to the platform"
    TO_QUICKBOOKS = "to QuickBooks"


_SIDES = {
    Direction.BOTH: frozenset(Side),
    Direction.TO_PLATFORM: frozenset({Side.PLATFORM}),
    Direction.TO_QUICKBOOKS: frozenset({Side.QUICKBOOKS}),
}


@flow(
    name="backfill",
    flow_run_name="backfill {connection} {since} to {until}",
    task_runner=task_runner(),
)
def backfill_flow(
    since: Annotated[
        date, Field(title="Since", description="First day that is read again, by a record's date.")
    ],
    until: Annotated[
        date, Field(title="Until", description="Last day that is read again, this one included.")
    ],
    connection: OneConnection = "",
    data_types: Annotated[
        list[DataType],
        Field(title="Data types", description="What is read again; lists go with them."),
    ] = list(DataType),  # noqa: B006 - Prefect copies it
    direction: Annotated[
        Direction, Field(title="Direction", description="Which sides may be written.")
    ] = Direction.BOTH,
    *,
    dry_run: Annotated[
        bool, Field(title="Dry run", description="Show what it would do; write to neither side.")
    ] = True,
    part_days: Annotated[
        int,
        Field(
            title="Days in one part",
            description="Each part is a cycle of its own; a stopped backfill goes on after the "
            "last part that was done.",
            ge=1,
            le=PART_DAYS_MAX,
        ),
    ] = PART_DAYS,
) -> State[dict[str, Any]]:
    """Read a range of days again on both sides, and sync what differs.

    It runs beside the scheduled cycles, part by part. A run that was stopped goes on where it was
    when it is started again with the same parameters. The artifact 'progress' shows how far it is;
    a dry run shows what it would write, with counts and sums for each side.

    Args:
        since: First day that is read again, by a record's date.
        until: Last day that is read again, this one included.
        connection: Name or realm id of the connection; empty where there is only one.
        data_types: What is read again; lists go with them.
        direction: Which sides may be written.
        dry_run: Show what it would do; write to neither side.
        part_days: Each part is a cycle of its own.
    """
    asked = Asked(frozenset(data_types), since, until, _SIDES[direction], part_days).checked()
    with installation() as place:
        if dry_run:
            return _shown(preview(place, connection, asked, get_run_logger().info), asked)
        return _carried_out(place, connection, asked)


def _carried_out(place: Installation, connection: str, asked: Asked) -> State[dict[str, Any]]:
    progress = create_progress_artifact(
        progress=0.0, key="progress", description="How much of the backfill is done."
    )
    assert isinstance(progress, UUID), "it is created at once in a flow that is not async"

    def told(done: int, parts: int, part: Part, report: Report) -> None:
        words = f"part {done} of {parts} ({part}): {report.moved} records written"
        get_run_logger().info(words)
        update_progress_artifact(progress, progress=100 * done / parts, description=words)

    reports = backfill(
        place,
        connection,
        asked,
        steps=PREFECT_WRITES,
        progress=get_run_logger().info,
        told=told,
    )
    company = connection_named(place.engine, connection)
    return _ended(reports, place.settings.pages_url(company.id))


def _ended(reports: Sequence[Report], pages_url: str) -> State[dict[str, Any]]:
    total = added_up(reports)
    create_markdown_artifact(
        key="totals", markdown=totals(total), description="What this backfill did, by direction."
    )
    if total.parked:
        create_table_artifact(
            key="failures",
            table=parked_rows(total.parked, pages_url),
            description="Records that were set aside, why, and what to do.",
        )
    data = total.as_json()
    if total.parked:
        return Completed(
            name="CompletedWithErrors",
            message=f"{total.moved} records written, {len(total.parked)} parked",
            data=data,
        )
    return Completed(message=f"{total.moved} records written", data=data)


def _shown(found: Preview, asked: Asked) -> State[dict[str, Any]]:
    rows, sums = found.linked_rows, found.totals()
    create_table_artifact(
        key="plan",
        table=rows[:ROWS_MAX] or [{"plan": "nothing to do: both sides agree"}],
        description=f"What the backfill would do: {len(rows)} writes and parked records.",
    )
    if sums:
        create_table_artifact(
            key="plan-totals", table=sums, description="Counts and sums of money by side."
        )
    return Completed(
        name="DryRun",
        message=f"{len(rows)} writes and parked records; neither side was written",
        data={"totals": sums, "since": str(asked.since), "until": str(asked.until)},
    )
