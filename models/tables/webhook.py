"""What QuickBooks told by webhook: the inbox of its events.

An event says that a record changed, not how: it makes its company due and is kept for a while, so
that the same one is known again.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, UniqueConstraint

from models.tables.shapes import connection_column, instant, metadata

#: The longest texts that an event may carry; QuickBooks's own are a few dozen characters.
EVENT_ID_CHARACTERS_MAX = 100
WORD_CHARACTERS_MAX = 40

webhook_events = Table(
    "webhook_events",
    metadata,
    Column("id", Integer, primary_key=True),
    connection_column(ondelete="CASCADE"),
    #: The sender's number of the event; made from what it says in the older shape, which has none.
    Column("event_id", String(EVENT_ID_CHARACTERS_MAX), nullable=False),
    #: As QuickBooks spells it, which differs between the shapes: invoice, Invoice.
    Column("entity", String(WORD_CHARACTERS_MAX), nullable=False),
    Column("quickbooks_id", String(WORD_CHARACTERS_MAX), nullable=False),
    Column("operation", String(WORD_CHARACTERS_MAX), nullable=False),
    instant("happened_at"),
    instant("received_at"),
    #: The link held it already, as with what the sync itself wrote: it made nothing due.
    Column("known", Boolean, nullable=False),
    UniqueConstraint("connection_id", "event_id"),
    Index(None, "received_at"),
    # Bounded by number: an id is never given out twice
    sqlite_autoincrement=True,
)
