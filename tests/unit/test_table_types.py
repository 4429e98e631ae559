"""What ExactDecimal and UTCDateTime keep, and what they refuse, without a database."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Date, Integer, LargeBinary, String, select
from sqlalchemy.dialects import postgresql, sqlite

from models.tables.platform import invoices
from models.tables.record_tables import RECORD_TABLES
from models.tables.types import (
    ExactDecimal,
    UTCDateTime,
    decode_boolean,
    decode_date,
    decode_value,
    raw_columns,
)

DIALECTS: list[Any] = [dialect() for dialect in (sqlite.dialect, postgresql.dialect)]
AMOUNT = ExactDecimal(19, 5)
MOMENT = UTCDateTime()

on_both = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


@on_both
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.1, "a float"),
        (True, "a truth value"),
        ("1.00", "text"),
        (Decimal("NaN"), "not a finite amount"),
        (Decimal("sNaN"), "not a finite amount"),
        (Decimal("-Infinity"), "not a finite amount"),
        # One decimal too many, however small
        (Decimal("0.000001"), "more than 5 decimals"),
        (Decimal("1E-999999"), "more than 5 decimals"),
        (Decimal("123456789.123456"), "more than 5 decimals"),
        # One digit too many, however large
        (Decimal(10**14), "too large"),
        (Decimal("1E+999999"), "too large"),
        (10**30, "too large"),
        # 19 digits, and yet more than SQLite's integers hold; refused on both alike
        (Decimal("99999999999999.99999"), "too large"),
    ],
)
def test_what_is_not_exact_is_refused(dialect: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        AMOUNT.process_bind_param(value, dialect)
    assert repr(value) in str(caught.value)
    assert ";" in str(caught.value), "says what to do"


@on_both
@given(scaled=st.integers(-(2**63) + 1, 2**63 - 1), scale=st.sampled_from([5, 7]))
def test_every_amount_that_fits_comes_back_equal(dialect: Any, scaled: int, scale: int) -> None:
    kind = ExactDecimal(19, scale)
    with localcontext(prec=50):
        value = Decimal(scaled).scaleb(-scale)
    stored = kind.process_bind_param(value, dialect)
    assert kind.process_result_value(stored, dialect) == value
    # A context that rounds must not touch it
    with localcontext(prec=2):
        assert kind.process_result_value(kind.process_bind_param(value, dialect), dialect) == value


@pytest.mark.parametrize(
    ("value", "stored", "read"),
    [
        (Decimal("12.50"), 1_250_000, "12.5"),
        (Decimal("-0.00001"), -1, "-0.00001"),
        (Decimal("1E+2"), 10_000_000, "100"),
        (Decimal("-0.0"), 0, "0"),
        # Zeros beyond the scale lose nothing
        (Decimal("1.0000000000"), 100_000, "1"),
        (7, 700_000, "7"),
        (Decimal("12345678901234.56789"), 1234567890123456789, "12345678901234.56789"),
    ],
)
def test_sqlite_keeps_scaled_whole_numbers(value: Any, stored: int, read: str) -> None:
    dialect = DIALECTS[0]
    assert AMOUNT.process_bind_param(value, dialect) == stored
    assert str(AMOUNT.process_result_value(stored, dialect)) == read


@pytest.mark.parametrize(
    ("dialect_name", "raw", "reason"),
    [
        ("sqlite", 12.5, "a float"),
        ("sqlite", "12.50", "text"),
        ("sqlite", b"12", "bytes"),
        ("postgresql", Decimal("NaN"), "not a number"),
        ("postgresql", Decimal("Infinity"), "infinite"),
        ("postgresql", 12.5, "a float"),
    ],
)
def test_a_raw_amount_of_another_kind_is_named(dialect_name: str, raw: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        AMOUNT.decode_raw(raw, dialect_name)
    assert repr(raw) in str(caught.value)


def test_raw_amounts_are_read() -> None:
    assert AMOUNT.decode_raw(None, "sqlite") is None
    assert AMOUNT.decode_raw(1_250_000, "sqlite") == Decimal("12.5")
    assert str(AMOUNT.decode_raw(Decimal("12.50000"), "postgresql")) == "12.5"
    assert str(AMOUNT.decode_raw(Decimal("0E-5"), "postgresql")) == "0"


@on_both
def test_nothing_stays_nothing(dialect: Any) -> None:
    assert AMOUNT.process_bind_param(None, dialect) is None
    assert AMOUNT.process_result_value(None, dialect) is None
    assert MOMENT.process_bind_param(None, dialect) is None
    assert MOMENT.process_result_value(None, dialect) is None


@on_both
@pytest.mark.parametrize(
    ("value", "reason"),
    [(datetime(2026, 11, 22, 13), "no time zone"), ("2026-11-22 13:00:00", "text")],  # noqa: DTZ001
)
def test_a_time_that_names_no_instant_is_refused(dialect: Any, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        MOMENT.process_bind_param(value, dialect)


@on_both
def test_an_instant_is_kept_in_utc(dialect: Any) -> None:
    value = datetime(2026, 11, 22, 23, 30, 0, 5, tzinfo=timezone(timedelta(hours=-5)))
    stored = MOMENT.process_bind_param(value, dialect)
    assert stored is not None
    assert stored.isoformat()[:26] == "2026-11-23T04:30:00.000005"
    read = MOMENT.process_result_value(stored, dialect)
    assert read == value
    assert read is not None
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("dialect_name", "raw", "microsecond"),
    [
        # as the triggers and SQLAlchemy write it
        ("sqlite", "2026-11-22 13:07:12.123000", 123000),
        # CURRENT_TIMESTAMP of raw SQL
        ("sqlite", "2026-11-22 13:07:12", 0),
        ("sqlite", "2026-11-22T13:07:12.5Z", 500000),
        ("sqlite", "2026-11-22 08:07:12-05:00", 0),
        # PostgreSQL's text, which drops trailing zeros
        ("postgresql", "2026-11-22 13:07:12.12+00", 120000),
    ],
)
def test_raw_times_are_read(dialect_name: str, raw: str, microsecond: int) -> None:
    expected = datetime(2026, 11, 22, 13, 7, 12, microsecond, tzinfo=UTC)
    assert MOMENT.decode_raw(raw, dialect_name) == expected


@pytest.mark.parametrize(
    ("dialect_name", "raw"),
    [
        ("sqlite", "yesterday"),
        ("sqlite", "2026-13-45 00:00:00"),
        ("sqlite", "2026-11-22"),
        ("sqlite", 1700000000),
        ("postgresql", "infinity"),
        ("postgresql", "12026-11-22 13:07:12+00"),
        ("postgresql", "0044-03-15 12:00:00+00 BC"),
        ("postgresql", "2026-11-22 13:07:12"),
    ],
)
def test_a_raw_time_of_another_kind_is_named(dialect_name: str, raw: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(raw))):
        MOMENT.decode_raw(raw, dialect_name)


@pytest.mark.parametrize("raw", ["2026-02-30", "20261122", "2026-11-22 00:00:00", 20261122, 1.5])
def test_a_raw_date_of_another_kind_is_named(raw: Any) -> None:
    with pytest.raises(ValueError, match=f"{raw!r} is not a date"):
        decode_date(raw)


def test_raw_dates_and_truth_values_are_read() -> None:
    day = date(2026, 11, 22)
    assert [decode_date(raw) for raw in (None, "2026-11-22", day)] == [None, day, day]
    assert [decode_boolean(raw) for raw in (None, 0, 1, True)] == [None, False, True, True]
    for raw in (2, "true", 0.0):
        with pytest.raises(ValueError, match="neither true nor false"):
            decode_boolean(raw)


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (Column("n", Integer), 5, "5"),
        (Column("n", Integer), 5, True),
        (Column("t", String), "Zoë", b"Zo"),
        (Column("t", String), "Zoë", b"Zo\xeb".decode("utf-8", "surrogateescape")),
        (Column("d", Date), date(2026, 11, 22), "today"),
        (invoices.c.total, None, 0.5),
    ],
)
def test_each_column_says_what_may_stand_in_it(column: Column[Any], good: Any, bad: Any) -> None:
    assert decode_value(column, good, "sqlite") == good
    with pytest.raises(ValueError, match="; write"):
        decode_value(column, bad, "sqlite")


def test_a_type_that_nothing_decodes_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="nothing here decodes"):
        decode_value(Column("b", LargeBinary), b"", "sqlite")


@pytest.mark.parametrize("record_type", RECORD_TABLES)
def test_raw_columns_are_all_columns_by_name(record_type: str) -> None:
    place = RECORD_TABLES[record_type]
    for table in [place.table] if place.lines is None else [place.table, place.lines]:
        statement = select(*raw_columns(table))
        assert [column.name for column in statement.selected_columns] == table.columns.keys()
        for column in table.columns:
            # Every column of the platform's tables can be decoded
            assert decode_value(column, None, "sqlite") is None
