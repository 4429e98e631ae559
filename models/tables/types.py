"""Column types that keep money and time exact on SQLite and PostgreSQL alike.

SQLite silently corrupts `Numeric` (it stores a float) and drops the offset of `DateTime`;
PostgreSQL silently rounds. So amounts travel as `ExactDecimal` and instants as `UTCDateTime`, which
refuse what they cannot keep.

Other programs write the same tables by raw SQL and can leave values that no type can read: a REAL
in an amount on SQLite, NaN in a NUMERIC, an infinite timestamp. One such row must not spoil a whole
read, so `raw_columns` selects values as the driver hands them over and `decode_value` turns them
into Python one by one; its ValueError says what is wrong with that one.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    Numeric,
    String,
    Table,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

#: The largest scaled amount that SQLite's 64-bit integer holds; the limit on both databases.
SCALED_MAX = 2**63 - 1
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal that is stored exactly or not at all.

    NUMERIC on PostgreSQL; on SQLite a BIGINT of value x 10**scale, which sorts and sums right. On
    SQLite avg() and arithmetic with plain numbers in SQL are off by the scale: compute in Python.

    Args:
        precision: most digits in all.
        scale: digits after the point: 5 for amounts, 7 for quantities, unit prices and rates.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int = 19, scale: int = 5) -> None:
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(self.precision, self.scale))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | int | None:
        """Python to database; refuses what would not come back equal."""
        if value is None:
            return None
        scaled = self._scaled(value)
        return scaled if dialect.name == "sqlite" else _unscaled(scaled, self.scale)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Database to Python."""
        return self.decode_raw(value, dialect.name)

    def decode_raw(self, value: object, dialect_name: str) -> Decimal | None:
        """Return a value as the driver hands it over as Decimal.

        Raises ValueError where another program stored something that is no exact amount.
        """
        if value is None:
            return None
        if dialect_name == "sqlite":
            if isinstance(value, int) and not isinstance(value, bool):
                return _unscaled(value, self.scale)
            raise ValueError(
                f"{value!r} is not an exact amount: SQLite keeps amounts as whole numbers of "
                f"1/{10**self.scale}, this is {_kind(value)}; write {10**self.scale} for 1"
            )
        if isinstance(value, Decimal) and value.is_finite():
            return _plain(value)
        raise ValueError(
            f"{value!r} is not an exact amount but {_kind(value)}; write a number or NULL"
        )

    def _scaled(self, value: object) -> int:
        """Return value x 10**scale as a whole number, or raise ValueError."""
        if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
            raise ValueError(  # noqa: TRY004 - one error for all that cannot be kept
                f"{value!r} is {_kind(value)}, not an exact amount; use a Decimal or an int"
            )
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(f"{value!r} is not a finite amount; use a number or None")
        if not number:
            return 0
        digits_before_point_max = self.precision - self.scale
        if number.adjusted() >= digits_before_point_max:
            raise ValueError(
                f"{value!r} is too large; at most {digits_before_point_max} digits may stand "
                "before the point"
            )
        scaled = _shifted(number, self.scale)
        if scaled is None:
            raise ValueError(
                f"{value!r} has more than {self.scale} decimals; round it to {self.scale} first"
            )
        if abs(scaled) > SCALED_MAX:
            raise ValueError(
                f"{value!r} is too large; at most {_unscaled(SCALED_MAX, self.scale)} can be kept"
            )
        return scaled


class UTCDateTime(TypeDecorator[datetime]):
    """An instant: aware going in, aware and in UTC coming out.

    TIMESTAMP WITH TIME ZONE on PostgreSQL; on SQLite text 'YYYY-MM-DD HH:MM:SS.ffffff' in UTC,
    which sorts as time.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type in the database."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Python to database; refuses a time without an offset."""
        if value is None:
            return None
        if not isinstance(value, datetime):
            raise ValueError(  # noqa: TRY004 - one error for all that cannot be kept
                f"{value!r} is {_kind(value)}, not a time; use an aware datetime"
            )
        if value.utcoffset() is None:
            raise ValueError(
                f"{value.isoformat(' ')} has no time zone, so it names no instant; "
                "use an aware datetime such as datetime.now(UTC)"
            )
        instant = value.astimezone(UTC)
        return instant if dialect.name == "postgresql" else instant.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        return self.decode_raw(value, dialect.name)

    def decode_raw(self, value: object, dialect_name: str) -> datetime | None:
        """Return a value as the driver hands it over as an aware datetime in UTC.

        Raises ValueError where another program stored something that is no instant.
        """
        if value is None:
            return None
        instant = _parsed_time(value)
        if instant is None:
            raise ValueError(
                f"{value!r} is not a time but {_kind(value)}; "
                "write it as 'YYYY-MM-DD HH:MM:SS.ffffff' in UTC"
            )
        if instant.utcoffset() is None:
            if dialect_name == "postgresql":
                raise ValueError(f"{value!r} has no time zone, so it names no instant")
            return instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC)


