"""The change log sees every change of a record and its lines once, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, func, insert, select, text

from models.record_type import catalog
from models.tables import RECORD_TABLES, platform
from models.tables.platform import change_log
from tests.contract.state_samples import LEAST

if TYPE_CHECKING:
    from sqlalchemy import Connection


def changed(record_type: str) -> str:
    """A column of text to change."""
    fields = catalog()[record_type].fields
    return next(each.column for each in fields if each.kind == "text")


LONG_AGO = "2001-02-03 04:05:06.000000"
#: The same instant for PostgreSQL, whatever its zone.
LONG_AGO_BY_DATABASE = {"sqlite": LONG_AGO, "postgresql": f"{LONG_AGO}+00"}

every_type = pytest.mark.parametrize("record_type", RECORD_TABLES)
every_type_with_lines = pytest.mark.parametrize(
    "record_type", [name for name, place in RECORD_TABLES.items() if place.lines is not None]
)


def run(database: Engine, statement: str, **values: Any) -> None:
    """Execute raw SQL as another program would."""
    with database.begin() as connection:
        connection.execute(text(statement), values)


def add_company(database: Engine) -> None:
    """Insert companies 1 and 2."""
    for name in ("Acme", "Umbrella"):
        run(database, "INSERT INTO companies (name, currency) VALUES (:name, 'USD')", name=name)


def add_record(database: Engine, record_type: str) -> None:
    """Insert record 1 with updated_at long ago, by raw SQL."""
    row = {"company_id": 1, "updated_at": LONG_AGO_BY_DATABASE[database.dialect.name]}
    row |= LEAST[record_type]
    places = ", ".join(f":{name}" for name in row)
    table = RECORD_TABLES[record_type].table.name
    run(database, f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", **row)


def log(database: Engine) -> list[tuple[int, str, int, str]]:
    """Return the log's rows, and check what all have."""
    with database.connect() as connection:
        rows = connection.execute(select(change_log).order_by(change_log.c.id)).all()
    for row in rows:
        assert (row.transaction_id == 0) == (database.dialect.name == "sqlite")
        assert row.changed_at.year > 2001
    return [(row.company_id, row.record_type, row.record_id, row.operation) for row in rows]


def new_log(database: Engine) -> list[tuple[int, str, int, str]]:
    """Return the log's rows and empty it."""
    rows = log(database)
    run(database, "DELETE FROM change_log")
    return rows


def state(database: Engine, record_type: str, record_id: int = 1) -> tuple[int, int]:
    """Return version and the year of updated_at."""
    table = RECORD_TABLES[record_type].table
    with database.connect() as connection:
        statement = select(table.c.version, table.c.updated_at).where(table.c.id == record_id)
        version, updated_at = connection.execute(statement).one()
    return version, updated_at.year


@every_type
def test_raw_sql_is_logged_once_per_row(database: Engine, record_type: str) -> None:
    table = RECORD_TABLES[record_type].table.name
    add_company(database)
    assert log(database) == []
    add_record(database, record_type)
    assert new_log(database) == [(1, record_type, 1, "insert")]
    assert state(database, record_type) == (1, 2001)
    run(database, f"UPDATE {table} SET {changed(record_type)} = 'x'")
    assert new_log(database) == [(1, record_type, 1, "update")]
    version, year = state(database, record_type)
    assert version == 2
    assert year > 2001
    run(database, f"DELETE FROM {table}")
    assert new_log(database) == [(1, record_type, 1, "delete")]


@every_type
def test_a_change_of_any_column_is_logged(database: Engine, record_type: str) -> None:
    """Also of one that a later migration adds."""
    table = RECORD_TABLES[record_type].table
    add_company(database)
    add_record(database, record_type)
    new_log(database)
    for number, column in enumerate(table.columns, start=2):
        # A column set to what it is counts as well, as it does in any trigger
        run(database, f"UPDATE {table.name} SET {column.name} = {column.name}")
        if column.name == "updated_at":
            assert new_log(database) == []
            run(database, f"UPDATE {table.name} SET updated_at = updated_at, version = version")
        assert new_log(database) == [(1, record_type, 1, "update")]
        assert state(database, record_type)[0] == number


