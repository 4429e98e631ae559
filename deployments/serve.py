"""Serve the flows from this process: `python -m deployments.serve`.

For one machine: the process polls the Prefect server named by PREFECT_API_URL and starts each run
as a process of its own, by hand and on the schedules of `prefect.yaml`; `--no-schedules` leaves
those out. A larger installation deploys `prefect.yaml` to a work pool instead.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, Schedule

from flows.audit_checkpoint import audit_checkpoint
from flows.backfill import backfill_flow
from flows.due import sync_due
from flows.expenses import sync_expenses
from flows.financials import sync_financials
from flows.invoices import sync_invoices
from flows.keep_connected import keep_connected_flow
from flows.match import match
from flows.reconcile import reconcile_books
from flows.resolve_conflict import resolve_conflict
from flows.retry_failed import retry_failed

#: All flows; the three data types in the order in which a company is synced: accounts first, others
#: refer to them.
FLOWS = (
    sync_financials,
    sync_invoices,
    sync_expenses,
    sync_due,
    backfill_flow,
    retry_failed,
    resolve_conflict,
    match,
    reconcile_books,
    keep_connected_flow,
    audit_checkpoint,
)
#: Runs of this process at a time, and of one flow: one that waits for a person keeps its place.
RUNS_MAX = 6
RUNS_OF_ONE_MAX = 2
_WRITTEN: Final = Path(__file__).resolve().parent.parent / "prefect.yaml"


def deployments(*, scheduled: bool = True) -> list[RunnerDeployment]:
    """A deployment per flow, with the schedules and limits that `prefect.yaml` has for it."""
    written = yaml.safe_load(_WRITTEN.read_text(encoding="utf-8"))["deployments"]
    declared = {each["name"]: each for each in written}
    made: list[Any] = [
        each.to_deployment(
            name="served",
            description=(each.fn.__doc__ or "").strip(),
            tags=["quickbooks-sync"],
            schedules=[_schedule(one, scheduled) for one in declared[each.name]["schedules"]],
            concurrency_limit=_limit(declared[each.name]["concurrency_limit"]),
        )
        for each in FLOWS
    ]
    return made


def _schedule(written: dict[str, Any], active: bool) -> Schedule:  # noqa: FBT001 - as Prefect's
    """One that is not wanted is deployed at rest: the server may know it from before."""
    slug = written["slug"]
    if "interval" in written:
        return Interval(timedelta(seconds=written["interval"]), slug=slug, active=active)
    return Cron(written["cron"], timezone=written["timezone"], slug=slug, active=active)


def _limit(written: dict[str, Any]) -> ConcurrencyLimitConfig:
    limit = min(written["limit"], RUNS_OF_ONE_MAX)
    return ConcurrencyLimitConfig(**{**written, "limit": limit})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployments.serve", description=__doc__)
    parser.add_argument("--no-schedules", action="store_true", help="start nothing by itself")
    return parser.parse_args()


if __name__ == "__main__":
    options = _options()
    served = deployments(scheduled=not options.no_schedules)
    serve(*served, limit=RUNS_MAX, pause_on_shutdown=False)
