"""A Prefect flow that does nothing but one request: what the line `start` is measured against."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

from prefect import flow


@flow(name="empty")
def empty() -> None:
    """Ask once, without a client of HTTP that would have to be imported."""
    parts = urlsplit(os.environ["QBSYNC_QUICKBOOKS_API_URL"])
    socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10).close()
