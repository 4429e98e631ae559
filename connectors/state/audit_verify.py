"""Verifying the audit log against its signed checkpoints, and archives of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Engine

from connectors.state import audit_log
from connectors.state.checkpoints import FILE_SETTING, CheckpointLog, remembered_in
from connectors.state.signing import PUBLIC_SETTING, SIGNING_SETTING
from models.audit import (
    BEGINNING,
    CONNECTION,
    NOTHING_SIGNED,
    NUMBER,
    PREVIOUS,
    AuditFinding,
    Place,
    Row,
    verify_links,
)
from models.audit_export import LINE_BYTES_MAX, row_of_line
from models.checkpoint import Proven
from models.errors import UsageError
from models.tables.sync import INSTALLATION

_ABOUT: Final = re.compile(r"connection (\d+): ")
_OFF: Final = (
    f"Checkpoints are not set up ({SIGNING_SETTING}, {FILE_SETTING}): a cut end or a log written "
    "anew as a whole would not be seen."
)


@dataclass(frozen=True)
class Verdict:
    """What verifying found."""

    entries: int
    findings: list[AuditFinding] = field(default_factory=list)
    #: Checkpoints with a good signature, and the last of them as it stands in the file.
    checkpoints: int = 0
    last_checkpoint: dict[str, Any] | None = None
    #: What a reader must know although it is no sign of tampering.
    notes: list[str] = field(default_factory=list)


def verify(engine: Engine, log: CheckpointLog | None, company: int | None = None) -> Verdict:
    """Check every chain and the file of checkpoints.

    Args:
        engine: the database.
        log: the file of checkpoints; None where it is not set up.
        company: check the chains of this connection and of the installation only, and tell
            nothing of other companies; None for all.

    Raises:
        UsageError: checkpoints were written, but this process is not told where or by which key.
        AuditError: the file of checkpoints cannot be read.
    """
    only = () if company is None else tuple(dict.fromkeys((company, INSTALLATION)))
    with audit_log.snapshot(engine) as connection:
        if log is None:
            if remembered_in(connection):
                raise UsageError(
                    f"this log has signed checkpoints; set {FILE_SETTING} and {SIGNING_SETTING} "
                    f"(or {PUBLIC_SETTING}, which is enough to verify)"
                )
            count, findings = audit_log.verify_chains(connection, Proven(), only=only)
            return Verdict(count, findings, notes=[_OFF])
        found = log.proven(connection)
        count, findings = audit_log.verify_chains(connection, found, only=only)
        heads = audit_log.places_in(connection, "audit_heads")
    notes = [each for each in found.notes if _concerns(each, only)]
    notes += _unsigned_notes({key: heads[key] for key in heads if not only or key in only}, found)
    last = found.last if company is None else found.last_of.get(company)
    seen = asdict(last) if last else None
    return Verdict(count, [*found.findings, *findings], found.count, seen, notes)


def _concerns(note: str, only: Collection[int]) -> bool:
    """Whether a note is for who may see these companies; those about one begin with its number."""
    about = _ABOUT.match(note)
    return not only or about is None or int(about[1]) in only


def _unsigned_notes(heads: dict[int, Place], found: Proven) -> list[str]:
    """Entries that no checkpoint vouches for yet."""
    notes = []
    for connection_id, head in sorted(heads.items()):
        signed = found.signed_last(connection_id) or BEGINNING
        if head[0] > signed[0]:
            count = head[0] - signed[0]
            words = f"connection {connection_id}: {count} entries after {signed[0]} have no"
            notes.append(f"{words} checkpoint yet; `quickbooks-sync audit checkpoint` signs one")
    return notes


def verify_archive(path: Path, found: Proven | None) -> Verdict:
    """Check a file of archived entries, against signed anchors where there are checkpoints.

    Raises:
        UsageError: there is no such file.
    """
    findings: list[AuditFinding] = []
    counted = _Lines()
    try:
        with path.open("rb") as file:
            by_chain = groupby(counted.rows(file, findings), key=lambda row: row[CONNECTION])
            for connection_id, rows in by_chain:
                wrong = _chain_findings(connection_id, rows, found)
                findings += audit_log.bounded(wrong, connection_id)
    except OSError as error:
        raise UsageError(f"--archive is {str(path)!r}: {error.strerror}") from error
    if not counted.count:
        findings.append(AuditFinding(0, 0, "the archive holds no entries"))
    notes = [] if found else [_OFF]
    count = found.count if found else 0
    last = asdict(found.last) if found and found.last else None
    return Verdict(counted.count, findings, count, last, notes)


def _chain_findings(
    connection_id: int, rows: Iterator[Row], found: Proven | None
) -> Iterator[AuditFinding]:
    """What is wrong with one chain of an archive."""
    first = next(rows)
    start = BEGINNING if first[NUMBER] == 1 else (first[NUMBER] - 1, first[PREVIOUS])
    signed = found.signed.get(connection_id, NOTHING_SIGNED) if found else NOTHING_SIGNED
    end = yield from verify_links(
        chain([first], rows), connection_id=connection_id, start=start, signed=signed
    )
    if found is None:
        return
    anchors = found.anchors.get(connection_id, set())
    if start != BEGINNING and start not in anchors:
        message = f"the archive goes on from entry {start[0]}, which was not signed as archived"
        yield AuditFinding(connection_id, start[0], message)
    if end not in anchors:
        message = f"the archive ends at entry {end[0]}, which was not signed as archived"
        yield AuditFinding(connection_id, end[0], message)


class _Lines:
    """The entries in a file, counted; lines that are none become findings."""

    def __init__(self) -> None:
        self.count = 0

    def rows(self, file: IO[bytes], findings: list[AuditFinding]) -> Iterator[Row]:
        """One entry after another, in bounded memory."""
        number = 0
        while raw := file.readline(LINE_BYTES_MAX):
            number += 1
            try:
                row = _row_in(raw)
            except ValueError as error:
                findings.append(AuditFinding(0, 0, f"line {number} of the archive {error}"))
                continue
            self.count += 1
            yield row


def _row_in(raw: bytes) -> Row:
    """The entry in a line with its end; ValueError says what else it is."""
    if not raw.endswith(b"\n"):
        raise ValueError("does not end")
    row = row_of_line(raw[:-1].decode())
    if type(row[NUMBER]) is not int or type(row[CONNECTION]) is not int:
        raise ValueError("has no number")
    return row
