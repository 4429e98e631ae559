"""Serve the flows from this process: `python -m deployments.serve`.

For one machine: the process polls the Prefect server named by PREFECT_API_URL and starts each run
as a process of its own. A larger installation deploys `prefect.yaml` to a work pool instead.
"""

from __future__ import annotations

from typing import Any

from prefect import serve
from prefect.deployments.runner import RunnerDeployment

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
#: Runs of this process at a time.
RUNS_MAX = 3


def deployments() -> list[RunnerDeployment]:
    """A deployment per flow, without a schedule."""
    made: list[Any] = [
        each.to_deployment(
            name="served",
            description=(each.fn.__doc__ or "").strip(),
            tags=["quickbooks-sync"],
        )
        for each in FLOWS
    ]
    return made


if __name__ == "__main__":
    serve(*deployments(), limit=RUNS_MAX, pause_on_shutdown=False)
