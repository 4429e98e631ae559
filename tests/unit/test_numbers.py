"""What is a number that a row can be known by, and what is none."""

from __future__ import annotations

import pytest

from models.numbers import NUMBER_MAX, number_in


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("01", 1),
        (str(NUMBER_MAX), NUMBER_MAX),
        (str(NUMBER_MAX + 1), None),
        ("0" * 20 + "9" * 30, None),
        ("9" * 5_000, None),
        ("0", None),
        ("", None),
        # all of these are numbers to int()
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1_0", None),
        ("\u0663", None),
        ("\u00b2", None),
    ],
)
def test_a_number_is_one_that_a_row_can_have(text: str, number: int | None) -> None:
    """From 1 to the greatest that the database keeps."""
    assert number_in(text) == number
