"""Canonical records: what both sides share about one thing, and how it is stored and compared.

A record's content is a plain dict from field name to value: str, bool, Decimal, date, None, or a
tuple of such dicts for lines. References are written "record_type:link", for example
"customer:12", so that both sides say the same when they mean the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from models.words import Side

#: One field's value in canonical form.
Value = Any
#: A record in canonical form.
Content = dict[str, Value]


class References(Protocol):
    """Looks up what a reference means on either side."""

    #: ISO code of the company's home currency.
    home_currency: str
    #: True where records may be in other currencies.
    multi_currency: bool

    def link_of(self, record_type: str, side: Side, side_id: str) -> int | None:
        """The link of a side's record, or None where it is not known yet."""
        ...

    def side_id_of(self, link_id: int, side: Side) -> str | None:
        """A link's id on one side, or None where it has none yet."""
        ...

    def label_of(self, link_id: int) -> str:
        """What people call the linked record, for messages."""
        ...

    def name_of(self, entity: str, quickbooks_id: str) -> str | None:
        """Name of a QuickBooks list entry that is not synced itself, such as a Term."""
        ...

    def id_of_name(self, entity: str, name: str) -> str | None:
        """Id of such a list entry by its name."""
        ...


@dataclass(frozen=True)
class Observed:
    """What one side holds for a record right now."""

    #: Canonical content; None when the side says the record is gone.
    content: Content | None
    #: The side's own version: SyncToken and LastUpdatedTime, or the row version.
    version: str
    #: When the side says it was last edited; None where unknown.
    edited_at: datetime | None
    #: The side's raw form (parsed JSON, or the row with its lines), for overlaying writes.
    raw: Mapping[str, Any] | None = None


def reference(record_type: str, link_id: int) -> str:
    """Canonical form of a reference."""
    return f"{record_type}:{link_id}"


def link_in(value: str) -> tuple[str, int]:
    """Record type and link of a canonical reference."""
    record_type, _, link_id = value.partition(":")
    return record_type, int(link_id)


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces, decimals and dates as text: the one form that is hashed."""
    return _CANONICAL(value)


def _plain_text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")


_CANONICAL = json.JSONEncoder(
    default=_plain_text, sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode


def fingerprint(text: str) -> str:
    """SHA-256 of a canonical text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
