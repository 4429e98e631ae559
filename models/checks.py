"""The checks a record type declares, which Great Expectations runs on batches.

A check names what it looks at and what to tell a person; `tasks.validate` turns it into an
expectation over a frame with one row per record. Amounts stand in the frame as integer minor
units, because Great Expectations compares with floats (reference stack, section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.records import Content
from models.words import Side

BOTH_SIDES = frozenset(Side)
PLATFORM_ONLY = frozenset({Side.PLATFORM})


@dataclass(frozen=True, kw_only=True)
class Check:
    """One rule about a record.

    fix may use {field} and {value}.
    """

    field: str
    code: str
    message: str
    fix: str
    #: Sides whose records are checked. What QuickBooks stores, it has accepted itself.
    sides: frozenset[Side] = PLATFORM_ONLY


@dataclass(frozen=True, kw_only=True)
class Present(Check):
    """The field has a value."""


@dataclass(frozen=True, kw_only=True)
class LengthAtMost(Check):
    """The text has at most this many characters."""

    length_max: int


@dataclass(frozen=True, kw_only=True)
class WithoutCharacters(Check):
    """The text has none of these characters, given as a regular expression class."""

    pattern: str


@dataclass(frozen=True, kw_only=True)
class AtLeast(Check):
    """The amount is not below a whole number of minor units."""

    minimum: int


@dataclass(frozen=True, kw_only=True)
class NotBefore(Check):
    """The day is not before another day of the record; records without either pass."""

    other: str


@dataclass(frozen=True, kw_only=True)
class SameAmount(Check):
    """The amount equals one computed from the rest of the record, to the minor unit.

    compute gives a Decimal, or None where there is nothing to compare.
    """

    compute: Callable[[Content], object]


@dataclass(frozen=True, kw_only=True)
class Unique(Check):
    """No other live record of the company has this value (compared without case)."""


def name_checks(name: str, *, pattern: str = r"[:\t\r\n]") -> tuple[Check, ...]:
    """What QuickBooks demands of a name besides its length (quickbooks-api 10.1, fault 2180)."""
    return (
        Present(
            field=name,
            code="missing",
            message=f"{name} is missing",
            fix=f"Enter {name}.",
            sides=BOTH_SIDES,
        ),
        WithoutCharacters(
            field=name,
            code="name_character",
            message=f"{name} has a character that QuickBooks does not take in names",
            fix=f"Take colons, tabs and line breaks out of {name}.",
            pattern=pattern,
        ),
    )


def unique_name_checks(record_type: str) -> tuple[Check, ...]:
    """A list entry's name: legal in QuickBooks, and nobody else's."""
    return (
        *name_checks("name"),
        Unique(
            field="name",
            code="duplicate_name",
            message=f"another {record_type} has the same name",
            fix="Give one of them another name; QuickBooks takes a name once.",
        ),
    )


def length_check(name: str, length_max: int) -> Check:
    """A text that QuickBooks limits (section 10.1); made from the field, never written by hand."""
    return LengthAtMost(
        field=name,
        code="too_long",
        message=f"{name} is longer than {length_max} characters",
        fix=f"Shorten {name} to {length_max} characters.",
        length_max=length_max,
    )


def present_check(name: str, *, sides: frozenset[Side] = PLATFORM_ONLY) -> Check:
    """A field that must have a value."""
    return Present(
        field=name, code="missing", message=f"{name} is missing", fix=f"Enter {name}.", sides=sides
    )


def amount_check(name: str, *, minimum: int) -> Check:
    """An amount that must not be negative (0) or must be positive (1 minor unit)."""
    wanted = "not be negative" if minimum == 0 else "be more than zero"
    return AtLeast(
        field=name,
        code="negative_amount",
        message=f"{name} must {wanted}",
        fix=f"Correct {name}; a refund or credit is a record of its own.",
        minimum=minimum,
    )
