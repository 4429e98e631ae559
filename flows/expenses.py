"""Expenses: vendors and money spent by cash, check or card."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import ConnectionOrDue
from flows.sync_run import sync_data_type, task_runner
from models.words import DataType


@flow(name="sync-expenses", flow_run_name="expenses {connection}", task_runner=task_runner())
def sync_expenses(connection: ConnectionOrDue = "") -> State[dict[str, Any]]:
    """Sync one company's expenses once, in both directions.

    Vendors and expenses are synced both ways; of the platform's expenses only approved ones go to
    QuickBooks. Accounts, customers and items are read where expenses refer to them.
    The run's artifacts show the plan, conflicts, failures and totals.

    Args:
        connection: Name or realm id of the connection; empty for the only one, or all that are
            due where there are several.
    """
    return sync_data_type(DataType.EXPENSES, "sync-expenses", connection)
