"""What the emulator remembers of calls: a line of the request log, an answer kept for replay.

Source: dossier section 2 (request ids are answered from memory).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogLine:
    """One request as the log shows it."""

    sequence: int
    time: str
    method: str
    path: str
    query: str
    #: The HTTP status, 0 where the connection was dropped.
    status: int
    verb: str
    entity: str
    request_id: str
    who: str
    struck: str


@dataclass(frozen=True)
class StoredAnswer:
    """An answer kept for the replay of its request id."""

    status: int
    content: bytes
    content_type: str
