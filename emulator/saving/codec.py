"""Plain data to JSON text and back, without losing what JSON has no word for.

Decimals keep their digits, and tuples, sets, instants, bytes, floats and the emulator's own small
records come back as what they were. Nothing is executed on reading, so a file from elsewhere can do
no harm.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from emulator.calls import StoredAnswer
from emulator.company import Author, JournalLine

if TYPE_CHECKING:
    from collections.abc import Callable

_TAG = "$"
_RECORDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Author, JournalLine, StoredAnswer)
}


class UnreadableStateError(ValueError):
    """Text that is no state of an emulator; the message says what is wrong."""


def encode(value: Any) -> str:
    """Return plain data as text."""
    return json.dumps(_tagged(value), ensure_ascii=True, separators=(",", ":"))


def decode(text: str) -> Any:
    """Return what `encode` was given."""
    try:
        return _untagged(json.loads(text))
    except (
        ValueError,
        KeyError,
        TypeError,
        InvalidOperation,
        binascii.Error,
        RecursionError,
    ) as error:
        raise UnreadableStateError(f"not a state of the emulator ({error})") from error


def _tagged(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and _TAG not in value:
            return {key: _tagged(member) for key, member in value.items()}
        return {_TAG: "map", "is": [[_tagged(key), _tagged(each)] for key, each in value.items()]}
    if isinstance(value, list):
        return [_tagged(member) for member in value]
    for kind, (name, write, _) in _KINDS.items():
        if isinstance(value, kind):
            return {_TAG: name, "is": write(value)}
    name = type(value).__name__
    if name in _RECORDS:
        parts = {
            each.name: _tagged(getattr(value, each.name)) for each in dataclasses.fields(value)
        }
        return {_TAG: name, "is": parts}
    raise TypeError(f"{name} has no place in a saved state")


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(member) for member in value]
    if not isinstance(value, dict):
        return value
    if _TAG not in value:
        return {key: _untagged(member) for key, member in value.items()}
    name, content = value[_TAG], value["is"]
    if name == "map":
        return {_untagged(key): _untagged(member) for key, member in content}
    if name in _RECORDS:
        return _RECORDS[name](**{key: _untagged(member) for key, member in content.items()})
    return _READERS[name](content)


def _many(value: Any) -> list[Any]:
    return [_tagged(member) for member in value]


_Coding = tuple[str, "Callable[[Any], Any]", "Callable[[Any], Any]"]
#: By type, a datetime before the date it also is.
_KINDS: dict[type[Any], _Coding] = {
    Decimal: ("decimal", str, Decimal),
    float: ("float", float.hex, float.fromhex),
    datetime: ("instant", datetime.isoformat, datetime.fromisoformat),
    date: ("date", date.isoformat, date.fromisoformat),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
    tuple: ("tuple", _many, lambda content: tuple(map(_untagged, content))),
    set: ("set", _many, lambda content: set(map(_untagged, content))),
    frozenset: ("frozenset", _many, lambda content: frozenset(map(_untagged, content))),
}
_READERS = {name: read for name, _, read in _KINDS.values()}
