"""The states that the contract holds alike: in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from connectors.state.port import State
from tests.contract.state_worlds import MemoryWorld, SqlWorld, World
from tests.fixtures.databases import ON_POSTGRESQL


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=ON_POSTGRESQL)])
def world(request: pytest.FixtureRequest) -> World:
    """An empty company."""
    if request.param == "memory":
        return MemoryWorld()
    return SqlWorld(request.getfixturevalue(f"{request.param}_engine"))


@pytest.fixture
def state(world: World) -> State:
    """The state of a worker without a lease."""
    return world.state()
