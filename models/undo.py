"""What undoing a run comes to, from what the audit log says that it wrote: pure.

An edit goes back to the earlier values on both sides; figures that QuickBooks computes follow by
themselves. A record that the run made goes again from the side where it was made. A record that it
deleted comes back only on the platform: QuickBooks keeps nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.audit import AuditEntry
from models.policy import owner_of
from models.record_type import RecordType, catalog
from models.records import Value
from models.words import Operation, Side

_WRITES = {f"write.{side}": side for side in Side}


@dataclass(frozen=True)
class Written:
    """One write of a run, as the audit log tells it."""

    entry: int
    link_id: int
    record_type: str
    side: Side
    operation: Operation
    label: str
    #: Field -> what the side held before and after; None where the log does not say.
    changed: Mapping[str, tuple[Value, Value]] | None
    #: Why nobody knows what both sides held after it; "" where that is known.
    unsettled: str


class Does(StrEnum):
    """What undoing does to a record."""

    PUT_BACK = "put back"
    REMOVE = "remove"
    BRING_BACK = "bring back"
    #: The run wrote nothing but figures that QuickBooks computes.
    NOTHING = "nothing"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True)
class Wish:
    """What is to become of one record."""

    link_id: int
    record_type: RecordType
    label: str
    writes: tuple[Written, ...]
    does: Does
    #: PUT_BACK: field -> (what it should hold now, what it held before the run).
    values: Mapping[str, tuple[Value, Value]]
    #: REMOVE and BRING_BACK: the side that is written; None where both are.
    side: Side | None = None
    #: Why it is impossible.
    reason: str = ""

    def entry_of(self, field: str) -> int:
        """The audit entry of the last write of a field; of the last write where none is."""
        told = [each for each in self.writes if field in (each.changed or {})]
        return (told or list(self.writes))[-1].entry


def written_by(entries: Iterable[AuditEntry]) -> list[Written]:
    """The writes among audit entries, oldest first."""
    return [
        _written(each)
        for each in entries
        if each.kind in _WRITES and each.record_type in catalog() and each.link_id is not None
    ]


def _written(entry: AuditEntry) -> Written:
    assert entry.record_type is not None
    assert entry.link_id is not None
    body = json.loads(entry.body)
    record_type = catalog()[entry.record_type]
    told = body.get("changed")
    changed = None
    if told is not None:
        changed = {
            name: (record_type.by_name[name].load(before), record_type.by_name[name].load(after))
            for name, (before, after) in told.items()
            if name in record_type.by_name
        }
    return Written(
        entry=entry.number,
        link_id=entry.link_id,
        record_type=entry.record_type,
        side=_WRITES[entry.kind],
        operation=Operation(body["operation"]),
        label=str(body.get("label", entry.link_id)),
        changed=changed,
        unsettled=str(body.get("unsettled", "")),
    )


def wishes(writes: Iterable[Written]) -> list[Wish]:
    """What is to become of each record that was written, in order of its first write."""
    by_link: dict[int, list[Written]] = {}
    for each in writes:
        by_link.setdefault(each.link_id, []).append(each)
    return [_wish(each) for each in by_link.values()]


def _wish(writes: Sequence[Written]) -> Wish:
    record_type = catalog()[writes[0].record_type]
    values = _values(writes)
    does, side, reason = _kind(record_type, writes)
    if does is Does.PUT_BACK:
        values = {
            name: value
            for name, value in values.items()
            if owner_of(record_type.by_name[name]) is not Side.QUICKBOOKS
        }
        does = does if values else Does.NOTHING
    return Wish(
        link_id=writes[0].link_id,
        record_type=record_type,
        label=writes[-1].label,
        writes=tuple(writes),
        does=does,
        values=values,
        side=side,
        reason=reason,
    )


def _kind(record_type: RecordType, writes: Sequence[Written]) -> tuple[Does, Side | None, str]:
    """What undoing does, on which side, or why it cannot be done."""
    made = next((each for each in writes if each.operation is Operation.CREATE), None)
    deleted = next((each for each in writes if _deletes(record_type, each)), None)
    reason = _impossible(writes, made, deleted)
    if reason:
        return Does.IMPOSSIBLE, None, reason
    if deleted is not None:
        return Does.BRING_BACK, Side.PLATFORM, ""
    if made is not None:
        return Does.REMOVE, made.side, ""
    return Does.PUT_BACK, None, ""


def _impossible(writes: Sequence[Written], made: Written | None, deleted: Written | None) -> str:
    """Why a record's writes cannot be taken back; "" where they can."""
    unknown = next((each for each in writes if each.changed is None or each.unsettled), None)
    if unknown is not None:
        why = unknown.unsettled or "the log does not say what it was before"
        return f"entry {unknown.entry}: {why}"
    if deleted is not None and made is not None:
        return "the run made it and deleted it again"
    if deleted is not None and deleted.side is Side.QUICKBOOKS:
        return "QuickBooks cannot bring back a deleted record"
    if any(each.operation is Operation.VOID for each in writes):
        return "QuickBooks cannot take back a void"
    return ""


def _deletes(record_type: RecordType, each: Written) -> bool:
    """Whether a write took a record away; QuickBooks keeps entries of name lists, inactive."""
    deactivates = record_type.is_list and each.side is Side.QUICKBOOKS and each.changed == {}
    return each.operation is Operation.DELETE or (
        each.operation is Operation.UPDATE and deactivates
    )


def _values(writes: Sequence[Written]) -> dict[str, tuple[Value, Value]]:
    """Field -> what it held before the first write of it and after the last one."""
    found: dict[str, tuple[Value, Value]] = {}
    for each in writes:
        for name, (before, after) in (each.changed or {}).items():
            found[name] = (found[name][0] if name in found else before, after)
    return found
