"""node-quickbooks, a client in another language, drives the emulator over HTTP.

The package is installed from npm into a temporary folder; where node or npm is missing, or the
installation fails, the test is skipped and says why.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.clock import stamp
from emulator.testing import RunningEmulator

PACKAGE = "node-quickbooks@2.0.50"
INSTALL_SECONDS, RUN_SECONDS = 40, 15
SCRIPT = Path(__file__).with_name("node_quickbooks.js")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with node-quickbooks in it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not here")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            [*command, "--prefix", str(tmp_path), PACKAGE],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm install took longer than {INSTALL_SECONDS} s")
    if done.returncode:
        pytest.skip(f"npm install failed: {done.stderr.strip()[-200:]}")
    shutil.copy(SCRIPT, tmp_path / SCRIPT.name)
    return tmp_path


def test_node_quickbooks(folder: Path, running: RunningEmulator) -> None:
    given = {
        "base_url": running.base_url,
        "client_id": running.client_id,
        "client_secret": running.client_secret,
        "realm_id": running.realm_id,
        "refresh_token": running.refresh_token,
        "since": stamp(running.clock.now() - timedelta(seconds=1)),
    }
    done = subprocess.run(
        ["node", SCRIPT.name, json.dumps(given)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {
        "company": "Harbor & Pine Consulting",
        "created": [120.5, True],
        "read": True,
        "found": [True],
        "liked": 2,
        "all": 39,
        "count": 15,
        "updated": ["of node", "1", 2],
        "stale": "5010",
        "batch": ["Customer", "Fault", "QueryResponse"],
        "deleted": "610",
        # The other customer is the one whose balance moved.
        "changes": [["Deleted"], 2],
    }
