"""Reading admin input: each helper returns a good value or says what is wrong in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.emulator import Emulator

Query = dict[str, str]
Action = Callable[["Emulator", Any, Query], Any]
Actions = dict[tuple[str, str], Action]

_TEXT_MAX = 4_096


class BadInputError(ValueError):
    """Admin input that makes no sense."""


def fields_of(body: Any, *known: str) -> dict[str, Any]:
    """Return the members of a body, which must be among the known ones."""
    if not isinstance(body, dict):
        raise BadInputError(f"The body is {body!r}: send an object with {', '.join(known)}.")
    for name, value in body.items():
        if name not in known:
            raise BadInputError(
                f"Field {name} (value {value!r}) is unknown: use one of {', '.join(known)}."
            )
    return body


def text(fields: dict[str, Any], name: str, what: str) -> str:
    """Return a field that is text with something in it."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _TEXT_MAX:
        raise BadInputError(f"Field {name} has the value {value!r}: give {what}.")
    return value


def truth(fields: dict[str, Any], name: str) -> bool | None:
    """Return a field that is true or false, None if it was not sent."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadInputError(f"Field {name} has the value {value!r}: give true or false.")
    return value


def number(fields: dict[str, Any], name: str, most: int, what: str) -> float:
    """Return a field that is a number from 0 up."""
    value: Any = fields.get(name)
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= most:
        raise BadInputError(f"Field {name} has the value {value!r}: give {what}, 0 or more.")
    return float(value)


def whole(query: Query, name: str, default: int) -> int:
    """Return a parameter that is a whole number."""
    value = query.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise BadInputError(f"Parameter {name} has the value {value!r}: give a whole number.")
    return int(value)


def realm(emulator: Emulator, value: Any) -> str:
    """Return the id of a company that is there; the only one if none is named."""
    if value is None and len(emulator.companies) == 1:
        value = next(iter(emulator.companies))
    if not isinstance(value, str) or value not in emulator.companies:
        known = ", ".join(emulator.companies)
        raise BadInputError(f"Field realm_id has the value {value!r}: use one of {known}.")
    return value


def path(fields: dict[str, Any], name: str) -> Path:
    """Return a field that is a path."""
    value = text(fields, name, "a path")
    if not value.isprintable():
        raise BadInputError(f"Field {name} has the value {value!r}: give a path.")
    return Path(value)


def plain(value: Any) -> Any:
    """Return a value without binary fractions, which the exact encoder refuses."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return [plain(member) for member in value] if isinstance(value, list) else value
