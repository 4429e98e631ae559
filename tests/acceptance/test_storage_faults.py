"""The database fails in the middle of a cycle: nothing is half done, and the next cycle goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from connectors import database
from emulator.testing import RunningEmulator
from tasks import bootstrap, validate
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.kill_checks import Memory, audit_against_journal, broken_chain
from tests.fixtures.company import CHECKPOINTS, Office, invoice, moved, opened
from tests.fixtures.cutting_proxy import CuttingProxy
from tests.fixtures.databases import PostgreSQLServer

#: Room for another record's state, but not for a cycle's.
PAGES = [0, 2, 4, 8, 14, 20]
#: No cycle of these tests commits more often.
COMMITS_MAX = 60
#: Each such commit has its turn; all of them with QBSYNC_TEST_COMMIT_STRIDE=1, which takes minutes.
STRIDE_SETTING, STRIDE = "QBSYNC_TEST_COMMIT_STRIDE", 4


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out Great Expectations: all records here are good, and it takes most of a cycle."""
    monkeypatch.setattr(validate, "_failed", lambda _asked, _subjects: [])


def work(office: Office, count: int = 2) -> list[int]:
    """Something to do in both directions: new invoices here, one there, an edit on each side."""
    of, add = office.platform.id_of, office.platform.add
    rows = [
        add(
            "invoice",
            customer_id=of("Customer", "5"),
            issued_on=date(2026, 11, 1),
            memo=f"work {number} ".ljust(200, "-"),
            lines=[{"kind": "item", "item_id": of("Item", "2"), "amount": Decimal(9 + number)}],
        )
        for number in range(count)
    ]
    office.platform.edit("invoice", of("Invoice", "7"), memo="edited here")
    office.books.update("Invoice", "8", PrivateNote="edited there")
    office.books.create("Invoice", invoice("4", 77, PrivateNote="made there"))
    return rows


def go_on(office: Office) -> None:
    """Nobody cuts any more: cycles until nothing moves, a few at most."""
    for _ in range(4):
        office.wait_for_flights()
        if moved(office.sync()) == 0 and office.platform.open_intents() == 0:
            return
    pytest.fail("still moving after four cycles")


def assert_done(office: Office, rows: list[int]) -> None:
    """Every record stands once on each side, linked; the audit log explains each write."""
    creates = [each for each in office.books.written() if each[0] == "create"]
    ids = {office.platform.quickbooks_id("invoice", row) for row in rows}
    assert None not in ids
    assert {("create", "Invoice", each) for each in ids} == set(creates)
    assert len(creates) == len(rows)
    assert office.books.read("Invoice", "7")["PrivateNote"] == "edited here"
    assert len(office.platform.rows("invoice", memo="edited there")) == 1
    assert len(office.platform.rows("invoice", memo="made there")) == 1
    assert office.platform.open_intents() == 0
    assert (unexplained(office), broken_chain(office)) == ([], [])
    office.parked(0)
    office.assert_equal()


def unexplained(office: Office) -> list[str]:
    """Writes without an entry in the audit log, and entries without a write."""
    with office.emulator.emulator.lock:
        journal = [line for line in office.emulator.company.journal if line.client]
    return audit_against_journal(Memory.of(office), journal)


def assert_written_ahead(office: Office) -> None:
    """Whatever reached QuickBooks was stored as an intent before, also when storing fails."""
    assert not [each for each in unexplained(office) if each.startswith("no intent")]


# -- SQLite: no room, no permission --


def limit_pages(monkeypatch: pytest.MonkeyPatch, extra: int) -> Callable[[], None]:
    """Let the file grow by so many pages, as on a disk that is nearly full; the way back."""
    prepare = database._prepare_sqlite

    def prepared(connection: sqlite3.Connection, record: Any) -> None:
        prepare(connection, record)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + extra}")

    monkeypatch.setattr(database, "_prepare_sqlite", prepared)
    return lambda: monkeypatch.setattr(database, "_prepare_sqlite", prepare)


