"""Great Expectations really judges the records, names only those that fail, and never guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models import checks
from models.checks import BOTH_SIDES, Check
from models.fields import Day, Money, Text
from models.record_type import DeleteMeans, RecordType, catalog
from models.words import DataType, Side
from tasks.validate import Subject, ValidationBrokenError, validate

#: One worker loads Great Expectations, which takes seconds.
pytestmark = pytest.mark.xdist_group("great_expectations")


def record_type_with(*wanted: Check) -> RecordType:
    """A record type with only these checks."""
    return RecordType(
        name="thing",
        plural="things",
        data_type=DataType.INVOICES,
        entity="Thing",
        table="things",
        fields=(Text(name="name"), Money(name="total"), Day(name="due_on"), Day(name="issued_on")),
        checks=wanted,
        label="name",
        delete_means=DeleteMeans.DELETE,
    )


def subject(base: Mapping[str, Any] | None = None, taken: Any = None, **content: Any) -> Subject:
    """A record as the validation gets it."""
    return Subject(content, dict(base) if base is not None else None, taken or {})


def failed(check: Check, *subjects: Subject, side: Side = Side.PLATFORM) -> list[int]:
    """Places of the records that fail the check."""
    return sorted(validate(record_type_with(check), side, dict(enumerate(subjects))))


def made(kind: type[Check], field: str, **more: Any) -> Any:
    """A check of this kind."""
    return kind(field=field, code="code", message=f"{field} is wrong", fix=f"Fix {field}.", **more)


TOTAL_IS_TEN = made(checks.SameAmount, "total", compute=lambda _: Decimal(10))
NAME_COUNTS = made(
    checks.SameAmount, "name", compute=lambda content: Decimal(len(content.get("name") or ""))
)
LATE, EARLY = date(2026, 2, 1), date(2026, 1, 1)
BOTH_EARLY = {"due_on": EARLY, "issued_on": EARLY}
#: A check, records that pass it, records that fail it. A value that is not there passes all but
#: Present: whether it must be there is another check's business.
KINDS: list[tuple[Check, list[Subject], list[Subject]]] = [
    (
        made(checks.Present, "name"),
        [subject(name="x"), subject(name=0), subject(name=False)],
        [subject(name=None), subject(), subject(name=())],
    ),
    (
        made(checks.LengthAtMost, "name", length_max=3),
        [subject(name="abc"), subject(name="☕☕☕"), subject(name=None), subject()],
        [subject(name="abcd"), subject(name="☕" * 4)],
    ),
    (
        made(checks.WithoutCharacters, "name", pattern=r"[:\t\r\n]"),
        [subject(name="a b"), subject(name="(.*)"), subject(name=None), subject()],
        [subject(name="a:b"), subject(name=":"), subject(name="a\nb"), subject(name="b\t")],
    ),
    (
        made(checks.AtLeast, "total", minimum=0),
        [subject(total=Decimal(0)), subject(total=Decimal(5)), subject(total=None), subject()],
        [subject(total=Decimal("-0.01")), subject(total=Decimal(-(10**12)))],
    ),
    (
        made(checks.AtLeast, "total", minimum=1),
        [subject(total=Decimal("0.01")), subject(total=None)],
        [subject(total=Decimal(0)), subject(total=Decimal("-0.01"))],
    ),
    (
        made(checks.NotBefore, "due_on", other="issued_on"),
        [
            subject(due_on=LATE, issued_on=EARLY),
            subject(due_on=EARLY, issued_on=EARLY),
            subject(due_on=EARLY),
            subject(issued_on=LATE),
            subject(),
        ],
        [subject(due_on=EARLY, issued_on=LATE)],
    ),
    (
        TOTAL_IS_TEN,
        [subject(total=Decimal("10.00")), subject(total=None), subject()],
        [subject(total=Decimal("10.01")), subject(total=Decimal(-10))],
    ),
    # a field that is no amount: what is computed is the difference, which must be zero
    (NAME_COUNTS, [subject(name=""), subject(name=None)], [subject(name="x")]),
    # nothing to compare with
    (
        made(checks.SameAmount, "total", compute=lambda _: None),
        [subject(total=Decimal(1)), subject()],
        [],
    ),
    (
        made(checks.Unique, "name"),
        [subject(name="x"), subject(name="x", taken={"other": ["1"]}), subject()],
        [subject(name="x", taken={"code": ["1"]}), subject(name="x", taken={"code": ["1", "2"]})],
    ),
]


@pytest.mark.parametrize(("check", "passing", "failing"), KINDS)
def test_each_kind_of_check(check: Check, passing: list[Subject], failing: list[Subject]) -> None:
    """The failing ones are named, all of them and only they, in one batch and each alone."""
    expected = list(range(len(passing), len(passing) + len(failing)))
    assert failed(check, *passing, *failing) == expected
    assert failed(check, *passing) == []
    if failing:
        assert failed(check, failing[0]) == [0]


def test_a_column_of_nothing_passes() -> None:
    """A batch in which no record has the field is no error of the rule."""
    for check, _, _ in KINDS:
        if not isinstance(check, checks.Present):
            assert failed(check, subject(), subject()) == []


def test_money_is_compared_to_the_cent_and_beyond_what_floats_hold() -> None:
    """A float would call these equal: validation sees exact decimals."""
    near = Decimal("99999999999999.01")
    check = made(checks.SameAmount, "total", compute=lambda _: near)
    assert failed(check, subject(total=near), subject(total=near + Decimal("0.01"))) == [1]
    at_least = made(checks.AtLeast, "total", minimum=0)
    assert failed(at_least, subject(total=Decimal("-0.0001"))) == [0]


def test_the_error_says_what_and_how_to_fix_it() -> None:
    """Field, value, code and fix are those of the check; others with the value are named."""
    check = made(checks.Unique, "name")
    (error,) = validate(
        record_type_with(check), Side.PLATFORM, {7: subject(name="x\ny", taken={"code": ["3"]})}
    ).values()
    assert (error.code, error.field, error.fix) == ("code", "name", "Fix name.")
    assert "(id 3)" in str(error)
    assert str(error).isprintable()


def test_the_first_check_that_fails_is_told() -> None:
    """One reason at a time, in the order that the record type declares."""
    kinds = record_type_with(
        made(checks.Present, "total"), made(checks.LengthAtMost, "name", length_max=1)
    )
    found = validate(kinds, Side.PLATFORM, {1: subject(name="xx"), 2: subject(name="xx", total=1)})
    assert {link: error.field for link, error in found.items()} == {1: "total", 2: "name"}


def test_a_side_is_asked_only_its_own_checks() -> None:
    """What QuickBooks holds it has accepted; only checks for both sides are asked of it."""
    long = made(checks.LengthAtMost, "name", length_max=1)
    assert failed(long, subject(name="xx"), side=Side.QUICKBOOKS) == []
    both = made(checks.LengthAtMost, "name", length_max=1, sides=BOTH_SIDES)
    assert failed(both, subject(name="xx"), side=Side.QUICKBOOKS) == [0]
    assert validate(record_type_with(long), Side.PLATFORM, {}) == {}


@pytest.mark.parametrize(
    ("check", "base", "content", "fails"),
    [
        # never agreed on: everything is asked
        ("total", None, {"total": Decimal(-1)}, True),
        # the edit does not touch the field: what was agreed on is not asked again
        ("total", {"total": Decimal(-1)}, {"total": Decimal(-1), "name": "new"}, False),
        # the edit touches it
        ("total", {"total": Decimal(1)}, {"total": Decimal(-1)}, True),
        # a field that the base does not know yet
        ("total", {}, {"total": Decimal(-1)}, True),
        # two days: an edit of either one counts
        ("due_on", BOTH_EARLY, {**BOTH_EARLY, "issued_on": LATE}, True),
        ("due_on", {**BOTH_EARLY, "issued_on": LATE}, {**BOTH_EARLY, "issued_on": LATE}, False),
    ],
)  # fmt: skip
def test_only_what_an_edit_touches_is_asked(
    check: str, base: dict[str, Any] | None, content: dict[str, Any], fails: bool
) -> None:
    """An old flaw that both sides hold must not stop every later edit of the record."""
    of = {
        "total": made(checks.AtLeast, "total", minimum=0),
        "due_on": made(checks.NotBefore, "due_on", other="issued_on"),
    }
    assert bool(failed(of[check], subject(base, **content))) is fails


def test_a_check_is_asked_only_where_a_record_has_something_to_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Goal: each check that is asked takes milliseconds, and all but Present pass what is empty."""
    asked: list[Check] = []

    def noted(some: Sequence[Check], _subjects: object) -> list[tuple[int, Check]]:
        asked.extend(some)
        return []

    monkeypatch.setattr("tasks.validate._failed", noted)
    present, length = made(checks.Present, "name"), made(checks.LengthAtMost, "name", length_max=3)
    kinds = record_type_with(present, length)
    assert validate(kinds, Side.PLATFORM, {1: subject(name=None), 2: subject()}) == {}
    assert present in asked
    assert length not in asked
    assert validate(kinds, Side.PLATFORM, {1: subject(name=None), 2: subject(name="abc")}) == {}
    assert length in asked


