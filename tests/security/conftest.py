"""An installation that is tried by people who may not, on SQLite, or on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connectors.database import create_database_engine
from connectors.sign_on import wire
from models.people import Role
from tests.fixtures.guarded import Guarded, copied, fill, place_at
from tests.fixtures.openid import OpenId, open_id
from tests.fixtures.signing_on import ANN, BOB, pages_with, rename


@pytest.fixture(scope="session")
def guarded_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with companies and people, to copy: hashing passwords takes its time."""
    path = tmp_path_factory.mktemp("guarded") / "template.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = create_database_engine(f"sqlite:///{path}")
    fill(engine)
    engine.dispose()
    return path


@pytest.fixture
def guarded(guarded_template: Path, tmp_path: Path) -> Iterator[Guarded]:
    """Pages with two companies and a person of each role."""
    url = copied(guarded_template, tmp_path)
    engine = create_database_engine(url)
    yield Guarded(place_at(url, engine))
    engine.dispose()


@pytest.fixture
def guarded_on_both(database: Engine, database_url: str) -> Guarded:
    """The same on each kind of database."""
    fill(database)
    return Guarded(place_at(database_url, database))


@pytest.fixture
def provider(guarded: Guarded) -> Iterator[OpenId]:
    """An honest OpenID provider, under the clock of the pages."""
    with open_id(guarded.clock) as provider:
        yield provider


@pytest.fixture
def pages(guarded: Guarded, provider: OpenId, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """Pages where ann and bob are users, and who is slow is waited for a moment only."""
    monkeypatch.setattr(wire, "READ_SECONDS", 0.4)
    rename(guarded, Role.VIEWER, ANN)
    rename(guarded, Role.OPERATOR, BOB)
    return pages_with(guarded, provider)
