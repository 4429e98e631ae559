"""deployments/Dockerfile and compose.yaml, read as they stand: all that they name exists.

No container is started: nothing here needs a daemon. `make scale` runs the same parts as processes.
"""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from typing import Any

import pytest
import yaml
from typer.main import get_command

from cli import app
from connectors.settings import Settings
from deployments.work_pools import ENVIRONMENT, HEARTBEAT_SECONDS, POOL, with_environment
from tests.fixtures.company import REPOSITORY

FOLDER = REPOSITORY / "deployments"
COMPOSE_TEXT = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
#: Services of our own image, and those whose data is all that is kept.
OURS = {name for name, each in SERVICES.items() if "build" in each}
KEEPERS = {"platform-database", "prefect-database", "redis"}
#: Read by Prefect's server, and by its Redis messaging, outside of Prefect's own settings.
ALSO_PREFECTS = {"PREFECT_SERVER_ENCRYPTION_KEY", "PREFECT_REDIS_MESSAGING_URL"}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])?([^}]*)\}")


def pins(name: str) -> dict[str, str]:
    """Package -> version of a lock."""
    text = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, flags=re.MULTILINE))


def commands() -> list[list[str]]:
    """Every command of our containers: compose's and the image's own, split at the shell's &&."""
    found = [SERVICES[name]["command"] for name in OURS if "command" in SERVICES[name]]
    found.append(yaml.safe_load(DOCKERFILE.split("\nCMD ")[1].split("\n")[0]))
    split: list[list[str]] = []
    for command in found:
        texts = command[2].split(" && ") if command[:2] == ["sh", "-c"] else [shlex.join(command)]
        split += [shlex.split(each) for each in texts]
    return split


def test_every_command_exists() -> None:
    """Prefect, python -m and quickbooks-sync know the command and each of its options."""
    from prefect.cli._app import _app as prefect

    seen = set()
    for program, *words in commands():
        seen.add(program)
        if program == "prefect":
            words = [each for each in words if each != "--no-prompt"]  # noqa: PLW2901 - for all commands
            prefect.parse_args(words, exit_on_error=False, print_error=False)
        elif program == "python":
            assert words[0] == "-m"
            assert find_spec(words[1]) is not None, words
        else:
            assert program == "quickbooks-sync"
            get_command(app).commands[words[0]].make_context(words[0], words[1:])  # type: ignore[attr-defined]
    assert seen == {"prefect", "python", "quickbooks-sync"}


def test_the_pool_has_one_name() -> None:
    """Workers poll the pool that is made and deployed to."""
    (worker,) = [each for each in commands() if each[1:3] == ["worker", "start"]]
    assert worker[worker.index("--pool") + 1] == POOL
    written = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text(encoding="utf-8"))
    assert {each["work_pool"]["name"] for each in written["deployments"]} == {POOL}


def test_every_setting_exists() -> None:
    """Prefect takes no notice of a setting that it does not know, and neither do we."""
    from prefect.settings.legacy import _get_settings_fields
    from prefect.settings.models.root import Settings as PrefectSettings

    ours = {f"QBSYNC_{name.upper()}" for name in Settings.model_fields} | {"QBSYNC_HOME"}
    prefects = {*_get_settings_fields(PrefectSettings), *ALSO_PREFECTS}
    named = {name for each in SERVICES.values() for name in each.get("environment", {})}
    named |= set(re.findall(r"\b((?:PREFECT|QBSYNC)_\w+)=", DOCKERFILE)) | ENVIRONMENT.keys()
    wanted = {name for name in named if name.startswith(("PREFECT_", "QBSYNC_"))}
    # each channel is a variable with a name of its own
    channels = {name for name in wanted if name.startswith("QBSYNC_NOTIFY_")}
    assert wanted - ours - prefects - channels == set()


def test_every_variable_is_in_the_example() -> None:
    """example.env has each variable of compose.yaml and no other; what is required has no value."""
    lines = (FOLDER / "example.env").read_text(encoding="utf-8").splitlines()
    given = dict(each.split("=", 1) for each in lines if each and not each.startswith("#"))
    asked = {name: (kind, default) for name, kind, default in VARIABLE.findall(COMPOSE_TEXT)}
    assert set(asked) == set(given)
    for name, (kind, default) in asked.items():
        assert kind in (":?", ":-"), f"{name}: neither required nor with a default"
        assert given[name] == default, name


