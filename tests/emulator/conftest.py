"""A running demo company for each test, and clients that talk to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator_books import Client

from emulator.testing import RunningEmulator


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator() as emulator:
        yield emulator


@pytest.fixture
def client(running: RunningEmulator) -> Iterator[Client]:
    made = Client(running, running.connection_token())
    yield made
    made.http.close()


@pytest.fixture
def accountant(running: RunningEmulator) -> Iterator[Client]:
    made = Client(running, running.token("accountant"))
    yield made
    made.http.close()


@pytest.fixture
def payloads() -> Path:
    """The recorded payloads, beside the repository or where QBSYNC_PAYLOADS says."""
    given = os.environ.get("QBSYNC_PAYLOADS")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "payloads"
    if not (folder / "company").is_dir():
        pytest.skip("the recorded payloads are not here; QBSYNC_PAYLOADS can name their folder")
    return folder
