"""The dispatcher: syncs what is due, of all companies, by the frequency that each has chosen."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.due_run import sync_all_due
from flows.sync_run import task_runner
from tasks.bootstrap import installation


@flow(name="sync-due", task_runner=task_runner())
def sync_due() -> State[dict[str, Any]]:
    """Sync every company and data type that is due, both ways.

    Companies are synced side by side in this one run. One that has nothing to do costs one metered
    call and no task run; batches that are written and records that fail have task runs, named
    after the company. A company that fails keeps no other one: it is named in the artifact
    'companies', with what to do in its alert.
    """
    with installation() as place:
        return sync_all_due(place)
