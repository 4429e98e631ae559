"""The platform's tables in SQL, for one company, within the caller's transaction.

Reads go through `raw_columns`, so that a value that some other program spoiled costs one record and
not the whole read. Writes carry the row version they were planned on (invariant I7); the triggers
of `models.tables.triggers` number the versions and keep the change log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, func, insert, select, text, type_coerce
from sqlalchemy.types import NullType

from connectors.platform.writing import SqlWrites
from connectors.state.platform_port import PlatformChanges, Row
from models.fields import Unreadable
from models.file_rules import FileRules, unreadable_file_error
from models.record_type import RecordType
from models.tables.platform import change_log, receipt_files
from models.tables.record_tables import RECORD_TABLES, RecordTable
from models.tables.types import decode_value, raw_columns

T = TypeVar("T")

#: Values in one IN list; SQLite takes 32,766 parameters, PostgreSQL 65,535.
CHUNK = 500
#: Position before the first entry of the change log.
START = "0:0"


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Values in lists of at most size."""
    ordered = list(values)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


class SqlPlatform(SqlWrites):
    """Implements `connectors.state.port.PlatformPort`."""

    def __init__(self, connection: Connection, company_id: int) -> None:
        super().__init__(connection, company_id)
        self._dialect = connection.dialect.name

    # -- reading the change log --

    def position(self) -> str:
        """The end of the change log that can no longer change behind us."""
        newest = select(change_log.c.transaction_id, change_log.c.id).where(*self._settled())
        row = self._connection.execute(
            newest.order_by(change_log.c.transaction_id.desc(), change_log.c.id.desc()).limit(1)
        ).first()
        return f"{row.transaction_id}:{row.id}" if row else START

    def knows(self, position: str) -> bool:
        """Whether a position is one of this database, and not of one that it was copied from.

        Transaction ids begin anew in a database that was made from a dump: a position of before
        lies ahead of all of them, and everything that is changed would lie behind it.
        """
        transaction_id = int(position.partition(":")[0])
        if self._dialect != "postgresql":
            return transaction_id <= 0
        next_one = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        following: int = self._connection.execute(next_one).scalar_one()
        return transaction_id < following

    def changes(self, record_types: Collection[str], after: str) -> PlatformChanges:
        """Changed ids after a position.

        Only finished transactions below the oldest one still running are read, in order of
        transaction, so that a late commit is never skipped (models.tables.triggers).
        """
        transaction_id, entry_id = (int(part) for part in after.split(":"))
        later = (change_log.c.transaction_id > transaction_id) | (
            (change_log.c.transaction_id == transaction_id) & (change_log.c.id > entry_id)
        )
        rows = self._connection.execute(
            select(
                change_log.c.transaction_id,
                change_log.c.id,
                change_log.c.record_type,
                change_log.c.record_id,
            )
            .where(*self._settled(), later)
            .order_by(change_log.c.transaction_id, change_log.c.id)
        ).all()
        ids: dict[str, dict[str, None]] = {name: {} for name in record_types}
        for row in rows:
            if row.record_type in ids:
                ids[row.record_type][str(row.record_id)] = None
        position = f"{rows[-1].transaction_id}:{rows[-1].id}" if rows else after
        return PlatformChanges({name: list(each) for name, each in ids.items()}, position)

    def _settled(self) -> list[Any]:
        conditions: list[Any] = [change_log.c.company_id == self._company_id]
        if self._dialect == "postgresql":
            oldest_running = text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            conditions.append(change_log.c.transaction_id < oldest_running)
        return conditions

    # -- reading rows --

    def ids(self, record_type: RecordType) -> list[str]:
        """Ids of all live rows."""
        table = RECORD_TABLES[record_type.name].table
        found = self._connection.scalars(
            select(table.c.id)
            .where(table.c.company_id == self._company_id, table.c.deleted_at.is_(None))
            .order_by(table.c.id)
        )
        return [str(each) for each in found]

    def booked(self, record_type: RecordType, since: date, until: date) -> list[str]:
        """Ids of live rows that count on a day of a range, both ends included."""
        table = RECORD_TABLES[record_type.name].table
        column = table.c[record_type.by_name[record_type.booked_on].column]
        found = self._connection.scalars(
            select(table.c.id)
            .where(
                table.c.company_id == self._company_id,
                table.c.deleted_at.is_(None),
                column.between(since, until),
            )
            .order_by(table.c.id)
        )
        return [str(each) for each in found]

    def rows(self, record_type: RecordType, ids: Collection[str]) -> dict[str, Row]:
        """Rows with their lines."""
        place = RECORD_TABLES[record_type.name]
        found: dict[str, Row] = {}
        for some in chunks(int(each) for each in ids):
            lines = self._lines(place, some)
            rows = self._connection.execute(
                select(*raw_columns(place.table)).where(
                    place.table.c.company_id == self._company_id, place.table.c.id.in_(some)
                )
            )
            for raw in rows.mappings():
                row = self._row(record_type.name, place.table, raw, lines.get(raw["id"], []))
                found[row.id] = row
        return found

    def _row(self, record_type: str, table: Table, raw: Any, lines: list[dict[str, Any]]) -> Row:
        values = self._decoded(table, raw)
        updated_at, deleted_at = values["updated_at"], values["deleted_at"]
        return Row(
            record_type=record_type,
            id=str(values["id"]),
            version=values["version"] if isinstance(values["version"], int) else -1,
            updated_at=None if isinstance(updated_at, Unreadable) else updated_at,
            live=deleted_at is None,
            values={**values, "lines": lines},
        )

    def _decoded(self, table: Table, raw: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column in table.columns:
            try:
                values[column.name] = decode_value(column, raw[column.name], self._dialect)
            except ValueError as error:
                values[column.name] = Unreadable(str(error))
        return values

    def _lines(self, place: RecordTable, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        if place.lines is None:
            return {}
        parent = place.line_parent
        grouped: dict[int, list[dict[str, Any]]] = {}
        rows = self._connection.execute(
            select(*raw_columns(place.lines))
            .where(parent.in_(ids))
            .order_by(parent, place.lines.c.position, place.lines.c.id)
        )
        for raw in rows.mappings():
            grouped.setdefault(raw[parent.name], []).append(self._decoded(place.lines, raw))
        return grouped

    def taken(
        self, record_type: RecordType, column: str, values: Collection[str]
    ) -> dict[str, list[str]]:
        """Ids of live rows by value, compared without case."""
        table = RECORD_TABLES[record_type.name].table
        lowered = func.lower(table.c[column])
        # SQLite lowers ASCII only, PostgreSQL and Python all letters: both spellings are asked for.
        wanted = {each.lower() for each in values} | {_ascii_lowered(each) for each in values}
        found: dict[str, list[str]] = {}
        for some in chunks(wanted):
            rows = self._connection.execute(
                select(table.c.id, table.c[column])
                .where(
                    table.c.company_id == self._company_id,
                    table.c.deleted_at.is_(None),
                    lowered.in_(some),
                )
                .order_by(table.c.id)
            )
            for row_id, value in rows:
                found.setdefault(value.lower(), []).append(str(row_id))
        return found

    def referring(self, record_type: RecordType, column: str, ids: Collection[str]) -> list[str]:
        """Ids of all rows whose column names one of these rows."""
        table = RECORD_TABLES[record_type.name].table
        found: list[int] = []
        for some in chunks(int(each) for each in ids):
            found += self._connection.scalars(
                select(table.c.id).where(
                    table.c.company_id == self._company_id, table.c[column].in_(some)
                )
            )
        return [str(each) for each in sorted(found)]

    # -- files --

    def without_file(self, record_type: RecordType) -> list[str]:
        """Ids of live rows with an empty SHA-256."""
        table = RECORD_TABLES[record_type.name].table
        sha256 = table.c[_rules(record_type).sha256]
        found = self._connection.scalars(
            select(table.c.id)
            .where(
                table.c.company_id == self._company_id,
                table.c.deleted_at.is_(None),
                sha256.is_(None) | (sha256 == ""),
            )
            .order_by(table.c.id)
        )
        return [str(each) for each in found]

    def file_size(self, record_type: RecordType, row_id: str) -> int | None:
        """Bytes of a row's file as stored."""
        length = func.octet_length if self._dialect == "postgresql" else func.length
        content = type_coerce(receipt_files.c.content, NullType())
        found: int | None = self._file_value(record_type, row_id, length(content))
        return found

    def file_of(self, record_type: RecordType, row_id: str) -> bytes | None:
        """A row's file; SQLite keeps whatever another program put there."""
        content = type_coerce(receipt_files.c.content, NullType())
        found = self._file_value(record_type, row_id, content)
        if isinstance(found, memoryview):
            return bytes(found)
        if found is not None and not isinstance(found, bytes):
            raise unreadable_file_error(type(found).__name__)
        return found

    def _file_value(self, record_type: RecordType, row_id: str, value: Any) -> Any:
        table = RECORD_TABLES[record_type.name].table
        _rules(record_type)
        return self._connection.scalar(
            select(value)
            .join_from(receipt_files, table, receipt_files.c.receipt_id == table.c.id)
            .where(table.c.id == int(row_id), table.c.company_id == self._company_id)
        )

    def put_file(
        self,
        record_type: RecordType,
        row_id: str,
        expected_version: int,
        content: bytes,
        sha256: str,
    ) -> int:
        """Store a row's file in place of what was there, and its SHA-256."""
        table, key = RECORD_TABLES[record_type.name].table, int(row_id)
        self._update(table, key, expected_version, {_rules(record_type).sha256: sha256})
        files = receipt_files
        self._connection.execute(delete(files).where(files.c.receipt_id == key))
        self._connection.execute(insert(files).values(receipt_id=key, content=content))
        found = self._connection.execute(select(table.c.version).where(table.c.id == key))
        version: int = found.scalar_one()
        return version


def _rules(record_type: RecordType) -> FileRules:
    assert record_type.file is not None, f"a {record_type.name} has no file"
    return record_type.file


def _ascii_lowered(value: str) -> str:
    return "".join(each.lower() if each.isascii() else each for each in value)
