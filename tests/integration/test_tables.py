"""The schema on both databases: exact values, unique indexes, keys, the audit log, migrations."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from connectors import database as databases
from connectors.database import (
    alembic_config,
    create_database_engine,
    downgrade,
    migrate,
    newest_revision,
    reading,
)
from models.errors import UsageError
from models.tables import RECORD_TABLES, metadata, platform, sync, triggers
from models.tables.types import decode_value, raw_columns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Table

NOW = datetime(2026, 11, 22, 13, 7, 12, 123456, tzinfo=UTC)


def add(connection: Connection, table: Table, **values: Any) -> int:
    """Insert a row; return the first part of its key."""
    key = connection.execute(insert(table).values(values)).inserted_primary_key
    assert key is not None
    number: int = key[0]
    return number


def add_connection(connection: Connection, realm_id: str = "1") -> int:
    """Insert a company and its connection."""
    company_id = add(connection, platform.companies, name="Acme", currency="USD")
    return add(
        connection,
        sync.connections,
        company_id=company_id,
        name=f"Acme {realm_id}",
        environment="sandbox",
        realm_id=realm_id,
        status="connected",
        settings="{}",
    )


def add_link(connection: Connection, connection_id: int, **values: Any) -> int:
    """Insert a link of an invoice."""
    row = {"connection_id": connection_id, "record_type": "invoice", "label": "Invoice"} | values
    return add(connection, sync.links, **row)


def intent(
    connection_id: int, link_id: int, intent_id: str, request_id: str | None = None
) -> dict[str, Any]:
    """A planned intent."""
    return {
        "id": intent_id,
        "connection_id": connection_id,
        "link_id": link_id,
        "record_type": "invoice",
        "operation": "create",
        "state": "planned",
        "payload": "{}",
        "payload_hash": "0" * 64,
        "request_id": request_id or intent_id,
        "attempts": 0,
        "created_at": NOW,
        "run_id": "r",
        "epoch": 1,
    }


def alert(**values: Any) -> dict[str, Any]:
    """An open alert."""
    texts = {"title": "t", "message": "m", "fix": "f"}
    return {"cause": "reconnect", "opened_at": NOW, "occurrences": 1} | texts | values


def refuses(connection: Connection, table: Table, **values: Any) -> None:
    """Check that a row is not accepted; the transaction goes on."""
    with pytest.raises(IntegrityError), connection.begin_nested():
        add(connection, table, **values)


# --- values -------------------------------------------------------------------------------------


def test_amounts_and_times_come_back_exactly(database: Engine) -> None:
    total = Decimal("12345678901234.56789")
    price = Decimal("-0.0000001")
    with database.begin() as connection:
        company_id = add(connection, platform.companies, name="Acme", currency="USD")
        invoice_id = add(
            connection,
            platform.invoices,
            company_id=company_id,
            total=total,
            exchange_rate=Decimal("1.2345678"),
            issued_on=date(2026, 11, 22),
            deleted_at=NOW,
        )
        line = {"invoice_id": invoice_id, "kind": "item", "unit_price": price}
        add(connection, platform.invoice_lines, position=1, amount=Decimal("0.1"), **line)
        add(connection, platform.invoice_lines, position=2, amount=Decimal("0.2"), **line)
    with database.connect() as connection:
        row = connection.execute(select(platform.invoices)).one()
        assert (row.total, row.exchange_rate) == (total, Decimal("1.2345678"))
        assert (row.issued_on, row.deleted_at) == (date(2026, 11, 22), NOW)
        assert row.created_at.tzinfo is UTC
        lines = platform.invoice_lines.c
        assert connection.scalar(select(func.sum(lines.amount))) == Decimal("0.3")
        assert connection.scalars(select(lines.unit_price)).all() == [price, price]
        # Compared in the database as numbers
        statement = select(func.count()).where(platform.invoices.c.total > total - 1)
        assert connection.scalar(statement) == 1


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("total", 0.1, "a float"),
        ("total", Decimal("1.000001"), "more than 5 decimals"),
        ("deleted_at", NOW.replace(tzinfo=None), "no time zone"),
    ],
)
def test_what_cannot_be_kept_does_not_reach_the_database(
    database: Engine, column: str, value: Any, reason: str
) -> None:
    with database.begin() as connection:
        company_id = add(connection, platform.companies, name="Acme", currency="USD")
        with pytest.raises(StatementError, match=reason):
            add(connection, platform.invoices, company_id=company_id, **{column: value})


#: Per database: what other programs can store by raw SQL, and the columns that cannot be read then.
BAD_VALUES = {
    "sqlite": (
        (
            "total = 12.5, balance = 'many', issued_on = '22.11.2026', deleted_at = 1700000000, "
            "memo = CAST(x'5A6FEB' AS TEXT), customer_message = x'00'"
        ),
        {"total", "balance", "issued_on", "deleted_at", "memo", "customer_message"},
    ),
    "postgresql": (
        "total = 'NaN', issued_on = 'infinity', deleted_at = '12026-11-22 13:07:12+00'",
        {"total", "issued_on", "deleted_at"},
    ),
}


def test_one_bad_row_does_not_spoil_a_read(database: Engine) -> None:
    """Values that no type can read, by raw SQL: the other rows and columns are read."""
    bad_values, bad_columns = BAD_VALUES[database.dialect.name]
    with database.begin() as connection:
        company_id = add(connection, platform.companies, name="Acme", currency="USD")
        for number in ("1", "2"):
            add(
                connection,
                platform.invoices,
                company_id=company_id,
                number=number,
                total=Decimal("9.99"),
                issued_on=date(2026, 11, 22),
            )
        connection.exec_driver_sql(f"UPDATE invoices SET {bad_values} WHERE number = '1'")
    table = platform.invoices
    with reading(database).connect() as connection:
        statement = select(*raw_columns(table)).order_by(table.c.number)
        bad, good = connection.execute(statement).mappings().all()
        name = database.dialect.name
        values = {column.name: decode_value(column, good[column.name], name) for column in table.c}
        assert (values["total"], values["issued_on"]) == (Decimal("9.99"), date(2026, 11, 22))
        assert dict(
            connection.execute(select(table).where(table.c.number == "2")).one()._mapping
        ) == (values)
    unreadable = set()
    for column in table.columns:
        try:
            decode_value(column, bad[column.name], name)
        except ValueError:
            unreadable.add(column.name)
    assert unreadable == bad_columns


# --- constraints --------------------------------------------------------------------------------


def test_foreign_keys_are_enforced(database: Engine) -> None:
    with database.begin() as connection:
        refuses(connection, platform.invoices, company_id=1)
        connection_id = add_connection(connection)
        refuses(connection, sync.links, connection_id=99, record_type="invoice", label="x")
        link_id = add_link(connection, connection_id)
        refuses(connection, sync.intents, **intent(connection_id, link_id + 1, "q"))


def test_a_record_is_linked_once_per_side(database: Engine) -> None:
    with database.begin() as connection:
        one, other = add_connection(connection, "1"), add_connection(connection, "2")
        add_link(connection, one, quickbooks_id="7", platform_id="8")
        # The same ids elsewhere are other records
        add_link(connection, other, quickbooks_id="7", platform_id="8")
        add_link(connection, one, quickbooks_id="7", record_type="payment")
        # Links that wait for their other half do not collide
        add_link(connection, one, platform_id="9")
        add_link(connection, one, quickbooks_id="9")
        row = {"connection_id": one, "record_type": "invoice", "label": "x"}
        refuses(connection, sync.links, **row, quickbooks_id="7")
        refuses(connection, sync.links, **row, platform_id="8")


def test_a_record_has_one_open_intent(database: Engine) -> None:
    with database.begin() as connection:
        connection_id = add_connection(connection)
        link_id = add_link(connection, connection_id)
        add(connection, sync.intents, **intent(connection_id, link_id, "1"))
        for state in ("planned", "sent", "unknown"):
            connection.execute(update(sync.intents).values(state=state))
            refuses(connection, sync.intents, **intent(connection_id, link_id, "2"))
        for state in ("acknowledged", "rejected"):
            connection.execute(update(sync.intents).values(state=state))
            add(connection, sync.intents, **intent(connection_id, link_id, f"after {state}"))
            connection.execute(update(sync.intents).values(state="rejected"))
        # A request id is used once per connection, whatever became of it
        refuses(connection, sync.intents, **intent(connection_id, link_id, "3", request_id="1"))


def test_an_alert_is_open_once_per_subject(database: Engine) -> None:
    with database.begin() as connection:
        connection_id = add_connection(connection)
        link_id = add_link(connection, connection_id)
        subjects: list[dict[str, Any]] = [
            {},
            {"connection_id": connection_id},
            {"connection_id": connection_id, "link_id": link_id},
        ]
        for subject in subjects:
            add(connection, sync.alerts, **alert(**subject))
            refuses(connection, sync.alerts, **alert(**subject))
            add(connection, sync.alerts, **alert(**subject, cause="other"))
        expected = ["0/0", f"{connection_id}/0", f"{connection_id}/{link_id}"]
        found = select(sync.alerts.c.subject).distinct().order_by(sync.alerts.c.subject)
        assert connection.scalars(found).all() == expected
        connection.execute(update(sync.alerts).values(closed_at=NOW))
        for subject in subjects:
            add(connection, sync.alerts, **alert(**subject))


def test_many_alerts_at_once_get_their_own_subjects(database: Engine) -> None:
    with database.begin() as connection:
        connection_id = add_connection(connection)
        rows = [
            alert(connection_id=connection_id, link_id=None),
            alert(connection_id=None, link_id=None),
        ]
        connection.execute(insert(sync.alerts), rows)
        subjects = connection.scalars(select(sync.alerts.c.subject)).all()
        assert set(subjects) == {f"{connection_id}/0", "0/0"}


def test_tokens_go_with_their_connection(database: Engine) -> None:
    with database.begin() as connection:
        connection_id = add_connection(connection)
        add(
            connection,
            sync.tokens,
            connection_id=connection_id,
            refresh_token_encrypted="x",
            generation=1,
            refreshed_at=NOW,
        )
        connection.execute(sync.connections.delete())
        assert connection.scalar(select(func.count()).select_from(sync.tokens)) == 0


@pytest.mark.parametrize("table", ["invoices", "conflicts", "change_log", "links"])
def test_an_id_is_never_given_out_twice(sqlite_engine: Engine, table: str) -> None:
    """SQLite would use the highest id again after a delete; a link would find another record."""
    assert metadata.tables[table].dialect_options["sqlite"]["autoincrement"]
    with sqlite_engine.begin() as connection:
        company_id = add(connection, platform.companies, name="Acme", currency="USD")
        first = add(connection, platform.invoices, company_id=company_id)
        connection.execute(platform.invoices.delete())
        assert add(connection, platform.invoices, company_id=company_id) == first + 1


# --- the audit log ------------------------------------------------------------------------------

AUDIT_ENTRY = {
    "connection_id": 0,
    "number": 1,
    "v": 1,
    "at": "2026-11-22T13:07:12.123456+00:00",
    "kind": "started",
    "actor": "sync",
    "body": "{}",
    "previous_hash": "0" * 64,
    "hash": "1" * 64,
}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'nobody'",
        "DELETE FROM audit_entries",
        "DELETE FROM audit_entries WHERE number = 1",
    ],
)
def test_the_audit_log_takes_inserts_only(database: Engine, statement: str) -> None:
    with database.begin() as connection:
        add(connection, sync.audit_entries, **AUDIT_ENTRY)
        add(connection, sync.audit_entries, **AUDIT_ENTRY | {"number": 2})
        with (
            pytest.raises(IntegrityError, match=triggers.AUDIT_REFUSAL),
            connection.begin_nested(),
        ):
            connection.execute(text(statement))
        refuses(connection, sync.audit_entries, **AUDIT_ENTRY)
        rows = connection.execute(select(sync.audit_entries).order_by("number")).all()
        assert [(row.number, row.actor) for row in rows] == [(1, "sync"), (2, "sync")]


def test_the_audit_log_takes_no_replacement(sqlite_engine: Engine) -> None:
    """INSERT OR REPLACE deletes behind the delete trigger's back."""
    with sqlite_engine.begin() as connection:
        add(connection, sync.audit_entries, **AUDIT_ENTRY)
        replacing = insert(sync.audit_entries).prefix_with("OR REPLACE")
        with (
            pytest.raises(IntegrityError, match=triggers.AUDIT_REFUSAL),
            connection.begin_nested(),
        ):
            connection.execute(replacing.values(**AUDIT_ENTRY | {"actor": "nobody"}))
        assert connection.scalar(select(sync.audit_entries.c.actor)) == "sync"


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_the_audit_log_is_not_emptied(postgresql_engine: Engine) -> None:
    with postgresql_engine.begin() as connection:
        add(connection, sync.audit_entries, **AUDIT_ENTRY)
        with (
            pytest.raises(IntegrityError, match=triggers.AUDIT_REFUSAL),
            connection.begin_nested(),
        ):
            connection.execute(text("TRUNCATE audit_entries"))


