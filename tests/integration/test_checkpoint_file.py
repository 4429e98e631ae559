"""The file of checkpoints, the archive and the word about a restore, on both databases."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from connectors.clock import SystemClock
from connectors.state import audit_archive, audit_log, audit_restore, checkpoints, grants
from connectors.state.audit_verify import Verdict, verify, verify_archive
from connectors.state.checkpoints import CheckpointLog
from connectors.state.signing import Verifier
from models.audit import AuditNote
from models.errors import AuditError, UsageError
from models.tables.sync import audit_entries, audit_heads
from models.tables.triggers import AUDIT_REFUSAL, audit_deletable, audit_triggers
from tests.fixtures.audit_forgery import OURS, VERIFIER
from tests.fixtures.fake_clock import FakeClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class PowerCut(BaseException):
    """The process is gone."""


@pytest.fixture
def log(database: Engine, tmp_path: Path) -> CheckpointLog:
    """A file that nobody has written yet."""
    return CheckpointLog(database, FakeClock(), tmp_path / "checkpoints", VERIFIER, OURS)


def work(log: CheckpointLog, count: int, connection_id: int = 1, day: int = 0) -> None:
    """Log so many entries on a day."""
    notes = [AuditNote("write.platform", {"number": number}) for number in range(count)]
    with log.engine.begin() as connection:
        audit_log.append_notes(
            connection,
            notes,
            connection_id=connection_id,
            at=START + timedelta(days=day),
            run_id=None,
        )


def verdict(log: CheckpointLog) -> Verdict:
    return verify(log.engine, log)


def good(log: CheckpointLog, entries: int, count: int) -> None:
    """The log verifies, with so many entries and checkpoints."""
    found = verdict(log)
    assert found.findings == []
    assert (found.entries, found.checkpoints) == (entries, count)


def refused(log: CheckpointLog, message: str) -> None:
    """No checkpoint is signed, and the file stays as it is."""
    before = log.path.read_bytes() if log.path.exists() else None
    with pytest.raises(AuditError, match=message) as caught:
        log.seal()
    assert caught.value.fix
    assert (log.path.read_bytes() if log.path.exists() else None) == before


def as_owner(log: CheckpointLog, *statements: Any) -> None:
    """Change the log as only its owner can."""
    with log.engine.begin() as connection:
        for trigger in audit_triggers(connection.dialect.name):
            connection.execute(text(trigger.drop(connection.dialect.name)))
        for statement in statements:
            connection.execute(statement)
        for trigger in audit_triggers(connection.dialect.name):
            connection.execute(text(trigger.create))


def cut_to(log: CheckpointLog, number: int) -> None:
    """Take the end of chain 1 and its head back, as a restore or a forger does."""
    table = audit_entries.c
    with log.engine.connect() as connection:
        hash_ = connection.scalar(
            select(table.hash).where(table.connection_id == 1, table.number == number)
        )
    as_owner(
        log,
        delete(audit_entries).where(table.connection_id == 1, table.number > number),
        update(audit_heads)
        .where(audit_heads.c.connection_id == 1)
        .values(number=number, hash=hash_),
    )


# -- writing --


def test_each_chain_that_has_grown_gets_a_line(log: CheckpointLog) -> None:
    work(log, 3)
    work(log, 2, connection_id=0)
    assert [(each.connection_id, each.number) for each in log.seal()] == [(0, 2), (1, 3)]
    assert log.seal() == []
    work(log, 1)
    assert [(each.sequence, each.number) for each in log.seal()] == [(3, 4)]
    good(log, 6, 3)
    assert log.path.stat().st_mode & 0o077 == 0


def test_what_is_not_signed_yet_is_said(log: CheckpointLog) -> None:
    work(log, 3)
    log.seal()
    work(log, 2)
    found = verdict(log)
    assert found.findings == []
    assert "2 entries after 3 have no checkpoint yet" in found.notes[0]


@pytest.mark.asvs("log")
def test_writers_and_verifiers_at_once_neither_fork_nor_raise_a_false_alarm(
    log: CheckpointLog,
) -> None:
    """Four threads write two chains and sign them while a fifth one verifies."""
    failures: list[object] = []
    log = replace(log, clock=SystemClock())
    for connection_id in (1, 2):
        work(log, 1, connection_id)

    def cycles(connection_id: int) -> None:
        try:
            for _ in range(5):
                work(log, 2, connection_id)
                log.seal()
        except Exception as error:  # noqa: BLE001 - any failure of a thread fails the test
            failures.append(error)

    threads = [threading.Thread(target=cycles, args=(1 + number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(1_000):
        failures.extend(verdict(log).findings)
        if not any(thread.is_alive() for thread in threads):
            break
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    log.seal()
    found = verdict(log)
    assert (found.findings, found.entries) == ([], 42)
    assert len(log.path.read_bytes().splitlines()) == found.checkpoints


@pytest.mark.parametrize("left", [0, 1, 50, -2, -1])
def test_a_writer_that_is_stopped_in_a_line_hides_nothing(
    log: CheckpointLog, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """The next one goes on after its piece, twice if need be, and the log verifies at each step."""
    work(log, 3)
    log.seal()
    original = checkpoints._write

    def cut(file: Any, content: bytes) -> None:
        original(file, content[:left] if left else b"")
        raise PowerCut

    for _ in range(2):
        work(log, 1)
        with monkeypatch.context() as patched:
            patched.setattr(checkpoints, "_write", cut)
            with pytest.raises(PowerCut):
                log.seal()
        assert verdict(log).findings == []
    log.seal()
    found = verdict(log)
    assert found.findings == []
    assert found.last_checkpoint is not None
    assert found.last_checkpoint["number"] == 5


def test_a_very_first_line_may_be_unfinished(
    log: CheckpointLog,
) -> None:
    work(log, 1)
    log.path.write_bytes(b'{"at":"2026')
    assert verdict(log).findings == []
    log.seal()
    good(log, 1, 1)


def test_a_writer_that_is_stopped_before_the_database_remembers(
    log: CheckpointLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line stands; the next writer finds it and goes on."""

    def cut(*_: object) -> None:
        raise PowerCut

    work(log, 3)
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(checkpoints, "_remember", cut)
            with pytest.raises(PowerCut):
                log.seal()
        work(log, 1)
        assert verdict(log).findings == []
    log.seal()
    good(log, 5, 3)


