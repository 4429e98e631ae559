"""Voids: what is left of a record that people made nothing of in QuickBooks.

QuickBooks keeps the record with zero amounts and says so nowhere but in the first word of its
private note (quickbooks-api 3.4). It is voided by an app or, where that is all there is, by people
in QuickBooks's own pages.
"""

from __future__ import annotations

from models.open_balance import VOID_WORD
from models.record_type import RecordType
from models.records import Content, Value

#: The status of a void record, where its record type has one that follows QuickBooks.
VOIDED = "voided"


def is_void(record_type: RecordType, content: Content) -> bool:
    """Whether a record's content is that of a void one."""
    return (
        record_type.voidable
        and content.get(record_type.amount) == 0
        and str(content.get(_note(record_type)) or "").startswith(VOID_WORD)
    )


def without_void_word(
    record_type: RecordType, base: Content | None, quickbooks: Content
) -> Content:
    """The content of a record that QuickBooks holds as void, with its note as people wrote it.

    A void that only put its word before the note that both sides agreed on is no edit of the note.
    """
    name = _note(record_type)
    if base is None or quickbooks.get(name) != _void_note(base.get(name)):
        return quickbooks
    return {**quickbooks, name: base.get(name)}


def with_void_word(record_type: RecordType, merged: Content, quickbooks: Content) -> Content:
    """The merged content of a record that QuickBooks holds as void, its note still saying so.

    Without that word QuickBooks would show a document of nothing. A record whose amounts are
    entered again is no longer void, and its note is what people wrote.
    """
    if _is_revived(record_type, merged, quickbooks):
        return merged
    name = _note(record_type)
    note = merged.get(name)
    if str(note or "").startswith(VOID_WORD):
        return merged
    return {**merged, name: _void_note(note)}


def _void_note(note: Value) -> str:
    return f"{VOID_WORD} - {note}" if note else VOID_WORD


def _is_revived(record_type: RecordType, merged: Content, quickbooks: Content) -> bool:
    lines = record_type.lines.name if record_type.lines else record_type.amount
    return any(merged.get(name) != quickbooks.get(name) for name in (record_type.amount, lines))


def _note(record_type: RecordType) -> str:
    return record_type.marking_fields[1].name
