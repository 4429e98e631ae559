"""prefect.yaml: deploys on a fresh server without a question, and says what the flows say."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowFilter, FlowFilterId
from prefect.client.schemas.schedules import IntervalSchedule

from dashboard import dispatcher
from deployments.serve import FLOWS, deployments
from deployments.work_pools import ENVIRONMENT, POOL, make
from tests.fixtures.company import REPOSITORY
from tests.fixtures.prefect import ON_PREFECT

pytestmark = ON_PREFECT

#: Prefect takes no notice of keys that it does not know.
KEYS = {
    "name",
    "version",
    "description",
    "entrypoint",
    "tags",
    "parameters",
    "work_pool",
    "pull",
    "concurrency_limit",
    "schedules",
}
SCHEDULE_KEYS = {"slug", "interval", "cron", "timezone"}
WRITTEN: dict[str, Any] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = WRITTEN["deployments"]
NAMES = [each["name"] for each in DEPLOYMENTS]


def flow_of(deployment: dict[str, Any]) -> Any:
    """The flow that a deployment runs."""
    path, _, function = deployment["entrypoint"].partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    return getattr(module, function)


def test_every_flow_has_one_deployment() -> None:
    """None is missing, here or in the process that serves them all."""
    assert sorted(NAMES) == sorted(each.name for each in FLOWS)


@pytest.mark.parametrize("scheduled", [True, False])
def test_served_from_one_process_they_come_as_often(*, scheduled: bool) -> None:
    """`deployments.serve` has the schedules and limits of prefect.yaml; the former if wanted."""
    declared = {each["name"]: each for each in DEPLOYMENTS}
    for each in deployments(scheduled=scheduled):
        written = declared[each.flow_name]
        assert [
            (
                one.slug,
                getattr(one.schedule, "interval", None),
                getattr(one.schedule, "cron", None),
                one.active,
            )
            for one in each.schedules or ()
        ] == [
            (
                one["slug"],
                timedelta(seconds=one["interval"]) if "interval" in one else None,
                one.get("cron"),
                scheduled,
            )
            for one in written["schedules"]
        ]
        # two that wait for a person leave room for all the others
        assert each.concurrency_limit == min(written["concurrency_limit"]["limit"], 2)
        strategy = each.concurrency_options.collision_strategy.value
        assert strategy == written["concurrency_limit"]["collision_strategy"]


def test_what_webhooks_wake_is_deployed() -> None:
    """By the flow's name, and it comes by itself as well."""
    (woken,) = [each for each in DEPLOYMENTS if each["name"] == dispatcher.FLOW]
    assert woken["schedules"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_a_deployment_says_what_its_flow_says(deployment: dict[str, Any]) -> None:
    """Same name; defaults for all parameters but those that each run gives; no unknown key."""
    flow = flow_of(deployment)
    assert set(deployment) == KEYS
    assert flow.name == deployment["name"]
    schema = flow.parameters
    required = set(schema.required or [])
    assert set(deployment["parameters"]) == set(schema.properties) - required - {"as_of"}
    for name, value in deployment["parameters"].items():
        assert schema.properties[name]["default"] == value, name
    for name, shown in schema.properties.items():
        assert shown.get("title"), f"{name} has no title in the form"
        assert shown.get("description"), f"{name} has no description in the form"
    assert deployment["description"].endswith(".")
    assert "quickbooks-sync" in deployment["tags"]
    for schedule in deployment["schedules"]:
        assert set(schedule) <= SCHEDULE_KEYS
        # a schedule that was paused in the UI stays so when this is deployed again
        assert "active" not in schedule


def test_the_docs_name_every_deployment() -> None:
    """docs/operations.md has a line for each, with when it runs."""
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    listed = re.findall(r"^\| `([a-z-]+)` \|", page, flags=re.MULTILINE)
    assert set(NAMES) <= set(listed)


def test_deploying_on_a_fresh_server_asks_nothing(prefect_server: Callable[[], Any]) -> None:
    """The pool, and `prefect --no-prompt deploy --all` twice: all are there once, with their
    limits, and what people have set in the pool stays."""
    from prefect.client.schemas.actions import WorkPoolUpdate
    from prefect.settings import PREFECT_API_URL

    environment = {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "QBSYNC_HOME": str(REPOSITORY),
    }
    deploy = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    for command in ([sys.executable, "-m", "deployments.work_pools"], deploy, deploy):
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with prefect_server() as client:
        found = {each.name: each for each in client.read_deployments()}
        client.update_work_pool(POOL, WorkPoolUpdate(is_paused=True, concurrency_limit=7))
        make(client)
        pool = client.read_work_pool(POOL)
    assert (pool.is_paused, pool.concurrency_limit) == (True, 7)
    assert pool.base_job_template["variables"]["properties"]["env"]["default"] == ENVIRONMENT
    assert set(NAMES) <= set(found)
    for each in DEPLOYMENTS:
        made = found[each["name"]]
        assert made.concurrency_options is not None
        assert [schedule.slug for schedule in made.schedules] == [
            schedule["slug"] for schedule in each["schedules"]
        ]
        assert all(schedule.active for schedule in made.schedules)
        assert made.global_concurrency_limit.limit == each["concurrency_limit"]["limit"]


def test_a_schedule_makes_runs(prefect_server: Callable[[], Any]) -> None:
    """The server makes runs of a schedule with the packages that are locked; asked to do at once
    what its scheduler does every minute, which a server for tests has not."""
    with prefect_server() as client:
        flow_id = client.create_flow_from_name("scheduled")
        schedule = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(hours=1)))
        made = client.create_deployment(flow_id, name="every-hour", schedules=[schedule])
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": made}, json={})
        wanted = FlowFilter(id=FlowFilterId(any_=[flow_id]))
        found = client.read_flow_runs(flow_filter=wanted)
    assert {each.state_name for each in found} == {"Scheduled"}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's import
def test_automations_are_made_once(
    prefect_server: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Made again they are brought up to date; a block that is none is refused with its name."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    from deployments.automations import crashed_workers, main, notices

    for _ in range(2):
        main([])
    with prefect_server() as client:
        made = client.read_automations_by_name(crashed_workers().name)
    assert len(made) == 1
    assert made[0].enabled
    block = CustomWebhookNotificationBlock(
        name="chat", url="https://chat.example/post", secrets={"token": "a-canary"}
    )
    block.save("finance", overwrite=True)
    main(["--notify", f"{block.get_block_type_slug()}/finance"])
    with prefect_server() as client:
        (told,) = client.read_automations_by_name(notices(str(uuid4())).name)
    assert "a-canary" not in told.model_dump_json() + capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["--notify", "slack-webhook/nobody"])
    assert ended.value.code == 2
    assert "slack-webhook/nobody" in capsys.readouterr().err
