"""Fixtures for the tests of others: a QuickBooks company for each test, or one for all of them.

    # conftest.py
    pytest_plugins = ["emulator.pytest_plugin"]

    # a test
    def test_my_sync(quickbooks):
        client = MyClient(quickbooks.base_url, quickbooks.realm_id, quickbooks.connection_token())
        quickbooks.faults(kind="answer_lost", verb="create")

`quickbooks` starts a fresh emulator for each test. `shared_quickbooks` starts one for the session,
resets it before each test and is faster; a test that moves the clock should take the former.
The company is the demo company, or the folder named by the ini option `quickbooks_company`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.testing import RunningEmulator

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPTION = "quickbooks_company"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option."""
    parser.addini(_OPTION, "folder of JSON that the emulated QuickBooks company is loaded from")


def _folder(config: pytest.Config) -> Path | None:
    name = str(config.getini(_OPTION) or "")
    return config.rootpath / name if name else None


@pytest.fixture
def quickbooks(pytestconfig: pytest.Config) -> Iterator[RunningEmulator]:
    """Run an emulator for one test."""
    with RunningEmulator(_folder(pytestconfig)) as running:
        yield running


@pytest.fixture(scope="session")
def _quickbooks_server(pytestconfig: pytest.Config) -> Iterator[RunningEmulator]:
    with RunningEmulator(_folder(pytestconfig)) as running:
        yield running


@pytest.fixture
def shared_quickbooks(_quickbooks_server: RunningEmulator) -> RunningEmulator:
    """Return the session's emulator with its books as on the first day."""
    _quickbooks_server.emulator.reset()
    return _quickbooks_server
