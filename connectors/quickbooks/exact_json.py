"""JSON with exact numbers, in both directions.

Amounts are Decimal in the program and plain number literals on the wire: never a float, never a
string. Both libraries get this wrong (reference quickbooks-api, section 11), so bodies are written
and read here. Reading refuses NaN and Infinity; writing refuses everything that is not exact.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Any

from models.errors import FieldError

#: Digits before or after the point beyond which a number is a mistake, not an amount.
_DIGITS_MAX = 40
#: Where a value stands: what it stands in, and its key or number there; () is the whole.
_Path = tuple["_Path", str | int] | tuple[()]


def decode(text: str | bytes) -> Any:
    """Read JSON; numbers with a point become Decimal.

    Raises:
        ValueError: the text is not JSON, or holds a number that is not finite.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    try:
        return json.loads(text, parse_float=_read_number, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def encode(value: object) -> bytes:
    """Write JSON as UTF-8; a Decimal becomes its exact literal.

    Raises:
        FieldError: the value holds a float, a number that is not finite, or something unknown.
    """
    try:
        return _write(value, ()).encode("utf-8")
    except UnicodeEncodeError:
        raise FieldError(
            "The text holds half a character (a lone surrogate)",
            code="not_text",
            fix="Type the text of this record again.",
        ) from None


def _read_number(text: str) -> Decimal:
    """Read one number with a point or an exponent."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("a number is out of range") from None
    # an exponent such as E999999 would become a million digits as soon as it is written out
    if not _in_range(number):
        raise ValueError("a number is out of range")
    return number


def _refuse_constant(name: str) -> Any:
    """Refuse NaN and the infinities, which are not JSON."""
    raise ValueError(f"{name} is not a number")


def _write(value: object, path: _Path) -> str:
    """Write one value; path leads to it, for errors."""
    match value:
        case str():  # as most values are
            return encode_basestring(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case Decimal():
            return _literal(value, path)
        case _:
            return _write_structure(value, path)


def _write_structure(value: object, path: _Path) -> str:
    """Write an object or a list; everything else may not travel."""
    # asking for a dict first spares nearly all the slower question for any mapping
    if type(value) is dict or isinstance(value, Mapping):
        return _write_object(value, path)
    if isinstance(value, list | tuple):
        items = (_write(item, (path, i)) for i, item in enumerate(value))
        return f"[{','.join(items)}]"
    raise _not_exact(value, path)


def _write_object(value: Mapping[Any, Any], path: _Path) -> str:
    """Write one object; its keys must be text."""
    parts: list[str] = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise _not_exact(key, path)
        parts.append(f"{encode_basestring(key)}:{_write(item, (path, key))}")
    return f"{{{','.join(parts)}}}"


def _literal(value: Decimal, path: _Path) -> str:
    """Write a Decimal digit by digit: 100.10 stays 100.10."""
    if not _in_range(value):
        raise _not_exact(value, path)
    # minus zero is zero; copy_abs does not round, abs() would
    return format(value or value.copy_abs(), "f")


def _in_range(value: Decimal) -> bool:
    """Tell whether a number is finite and short enough to be an amount."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and max(abs(exponent), abs(value.adjusted())) <= _DIGITS_MAX


def _dotted(path: _Path) -> str:
    """A path as people write it, such as "Line[0].Amount"."""
    dotted = ""
    while path:
        path, part = path
        dotted = f"[{part}]{dotted}" if isinstance(part, int) else f".{part}{dotted}"
    return dotted.removeprefix(".")


def _not_exact(value: object, path: _Path) -> FieldError:
    """Build the error for a value that may not travel."""
    name = _dotted(path)
    return FieldError(
        f"{name or 'The body'} is a {type(value).__name__}; only exact values are sent",
        code="not_exact",
        field=name,
        value=value,
        fix="Report this as a bug: amounts must be exact decimals before they are sent.",
    )
