"""JSON in which money stays exact: decimals in, decimals out, never a float.

QuickBooks sends amounts as JSON numbers with two decimals, prices with up to seven. A float would
lose the last digits of some of them, so numbers with a fraction are read as `Decimal` and written
back digit by digit. Source: the behaviour dossier, section 12.10, and the notes on recorded data,
section "Numbers" (a bare `0` for zero, trailing zeros trimmed, never a number as text).
"""

from __future__ import annotations

import json
import re
import secrets
from decimal import Decimal
from typing import Any

# The C encoder of the standard library has no way to write a Decimal as a bare number. Decimals
# therefore travel through it as marked strings, and the marks are taken off again afterwards. The
# mark is random for each process, so that no text sent by a client can be taken for one.
_MARK = f"\x00{secrets.token_hex(8)}:"
_MARKED = re.compile(
    rb'"' + json.dumps(_MARK)[1:-1].encode().replace(b"\\", b"\\\\") + rb'([^"]*)"'
)


class InexactNumberError(ValueError):
    """JSON with NaN or Infinity, which no amount of money can be."""


def trimmed(value: Decimal) -> str:
    """Return the plain digits of a decimal: no exponent, no trailing zeros, bare 0 for zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _refuse_constant(name: str) -> Any:
    raise InexactNumberError(name)


def loads(text: str | bytes) -> Any:
    """Read JSON, keeping every number with a fraction exact."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def _encode(value: object) -> str:
    if isinstance(value, Decimal):
        return _MARK + trimmed(value)
    raise TypeError(f"{type(value).__name__} does not belong in a QuickBooks body")


def dumps(value: Any) -> bytes:
    """Write JSON as UTF-8 bytes, keeping every decimal exact."""
    text = json.dumps(value, default=_encode, ensure_ascii=False, separators=(",", ":"))
    return _MARKED.sub(rb"\1", text.encode())


def copy(value: Any) -> Any:
    """Return an independent copy of a JSON value."""
    if isinstance(value, dict):
        return {key: copy(member) for key, member in value.items()}
    if isinstance(value, list):
        return [copy(member) for member in value]
    return value
