"""Reading a body as QuickBooks does: unknown fields, kinds of value, lengths, references.

The fields are the emulator's own declarations (`emulator/entities`), which are data; here they are
compiled once into one function per field, because the small books read many bodies. An entity that
is declared there needs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Any

from connectors.quickbooks.faults import local_error
from emulator import exact_json, faults
from emulator.clock import parse_date
from emulator.entities import ENTITIES
from emulator.entities.declaration import Field
from emulator.entities.shapes import SHAPES

Record = dict[str, Any]
#: A reference that a body holds: the entities it may mean, itself as cleaned, and its path.
Found = tuple[tuple[str, ...], Record, str]
Cleaner = Callable[[Any, str, list[Found]], Any]

CENT = Decimal("0.01")
ZERO = Decimal(0)
_FORBIDDEN_IN_NAMES = frozenset(":\t\n\r")
_AMOUNT_LIMIT = Decimal(10) ** 13
_SEVEN_DECIMALS = Decimal("0.0000001")
_ONE = Decimal(1)
_REFERENCE_KEYS = frozenset({"value", "name", "type"})


@dataclass(frozen=True)
class Table:
    """The compiled fields of one entity or nested shape."""

    name: str
    #: Field -> its cleaner; None for one that QuickBooks alone sets, which is dropped.
    cleaners: Mapping[str, Cleaner | None]
    #: What a create needs, what every update needs, and what an update cannot empty.
    required: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    not_emptied: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    #: What a full update keeps although it is not sent.
    not_sent: frozenset[str] = frozenset()


@cache
def table_of(entity: str) -> Table:
    """The compiled fields of an entity."""
    declared = ENTITIES[entity]
    fields = declared.fields

    def having(*flags: str) -> tuple[str, ...]:
        return tuple(name for name, field in fields.items() if field.flags & {*flags})

    return Table(
        name=entity,
        cleaners=_compiled(fields),
        required=having("required", "always"),
        always=having("always"),
        not_emptied=frozenset(having("required")) - frozenset(having("keep")),
        keep=frozenset(having("keep")),
        fixed=frozenset(having("fixed")),
        addresses=frozenset(name for name, field in fields.items() if field.shape == "Address"),
        not_sent=frozenset(having("readonly", "fixed")),
    )


@cache
def _shape_table(shape: str) -> Table:
    return Table(name=shape, cleaners=_compiled(SHAPES[shape]))


def _compiled(fields: Mapping[str, Field]) -> dict[str, Cleaner | None]:
    return {
        name: None if "readonly" in field.flags else _cleaner(field)
        for name, field in fields.items()
    }


def clean(table: Table, body: Mapping[str, Any], found: list[Found]) -> Record:
    """The writable part of a body; None stands for "empty this field". References go to found.

    Raises:
        QuickBooksFault: a field is unknown, or its value is none.
        RejectedError: a number is not exact, so that nothing is sent.
    """
    cleaners = table.cleaners
    cleaned: Record = {}
    for name, value in body.items():
        if name not in cleaners:
            raise faults.unknown_property(name, table.name, sorted(cleaners))
        cleaner = cleaners[name]
        if cleaner is None:
            if type(value) is float:
                raise _not_exact(name, value)
        elif value is None or value == "":
            cleaned[name] = None
        else:
            cleaned[name] = cleaner(value, name, found)
    return cleaned


def _shape(table: Table, value: Any, path: str, found: list[Found]) -> Record:
    if type(value) is not dict and not isinstance(value, Mapping):
        raise faults.bad_value(path, value)
    cleaners = table.cleaners
    cleaned: Record = {}
    for name, member in value.items():
        if name not in cleaners:
            raise faults.unknown_property(name, table.name, sorted(cleaners))
        cleaner = cleaners[name]
        if cleaner is None or member is None or member == "":
            continue
        coerced = cleaner(member, f"{path}.{name}", found)
        if coerced is not None:
            cleaned[name] = coerced
    return cleaned


def _cleaner(field: Field) -> Cleaner:
    if field.kind in {"shape", "list"}:
        return _structure(field)
    if field.kind == "ref":
        return _reference(field)
    if field.kind == "text":
        return _text(field)
    if field.kind == "enum":
        return _enum(field)
    return _SIMPLE[field.kind]


def _structure(field: Field) -> Cleaner:
    shape, many = field.shape, field.kind == "list"
    if shape == "JournalEntity":
        return _journal_party

    def one(value: Any, path: str, found: list[Found]) -> Any:
        return _shape(_shape_table(shape), value, path, found)

    def several(value: Any, path: str, found: list[Found]) -> Any:
        if not isinstance(value, list | tuple):
            raise faults.bad_value(path, value)
        table = _shape_table(shape)
        return [_shape(table, member, path, found) for member in value]

    return several if many else one


def _journal_party(value: Any, path: str, found: list[Found]) -> Record:
    """The party of a journal line: the kind beside the reference says whose id it is."""
    before = len(found)
    cleaned = _shape(_shape_table("JournalEntity"), value, path, found)
    kind = cleaned.get("Type")
    if kind and len(found) > before:
        _, reference, where = found.pop()
        reference.pop("type", None)
        found.append(((kind,), reference, where))
    return cleaned


def _reference(field: Field) -> Cleaner:
    choices = field.choices

    def cleaner(value: Any, path: str, found: list[Found]) -> Any:
        cleaned = _reference_value(value, path)
        if cleaned is not None:
            found.append((choices, cleaned, path))
        return cleaned

    return cleaner


def _reference_value(value: Any, path: str) -> Record | None:
    if type(value) is not dict and not isinstance(value, Mapping):
        raise faults.bad_value(path, value)
    target = value.get("value")
    if type(target) is str and target and len(value) == 1:
        return {"value": target}
    for key in value:
        if key not in _REFERENCE_KEYS:
            raise faults.unknown_property(key, "ReferenceType", sorted(_REFERENCE_KEYS))
    if target is None or target == "":
        return None
    kind = value.get("type")
    return {"value": str(target), "type": str(kind)} if kind else {"value": str(target)}


def _currency(value: Any, path: str, _found: list[Found]) -> Any:
    cleaned = _reference_value(value, path)
    return None if cleaned is None else {"value": cleaned["value"].upper()}


def _text(field: Field) -> Cleaner:
    limit, is_name = field.limit, "name" in field.flags

    def cleaner(value: Any, path: str, _found: list[Found]) -> Any:
        if type(value) is not str:
            value = _as_text(value, path)
        if is_name:
            value = value.strip(" ")
            if not value.strip() or not _FORBIDDEN_IN_NAMES.isdisjoint(value):
                raise faults.bad_name(path)
        if limit is not None and len(value) > limit:
            raise faults.wrong_length(path, limit, len(value))
        return value

    return cleaner


def _as_text(value: Any, path: str) -> str:
    if isinstance(value, float):
        raise _not_exact(path, value)
    if isinstance(value, Mapping | list):
        raise faults.bad_value(path, value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _enum(field: Field) -> Cleaner:
    choices = field.choices

    def cleaner(value: Any, path: str, _found: list[Found]) -> Any:
        if value not in choices:
            raise faults.bad_choice(path, value)
        return value

    return cleaner


def _decimal(value: Any, path: str) -> Decimal:
    number = value if type(value) is Decimal else _as_decimal(value, path)
    if not number.is_finite() or abs(number) >= _AMOUNT_LIMIT:
        raise faults.bad_number(path, value)
    return number


def _as_decimal(value: Any, path: str) -> Decimal:
    if isinstance(value, float):
        raise _not_exact(path, value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise faults.bad_number(path, value)
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise faults.bad_number(path, value) from error


def _money(value: Any, path: str, _found: list[Found]) -> Decimal:
    return _decimal(value, path).quantize(CENT, rounding=ROUND_HALF_UP)


def _number(value: Any, path: str, _found: list[Found]) -> Decimal:
    number = _decimal(value, path)
    if number == number.to_integral_value():
        return number.quantize(_ONE)
    return Decimal(exact_json.trimmed(number.quantize(_SEVEN_DECIMALS)))


def _int(value: Any, path: str, _found: list[Found]) -> int:
    number = _decimal(value, path)
    if number != number.to_integral_value():
        raise faults.bad_number(path, value)
    return int(number)


def _bool(value: Any, path: str, _found: list[Found]) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in {"true", "false"}:
        raise faults.bad_value(path, value)
    return str(value).lower() == "true"


def _date(value: Any, path: str, _found: list[Found]) -> str:
    day = parse_date(value) if isinstance(value, str) else None
    if day is None:
        raise faults.bad_value(path, value)
    return day.isoformat()


def _instant(value: Any, path: str, _found: list[Found]) -> str:
    if not isinstance(value, str):
        raise faults.bad_value(path, value)
    return value


def _any(value: Any, _path: str, _found: list[Found]) -> Any:
    return exact_json.copy(value)


_SIMPLE: dict[str, Cleaner] = {
    "currency": _currency,
    "money": _money,
    "number": _number,
    "int": _int,
    "bool": _bool,
    "date": _date,
    "instant": _instant,
    "any": _any,
}


def _not_exact(path: str, value: object) -> Exception:
    detail = f"{path} is a {type(value).__name__}; only exact values are sent"
    return local_error("not_exact", detail, write=True, element=path)
