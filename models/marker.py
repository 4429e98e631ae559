"""The marker: a short code in a QuickBooks record that says which platform record it was made from.

QuickBooks has no field for somebody else's key, and its request ids are best effort, so a record
that we make carries its origin itself (quickbooks-api, section 12.1). After a lost answer, or after
the database was restored from a backup, the marker tells our record from one that a person made
alike. The code follows from the platform's record alone: it is the same in every attempt, in every
run, and after a restore.

It stands in the number of a document, where the company leaves that to us, and else in a line of
the private note. Entries of name lists need none: QuickBooks takes a name once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from models.fields import Field, MutableRaw, Raw, Text, value_at
from models.records import Content, References, Value

#: Letters and digits that nobody mistakes for others (Crockford's base 32).
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 13
_CODE = re.compile(rf"QS-[{_ALPHABET}]{{{_CODE_LENGTH}}}")
_CODE_IN_NOTE = re.compile(rf"\s*\b{_CODE.pattern}\b")
#: What a marker's line takes of a note.
NOTE_RESERVE = 20
#: QuickBooks takes private notes of 4,000 characters (section 10.1).
NOTE_LENGTH_MAX = 4_000 - NOTE_RESERVE


@dataclass(frozen=True, kw_only=True)
class Marking:
    """Where a record type's QuickBooks records carry the marker."""

    #: Field of the private note.
    note: str
    #: Field of the document's number or reference; "" where it has none.
    number: str = ""
    #: Whether the number is ours to give, from the content and whether the company numbers its
    #: sales forms itself.
    number_is_ours: Callable[[Content, bool], bool] = lambda _content, _custom_numbers: False


def marker_of(origin: str, record_type: str, platform_id: str) -> str:
    """The marker of a platform record, such as "QS-5M2K...".

    origin names the company and its QuickBooks company, so that no two share a marker.
    """
    digest = hashlib.sha256(f"{origin}\n{record_type}\n{platform_id}".encode()).digest()
    number = int.from_bytes(digest[:9])
    code = ""
    for _ in range(_CODE_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        code += _ALPHABET[rest]
    return f"QS-{code}"


def marker_in(raw: Raw, number: Field | None, note: Field) -> str | None:
    """The marker that a QuickBooks record carries in its number or private note."""
    value = value_at(raw, number.quickbooks) if number else None
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    text = value_at(raw, note.quickbooks)
    found = _CODE.search(text) if isinstance(text, str) else None
    return found[0] if found else None


def without_marker(text: str) -> str:
    """A private note as people wrote it."""
    return _CODE_IN_NOTE.sub("", text).strip() if "QS-" in text else text


def with_marker(text: str, marker: str) -> str:
    """A private note with the marker in a line of its own."""
    return f"{text}\n{marker}" if text else marker


@dataclass(frozen=True, kw_only=True)
class Note(Text):
    """The private note of a document: the marker in it belongs to us and is not part of the text.

    Voiding writes "Voided - " in front of what stands there, which may be the marker alone.
    """

    length_max: int = NOTE_LENGTH_MAX

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """The text without the marker."""
        value = value_at(raw, self.quickbooks)
        if isinstance(value, str):
            kept = without_marker(value)
            value = kept if kept == value else kept.removesuffix(" -")
        return None if value is None or value == "" else self.checked(value, currency)


def put_marker(body: MutableRaw, marker: str, number: Field | None, note: Field) -> None:
    """Write the marker into a body: as its number, or into the note where none is given."""
    if number is not None:
        body[number.quickbooks] = marker
    else:
        body[note.quickbooks] = with_marker(str(body.get(note.quickbooks) or ""), marker)
