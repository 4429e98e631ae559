"""Reading a body: unknown properties, kinds of value, lengths, enumerations, read-only values.

Numbers may come as text and ids as numbers; QuickBooks takes both. Read-only properties are
dropped in silence. An unknown property is refused with the list of known ones.
Source: dossier sections 2 (read-only ignored), 8.1 (2010, 2050, 2080, 2090, 2170, 2180), 10.1.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.clock import parse_date, parse_instant
from emulator.entities.shapes import SHAPES
from emulator.exact_json import trimmed
from emulator.writing.draft import cents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.company import Record
    from emulator.entities.declaration import Entity, Field

_FORBIDDEN_IN_NAMES = frozenset(":\t\n\r")
_DECIMALS = 7
_AMOUNT_LIMIT = Decimal(10) ** 13
_REFERENCE_KEYS = frozenset({"value", "name", "type"})


def clean(entity: Entity, body: Record) -> Record:
    """Return the writable part of a body, coerced; None stands for "empty this field"."""
    cleaned: Record = {}
    for name, value in body.items():
        declared = _declared(entity.fields, name, entity.name)
        if "readonly" in declared.flags:
            continue
        cleaned[name] = _value(declared, value, name)
    return cleaned


def _declared(fields: Mapping[str, Field], name: str, shape: str) -> Field:
    declared = fields.get(name)
    if declared is None:
        raise faults.unknown_property(name, shape, sorted(fields))
    return declared


def _shape(shape: str, value: Any, path: str) -> Record | None:
    if not isinstance(value, dict):
        raise faults.bad_value(path, value)
    fields = SHAPES[shape]
    cleaned: Record = {}
    for name, member in value.items():
        declared = _declared(fields, name, shape)
        # An address keeps its Id and so may a line; other read-only members are dropped.
        if "readonly" in declared.flags:
            continue
        coerced = _value(declared, member, f"{path}.{name}")
        if coerced is not None:
            cleaned[name] = coerced
    return cleaned


def _value(declared: Field, value: Any, path: str) -> Any:
    """Coerce one value to its declared kind; None and empty text mean "nothing"."""
    if value is None or value == "":
        return None
    kind = declared.kind
    if kind == "any":
        return value
    if kind == "shape":
        return _shape(declared.shape, value, path)
    if kind == "list":
        if not isinstance(value, list):
            raise faults.bad_value(path, value)
        return [_shape(declared.shape, member, path) for member in value]
    if kind in {"ref", "currency"}:
        return _reference(value, path)
    return _SCALARS[kind](declared, value, path)


def _reference(value: Any, path: str) -> Record | None:
    if not isinstance(value, dict):
        raise faults.bad_value(path, value)
    for key in value:
        if key not in _REFERENCE_KEYS:
            raise faults.unknown_property(key, "ReferenceType", sorted(_REFERENCE_KEYS))
    if value.get("value") in (None, ""):
        return None
    cleaned = {"value": str(value["value"])}
    if value.get("type"):
        cleaned["type"] = str(value["type"])
    return cleaned


def _text(declared: Field, value: Any, path: str) -> str | None:
    if isinstance(value, dict | list):
        raise faults.bad_value(path, value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "name" in declared.flags:
        text = text.strip(" ")
        if not text.strip() or _FORBIDDEN_IN_NAMES & set(text):
            raise faults.bad_name(path)
    if declared.limit is not None and len(text) > declared.limit:
        raise faults.wrong_length(path, declared.limit, len(text))
    return text


def _bool(_declared: Field, value: Any, path: str) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"true", "false"}:
        return str(value).lower() == "true"
    raise faults.bad_value(path, value)


def _decimal(_declared: Field, value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise faults.bad_number(path, value)
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise faults.bad_number(path, value) from error
    if not number.is_finite() or abs(number) >= _AMOUNT_LIMIT:
        raise faults.bad_number(path, value)
    return number


def _number(declared: Field, value: Any, path: str) -> Decimal:
    """Read a quantity, price or rate: seven decimals at most, no trailing zeros."""
    number = _decimal(declared, value, path)
    return Decimal(trimmed(round(number, _DECIMALS)))


def _money(declared: Field, value: Any, path: str) -> Decimal:
    return cents(_decimal(declared, value, path))


def _int(declared: Field, value: Any, path: str) -> int:
    number = _decimal(declared, value, path)
    if number != number.to_integral_value():
        raise faults.bad_number(path, value)
    return int(number)


def _date(_declared: Field, value: Any, path: str) -> str:
    day = parse_date(value) if isinstance(value, str) else None
    if day is None:
        raise faults.bad_value(path, value)
    return day.isoformat()


def _instant(_declared: Field, value: Any, path: str) -> str:
    if not isinstance(value, str) or parse_instant(value) is None:
        raise faults.bad_value(path, value)
    return value


def _enum(declared: Field, value: Any, path: str) -> str:
    if value not in declared.choices:
        raise faults.bad_choice(path, value)
    return str(value)


_SCALARS = {
    "text": _text,
    "bool": _bool,
    "number": _number,
    "money": _money,
    "int": _int,
    "date": _date,
    "instant": _instant,
    "enum": _enum,
}
