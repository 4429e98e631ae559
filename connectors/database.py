"""The database: from its URL to an engine that is safe to use, and its schema kept up to date.

SQLite needs help: the driver's own transactions begin too late to protect a read followed by a
write, foreign keys are off, and readers block writers. Here a transaction takes the write lock when
it begins (BEGIN IMMEDIATE), so two of them queue instead of failing half way; `reading` gives one
that does not. PostgreSQL gets time limits, so that nothing hangs for ever.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# Great Expectations imports it in the middle of a cycle; statements that other companies' threads
# compile just then would look into half of a module, and fail
import sqlalchemy.orm  # noqa: F401 - see above
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from models.errors import UsageError
from models.tables import RECORD_TABLES, RecordTable, metadata, triggers

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from alembic.config import Config

#: How long to wait for somebody else's lock, on both databases.
LOCK_WAIT_SECONDS_MAX: Final = 30
#: How long one statement may run on PostgreSQL.
STATEMENT_SECONDS_MAX: Final = 60
#: How long to wait for a PostgreSQL server to answer.
CONNECT_SECONDS_MAX: Final = 10
#: How long a process may wait for another one that migrates.
MIGRATION_WAIT_SECONDS_MAX: Final = 300

#: Any fixed number; what asks for PostgreSQL's advisory lock with it is migrating.
_MIGRATION_LOCK: Final = 7_215_301_844
_MIGRATIONS: Final = Path(str(files("models.tables"))) / "migrations"
_POSTGRESQL_SCHEMES: Final = ("postgresql", "postgres", "postgresql+psycopg")
_FORMS: Final = (
    "use sqlite:///path/to/file.db or postgresql://user:password@host:5432/database"  # an example
)


def create_database_engine(url: str) -> Engine:
    """Return an engine for QBSYNC_DATABASE_URL that has been connected once.

    Raises UsageError where the URL cannot be used, with what to change.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        engine = _sqlite_engine(parsed)
    elif parsed.drivername in _POSTGRESQL_SCHEMES:
        engine = _postgresql_engine(parsed)
    else:
        raise _unusable(parsed, f"the scheme {parsed.drivername!r} is not known", _FORMS)
    try:
        with reading(engine).connect():
            return engine
    except DBAPIError as error:
        engine.dispose()
        reason = str(error.orig).strip().splitlines()[0]
        fix = (
            "name a file that is an SQLite database or does not exist yet, in a folder that can "
            "be written"
            if parsed.get_backend_name() == "sqlite"
            else "start the server, or correct host, port, user, password or database"
        )
        raise _unusable(parsed, f"the database cannot be opened ({reason})", fix) from error


def reading(engine: Engine) -> Engine:
    """Return the same engine for transactions that only read.

    On SQLite they do not wait for a writer and make none wait; a write in one may fail at once.
    """
    return engine.execution_options(sqlite_begin="BEGIN")


def database_time(engine: Engine, otherwise: datetime) -> datetime:
    """Return the time by the server's clock, which all who use it share.

    SQLite has no server: all who use a file are on one machine, and `otherwise` is its time.
    """
    if engine.dialect.name != "postgresql":
        return otherwise
    with reading(engine).connect() as connection:
        found: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found.astimezone(UTC)


