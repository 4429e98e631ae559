"""Times as QuickBooks writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time(text: object) -> datetime | None:
    """An instant with an offset, in UTC; None for anything else.

    QuickBooks writes whole seconds with a Pacific offset (real-data, dates and times).
    """
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.utcoffset() is not None else None
    except (ValueError, OverflowError):
        return None
