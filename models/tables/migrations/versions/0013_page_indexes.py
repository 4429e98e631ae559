"""What the pages look for: indexes of records and of the audit log, and Prefect's run of a run.

Revision: 0013, after 0012. An index only: the log's entries stay as they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INDEXES = (
    ("links", "connection_id", "id", "record_type", "label"),
    ("intents", "link_id"),
    ("audit_entries", "connection_id", "link_id", "number"),
    ("audit_entries", "connection_id", "kind", "number"),
    ("audit_entries", "connection_id", "actor", "number"),
    ("audit_entries", "connection_id", "run_id", "number"),
    ("audit_entries", "connection_id", "at"),
)
#: What the one with the number stands for.
_BEFORE = "ix_audit_entries_connection_id_link_id"


def upgrade() -> None:
    op.add_column("runs", sa.Column("flow_run_id", sa.String(36)))
    for table, *columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    op.drop_index(_BEFORE, "audit_entries")


def downgrade() -> None:
    op.create_index(_BEFORE, "audit_entries", ["connection_id", "link_id"])
    for table, *columns in reversed(_INDEXES):
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
    op.drop_column("runs", "flow_run_id")
