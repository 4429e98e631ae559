"""Invoices: customers, items, invoices and payments."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.sync_run import sync_data_type, task_runner
from models.words import DataType


@flow(name="sync-invoices", flow_run_name="invoices {connection}", task_runner=task_runner())
def sync_invoices(
    connection: Annotated[
        str,
        Field(
            title="Connection",
            description="Name or realm id of the connection; empty where there is only one.",
            max_length=200,
        ),
    ] = "",
) -> State[dict[str, Any]]:
    """Sync one company's invoices once, in both directions.

    Customers, items, invoices and payments are synced both ways; a payment recorded on one side
    shows in the invoice's balance and status on the other. Accounts are read where items need them.
    The run's artifacts show the plan, conflicts, failures and totals.

    Args:
        connection: Name or realm id of the connection; empty where there is only one.
    """
    return sync_data_type(DataType.INVOICES, "sync-invoices", connection)
