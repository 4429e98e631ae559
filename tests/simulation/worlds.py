"""Which books and which state a schedule runs on, by their names."""

from __future__ import annotations

from functools import cache

from tests.simulation.schedule import Base, base

BOOKS = ("small", "emulator")
STATES = ("memory", "sql")


@cache
def _made(books: str, state: str, *, custom_numbers: bool) -> Base:
    if (books, state) == ("small", "memory"):
        return base(custom_numbers=custom_numbers)
    from tests.simulation.slow_sides import slow_base

    return slow_base(books, state, custom_numbers=custom_numbers)


def bases_of(books: str, state: str, *, custom_numbers: bool) -> Base:
    """The company to begin with; made once in each process."""
    return _made(books, state, custom_numbers=custom_numbers)