@pytest.mark.parametrize("extra", PAGES)
def test_a_full_disk(office: Office, monkeypatch: pytest.MonkeyPatch, extra: int) -> None:
    """Goal: the disk fills up somewhere in a cycle: exit 1 in words, nothing leaves that is not
    stored, nothing is half done, and with room again the rest is done, once."""
    rows = work(office, count=25)
    make_room = limit_pages(monkeypatch, extra)
    outcome = office.run("sync", "--json", code=1)
    assert "database or disk is full" in outcome.stderr
    assert "rolled back" in outcome.stderr
    assert outcome.stdout == ""
    assert_written_ahead(office)
    make_room()
    go_on(office)
    assert_done(office, rows)


def test_a_database_that_cannot_be_written(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a read-only database: exit 1 with its own words, nothing is sent."""
    rows = work(office)
    prepare = database._prepare_sqlite

    def prepared(connection: sqlite3.Connection, record: Any) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA query_only = ON")

    monkeypatch.setattr(database, "_prepare_sqlite", prepared)
    outcome = office.run("sync", "--json", code=1)
    assert "readonly database" in outcome.stderr
    assert office.books.written() == []
    monkeypatch.setattr(database, "_prepare_sqlite", prepare)
    go_on(office)
    assert_done(office, rows)


@pytest.mark.parametrize("database_kind", ON_BOTH)
def test_a_pool_of_one_connection(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a cycle never needs two connections to the database at once, so a small pool cannot
    make it wait for itself."""
    rows = work(office)

    def small(url: Any, **options: Any) -> Any:
        return create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.2, **options)

    monkeypatch.setattr(database, "create_engine", small)
    office.sync()
    go_on(office)
    assert_done(office, rows)


# -- PostgreSQL: connections that are lost around a commit --


@pytest.fixture
def proxy(synced_postgresql: PostgreSQLServer) -> Iterator[CuttingProxy]:
    """A proxy in front of the server."""
    with CuttingProxy(synced_postgresql.url) as made:
        yield made


