"""The hash chain of the audit log.

Each entry's hash covers every column of the entry and the hash of the one before, so that a change
to any column of any entry is found. The hashed form is canonical JSON of the columns with a
version `v`; never hash what a database has re-ordered (reliability 5.4).

A chain alone does not show that its end was cut off, or that all of it was written anew: what does
is a signed checkpoint of it in a second place (`models/checkpoint.py`), which `verify_rows` takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from json.encoder import encode_basestring as _quoted
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from models.records import canonical_json, fingerprint

#: Hash that stands before the first entry of a chain.
GENESIS = "0" * 64
#: Version of the hashed form.
FORM_VERSION = 1

#: The columns of an entry, in the order of the table and of `COLUMNS`.
Row = Sequence[Any]
#: Number and hash of an entry.
Place = tuple[int, str]
#: Before the first entry of a chain.
BEGINNING: Final[Place] = (0, GENESIS)
#: No entry of a chain is vouched for by a checkpoint.
NOTHING_SIGNED: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(frozen=True)
class AuditEntry:
    """One line of the log. The field names are the table's column names."""

    #: The connection whose chain this is; 0 for the installation itself.
    connection_id: int
    #: 1 for the first entry of the chain, without gaps.
    number: int
    v: int
    #: ISO instant in UTC.
    at: str
    #: What happened, such as "write.quickbooks" or "conflict".
    kind: str
    #: Who did it: "sync", or a person.
    actor: str
    run_id: str | None
    record_type: str | None
    link_id: int | None
    #: Canonical JSON with the particulars.
    body: str
    previous_hash: str
    hash: str


#: Names of an entry's columns, in the table's order.
COLUMNS: Final = tuple(each.name for each in fields(AuditEntry))
CONNECTION, NUMBER, PREVIOUS, HASH = (
    COLUMNS.index(name) for name in ("connection_id", "number", "previous_hash", "hash")
)
_values_of = attrgetter(*COLUMNS)


@dataclass(frozen=True)
class AuditNote:
    """What is to be logged, before it has a place in the chain."""

    kind: str
    body: dict[str, Any]
    actor: str = "sync"
    record_type: str | None = None
    link_id: int | None = None


def row_of(entry: AuditEntry) -> Row:
    """The entry's columns in the table's order, the form in which logs are verified."""
    return _values_of(entry)


def hashed_text(row: Row) -> str:
    """The text that an entry's hash is made of: canonical JSON of all columns but the hash.

    Built by hand, because it is built for every entry of a log that is verified; a test compares it
    with `canonical_json`. A value of a kind that no column has is written as JSON has it.

    Raises:
        TypeError: a value that has no JSON form, which nothing of ours ever wrote.
    """
    connection_id, number, v, at, kind, actor, run_id, record_type, link_id, body, before, _ = row
    try:
        return (
            f'{{"actor":{_quoted(actor)},"at":{_quoted(at)},"body":{_quoted(body)},'
            f'"connection_id":{connection_id:d},"kind":{_quoted(kind)},'
            f'"link_id":{"null" if link_id is None else format(link_id, "d")},'
            f'"number":{number:d},"previous_hash":{_quoted(before)},'
            f'"record_type":{"null" if record_type is None else _quoted(record_type)},'
            f'"run_id":{"null" if run_id is None else _quoted(run_id)},"v":{v:d}}}'
        )
    except (TypeError, ValueError):
        return canonical_json(dict(zip(COLUMNS[:-1], row, strict=False)))


def row_hash(row: Row) -> str:
    """The hash that a row should have; "" where its values cannot be hashed at all."""
    try:
        return hashlib.sha256(hashed_text(row).encode()).hexdigest()
    except (TypeError, UnicodeEncodeError):
        # bytes, or text that is no Unicode: no entry was ever written so
        return ""


def entry_hash(entry: AuditEntry) -> str:
    """The hash that an entry should have, from all of its other columns."""
    return fingerprint(hashed_text(row_of(entry)))


def chained(
    notes: Iterable[AuditNote],
    *,
    connection_id: int,
    after_number: int,
    after_hash: str,
    at: str,
    run_id: str | None,
) -> list[AuditEntry]:
    """Entries for the notes, continuing a chain."""
    entries: list[AuditEntry] = []
    number, previous = after_number, after_hash
    for note in notes:
        number += 1
        unsealed = AuditEntry(
            connection_id,
            number,
            FORM_VERSION,
            at,
            note.kind,
            note.actor,
            run_id,
            note.record_type,
            note.link_id,
            canonical_json(note.body),
            previous,
            "",
        )
        previous = entry_hash(unsealed)
        entries.append(replace(unsealed, hash=previous))
    return entries