@every_type_with_lines
def test_lines_are_changes_of_their_record(database: Engine, record_type: str) -> None:
    place = RECORD_TABLES[record_type]
    assert place.lines is not None
    lines, parent = place.lines.name, place.line_parent.name
    add_company(database)
    add_record(database, record_type)
    add_record(database, record_type)
    new_log(database)
    updated = [(1, record_type, 1, "update")]
    run(database, f"INSERT INTO {lines} ({parent}, position, kind) VALUES (1, 1, 'x'), (1, 2, 'x')")
    assert new_log(database) == updated * 2
    version, year = state(database, record_type)
    assert version == 3
    assert year > 2001
    run(database, f"UPDATE {lines} SET kind = 'y' WHERE position = 1")
    assert new_log(database) == updated
    run(database, f"DELETE FROM {lines} WHERE position = 1")
    assert new_log(database) == updated
    assert state(database, record_type)[0] == 5
    # A line that moves changes both
    run(database, f"UPDATE {lines} SET {parent} = 2")
    assert sorted(new_log(database)) == [
        (1, record_type, 1, "update"),
        (1, record_type, 2, "update"),
    ]
    assert state(database, record_type, 2)[0] == 2


@every_type_with_lines
def test_deleting_a_record_with_lines_is_one_delete(database: Engine, record_type: str) -> None:
    place = RECORD_TABLES[record_type]
    assert place.lines is not None
    add_company(database)
    add_record(database, record_type)
    lines, parent = place.lines.name, place.line_parent.name
    run(database, f"INSERT INTO {lines} ({parent}, position, kind) VALUES (1, 1, 'x'), (1, 2, 'x')")
    new_log(database)
    run(database, f"DELETE FROM {place.table.name}")
    assert new_log(database) == [(1, record_type, 1, "delete")]
    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(place.lines)) == 0


#: What the writer sets -> version and year of updated_at afterwards.
WRITERS = {
    "memo = 'x'": (2, None),
    "memo = 'x', version = 7": (7, None),
    "memo = 'x', version = version + 1": (2, None),
    "memo = 'x', updated_at = :chosen": (2, 1999),
    "memo = 'x', version = 7, updated_at = :chosen": (7, 1999),
    "version = 7": (7, None),
    "version = version": (2, None),
    "version = 7, updated_at = :chosen": (7, 1999),
    "version = version, updated_at = :chosen": (2, 1999),
    "company_id = 2": (2, None),
    "deleted_at = :chosen": (2, None),
}


def check_writers(database: Engine, *, recursive_triggers: int = 0) -> None:
    """Check what each statement of WRITERS does to a record of its own."""
    add_company(database)
    chosen = LONG_AGO_BY_DATABASE[database.dialect.name].replace("2001", "1999")
    for record_id, (assignment, (version, year)) in enumerate(WRITERS.items(), start=1):
        add_record(database, "invoice")
        new_log(database)
        values = {"chosen": chosen} if ":chosen" in assignment else {}
        statement = text(f"UPDATE invoices SET {assignment} WHERE id = {record_id}")
        with database.begin() as connection:
            if database.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA recursive_triggers = {recursive_triggers}")
            assert connection.execute(statement, values).rowcount == 1
        found_version, found_year = state(database, "invoice", record_id)
        assert found_version == version, assignment
        assert found_year == year or (year is None and found_year > 2001), assignment
        company_id = 2 if assignment.startswith("company_id") else 1
        assert log(database) == [(company_id, "invoice", record_id, "update")], assignment


def test_what_the_writer_sets_itself_stands(database: Engine) -> None:
    check_writers(database)


def test_recursive_triggers_make_no_difference(sqlite_engine: Engine) -> None:
    """Other programs may switch them on for their connections to SQLite."""
    check_writers(sqlite_engine, recursive_triggers=1)


