"""Invoices: customers, items, invoices and payments."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import ConnectionOrDue
from flows.sync_run import sync_data_type, task_runner
from models.words import DataType


@flow(name="sync-invoices", flow_run_name="invoices {connection}", task_runner=task_runner())
def sync_invoices(connection: ConnectionOrDue = "") -> State[dict[str, Any]]:
    """Sync one company's invoices once, in both directions.

    Customers, items, invoices and payments are synced both ways; a payment recorded on one side
    shows in the invoice's balance and status on the other. Accounts are read where items need them.
    The run's artifacts show the plan, conflicts, failures and totals.

    Args:
        connection: Name or realm id of the connection; empty for the only one, or all that are
            due where there are several.
    """
    return sync_data_type(DataType.INVOICES, "sync-invoices", connection)