def upsert(transaction: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an insert that may say what happens where the row is there; each database has one."""
    if transaction.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def reserved_ids(transaction: Connection, table: Table, count: int) -> range | None:
    """Return ids for new rows of an SQLite table; None where the database brings them back itself.

    SQLite's rows come back in no order that could be relied on, so SQLAlchemy inserts them one by
    one to learn their ids. A transaction that writes has the file for itself: it can give the ids
    that SQLite would give, and insert all rows at once.
    """
    if transaction.dialect.name != "sqlite":
        return None
    last = transaction.scalar(select(func.max(table.c.id))) or 0
    if table.dialect_options["sqlite"]["autoincrement"]:
        # ids of rows that are gone are not given again
        given = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        last = max(last, transaction.scalar(given, {"name": table.name}) or 0)
    return range(last + 1, last + 1 + count)


def migrate(engine: Engine) -> None:
    """Bring the schema up to the newest revision; at once where it is there already.

    All or nothing, and safe when several processes start together: one migrates, the others wait.
    """
    with reading(engine).connect() as connection:
        if _is_newest(connection):
            return
    with _migrating(engine) as connection:
        # Another process was faster
        if _is_newest(connection):
            return
        found = _revision(connection)
        if found is not None and found not in _revisions():
            raise UsageError(
                f"QBSYNC_DATABASE_URL is {_masked(engine.url)}: its schema has revision {found}, "
                f"this program knows up to {newest_revision()}; install the newer program that "
                "the database was last used with"
            )
        from alembic import command

        command.upgrade(alembic_config(connection), "head")
        _make_tables(connection, _without_table(connection))


def _is_newest(connection: Connection) -> bool:
    """Whether nothing is left to migrate."""
    return _revision(connection) == newest_revision() and not _without_table(connection)


def _without_table(connection: Connection) -> list[RecordTable]:
    """Record types that no migration has made a table for: their declaration says it all."""
    there = set(inspect(connection).get_table_names())
    return [each for each in RECORD_TABLES.values() if each.table.name not in there]


def _make_tables(connection: Connection, places: Sequence[RecordTable]) -> None:
    """Make the tables and triggers of new record types."""
    tables = [table for each in places for table in (each.table, each.lines) if table is not None]
    metadata.create_all(connection, tables)
    triggers.install(connection, [triggers.logged(each) for each in places])


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to an older revision, or to none with "base". Drops what is newer."""
    from alembic import command

    with _migrating(engine) as connection:
        command.downgrade(alembic_config(connection), revision)


def newest_revision() -> str:
    """Return the revision that this program's migrations lead to."""
    return _revisions()[-1]


def alembic_config(connection: Connection | None = None) -> Config:
    """Return alembic's settings for our migrations, which run on the given connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _revisions() -> list[str]:
    """Return all revisions, oldest first: files are named by them, 0001_platform.py is 0001.

    A look at the folder instead of alembic, which takes a quarter of a second to import.
    """
    names = [path.name for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py")]
    assert names, f"no migrations in {_MIGRATIONS}: the installation is incomplete"
    return sorted(name.partition("_")[0] for name in names)


def _revision(connection: Connection) -> str | None:
    """Return the schema's revision, or None for a database without ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else migrates and the schema may change."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Rebuilding a table drops it, and that would delete the lines that refer to it. Has no
            # effect inside a transaction, hence before it begins.
            _pragma(connection, "foreign_keys = OFF")
        try:
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    _queue_for_migration(connection)
                yield connection
                _check_foreign_keys(connection)
        finally:
            if engine.dialect.name == "sqlite":
                _pragma(connection, "foreign_keys = ON")


def _queue_for_migration(connection: Connection) -> None:
    """Wait on PostgreSQL until no other process migrates."""
    wait = f"{MIGRATION_WAIT_SECONDS_MAX}s"
    settings = text("SELECT set_config('lock_timeout', :wait, true)")
    connection.execute(settings, {"wait": wait})
    # Building an index over many rows takes the time that it takes
    connection.execute(text("SELECT set_config('statement_timeout', '0', true)"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})


def _check_foreign_keys(connection: Connection) -> None:
    """Refuse to commit on SQLite what leaves rows without what they refer to."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    assert not broken, f"the migration broke foreign keys: {broken[:5]}"


def _pragma(connection: Connection, setting: str) -> None:
    """Set a pragma on SQLite outside of any transaction."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    driver.execute(f"PRAGMA {setting}")


def _parsed(url: str) -> URL:
    """Return the URL in parts, or raise UsageError."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        masked = re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", url)
        raise UsageError(
            f"QBSYNC_DATABASE_URL is {masked!r}: it is no database URL; {_FORMS}"
        ) from error


def _masked(url: URL) -> str:
    """Return the URL for people: without its password."""
    if "password" in url.query:
        url = url.update_query_dict({"password": "***"})
    return repr(url.render_as_string(hide_password=True))


def _unusable(url: URL, reason: str, fix: str) -> UsageError:
    """Return the error that names the setting, its value, what is wrong and what to do."""
    return UsageError(f"QBSYNC_DATABASE_URL is {_masked(url)}: {reason}; {fix}")


def _sqlite_engine(url: URL) -> Engine:
    """Return an engine for a file."""
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise _unusable(url, f"the scheme {url.drivername!r} is not known", _FORMS)
    if not url.database or url.database == ":memory:" or url.host:
        raise _unusable(
            url,
            "it names no file, and a database in memory would be another one per connection",
            "use sqlite:///path/to/file.db (four slashes before an absolute path)",
        )
    folder = Path(url.database).parent
    if not folder.is_dir():
        raise _unusable(
            url,
            f"the folder {folder} does not exist",
            f"make it (mkdir -p {folder}) or name another file",
        )
    engine = create_engine(url, connect_args={"timeout": LOCK_WAIT_SECONDS_MAX})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """Set up a new SQLite connection."""
    # The driver begins no transactions by itself; _begin_sqlite does
    connection.isolation_level = None
    # One text with bytes that are no UTF-8 must not spoil a whole read: models/tables/types.py
    # finds the surrogates that stand for them
    connection.text_factory = _decoded
    connection.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_SECONDS_MAX * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    # With WAL a crash of the process loses nothing; a power cut may lose the last commits, but
    # never breaks the file
    connection.execute("PRAGMA synchronous = NORMAL")
    # Asked first, because setting it takes a lock and the file remembers it
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")


def _decoded(raw: bytes) -> str:
    """Return text; bytes that are no UTF-8 become lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once, unless the transaction only reads."""
    options = connection.get_execution_options()
    connection.exec_driver_sql(options.get("sqlite_begin", "BEGIN IMMEDIATE"))


def _postgresql_engine(url: URL) -> Engine:
    """Return an engine for a server."""
    settings = {
        "statement_timeout": f"{STATEMENT_SECONDS_MAX}s",
        "lock_timeout": f"{LOCK_WAIT_SECONDS_MAX}s",
        # A process that hangs in a transaction would hold back the change log's readers
        "idle_in_transaction_session_timeout": f"{MIGRATION_WAIT_SECONDS_MAX}s",
        # models/tables/types.py reads times as text
        "TimeZone": "UTC",
        "DateStyle": "ISO",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    given = url.query.get("options", "")
    # What the URL itself asks for comes last and wins
    options = f"{options} {given if isinstance(given, str) else ' '.join(given)}".strip()
    return create_engine(
        url.set(drivername="postgresql+psycopg").difference_update_query(["options"]),
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS_MAX, "options": options},
    )
