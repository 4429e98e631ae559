"""A run of the dispatcher, asked for from Prefect's API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from models.errors import UsageError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

#: The dispatcher's flow, whatever its deployment is called: prefect.yaml and serve differ.
FLOW: Final = "sync-due"
#: What tells its runs from those of the schedule.
TAG: Final = "webhook"
#: How long Prefect may take for an answer; its client tries again a few times.
API_SECONDS_MAX: Final = 5.0
#: A run that should have begun longer ago may never begin.
_WAITS_MAX: Final = timedelta(minutes=1)
#: Clocks of this machine and Prefect's may differ by so much.
_CLOCKS_DIFFER: Final = timedelta(seconds=1)


def has_prefect() -> bool:
    """Whether a Prefect server is set up; the client would start one of its own otherwise."""
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


def start_dispatcher() -> None:
    """Let a run of the dispatcher begin now, unless one is about to.

    One that has not begun sees all that is due until it does, so no second one is needed.

    Raises:
        UsageError: it has no deployment, or people have paused it.
    """
    from prefect.client.orchestration import get_client

    settings = {"timeout": API_SECONDS_MAX}
    with get_client(sync_client=True, httpx_settings=settings) as client:
        deployment_id = _deployment(client)
        if not _is_about_to_begin(client, deployment_id):
            # the key keeps a request that the client sends again from making a second run
            client.create_flow_run_from_deployment(
                deployment_id, tags=[TAG], idempotency_key=uuid4().hex
            )


def _deployment(client: SyncPrefectClient) -> UUID:
    """The dispatcher's deployment; one that somebody works for, where there are several."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.objects import DeploymentStatus

    wanted = FlowFilter(name=FlowFilterName(any_=[FLOW]))
    found = [each for each in client.read_deployments(flow_filter=wanted) if not each.paused]
    if not found:
        raise UsageError(
            f"{FLOW} has no deployment at PREFECT_API_URL, or it is paused; deploy it with "
            "`prefect --no-prompt deploy --all` or serve it with `python -m deployments.serve`"
        )
    return max(found, key=lambda each: each.status is DeploymentStatus.READY).id


def _is_about_to_begin(client: SyncPrefectClient, deployment_id: UUID) -> bool:
    """Whether a run waits for a worker."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    now = datetime.now(UTC)
    waiting = [StateType.SCHEDULED, StateType.PENDING]
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=waiting)),
            expected_start_time=FlowRunFilterExpectedStartTime(
                after_=now - _WAITS_MAX, before_=now + _CLOCKS_DIFFER
            ),
        ),
        limit=1,
    )
    return bool(runs)
