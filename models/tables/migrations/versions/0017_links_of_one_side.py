"""An index of the links that one side only has: what a person can give a partner.

Revision: 0017, after 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_NAME = "ix_links_half"
_HALF = sa.text("deleted_at IS NULL AND (quickbooks_id IS NULL OR platform_id IS NULL)")


def upgrade() -> None:
    op.create_index(
        _NAME,
        "links",
        ["connection_id", "record_type", "label"],
        sqlite_where=_HALF,
        postgresql_where=_HALF,
    )


def downgrade() -> None:
    op.drop_index(_NAME, "links")