def test_the_time_alone_is_no_change(database: Engine) -> None:
    add_company(database)
    add_record(database, "invoice")
    new_log(database)
    chosen = LONG_AGO_BY_DATABASE[database.dialect.name].replace("2001", "1999")
    run(database, "UPDATE invoices SET updated_at = :chosen", chosen=chosen)
    assert state(database, "invoice") == (1, 1999)
    assert log(database) == []


def test_compare_and_swap_has_one_winner(database: Engine) -> None:
    add_company(database)
    add_record(database, "invoice")
    table = platform.invoices
    swap = (
        table.update()
        .where(table.c.id == 1, table.c.version == 1)
        .values(memo="x", version=table.c.version + 1)
        .returning(table.c.version)
    )
    with database.begin() as connection:
        assert connection.scalars(swap).all() == [2]
        assert connection.scalars(swap).all() == []
    assert state(database, "invoice")[0] == 2


def test_many_rows_of_one_statement_are_logged_each(database: Engine) -> None:
    add_company(database)
    with database.begin() as connection:
        rows = [{"company_id": 1 + number % 2, "number": str(number)} for number in range(10)]
        connection.execute(insert(platform.invoices), rows)
    assert new_log(database) == [(1 + n % 2, "invoice", n + 1, "insert") for n in range(10)]
    run(database, "UPDATE invoices SET memo = 'x' WHERE company_id = 2")
    assert sorted(new_log(database)) == [(2, "invoice", n, "update") for n in range(2, 11, 2)]


def test_what_is_rolled_back_is_not_logged(database: Engine) -> None:
    add_company(database)
    with database.connect() as connection:
        connection.execute(insert(platform.invoices).values(company_id=1))
        connection.rollback()
    assert log(database) == []


# --- the reader's rule --------------------------------------------------------------------------

#: As written in models/tables/triggers.py.
READ = """
SELECT transaction_id, id, record_id FROM change_log
WHERE company_id = 1
  AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  AND (transaction_id, id) > (:transaction_id, :id)
ORDER BY transaction_id, id
"""


class Reader:
    """Reads the change log from its cursor on."""

    def __init__(self, database: Engine) -> None:
        self.database = database
        self.cursor = (0, 0)

    def read(self) -> list[int]:
        """Return the ids of changed records since the last read."""
        values = dict(zip(("transaction_id", "id"), self.cursor, strict=True))
        with self.database.connect() as connection:
            rows = connection.execute(text(READ), values).all()
        if rows:
            self.cursor = (rows[-1].transaction_id, rows[-1].id)
        return [row.record_id for row in rows]


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_late_commit_is_not_skipped(postgresql_engine: Engine) -> None:
    """A slow transaction writes first and commits last; another one comes and goes in between."""
    add_company(postgresql_engine)
    reader = Reader(postgresql_engine)

    def add(connection: Connection) -> int:
        statement = insert(platform.invoices).values(company_id=1).returning(platform.invoices.c.id)
        record_id: int = connection.scalars(statement).one()
        return record_id

    with postgresql_engine.connect() as slow:
        early = add(slow)
        with postgresql_engine.begin() as quick:
            later = add(quick)
        # What is committed already has to wait for what may still come before it
        assert reader.read() == []
        slow_again = add(slow)
        slow.commit()
    assert reader.read() == [early, slow_again, later]
    assert reader.read() == []
    with postgresql_engine.begin() as connection:
        last = add(connection)
    assert reader.read() == [last]


@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
def test_a_writer_with_another_search_path_is_logged(postgresql_engine: Engine) -> None:
    add_company(postgresql_engine)
    with postgresql_engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path = pg_catalog"))
        connection.execute(text("INSERT INTO public.invoices (company_id) VALUES (1)"))
        connection.execute(
            text("INSERT INTO public.invoice_lines (invoice_id, position, kind) VALUES (1, 1, 'x')")
        )
    assert log(postgresql_engine) == [(1, "invoice", 1, "insert"), (1, "invoice", 1, "update")]