class utc_now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock, in the form that `UTCDateTime` stores; for defaults of columns."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(utc_now)
def _utc_now(_element: utc_now, _compiler: SQLCompiler, **_options: Any) -> str:
    """PostgreSQL: the instant of the statement, not that of its transaction's start."""
    return "clock_timestamp()"


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(_element: utc_now, _compiler: SQLCompiler, **_options: Any) -> str:
    """SQLite: milliseconds, padded to six digits."""
    return "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"


class unparsed(FunctionElement[Any]):  # noqa: N801 - as above
    """A date or time column as text.

    On PostgreSQL the driver itself fails on 'infinity' and on years beyond 9999, for the whole
    read; as text they arrive.
    """

    type = NullType()
    inherit_cache = True


@compiles(unparsed)
def _unparsed(element: unparsed, compiler: SQLCompiler, **options: Any) -> str:
    """SQLite keeps text already."""
    return compiler.process(element.clause_expr.element, **options)


@compiles(unparsed, "postgresql")
def _unparsed_postgresql(element: unparsed, compiler: SQLCompiler, **options: Any) -> str:
    """The session's DateStyle is ISO and its zone is UTC (connectors/database.py)."""
    return f"CAST({compiler.process(element.clause_expr.element, **options)} AS TEXT)"


@cache
def raw_columns(table: Table) -> tuple[ColumnElement[Any], ...]:
    """Return every column of a table, by its name, for a select whose values nothing converts.

    Give each value to `decode_value`, so that a bad one concerns its own row only.
    """
    return tuple(_raw_column(column).label(column.name) for column in table.columns)


def decode_value(column: Column[Any], value: object, dialect_name: str) -> object:
    """Return one value of a `raw_columns` select as the Python value that its column promises.

    Raises ValueError where the stored value is of another kind; the message starts with the value
    and says what to write instead.
    """
    kind = column.type
    if value is None:
        return None
    if isinstance(kind, ExactDecimal | UTCDateTime):
        return kind.decode_raw(value, dialect_name)
    if isinstance(kind, Date):
        return decode_date(value)
    if isinstance(kind, Boolean):
        return decode_boolean(value)
    if isinstance(kind, Integer):
        return _decode_integer(value)
    if isinstance(kind, String):
        return _decode_text(value)
    raise TypeError(f"column {column} has a type that nothing here decodes: {kind!r}")


def decode_date(value: object) -> date | None:
    """Return a raw date; a time of day is refused, because a zone could move the day."""
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    parsed: date | None = None
    if isinstance(value, str) and len(value) == len("YYYY-MM-DD"):
        try:
            parsed = date.fromisoformat(value)
        except ValueError:
            parsed = None
    if parsed is None:
        raise ValueError(f"{value!r} is not a date; write it as 'YYYY-MM-DD'")
    return parsed


def decode_boolean(value: object) -> bool | None:
    """Return a raw truth value: true and false, on SQLite 1 and 0."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value in {0, 1}:
        return value == 1
    raise ValueError(f"{value!r} is neither true nor false; write 1 or 0")


def _raw_column(column: Column[Any]) -> ColumnElement[Any]:
    """Return a column whose values come as the driver has them."""
    if isinstance(column.type, UTCDateTime | Date):
        return unparsed(column)
    if isinstance(column.type, ExactDecimal | Boolean):
        return type_coerce(column, NullType())
    return column


def _decode_integer(value: object) -> int:
    """Return a raw whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is {_kind(value)}, not a whole number; write one")


def _decode_text(value: object) -> str:
    """Return raw text that every encoding of the world can carry."""
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - one error for all that cannot be read
            f"{value!r} is {_kind(value)}, not text; write text"
        )
    # The engine lets bytes that are no UTF-8 through as lone surrogates, see connectors/database.py
    if _LONE_SURROGATE.search(value):
        raise ValueError(f"{value!r} holds bytes that are not UTF-8; write it again as UTF-8")
    return value


def _parsed_time(value: object) -> datetime | None:
    """Return a datetime of a raw value, or None where it is none."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) < len("YYYY-MM-DD HH:MM"):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _shifted(number: Decimal, scale: int) -> int | None:
    """Return number x 10**scale, or None where that is no whole number.

    By whole numbers, because Decimal's own arithmetic rounds to the precision of its context. Not
    for numbers of thousands of digits before the point.
    """
    if number and number.adjusted() < -scale:
        return None  # more places to drop than digits: a fraction of any length
    numerator, denominator = number.as_integer_ratio()
    scaled, rest = divmod(numerator * int(10**scale), denominator)
    return None if rest else scaled


def _unscaled(scaled: int, scale: int) -> Decimal:
    """Return scaled / 10**scale without trailing zeros."""
    return _plain(Decimal((int(scaled < 0), tuple(map(int, str(abs(scaled)))), -scale)))


def _plain(number: Decimal) -> Decimal:
    """Return an equal Decimal without trailing zeros, exponent notation or negative zero."""
    if not number:
        return Decimal(0)
    text = f"{number:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _kind(value: object) -> str:
    """Return in plain words what a value is."""
    if isinstance(value, Decimal) and not value.is_finite():
        return "not a number" if value.is_nan() else "infinite"
    names = {bool: "a truth value", float: "a float", str: "text", bytes: "bytes", int: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")