def test_a_log_that_was_changed_is_not_signed(log: CheckpointLog) -> None:
    work(log, 3)
    log.seal()
    work(log, 3)
    as_owner(log, text("UPDATE audit_entries SET actor = 'me' WHERE number = 5"))
    refused(log, "entry 5 is not what was written")


@pytest.mark.asvs("log", "16.4.2")
def test_a_log_that_was_cut_is_not_signed(log: CheckpointLog) -> None:
    work(log, 6)
    log.seal()
    cut_to(log, 4)
    refused(log, "it ends at entry 4, but entry 6 was signed")
    work(log, 1)
    refused(log, "no checkpoint is signed")
    assert any("entry 6 has a signed checkpoint" in each.message for each in verdict(log).findings)


def test_a_file_that_is_gone_is_not_begun_anew(log: CheckpointLog) -> None:
    """Whoever removes it must not be helped by the next cycle."""
    work(log, 3)
    log.seal()
    kept = log.path.read_bytes()
    log.path.unlink()
    refused(log, "is gone")
    work(log, 1)
    refused(log, "is gone")
    assert verdict(log).findings
    log.path.write_bytes(kept)
    log.seal()
    good(log, 4, 2)


@pytest.mark.parametrize("change", [lambda each: each[:-10], lambda each: each + b"{}\n"])
def test_a_file_that_was_changed_is_not_continued(log: CheckpointLog, change: Any) -> None:
    for _ in range(2):
        work(log, 3)
        log.seal()
    log.path.write_bytes(change(log.path.read_bytes()))
    work(log, 1)
    if log.path.read_bytes().endswith(b"{}\n"):
        assert verdict(log).findings
        return
    refused(log, "no checkpoint is signed: checkpoint file: line 2")


def test_a_file_of_somebody_else_is_not_continued(log: CheckpointLog) -> None:
    work(log, 1)
    log.path.write_text("Dear Sir or Madam\n")
    refused(log, "does not end with a line of ours")


def test_a_folder_that_is_not_there_is_named(log: CheckpointLog, tmp_path: Path) -> None:
    work(log, 1)
    lost = CheckpointLog(log.engine, log.clock, tmp_path / "no" / "file", VERIFIER, OURS)
    with pytest.raises(AuditError, match="cannot be opened") as caught:
        lost.seal()
    assert "QBSYNC_AUDIT_CHECKPOINTS" in caught.value.fix


