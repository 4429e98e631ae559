"""A short campaign of kill -9 at random moments, and the proof that its harness sees what it must.

The long ones are started by hand: python -m tests.acceptance.kill --runs 200 --database postgresql
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.acceptance import kill_process
from tests.acceptance.kill_run import ENDS
from tests.fixtures.company import REPOSITORY
from tests.fixtures.databases import PostgreSQLServer

#: A bound, not a goal: a campaign takes half a minute.
CAMPAIGN_SECONDS_MAX = 480


def campaign(*options: str) -> tuple[int, dict[str, Any], str]:
    """Run the harness as a person would: exit code, summary, what it said."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "tests.acceptance.kill",
            "--json",
            "--unchecked",
            *options,
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=CAMPAIGN_SECONDS_MAX,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def assert_nothing_wrong(code: int, summary: dict[str, Any], said: str, runs: int) -> None:
    """All runs were made, processes were killed, and nothing is lost, doubled or unexplained."""
    assert (code, summary["wrong"]) == (0, {}), said
    assert summary["runs"] == runs
    assert summary["too_slow"] < runs, "every run was too slow to prove anything"
    assert summary["kills"] >= runs, summary
    assert summary["writes"] >= runs, summary


def test_processes_that_are_killed_on_sqlite() -> None:
    """Goal: processes killed with -9 at random moments, with random people and random trouble:
    no duplicate, no lost edit, audit and journal one to one, both sides equal."""
    assert_nothing_wrong(*campaign("--runs", "6", "--lanes", "3"), runs=6)


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_processes_that_are_killed_on_postgresql(postgresql_server: PostgreSQLServer) -> None:
    """Goal: the same on PostgreSQL."""
    server = postgresql_server.url.render_as_string(hide_password=False)
    options = ("--runs", "4", "--lanes", "2", "--database", "postgresql", "--server", server)
    assert_nothing_wrong(*campaign(*options), runs=4)


@pytest.mark.parametrize(
    ("bug", "runs", "seen"),
    [
        # sent again without a look: QuickBooks refuses it, or has it twice
        ("no_look", 4, ("duplicate", "audit", "lost", "the sides differ", "still moving")),
        ("no_audit", 2, ("audit",)),
    ],
)
def test_the_harness_sees_a_planted_bug(bug: str, runs: int, seen: tuple[str, ...]) -> None:
    """Goal: with an engine that is broken on purpose the campaign fails and names seed and reason,
    so that its zeros mean something."""
    code, summary, said = campaign("--runs", str(runs), "--lanes", "2", "--bug", bug, "--rough")
    assert code == 1
    found = [line for listed in summary["wrong"].values() for line in listed]
    assert any(line.startswith(seen) for line in found), said
    assert all(f"seed {seed}" in said for seed in summary["wrong"])


def test_a_command_that_hangs_counts_as_wrong_not_as_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Goal: a process that the harness had to end is no kill that was ordered."""
    monkeypatch.setattr(kill_process, "COMMAND_SECONDS_MAX", 0.05)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as hanging:
        code = kill_process._waited_for(hanging.pid)
    assert code not in {*ENDS, -9}
