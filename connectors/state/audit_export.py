"""Writing the audit log out for others, entry by entry, in bounded memory."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TextIO

from sqlalchemy import ColumnElement, Engine, Select, select

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
    #: Who did it: "sync", or a person.
    actor: str = ""
    run_id: str = ""
    #: Of these records; an empty tuple is of none.
    links: tuple[int, ...] | None = None


def instant_of(name: str, given: str) -> str:
    """A day or an instant as entries have it: ISO in UTC with microseconds; "" for none.

    Raises:
        UsageError: it is neither.
    """
    if not given:
        return ""
    try:
        parsed = datetime.fromisoformat(given)
        is_day = len(given) == len("2026-01-31") and "T" not in given
        if parsed.tzinfo is None and not is_day:
            raise UsageError(f"{name} is {given!r}: say in which zone, such as {given}+00:00")
        aware = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{name} is {given[:80]!r}: write a day (2026-01-31) or an instant with its zone "
            "(2026-01-31T12:00:00+00:00)"
        ) from error
    return aware.isoformat(timespec="microseconds")


def export(engine: Engine, wanted: Wanted, form: str, out: TextIO) -> int:
    """Write the wanted entries, chain by chain in order; how many.

    Raises:
        AuditError: an entry cannot be written because it was tampered with.
    """
    count = -1 if form == "csv" else 0  # its first line names the columns
    for line in lines(engine, wanted, form):
        out.write(line)
        count += 1
    return count


def lines(engine: Engine, wanted: Wanted, form: str) -> Iterator[str]:
    """The wanted entries, chain by chain in order, each a line with its end; bounded memory.

    Raises:
        AuditError: an entry cannot be written because it was tampered with.
    """
    assert form in FORMATS
    written = _csv_line if form == "csv" else _json_line
    if form == "csv":
        yield _csv_line(COLUMNS)
    options = {"yield_per": audit_log.ROWS_AT_ONCE}
    with (
        audit_log.snapshot(engine) as connection,
        connection.execute(_query(wanted), execution_options=options) as rows,
    ):
        for row in rows:
            yield written(row)


def _csv_line(row: Row) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(csv_cells(row))
    return line.getvalue()


def _json_line(row: Row) -> str:
    try:
        return json_line(row) + "\n"
    except TypeError as error:
        raise AuditError(
            f"entry {row[1]} of connection {row[0]} holds what was never written by us",
            fix="Run `quickbooks-sync audit verify`; the CSV form writes such entries too.",
        ) from error


def _query(wanted: Wanted) -> Select[Any]:
    table = audit_entries.c
    query = select(*(table[name] for name in COLUMNS)).where(*conditions(wanted))
    return query.order_by(table.connection_id, table.number)


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What must hold of a wanted entry."""
    table = audit_entries.c
    found = [
        column == value
        for column, value in (
            (table.connection_id, wanted.connection_id),
            (table.record_type, wanted.record_type or None),
            (table.kind, wanted.kind or None),
            (table.actor, wanted.actor or None),
            (table.run_id, wanted.run_id or None),
        )
        if value is not None
    ]
    if wanted.since:
        found.append(table.at >= wanted.since)
    if wanted.until:
        found.append(table.at < wanted.until)
    if wanted.links is not None:
        found.append(table.link_id.in_(wanted.links))
    return found


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
