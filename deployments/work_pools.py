"""The work pool of an installation: `python -m deployments.work_pools`.

Makes the pool that prefect.yaml deploys to on the server that PREFECT_API_URL names, or brings it
up to date; what people have chosen there (a pause, a limit, other variables) stays.

Runs send a heartbeat because the pool tells them to: a worker cannot be set up without it, and so
no run that is alive is taken for one whose worker died (`deployments.automations`).
"""

from __future__ import annotations

import copy
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

POOL: Final = "quickbooks-sync"
DESCRIPTION: Final = "Runs of quickbooks-sync, each a process beside its worker."
#: Seconds between two heartbeats of a run; Prefect takes no fewer.
HEARTBEAT_SECONDS: Final = 30
#: What every run has in its environment, whatever its worker has.
ENVIRONMENT: Final = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS)}


def with_environment(template: dict[str, Any]) -> dict[str, Any]:
    """A pool's job template whose runs have our variables beside those that are there already."""
    made = copy.deepcopy(template)
    properties = made["variables"]["properties"]
    known = properties["env"].get("default") or {}
    properties["env"]["default"] = {**known, **ENVIRONMENT}
    return made


def make(client: SyncPrefectClient) -> None:
    """Create the pool, or bring it up to date."""
    try:
        known = client.read_work_pool(POOL)
    except ObjectNotFound:
        template = with_environment(ProcessWorker.get_default_base_job_template())
        client.create_work_pool(
            WorkPoolCreate(
                name=POOL, type="process", description=DESCRIPTION, base_job_template=template
            )
        )
        return
    template = with_environment(known.base_job_template)
    client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def main() -> None:
    """The command line."""
    with get_client(sync_client=True) as client:
        make(client)
    print(POOL)  # noqa: T201 - it is the output


if __name__ == "__main__":
    main()
