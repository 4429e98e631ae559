"""Who was told of alerts, and how each channel fares.

Revision: 0016, after 0015.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables.types import UTCDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice_channels",
        _connection(primary_key=True),
        sa.Column("channel", sa.String(40), primary_key=True),
        sa.Column("claimed_until", UTCDateTime),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("failed_since", UTCDateTime),
        sa.Column("error", sa.String(200), nullable=False, server_default=sa.text("''")),
        sa.Column("next_try_at", UTCDateTime),
        sa.Column("told_at", UTCDateTime),
    )
    op.create_table(
        "notices",
        sa.Column(
            "alert_id",
            sa.Integer,
            sa.ForeignKey("alerts.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("channel", sa.String(40), primary_key=True),
        _connection(),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("at", UTCDateTime, nullable=False),
    )
    op.create_index(
        "ix_notices_connection_id_channel_state", "notices", ["connection_id", "channel", "state"]
    )


def _connection(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "connection_id",
        sa.Integer,
        sa.ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        autoincrement=False,
    )


def downgrade() -> None:
    op.drop_table("notices")
    op.drop_table("notice_channels")
