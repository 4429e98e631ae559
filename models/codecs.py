"""Canonical content out of and into what the two sides store.

Walks over a record type's fields; each field converts its own value (`models.fields`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.errors import FieldError, RecordError
from models.fields import Field, Raw, read_by, value_at
from models.lines import Lines
from models.marker import put_marker
from models.merge import Conflict
from models.policy import Verdict
from models.record_type import RecordType
from models.records import Content, References, canonical_json
from models.words import Operation, Side


@dataclass(frozen=True)
class Decoded:
    """A record in canonical form, or the reasons why it has none."""

    content: Content
    errors: tuple[RecordError, ...] = ()


def decode(record_type: RecordType, side: Side, raw: Raw, references: References) -> Decoded:
    """Read a side's raw record.

    Every field is tried, so that a person sees all that is wrong at once.
    """
    currency = references.home_currency
    own_currency = record_type.currency
    content: Content = {}
    errors: list[RecordError] = []
    for reader in record_type.readers[side]:
        field = reader[0]
        try:
            value = read_by(reader, raw, references, currency)
        except RecordError as error:
            errors.append(error)
            continue
        content[field.name] = value
        if field is own_currency:
            currency = value
        if field.required and value in (None, ()):
            errors.append(_missing(field))
    return Decoded(content, tuple(errors))


def _missing(field: Field) -> FieldError:
    return FieldError(
        f"{field.name} is missing", code="missing", field=field.name, fix=f"Enter {field.name}."
    )


def parents_of(record_type: RecordType, side: Side, raw: Raw) -> set[tuple[str, str]]:
    """Record types and side ids that a raw record refers to.

    Raises:
        RecordError: where a reference cannot be read.
    """
    in_quickbooks = side is Side.QUICKBOOKS
    targets = (
        each.target_in_quickbooks(raw) if in_quickbooks else each.target_on_platform(raw)
        for each in record_type.references
    )
    found = {target for target in targets if target}
    lines = record_type.lines
    if lines is not None:
        found |= (
            lines.references_in_quickbooks(raw)
            if in_quickbooks
            else lines.references_on_platform(raw)
        )
    return found


def platform_row(
    record_type: RecordType, content: Content, fields: Collection[str], references: References
) -> dict[str, Any]:
    """Column values for the named fields; lines stand under "lines"."""
    row: dict[str, Any] = {}
    for field in record_type.fields:
        if field.name in fields:
            field.into_platform(row, content.get(field.name), references)
    return row


def create_body(
    record_type: RecordType, content: Content, references: References
) -> dict[str, Any]:
    """QuickBooks body that creates the record; fields without a value are left out."""
    body: dict[str, Any] = {}
    for field in record_type.fields:
        value = content.get(field.name)
        if field.sent_on_create and value not in (None, ()):
            field.into_quickbooks(body, value, references)
    return body


def update_body(
    record_type: RecordType,
    content: Content,
    changed: Collection[str],
    held: Raw,
    references: References,
) -> dict[str, Any]:
    """Sparse QuickBooks body for the changed fields, laid over what QuickBooks holds.

    held is the record as last read; `needs_held` says when its Id and SyncToken are not enough.
    Only mapped fields that changed are sent, the whole of any object they are part of (an address,
    with the parts that are not mapped), and what QuickBooks demands always.
    """
    sparse = not record_type.full_updates
    body: dict[str, Any] = {"Id": held["Id"], "SyncToken": held["SyncToken"], "sparse": sparse}
    sent = [record_type.by_name[name] for name in changed if record_type.by_name[name].sent]
    roots = {field.root for field in sent}
    kept = roots & record_type.shared_objects
    if record_type.full_updates:
        kept |= {field.root for field in record_type.fields if field.sent_on_create}
    for path in (*record_type.always_sent, *kept):
        if path in held:
            body[path] = copy.deepcopy(held[path])
    currency = content.get("currency") or references.home_currency
    for field in record_type.fields:
        if not field.sent or field.root not in roots:
            continue
        value = content.get(field.name)
        if isinstance(field, Lines):
            body[field.quickbooks] = field.overlay(value or (), held, references, currency)
        elif value is not None or field.name in changed:
            field.into_quickbooks(body, value, references)
    return body


def mark_body(
    record_type: RecordType,
    body: dict[str, Any],
    content: Content,
    marker: str,
    *,
    custom_numbers: bool,
) -> bool:
    """Put the marker into a create's body, or beside a note that an update writes.

    Returns whether the body carries it now.
    """
    marking = record_type.marking
    if marking is None:
        return False
    number, note = record_type.marking_fields
    is_create = "Id" not in body
    given = content.get(number.name) if number else None
    if is_create and number is not None and given is None:
        in_number = marking.number_is_ours(content, custom_numbers)
    elif is_create or (note.quickbooks in body and given != marker):
        in_number = False
    else:
        return False
    put_marker(body, marker, number if in_number else None, note)
    return True


def needs_held(record_type: RecordType, changed: Collection[str]) -> bool:
    """Whether an update needs more of QuickBooks's record than its Id and SyncToken."""
    fields = [record_type.by_name[name] for name in changed]
    shared = record_type.shared_objects
    parts = any(isinstance(field, Lines) or field.root in shared for field in fields)
    return parts or record_type.full_updates or bool(record_type.always_sent)


def removal_body(held: Raw, operation: Operation) -> dict[str, Any]:
    """Body of a delete or void: Id and SyncToken only (section 3.3)."""
    assert operation in (Operation.DELETE, Operation.VOID)
    return {"Id": held["Id"], "SyncToken": held["SyncToken"]}


def sync_token_of(raw: Raw) -> str:
    """QuickBooks's version of a record: SyncToken and LastUpdatedTime together (section 3.1)."""
    return f"{raw.get('SyncToken', '')}|{value_at(raw, 'MetaData.LastUpdatedTime') or ''}"


def dump_conflicts(conflicts: Sequence[Conflict], edited_at: Mapping[Side, datetime | None]) -> str:
    """Conflicts in their stored form, with when the sides were edited."""
    rows = [
        {
            "field": each.field,
            "base": each.base,
            "quickbooks": each.quickbooks,
            "platform": each.platform,
            "winner": each.verdict.winner,
            "reason": each.verdict.reason,
        }
        for each in conflicts
    ]
    times = {side.value: at for side, at in edited_at.items()}
    return canonical_json({"conflicts": rows, "edited_at": times})


def load_conflicts(
    record_type: RecordType, text: str
) -> tuple[tuple[Conflict, ...], dict[Side, datetime | None]]:
    """Conflicts from their stored form; of fields that the record type still has."""
    stored = json.loads(text)
    conflicts = []
    for row in stored["conflicts"]:
        field = record_type.by_name.get(row["field"])
        if field is not None:
            winner = Side(row["winner"]) if row["winner"] else None
            base, quickbooks, platform = (
                field.load(row[name]) for name in ("base", "quickbooks", "platform")
            )
            verdict = Verdict(winner, row["reason"])
            conflicts.append(Conflict(field.name, base, quickbooks, platform, verdict))
    edited_at = {
        Side(side): datetime.fromisoformat(at) if at else None
        for side, at in stored["edited_at"].items()
    }
    return tuple(conflicts), edited_at


def load_content(record_type: RecordType, stored: dict[str, Any]) -> Content:
    """Canonical content from its stored JSON form.

    Fields that the record type no longer has are dropped, new ones are absent.
    """
    return {
        field.name: field.load(stored[field.name])
        for field in record_type.fields
        if field.name in stored
    }
