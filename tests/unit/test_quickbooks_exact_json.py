"""Amounts travel as exact number literals, or not at all."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.quickbooks import exact_json
from models.errors import FieldError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("100.10"), "100.10"),
        (Decimal("0.30"), "0.30"),
        (Decimal("-54.9999384"), "-54.9999384"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.00"), "0.00"),
        # more digits than Decimal's own arithmetic keeps
        (Decimal("12345678901234567890123456789012.5"), "12345678901234567890123456789012.5"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        ("Zoë ☕ “quoted”", '"Zoë ☕ “quoted”"'),
        ('a\n"b"\\\x00', r'"a\n\"b\"\\\u0000"'),
        ({"Line": [{"Amount": Decimal("5.00")}], "x": ()}, '{"Line":[{"Amount":5.00}],"x":[]}'),
    ],
)
def test_values_are_written_exactly(value: object, expected: str) -> None:
    assert exact_json.encode(value).decode("utf-8") == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Line": [{"Amount": 0.1}]}, "Line[0].Amount is a float"),
        (Decimal("NaN"), "Decimal"),
        (Decimal("Infinity"), "Decimal"),
        (Decimal("1E+9999999"), "Decimal"),
        (Decimal("1E-9999999"), "Decimal"),
        ({"TxnDate": date(2026, 1, 1)}, "TxnDate is a date"),
        ({1: "x"}, "int"),
        ({"x": {1, 2}}, "x is a set"),
    ],
)
def test_what_is_not_exact_is_refused_and_named(value: object, words: str) -> None:
    with pytest.raises(FieldError) as caught:
        exact_json.encode(value)
    assert words in str(caught.value)
    assert caught.value.code == "not_exact"
    assert caught.value.fix


def test_half_a_character_is_refused() -> None:
    with pytest.raises(FieldError, match="surrogate"):
        exact_json.encode({"DisplayName": "\ud83d"})


@pytest.mark.parametrize(
    "text",
    ["NaN", "[Infinity]", "-Infinity", "{", "", "1E999999999999999999", "[" * 10**6, b"\xff\xfe{}"],
)
def test_what_is_no_exact_json_is_not_read(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        exact_json.decode(text)


def test_numbers_are_read_as_decimal_and_large_ids_stay_whole() -> None:
    read = exact_json.decode('{"TotalAmt": 100.10, "Qty": 3, "Id": 9007199254740993, "r": 1e-7}')
    assert read == {
        "TotalAmt": Decimal("100.10"),
        "Qty": 3,
        "Id": 9007199254740993,
        "r": Decimal("1e-7"),
    }
    assert str(read["TotalAmt"]) == "100.10"


amounts = st.decimals(min_value=-(10**15), max_value=10**15, places=9)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | amounts | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(values)
def test_everything_written_reads_back_equal_and_is_plain_json(value: object) -> None:
    written = exact_json.encode(value)
    assert exact_json.decode(written) == value
    json.loads(written)
