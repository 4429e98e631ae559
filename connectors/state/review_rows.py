"""What waits for people, in SQL: parked records, conflicts and alerts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from connectors.platform.sql import chunks
from connectors.state.port import Parked
from connectors.state.scope import Rows
from models.errors import shorten
from models.merge import Conflict
from models.plan import Link
from models.records import canonical_json
from models.retry_queue import LEFT_BY_PERSON
from models.tables import sync as tables
from models.words import Side

# Asked in every cycle: to build a statement takes longer than the database needs for it
_PARKED = (
    select(tables.parked)
    .where(
        tables.parked.c.connection_id == bindparam("of"),
        tables.parked.c.record_type.in_(bindparam("names", expanding=True)),
    )
    .order_by(tables.parked.c.link_id)
)
_CLOSED = (
    update(tables.alerts)
    .where(tables.alerts.c.connection_id == bindparam("of"), tables.alerts.c.closed_at.is_(None))
    .values(closed_at=bindparam("now"))
)
_CLOSED_BY_CAUSE = _CLOSED.where(
    tables.alerts.c.link_id.is_(None),
    tables.alerts.c.cause.in_(bindparam("causes", expanding=True)),
)
_CLOSED_BY_LINK = _CLOSED.where(
    tables.alerts.c.link_id.in_(bindparam("links", expanding=True)),
    tables.alerts.c.cause != bindparam("but"),
)


class ReviewRows(Rows):
    """The part of a unit that keeps parked records, conflicts and alerts."""

    def park(self, parked: Parked) -> None:
        """Set a record aside; the reason replaces an earlier one, and so does its alert."""
        values = {
            "connection_id": self._id,
            "record_type": parked.record_type,
            "side": parked.side.value,
            "code": parked.code[:60],
            "field": parked.field[:60],
            "value": parked.value[:100],
            "message": parked.message,
            "fix": parked.fix,
            "attempts": parked.attempts,
            "next_attempt_at": parked.next_attempt_at,
            "run_id": self._scope.run_id,
        }
        done = self._sql.execute(
            update(tables.parked).where(tables.parked.c.link_id == parked.link_id).values(**values)
        )
        if done.rowcount == 0:
            self._sql.execute(
                insert(tables.parked).values(link_id=parked.link_id, since=parked.since, **values)
            )
        self._close_alerts_of([parked.link_id], but=parked.code)
        if parked.code in LEFT_BY_PERSON:
            return
        label = self._sql.scalar(
            select(tables.links.c.label).where(tables.links.c.id == parked.link_id)
        )
        self._alert(
            parked.code,
            parked.link_id,
            f"{parked.record_type} {label}: {shorten(parked.message, characters_max=200)}",
            parked.message,
            parked.fix,
        )

    def unpark(self, link_ids: Collection[int]) -> None:
        """Take records back in."""
        for some in chunks(link_ids):
            self._sql.execute(delete(tables.parked).where(tables.parked.c.link_id.in_(some)))
            self._close_alerts_of(some)

    def parked(self, record_types: Collection[str]) -> list[Parked]:
        """Records set aside."""
        rows = self._sql.execute(_PARKED, {"of": self._id, "names": list(record_types)})
        return [_parked(row) for row in rows]

    def parked_record(self, link_id: int) -> Parked | None:
        """Why and since when one record is set aside; None where it is not."""
        parked = tables.parked
        row = self._sql.execute(
            select(parked).where(parked.c.connection_id == self._id, parked.c.link_id == link_id)
        ).first()
        return None if row is None else _parked(row)

    def release(self, link_ids: Collection[int] | None) -> int:
        """Let parked records be tried in the next cycle."""
        parked = tables.parked.c
        mine = update(tables.parked).where(parked.connection_id == self._id)
        released = mine.values(next_attempt_at=self._now)
        if link_ids is None:
            return self._sql.execute(released).rowcount
        return sum(
            self._sql.execute(released.where(parked.link_id.in_(some))).rowcount
            for some in chunks(link_ids)
        )

    def add_conflicts(
        self,
        link: Link,
        conflicts: Sequence[Conflict],
        edited_at: Mapping[Side, datetime | None],
        entries: Sequence[int] = (),
    ) -> None:
        """Keep conflicts with all three versions, and the audit entries that tell of them."""
        assert len(entries) in (0, len(conflicts)), "an entry for each conflict, or for none"
        for index, each in enumerate(conflicts):
            winner = each.verdict.winner
            self._sql.execute(
                insert(tables.conflicts).values(
                    connection_id=self._id,
                    link_id=link.id,
                    record_type=link.record_type,
                    field=each.field,
                    base=canonical_json(each.base),
                    quickbooks=canonical_json(each.quickbooks),
                    platform=canonical_json(each.platform),
                    winner=winner.value if winner else "person",
                    rule=each.verdict.reason,
                    policy_version=self._scope.connection.settings.policy_version,
                    quickbooks_edited_at=edited_at.get(Side.QUICKBOOKS),
                    platform_edited_at=edited_at.get(Side.PLATFORM),
                    state="decided" if winner else "review",
                    decided_at=self._now,
                    run_id=self._scope.run_id,
                    entry=entries[index] if entries else None,
                )
            )

    def alert(self, cause: str, title: str, message: str, fix: str) -> None:
        """Open an alert about the connection, or count another occurrence."""
        self._alert(cause, None, title, message, fix)

    def _alert(self, cause: str, link_id: int | None, title: str, message: str, fix: str) -> None:
        alerts = tables.alerts
        done = self._sql.execute(
            update(alerts)
            .where(
                alerts.c.subject == tables.alert_subject(self._id, link_id),
                alerts.c.cause == cause,
                alerts.c.closed_at.is_(None),
            )
            .values(
                title=title[:300], message=message, fix=fix, occurrences=alerts.c.occurrences + 1
            )
        )
        if done.rowcount == 0:
            self._sql.execute(
                insert(alerts).values(
                    connection_id=self._id,
                    cause=cause[:60],
                    link_id=link_id,
                    title=title[:300],
                    message=message,
                    fix=fix,
                    opened_at=self._now,
                    occurrences=1,
                )
            )

    def close_alerts(self, causes: Collection[str]) -> None:
        """Close the connection's own alerts of these causes."""
        self._sql.execute(
            _CLOSED_BY_CAUSE, {"of": self._id, "now": self._now, "causes": list(causes)}
        )

    def _close_alerts_of(self, link_ids: Collection[int], *, but: str = "") -> None:
        self._sql.execute(
            _CLOSED_BY_LINK,
            {"of": self._id, "now": self._now, "links": list(link_ids), "but": but},
        )


def _parked(row: Row[Any]) -> Parked:
    return Parked(
        link_id=row.link_id,
        record_type=row.record_type,
        side=Side(row.side),
        code=row.code,
        field=row.field,
        value=row.value,
        message=row.message,
        fix=row.fix,
        attempts=row.attempts,
        since=row.since,
        next_attempt_at=row.next_attempt_at,
    )