@dataclass(frozen=True)
class AuditFinding:
    """A place where the log is not what was written."""

    connection_id: int
    number: int
    message: str


def verify_chain(
    entries: Iterable[AuditEntry], *, connection_id: int, head: tuple[int, str] | None
) -> Iterator[AuditFinding]:
    """Everything wrong with one chain, given in order of number, and its recorded head."""
    return verify_rows(map(row_of, entries), connection_id=connection_id, head=head)


def verify_rows(
    rows: Iterable[Row],
    *,
    connection_id: int,
    head: Place | None,
    start: Place = BEGINNING,
    signed: Mapping[int, str] = NOTHING_SIGNED,
) -> Iterator[AuditFinding]:
    """Everything wrong with one chain.

    Args:
        rows: the entries in order of number, each with its columns in the table's order.
        connection_id: whose chain this should be.
        head: number and hash of the last entry, as they were recorded beside the log.
        start: number and hash of the last entry that was archived; the chain goes on from there.
        signed: number -> hash of entries that signed checkpoints vouch for.
    """
    end = yield from verify_links(rows, connection_id=connection_id, start=start, signed=signed)
    yield from _end_findings(connection_id, end, head, signed)


def verify_links(
    rows: Iterable[Row],
    *,
    connection_id: int,
    start: Place = BEGINNING,
    signed: Mapping[int, str] = NOTHING_SIGNED,
) -> Generator[AuditFinding, None, Place]:
    """As `verify_rows`, but for where the chain should end; returns where it does."""
    number, previous = start
    if number in signed and signed[number] != previous:
        message = f"the log goes on from an entry {number} that is not the one that was signed"
        yield AuditFinding(connection_id, number, message)
    for row in rows:
        expected = number + 1
        is_good = (
            row[NUMBER] == expected
            and row[PREVIOUS] == previous
            and row[CONNECTION] == connection_id
            and row_hash(row) == row[HASH]
        )
        if not is_good:
            yield from _entry_findings(row, connection_id, expected, previous)
        number, previous = row[NUMBER], row[HASH]
        if not isinstance(number, int):
            number = expected
        if number in signed and signed[number] != previous:
            yield AuditFinding(
                connection_id,
                number,
                f"entry {number} is not the one that its signed checkpoint was made for: the log "
                "was written anew from here or from before",
            )
    return number, previous


def _entry_findings(
    row: Row, connection_id: int, expected: int, previous: str
) -> Iterator[AuditFinding]:
    """What is wrong with one entry, where an entry with this number and link was due."""
    number = row[NUMBER]
    if not isinstance(number, int):
        yield AuditFinding(connection_id, expected, f"entry {expected} has no number")
        return
    if number != expected:
        missing = f"entry {expected} is missing; the next one is {number}"
        yield AuditFinding(connection_id, expected, missing)
    if row[CONNECTION] != connection_id:
        yield AuditFinding(connection_id, number, "belongs to another connection")
    if row[PREVIOUS] != previous:
        message = f"entry {number} does not follow on the entry before it"
        yield AuditFinding(connection_id, number, message)
    if row_hash(row) != row[HASH]:
        yield AuditFinding(connection_id, number, f"entry {number} is not what was written")


def _end_findings(
    connection_id: int, end: Place, head: Place | None, signed: Mapping[int, str]
) -> Iterator[AuditFinding]:
    """What is missing after the last entry."""
    last = end[0]
    if head is None and last > 0:
        yield AuditFinding(connection_id, last, "the chain has entries but no head")
    if head is not None and head != end:
        cut = f"the log ends at entry {last}, but its head says {head[0]}"
        forged = f"entry {last} is the last one, but not the one that the head was written for"
        yield AuditFinding(connection_id, last, cut if head[0] != last else forged)
    signed_last = max(signed, default=0)
    if signed_last > last:
        yield AuditFinding(
            connection_id,
            last,
            f"the log ends at entry {last}, but entry {signed_last} has a signed checkpoint: the "
            "end was cut off, or an older database was restored",
        )