def test_threads_name_only_their_own_records() -> None:
    """Great Expectations shares state between calls in one context; each thread has its own."""
    check = made(checks.LengthAtMost, "name", length_max=3)

    def work(number: int) -> tuple[set[int], set[int]]:
        mine = {
            number * 100 + place: subject(name="long" if place % 3 == number % 3 else "ok")
            for place in range(12)
        }
        wrong = {link for link, each in mine.items() if each.content["name"] == "long"}
        return set(validate(record_type_with(check), Side.PLATFORM, mine)), wrong

    with ThreadPoolExecutor(4) as pool:
        for found, expected in pool.map(work, range(12)):
            assert found == expected


def test_a_batch_knows_nothing_of_those_before_it() -> None:
    """One thread's batches follow each other in one context, also after one that broke."""
    check = made(checks.LengthAtMost, "name", length_max=3)
    assert failed(check, subject(name="long"), subject(name="ok")) == [0]
    assert failed(check, subject(name="ok"), subject(name="long"), subject(name="long")) == [1, 2]
    with pytest.raises(ValidationBrokenError):
        failed(made(checks.WithoutCharacters, "name", pattern="["), subject(name="long"))
    assert failed(check, subject(name="ok")) == []
    other = made(checks.AtLeast, "total", minimum=0)
    assert failed(other, subject(name="long", total=Decimal(-1)), subject(name="long")) == [0]


