"""Retention: the oldest entries of chains move to a file, and the rest stays provable.

In this order, so that whatever stops it leaves every entry in the log or in a proven file:

1. The whole log is verified; one finding stops it.
2. The entries are written to a file and put on the disk; the file is read back and verified.
3. A signed anchor, "entry n has this hash and is archived", goes to the file of checkpoints.
4. In one transaction the entries are deleted, the anchor is noted and an audit entry says so.

Needs the owner of the table: the application's role may not delete (`docs/audit.md`).
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from connectors.state import audit_log
from connectors.state.audit_export import new_file
from connectors.state.audit_verify import verify, verify_archive
from connectors.state.checkpoints import CheckpointLog, Draft
from models.audit import BEGINNING, AuditNote, Place
from models.audit_export import json_line
from models.checkpoint import ANCHOR, Proven
from models.errors import AuditError, UsageError
from models.records import canonical_json
from models.tables.audit import audit_anchors
from models.tables.sync import audit_entries
from models.tables.triggers import audit_deletable

#: Entries that stay in each chain at least, unless the caller asks for more.
KEEP_MIN = 100


@dataclass(frozen=True)
class Archived:
    """What was moved."""

    entries: int
    #: Connection -> the last entry that was moved.
    until: dict[int, int]
    #: SHA-256 of the file.
    file_hash: str


@dataclass(frozen=True)
class _Part:
    """The beginning of a chain that is to be moved: after one place, until another."""

    connection_id: int
    after: Place
    until: Place


def archive(
    engine: Engine, log: CheckpointLog, *, before: str, path: Path, keep: int, actor: str
) -> Archived:
    """Move entries that are older than an ISO instant in UTC to a new file of JSON lines.

    At least `keep` entries of each chain stay, and the last one that has a checkpoint.

    Raises:
        UsageError: nothing is that old, the file exists, or this role may not delete.
        AuditError: the log is not as it was written.
    """
    assert keep >= KEEP_MIN
    with audit_log.snapshot(engine) as connection:
        _may_delete(connection)
    verdict = verify(engine, log)
    if verdict.findings:
        raise AuditError(
            f"nothing is archived: {verdict.findings[0].message}",
            fix="Run `quickbooks-sync audit verify`, which lists all that is wrong.",
        )
    log.seal()
    with audit_log.snapshot(engine) as connection:
        parts = _parts(connection, log.proven(connection), before, keep)
        if not parts:
            raise UsageError(
                f"nothing to archive: no entry from before {before} is older than the newest "
                f"{keep} of its chain and than its last checkpoint"
            )
        with new_file(path) as out:
            for part in parts:
                places = {"after": part.after[0], "until": part.until[0]}
                with closing(audit_log.rows_of(connection, part.connection_id, **places)) as rows:
                    out.writelines(json_line(row) + "\n" for row in rows)
    entries, file_hash = _read_back(path, parts)
    particulars = {"file_hash": file_hash}
    drafts = [
        Draft(ANCHOR, each.connection_id, each.until, canonical_json(particulars)) for each in parts
    ]
    with log.locked() as file:
        log.append(file, log.checked_end(file), drafts)
    _delete(engine, parts, path.name, file_hash, actor, log.clock.now())
    log.seal()
    return Archived(entries, {each.connection_id: each.until[0] for each in parts}, file_hash)


def _parts(connection: Connection, found: Proven, before: str, keep: int) -> list[_Part]:
    """What may be moved of each chain."""
    table = audit_entries.c
    anchors = audit_log.places_in(connection, "audit_anchors")
    parts = []
    for connection_id, head in sorted(audit_log.places_in(connection, "audit_heads").items()):
        after = anchors.get(connection_id, BEGINNING)
        signed = found.signed_last(connection_id) or BEGINNING
        mine = table.connection_id == connection_id
        # Times may jump with the clock: only what stands before the first newer entry is old
        first_newer = connection.scalar(
            select(func.min(table.number)).where(mine, table.at >= before)
        )
        last_old = head[0] if first_newer is None else first_newer - 1
        number = min(last_old, head[0] - keep, signed[0] - 1)
        if number > after[0]:
            hash_ = connection.scalar(select(table.hash).where(mine, table.number == number))
            parts.append(_Part(connection_id, after, (number, str(hash_))))
    return parts


def _may_delete(connection: Connection) -> None:
    """Refuse early where this role is not the table's owner."""
    if connection.dialect.name != "postgresql":
        return
    owner, role = connection.execute(
        text(
            "SELECT pg_get_userbyid(relowner), current_user FROM pg_class "
            "WHERE oid = 'audit_entries'::regclass"
        )
    ).one()
    is_owner = connection.scalar(text("SELECT pg_has_role(:owner, 'USAGE')"), {"owner": owner})
    if not is_owner:
        raise UsageError(
            f"role {role} may not archive: the table belongs to {owner}; run this command with "
            f"QBSYNC_DATABASE_URL naming {owner}"
        )


