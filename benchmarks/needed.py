"""What a line that misses its goal would need; written by hand, and shown only while it misses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_LESS_FOR_EACH = (
    "a record takes a millisecond of processor time, most of it in reading and writing its fields, "
    "the platform's tables and links: it would have to be less."
)
_FEWER_CALLS = (
    "name lists are asked for by calls of their own, as a query inside a batch was once seen to "
    "leave out their inactive entries."
)
NEEDED: Final[Mapping[str, str]] = {
    "first_sync_0ms": _LESS_FOR_EACH,
    "first_sync_100ms": f"{_LESS_FOR_EACH} Calls are made one after the other.",
    "first_sync_calls_0ms": _FEWER_CALLS,
    "first_sync_calls_100ms": _FEWER_CALLS,
    "idle_cycle_processor": (
        "a cycle takes a lease, a run, cursors and the end of the log in nineteen transactions of "
        "some forty statements around the one call, half a millisecond each with all that "
        "SQLAlchemy does; the call itself takes ours five milliseconds, with its token and limits."
    ),
    "writes": (
        "batches are sent one after the other, and a write takes three milliseconds of processor "
        "time: several batches would have to be under way at once, and in half of that time."
    ),
    "start": "what a cycle imports before its first request would have to be less, or later.",
    "memory": "records are planned all at once, and not a page at a time.",
    "validation": (
        "frame and suite are made from Python objects, column by column, and each invoice's lines "
        "are added up in exact decimals, which takes half of what is ours."
    ),
    "prefect_share": "a run's client, its states and artifacts are what they are on few records.",
}