@pytest.mark.parametrize(
    "check",
    [
        made(checks.WithoutCharacters, "name", pattern="["),
        made(checks.NotBefore, "due_on", other="name"),
    ],
    ids=["a pattern that is none", "values that cannot be compared"],
)
def test_a_rule_that_breaks_never_counts_as_passed(check: Check) -> None:
    """An exception inside a rule stops the batch, because it says nothing about any record."""
    with pytest.raises(ValidationBrokenError):
        failed(check, subject(name="x", due_on=EARLY), subject(name="y", due_on=LATE))


def broken(_content: object) -> object:
    """A rule with a mistake in it."""
    raise ZeroDivisionError


def test_a_computation_that_breaks_never_counts_as_passed() -> None:
    """The same for what a record type computes itself."""
    with pytest.raises(ValidationBrokenError):
        failed(made(checks.SameAmount, "total", compute=broken), subject(total=Decimal(1)))


@pytest.mark.parametrize("name", catalog())
def test_an_empty_record_lacks_what_must_be_there_and_no_more(name: str) -> None:
    """Of each record type, with and without lines that are none: no other check is in its way."""
    record_type = catalog()[name]
    for side in Side:
        needs = any(
            isinstance(each, checks.Present) and side in each.sides
            for each in record_type.every_check
        )
        found = validate(record_type, side, {1: subject(), 2: subject(lines=())})
        assert {number: error.code for number, error in found.items()} == (
            {1: "missing", 2: "missing"} if needs else {}
        )