def test_another_writer_is_waited_for_but_not_for_ever(log: CheckpointLog) -> None:
    work(log, 1)
    with log.locked(), pytest.raises(AuditError, match="locked for 30 s"):
        log.seal()
    log.seal()
    good(log, 1, 1)


def test_a_full_disk_leaves_what_the_next_one_continues(
    log: CheckpointLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(log, 1)

    def full(file: Any, content: bytes) -> None:
        os.write(file.fileno(), content[:20])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "_write", full)
        with pytest.raises(AuditError, match="No space left"):
            log.seal()
    log.seal()
    good(log, 1, 1)


@pytest.mark.asvs("log", "16.4.3")
def test_a_verifier_needs_no_private_key(log: CheckpointLog) -> None:
    work(log, 3)
    log.seal()
    other = CheckpointLog(log.engine, log.clock, log.path, Verifier([OURS.public_key]), signer=None)
    log.path.chmod(0o400)
    good(other, 3, 1)
    work(log, 1)
    with pytest.raises(UsageError, match="QBSYNC_AUDIT_SIGNING_KEY"):
        other.seal()
    with pytest.raises(UsageError, match="QBSYNC_AUDIT_CHECKPOINTS"):
        verify(log.engine, None)


# -- restores --


def test_a_restore_is_said_once_and_seen_for_ever(log: CheckpointLog) -> None:
    for _ in range(3):
        work(log, 4)
        log.seal()
    cut_to(log, 6)
    work(log, 1)
    assert verdict(log).findings
    said = audit_restore.restored(log.engine, log, reason="disk failed", actor="ann")
    assert [(each.kind, each.number) for each in said] == [("restored", 8)]
    found = verdict(log)
    assert found.findings == []
    assert "entries 5 to 12 as they were once signed are lost: 'disk failed'" in found.notes[0]
    work(log, 1)
    log.seal()
    assert verdict(log).findings == []
    with pytest.raises(UsageError, match="nothing is lost"):
        audit_restore.restored(log.engine, log, reason="again", actor="ann")
    with pytest.raises(UsageError, match="--reason is ''"):
        audit_restore.restored(log.engine, log, reason="", actor="ann")


def test_a_restored_log_is_protected_as_before(log: CheckpointLog) -> None:
    """The word about the loss covers what was lost, and nothing before or after it."""
    work(log, 4)
    log.seal()
    work(log, 4)
    log.seal()
    cut_to(log, 5)
    audit_restore.restored(log.engine, log, reason="disk failed", actor="ann")
    cut_to(log, 3)
    assert any("signed checkpoint" in each.message for each in verdict(log).findings)


def test_a_changed_log_is_no_restore(log: CheckpointLog) -> None:
    work(log, 6)
    log.seal()
    cut_to(log, 4)
    as_owner(log, text("UPDATE audit_entries SET actor = 'me' WHERE number = 2"))
    with pytest.raises(AuditError, match="this is no restore: entry 2"):
        audit_restore.restored(log.engine, log, reason="disk", actor="ann")


def test_a_lost_file_is_begun_anew_with_a_word_about_it(log: CheckpointLog) -> None:
    work(log, 3)
    log.seal()
    work(log, 3, connection_id=2)
    log.seal()
    log.path.unlink()
    assert verdict(log).findings
    audit_restore.restored(log.engine, log, reason="disk failed", actor="ann")
    found = verdict(log)
    assert found.findings == []
    assert any("lines 1 to 2 of the checkpoint file are lost" in each for each in found.notes)
    work(log, 1)
    log.seal()
    assert verdict(log).findings == []
    cut_to(log, 2)
    assert verdict(log).findings


