"""What every platform port promises of the files of receipts. Method: as test_state_contract.py."""

from __future__ import annotations

import hashlib

import pytest

from connectors.state.platform_port import PlatformWrite, StaleRowError
from connectors.state.port import State, Unit
from models.record_type import catalog
from models.words import Operation
from tests.contract.state_samples import Crash, crash_after
from tests.contract.state_worlds import World

RECEIPT = catalog()["receipt"]
#: Bytes that a column of text would spoil.
CONTENT = b"%PDF\x00\xff\r\n" + bytes(range(256))


def add(unit: Unit, **values: object) -> str:
    """A receipt's row."""
    row_id, _ = unit.platform.write(PlatformWrite(RECEIPT, Operation.CREATE, None, None, values))
    return row_id


def put(unit: Unit, row_id: str, version: int, content: bytes = CONTENT) -> int:
    """Store a file as the sync does."""
    sha256 = hashlib.sha256(content).hexdigest()
    return unit.platform.put_file(RECEIPT, row_id, version, content, sha256)


def test_a_file_comes_back_byte_by_byte(world: World, state: State) -> None:
    with state.begin() as unit:
        assert add(unit, file_name="a.pdf") == "1"
        assert unit.platform.file_of(RECEIPT, "1") is None
        assert unit.platform.file_size(RECEIPT, "1") is None
        assert put(unit, "1", 1) == 2
    with state.begin() as unit:
        assert unit.platform.file_of(RECEIPT, "1") == CONTENT
        assert unit.platform.file_size(RECEIPT, "1") == len(CONTENT)
        row = unit.platform.rows(RECEIPT, ["1"])["1"]
        assert row.values["sha256"] == hashlib.sha256(CONTENT).hexdigest()
        assert "content" not in row.values
        assert put(unit, "1", 2, b"") == 3
        assert (unit.platform.file_of(RECEIPT, "1"), unit.platform.file_size(RECEIPT, "1")) == (
            b"",
            0,
        )
        assert unit.platform.file_of(RECEIPT, "9") is None
    assert world.log() == [("receipt", "1", "insert"), *[("receipt", "1", "update")] * 2]


def test_a_file_is_stored_compare_and_swap(state: State) -> None:
    with state.begin() as unit:
        add(unit, file_name="a.pdf")
        put(unit, "1", 1)
    for row_id, version in (("1", 1), ("1", 3), ("9", 1)):
        with pytest.raises(StaleRowError), state.begin() as unit:
            put(unit, row_id, version, b"other")
    with state.begin() as unit:
        assert unit.platform.file_of(RECEIPT, "1") == CONTENT
        assert unit.platform.rows(RECEIPT, ["1"])["1"].version == 2


def test_a_file_goes_back_with_its_transaction(state: State) -> None:
    with state.begin() as unit:
        add(unit, file_name="a.pdf")
        put(unit, "1", 1)
    with pytest.raises(Crash):
        crash_after(state, lambda unit: put(unit, "1", 2, b"other"))
    with state.begin() as unit:
        assert unit.platform.file_of(RECEIPT, "1") == CONTENT
        assert unit.platform.without_file(RECEIPT) == []


def test_rows_without_a_file_are_found_by_their_empty_hash(world: World, state: State) -> None:
    with state.begin() as unit:
        for sha256 in (None, "", "a" * 64, None):
            add(unit, file_name="a.pdf", sha256=sha256)
        assert unit.platform.without_file(RECEIPT) == ["1", "2", "4"]
    world.people.mark_deleted("receipt", "1")
    with state.begin() as unit:
        put(unit, "2", 1)
        assert unit.platform.without_file(RECEIPT) == ["4"]


def test_people_give_a_row_its_file(world: World, state: State) -> None:
    """Goal: a person's file is news, once for each file, and the sync reads what it is."""
    with state.begin() as unit:
        add(unit, file_name="a.pdf")
    for number, content in enumerate((b"first", CONTENT), start=2):
        world.clock.seconds += 5
        world.people.attach("receipt", "1", content)
        with state.begin() as unit:
            row = unit.platform.rows(RECEIPT, ["1"])["1"]
            assert unit.platform.file_of(RECEIPT, "1") == content
        assert row.values["sha256"] == hashlib.sha256(content).hexdigest()
        assert (row.version, row.updated_at) == (number, world.clock.now())
    assert world.log() == [("receipt", "1", "insert"), *[("receipt", "1", "update")] * 2]
    with pytest.raises(LookupError):
        world.people.attach("receipt", "9", CONTENT)


def test_a_file_goes_with_its_row(world: World, state: State) -> None:
    with state.begin() as unit:
        add(unit, file_name="a.pdf")
        put(unit, "1", 1)
    world.people.delete("receipt", "1")
    with state.begin() as unit:
        assert unit.platform.file_of(RECEIPT, "1") is None
        assert unit.platform.without_file(RECEIPT) == []
