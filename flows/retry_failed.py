"""Retry what is parked: one record, one reason, or all of a company."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.parameters import OneConnection
from flows.sync_run import sync_cycle, task_runner
from tasks.bootstrap import installation, open_cycle
from tasks.retry import retry_parked


@flow(name="retry-failed", flow_run_name="retry {connection}", task_runner=task_runner())
def retry_failed(
    connection: OneConnection = "",
    code: Annotated[
        str,
        Field(
            title="Reason",
            description="Only records parked for this reason, such as fault_6540; empty for all.",
            max_length=60,
        ),
    ] = "",
    link: Annotated[
        int,
        Field(
            title="Link",
            description="Only this record, by the number of its link in the artifact 'failures'; "
            "0 for all.",
            ge=0,
        ),
    ] = 0,
) -> State[dict[str, Any]]:
    """Try parked records again now, as part of a whole cycle of the company.

    A record that fails again has a task run of its own with its retries, and stays parked. What
    waits for a person's decision about a match is not tried.

    Args:
        connection: Name or realm id of the connection; empty where there is only one.
        code: Only records parked for this reason; empty for all.
        link: Only this record, by the number of its link; 0 for all.

    Raises:
        UsageError: no such record is parked.
    """
    log = get_run_logger()
    with installation() as place:
        with open_cycle(place, connection) as cycle, cycle.state.begin() as unit:
            released = retry_parked(unit, [link] if link else [], code)
        log.info("%d records are due again", released)
        return sync_cycle(place, None, "retry-failed", connection)