@pytest.fixture
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database's clock be this process's, whose waits take no time."""
    monkeypatch.setattr(bootstrap, "database_time", lambda _engine, otherwise: otherwise)


@contextmanager
def office_behind(
    proxy: CuttingProxy,
    server: PostgreSQLServer,
    emulator: RunningEmulator,
    folder: Path,
    checkpoints: Path,
) -> Iterator[Office]:
    """A synced office whose program reaches its database by way of the proxy."""
    emulator.emulator.reset()
    emulator.emulator.options.honour_request_ids = False
    shutil.copyfile(checkpoints / CHECKPOINTS, folder / CHECKPOINTS)
    url = server.create()
    database_url = url.render_as_string(hide_password=False)
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        opened(emulator, database_url, monkeypatch, folder) as office,
    ):
        assert url.database is not None
        monkeypatch.setenv("QBSYNC_DATABASE_URL", proxy.url(url.database))
        yield office
    server.drop(url.database)


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.usefixtures("one_clock")
@pytest.mark.parametrize("edge", ["before", "after"])
def test_a_connection_that_is_lost_around_a_commit(
    proxy: CuttingProxy,
    synced_postgresql: PostgreSQLServer,
    shared_emulator: RunningEmulator,
    tmp_path: Path,
    postgresql_checkpoints: Path,
    edge: str,
) -> None:
    """Goal: "did it commit?" at the commits of a cycle in turn: the server never hears of it, or
    its answer is lost. Exit 1 or 0, and after the next cycles one record, linked and explained."""
    stride = int(os.environ.get(STRIDE_SETTING, STRIDE))
    codes = []
    for number in range(1, COMMITS_MAX, stride):
        with office_behind(
            proxy, synced_postgresql, shared_emulator, tmp_path, postgresql_checkpoints
        ) as office:
            rows = work(office)
            proxy.arm(number, edge)
            outcome = office.run("sync", "--json", code=None)
            codes.append(outcome.code)
            assert outcome.code == 0 or "the database failed" in outcome.stderr, outcome
            assert_written_ahead(office)
            cuts = proxy.cuts
            proxy.arm(0)
            go_on(office)
            assert_done(office, rows)
        if cuts == 0:
            break  # the cycle has fewer commits, so each has had its turn
    assert codes[-1] == 0
    assert len(codes) * stride > 10, "a cycle commits intents, sends, outcomes, cursors"
    assert codes.count(1) > len(codes) / 2, codes


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.usefixtures("one_clock")
def test_backends_that_are_terminated(
    proxy: CuttingProxy,
    synced_postgresql: PostgreSQLServer,
    shared_emulator: RunningEmulator,
    tmp_path: Path,
    postgresql_checkpoints: Path,
) -> None:
    """Goal: an administrator ends all sessions (pg_terminate_backend) in the middle of a cycle, at
    several commits in turn: exit 1 or 0, nothing lost, nothing twice."""
    for number in (4, 9, 13):
        with office_behind(
            proxy, synced_postgresql, shared_emulator, tmp_path, postgresql_checkpoints
        ) as office:
            rows = work(office)
            proxy.arm(number, instead=lambda office=office: terminate_others(office))
            outcome = office.run("sync", "--json", code=1)
            assert proxy.cuts == 1
            assert "the database failed" in outcome.stderr
            proxy.arm(0)
            go_on(office)
            assert_done(office, rows)


def terminate_others(office: Office) -> None:
    """End all other sessions of the database."""
    statement = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with office.engine.connect() as connection:
        assert connection.execute(text(statement)).all()


# -- PostgreSQL: locks and transactions that the server refuses --

TROUBLE = """
CREATE SEQUENCE trouble;
CREATE FUNCTION make_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('trouble') = {number} THEN
        RAISE EXCEPTION 'could not go on' USING ERRCODE = '{state}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trouble BEFORE INSERT OR UPDATE ON {table}
FOR EACH ROW EXECUTE FUNCTION make_trouble();
"""


@pytest.mark.usefixtures("one_clock")
@pytest.mark.parametrize("database_kind", ON_BOTH[1:])
@pytest.mark.parametrize(
    ("table", "number", "state"),
    [
        ("intents", 1, "40001"),
        ("intents", 4, "40P01"),
        ("attempts", 1, "55P03"),
        ("audit_entries", 2, "40001"),
        ("links", 3, "40P01"),
    ],
)
def test_a_transaction_that_the_server_refuses(
    office: Office, table: str, number: int, state: str
) -> None:
    """Goal: a serialisation failure, a deadlock or a lock that takes too long strikes one of the
    statements: the cycle stops in words, and the next one does the rest, once."""
    rows = work(office)
    office.platform.sql(TROUBLE.format(table=table, number=number, state=state))
    outcome = office.run("sync", "--json", code=1)
    assert "could not go on" in outcome.stderr
    assert_written_ahead(office)
    go_on(office)
    assert_done(office, rows)


@pytest.mark.usefixtures("one_clock")
@pytest.mark.parametrize("database_kind", ON_BOTH[1:])
@pytest.mark.parametrize("table", ["leases", "audit_heads"])
def test_a_lock_that_somebody_keeps(
    office: Office, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Goal: another program keeps a row locked: the cycle gives up after the lock's time limit, in
    words, and works once the lock is gone."""
    rows = work(office)
    patient = f"{office.database_url}&options=-c%20lock_timeout%3D200ms"
    monkeypatch.setenv("QBSYNC_DATABASE_URL", patient)
    # The log of this connection gets its head with the first entry; there is one since the template
    with office.engine.begin() as connection:
        assert connection.execute(text(f"SELECT 1 FROM {table} FOR UPDATE")).all()
        outcome = office.run("sync", "--json", code=1)
        assert "lock timeout" in outcome.stderr
    assert_written_ahead(office)
    go_on(office)
    assert_done(office, rows)
