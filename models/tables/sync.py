"""The sync's own state, in the same database, so that one transaction covers a record and its link.

links       which QuickBooks record is which platform record, and what both last agreed on
intents     each write, stored before it is sent; attempts are its tries
approvals   plans that a brake stopped, for a person to approve
conflicts   both sides changed the same; revisions: what people decided instead
parked      records set aside; alerts: what a person must know
cursors     how far each side was read; leases: one cycle per connection; runs: what each did
audit_entries  the hash-chained log, which triggers keep to inserts only (triggers.py)

JSON is kept as text, because its bytes are hashed and PostgreSQL's JSONB would reorder them. Unique
indexes guard what must never happen twice: one link per record and side, one open intent per
record, one open alert per subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    or_,
    text,
    true,
)

from models.approval import BRAKE_CHARACTERS_MAX
from models.tables.shapes import connection_column, instant, metadata
from models.tables.types import UTCDateTime, utc_now
from models.words import IntentState

if TYPE_CHECKING:
    from sqlalchemy.engine.default import DefaultExecutionContext

#: Intents that may still have an effect; a record has at most one.
INTENT_STATES_OPEN: Final = (IntentState.PLANNED, IntentState.SENT, IntentState.UNKNOWN)

#: The connection number, in the audit log and in subjects, for the installation as a whole.
INSTALLATION: Final = 0


def alert_subject(connection_id: int | None, link_id: int | None) -> str:
    """Return what an alert is about, as text, so that a unique index works where ids are NULL."""
    return f"{connection_id or INSTALLATION}/{link_id or 0}"


def _subject_of_row(context: DefaultExecutionContext) -> str:
    """Fill alerts.subject from the row that is being inserted."""
    row: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    return alert_subject(row.get("connection_id"), row.get("link_id"))


def _row_times() -> tuple[Column[Any], Column[Any]]:
    """When the row came to be and when it was last changed."""
    return (
        Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
    )


def _unique_where(name: str, condition: ColumnElement[bool], *columns: Column[Any]) -> Index:
    """Add a unique index over the rows for which condition holds, on both databases."""
    return Index(name, *columns, unique=True, sqlite_where=condition, postgresql_where=condition)


connections = Table(
    "connections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("company_id", ForeignKey("companies.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("environment", String(20), nullable=False),
    Column("realm_id", String(40), nullable=False),
    #: connected, paused, reconnect or disconnected
    Column("status", String(20), nullable=False),
    #: What the user chose, as JSON.
    Column("settings", Text, nullable=False),
    #: What QuickBooks says about the company, as JSON.
    Column("facts", Text),
    *_row_times(),
    UniqueConstraint("name"),
    UniqueConstraint("environment", "realm_id"),
    UniqueConstraint("company_id"),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    connection_column(primary_key=True, ondelete="CASCADE"),
    Column("refresh_token_encrypted", Text, nullable=False),
    Column("access_token_encrypted", Text),
    Column("access_expires_at", UTCDateTime),
    Column("refresh_expires_at", UTCDateTime),
    #: When the permission ends, whatever is renewed until then; NULL: not known.
    Column("hard_expires_at", UTCDateTime),
    #: Rises by one with each refresh: who refreshed first is seen by it.
    Column("generation", Integer, nullable=False),
    instant("refreshed_at"),
)

links = Table(
    "links",
    metadata,
    Column("id", Integer, primary_key=True),
    connection_column(),
    Column("record_type", String(40), nullable=False),
    #: NULL until the record exists on that side.
    Column("quickbooks_id", String(40)),
    Column("platform_id", String(40)),
    #: What a person calls the record, such as "Invoice 1042".
    Column("label", String(200), nullable=False),
    #: What both sides last agreed on, as canonical JSON.
    Column("base", Text),
    #: The versions that the base was seen at.
    Column("quickbooks_version", String(80)),
    Column("platform_version", Integer),
    Column("deleted_at", UTCDateTime),
    *_row_times(),
    # A list of records is read from it alone, newest first
    Index(None, "connection_id", "id", "record_type", "label"),
    sqlite_autoincrement=True,
)
_unique_where(
    "uq_links_quickbooks_id",
    links.c.quickbooks_id.is_not(None),
    links.c.connection_id,
    links.c.record_type,
    links.c.quickbooks_id,
)
_unique_where(
    "uq_links_platform_id",
    links.c.platform_id.is_not(None),
    links.c.connection_id,
    links.c.record_type,
    links.c.platform_id,
)

#: Whether one side only has the record: what a person can give a partner.
IS_HALF: Final = and_(
    links.c.deleted_at.is_(None),
    or_(links.c.quickbooks_id.is_(None), links.c.platform_id.is_(None)),
)
Index(
    "ix_links_half",
    links.c.connection_id,
    links.c.record_type,
    links.c.label,
    sqlite_where=IS_HALF,
    postgresql_where=IS_HALF,
)

intents = Table(
    "intents",
    metadata,
    Column("id", String(36), primary_key=True),
    connection_column(),
    Column("link_id", ForeignKey("links.id"), nullable=False),
    Column("record_type", String(40), nullable=False),
    Column("operation", String(10), nullable=False),
    #: One of models.words.IntentState.
    Column("state", String(15), nullable=False),
    #: The body to send, as canonical JSON, and its SHA-256.
    Column("payload", Text, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("request_id", String(50), nullable=False),
    #: Rises when the same write is sent under a new request id.
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("attempts", Integer, nullable=False),
    #: Names of the fields that the body carries from the platform, as a JSON list.
    Column("fields", Text, nullable=False, server_default=text("'[]'")),
    #: What the record carries to be found by; "" where its name does that.
    Column("marker", String(20), nullable=False, server_default=text("''")),
    #: QuickBooks's clock before the first send.
    Column("far_since", UTCDateTime),
    #: What the plan decided against somebody, as JSON; NULL where it decided nothing.
    Column("conflicts", Text),
    #: The version of the far side's record that the plan was made for.
    Column("planned_version", String(80)),
    instant("created_at"),
    Column("sent_at", UTCDateTime),
    Column("closed_at", UTCDateTime),
    Column("run_id", String(36), nullable=False),
    #: The lease's epoch: a holder that lost its lease must not send.
    Column("epoch", Integer, nullable=False),
    Column("error", Text),
    UniqueConstraint("connection_id", "request_id"),
    Index(None, "connection_id", "state"),
    Index(None, "connection_id", "marker"),
    Index(None, "link_id"),
)
_unique_where("uq_intents_open", intents.c.state.in_(INTENT_STATES_OPEN), intents.c.link_id)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("intent_id", ForeignKey("intents.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("request_id", String(50), nullable=False),
    instant("sent_at"),
    Column("answered_at", UTCDateTime),
    Column("outcome", String(20)),
    Column("intuit_tid", String(100)),
    #: What QuickBooks said, as JSON.
    Column("fault", Text),
    UniqueConstraint("intent_id", "number"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    connection_column(),
    Column("brake", String(BRAKE_CHARACTERS_MAX), nullable=False),
    Column("message", Text, nullable=False),
    #: Keys of the writes that tripped the brake, and the plan's rows, as JSON lists.
    Column("subjects", Text, nullable=False),
    Column("rows", Text, nullable=False),
    Column("writes", Integer, nullable=False),
    #: What it came up in, as a JSON list.
    Column("scope", Text, nullable=False, server_default=text("'[]'")),
    #: One of models.approval.ApprovalState.
    Column("state", String(12), nullable=False),
    instant("created_at"),
    Column("decided_at", UTCDateTime),
    Column("decided_by", String(100), nullable=False, server_default=text("''")),
    Column("run_id", String(36), nullable=False),
    Index(None, "connection_id", "state"),
    # The number is shown to people: never give it out twice
    sqlite_autoincrement=True,
)

conflicts = Table(
    "conflicts",
    metadata,
    Column("id", Integer, primary_key=True),
    connection_column(),
    Column("link_id", ForeignKey("links.id"), nullable=False),
    Column("record_type", String(40), nullable=False),
    Column("field", String(60), nullable=False),
    #: The three values of the field, as JSON.
    Column("base", Text),
    Column("quickbooks", Text),
    Column("platform", Text),
    Column("winner", String(12), nullable=False),
    Column("rule", String(20), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("quickbooks_edited_at", UTCDateTime),
    Column("platform_edited_at", UTCDateTime),
    #: One of models.revision.ConflictState.
    Column("state", String(12), nullable=False),
    instant("decided_at"),
    Column("run_id", String(36), nullable=False),
    #: The audit entry that tells of it; NULL where an older program wrote it.
    Column("entry", Integer),
    Index(None, "connection_id", "state"),
    Index(None, "link_id"),
    # The number is shown to people, who may name it long after: never give it out twice
    sqlite_autoincrement=True,
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", Integer, primary_key=True),
    connection_column(),
    Column("link_id", ForeignKey("links.id"), nullable=False),
    Column("record_type", String(40), nullable=False),
    #: One of models.revision.RevisionKind.
    Column("kind", String(12), nullable=False),
    #: The field that is set; "" where the record as a whole is meant.
    Column("field", String(60), nullable=False),
    Column("side", String(12)),
    #: What the sides may hold for it to count, as a JSON list, and the wanted value as JSON.
    Column("expected", Text, nullable=False),
    Column("value", Text, nullable=False),
    #: One of models.revision.RevisionState.
    Column("state", String(12), nullable=False),
    Column("actor", String(100), nullable=False),
    #: The audit entry that tells of it, and the one whose write it takes back.
    Column("entry", Integer, nullable=False),
    Column("undoes", Integer),
    Column("conflict_id", ForeignKey("conflicts.id")),
    instant("created_at"),
    Column("closed_at", UTCDateTime),
    Column("run_id", String(36), nullable=False),
    Index(None, "link_id", "state"),
    Index(None, "connection_id", "undoes"),
    Index(None, "conflict_id"),
)

parked = Table(
    "parked",
    metadata,
    Column("link_id", ForeignKey("links.id"), primary_key=True, autoincrement=False),
    connection_column(),
    Column("record_type", String(40), nullable=False),
    Column("side", String(12), nullable=False),
    #: Code, field, value and fix of models.errors.RecordError.
    Column("code", String(60), nullable=False),
    Column("field", String(60), nullable=False),
    Column("value", String(100), nullable=False),
    Column("message", Text, nullable=False),
    Column("fix", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    instant("since"),
    #: NULL: not before a person or an edit does something.
    Column("next_attempt_at", UTCDateTime),
    Column("run_id", String(36), nullable=False),
    Index(None, "connection_id", "next_attempt_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    #: NULL: the installation as a whole.
    Column("connection_id", ForeignKey("connections.id")),
    Column("cause", String(60), nullable=False),
    Column("link_id", ForeignKey("links.id")),
    #: Filled on insert from the two ids; NULLs never collide in a unique index, this text does.
    Column("subject", String(60), nullable=False, default=_subject_of_row),
    Column("title", String(300), nullable=False),
    Column("message", Text, nullable=False),
    Column("fix", Text, nullable=False),
    instant("opened_at"),
    Column("closed_at", UTCDateTime),
    Column("occurrences", Integer, nullable=False),
    #: Who has said that they know of it, and when; NULL: nobody.
    Column("acknowledged_by", String(100)),
    Column("acknowledged_at", UTCDateTime),
    Index(None, "connection_id", "closed_at"),
    sqlite_autoincrement=True,
)
_unique_where("uq_alerts_open", alerts.c.closed_at.is_(None), alerts.c.subject, alerts.c.cause)

cursors = Table(
    "cursors",
    metadata,
    connection_column(primary_key=True),
    Column("record_type", String(40), primary_key=True),
    Column("side", String(12), primary_key=True),
    Column("position", Text, nullable=False),
    instant("updated_at"),
)

leases = Table(
    "leases",
    metadata,
    connection_column(primary_key=True),
    #: NULL: free.
    Column("holder", String(80)),
    #: Rises with each holder.
    Column("epoch", Integer, nullable=False),
    Column("expires_at", UTCDateTime),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(36), primary_key=True),
    connection_column(),
    Column("flow", String(60), nullable=False),
    #: What Prefect calls the flow run that it was part of; NULL where it was part of none.
    Column("flow_run_id", String(36)),
    instant("started_at"),
    Column("finished_at", UTCDateTime),
    Column("state", String(20), nullable=False),
    #: Counts and figures, as JSON.
    Column("summary", Text),
    Column("error", Text),
    Index(None, "connection_id", "started_at"),
)

#: Names that records refer to without being synced themselves, such as terms and tax codes.
named_references = Table(
    "named_references",
    metadata,
    connection_column(primary_key=True),
    Column("entity", String(40), primary_key=True),
    Column("quickbooks_id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),
)

#: No foreign key: the log outlives the connection, and 0 stands for the installation.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("connection_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    #: Version of the entry's form.
    Column("v", Integer, nullable=False),
    #: ISO time in UTC; text, because it is hashed.
    Column("at", String(32), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("run_id", String(36)),
    Column("record_type", String(40)),
    Column("link_id", Integer),
    Column("body", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # What people search by, newest first
    Index(None, "connection_id", "link_id", "number"),
    Index(None, "connection_id", "kind", "number"),
    Index(None, "connection_id", "actor", "number"),
    Index(None, "connection_id", "run_id", "number"),
    Index(None, "connection_id", "at"),
)

#: The last entry of each chain: what shows that entries were cut off at the end.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("connection_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
