"""What the platform's columns take, for rows kept in memory: derived once from the Table objects.

Values become what they would be after a round through the database: exact decimals without trailing
zeros, instants in UTC, days without a time. What the stricter of the two databases refuses is
refused here: NULL where none may be, text that is too long, an amount with too many decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Boolean, Column, Date, Integer, String, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import False_, True_

from models.tables.record_tables import RECORD_TABLES
from models.tables.types import ExactDecimal, UTCDateTime, utc_now

Convert = Callable[[Any], Any]

#: Only its name is asked for: values are then given back as decimals and aware instants.
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
#: What an INTEGER of PostgreSQL holds.
_INTEGER_MAX: Final = 2**31 - 1
#: Columns that are given by the store itself.
_OWN_COLUMNS: Final = frozenset({"id", "company_id"})


class RefusedValueError(Exception):
    """The database would not take this value; the message says why."""


@dataclass(frozen=True)
class TableRules:
    """One table's columns: how values are bound, what is refused, what stands where none is given.

    Attributes:
        name: of the table.
        blank: a row with every column in order, at its default.
        stamped: columns that the database fills with the time.
        parents: column -> record type that it refers to.
    """

    name: str
    blank: Mapping[str, Any]
    stamped: tuple[str, ...]
    parents: Mapping[str, str]
    _binders: Mapping[str, Convert]
    _checkers: Mapping[str, Convert]
    _required: tuple[str, ...]

    def bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as the driver would hand them over; "lines" are left out.

        Raises:
            RefusedValueError: a value is of a kind that cannot be kept.
            AssertionError: there is no such column to write.
        """
        binders = self._binders
        bound: dict[str, Any] = {}
        for name, value in values.items():
            if name == "lines":
                continue
            assert name in binders, f"{self.name} has no column {name} to write"
            bound[name] = None if value is None else binders[name](value)
        return bound

    def checked(self, bound: Mapping[str, Any]) -> dict[str, Any]:
        """Bound values as they are stored.

        Raises:
            RefusedValueError: a value does not fit its column.
        """
        checkers = self._checkers
        return {name: checkers[name](value) for name, value in bound.items()}

    def check_complete(self, row: Mapping[str, Any]) -> None:
        """Refuse a new row that leaves out what must be there.

        Raises:
            RefusedValueError: naming the column.
        """
        for name in self._required:
            if row[name] is None:
                raise _null(self.name, name)


@dataclass(frozen=True)
class PlaceRules:
    """Where one record type is kept: its table, and that of its lines."""

    record_type: str
    record: TableRules
    lines: TableRules | None
    #: The column of lines that names the record; "" where there are none.
    line_parent: str


@dataclass(frozen=True)
class Referrer:
    """A column that refers to a record type."""

    record_type: str
    column: str
    in_lines: bool


def _null(table: str, column: str) -> RefusedValueError:
    return RefusedValueError(f"{table}.{column} may not be NULL")


# -- binding: what SQLAlchemy and the drivers do with a value --


@lru_cache(maxsize=65_536, typed=True)
def _exact(kind: ExactDecimal, value: Decimal | int) -> Decimal | None:
    """An amount as it comes back; equal amounts come back alike, so the answer can be kept."""
    bound = kind.process_bind_param(value, _DIALECT)  # type: ignore[arg-type]
    assert not isinstance(bound, int)
    return bound


def _bind_decimal(kind: ExactDecimal) -> Convert:
    def bind(value: Any) -> Any:
        try:
            if type(value) is int or (type(value) is Decimal and value.is_finite()):
                return _exact(kind, value)
            return kind.process_bind_param(value, _DIALECT)
        except ValueError as error:
            raise RefusedValueError(str(error)) from error

    return bind


def _bind_instant(kind: UTCDateTime) -> Convert:
    def bind(value: Any) -> Any:
        try:
            return kind.process_bind_param(value, _DIALECT)
        except ValueError as error:
            raise RefusedValueError(str(error)) from error

    return bind


def _bind_day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    raise RefusedValueError(f"{value!r} is not a date")


def _bind_flag(value: Any) -> bool:
    if isinstance(value, int | float | Decimal) and value in {0, 1}:
        return bool(value)
    raise RefusedValueError(f"{value!r} is neither true nor false")


