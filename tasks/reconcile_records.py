"""Records: the figures of every linked record, what one side lacks, and what settles documents."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from models.lines import Lines
from models.records import Content
from tasks.both_books import BothBooks, SideRecord, figures_of
from tasks.differences import Difference, Kind, plain, why

#: The field that says what of a document is still open.
_OPEN_FIELDS = ("balance", "remaining")


def compare_records(both: BothBooks) -> tuple[list[Difference], int]:
    """Differing figures, records that one side lacks or cannot read; and how many were compared."""
    found: list[Difference] = []
    compared = 0
    for key in dict.fromkeys([*both.quickbooks.records, *both.platform.records]):
        there, here = both.quickbooks.records.get(key), both.platform.records.get(key)
        compared += 1
        if there is not None and here is not None:
            found += _figures(both, key, there, here)
        elif _counts(there or here):
            found.append(_missing(both, key, there, here))
    return found, compared


def _counts(record: SideRecord | None) -> bool:
    """Whether it matters that a side lacks a record: an inactive entry is what a delete leaves."""
    assert record is not None, "a key comes from a side"
    return record.content.get("active") is not False


def _figures(both: BothBooks, key: str, there: SideRecord, here: SideRecord) -> list[Difference]:
    unreadable = [each for each in (there, here) if each.error]
    if unreadable:
        reason = why(both, key, there, here)
        return [_of(Kind.UNREADABLE, here, "", ("", "", ""), reason)]
    names = figures_of(here.record_type)
    if here.record_type.booked_on:
        names = [*names, here.record_type.booked_on]
    found = []
    for name in names:
        theirs, ours = there.content.get(name), here.content.get(name)
        if (theirs or None) != (ours or None):
            amounts = isinstance(theirs or ours, Decimal)
            off = plain((theirs or Decimal(0)) - (ours or Decimal(0))) if amounts else ""
            reason = _who_moved(here, name, theirs, ours) or why(both, key, there, here)
            found.append(_of(Kind.FIGURE, here, name, (plain(theirs), plain(ours), off), reason))
    return found


def _who_moved(here: SideRecord, name: str, theirs: object, ours: object) -> str:
    """Which side has moved on from what both last agreed on, where only one has."""
    base = here.link.base if here.link else None
    if base is None or name not in base:
        return ""
    if base[name] == ours:
        return "QuickBooks has changed it since the last cycle; the next one brings it"
    return "the platform has changed it since the last cycle" if base[name] == theirs else ""


def _missing(
    both: BothBooks, key: str, there: SideRecord | None, here: SideRecord | None
) -> Difference:
    record = there or here
    assert record is not None, "a key comes from a side"
    amount = (
        plain(record.content.get(record.record_type.amount)) if record.record_type.amount else ""
    )
    values = (amount, "", "") if there else ("", amount, "")
    return _of(Kind.MISSING, record, record.record_type.amount, values, why(both, key, there, here))


def compare_applied(both: BothBooks) -> list[Difference]:
    """Documents whose balance is not their total less what was applied to them on the platform."""
    applied: dict[str, Decimal] = defaultdict(Decimal)
    payers: dict[str, list[str]] = defaultdict(list)
    for key, record in both.platform.records.items():
        for target, amount in _applications(record):
            applied[target] += amount
            payers[target].append(key)
    found = []
    for key, record in both.platform.records.items():
        open_field = next((each for each in _OPEN_FIELDS if each in record.content), "")
        if record.record_type.postings is None or not open_field or record.error:
            continue
        settled = _settled(record.content, open_field)
        if settled is not None and settled != applied[key]:
            found.append(_unsettled(both, record, (settled, applied[key]), payers[key]))
    return found


def _applications(record: SideRecord) -> list[tuple[str, Decimal]]:
    """What a payment's lines settle: the document, and how much of it."""
    field = record.record_type.lines
    if record.error or not isinstance(field, Lines) or record.record_type.postings is None:
        return []
    found = []
    for line in record.content.get("lines") or ():
        target = line.get(line["kind"])
        if isinstance(target, str) and line["kind"] not in ("item", "account", "payment"):
            found.append((target, line.get("amount") or Decimal(0)))
    return found


def _settled(content: Content, open_field: str) -> Decimal | None:
    """What a document's own figures say was settled; None where it has none yet."""
    total, left = content.get("total"), content.get(open_field)
    if total is None or left is None:
        return None
    return Decimal(total - left - (content.get("deposit") or Decimal(0)))


def _unsettled(
    both: BothBooks, record: SideRecord, values: tuple[Decimal, Decimal], payers: list[str]
) -> Difference:
    settled, applied = values
    named = ", ".join(_named(both, each) for each in payers) or "nothing"
    reason = (
        f"its total less its balance is {plain(settled)}, but {named} on the platform applies "
        f"{plain(applied)}"
    )
    texts = (plain(settled), plain(applied), plain(settled - applied))
    return _of(Kind.APPLIED, record, "applied", texts, reason)


def _named(both: BothBooks, key: str) -> str:
    record = both.platform.records[key]
    return f"{record.record_type.name} {record.label}"


def _of(
    kind: Kind, record: SideRecord, field: str, values: tuple[str, str, str], reason: str
) -> Difference:
    name = record.record_type.name
    link = record.link.id if record.link else None
    return Difference(kind, f"{name} {record.label}", field, *values, reason, name, link)
