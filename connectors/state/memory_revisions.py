"""What people decide, in memory: conflicts as they stand, and revisions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from connectors.state.memory_store import ConflictRow, ConstraintError, MemoryRows
from models.errors import CorruptStateError
from models.revision import ConflictState, Revision, RevisionState, StoredConflict


class MemoryRevisions(MemoryRows):
    """The part of a unit that keeps what people decide."""

    __slots__ = ()

    def conflict(self, number: int) -> StoredConflict | None:
        """The conflict that people name by a number."""
        row = self._db.conflicts.get(number)
        return None if row is None else _conflict(row)

    def conflicts_of(self, link_id: int) -> list[StoredConflict]:
        """All conflicts of a record, oldest first."""
        rows = sorted(self._db.conflicts.values(), key=lambda each: each.id)
        return [_conflict(each) for each in rows if each.link_id == link_id]

    def set_conflict_state(self, number: int, state: ConflictState) -> None:
        """Note who decided a conflict."""
        row = self._db.conflicts.get(number)
        if row is None:
            raise CorruptStateError(f"conflict {number} is gone")
        overridden = state is ConflictState.OVERRIDDEN
        self._put(self._db.conflicts, number, replace(row, overridden=overridden))

    def add_revision(self, revision: Revision) -> Revision:
        """Store what a person wants; the same with its number."""
        if revision.link_id not in self._db.links:
            raise ConstraintError(f"a revision is of link {revision.link_id}, and there is none")
        if revision.conflict is not None and revision.conflict not in self._db.conflicts:
            raise ConstraintError(f"there is no conflict {revision.conflict} to decide")
        number = self._next_id("revisions")
        stored = replace(revision, number=number, made_at=self.now, actor=revision.actor[:100])
        self._put(self._db.revisions, number, stored)
        return stored

    def revisions(self, link_ids: Collection[int], *states: RevisionState) -> list[Revision]:
        """Revisions of these records that are in one of the states."""
        return [
            each
            for _, each in sorted(self._db.revisions.items())
            if each.link_id in link_ids and (not states or each.state in states)
        ]

    def revisions_undoing(self, entries: Collection[int]) -> list[Revision]:
        """Revisions that take back what these audit entries tell of."""
        return [each for _, each in sorted(self._db.revisions.items()) if each.undoes in entries]

    def end_revision(self, number: int, state: RevisionState) -> None:
        """Move a pending revision to its end."""
        revision = self._db.revisions.get(number)
        if revision is None or revision.state is not RevisionState.PENDING:
            raise CorruptStateError(f"revision {number} is not pending any more")
        self._put(self._db.revisions, number, replace(revision, state=state))


def _conflict(row: ConflictRow) -> StoredConflict:
    return StoredConflict(
        number=row.id,
        link_id=row.link_id,
        record_type=row.record_type,
        conflict=row.conflict,
        state=ConflictState(row.state),
        entry=row.entry,
        decided_at=row.decided_at,
        run_id=row.run_id,
    )
