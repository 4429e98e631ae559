"""What keeps the audit log provable: which checkpoints were signed, where archived chains go on.

The log itself and its heads are in `sync`. These rows are no secret and no proof: they are what the
file of checkpoints is compared with, so that its lines cannot disappear either.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from models.tables.shapes import metadata
from models.tables.types import UTCDateTime

#: The last checkpoint of each chain: what shows that lines of the file are missing.
audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("connection_id", Integer, primary_key=True, autoincrement=False),
    #: The entry that was signed.
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    #: The line in the file, and the line's SHA-256.
    Column("sequence", Integer, nullable=False),
    Column("line_hash", String(64), nullable=False),
)

#: The last archived entry of each chain: it goes on from there. A signed line says the same.
audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("connection_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("archived_at", UTCDateTime, nullable=False),
    #: SHA-256 of the file that the entries went to.
    Column("file_hash", String(64), nullable=False),
)
