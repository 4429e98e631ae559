"""What `scale` looks at while it runs, and the figures that it prints.

The product's own tables say which cycles ran when; Prefect's API says what became of its runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from connectors.state.schedules import usage
from models.schedule import Usage
from models.tables import sync as tables
from tests.acceptance.scale_work import Scene

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from tests.acceptance.scale import Killed
    from tests.acceptance.scale_servers import Machines

FLOW, POOL = "sync-due", "quickbooks-sync"
#: More flow runs than a run of this has; Prefect gives out no more at once.
FLOW_RUNS_MAX = 200


# -- the product's tables --


def runs_of(scene: Scene, since: datetime | None = None) -> list[Any]:
    """Rows of cycles that began since an instant."""
    runs = tables.runs
    query = select(runs).order_by(runs.c.started_at)
    if since is not None:
        query = query.where(runs.c.started_at >= since)
    with scene.engine.connect() as connection:
        return list(connection.execute(query))


def synced_since(scene: Scene, since: datetime) -> set[int]:
    """Connections with a whole cycle since an instant."""
    return {each.connection_id for each in runs_of(scene, since) if each.state == "completed"}


def under_way(scene: Scene) -> list[Any]:
    """Rows of cycles that have not ended."""
    return [each for each in runs_of(scene) if each.finished_at is None]


def held(scene: Scene) -> list[Any]:
    """Leases that somebody holds."""
    leases = tables.leases
    with scene.engine.connect() as connection:
        return list(connection.execute(select(leases).where(leases.c.holder.is_not(None))))


def at_rest(scene: Scene, since: datetime) -> bool:
    """Whether each company's last cycle moved nothing, and no intent is open."""
    last = {each.connection_id: each for each in runs_of(scene, since) if each.finished_at}
    intents = tables.intents
    with scene.engine.connect() as connection:
        query = select(intents.c.id).where(intents.c.closed_at.is_(None)).limit(1)
        is_open = connection.execute(query).first() is not None
    still = all(each.state == "completed" and not moved_in(each) for each in last.values())
    return len(last) == len(scene.companies) and still and not is_open


def moved_in(run: Any) -> int:
    """Records that a cycle wrote."""
    return sum(
        counts["created"] + counts["updated"]
        for directions in json.loads(run.summary)["data_types"].values()
        for counts in directions.values()
    )


def usage_of(scene: Scene) -> Usage:
    """Calls of this month until now."""
    return usage(scene.engine, scene.place.clock.now())


# -- Prefect --


def _client() -> SyncPrefectClient:
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def online() -> set[str]:
    """Names of the workers that Prefect sees."""
    with _client() as client:
        found = client.request(
            "POST", "/work_pools/{name}/workers/filter", path_params={"name": POOL}
        )
    return {each["name"] for each in found.json() if each["status"] == "ONLINE"}


def flow_runs() -> list[FlowRun]:
    """All runs of the dispatcher that have begun, oldest first."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    with _client() as client:
        found = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
            sort=FlowRunSort.START_TIME_ASC,
            limit=FLOW_RUNS_MAX,
        )
    return [each for each in found if each.start_time is not None]


def runs_under_way() -> list[FlowRun]:
    """Runs of the dispatcher that Prefect believes to be running."""
    return [each for each in flow_runs() if each.state is not None and each.state.is_running()]


def crashed(numbers: Iterable[int]) -> FlowRun | None:
    """The run of these processes that is marked as crashed; None before that."""
    wanted = {str(each) for each in numbers}
    for each in flow_runs():
        is_crashed = each.state is not None and each.state.is_crashed()
        if each.infrastructure_pid in wanted and is_crashed:
            return each
    return None


def pause_pool() -> None:
    """Let no more runs begin."""
    from prefect.client.schemas.actions import WorkPoolUpdate

    with _client() as client:
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True))


# -- figures --


def idle(scene: Scene, since: datetime, before: Usage) -> dict[str, Any]:
    """What the idle stage cost: every cycle in it found nothing to do."""
    runs = [each for each in runs_of(scene, since) if each.finished_at]
    used = usage_of(scene)
    cycles = used.cycles - before.cycles
    begun = min(each.started_at for each in runs)
    return {
        "cycles": cycles,
        "metered_calls": used.metered - before.metered,
        "metered_calls_per_cycle": round((used.metered - before.metered) / cycles, 2),
        "seconds_for_all_companies": _seconds(begun, max(each.finished_at for each in runs)),
        "cycle_seconds": spread(_seconds(each.started_at, each.finished_at) for each in runs),
    }


def kill(scene: Scene, killed: Killed) -> dict[str, Any]:
    """Where the kill struck."""
    entered = sum(each.side == "platform" for each in scene.entered)
    return {
        "worker": killed.worker.name,
        "cycles_under_way": len(killed.runs),
        "writes_to_quickbooks": killed.writes,
        "of": entered,
    }


def take_over(scene: Scene, killed: Killed) -> dict[str, Any]:
    """How long until the other worker had taken over, and until Prefect knew."""
    after = [each for each in runs_of(scene, killed.at) if each.state == "completed"]
    first: dict[int, Any] = {}
    for each in after:
        first.setdefault(each.connection_id, each)
    struck = {each.connection_id for each in killed.runs}
    run = crashed(killed.worker.killed)
    moved = [each for each in after if moved_in(each)]
    return {
        "crashed_after_seconds": _seconds(killed.at, run.state.timestamp) if run else None,
        "struck_companies_taken_up_after_seconds": spread(
            _seconds(killed.at, first[each].started_at) for each in struck
        ),
        "other_companies_taken_up_after_seconds": spread(
            _seconds(killed.at, each.started_at) for key, each in first.items() if key not in struck
        ),
        "cycle_with_writes_seconds": spread(
            _seconds(each.started_at, each.finished_at) for each in moved
        ),
        "all_written_after_seconds": max(
            (_seconds(killed.at, each.finished_at) for each in moved), default=0.0
        ),
    }


def totals(scene: Scene, machines: Machines, seconds: float) -> dict[str, Any]:
    """Of the whole run, from the first server on."""
    runs, used = flow_runs(), usage_of(scene)
    ends: dict[str, int] = {}
    for each in runs:
        name = each.state.name if each.state is not None else ""
        ends[name] = ends.get(name, 0) + 1
    return {
        "seconds": round(seconds, 1),
        "cycles": used.cycles,
        "requests": used.requests,
        "metered_calls": used.metered,
        "entered": len(scene.entered),
        "written_to_quickbooks": scene.written_by_us(),
        "flow_runs": len(runs),
        "flow_run_ends": ends,
        "processor_seconds": {
            **machines.seconds(),
            "emulator_and_checks": round(time.process_time(), 1),
        },
    }


def spread(seconds: Iterable[float]) -> dict[str, float]:
    """Least, middle and most; nothing of nothing."""
    found = sorted(seconds)
    if not found:
        return {}
    return {"min": found[0], "median": round(median(found), 3), "max": found[-1]}


def _seconds(since: datetime, until: datetime) -> float:
    return round((until - since).total_seconds(), 3)
