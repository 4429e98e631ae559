"""10,000 random tamperings with the audit log and its checkpoints: 10,000 are found."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, text
from sqlalchemy.exc import DBAPIError

from connectors.clock import SystemClock
from connectors.state import audit_log
from connectors.state.checkpoints import CheckpointLog
from models.audit import COLUMNS, HASH, row_hash
from models.checkpoint import Remembered, line_hash, parsed_line
from models.tables.audit import audit_anchors, audit_checkpoints
from models.tables.sync import audit_entries, audit_heads
from models.tables.triggers import audit_triggers
from tests.fixtures.audit_forgery import FORGERIES, OURS, VERIFIER, Log, forged, log_of

TAMPERINGS = 10_000
#: So many of them through each real database.
IN_DATABASE = 300


@pytest.mark.asvs("log")
def test_the_log_as_it_was_written_has_no_findings() -> None:
    """So what is found below is the forger's doing."""
    log = log_of()
    assert log.findings() == []
    assert sum(len(rows) for rows in log.chains.values()) == 22
    assert len(log.lines) == 7


@pytest.mark.asvs("16.4.2", "log")
def test_ten_thousand_tamperings_are_found() -> None:
    """Each way of forging, in turn, at random places of the log: every one has a finding."""
    log = log_of()
    draw = random.Random(20261122)
    missed: Counter[str] = Counter()
    for number in range(TAMPERINGS):
        way = FORGERIES[number % len(FORGERIES)]
        tampered = forged(log, draw, way)
        if not tampered.findings():
            missed[way.__name__] += 1
    assert not missed, f"{missed.total()} of {TAMPERINGS} were not found: {missed}"
    assert len(FORGERIES) >= 25


@pytest.mark.asvs("16.4.2", "log")
def test_a_log_that_was_written_anew_shows_only_in_its_checkpoints() -> None:
    """Without them the same forgery would pass: it is the signature that finds it."""
    log = log_of()
    (way,) = [each for each in FORGERIES if each.__name__ == "rehash_everything_from_an_entry_on"]
    tampered = forged(log, random.Random(1), way)
    assert tampered.findings()
    tampered.file, tampered.remembered, tampered.anchors = b"", [], {}
    del tampered.chains[2], tampered.heads[2]
    assert tampered.findings() == []


@pytest.mark.asvs("log")
def test_both_the_database_and_the_file_rolled_back_is_what_nothing_here_shows() -> None:
    """The limit, as docs/audit.md says it: the file must be where old states cannot come back."""
    log = log_of()
    log.chains[1] = log.chains[1][:9]
    log.heads[1] = (9, log.chains[1][-1][HASH])
    log.file = b"".join(log.lines[:5])
    assert log.findings(), "the database remembers more lines"
    lines = [line.removesuffix(b"\n") for line in log.lines]
    log.remembered = [
        Remembered(each.sequence, line_hash(line), each.connection_id, each.number, each.hash)
        for line, each in ((line, parsed_line(line)) for line in lines)
    ]
    assert log.findings() == []


@pytest.fixture
def written(database: Engine) -> Engine:
    """A database without the triggers, as only its owner can have it."""
    with database.begin() as connection:
        for trigger in audit_triggers(database.dialect.name):
            connection.execute(text(trigger.drop(database.dialect.name)))
    return database


def store(connection: Connection, log: Log, path: Path) -> None:
    """Put a log into the tables and the file, whatever was there."""
    for table in (audit_entries, audit_heads, audit_checkpoints, audit_anchors):
        connection.execute(delete(table))
    rows = [dict(zip(COLUMNS, row, strict=True)) for each in log.chains.values() for row in each]
    for table, values in (
        (audit_entries, rows),
        (audit_heads, places(log.heads)),
        (audit_checkpoints, [each._asdict() for each in log.remembered]),
        (
            audit_anchors,
            [
                {**each, "archived_at": SystemClock().now(), "file_hash": "0" * 64}
                for each in places(log.anchors)
            ],
        ),
    ):
        if values:
            connection.execute(insert(table), values)
    path.unlink(missing_ok=True)
    if log.file is not None:
        path.write_bytes(log.file)


def in_tables(log: Log) -> Log:
    """The log as tables hold it: rows by their keys, in no order of their own."""
    rows = sorted((row for each in log.chains.values() for row in each), key=str)
    return Log({0: rows}, log.heads, log.anchors, log.remembered, log.file)


def places(of: dict[int, tuple[int, str]]) -> list[dict[str, Any]]:
    return [
        {"connection_id": key, "number": number, "hash": hash_}
        for key, (number, hash_) in of.items()
    ]


def findings_in(connection: Connection, checkpoints: CheckpointLog) -> list[Any]:
    """What `audit verify` finds."""
    found = checkpoints.proven(connection)
    _, findings = audit_log.verify_chains(connection, found)
    return [*found.findings, *findings]


@pytest.mark.asvs("16.4.2", "log")
def test_tamperings_in_a_real_database_are_found(written: Engine, tmp_path: Path) -> None:
    """Through the tables and the file, on both databases, the triggers taken away."""
    log = log_of()
    path = tmp_path / "checkpoints.jsonl"
    checkpoints = CheckpointLog(written, SystemClock(), path, VERIFIER, OURS)
    with written.begin() as connection:
        store(connection, log, path)
        assert findings_in(connection, checkpoints) == []
    draw = random.Random(7)
    done: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for number in range(IN_DATABASE):
        way = FORGERIES[number % len(FORGERIES)]
        tampered = forged(log, draw, way)
        if in_tables(tampered) == in_tables(log):
            continue  # another order of rows, which a table does not have
        with written.connect() as connection, connection.begin() as transaction:
            try:
                store(connection, tampered, path)
            except (DBAPIError, ValueError):
                # The database itself refuses: two entries of one number, text for a number
                done["refused"] += 1
                continue
            done["stored"] += 1
            missed[way.__name__] += not findings_in(connection, checkpoints)
            transaction.rollback()
    assert missed.total() == 0, missed
    assert done["stored"] > IN_DATABASE / 2


@pytest.mark.asvs("log")
def test_what_is_no_text_is_a_finding_and_no_crash(sqlite_engine: Engine, tmp_path: Path) -> None:
    """SQLite keeps any bytes in any column: the verifier names the entry and reads on."""
    log = log_of()
    path = tmp_path / "checkpoints.jsonl"
    checkpoints = CheckpointLog(sqlite_engine, SystemClock(), path, VERIFIER, OURS)
    with sqlite_engine.begin() as connection:
        for trigger in audit_triggers("sqlite"):
            connection.execute(text(trigger.drop("sqlite")))
        store(connection, log, path)
    changes = ["x'ff00'", "CAST(x'5A6FEB' AS TEXT)", "1.5", "'text'"]
    for column in COLUMNS:
        for value in changes:
            with sqlite_engine.connect() as connection, connection.begin() as transaction:
                connection.execute(
                    text(
                        f"UPDATE audit_entries SET {column} = {value} "
                        "WHERE connection_id = 1 AND number = 5"
                    )
                )
                assert findings_in(connection, checkpoints), (column, value)
                transaction.rollback()
    assert row_hash((b"",) * len(COLUMNS)) == ""
