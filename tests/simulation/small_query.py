"""Conditions of queries, as far as the product sends them; anything else is a mistake of ours.

Understood: nothing, `Id IN (...)`, `Field = '...'`, comparisons of MetaData.CreateTime and
MetaData.LastUpdatedTime with a quoted instant, and several of these joined by AND. A field that
QuickBooks cannot be asked for (section 4 of the reference) is a mistake as well.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from emulator.entities import ENTITIES
from tests.simulation.small_state import Record, State

_VALUE = r"'(?:[^'\\]|\\.)*'"
_CONDITION = re.compile(
    rf"([A-Za-z]+(?:\.[A-Za-z]+)?) *(>=|<=|=|>|<|IN) *({_VALUE}|\({_VALUE}(?:, *{_VALUE})*\))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_TIMES = {"MetaData.CreateTime": "created", "MetaData.LastUpdatedTime": "touched"}

#: Whether a record, by its id, is meant.
Test = Callable[[State, str, Record], bool]


@dataclass(frozen=True)
class Condition:
    """A condition, read once."""

    #: The ids asked for, where the condition names them.
    ids: tuple[str, ...] | None
    tests: tuple[Test, ...]


@lru_cache(maxsize=20_000)
def condition(entity: str, where: str) -> Condition:
    """Read a condition."""
    ids: tuple[str, ...] | None = None
    tests: list[Test] = []
    rest = where.strip()
    while rest:
        match = _CONDITION.match(rest)
        assert match, f"QuickBooks is never asked this: {entity} WHERE {where}"
        name, comparison, values = match[1], match[2], _values(match[3])
        if name == "Id":
            assert comparison in {"=", "IN"}, f"QuickBooks cannot compare ids: {where}"
            ids = values if ids is None else tuple(each for each in ids if each in values)
        else:
            tests.append(_test(entity, name, comparison, values))
        rest = rest[match.end() :]
        assert not rest or rest.startswith(" AND "), f"QuickBooks knows AND only: {where}"
        rest = rest.removeprefix(" AND ")
    return Condition(ids, tuple(tests))


def matching(state: State, entity: str, meant: Condition) -> list[Record]:
    """The records that a condition means, by id from low to high."""
    records = state.records[entity]
    if meant.ids is not None:
        wanted = dict.fromkeys(meant.ids)
        candidates = [(each, records[each]) for each in wanted if each in records]
        if len(candidates) > 1:
            candidates.sort(key=lambda pair: int(pair[0]))
    elif not meant.tests:
        return list(records.values())
    else:
        candidates = list(records.items())
    for test in meant.tests:
        candidates = [(each, record) for each, record in candidates if test(state, each, record)]
    return [record for _, record in candidates]


def _values(text: str) -> tuple[str, ...]:
    return tuple(re.sub(r"\\(.)", r"\1", each[1:-1]) for each in re.findall(_VALUE, text))


def _test(entity: str, name: str, comparison: str, values: tuple[str, ...]) -> Test:
    if name in _TIMES:
        return _time_test(entity, name, comparison, values)
    field = ENTITIES[entity].fields.get(name)
    assert field is not None, f"{entity} has no {name}"
    assert "filter" in field.flags, f"QuickBooks cannot be asked for {entity}.{name}"
    assert comparison == "=", f"only times are compared: {name} {comparison}"
    wanted = values[0].lower()
    if field.kind == "ref":
        return lambda _state, _id, record: (record.get(name) or {}).get("value") == values[0]
    assert field.kind in {"text", "enum", "date"}, f"{entity}.{name} is a {field.kind}"
    return lambda _state, _id, record: str(record.get(name) or "").lower() == wanted


def _time_test(entity: str, name: str, comparison: str, values: tuple[str, ...]) -> Test:
    assert comparison in _COMPARE, f"{name} {comparison}"
    compare, book = _COMPARE[comparison], _TIMES[name]
    instant = datetime.fromisoformat(values[0])
    assert instant.utcoffset() is not None, f"a time without an offset means nothing: {values[0]}"
    wanted = instant.timestamp()
    if book == "created":
        return lambda state, record_id, _record: compare(state.created[entity][record_id], wanted)
    return lambda state, record_id, _record: compare(state.touched[entity][record_id], wanted)
