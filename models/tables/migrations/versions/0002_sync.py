"""The sync's own state.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables import triggers
from models.tables.types import UTCDateTime, utc_now

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _audit_entries()
    _audit_heads()
    _connections()
    _cursors()
    _leases()
    _links()
    _named_references()
    _runs()
    _tokens()
    _alerts()
    _conflicts()
    _intents()
    _parked()
    _attempts()
    triggers.install_audit(op.get_bind())


def downgrade() -> None:
    triggers.remove_audit(op.get_bind())
    op.drop_table("attempts")
    op.drop_table("parked")
    op.drop_table("intents")
    op.drop_table("conflicts")
    op.drop_table("alerts")
    op.drop_table("tokens")
    op.drop_table("runs")
    op.drop_table("named_references")
    op.drop_table("links")
    op.drop_table("leases")
    op.drop_table("cursors")
    op.drop_table("connections")
    op.drop_table("audit_heads")
    op.drop_table("audit_entries")


def _unique_where(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def _audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("connection_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("v", sa.Integer, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("record_type", sa.String(40)),
        sa.Column("link_id", sa.Integer),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index(
        "ix_audit_entries_connection_id_link_id", "audit_entries", ["connection_id", "link_id"]
    )


def _audit_heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("connection_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _connections() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("environment", sa.String(20), nullable=False),
        sa.Column("realm_id", sa.String(40), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("facts", sa.Text),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.UniqueConstraint("company_id"),
        sa.UniqueConstraint("environment", "realm_id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )


def _cursors() -> None:
    op.create_table(
        "cursors",
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("record_type", sa.String(40), primary_key=True),
        sa.Column("side", sa.String(12), primary_key=True),
        sa.Column("position", sa.Text, nullable=False),
        sa.Column("updated_at", UTCDateTime, nullable=False),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("holder", sa.String(80)),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("expires_at", UTCDateTime),
    )


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("quickbooks_id", sa.String(40)),
        sa.Column("platform_id", sa.String(40)),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("base", sa.Text),
        sa.Column("quickbooks_version", sa.String(80)),
        sa.Column("platform_version", sa.Integer),
        sa.Column("deleted_at", UTCDateTime),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sqlite_autoincrement=True,
    )
    _unique_where(
        "uq_links_platform_id",
        "links",
        ["connection_id", "record_type", "platform_id"],
        "platform_id IS NOT NULL",
    )
    _unique_where(
        "uq_links_quickbooks_id",
        "links",
        ["connection_id", "record_type", "quickbooks_id"],
        "quickbooks_id IS NOT NULL",
    )


def _named_references() -> None:
    op.create_table(
        "named_references",
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("entity", sa.String(40), primary_key=True),
        sa.Column("quickbooks_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("flow", sa.String(60), nullable=False),
        sa.Column("started_at", UTCDateTime, nullable=False),
        sa.Column("finished_at", UTCDateTime),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("summary", sa.Text),
        sa.Column("error", sa.Text),
    )
    op.create_index("ix_runs_connection_id_started_at", "runs", ["connection_id", "started_at"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("refresh_token_encrypted", sa.Text, nullable=False),
        sa.Column("access_token_encrypted", sa.Text),
        sa.Column("access_expires_at", UTCDateTime),
        sa.Column("refresh_expires_at", UTCDateTime),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("refreshed_at", UTCDateTime, nullable=False),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection_id", sa.Integer, sa.ForeignKey("connections.id")),
        sa.Column("cause", sa.String(60), nullable=False),
        sa.Column("link_id", sa.Integer, sa.ForeignKey("links.id")),
        sa.Column("subject", sa.String(60), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("fix", sa.Text, nullable=False),
        sa.Column("opened_at", UTCDateTime, nullable=False),
        sa.Column("closed_at", UTCDateTime),
        sa.Column("occurrences", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_connection_id_closed_at", "alerts", ["connection_id", "closed_at"])
    _unique_where("uq_alerts_open", "alerts", ["subject", "cause"], "closed_at IS NULL")


def _conflicts() -> None:
    op.create_table(
        "conflicts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("link_id", sa.Integer, sa.ForeignKey("links.id"), nullable=False),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("field", sa.String(60), nullable=False),
        sa.Column("base", sa.Text),
        sa.Column("quickbooks", sa.Text),
        sa.Column("platform", sa.Text),
        sa.Column("winner", sa.String(12), nullable=False),
        sa.Column("rule", sa.String(20), nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("quickbooks_edited_at", UTCDateTime),
        sa.Column("platform_edited_at", UTCDateTime),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("decided_at", UTCDateTime, nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conflicts_connection_id_state", "conflicts", ["connection_id", "state"])
    op.create_index("ix_conflicts_link_id", "conflicts", ["link_id"])


def _intents() -> None:
    op.create_table(
        "intents",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("link_id", sa.Integer, sa.ForeignKey("links.id"), nullable=False),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("operation", sa.String(10), nullable=False),
        sa.Column("state", sa.String(15), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(50), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("planned_version", sa.String(80)),
        sa.Column("created_at", UTCDateTime, nullable=False),
        sa.Column("sent_at", UTCDateTime),
        sa.Column("closed_at", UTCDateTime),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("connection_id", "request_id"),
    )
    op.create_index("ix_intents_connection_id_state", "intents", ["connection_id", "state"])
    _unique_where(
        "uq_intents_open", "intents", ["link_id"], "state IN ('planned', 'sent', 'unknown')"
    )


def _parked() -> None:
    op.create_table(
        "parked",
        sa.Column(
            "link_id", sa.Integer, sa.ForeignKey("links.id"), primary_key=True, autoincrement=False
        ),
        sa.Column(
            "connection_id",
            sa.Integer,
            sa.ForeignKey("connections.id"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("side", sa.String(12), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("field", sa.String(60), nullable=False),
        sa.Column("value", sa.String(100), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("fix", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("since", UTCDateTime, nullable=False),
        sa.Column("next_attempt_at", UTCDateTime),
        sa.Column("run_id", sa.String(36), nullable=False),
    )
    op.create_index(
        "ix_parked_connection_id_next_attempt_at", "parked", ["connection_id", "next_attempt_at"]
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("intent_id", sa.String(36), sa.ForeignKey("intents.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("request_id", sa.String(50), nullable=False),
        sa.Column("sent_at", UTCDateTime, nullable=False),
        sa.Column("answered_at", UTCDateTime),
        sa.Column("outcome", sa.String(20)),
        sa.Column("intuit_tid", sa.String(100)),
        sa.Column("fault", sa.Text),
        sa.UniqueConstraint("intent_id", "number"),
    )
