"""Writing the audit log out for others, entry by entry, in bounded memory."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from sqlalchemy import Engine, Select, select

from connectors.state import audit_log
from models.audit import COLUMNS, Row
from models.audit_export import csv_cells, json_line
from models.errors import AuditError, UsageError
from models.tables.sync import audit_entries

FORMATS = ("csv", "jsonl")


@dataclass(frozen=True)
class Wanted:
    """Which entries; None or "" for all."""

    connection_id: int | None = None
    record_type: str = ""
    kind: str = ""
    #: ISO instants in UTC, as entries have them: from this one on, and before that one.
    since: str = ""
    until: str = ""


def export(engine: Engine, wanted: Wanted, form: str, out: TextIO) -> int:
    """Write the wanted entries, chain by chain in order; how many.

    Raises:
        AuditError: an entry cannot be written because it was tampered with.
    """
    assert form in FORMATS
    count = 0
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    if form == "csv":
        writer.writerow(COLUMNS)
    options = {"yield_per": audit_log.ROWS_AT_ONCE}
    with (
        audit_log.snapshot(engine) as connection,
        connection.execute(_query(wanted), execution_options=options) as rows,
    ):
        for row in rows:
            if form == "csv":
                writer.writerow(csv_cells(row))
            else:
                out.write(_json_line(row) + "\n")
            count += 1
    return count


def _json_line(row: Row) -> str:
    try:
        return json_line(row)
    except TypeError as error:
        raise AuditError(
            f"entry {row[1]} of connection {row[0]} holds what was never written by us",
            fix="Run `quickbooks-sync audit verify`; the CSV form writes such entries too.",
        ) from error


def _query(wanted: Wanted) -> Select[Any]:
    table = audit_entries.c
    query = select(*(table[name] for name in COLUMNS))
    for column, value in (
        (table.connection_id, wanted.connection_id),
        (table.record_type, wanted.record_type or None),
        (table.kind, wanted.kind or None),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.since:
        query = query.where(table.at >= wanted.since)
    if wanted.until:
        query = query.where(table.at < wanted.until)
    return query.order_by(table.connection_id, table.number)


@contextmanager
def output(path: Path | None, standard: IO[bytes]) -> Iterator[TextIO]:
    """Standard output, or a new file that appears only when it is whole and on the disk.

    Raises:
        UsageError: the file exists already or cannot be made.
    """
    if path is not None:
        with new_file(path) as file:
            yield file
        return
    # Bytes that are no UTF-8 come back as such, line ends as they are written
    out = io.TextIOWrapper(standard, encoding="utf-8", errors="surrogateescape", newline="")
    yield out
    out.flush()
    out.detach()


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """A file that nobody else can read, and that appears only when it is whole and on the disk.

    Raises:
        UsageError: it exists already, or cannot be made.
    """
    if path.exists():
        raise UsageError(f"--output is {str(path)!r}: it exists already; name another file")
    draft = path.with_name(f"{path.name}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise UsageError(f"--output is {str(path)!r}: {error.strerror}") from error
    try:
        with os.fdopen(
            descriptor, "w", encoding="utf-8", errors="surrogateescape", newline=""
        ) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        # Fails, rather than overwrites, where somebody else made it meanwhile
        os.link(draft, path)
    finally:
        draft.unlink()
    keep_name(path)


def keep_name(path: Path) -> None:
    """Have the folder on the disk know a new file."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