def _bind_integer(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return int(value)
    raise RefusedValueError(f"{value!r} is not a whole number")


def _bind_text(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RefusedValueError(f"{value!r} is not text")


def _binder(column: Column[Any]) -> Convert:
    kind = column.type
    if isinstance(kind, ExactDecimal):
        return _bind_decimal(kind)
    if isinstance(kind, UTCDateTime):
        return _bind_instant(kind)
    simple: tuple[tuple[type, Convert], ...] = (
        (Date, _bind_day),
        (Boolean, _bind_flag),
        (Integer, _bind_integer),
        (String, _bind_text),
    )
    return next(bind for type_, bind in simple if isinstance(kind, type_))


# -- checking: what the table says about a value --


def _checker(column: Column[Any]) -> Convert:
    """NOT NULL, lengths and ranges of one column."""
    table, name, nullable = column.table.name, column.name, column.nullable
    is_text, is_integer = isinstance(column.type, String), isinstance(column.type, Integer)
    length = column.type.length if isinstance(column.type, String) else None

    def check(value: Any) -> Any:
        if value is None:
            if not nullable:
                raise _null(table, name)
        elif is_text:
            return _checked_text(value, f"{table}.{name}", length)
        elif is_integer and not -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX:
            raise RefusedValueError(f"{value} is out of range for {table}.{name}")
        return value

    return check


def _checked_text(value: str, column: str, length: int | None) -> str:
    if "\x00" in value:
        raise RefusedValueError(f"{column} takes no text with a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise RefusedValueError(f"{column} takes no half characters") from error
    if length is not None and len(value) > length:
        # The SQL standard cuts off spaces without a word
        if value[length:].strip(" "):
            raise RefusedValueError(f"{column} takes at most {length} characters")
        return value[:length]
    return value


# -- the tables --


def _default(column: Column[Any]) -> Any:
    """What a column holds where an insert says nothing; None for the time too."""
    default = column.server_default
    if default is None:
        return None
    given = default.arg  # type: ignore[attr-defined]
    if isinstance(given, True_ | False_):
        return isinstance(given, True_)
    if isinstance(given, utc_now):
        return None
    return int(str(given)) if isinstance(column.type, Integer) else str(given)


def _is_stamped(column: Column[Any]) -> bool:
    default = column.server_default
    return default is not None and isinstance(default.arg, utc_now)  # type: ignore[attr-defined]


_TYPE_OF_TABLE: Final = {place.table.name: name for name, place in RECORD_TABLES.items()}


def _rules(table: Table, own: frozenset[str]) -> TableRules:
    writable = [column for column in table.columns if column.name not in own]
    parents = {
        column.name: _TYPE_OF_TABLE[key.column.table.name]
        for column in writable
        for key in column.foreign_keys
    }
    return TableRules(
        name=table.name,
        blank=MappingProxyType({column.name: _default(column) for column in table.columns}),
        stamped=tuple(column.name for column in table.columns if _is_stamped(column)),
        parents=MappingProxyType(parents),
        _binders=MappingProxyType({column.name: _binder(column) for column in writable}),
        _checkers=MappingProxyType({column.name: _checker(column) for column in writable}),
        _required=tuple(column.name for column in writable if not column.nullable),
    )


def _place(record_type: str) -> PlaceRules:
    place = RECORD_TABLES[record_type]
    record = _rules(place.table, _OWN_COLUMNS)
    if place.lines is None:
        return PlaceRules(record_type, record, None, "")
    parent = place.line_parent.name
    return PlaceRules(record_type, record, _rules(place.lines, _OWN_COLUMNS | {parent}), parent)


#: Record type -> what its tables take.
PLACES: Final[Mapping[str, PlaceRules]] = MappingProxyType(
    {name: _place(name) for name in RECORD_TABLES}
)


def _referrers(record_type: str) -> tuple[Referrer, ...]:
    return tuple(
        Referrer(place.record_type, column, in_lines)
        for place in PLACES.values()
        for rules, in_lines in ((place.record, False), (place.lines, True))
        if rules is not None
        for column, target in rules.parents.items()
        if target == record_type
    )


#: Record type -> columns that refer to it; a row cannot be deleted while one of them does.
REFERRERS: Final[Mapping[str, tuple[Referrer, ...]]] = MappingProxyType(
    {name: _referrers(name) for name in PLACES}
)
