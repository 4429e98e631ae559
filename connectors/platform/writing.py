"""Writing rows of the platform's tables in SQL: each under the version that it was planned on.

A refused write leaves the rest of the transaction standing. New rows of one record type go in
together, and so do updates, because a statement for each costs more than all else that is done for
a record. Where the database refuses one of them, or one has moved on, they go one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, groupby
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from connectors.database import reserved_ids
from connectors.state.platform_port import (
    BusyRowError,
    PlatformWrite,
    StaleRowError,
    Written,
    outcome_of,
)
from models.errors import RecordError, shorten
from models.tables.record_tables import RECORD_TABLES, RecordTable
from models.tables.types import utc_now
from models.words import Operation

#: By these a statement for many rows finds each of them, and the version it must have.
_ROW, _VERSION = "row_to_write", "version_as_read"

#: PostgreSQL's codes, by how they begin, of a database that fails as a whole: no connection, a
#: transaction that cannot write, one that must be repeated, no resources, shutting down, the disk,
#: a bug of its own.
_OUTAGES = ("08", "25", "40001", "53", "57P", "58", "XX")
#: Those of a row that somebody else holds: a deadlock, a lock or a statement that took too long.
_HELD = frozenset({"40P01", "55P03", "57014"})
#: So many rows of a batch that are held are waited for, each as long as a lock may take.
HELD_ROWS_MAX = 3


class SqlWrites:
    """The part of `SqlPlatform` that writes rows."""

    def __init__(self, connection: Connection, company_id: int) -> None:
        self._connection = connection
        self._company_id = company_id

    def write(self, write: PlatformWrite) -> Written:
        """Apply one write."""
        place = RECORD_TABLES[write.record_type.name]
        with self._refusing(write):
            row_id = self._applied(place, write)
            version = self._connection.scalar(
                select(place.table.c.version).where(place.table.c.id == row_id)
            )
        assert version is not None, "the row was just written in this transaction"
        return str(row_id), version

    def write_all(self, writes: Sequence[PlatformWrite]) -> list[Written | RecordError]:
        """Apply many writes in their order."""
        outcomes: list[Written | RecordError] = []
        for (_, operation), run in groupby(writes, lambda each: (each.record_type, each.operation)):
            outcomes += self._write_run(operation, list(run))
        return outcomes

    def _write_run(
        self, operation: Operation, writes: Sequence[PlatformWrite]
    ) -> list[Written | RecordError]:
        """Writes of one kind to one table: together where the database takes them all."""
        apply = {
            Operation.CREATE: self._create_together,
            Operation.UPDATE: self._update_together,
        }.get(operation)
        # of a row that is written twice, each write has a version of its own
        rows = {each.id for each in writes if each.id is not None}
        is_each_once = operation is Operation.CREATE or len(rows) == len(writes)
        if apply is not None and len(writes) > 1 and is_each_once:
            try:
                return [*apply(writes)]
            except RecordError:
                # one of them is at fault, and the database does not say which
                return self._one_by_one(writes)
        return self._one_by_one(writes)

    def _one_by_one(self, writes: Sequence[PlatformWrite]) -> list[Written | RecordError]:
        """Each for itself; where rows are held, which costs a wait each, the rest is for later."""
        outcomes: list[Written | RecordError] = []
        held: list[BusyRowError] = []
        for each in writes:
            outcome = held[-1] if len(held) >= HELD_ROWS_MAX else outcome_of(self.write, each)
            outcomes.append(outcome)
            if isinstance(outcome, BusyRowError):
                held.append(outcome)
        return outcomes

    @contextmanager
    def _refusing(self, write: PlatformWrite) -> Iterator[None]:
        """A savepoint; what the database refuses after it is undone, and a `RecordError`.

        A full disk or a lost connection is no refusal: it says nothing about the record, so it
        stops the cycle, and the next one tries again.

        Raises:
            BusyRowError: somebody else held the row.
            RecordError: the database refuses the record.
            DBAPIError: the database itself fails.
        """
        try:
            with self._connection.begin_nested():
                yield
        except (DBAPIError, StatementError) as error:
            if _is_outage(error):
                raise
            raise _refused(write, error) from error

    # -- many rows together --

    def _create_together(self, writes: Sequence[PlatformWrite]) -> list[Written]:
        """Add all rows, or none.

        Raises:
            RecordError: the database refuses one of them.
        """
        place = RECORD_TABLES[writes[0].record_type.name]
        with self._refusing(writes[0]):
            ids = self._insert([self._new_row(place.table, each) for each in writes], place.table)
            self._add_lines(place, ids, writes)
            return self._written(place, ids)

    def _update_together(self, writes: Sequence[PlatformWrite]) -> list[Written]:
        """Update all rows, or none.

        Raises:
            StaleRowError: one of the rows has another version than expected.
            RecordError: the database refuses one of them.
        """
        place = RECORD_TABLES[writes[0].record_type.name]
        ids = [int(each.id or 0) for each in writes]
        with self._refusing(writes[0]):
            for some in _with_same_columns(self._new_values(each) for each in writes):
                self._update_rows(place.table, some)
            with_lines = [
                row_id for row_id, each in zip(ids, writes, strict=True) if "lines" in each.values
            ]
            if place.lines is not None and with_lines:
                self._connection.execute(
                    delete(place.lines).where(place.line_parent.in_(with_lines))
                )
            self._add_lines(place, ids, writes)
            return self._written(place, ids)

    def _add_lines(
        self, place: RecordTable, ids: Sequence[int], writes: Sequence[PlatformWrite]
    ) -> None:
        if place.lines is None:
            return
        parent = place.line_parent.name
        lines = [
            {parent: row_id, **line}
            for row_id, each in zip(ids, writes, strict=True)
            for line in each.values.get("lines", ())
        ]
        self._insert_lines(place.lines, lines)

    def _written(self, place: RecordTable, ids: Sequence[int]) -> list[Written]:
        """Rows as they were just written, with the versions that the triggers gave them."""
        columns = place.table.c
        rows = self._connection.execute(
            select(columns.id, columns.version).where(columns.id.in_(ids))
        )
        versions = {row.id: row.version for row in rows}
        return [(str(row_id), versions[row_id]) for row_id in ids]

    def _new_values(self, write: PlatformWrite) -> dict[str, Any]:
        """A row's new values, by which it is found, and the version it must have."""
        given = {name: value for name, value in write.values.items() if name != "lines"}
        return {
            # without values the statement still checks the version and takes the row's lock
            **(given or {"company_id": self._company_id}),
            _ROW: int(write.id or 0),
            _VERSION: write.expected_version,
        }

    def _new_row(self, table: Table, write: PlatformWrite) -> dict[str, Any]:
        """A row's values; what is not given and has no default of ours is given as nothing.

        So a row is the same whether it goes in alone or with others, and most rows name the same
        columns, as those of one statement must.
        """
        given = {name: value for name, value in write.values.items() if name != "lines"}
        return {**_empty_row(table), **given, "company_id": self._company_id}

    def _insert(self, rows: Sequence[dict[str, Any]], table: Table) -> list[int]:
        """Insert rows in their order; their ids."""
        ids = reserved_ids(self._connection, table, len(rows))
        if ids is not None:
            numbered = ({"id": number, **row} for number, row in zip(ids, rows, strict=True))
            for some in _with_same_columns(numbered):
                self._connection.execute(insert(table), some)
            return list(ids)
        statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
        return list(
            chain.from_iterable(
                self._connection.scalars(statement, some) for some in _with_same_columns(rows)
            )
        )

    def _insert_lines(self, lines: Table, rows: Sequence[dict[str, Any]]) -> None:
        for some in _with_same_columns(rows):
            self._connection.execute(insert(lines), some)

    # -- one row --

    def _applied(self, place: RecordTable, write: PlatformWrite) -> int:
        values = {name: value for name, value in write.values.items() if name != "lines"}
        if write.operation is Operation.CREATE:
            (row_id,) = self._insert([self._new_row(place.table, write)], place.table)
        else:
            assert write.id is not None, "an update names its row"
            row_id = int(write.id)
            if write.operation is Operation.DELETE:
                values = {
                    **values,
                    "deleted_at": func.coalesce(place.table.c.deleted_at, utc_now()),
                }
            self._update(place.table, row_id, write.expected_version, values)
        if place.lines is not None and "lines" in write.values:
            self._replace_lines(place, row_id, write.values["lines"])
        return int(row_id)

    def _update(
        self, table: Table, row_id: int, expected_version: int | None, values: dict[str, Any]
    ) -> None:
        # Without values the statement still checks the version and takes the row's lock.
        updated = self._connection.execute(
            update(table)
            .where(
                table.c.id == row_id,
                table.c.company_id == self._company_id,
                table.c.version == expected_version,
            )
            .values(values or {"company_id": self._company_id})
        )
        if updated.rowcount != 1:
            raise _stale(f"the platform's row {row_id} was changed since it was read")

    def _update_rows(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Update rows of the same columns, each of which has the version it must have."""
        as_read = and_(
            table.c.id == bindparam(_ROW),
            table.c.company_id == self._company_id,
            table.c.version == bindparam(_VERSION),
        )
        updated = self._connection.execute(update(table).where(as_read), rows)
        if updated.rowcount != len(rows):
            raise _stale("one of the platform's rows was changed since it was read")

    def _replace_lines(
        self, place: RecordTable, row_id: int, lines: Sequence[dict[str, Any]]
    ) -> None:
        assert place.lines is not None
        parent = place.line_parent
        self._connection.execute(delete(place.lines).where(parent == row_id))
        self._insert_lines(place.lines, [{parent.name: row_id, **line} for line in lines])


def _with_same_columns(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in their order, those together that name the same columns."""
    for _, some in groupby(rows, key=sorted):
        yield list(some)


@cache
def _empty_row(table: Table) -> dict[str, None]:
    """The columns in which nothing is what an insert without them leaves there."""
    return {
        each.name: None
        for each in table.columns
        if each.nullable and each.default is None and each.server_default is None
    }


def _stale(message: str) -> StaleRowError:
    return StaleRowError(
        message, code="stale_row", fix="Nothing to do: it is read and merged again."
    )


def _sqlstate(error: DBAPIError | StatementError) -> str:
    """PostgreSQL's code of an error; "" where it has none, as on SQLite."""
    return str(getattr(error.orig, "sqlstate", None) or "")


def _is_outage(error: DBAPIError | StatementError) -> bool:
    """Whether the database fails as a whole, which says nothing about a record.

    PostgreSQL says so by the class of its code (its manual, appendix A); the library's classes of
    errors do not tell it from what a record can cause, such as a text too long for an index.
    """
    if not isinstance(error, DBAPIError):
        return False  # a value that cannot even be sent
    state = _sqlstate(error)
    if not state:
        return error.connection_invalidated or isinstance(error, OperationalError)
    return error.connection_invalidated or state.startswith(_OUTAGES)


def _refused(write: PlatformWrite, error: DBAPIError | StatementError) -> RecordError:
    """The database's refusal, without the statement and its parameters."""
    reason = shorten(str(error.orig).splitlines()[0] if error.orig else type(error).__name__)
    if _sqlstate(error) in _HELD:
        return BusyRowError(
            f"the platform's {write.record_type.name} was held by somebody else: {reason}",
            code="row_busy",
            value=reason,
            fix="Nothing to do: it is tried again. If it comes back, look which program keeps a "
            "transaction on the platform open.",
        )
    return RecordError(
        f"the platform's database refuses this {write.record_type.name}: {reason}",
        code="refused_by_database",
        value=reason,
        fix="Correct the record in QuickBooks so that it fits the platform's columns, or have the "
        "platform's table widened.",
    )