# --- migrations ---------------------------------------------------------------------------------


def test_migrations_lead_to_the_tables_as_declared(database: Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        for table in metadata.tables.values():
            _has_the_same_names(connection, table)


def _has_the_same_names(connection: Connection, table: Table) -> None:
    """Check what alembic does not compare: names of keys, defaults, conditions of indexes."""
    found = inspect(connection)
    keys = {key["name"] for key in found.get_foreign_keys(table.name)}
    assert keys == {key.name for key in table.foreign_key_constraints}
    with_default = {column["name"] for column in found.get_columns(table.name) if column["default"]}
    declared = {column.name for column in table.columns if column.server_default is not None}
    serial = {"id"} if connection.dialect.name == "postgresql" else set()
    assert with_default - serial == declared - serial
    option = f"{connection.dialect.name}_where"
    conditions = {
        index["name"]: index.get("dialect_options", {}).get(option) is not None
        for index in found.get_indexes(table.name)
        if not index.get("duplicates_constraint")
    }
    assert conditions == {
        index.name: index.dialect_options[connection.dialect.name]["where"] is not None
        for index in table.indexes
    }


def test_triggers_are_those_of_the_tables_today(database: Engine) -> None:
    """A migration that adds a column must make the triggers anew: this finds a forgotten one."""
    with database.begin() as connection:
        before = _triggers(connection)
        triggers.install(connection)
        assert _triggers(connection) == before
        records = len(RECORD_TABLES)
        lines = sum(place.lines is not None for place in RECORD_TABLES.values())
        assert len(before) == (
            4 * records + 3 * lines + 3
            if database.dialect.name == "sqlite"
            else 2 * records + lines + 1
        )


def _triggers(connection: Connection) -> dict[str, str]:
    """Return name -> definition of all triggers."""
    statement = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        if connection.dialect.name == "sqlite"
        else "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    )
    return {row[0]: row[1] for row in connection.execute(text(statement))}


def test_migrations_go_down_and_up_again(database: Engine) -> None:
    downgrade(database, "0001")
    with database.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        assert "invoices" in tables
        assert "links" not in tables
    downgrade(database, "base")
    with database.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert _triggers(connection) == {}
        if database.dialect.name == "postgresql":
            functions = "SELECT proname FROM pg_proc WHERE proname LIKE 'qbsync%'"
            assert connection.execute(text(functions)).all() == []
    migrate(database)
    test_migrations_lead_to_the_tables_as_declared(database)


@pytest.mark.parametrize("table", ["invoices", "invoice_lines", "expense_lines", "payments"])
def test_a_table_that_is_rebuilt_goes_on_counting(sqlite_engine: Engine, table: str) -> None:
    """Ids of rows deleted before a migration are not given out after it."""
    last = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")
        connection.exec_driver_sql(f"INSERT INTO sqlite_sequence VALUES ('{table}', 41)")
    for change in (lambda: downgrade(sqlite_engine, "0004"), lambda: migrate(sqlite_engine)):
        change()
        with sqlite_engine.connect() as connection:
            assert connection.scalars(last, {"name": table}).all() == [41]
            made = "SELECT sql FROM sqlite_master WHERE name = :name"
            assert "AUTOINCREMENT" in connection.scalar(text(made), {"name": table})


def test_a_new_record_type_gets_its_table(database: Engine) -> None:
    """What no migration knows is made from its declaration, with its triggers."""
    with database.begin() as connection:
        before = _triggers(connection)
        for name in ("transfers", "deposit_lines", "deposits"):
            connection.exec_driver_sql(f"DROP TABLE {name}")
        assert len(_triggers(connection)) < len(before)
    migrate(database)
    with database.connect() as connection:
        assert _triggers(connection) == before
    test_migrations_lead_to_the_tables_as_declared(database)


def test_revisions_are_numbers_in_one_line() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    walked = [script.revision for script in scripts.walk_revisions()]
    assert walked == sorted(walked, reverse=True)
    assert scripts.get_current_head() == newest_revision()


def test_migrating_again_changes_nothing_and_does_not_wait(sqlite_url: str) -> None:
    """Somebody else writes at the time, and this must not even queue."""
    engine, writer = create_database_engine(sqlite_url), create_database_engine(sqlite_url)
    with writer.begin():
        migrate(engine)
    engine.dispose()
    writer.dispose()


def test_a_failing_migration_leaves_nothing_behind(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    downgrade(database, "base")

    def fail(_connection: Connection) -> None:
        raise RuntimeError("no power")

    monkeypatch.setattr(triggers, "install_audit", fail)
    with pytest.raises(RuntimeError, match="no power"):
        migrate(database)
    with database.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    monkeypatch.undo()
    migrate(database)


def test_a_database_of_a_newer_program_is_left_alone(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match=r"revision 9999.*install the newer program"):
        migrate(database)


def test_processes_that_start_together_migrate_once(
    database: Engine, database_url: str, tmp_path: Path
) -> None:
    if database.dialect.name == "sqlite":
        # A file that is not there yet: making it is part of the race
        url = f"sqlite:///{tmp_path / 'new.db'}"
    else:
        downgrade(database, "base")
        url = database_url
    program = (
        "import sys; from connectors.database import create_database_engine, migrate; "
        "sys.stdin.readline(); migrate(create_database_engine(sys.argv[1]))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    engine = create_database_engine(url)
    test_migrations_lead_to_the_tables_as_declared(engine)
    engine.dispose()


def test_a_migration_that_breaks_a_foreign_key_is_not_committed(sqlite_engine: Engine) -> None:
    with (
        pytest.raises(AssertionError, match="broke foreign keys"),
        databases._migrating(sqlite_engine) as connection,
    ):
        connection.execute(insert(platform.invoices).values(company_id=99))
    with sqlite_engine.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(platform.invoices)) == 0
        # And they are enforced again on the same connection
        refuses(connection, platform.invoices, company_id=99)


# --- the engine ---------------------------------------------------------------------------------


def _unparsable(_folder: Path) -> str:
    return "nonsense"


def _unparsable_with_password(_folder: Path) -> str:
    return "postgresql://user:hunter2@host:port/db"


def _unknown_scheme(_folder: Path) -> str:
    return "mysql://user:hunter2@host/db"


def _other_driver(_folder: Path) -> str:
    return "postgresql+psycopg2://user:hunter2@host/db"


def _other_sqlite(_folder: Path) -> str:
    return "sqlite+aiosqlite:///x.db"


def _in_memory(_folder: Path) -> str:
    return "sqlite://"


def _missing_folder(folder: Path) -> str:
    return f"sqlite:///{folder}/missing/x.db"


def _folder_as_file(folder: Path) -> str:
    return f"sqlite:///{folder}"


def _no_database(folder: Path) -> str:
    (folder / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    return f"sqlite:///{folder}/letter.txt"


def _unreachable(folder: Path) -> str:
    return f"postgresql://user:hunter2@/db?host={folder}&password=hunter2"


@pytest.mark.parametrize(
    ("url_in", "reason", "fix"),
    [
        (_unparsable, "no database URL", "use sqlite:///"),
        (_unparsable_with_password, "no database URL", "use sqlite:///"),
        (_unknown_scheme, "scheme 'mysql' is not known", "use sqlite:///"),
        (_other_driver, "scheme 'postgresql+psycopg2' is not known", "use sqlite:///"),
        (_other_sqlite, "scheme 'sqlite+aiosqlite' is not known", "use sqlite:///"),
        (_in_memory, "names no file", "use sqlite:///"),
        (_missing_folder, "missing does not exist", "mkdir -p"),
        (_folder_as_file, "unable to open database file", "name a file"),
        (_no_database, "file is not a database", "name a file"),
        (_unreachable, "cannot be opened", "start the server"),
    ],
)
def test_a_url_that_cannot_be_used_is_explained(
    tmp_path: Path, url_in: Callable[[Path], str], reason: str, fix: str
) -> None:
    with pytest.raises(UsageError) as caught:
        create_database_engine(url_in(tmp_path))
    message = str(caught.value)
    assert message.startswith("QBSYNC_DATABASE_URL is '")
    assert reason in message
    assert fix in message
    assert "hunter2" not in message


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_postgresql_urls_of_any_form_lead_to_psycopg(postgresql_url: str) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        url = postgresql_url.replace("postgresql+psycopg://", f"{scheme}://")
        engine = create_database_engine(f"{url}&options=-c%20work_mem%3D5MB")
        with engine.connect() as connection:
            asked = ("statement_timeout", "lock_timeout", "TimeZone", "work_mem")
            settings = [connection.scalar(text(f"SHOW {name}")) for name in asked]
            assert settings == ["1min", "30s", "UTC", "5MB"]
        assert engine.driver == "psycopg"
        engine.dispose()


def test_sqlite_is_set_up(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        asked = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
        assert values == ["wal", 1, 1, 30000]


def test_sqlite_writers_queue_and_readers_do_not(sqlite_url: str) -> None:
    one, other = create_database_engine(sqlite_url), create_database_engine(sqlite_url)
    with one.begin() as writer:
        add(writer, platform.companies, name="Acme", currency="USD")
        count = select(func.count()).select_from(platform.companies)
        with reading(other).begin() as reader:
            assert reader.scalar(count) == 0
        # Give up at once instead of after 30 s
        with other.connect() as waiting:
            waiting.connection.driver_connection.execute("PRAGMA busy_timeout = 0")  # type: ignore[union-attr]
            with pytest.raises(DBAPIError, match="database is locked"):
                waiting.begin()
            waiting.invalidate()
    with other.begin() as writer:
        assert writer.scalar(count) == 1
    one.dispose()
    other.dispose()
