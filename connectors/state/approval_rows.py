"""Plans that a brake stopped, in SQL."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from connectors.state.scope import Rows
from models.approval import Approval, ApprovalState
from models.errors import UsageError
from models.tables import sync as tables

# Asked in every cycle: to build a statement takes longer than the database needs for it
_IN_STATES = (
    select(tables.approvals)
    .where(
        tables.approvals.c.connection_id == bindparam("of"),
        tables.approvals.c.state.in_(bindparam("states", expanding=True)),
    )
    .order_by(tables.approvals.c.id)
)


class ApprovalRows(Rows):
    """The part of a unit that keeps plans waiting for a person."""

    def approvals(self, states: Collection[ApprovalState]) -> list[Approval]:
        """Plans that a brake stopped and that are in one of these states, oldest first."""
        wanted = [each.value for each in states]
        rows = self._sql.execute(_IN_STATES, {"of": self._id, "states": wanted})
        return [approval_of(row) for row in rows]

    def add_approval(self, approval: Approval) -> Approval:
        """Store a plan that waits for a person; the same with its number."""
        number = self._sql.execute(
            insert(tables.approvals)
            .values(
                connection_id=self._id,
                brake=approval.brake,
                message=approval.message,
                subjects=json.dumps(sorted(approval.subjects)),
                rows=json.dumps(approval.rows, default=str),
                writes=approval.writes,
                scope=json.dumps(sorted(approval.scope)),
                state=approval.state.value,
                created_at=self._now,
                run_id=self._scope.run_id,
            )
            .returning(tables.approvals.c.id)
        ).scalar_one()
        return replace(approval, number=number, created_at=self._now, run_id=self._scope.run_id)

    def set_approval(
        self, number: int, expected: ApprovalState, state: ApprovalState, actor: str
    ) -> None:
        """Move a stored plan on, if it is still where it was seen."""
        approvals = tables.approvals
        done = self._sql.execute(
            update(approvals)
            .where(
                approvals.c.id == number,
                approvals.c.connection_id == self._id,
                approvals.c.state == expected.value,
            )
            .values(state=state.value, decided_at=self._now, decided_by=actor[:100])
        )
        if done.rowcount != 1:
            raise UsageError(
                f"plan {number} is not {expected} any more; see `quickbooks-sync plan`"
            )


def approval_of(row: Row[Any]) -> Approval:
    """A stored plan from its row."""
    return Approval(
        number=row.id,
        brake=row.brake,
        message=row.message,
        subjects=frozenset(json.loads(row.subjects)),
        rows=tuple(json.loads(row.rows)),
        writes=row.writes,
        state=ApprovalState(row.state),
        created_at=row.created_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        run_id=row.run_id,
        scope=frozenset(json.loads(row.scope)),
    )
