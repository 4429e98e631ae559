"""Every case of a small record that the planner can be given, as one cross product.

Three fields of different kinds, each changed in every way on either side; each side absent, live
or gone; with a base and without; under every rule, with every order of the times of edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple

from models.fields import Choice, Field, Money, Text
from models.lines import Lines, LineShape
from models.policy import Policy
from models.record_type import DeleteMeans, RecordType
from models.records import Content, Observed
from models.words import DataType, Owner, Rule


class Case(NamedTuple):
    """What a merge is given, in the order of its arguments."""

    record_type: RecordType
    base: Content | None
    quickbooks: Observed | None
    platform: Observed | None
    policy: Policy


class Kind(NamedTuple):
    """A kind of field: what both sides agreed on, and what each may make of it."""

    field: Field
    base: Any
    quickbooks: Any
    platform: Any
    empty: Any = None


def _lines(text: str) -> tuple[dict[str, Any], ...]:
    return ({"kind": "item", "description": text}, {"kind": "item", "description": "same"})


_WORDS = {word: word.title() for word in ("open", "paid", "late", "voided")}
_STATUS = Choice(
    name="status",
    quickbooks="Status",
    words=_WORDS,
    owner=Owner.QUICKBOOKS,
    platform_may_set=("voided",),
)
_SHAPE = LineShape(
    kind="item", marker="", constant={}, fields=(Text(name="description", quickbooks="Text"),)
)
KINDS = {
    "both": Kind(Text(name="memo", quickbooks="Memo"), "b", "q", "p"),
    "another": Kind(Text(name="note", quickbooks="Note"), "b", "q", "p"),
    "lines": Kind(
        Lines(name="lines", quickbooks="Line", table="rows", shapes=(_SHAPE,)),
        _lines("b"),
        _lines("q"),
        _lines("p"),
        (),
    ),
    "quickbooks": Kind(
        Money(name="total", quickbooks="Total", owner=Owner.QUICKBOOKS),
        *map(Decimal, (1, 2, 3)),
    ),
    "platform": Kind(
        Text(name="project", quickbooks="Project", owner=Owner.PLATFORM), "b", "q", "p"
    ),
    "once": Kind(Text(name="kind", quickbooks="Kind", create_only=True), "b", "q", "p"),
    "given": Kind(
        Money(name="tax", quickbooks="Tax", owner=Owner.QUICKBOOKS, create_only=True),
        *map(Decimal, (1, 2, 3)),
    ),
    "may set": Kind(_STATUS, "open", "paid", "voided"),
    "may not set": Kind(_STATUS, "open", "paid", "late"),
    "brought back": Kind(_STATUS, "voided", "open", "voided"),
}
#: Records of three fields. Fields meet each other in one place only: one left to a person holds
#: back the whole record. So not every three are needed, but every kind is in one.
TRIPLES = (
    ("both", "quickbooks", "platform"),
    ("lines", "once", "may set"),
    ("both", "another", "lines"),
    ("given", "may not set", "another"),
    ("brought back", "platform", "both"),
)


def small_type(triple: tuple[str, ...]) -> RecordType:
    """A record type with just these kinds of fields."""
    return RecordType(
        name="small",
        plural="smalls",
        data_type=DataType.INVOICES,
        entity="Small",
        table="smalls",
        fields=tuple(KINDS[name].field for name in triple),
        checks=(),
        label=KINDS[triple[0]].field.name,
        delete_means=DeleteMeans.DEACTIVATE if "given" in triple else DeleteMeans.DELETE,
        void_status="voided",
    )


#: What happened to a field since the base: where base, QuickBooks and platform take their value.
CHANGES = {
    "same everywhere": "bbb",
    "QuickBooks changed": "bqb",
    "platform changed": "bbp",
    "both changed alike": "bqq",
    "both changed differently": "bqp",
    "emptied in QuickBooks": "beb",
    "emptied on the platform": "bbe",
    "emptied in QuickBooks, platform changed": "bep",
}

EARLY = datetime(2026, 4, 1, 12, tzinfo=UTC)
LATE = EARLY + timedelta(seconds=1)
#: Later in a second that QuickBooks tells as EARLY.
SAME_SECOND = EARLY + timedelta(microseconds=900_000)
TIMES = (
    (EARLY, LATE),
    (LATE, EARLY),
    (EARLY, EARLY),
    (EARLY, SAME_SECOND),
    (None, LATE),
    (EARLY, None),
    (None, None),
)
STATES = ("absent", "live", "gone")


def rulings(record_type: RecordType) -> list[tuple[Policy, Any, Any]]:
    """Every rule, with the times of edit where they count; and one field left to a person."""
    first, second, _ = record_type.by_name
    rulings = [(Policy(), *times) for times in TIMES]
    rulings += [
        (Policy({"invoices": rule}), EARLY, LATE)
        for rule in (Rule.QUICKBOOKS, Rule.PLATFORM, Rule.REVIEW)
    ]
    mixed = {f"small.{first}": Rule.REVIEW, f"small.{second}": Rule.PLATFORM}
    return [*rulings, (Policy(mixed), LATE, EARLY)]


def three_contents(
    record_type: RecordType, triple: tuple[str, ...], changes: tuple[str, ...]
) -> list[Content]:
    """What base, QuickBooks and platform hold after these changes."""
    values = [
        {"b": kind.base, "q": kind.quickbooks, "p": kind.platform, "e": kind.empty}
        for kind in (KINDS[name] for name in triple)
    ]
    return [
        {
            name: each[change[place]]
            for name, each, change in zip(record_type.by_name, values, changes, strict=True)
        }
        for place in range(3)
    ]


def blocks(triple: tuple[str, ...]) -> Iterator[tuple[list[Content], list[Case]]]:
    """For each way to change the three fields: the contents, and all cases made of them."""
    record_type = small_type(triple)
    ruled = rulings(record_type)
    moments = (EARLY, LATE, SAME_SECOND, None)
    for changes in product(CHANGES.values(), repeat=3):
        contents = three_contents(record_type, triple, changes)
        there, here = (
            {
                (state, at): None
                if state == "absent"
                else Observed(content if state == "live" else None, "1", at)
                for state in STATES
                for at in moments
            }
            for content in contents[1:]
        )
        yield (
            contents,
            [
                Case(record_type, base, there[theirs, their_time], here[ours, our_time], policy)
                for base in (contents[0], None)
                for theirs in STATES
                for ours in STATES
                for policy, their_time, our_time in ruled
            ],
        )


def cases_in(triple: tuple[str, ...]) -> int:
    """How many cases a triple has."""
    return len(CHANGES) ** 3 * 2 * len(STATES) ** 2 * len(rulings(small_type(triple)))
