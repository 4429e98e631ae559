"""What waits for people, in memory: parked records, conflicts and alerts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.state.memory_intents import MemoryIntents, in_utc
from connectors.state.memory_store import AlertRow, ConflictRow, ConstraintError
from connectors.state.port import Connection, Parked
from models.errors import shorten
from models.merge import Conflict
from models.plan import Link
from models.retry_queue import LEFT_BY_PERSON
from models.words import Side


class MemoryReviews(MemoryIntents):
    """The part of a unit that keeps parked records, conflicts and alerts."""

    __slots__ = ("_connection",)
    _connection: Connection

    def park(self, parked: Parked) -> None:
        """Set a record aside; the reason replaces an earlier one, and so does its alert."""
        db, link_id = self._db, parked.link_id
        link = db.links.get(link_id)
        if link is None:
            raise ConstraintError(f"link {link_id} is parked, and there is none")
        before = db.parked.get(link_id)
        stored = Parked(
            link_id=link_id,
            record_type=parked.record_type,
            side=parked.side,
            code=parked.code[:60],
            field=parked.field[:60],
            value=parked.value[:100],
            message=parked.message,
            fix=parked.fix,
            attempts=parked.attempts,
            since=before.since if before else in_utc(parked.since) or self.now,
            next_attempt_at=in_utc(parked.next_attempt_at),
        )
        self._put(db.parked, link_id, stored)
        self._close(link_id, lambda alert: alert.cause != parked.code)
        if parked.code in LEFT_BY_PERSON:
            return
        short = shorten(parked.message, characters_max=200)
        title = f"{parked.record_type} {link.label}: {short}"
        self._alert(parked.code, link_id, title, parked.message, parked.fix)

    def unpark(self, link_ids: Collection[int]) -> None:
        """Take records back in."""
        db = self._db
        for link_id in link_ids:
            if link_id in db.parked:
                self._drop(db.parked, link_id)
            if link_id in db.open_alerts:
                self._close(link_id, lambda alert: alert.cause != "")

    def parked(self, record_types: Collection[str]) -> list[Parked]:
        """Records set aside."""
        found = [each for each in self._db.parked.values() if each.record_type in record_types]
        if len(found) > 1:
            found.sort(key=lambda each: each.link_id)
        return found

    def parked_record(self, link_id: int) -> Parked | None:
        """Why and since when one record is set aside; None where it is not."""
        return self._db.parked.get(link_id)

    def release(self, link_ids: Collection[int] | None) -> int:
        """Let parked records be tried in the next cycle."""
        parked = self._db.parked
        wanted = [each for each in parked if link_ids is None or each in link_ids]
        for link_id in wanted:
            self._put(parked, link_id, replace(parked[link_id], next_attempt_at=self.now))
        return len(wanted)

    def add_conflicts(
        self,
        link: Link,
        conflicts: Sequence[Conflict],
        edited_at: Mapping[Side, datetime | None],
        entries: Sequence[int] = (),
    ) -> None:
        """Keep conflicts with all three versions, and the audit entries that tell of them."""
        assert len(entries) in (0, len(conflicts)), "an entry for each conflict, or for none"
        if conflicts and link.id not in self._db.links:
            raise ConstraintError(f"a conflict is about link {link.id}, and there is none")
        for index, each in enumerate(conflicts):
            number = self._next_id("conflicts")
            row = ConflictRow(
                id=number,
                link_id=link.id,
                record_type=link.record_type,
                conflict=each,
                policy_version=self._connection.settings.policy_version,
                quickbooks_edited_at=in_utc(edited_at.get(Side.QUICKBOOKS)),
                platform_edited_at=in_utc(edited_at.get(Side.PLATFORM)),
                decided_at=self.now,
                run_id=self._run_id,
                entry=entries[index] if entries else None,
            )
            self._put(self._db.conflicts, number, row)

    def alert(self, cause: str, title: str, message: str, fix: str) -> None:
        """Open an alert about the connection, or count another occurrence."""
        self._alert(cause, None, title, message, fix)

    def _alert(self, cause: str, link_id: int | None, title: str, message: str, fix: str) -> None:
        alerts = self._db.alerts
        open_ids = self._db.open_alerts.get(link_id or 0, ())
        for alert_id in open_ids:
            known = alerts[alert_id]
            if known.cause == cause:
                again = replace(
                    known,
                    title=title[:300],
                    message=message,
                    fix=fix,
                    occurrences=known.occurrences + 1,
                )
                self._put(alerts, alert_id, again)
                return
        if any(alerts[each].cause == cause[:60] for each in open_ids):
            raise ConstraintError(f"there is an open alert about {cause[:60]} already")
        number = self._next_id("alerts")
        row = AlertRow(number, cause[:60], link_id, title[:300], message, fix, self.now)
        self._put(alerts, number, row)
        self._put(self._db.open_alerts, link_id or 0, (*open_ids, number))

    def close_alerts(self, causes: Collection[str]) -> None:
        """Close the connection's own alerts of these causes."""
        self._close(0, lambda alert: alert.cause in causes)

    def _close(self, subject: int, wanted: Callable[[AlertRow], bool]) -> None:
        """Close those of a subject's alerts that are wanted."""
        alerts = self._db.alerts
        open_ids = self._db.open_alerts.get(subject, ())
        closing = [each for each in open_ids if wanted(alerts[each])]
        if not closing:
            return
        for alert_id in closing:
            self._put(alerts, alert_id, replace(alerts[alert_id], closed_at=self.now))
        left = tuple(each for each in open_ids if each not in closing)
        if left:
            self._put(self._db.open_alerts, subject, left)
        else:
            self._drop(self._db.open_alerts, subject)
