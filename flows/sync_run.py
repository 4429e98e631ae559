"""What the flows of the three data types share: one cycle with tasks, and its artifacts.

The artifacts are a view of the run for the Prefect UI, bounded in size; the audit trail itself is
in our own database (design, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from connectors.state import queries
from connectors.state.connections import all_connections
from flows.due_run import sync_all_due
from flows.events import Company, tell_finished, tell_stopped
from models.errors import SyncError
from models.words import DataType
from tasks.bootstrap import Installation, installation, open_cycle
from tasks.dispatch import CycleEnd, end_of
from tasks.notify import alerts_told
from tasks.prefect_steps import PREFECT, ROWS_MAX
from tasks.report import Report, page_cell
from tasks.waiting import LET_GO, when_free
from tasks.watching import run_watched

#: Failed records that are tried again side by side; a waiting one holds its thread.
PUSH_WORKERS = 8


def task_runner() -> Any:
    """The threads in which failed records are tried again."""
    return ThreadPoolTaskRunner(max_workers=PUSH_WORKERS)


def sync_data_type(data_type: DataType, flow: str, connection: str) -> State[dict[str, Any]]:
    """Run one cycle for a data type of a connection, or of all that are due where none is named.

    Where there is only one company it is synced at once, whether it is due or not.

    Returns Prefect's state: Completed, or Completed named CompletedWithErrors where records are
    parked. Errors of the whole cycle are raised and fail the flow run; with several companies they
    are named in the artifact 'companies' instead.
    """
    with installation() as place:
        if not connection and len(all_connections(place.engine)) > 1:
            return sync_all_due(place, [data_type])
        return sync_cycle(place, [data_type], flow, connection)


def sync_cycle(
    place: Installation, data_types: Sequence[DataType] | None, flow: str, connection: str
) -> State[dict[str, Any]]:
    """Run one cycle of a connection, of all its data types where none is named; show its end.

    Where another run has the company, as the dispatcher now and then, it waits for that.
    """
    log = get_run_logger()

    def cycle_of_flow() -> Report:
        return _cycle(place, data_types, flow, connection)

    report = when_free(place.clock, cycle_of_flow, log.info, what=flow, fix=LET_GO)
    if report.parked:
        return Completed(
            name="CompletedWithErrors",
            message=f"{len(report.parked)} records are parked; see the artifact 'failures'",
            data=report.as_json(),
        )
    return Completed(message=f"{report.moved} records written", data=report.as_json())


def _cycle(
    place: Installation, data_types: Sequence[DataType] | None, flow: str, connection: str
) -> Report:
    """One cycle, with its artifacts and events."""
    told = get_run_logger().info
    with alerts_told(place, connection), open_cycle(place, connection, data_types, told) as cycle:
        company = Company.of(cycle.connection)
        try:
            report = run_watched(cycle, flow, PREFECT)
        except SyncError as error:
            if end_of(error) is not CycleEnd.BUSY:
                tell_stopped(company, end_of(error), str(error), cycle.pages_url)
            raise
        conflicts = queries.conflicts(place.engine, company.id, cycle.state.run_id)
        pages_url = cycle.pages_url
    tell_finished(company, report, conflicts, pages_url)
    _show(report, conflicts, pages_url)
    return report


def _show(report: Report, conflicts: list[dict[str, Any]], pages_url: str) -> None:
    """Totals always; conflicts and failures where there are any, with links to the pages."""
    create_markdown_artifact(
        key="totals", markdown=totals(report), description="What this run did, by direction."
    )
    if conflicts:
        create_table_artifact(
            key="conflicts",
            table=[
                {**_plain(row), **page_cell(pages_url, f"records/{row['link']}")}
                for row in conflicts[:ROWS_MAX]
            ],
            description="Fields that both sides changed, with all three versions and the winner.",
        )
    if report.parked:
        create_table_artifact(
            key="failures",
            table=parked_rows(report.parked, pages_url),
            description="Records that were set aside, why, and what to do.",
        )


def parked_rows(parked: Sequence[Mapping[str, str]], pages_url: str) -> list[dict[str, str]]:
    """Records that were set aside, each with a link to its page."""
    return [{**row, **page_cell(pages_url, f"records/{row['link']}")} for row in parked[:ROWS_MAX]]


def totals(report: Report) -> str:
    """The report as a Markdown table."""
    lines = [
        "| data type | direction | created | updated | unchanged | conflicts | parked |",
        "|---|---|---|---|---|---|---|",
    ]
    for data_type, directions in report.data_types.items():
        for direction, row in directions.items():
            cells = [data_type, direction.replace("_", " "), *(str(each) for each in row.values())]
            lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines.append(
        f"{report.requests} requests to QuickBooks, {report.metered} of them metered; "
        f"{report.seconds:.1f} s."
    )
    return "\n".join(lines)


def _plain(row: dict[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in row.items()}
