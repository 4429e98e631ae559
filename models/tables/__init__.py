"""The one database: the platform's tables, the sync's own, their types and triggers.

`metadata` holds every table. migrations/ builds it, connectors/database.py connects to it.
"""

from __future__ import annotations

from models.tables import audit, notices, people, platform, schedule, sync, webhook
from models.tables.record_tables import RECORD_TABLES, RecordTable
from models.tables.shapes import metadata

__all__ = [
    "RECORD_TABLES",
    "RecordTable",
    "audit",
    "metadata",
    "notices",
    "people",
    "platform",
    "schedule",
    "sync",
    "webhook",
]
