"""When each data type of a connection is due, what a month costs, and when a permission ends.

Revision: 0008, after 0007. Every connected company is due at once, as one that was just connected.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables.types import UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedules",
        _connection(),
        sa.Column("data_type", sa.String(20), primary_key=True),
        sa.Column("due_at", UTCDateTime, nullable=False),
        sa.Column("taken_at", UTCDateTime),
    )
    op.create_index("ix_schedules_due_at", "schedules", ["due_at"])
    op.create_table(
        "call_counts",
        _connection(),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("cycles", sa.Integer, nullable=False),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("metered", sa.Integer, nullable=False),
    )
    op.create_index("ix_call_counts_month", "call_counts", ["month"])
    op.create_table(
        "backfills",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("parts_done", sa.Integer, nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("finished_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_backfills_connection_id_finished_at", "backfills", ["connection_id", "finished_at"]
    )
    op.add_column("tokens", sa.Column("hard_expires_at", UTCDateTime))


def _connection() -> sa.Column[int]:
    return sa.Column(
        "connection_id",
        sa.Integer,
        sa.ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        nullable=False,
    )


def downgrade() -> None:
    op.drop_column("tokens", "hard_expires_at")
    op.drop_table("backfills")
    op.drop_table("call_counts")
    op.drop_table("schedules")
