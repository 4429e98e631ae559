"""Who somebody is at an OpenID provider, for single sign-on.

Revision: 0014, after 0013. Nobody is known there before they have come from it once.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("identity", sa.String(511)))
    op.create_index("ix_users_identity", "users", ["identity"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_users_identity", "users")
    op.drop_column("users", "identity")
