"""Financial data: the chart of accounts."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import ConnectionOrDue
from flows.sync_run import sync_data_type, task_runner
from models.words import DataType


@flow(name="sync-financials", flow_run_name="financials {connection}", task_runner=task_runner())
def sync_financials(connection: ConnectionOrDue = "") -> State[dict[str, Any]]:
    """Sync one company's financials once, in both directions.

    Accounts are synced both ways.
    The run's artifacts show the plan, conflicts, failures and totals.

    Args:
        connection: Name or realm id of the connection; empty for the only one, or all that are
            due where there are several.
    """
    return sync_data_type(DataType.FINANCIALS, "sync-financials", connection)
