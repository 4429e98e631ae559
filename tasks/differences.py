"""What a reconciliation finds: differences by name, and what lies outside of the sync."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from tasks.both_books import BothBooks, SideRecord


class Kind(StrEnum):
    """What a difference is about."""

    #: An account's balance in the trial balance, in the month in which the difference arose.
    ACCOUNT = "account"
    #: What a customer owes.
    RECEIVABLE = "receivable"
    #: What a vendor is owed.
    PAYABLE = "payable"
    #: A figure of one linked record.
    FIGURE = "figure"
    #: A record that only one side holds.
    MISSING = "missing"
    #: What was applied to a document is not what its balance says.
    APPLIED = "applied"
    #: A record that cannot be read.
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Part:
    """What one record adds to a difference."""

    record_type: str
    record: str
    link: int | None
    quickbooks: Decimal
    platform: Decimal
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Plain data; amounts are text."""
        return {
            "record_type": self.record_type,
            "record": self.record,
            "link": self.link,
            "quickbooks": plain(self.quickbooks),
            "platform": plain(self.platform),
            "difference": plain(self.quickbooks - self.platform),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Difference:
    """One thing that the two sides do not agree on."""

    kind: Kind
    #: The account, party or record.
    subject: str
    #: The month, or the field; "" where there is none.
    field: str
    #: What each side says; "" where it says nothing.
    quickbooks: str
    platform: str
    #: QuickBooks less platform, less what lies outside; "" where it is no amount.
    difference: str
    reason: str
    record_type: str = ""
    link: int | None = None
    records: tuple[Part, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data with a stable shape."""
        return {
            "kind": self.kind.value,
            "subject": self.subject,
            "field": self.field,
            "quickbooks": self.quickbooks,
            "platform": self.platform,
            "difference": self.difference,
            "reason": self.reason,
            "record_type": self.record_type,
            "link": self.link,
            "records": [each.as_json() for each in self.records],
        }


@dataclass(frozen=True)
class Outside:
    """What QuickBooks's books hold that no synced record is meant to explain."""

    #: The account or party that it stands on.
    where: str
    #: QuickBooks's word for the kind of transaction, or what it is.
    what: str
    count: int
    #: Debit-positive, in the home currency.
    amount: Decimal

    def as_json(self) -> dict[str, Any]:
        """Plain data; the amount is text."""
        return {
            "where": self.where,
            "what": self.what,
            "count": self.count,
            "amount": plain(self.amount),
        }


def plain(value: object) -> str:
    """A value as people read it; amounts without an exponent."""
    if value is None:
        return ""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def part(both: BothBooks, key: str, quickbooks: int, platform: int) -> Part:
    """What one record adds, in minor units on each side."""
    there, here = both.quickbooks.records.get(key), both.platform.records.get(key)
    record = there or here
    return Part(
        record.record_type.name if record else key.partition("@")[0].partition(":")[0],
        record.label if record else key,
        record.link.id if record and record.link else None,
        both.amount(quickbooks),
        both.amount(platform),
        why(both, key, there, here),
    )


def why(both: BothBooks, key: str, there: SideRecord | None, here: SideRecord | None) -> str:
    """Why a record may differ, as far as the sync knows."""
    record = there or here
    link = record.link if record else None
    parked = both.parked.get(link.id) if link else None
    if parked is not None:
        return f"parked: {parked.message}"
    for side, name in ((there, "QuickBooks"), (here, "the platform")):
        if side is not None and side.error:
            return f"cannot be read on {name}: {side.error}"
    if there is None and here is None:
        return f"QuickBooks's ledger names {key}, which its lists do not show"
    if there is None or here is None:
        return _why_missing(record, "QuickBooks" if there is None else "the platform")
    return f"the sides differ; see `quickbooks-sync explain {link.id}`" if link else ""


def _why_missing(record: SideRecord | None, name: str) -> str:
    link = record.link if record else None
    if link is None:
        return f"not in {name}: no cycle has seen it yet; run `quickbooks-sync sync`"
    other = link.quickbooks_id if name == "QuickBooks" else link.platform_id
    if other is None:
        return f"not in {name} yet; see `quickbooks-sync explain {link.id}`"
    return f"gone from {name}, where it was {other}; see `quickbooks-sync explain {link.id}`"
