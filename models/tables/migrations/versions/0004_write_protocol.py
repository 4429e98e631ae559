"""What a write is found by after a lost answer, and plans that wait for approval.

Revision: 0004, after 0003. Open intents of older programs have no marker and no far_since: they are
looked for by their content.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables.types import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "intents", sa.Column("fields", sa.Text, nullable=False, server_default=sa.text("'[]'"))
    )
    op.add_column(
        "intents", sa.Column("marker", sa.String(20), nullable=False, server_default=sa.text("''"))
    )
    op.add_column("intents", sa.Column("far_since", UTCDateTime))
    op.add_column("intents", sa.Column("conflicts", sa.Text))
    op.create_index("ix_intents_connection_id_marker", "intents", ["connection_id", "marker"])
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection_id", sa.Integer, sa.ForeignKey("connections.id"), nullable=False),
        sa.Column("brake", sa.String(30), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("subjects", sa.Text, nullable=False),
        sa.Column("rows", sa.Text, nullable=False),
        sa.Column("writes", sa.Integer, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("decided_at", UTCDateTime),
        sa.Column("decided_by", sa.String(100), nullable=False, server_default=sa.text("''")),
        sa.Column("run_id", sa.String(36), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_approvals_connection_id_state", "approvals", ["connection_id", "state"])


def downgrade() -> None:
    op.drop_table("approvals")
    op.drop_index("ix_intents_connection_id_marker", "intents")
    for name in ("conflicts", "far_since", "marker", "fields"):
        op.drop_column("intents", name)
