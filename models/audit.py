"""The hash chain of the audit log.

Each entry's hash covers every column of the entry and the hash of the one before, so that a change
to any column of any entry is found. The hashed form is canonical JSON of the columns with a
version `v`; never hash what a database has re-ordered (reliability 5.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from models.records import canonical_json, fingerprint

#: Hash that stands before the first entry of a chain.
GENESIS = "0" * 64
#: Version of the hashed form.
FORM_VERSION = 1


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


@dataclass(frozen=True)
class AuditNote:
    """What is to be logged, before it has a place in the chain."""

    kind: str
    body: dict[str, Any]
    actor: str = "sync"
    record_type: str | None = None
    link_id: int | None = None


def entry_hash(entry: AuditEntry) -> str:
    """The hash that an entry should have, from all of its other columns."""
    columns = asdict(entry)
    del columns["hash"]
    return fingerprint(canonical_json(columns))


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
        entries.append(AuditEntry(**{**asdict(unsealed), "hash": previous}))
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
    expected, previous = 1, GENESIS
    for entry in entries:
        if entry.number != expected:
            yield AuditFinding(
                connection_id,
                expected,
                f"entry {expected} is missing; the next one is {entry.number}",
            )
        if entry.connection_id != connection_id:
            yield AuditFinding(connection_id, entry.number, "belongs to another connection")
        if entry.previous_hash != previous:
            yield AuditFinding(
                connection_id,
                entry.number,
                f"entry {entry.number} does not follow on the entry before it",
            )
        if entry_hash(entry) != entry.hash:
            yield AuditFinding(
                connection_id, entry.number, f"entry {entry.number} is not what was written"
            )
        expected, previous = entry.number + 1, entry.hash
    if head is None and expected > 1:
        yield AuditFinding(connection_id, expected - 1, "the chain has entries but no head")
    if head is not None and head != (expected - 1, previous):
        last = expected - 1
        cut = f"the log ends at entry {last}, but its head says {head[0]}"
        forged = f"entry {last} is the last one, but not the one that the head was written for"
        yield AuditFinding(connection_id, last, cut if head[0] != last else forged)