# -- the archive --


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives of short logs."""
    monkeypatch.setattr(audit_archive, "KEEP_MIN", 1)


def archived(log: CheckpointLog, path: Path, *, day: int, keep: int = 2) -> audit_archive.Archived:
    before = (START + timedelta(days=day)).isoformat(timespec="microseconds")
    return audit_archive.archive(log.engine, log, before=before, path=path, keep=keep, actor="ann")


def proven_archive(log: CheckpointLog, path: Path) -> Verdict:
    with audit_log.snapshot(log.engine) as connection:
        found = log.proven(connection)
    assert found.findings == []
    return verify_archive(path, found)


@pytest.mark.usefixtures("small")
def test_old_entries_move_and_both_parts_are_proven(log: CheckpointLog, tmp_path: Path) -> None:
    """Twice, so that the second archive goes on from the first one."""
    for day in range(6):
        work(log, 4, 1, day)
        work(log, 1, 2, day)
        log.seal()
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    moved = archived(log, first, day=2)
    assert (moved.entries, moved.until) == (10, {1: 8, 2: 2})
    found = verdict(log)
    assert (found.findings, found.entries) == ([], 30 - 10 + 2)
    assert archived(log, second, day=4).until == {1: 16, 2: 4}
    assert verdict(log).findings == []
    for path in (first, second):
        assert proven_archive(log, path).findings == []
    with log.engine.connect() as connection:
        kinds = connection.scalars(
            select(audit_entries.c.kind).where(audit_entries.c.kind == "audit.archived")
        ).all()
        assert len(kinds) == 4
        with pytest.raises(DBAPIError, match=AUDIT_REFUSAL):
            connection.execute(delete(audit_entries))
    work(log, 1)
    log.seal()
    assert verdict(log).findings == []
    assert audit_log.verify(log.engine)[1] == []


@pytest.mark.usefixtures("small")
def test_a_changed_archive_is_found(log: CheckpointLog, tmp_path: Path) -> None:
    for day in range(4):
        work(log, 4, 1, day)
    path = tmp_path / "archive.jsonl"
    archived(log, path, day=2)
    lines = path.read_bytes().splitlines(keepends=True)
    (hashed,) = (line for line in lines if b'"number":8' in line)
    for changed in (
        lines[1:],
        lines[:-1],
        [*lines[:3], *lines[4:]],
        [lines[1], lines[0], *lines[2:]],
        [*lines, lines[-1]],
        [*lines[:-1], hashed.replace(b'"actor":"sync"', b'"actor":"me"')],
        [*lines[:-1], lines[-1][:-1]],
        [*lines, b"{}\n"],
        [],
    ):
        path.write_bytes(b"".join(changed))
        assert proven_archive(log, path).findings, changed


@pytest.mark.usefixtures("small")
def test_the_newest_entries_stay(log: CheckpointLog, tmp_path: Path) -> None:
    work(log, 10)
    moved = archived(log, tmp_path / "one", day=1, keep=6)
    assert moved.until == {1: 4}
    with pytest.raises(UsageError, match="nothing to archive"):
        archived(log, tmp_path / "two", day=0, keep=1)
    assert not (tmp_path / "two").exists()
    moved = archived(log, tmp_path / "three", day=1, keep=1)
    assert moved.until == {1: 10}, "entry 11 says that entries were archived"
    assert verdict(log).findings == []


@pytest.mark.usefixtures("small")
def test_an_archive_overwrites_nothing(log: CheckpointLog, tmp_path: Path) -> None:
    work(log, 10)
    (tmp_path / "there").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        archived(log, tmp_path / "there", day=1)
    with pytest.raises(UsageError, match="--output is"):
        archived(log, tmp_path / "no" / "file", day=1)
    assert (tmp_path / "there").read_text() == "mine"
    good(log, 10, 1)


@pytest.mark.usefixtures("small")
def test_a_changed_log_is_not_archived(log: CheckpointLog, tmp_path: Path) -> None:
    work(log, 10)
    as_owner(log, text("UPDATE audit_entries SET actor = 'me' WHERE number = 2"))
    with pytest.raises(AuditError, match="nothing is archived: entry 2"):
        archived(log, tmp_path / "archive", day=1)
    assert not (tmp_path / "archive").exists()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("place", ["_read_back", "_delete", "_note_part"])
def test_an_archive_that_is_stopped_loses_nothing(
    log: CheckpointLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Wherever it stops, the log is whole, and the next archive works."""
    work(log, 10)

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(audit_archive, place, cut)
        with pytest.raises(PowerCut):
            archived(log, tmp_path / "one", day=1)
    found = verdict(log)
    assert (found.findings, found.entries) == ([], 10)
    assert archived(log, tmp_path / "two", day=1).entries == 8
    assert verdict(log).findings == []
    assert proven_archive(log, tmp_path / "two").findings == []


