"""After a restore: a person says what is lost and why, and the log verifies again.

A database restored from an older backup has lost entries that were signed, and that looks like a
cut end, because it is one. The person's word is signed into the file of checkpoints and logged, and
`audit verify` shows it from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO

from sqlalchemy import Connection, Engine, delete, insert, select

from connectors.state import audit_log
from connectors.state.checkpoints import CheckpointLog, Draft, End, remembered_in
from connectors.state.port import restored_cursor
from models.audit import BEGINNING, AuditNote, Place
from models.checkpoint import ANCHOR, CHECKPOINT, RESTORED, Checkpoint, Proven, Remembered
from models.errors import AuditError, UsageError
from models.record_type import catalog
from models.records import canonical_json
from models.tables import sync as tables
from models.tables.sync import INSTALLATION, audit_entries
from models.words import Side

#: A longer reason does not fit into a line.
REASON_CHARACTERS_MAX = 500
ACTOR_CHARACTERS_MAX = 100


def restored(engine: Engine, log: CheckpointLog, *, reason: str, actor: str) -> list[Checkpoint]:
    """Accept that signed entries, or lines of the file, are lost; the lines that say so.

    Raises:
        UsageError: nothing is lost, or there is no usable reason.
        AuditError: what is left was changed; that is no restore.
    """
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise UsageError(
            f"--reason is {reason[:80]!r}: say in 1 to {REASON_CHARACTERS_MAX} characters what "
            "was restored and why"
        )
    with log.locked(may_begin=True) as file:
        found = log.proven_in(file)
        with audit_log.snapshot(engine) as connection:
            _check_rest(connection, found)
            lost_lines = _lost_lines(remembered_in(connection), found)
            lost = _lost_entries(connection, found)
        if not lost and not lost_lines:
            raise UsageError("nothing is lost: the log holds everything that was signed")
        said = {"reason": reason, "actor": actor[:ACTOR_CHARACTERS_MAX]}
        bodies = {key: {**said, **span} for key, span in lost.items()}
        if lost_lines:
            first = min(bodies, default=INSTALLATION)
            bodies[first] = {**bodies.get(first, said), "lost_lines": lost_lines.sequence}
        _log_it(engine, log, bodies, actor)
        note_restored(engine, log.clock.now())
        drafts = _drafts(engine, bodies, begin_anew=bool(lost_lines))
        return log.append(file, _end(log, file, lost_lines), drafts)


def note_restored(engine: Engine, now: datetime) -> None:
    """Have the next cycle of each connection read everything, and make no list entry anew."""
    connections, cursors = tables.connections, tables.cursors
    names = [restored_cursor(name) for name in catalog()]
    with engine.begin() as transaction:
        transaction.execute(delete(cursors).where(cursors.c.record_type.in_(names)))
        rows = [
            {
                "connection_id": connection_id,
                "record_type": name,
                "side": Side.PLATFORM.value,
                "position": now.isoformat(),
                "updated_at": now,
            }
            for connection_id in transaction.scalars(select(connections.c.id)).all()
            for name in names
        ]
        if rows:
            transaction.execute(insert(cursors), rows)


def _check_rest(connection: Connection, found: Proven) -> None:
    """What is left of the log and of the file is as it was written."""
    _, findings = audit_log.verify_chains(connection, Proven(), trust_anchors=True)
    for finding in (*found.findings, *findings):
        raise AuditError(
            f"this is no restore: {finding.message}",
            fix="Find out who changed it. Where the file of checkpoints is what is damaged, move "
            "it away (keep it), and run the command again.",
        )


def _lost_lines(remembered: Sequence[Remembered], found: Proven) -> Remembered | None:
    """The last line that the database remembers, where the file ends before it."""
    if not remembered or remembered[-1].sequence <= (found.last.sequence if found.last else 0):
        return None
    return remembered[-1]


def _lost_entries(connection: Connection, found: Proven) -> dict[int, dict[str, int]]:
    """Connection -> the last signed entry that is still there, and the last one that is not."""
    lost = {}
    anchors = audit_log.places_in(connection, "audit_anchors")
    for connection_id, signed in found.signed.items():
        anchor = anchors.get(connection_id, BEGINNING)
        kept = max(
            (
                number
                for number in signed
                if _holds(connection, connection_id, (number, signed[number]), anchor)
            ),
            default=anchor[0],
        )
        # Everything above the highest one that holds is lost; below it the chain itself vouches
        last = max(signed, default=0)
        if last > kept:
            lost[connection_id] = {"lost_after": kept, "lost_until": last}
    return lost


def _holds(connection: Connection, connection_id: int, place: Place, anchor: Place) -> bool:
    """Whether the log still has this entry."""
    if place[0] <= anchor[0]:
        return place[0] < anchor[0] or place == anchor
    table = audit_entries.c
    mine = table.connection_id == connection_id
    return connection.scalar(select(table.hash).where(mine, table.number == place[0])) == place[1]


def _log_it(
    engine: Engine, log: CheckpointLog, bodies: Mapping[int, dict[str, object]], actor: str
) -> None:
    now = log.clock.now()
    with engine.begin() as transaction:
        for connection_id, body in sorted(bodies.items()):
            note = AuditNote("audit.restored", body, actor=actor[:ACTOR_CHARACTERS_MAX])
            audit_log.append_notes(
                transaction, [note], connection_id=connection_id, at=now, run_id=None
            )


def _drafts(
    engine: Engine, bodies: Mapping[int, dict[str, object]], *, begin_anew: bool
) -> list[Draft]:
    """What is signed: the losses; where lines are lost, also what they said that still holds."""
    with audit_log.snapshot(engine) as connection:
        heads = audit_log.places_in(connection, "audit_heads")
        anchors = audit_log.places_in(connection, "audit_anchors")
    drafts = [
        Draft(RESTORED, key, heads[key], canonical_json(body))
        for key, body in sorted(bodies.items(), key=lambda each: "lost_lines" not in each[1])
    ]
    if begin_anew:
        drafts += [Draft(ANCHOR, *each) for each in sorted(anchors.items())]
        drafts += [Draft(CHECKPOINT, *each) for each in sorted(heads.items())]
    return drafts


def _end(log: CheckpointLog, file: IO[bytes], lost_lines: Remembered | None) -> End:
    """Where the next line goes: after the last one, or after the last one that is lost."""
    end = log.end_of(file)
    if lost_lines is None:
        return end
    assert end.sequence < lost_lines.sequence
    return End(lost_lines.sequence, lost_lines.line_hash, end.torn, end.is_whole)
