"""How far each backfill has come, so that one that was stopped goes on where it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, insert, select, update

from models.backfill import Asked
from models.tables import schedule as schedule_tables

#: One that was left for longer begins anew: what it has read is old by then.
GOES_ON_FOR: Final = timedelta(days=7)


@dataclass(frozen=True)
class Backfill:
    """A backfill that is under way."""

    number: int
    parts: int
    parts_done: int


def begin_or_go_on(engine: Engine, connection_id: int, asked: Asked, now: datetime) -> Backfill:
    """The unfinished backfill of the same question, or a new one where none is, or it is old."""
    table, text = schedule_tables.backfills, asked.as_json()
    mine = table.c.connection_id == connection_id
    with engine.begin() as transaction:
        row = transaction.execute(
            select(table)
            .where(
                mine,
                table.c.asked == text,
                table.c.finished_at.is_(None),
                table.c.created_at > now - GOES_ON_FOR,
            )
            .order_by(table.c.id.desc())
            .limit(1)
        ).first()
        if row is not None:
            return Backfill(row.id, row.parts, row.parts_done)
        parts = len(asked.parts())
        number = transaction.execute(
            insert(table)
            .values(
                connection_id=connection_id,
                asked=text,
                parts=parts,
                parts_done=0,
                created_at=now,
            )
            .returning(table.c.id)
        ).scalar_one()
    return Backfill(number, parts, 0)


def note_part(engine: Engine, backfill: Backfill, parts_done: int, now: datetime) -> None:
    """A part is done; after the last one the backfill is finished.

    Of two runs of one backfill the one that is further counts.
    """
    table = schedule_tables.backfills
    finished_at = now if parts_done >= backfill.parts else None
    with engine.begin() as transaction:
        transaction.execute(
            update(table)
            .where(table.c.id == backfill.number, table.c.parts_done < parts_done)
            .values(parts_done=parts_done, finished_at=finished_at)
        )