def test_a_deletable_log_is_so_within_the_transaction_only(log: CheckpointLog) -> None:
    work(log, 3)
    with log.engine.connect() as connection, connection.begin() as transaction:
        with audit_deletable(connection):
            connection.execute(delete(audit_entries))
        transaction.rollback()
    with log.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(audit_entries)) == 3
        with pytest.raises(DBAPIError, match=AUDIT_REFUSAL):
            connection.execute(delete(audit_entries))


# -- roles of PostgreSQL --


@pytest.fixture
def role(postgresql_engine: Engine) -> Any:
    """A role for the application, and the engine that works as it."""
    from sqlalchemy import create_engine

    name = f"app {os.urandom(4).hex()}"
    with postgresql_engine.begin() as connection:
        connection.exec_driver_sql(f'CREATE ROLE "{name}" LOGIN')
    engine = create_engine(postgresql_engine.url.set(username=name))
    yield name, engine
    engine.dispose()
    with postgresql_engine.begin() as connection:
        connection.exec_driver_sql(f'DROP OWNED BY "{name}"')
        connection.exec_driver_sql(f'DROP ROLE "{name}"')


FORBIDDEN = [
    "UPDATE audit_entries SET actor = 'me'",
    "DELETE FROM audit_entries",
    "TRUNCATE audit_entries",
    "DROP TRIGGER audit_entries_no_change ON audit_entries",
    "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
    "DROP TABLE audit_entries",
    (
        "CREATE TRIGGER mine BEFORE INSERT ON audit_entries FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
    "CREATE RULE mine AS ON INSERT TO audit_entries DO INSTEAD NOTHING",
    "ALTER TABLE audit_entries OWNER TO CURRENT_USER",
    (
        "CREATE OR REPLACE FUNCTION qbsync_refuse_audit_change() RETURNS trigger "
        "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    ),
    "SET session_replication_role = 'replica'",
    "DELETE FROM audit_heads",
    "DELETE FROM audit_checkpoints",
    "INSERT INTO audit_anchors VALUES (1, 1, '', now(), '')",
    "UPDATE alembic_version SET version_num = '0001'",
]


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.asvs("13.2.2", "16.4.2", "log")
def test_the_application_role_may_only_add_to_the_log(
    postgresql_engine: Engine, role: Any, tmp_path: Path
) -> None:
    name, engine = role
    statements = grants.apply(postgresql_engine, name)
    assert statements == grants.grants(postgresql_engine, name)
    log = CheckpointLog(engine, FakeClock(), tmp_path / "checkpoints", VERIFIER, OURS)
    work(log, 3)
    log.seal()
    good(log, 3, 1)
    for statement in FORBIDDEN:
        with engine.connect() as connection, pytest.raises(DBAPIError, match=r"permission|owner"):
            connection.exec_driver_sql(statement)
    work(log, 200)
    with pytest.raises(UsageError, match="may not archive"):
        audit_archive.archive(
            engine, log, before="9", path=tmp_path / "archive", keep=100, actor="me"
        )
    good(log, 203, 1)


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.asvs("13.2.2")
def test_a_role_that_could_do_more_is_refused(postgresql_engine: Engine, role: Any) -> None:
    name, _ = role
    with pytest.raises(UsageError, match="there is no role 'nobody here'"):
        grants.grants(postgresql_engine, "nobody here")
    with pytest.raises(UsageError, match="owns the tables"):
        grants.grants(postgresql_engine, "postgres")
    group = f"{name} group"
    with postgresql_engine.begin() as connection:
        connection.exec_driver_sql(f'CREATE ROLE "{group}"')
        connection.exec_driver_sql(f'GRANT "{group}" TO "{name}"')
        connection.exec_driver_sql(f'GRANT UPDATE (actor) ON audit_entries TO "{group}"')
    with pytest.raises(UsageError, match="could still UPDATE"):
        grants.apply(postgresql_engine, name)
    with postgresql_engine.begin() as connection:
        connection.exec_driver_sql(f'DROP OWNED BY "{group}"')
        connection.exec_driver_sql(f'DROP ROLE "{group}"')


def test_sqlite_has_no_roles(sqlite_engine: Engine) -> None:
    with pytest.raises(UsageError, match="file's permissions"):
        grants.grants(sqlite_engine, "app")
