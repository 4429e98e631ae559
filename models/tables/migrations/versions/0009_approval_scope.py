"""What a plan that waits for approval came up in, so that nothing else withdraws it.

Revision: 0009, after 0008. Plans of older programs are withdrawn by any cycle, as they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "approvals", sa.Column("scope", sa.Text, nullable=False, server_default=sa.text("'[]'"))
    )


def downgrade() -> None:
    op.drop_column("approvals", "scope")
