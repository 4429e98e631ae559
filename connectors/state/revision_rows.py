"""What people decide, in SQL: conflicts as they stand, and revisions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, insert, select, update

from connectors.platform.sql import chunks
from connectors.state.scope import Rows
from models.errors import CorruptStateError
from models.merge import Conflict
from models.policy import Verdict
from models.record_type import catalog
from models.records import canonical_json
from models.revision import (
    ConflictState,
    Revision,
    RevisionKind,
    RevisionState,
    StoredConflict,
    dump_expected,
    load_expected,
    load_value,
)
from models.tables import sync as tables
from models.words import Side


class RevisionRows(Rows):
    """The part of a unit that keeps what people decide."""

    def conflict(self, number: int) -> StoredConflict | None:
        """The conflict that people name by a number."""
        found = self._conflicts(tables.conflicts.c.id == number)
        return found[0] if found else None

    def conflicts_of(self, link_id: int) -> list[StoredConflict]:
        """All conflicts of a record, oldest first."""
        return self._conflicts(tables.conflicts.c.link_id == link_id)

    def _conflicts(self, condition: Any) -> list[StoredConflict]:
        conflicts = tables.conflicts
        rows = self._sql.execute(
            select(conflicts)
            .where(conflicts.c.connection_id == self._id, condition)
            .order_by(conflicts.c.id)
        )
        return [_conflict(row) for row in rows]

    def set_conflict_state(self, number: int, state: ConflictState) -> None:
        """Note who decided a conflict."""
        conflicts = tables.conflicts
        done = self._sql.execute(
            update(conflicts)
            .where(conflicts.c.connection_id == self._id, conflicts.c.id == number)
            .values(state=state.value)
        )
        if done.rowcount != 1:
            raise CorruptStateError(f"conflict {number} is gone")

    def add_revision(self, revision: Revision) -> Revision:
        """Store what a person wants; the same with its number."""
        number = self._sql.execute(
            insert(tables.revisions)
            .values(
                connection_id=self._id,
                link_id=revision.link_id,
                record_type=revision.record_type,
                kind=revision.kind.value,
                field=revision.field,
                side=revision.side.value if revision.side else None,
                expected=dump_expected(revision),
                value=canonical_json(revision.value),
                state=revision.state.value,
                actor=revision.actor[:100],
                entry=revision.entry,
                undoes=revision.undoes,
                conflict_id=revision.conflict,
                created_at=self._now,
                closed_at=None if revision.state is RevisionState.PENDING else self._now,
                run_id=self._scope.run_id,
            )
            .returning(tables.revisions.c.id)
        ).scalar_one()
        return replace(revision, number=number, made_at=self._now, actor=revision.actor[:100])

    def revisions(self, link_ids: Collection[int], *states: RevisionState) -> list[Revision]:
        """Revisions of these records that are in one of the states."""
        revisions = tables.revisions
        wanted = [each.value for each in states or RevisionState]
        return self._revisions(
            (revisions.c.link_id.in_(some), revisions.c.state.in_(wanted))
            for some in chunks(link_ids)
        )

    def revisions_undoing(self, entries: Collection[int]) -> list[Revision]:
        """Revisions that take back what these audit entries tell of."""
        return self._revisions((tables.revisions.c.undoes.in_(some),) for some in chunks(entries))

    def _revisions(self, conditions: Iterable[tuple[Any, ...]]) -> list[Revision]:
        revisions = tables.revisions
        found: list[Revision] = []
        for each in conditions:
            rows = self._sql.execute(
                select(revisions).where(revisions.c.connection_id == self._id, *each)
            )
            found += [_revision(row) for row in rows]
        return sorted(found, key=lambda each: each.number)

    def end_revision(self, number: int, state: RevisionState) -> None:
        """Move a pending revision to its end."""
        revisions = tables.revisions
        done = self._sql.execute(
            update(revisions)
            .where(
                revisions.c.id == number,
                revisions.c.connection_id == self._id,
                revisions.c.state == RevisionState.PENDING.value,
            )
            .values(state=state.value, closed_at=self._now)
        )
        if done.rowcount != 1:
            raise CorruptStateError(f"revision {number} is not pending any more")


def _conflict(row: Row[Any]) -> StoredConflict:
    record_type = catalog()[row.record_type]
    base, quickbooks, platform = (
        load_value(record_type, row.field, text)
        for text in (row.base, row.quickbooks, row.platform)
    )
    winner = Side(row.winner) if row.winner in set(Side) else None
    return StoredConflict(
        number=row.id,
        link_id=row.link_id,
        record_type=row.record_type,
        conflict=Conflict(row.field, base, quickbooks, platform, Verdict(winner, row.rule)),
        state=ConflictState(row.state),
        entry=row.entry,
        decided_at=row.decided_at,
        run_id=row.run_id,
    )


def _revision(row: Row[Any]) -> Revision:
    record_type, kind = catalog()[row.record_type], RevisionKind(row.kind)
    is_set = kind is RevisionKind.SET
    return Revision(
        number=row.id,
        link_id=row.link_id,
        record_type=row.record_type,
        kind=kind,
        field=row.field,
        side=Side(row.side) if row.side else None,
        expected=load_expected(record_type, kind, row.field, row.expected),
        value=load_value(record_type, row.field, row.value) if is_set else json.loads(row.value),
        state=RevisionState(row.state),
        actor=row.actor,
        entry=row.entry,
        made_at=row.created_at,
        conflict=row.conflict_id,
        undoes=row.undoes,
    )
