"""JSON in which money stays exact: decimals in, decimals out, never a float.

QuickBooks sends amounts as JSON numbers with two decimals, prices with up to seven. A float would
lose the last digits of some of them, so numbers with a fraction are read as `Decimal` and written
back digit by digit. Source: the behaviour dossier, section 12.10, and the notes on recorded data,
section "Numbers" (money with two decimals, a bare `0` for zero, never a number as text;
quantities and rates are trimmed where they are read, see writing/properties.py).
"""

from __future__ import annotations

import json
import secrets
from decimal import Decimal
from typing import Any

# The C encoder of the standard library has no way to write a Decimal as a bare number. Decimals
# therefore travel through it as marked strings, and the marks are taken off again afterwards. The
# marks are random for each process, so that no text sent by a client can be taken for one.
_BEGIN, _END = (f"{secrets.token_hex(8)}:", f":{secrets.token_hex(8)}")
_BEGIN_BYTES, _END_BYTES = f'"{_BEGIN}'.encode(), f'{_END}"'.encode()

#: Numbers further from zero, or closer to it, would fill the memory once they are spelled out.
_EXPONENT_MAX = 100


class InexactNumberError(ValueError):
    """JSON with NaN, Infinity or a number out of all proportion, which no money can be."""


def trimmed(value: Decimal) -> str:
    """Return the plain digits of a decimal: no exponent, no trailing zeros, bare 0 for zero."""
    if value.adjusted() < -_EXPONENT_MAX:
        return "0"
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def spelled(value: Decimal) -> str:
    """Return a decimal with the digits it has: money keeps its two decimals, zero is bare."""
    return format(value, "f") if value and value.adjusted() > -_EXPONENT_MAX else "0"


def _refuse_constant(name: str) -> Any:
    raise InexactNumberError(name)


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if number and abs(number.adjusted()) > _EXPONENT_MAX:
        raise InexactNumberError(text[:40])
    return number or Decimal(0)


def loads(text: str | bytes) -> Any:
    """Read JSON, keeping every number with a fraction exact; a ValueError if it is none."""
    try:
        value = json.loads(text, parse_float=_decimal, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if b"\\ud" in (text.lower() if isinstance(text, bytes) else text.lower().encode()):
        # Half a pair of surrogates is no character and could not be written again.
        json.dumps(value, default=str, ensure_ascii=False).encode()
    return value


def _encode(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_BEGIN}{spelled(value)}{_END}"
    raise TypeError(f"{type(value).__name__} does not belong in a QuickBooks body")


def dumps(value: Any) -> bytes:
    """Write JSON as UTF-8 bytes, keeping every decimal exact."""
    text = json.dumps(value, default=_encode, ensure_ascii=False, separators=(",", ":"))
    return text.encode().replace(_BEGIN_BYTES, b"").replace(_END_BYTES, b"")


def copy(value: Any) -> Any:
    """Return an independent copy of a JSON value."""
    if isinstance(value, dict):
        return {key: copy(member) for key, member in value.items()}
    if isinstance(value, list):
        return [copy(member) for member in value]
    return value