@pytest.mark.asvs("13.3.1")
def test_secrets_go_only_where_they_are_needed() -> None:
    """The keys of Intuit and of the audit log are the workers', those of webhooks the receiver's;
    the image has none at all."""
    secret = ("SECRET", "ENCRYPTION_KEYS", "SIGNING_KEY", "CLIENT_ID")
    holders = {
        service
        for service, each in SERVICES.items()
        for name in each.get("environment", {})
        if name.startswith("QBSYNC_") and name.endswith(secret)
    }
    # who decides on a page asks QuickBooks, too, and signs the log's end
    assert holders == {"worker", "dashboard"}
    verifiers = "QBSYNC_WEBHOOK_VERIFIER_TOKENS"
    assert [
        name for name, each in SERVICES.items() if verifiers in each.get("environment", {})
    ] == ["dashboard"]
    assert re.search(r"(KEY|SECRET|PASSWORD|TOKEN|AUTH)\w*=\S", DOCKERFILE) is None


def test_nothing_depends_on_one_disk() -> None:
    """Only databases and the file of checkpoints are kept; our containers write to memory alone."""
    for name, each in SERVICES.items():
        volumes = each.get("volumes", [])
        if name in KEEPERS:
            assert volumes
        else:
            shared = ["audit-checkpoints:/var/lib/quickbooks-sync"]
            assert volumes == (shared if name in ("worker", "dashboard") else []), name
    for name in OURS:
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["tmpfs"] == ["/tmp"]
    assert SERVICES["worker"]["deploy"]["replicas"] >= 2


@pytest.mark.asvs("13.4.5")
def test_nothing_is_open_to_other_machines() -> None:
    """What is published is published to this machine."""
    published = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_watched(name: str) -> None:
    """Each has a health that others wait for, or says why it has none by its kind."""
    each = SERVICES[name]
    if each.get("healthcheck", {}).get("disable"):
        assert name in ("deploy", "prefect-services")
    else:
        # the image's own is a worker's
        assert "healthcheck" in each or name == "worker"
    waited_for = each.get("depends_on", {})
    assert set(waited_for) <= set(SERVICES)
    for other, condition in waited_for.items():
        ended = condition["condition"] == "service_completed_successfully"
        assert ended == (other == "deploy")


def test_images_have_a_version() -> None:
    """Neither `latest` nor none."""
    named = [each["image"] for each in SERVICES.values()]
    named += re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert all(re.search(r":\d+(\.\d+)+|:\d+-\w+", each) for each in named), named


@pytest.mark.asvs("15.1.2", "15.2.4")
def test_the_image_has_the_same_packages() -> None:
    """server.lock is runtime.lock and what the server needs; scale.lock and dev.lock agree."""
    runtime, server = pins("runtime.lock"), pins("server.lock")
    assert server.items() >= runtime.items()
    assert server.keys() - runtime.keys() == {"prefect-redis"}
    for other in ("scale.lock", "dev.lock"):
        both = pins(other).keys() & server.keys()
        assert {name: pins(other)[name] for name in both} == {name: server[name] for name in both}
    assert "requirements/server.lock" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE


@pytest.mark.asvs("13.2.2")
def test_the_image_is_not_run_by_root() -> None:
    """The last user is ours; the folder of the program is the one that deployments name."""
    assert re.findall(r"^USER (\S+)", DOCKERFILE, flags=re.MULTILINE) == ["quickbooks-sync"]
    (folder,) = re.findall(r"^WORKDIR (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert f"QBSYNC_HOME={folder}" in DOCKERFILE


@pytest.mark.asvs("13.4.1")
def test_the_image_holds_the_program_and_nothing_else() -> None:
    """What is let in exists, and holds all that the flows import."""
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [each.removeprefix("!") for each in lines if each.startswith("!")]
    assert all(list(REPOSITORY.glob(each)) for each in let_in)
    folders = {"models", "connectors", "tasks", "flows", "deployments", "dashboard"}
    assert folders | {"prefect.yaml"} <= set(let_in)
    assert "deployments/.env" in lines


def test_runs_are_told_to_send_heartbeats() -> None:
    """By the pool, beside what people have set there; often enough for the automation."""
    from deployments.automations import SILENT_FOR

    properties: dict[str, Any] = {"env": {"type": "object", "default": {"TZ": "UTC"}}}
    template = {"job_configuration": {}, "variables": {"properties": properties}}
    made = with_environment(template)
    assert made["variables"]["properties"]["env"]["default"] == {"TZ": "UTC", **ENVIRONMENT}
    assert properties["env"]["default"] == {"TZ": "UTC"}
    assert SILENT_FOR.total_seconds() >= 3 * HEARTBEAT_SECONDS
