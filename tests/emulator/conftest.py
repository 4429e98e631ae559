"""A running demo company for each test, and clients that talk to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator_books import Client
from intuitlib.client import AuthClient
from quickbooks import QuickBooks
from webhook_endpoint import Endpoint

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
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as made:
        yield made


@pytest.fixture
def payloads() -> Path:
    """The recorded payloads, beside the repository or where QBSYNC_PAYLOADS says."""
    given = os.environ.get("QBSYNC_PAYLOADS")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "payloads"
    if not (folder / "company").is_dir():
        pytest.skip("the recorded payloads are not here; QBSYNC_PAYLOADS can name their folder")
    return folder


@pytest.fixture
def library(running: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuickBooks]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    auth = AuthClient(
        running.client_id,
        running.client_secret,
        "http://localhost/callback",
        environment=running.discovery_url,
        access_token=running.connection_token(),
    )
    quickbooks = QuickBooks(
        auth_client=auth,
        refresh_token=running.refresh_token,
        company_id=running.realm_id,
        minorversion=75,
    )
    quickbooks.api_url_v3 = running.api_url
    yield quickbooks
    quickbooks.session.close()
    auth.close()
