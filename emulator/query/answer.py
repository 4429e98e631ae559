"""Answering a statement: checking its properties, filtering, sorting, cutting a page.

Text compares without case; instants compare as instants, whatever their offsets; `Id` filters only
with `=` and `IN`. Name lists show the active ones unless the statement itself speaks of `Active`.
Without ORDERBY the order is not promised; here transactions come newest id first.
Source: dossier section 4.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.clock import parse_date, parse_instant
from emulator.entities import find_entity
from emulator.entities.shapes import SHAPES
from emulator.presenting import shown
from emulator.query.statement import Condition, SortKey, Statement, Value, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.company import Company, Record
    from emulator.entities.declaration import Entity, Field

DEFAULT_PAGE = 100
_SHAPE_VALUE = {"Email": "Address", "Telephone": "FreeFormNumber", "WebSite": "URI"}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<": lambda left, right: bool(left < right),
    ">": lambda left, right: bool(left > right),
    "<=": lambda left, right: bool(left <= right),
    ">=": lambda left, right: bool(left >= right),
}


def answer(company: Company, text: str) -> dict[str, Any]:
    """Return the QueryResponse object for a statement."""
    statement = parse(text)
    entity = find_entity(statement.entity)
    if entity is None:
        raise faults.query_invalid(f"Invalid context declaration: {statement.entity}")
    for column in statement.columns:
        if column != "*":
            _find(entity, column)
    rows = _filter(company, entity, statement.conditions)
    if statement.counting:
        return {"totalCount": len(rows)}
    rows = _sort(entity, rows, statement.order)
    page = _page(company, statement, rows)
    if not page:
        return {}
    start = statement.start_position or 1
    asked = frozenset(column.lower() for column in statement.columns)
    visible = [shown(company, entity, record, asked) for record in page]
    return {entity.key: visible, "startPosition": start, "maxResults": len(page)}


def _page(company: Company, statement: Statement, rows: list[Record]) -> list[Record]:
    first = (statement.start_position or 1) - 1
    size = min(statement.max_results or DEFAULT_PAGE, company.options.page_cap)
    return rows[first : first + size]


def _find(entity: Entity, path: str) -> tuple[list[str], Field]:
    """Return the wire names of a dotted path and the declaration of its last part."""
    fields = entity.fields
    names: list[str] = []
    declared: Field | None = None
    for part in path.split("."):
        declared = _match(fields, part)
        if declared is None:
            raise faults.query_invalid(f"Property {path} not found for Entity {entity.name}")
        names.append(declared.name)
        fields = SHAPES.get(declared.shape, {})
    assert declared is not None, "a path has at least one part"
    return names, declared


def _match(fields: Any, name: str) -> Field | None:
    exact: Field | None = fields.get(name)
    if exact is not None:
        return exact
    wanted = name.lower()
    return next((field for field in fields.values() if field.name.lower() == wanted), None)


def _filterable(entity: Entity, path: str) -> tuple[list[str], Field]:
    names, declared = _find(entity, path)
    if "filter" not in declared.flags:
        raise faults.query_invalid(f"property '{path}' is not queryable")
    return names, declared


def _filter(company: Company, entity: Entity, conditions: list[Condition]) -> list[Record]:
    tests = [_test(entity, condition) for condition in conditions]
    asked_active = any(condition.property.lower() == "active" for condition in conditions)
    if entity.group == "list" and not asked_active:
        tests.append(lambda record: record.get("Active") is not False)
    return [record for record in company.all(entity.name) if all(test(record) for test in tests)]


def _test(entity: Entity, condition: Condition) -> Callable[[Record], bool]:
    names, declared = _filterable(entity, condition.property)
    if names == ["Id"] and condition.operator not in {"=", "IN"}:
        raise faults.query_invalid(
            f"Operator {condition.operator} is not supported for property Id"
        )
    if names[0] == "AttachableRef":
        return _attached_test(names, declared, condition)
    if condition.operator == "LIKE":
        pattern = _like(str(condition.values[0]))
        return lambda record: bool(pattern.fullmatch(str(_raw(record, names, declared) or "")))
    wanted = [_comparable(declared, value, condition.property) for value in condition.values]
    if condition.operator == "IN":
        return lambda record: _value(record, names, declared) in wanted
    compare, right = _TESTS[condition.operator], wanted[0]

    def test(record: Record) -> bool:
        left = _value(record, names, declared)
        return left is not None and compare(left, right)

    return test


def _attached_test(
    names: list[str], declared: Field, condition: Condition
) -> Callable[[Record], bool]:
    """Return a test of attachments that holds if it does for any of their owners."""
    wanted = {_comparable(declared, value, condition.property) for value in condition.values}
    if condition.operator not in {"=", "IN"}:
        raise faults.query_invalid(
            f"Operator {condition.operator} is not supported for property {condition.property}"
        )

    def test(record: Record) -> bool:
        owners = record.get("AttachableRef") or []
        return any(_value(owner, names[1:], declared) in wanted for owner in owners)

    return test


@lru_cache(maxsize=512)
def _like(pattern: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in pattern.split("%")]
    return re.compile(".*".join(parts), re.IGNORECASE | re.DOTALL)


def _raw(record: Record, names: list[str], declared: Field) -> Any:
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = value.get(_SHAPE_VALUE.get(declared.shape, "value"))
    return value


def _value(record: Record, names: list[str], declared: Field) -> Any:
    """Return a record's value in comparable form, None when there is none."""
    raw = _raw(record, names, declared)
    if raw is None and declared.kind != "bool":
        return None
    return _comparable(declared, raw, declared.name)


def _comparable(declared: Field, value: Value | None, name: str) -> Any:
    if declared.kind == "bool":
        return value is True or str(value).lower() == "true"
    if declared.kind in {"number", "money", "int"}:
        try:
            return Decimal(str(value))
        except InvalidOperation as error:
            raise faults.query_invalid(f"Invalid value '{value}' for property {name}") from error
    if declared.kind in {"date", "instant"}:
        moment = (parse_date if declared.kind == "date" else parse_instant)(str(value))
        if moment is None:
            raise faults.query_invalid(f"Invalid value '{value}' for property {name}")
        return moment
    return str(value).lower()


def _sort(entity: Entity, rows: list[Record], order: list[SortKey]) -> list[Record]:
    if not order:
        return sorted(rows, key=_by_id, reverse=entity.is_transaction)
    ordered = sorted(rows, key=_by_id)
    for key in reversed(order):
        names, declared = _filterable(entity, key.property)

        def sort_value(
            record: Record, names: list[str] = names, declared: Field = declared
        ) -> tuple[bool, Any]:
            if names == ["Id"]:
                return (True, _by_id(record))
            value = _value(record, names, declared)
            return (value is not None, value if value is not None else 0)

        ordered.sort(key=sort_value, reverse=key.descending)
    return ordered


def _by_id(record: Record) -> tuple[int, str]:
    text = str(record["Id"])
    return (int(text) if text.isdecimal() else 0, text)
