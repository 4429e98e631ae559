"""Who has acknowledged an alert, and when.

Revision: 0012, after 0011. An alert that comes back is another row, so nobody has acknowledged it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables.types import UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alerts", sa.Column("acknowledged_by", sa.String(100)))
    op.add_column("alerts", sa.Column("acknowledged_at", UTCDateTime))


def downgrade() -> None:
    op.drop_column("alerts", "acknowledged_at")
    op.drop_column("alerts", "acknowledged_by")
