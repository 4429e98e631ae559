"""Retry what is parked: one record, one reason, or all of a company; or leave it alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.parameters import OneConnection
from flows.sync_run import sync_cycle, task_runner
from models.errors import UsageError
from models.retry_queue import DONE_BY_HAND, SKIPPED
from tasks.bootstrap import Installation, installation, open_cycle
from tasks.retry import Chosen, retry_parked, settle_parked


class Action(StrEnum):
    """What becomes of the records that are named."""

    RETRY = "try again"
    SKIP = "skip"
    DONE = "done by hand"


_DECISIONS = {Action.SKIP: SKIPPED, Action.DONE: DONE_BY_HAND}


@flow(name="retry-failed", flow_run_name="retry {connection}", task_runner=task_runner())
def retry_failed(
    connection: OneConnection = "",
    code: Annotated[str, Field(max_length=60)] = "",
    link: Annotated[int, Field(ge=0)] = 0,
    action: Action = Action.RETRY,
    decided_by: Annotated[str, Field(max_length=100)] = "",
    why: Annotated[str, Field(max_length=200)] = "",
) -> State[dict[str, Any]]:
    """Try parked records again now, as part of a whole cycle of the company; or leave them alone.

    A record that fails again has a task run of its own with its retries, and stays parked. What
    waits for a person's decision about a match is not tried. What a person has to look at in
    QuickBooks first, and what was skipped before, is tried only if it is named, by its link or its
    reason.

    Args:
        connection: Name or realm id of the connection; empty where there is only one.
        code: Only records parked for this reason, such as fault_6540; empty for all.
        link: Only this record, by the number of its link in the artifact 'failures'; 0 for all.
        action: Try again now; or leave alone until somebody retries it, because it is not wanted
            (skip) or put right in both systems (done by hand).
        decided_by: Who skips it or has settled it, for the log.
        why: The reason for skipping it or settling it, for the log.

    Raises:
        UsageError: no such record is parked, or nobody's name is given where it is asked for.
    """
    log = get_run_logger()
    chosen = Chosen([link] if link else [], code)
    with installation() as place:
        if action is not Action.RETRY:
            count = _settle(place, connection, chosen, action, decided_by, why)
            return Completed(message=f"{count} records are left alone", data={"settled": count})
        with open_cycle(place, connection) as cycle, cycle.state.begin() as unit:
            released = retry_parked(unit, chosen, decided_by or "prefect")
        log.info("%d records are due again", released)
        return sync_cycle(place, None, "retry-failed", connection)


def _settle(
    place: Installation, connection: str, chosen: Chosen, action: Action, by: str, why: str
) -> int:
    """Leave records alone; how many there are."""
    name = by.strip()
    if not name:
        raise UsageError(f"decided_by is empty: the log keeps who chose {action.value!r}")
    with open_cycle(place, connection) as cycle, cycle.state.begin() as unit:
        return settle_parked(unit, chosen, _DECISIONS[action], name, why)
