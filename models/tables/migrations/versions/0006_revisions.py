"""What people decide instead of the sync, and which audit entry tells of a conflict.

Revision: 0006, after 0005. Conflicts of older programs do not know their entry.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables.types import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conflicts", sa.Column("entry", sa.Integer))
    op.create_table(
        "revisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection_id", sa.Integer, sa.ForeignKey("connections.id"), nullable=False),
        sa.Column("link_id", sa.Integer, sa.ForeignKey("links.id"), nullable=False),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("field", sa.String(60), nullable=False),
        sa.Column("side", sa.String(12)),
        sa.Column("expected", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("undoes", sa.Integer),
        sa.Column("conflict_id", sa.Integer, sa.ForeignKey("conflicts.id")),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("closed_at", UTCDateTime),
        sa.Column("run_id", sa.String(36), nullable=False),
    )
    op.create_index("ix_revisions_link_id_state", "revisions", ["link_id", "state"])
    op.create_index("ix_revisions_connection_id_undoes", "revisions", ["connection_id", "undoes"])
    op.create_index("ix_revisions_conflict_id", "revisions", ["conflict_id"])


def downgrade() -> None:
    op.drop_table("revisions")
    op.drop_column("conflicts", "entry")
