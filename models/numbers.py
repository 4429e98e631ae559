"""Numbers that rows are known by, as people and addresses write them."""

from __future__ import annotations

from typing import Final

#: What databases keep as an integer.
NUMBER_MAX: Final = 2**31 - 1


def number_in(text: str) -> int | None:
    """The number that a text is; None where it is none that anything here could have.

    Digits of ASCII only, and no more than the greatest number has: int() reads much else, and what
    is too great for the database is an error there.
    """
    is_one = text.isascii() and text.isdigit() and len(text) <= len(str(NUMBER_MAX))
    number = int(text) if is_one else 0
    return number if 0 < number <= NUMBER_MAX else None