def _read_back(path: Path, parts: list[_Part]) -> tuple[int, str]:
    """The file's entries and hash, once it is proven to hold just the parts."""
    wanted = Proven(
        anchors={each.connection_id: {each.after, each.until} for each in parts},
        signed={each.connection_id: {each.until[0]: each.until[1]} for each in parts},
    )
    verdict = verify_archive(path, wanted)
    expected = sum(each.until[0] - each.after[0] for each in parts)
    if verdict.findings or verdict.entries != expected:
        what = verdict.findings[0].message if verdict.findings else "entries are missing in it"
        raise AuditError(
            f"nothing was deleted: {path} does not hold what was written to it ({what})",
            fix="Check the disk, then archive to another file.",
        )
    with path.open("rb") as file:
        return verdict.entries, hashlib.file_digest(file, "sha256").hexdigest()


def _delete(
    engine: Engine, parts: list[_Part], name: str, file_hash: str, actor: str, now: datetime
) -> None:
    """Take the parts out of the log, note where it goes on, and log that; all or nothing."""
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Deleting many entries takes the time that it takes
                connection.execute(text("SELECT set_config('statement_timeout', '0', true)"))
            for part in parts:
                # Before the table's own lock: writers take them in this order, too
                audit_log.lock_head(connection, part.connection_id)
            with audit_deletable(connection):
                for part in parts:
                    _delete_part(connection, part)
            for part in parts:
                _note_part(connection, part, file_hash, now)
                body: dict[str, Any] = {
                    "first": part.after[0] + 1,
                    "last": part.until[0],
                    "file": name,
                    "file_hash": file_hash,
                }
                append = [AuditNote("audit.archived", body, actor=actor)]
                audit_log.append_notes(
                    connection, append, connection_id=part.connection_id, at=now, run_id=None
                )
    except DBAPIError as error:
        raise AuditError(
            f"nothing was deleted: the database refused ({error.orig})",
            fix="Run the command as the owner of the table audit_entries, with another file.",
        ) from error


def _delete_part(connection: Connection, part: _Part) -> None:
    table = audit_entries.c
    mine = table.connection_id == part.connection_id
    found = connection.scalar(select(table.hash).where(mine, table.number == part.until[0]))
    deleted = connection.execute(delete(audit_entries).where(mine, table.number <= part.until[0]))
    if found != part.until[1] or deleted.rowcount != part.until[0] - part.after[0]:
        raise AuditError(
            f"nothing was deleted: entries of connection {part.connection_id} changed meanwhile",
            fix="Run `quickbooks-sync audit verify`; somebody else archives or changes the log.",
        )


def _note_part(connection: Connection, part: _Part, file_hash: str, now: datetime) -> None:
    values = {
        "number": part.until[0],
        "hash": part.until[1],
        "archived_at": now,
        "file_hash": file_hash,
    }
    mine = audit_anchors.c.connection_id == part.connection_id
    done = connection.execute(update(audit_anchors).where(mine).values(values))
    if done.rowcount == 0:
        row = {"connection_id": part.connection_id, **values}
        connection.execute(insert(audit_anchors).values(row))
