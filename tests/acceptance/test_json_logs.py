"""Logs as JSON, of real processes: the command line, and a flow run under Prefect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.fixtures.company import REPOSITORY, Office
from tests.fixtures.prefect import ON_PREFECT

PROCESS_SECONDS_MAX = 120


def lines_of(written: str) -> list[dict[str, Any]]:
    """What a process wrote to standard error; every line of it must be an object."""
    lines = [json.loads(line) for line in written.splitlines()]
    for line in lines:
        assert datetime.fromisoformat(line["time"]).utcoffset() is not None
        assert line["level"] in ("INFO", "WARNING", "ERROR", "CRITICAL")
        assert {"logger", "message"} <= set(line)
    return lines


@pytest.mark.asvs("16.2.3", "16.2.4")
def test_the_command_line_writes_json_to_standard_error(office: Office) -> None:
    """A record that is refused: what is logged of it names company, run, record and Intuit's id;
    standard output is what it always was."""
    row_id = office.platform.add("vendor", name="Supplier 17")
    office.emulator.faults(
        entity="Vendor", verb="create", kind="fault", code="10000", type="SystemFault", count=None
    )
    process = office.start("sync", "--json", QBSYNC_LOG_FORMAT="json")
    stdout, stderr = process.communicate(timeout=PROCESS_SECONDS_MAX)

    assert process.returncode == 3, stderr
    (cycle,) = json.loads(stdout)["cycles"]
    (parked,) = cycle["parked"]
    lines = lines_of(stderr)
    cycle_lines = [line for line in lines if line["logger"] != "cli"]
    assert {line["connection"] for line in cycle_lines} == {office.status()["connection"]}
    assert {line["run"] for line in cycle_lines} == set(cycle["runs"])
    record_lines = [line for line in lines if line.get("record_type") == "vendor"]
    assert {str(line["record"]) for line in record_lines} == {parked["link"]}
    tried = [line for line in record_lines if "Supplier 17: try" in line["message"]]
    assert len(tried) >= 2
    assert all(line["intuit_tid"] for line in tried)
    assert lines[-1]["message"].startswith("sync finished: 0 created, 0 updated,")
    assert "1 parked" in lines[-1]["message"]
    assert office.platform.quickbooks_id("vendor", row_id) is None


def test_an_error_is_a_line_with_its_fix(office: Office) -> None:
    """Nothing that a person would read stands between the lines of a program."""
    with office.engine.begin() as transaction:
        transaction.exec_driver_sql("UPDATE connections SET realm_id = '1'")
    process = office.start("sync", QBSYNC_LOG_FORMAT="json")
    stdout, stderr = process.communicate(timeout=PROCESS_SECONDS_MAX)
    assert process.returncode != 0
    assert stdout == ""
    last = lines_of(stderr)[-1]
    assert (last["level"], last["logger"]) == ("ERROR", "cli")
    assert last["fix"]


class TestUnderPrefect:
    """Prefect's own configuration file makes its console write the same lines."""

    pytestmark = ON_PREFECT

    def test_a_flow_run_writes_json(
        self, office: Office, prefect_server: Callable[[], Any]
    ) -> None:
        office.platform.add("vendor", name="Supplier 17")
        with prefect_server() as client:
            url = str(client.api_url)
        done = subprocess.run(
            [sys.executable, "-c", "from flows.expenses import sync_expenses; sync_expenses()"],
            cwd=REPOSITORY,
            env={
                **os.environ,
                **office.environment(),
                "QBSYNC_AUDIT_CHECKPOINTS": os.path.abspath("checkpoints.jsonl"),  # noqa: PTH100
                "PREFECT_API_URL": url,
                "PREFECT_LOGGING_LEVEL": "INFO",
                "PREFECT_LOGGING_SETTINGS_PATH": str(REPOSITORY / "deployments/json-logging.yml"),
            },
            capture_output=True,
            text=True,
            timeout=PROCESS_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = lines_of(done.stderr)
        by_logger = {line["logger"]: line for line in lines}
        assert by_logger["prefect.flow_runs"]["flow_run_name"]
        wrote = [line for line in lines if line["message"].startswith("writing vendors")]
        assert {line["connection"] for line in wrote} == {office.status()["connection"]}
        assert all(line["run"] for line in wrote)
        assert "connectors.quickbooks.seen" in by_logger
        assert by_logger["connectors.quickbooks.seen"]["intuit_tid"]
        task_lines = [line for line in lines if line["logger"] == "prefect.task_runs"]
        assert all(line["task_run_name"] and line["connection"] for line in task_lines)


def test_prefects_own_logging_is_as_it_was_but_for_the_lines() -> None:
    """A new version of Prefect with other loggers shows here: then the file has to follow."""
    import prefect.logging.configuration as of_prefect
    import yaml

    theirs = yaml.safe_load(of_prefect.DEFAULT_LOGGING_SETTINGS_PATH.read_text())
    ours = yaml.safe_load((REPOSITORY / "deployments" / "json-logging.yml").read_text())
    assert {name: ours["loggers"][name] for name in theirs["loggers"]} == theirs["loggers"]
    assert ours["root"] == theirs["root"]
    assert set(ours["handlers"]) == set(theirs["handlers"])
    for handler in ("console", "debug"):
        assert ours["handlers"][handler]["formatter"] == "lines"
    assert set(ours["formatters"]) == {"lines"}
    added = set(ours["loggers"]) - set(theirs["loggers"])
    assert added == {"connectors", "tasks", "flows", "deployments"}
