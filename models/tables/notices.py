"""Who was told of alerts: what a worker that comes later, or a second one, need not tell again.

notice_channels  how a company's channel fares: who is sending, and how often it has failed
notices          each alert that a channel was told of, is being told of, or could not be
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, text

from models.notices import CHANNEL_CHARACTERS_MAX
from models.tables.shapes import connection_column, instant, metadata
from models.tables.types import UTCDateTime

#: The longest reason that is kept.
ERROR_CHARACTERS_MAX = 200


def _channel_column() -> Column[str]:
    return Column("channel", String(CHANNEL_CHARACTERS_MAX), primary_key=True)


notice_channels = Table(
    "notice_channels",
    metadata,
    connection_column(primary_key=True, ondelete="CASCADE"),
    _channel_column(),
    #: Until when one worker has it for itself; NULL: nobody is sending.
    Column("claimed_until", UTCDateTime),
    #: Tries in a row that have failed, since when, and why the last one has.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failed_since", UTCDateTime),
    Column("error", String(ERROR_CHARACTERS_MAX), nullable=False, server_default=text("''")),
    #: NULL: it may be tried at once.
    Column("next_try_at", UTCDateTime),
    Column("told_at", UTCDateTime),
)

notices = Table(
    "notices",
    metadata,
    Column(
        "alert_id",
        ForeignKey("alerts.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    _channel_column(),
    connection_column(ondelete="CASCADE"),
    #: sending, told or given_up
    Column("state", String(10), nullable=False),
    instant("at"),
    Index(None, "connection_id", "channel", "state"),
)
