"""What was done lately: what the runs of the last days have moved, and what people have changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, select

from connectors.database import reading
from connectors.state.queries import LATELY
from models.tables import sync as tables
from models.words import Side

#: Days of a chart, the current one among them.
DAYS: Final = 14
#: Runs that are added up, newest first: three data types every five minutes for so long.
_RUNS_MAX: Final = 12_096


@dataclass
class Day:
    """What the runs that began on a day, in UTC, came to."""

    day: date
    #: Side that was written -> records that were created or updated there.
    moved: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    runs: int = 0
    failed: int = 0


def last_days(engine: Engine, connection_id: int, now: datetime) -> list[Day]:
    """The last days, oldest first, also those without a run."""
    today = now.astimezone(UTC).date()
    days = [Day(today - timedelta(days=each)) for each in reversed(range(DAYS))]
    of_day = {each.day: each for each in days}
    for started_at, state, summary in _runs(engine, connection_id, days[0].day):
        day = of_day.get(started_at.astimezone(UTC).date())
        if day is None:  # by a clock that is ahead of this one
            continue
        day.runs += 1
        day.failed += state == "failed"
        for directions in json.loads(summary or "{}").get("data_types", {}).values():
            for side in Side:
                counts = directions[f"to_{side}"]
                day.moved[side] += counts["created"] + counts["updated"]
    return days


@dataclass(frozen=True)
class Happening:
    """An entry of the audit log, for people."""

    number: int
    at: datetime
    kind: str
    actor: str
    body: dict[str, Any]


def done_lately(
    engine: Engine, connection_id: int, kinds: Collection[str], rows_max: int
) -> list[Happening]:
    """The newest entries of these kinds within the last `LATELY` audit entries, newest first."""
    entries, heads = tables.audit_entries, tables.audit_heads
    last = select(heads.c.number).where(heads.c.connection_id == connection_id)
    found = []
    with reading(engine).connect() as connection:
        after = (connection.scalar(last) or 0) - LATELY
        # one kind at a time: an index of kinds gives its newest entries without a look at others
        for kind in kinds:
            query = (
                select(entries.c.number, entries.c.at, entries.c.actor, entries.c.body)
                .where(
                    entries.c.connection_id == connection_id,
                    entries.c.kind == kind,
                    entries.c.number > after,
                )
                .order_by(entries.c.number.desc())
                .limit(rows_max)
            )
            found += [
                Happening(
                    row.number,
                    datetime.fromisoformat(row.at),
                    kind,
                    row.actor,
                    json.loads(row.body),
                )
                for row in connection.execute(query)
            ]
    return sorted(found, key=lambda each: each.number, reverse=True)[:rows_max]


def _runs(
    engine: Engine, connection_id: int, since: date
) -> Iterator[tuple[datetime, str, str | None]]:
    table = tables.runs
    begin = datetime(since.year, since.month, since.day, tzinfo=UTC)
    query = (
        select(table.c.started_at, table.c.state, table.c.summary)
        .where(table.c.connection_id == connection_id, table.c.started_at >= begin)
        .order_by(table.c.started_at.desc())
        .limit(_RUNS_MAX)
    )
    with reading(engine).connect() as connection:
        for row in connection.execute(query):
            yield row.started_at, row.state, row.summary
