"""Who made a token.

Revision: 0015, after 0014. Of tokens that were made before, nobody is known to have made them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    made_by = sa.Column("made_by", sa.String(100), nullable=False, server_default=sa.text("''"))
    op.add_column("api_tokens", made_by)


def downgrade() -> None:
    op.drop_column("api_tokens", "made_by")
