"""When what is synced, and what it costs: what dispatchers and backfills keep.

schedules    when each data type of a connection is due
call_counts  calls of QuickBooks by month
backfills    ranges of days that are read again, and how far each has come
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from models.tables.shapes import connection_column, instant, metadata
from models.tables.types import UTCDateTime

#: Ranges of days that a person lets be read again, part by part.
backfills = Table(
    "backfills",
    metadata,
    Column("id", Integer, primary_key=True),
    connection_column(ondelete="CASCADE"),
    #: What was asked for, as JSON: data types, days, sides and the length of a part.
    Column("asked", Text, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("parts_done", Integer, nullable=False),
    instant("created_at"),
    Column("finished_at", UTCDateTime),
    Index(None, "connection_id", "finished_at"),
    # The number is shown to people: never give it out twice
    sqlite_autoincrement=True,
)

#: When each data type of a connection is due by the frequency that its user chose.
schedules = Table(
    "schedules",
    metadata,
    connection_column(primary_key=True, ondelete="CASCADE"),
    Column("data_type", String(20), primary_key=True),
    instant("due_at"),
    #: When a run last took it up.
    Column("taken_at", UTCDateTime),
    Index(None, "due_at"),
)

#: Calls of QuickBooks by month: reads are metered over all companies of the app.
call_counts = Table(
    "call_counts",
    metadata,
    connection_column(primary_key=True, ondelete="CASCADE"),
    #: The month in UTC, such as 2026-11.
    Column("month", String(7), primary_key=True),
    Column("cycles", Integer, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("metered", Integer, nullable=False),
    Index(None, "month"),
)
