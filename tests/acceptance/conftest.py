"""Offices to test in: connected and synced once, or fresh, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.testing import RunningEmulator
from tasks.bootstrap import installation
from tests.fixtures.company import CHECKPOINTS, Office, opened
from tests.fixtures.databases import ON_POSTGRESQL, PostgreSQLServer
from tests.fixtures.pages import Pages

#: Runs a test on both databases.
ON_BOTH = ["sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)]


@pytest.fixture(scope="session")
def shared_emulator() -> Iterator[RunningEmulator]:
    """One emulator for the tests that leave its clock and tokens alone; reset for each."""
    with RunningEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def synced_sqlite(
    shared_emulator: RunningEmulator,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An SQLite file after the first sync with the demo company, to copy."""
    folder = tmp_path_factory.mktemp("synced")
    path = folder / "synced.db"
    shutil.copyfile(sqlite_template, path)
    _first_sync(shared_emulator, f"sqlite:///{path}", folder)
    return path


@pytest.fixture(scope="session")
def postgresql_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the checkpoints of the first sync on PostgreSQL."""
    return tmp_path_factory.mktemp("synced")


@pytest.fixture(scope="session")
def synced_postgresql(
    shared_emulator: RunningEmulator,
    postgresql_server: PostgreSQLServer,
    postgresql_checkpoints: Path,
) -> Iterator[PostgreSQLServer]:
    """The server, with a template of a database after the first sync with the demo company."""
    url = postgresql_server.create()
    database_url = url.render_as_string(hide_password=False)
    _first_sync(shared_emulator, database_url, postgresql_checkpoints)
    assert url.database is not None
    yield replace(postgresql_server, template=url.database)
    postgresql_server.drop(url.database)


def _first_sync(emulator: RunningEmulator, database_url: str, folder: Path) -> None:
    """Connect and sync until nothing moves."""
    emulator.emulator.reset()
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        opened(emulator, database_url, monkeypatch, folder) as office,
    ):
        office.connect()
        office.sync()
        office.settled()


@pytest.fixture
def database_kind() -> str:
    """The database a test runs on; tests that run on both are parametrised by this name."""
    return "sqlite"


@pytest.fixture
def office(
    request: pytest.FixtureRequest,
    database_kind: str,
    shared_emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Office]:
    """The demo company, connected and synced: both sides agree."""
    server, name = None, None
    if database_kind == "sqlite":
        template = request.getfixturevalue("synced_sqlite")
        shutil.copyfile(template, tmp_path / "sync.db")
        checkpoints = template.parent
        database_url = f"sqlite:///{tmp_path / 'sync.db'}"
    else:
        server = request.getfixturevalue("synced_postgresql")
        url = server.create()
        name, database_url = url.database, url.render_as_string(hide_password=False)
        checkpoints = request.getfixturevalue("postgresql_checkpoints")
    shutil.copyfile(checkpoints / CHECKPOINTS, tmp_path / CHECKPOINTS)
    shared_emulator.emulator.reset()
    shared_emulator.emulator.options.honour_request_ids = True
    with opened(shared_emulator, database_url, monkeypatch, tmp_path) as made:
        yield made
    if server is not None:
        server.drop(name)


@pytest.fixture
def fresh_office(
    shared_emulator: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    sqlite_url: str,
) -> Iterator[Office]:
    """The demo company and an empty platform, not connected."""
    shared_emulator.emulator.reset()
    with opened(shared_emulator, sqlite_url, monkeypatch, tmp_path) as made:
        yield made


@pytest.fixture
def own_office(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str
) -> Iterator[Office]:
    """As `fresh_office`, with an emulator of its own whose clock and tokens may be spoilt."""
    with (
        RunningEmulator() as emulator,
        opened(emulator, sqlite_url, monkeypatch, tmp_path) as made,
    ):
        yield made


@pytest.fixture
def pages(office: Office) -> Iterator[Pages]:
    """The pages of a company that was synced once."""
    assert office
    with installation() as place:
        yield Pages(place)
