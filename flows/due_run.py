"""What the flows that sync many companies share: one dispatcher, its artifacts and its end."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from connectors.state import queries
from flows.events import Company, tell_finished, tell_stopped
from models.words import DataType
from tasks.bootstrap import Installation
from tasks.dispatch import CompanyRun, CycleEnd, Dispatched, dispatch
from tasks.prefect_steps import PREFECT_WRITES, ROWS_MAX
from tasks.report import page_cell


def sync_all_due(
    place: Installation, only: Collection[DataType] = tuple(DataType)
) -> State[dict[str, Any]]:
    """Sync every company that is due, and show what became of them."""
    log = get_run_logger()
    done = dispatch(place, steps=PREFECT_WRITES, only=only, progress=log.info)
    if done.runs:
        _show(place, done)
        _tell(place, done)
    failed = len(done.to_look_at)
    if failed:
        return Completed(
            name="CompletedWithErrors",
            message=f"{failed} of {len(done.runs)} companies need a look; see the artifact "
            "'companies'",
            data=done.as_json(),
        )
    return Completed(message=_sentence(done), data=done.as_json())


def _sentence(done: Dispatched) -> str:
    if not done.runs:
        return "no company was due"
    return f"{len(done.runs)} companies, {done.count(CycleEnd.IDLE)} of them idle"


def _tell(place: Installation, done: Dispatched) -> None:
    """Events about the companies in which something happened."""
    for each in done.runs:
        report = each.report
        company = Company(each.connection_id, each.connection)
        pages_url = place.settings.pages_url(company.id)
        if report is not None and each.end is not CycleEnd.IDLE:
            conflicts = queries.conflicts(place.engine, each.connection_id, report.run_ids[0])
            tell_finished(company, report, conflicts, pages_url)
        elif report is None and each.end is not CycleEnd.BUSY:
            tell_stopped(company, each.end, each.message, pages_url)


def _show(place: Installation, done: Dispatched) -> None:
    """Figures always; a row for each company that was not idle, those to look at first."""
    create_markdown_artifact(
        key="companies-summary", markdown=summary(done), description="What this run did."
    )
    idle = (CycleEnd.IDLE, CycleEnd.BUSY)
    others = [each for each in done.runs if each.end not in idle and each not in done.to_look_at]
    rows = [
        {**each.as_row(), **page_cell(place.settings.pages_url(each.connection_id), page_of(each))}
        for each in [*done.to_look_at, *others]
    ]
    if rows:
        create_table_artifact(
            key="companies",
            table=rows[:ROWS_MAX],
            description="Companies in which something was written, or that need a look.",
        )


def page_of(run: CompanyRun) -> str:
    """The page of a company on which one sees what came of its run."""
    if run.report is None:
        return "alerts"
    return "queue" if run.report.parked_open else ""


def summary(done: Dispatched) -> str:
    """The figures as Markdown."""
    figures = done.as_json()
    month = figures["forecast"]
    budget = month["budget"] if month["budget"] is not None else "no limit"
    ends = "\n".join(f"| {name} | {count} |" for name, count in figures["ends"].items() if count)
    of_month = (
        f"{month['month']}: {month['used']} metered calls used, {month['expected']} expected by "
        f"the end of the month, budget {budget}."
    )
    paragraphs = [
        f"| companies | number |\n|---|---|\n{ends}",
        f"{figures['written']} records written, {figures['metered_calls']} metered calls.",
        of_month,
    ]
    if done.forecast.stretch > 1:
        paragraphs.append(
            f"All intervals are {month['interval_percent']} % of what was chosen, or the month's "
            "budget would be overrun. Choose longer ones, or raise "
            "QBSYNC_METERED_CALLS_PER_MONTH where Intuit's tier allows more."
        )
    return "\n\n".join(paragraphs)
