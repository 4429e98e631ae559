"""The plain checks answer as Great Expectations does, for every record type and side.

Great Expectations takes a tenth of a second a batch, so each record type and side is one batch of
many records: a good record with a few fields replaced by values at and around every limit.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models import checks
from models.checks import BOTH_SIDES, Check
from models.errors import FieldError
from models.fields import Choice, Day, Field, Flag, Money, Number
from models.lines import Lines
from models.record_type import RecordType, catalog
from models.records import Content
from models.words import Side
from tasks import validate as real
from tasks.validate import Subject, ValidationBrokenError
from tests.simulation import plain_checks

#: One worker loads Great Expectations, which takes seconds.
pytestmark = pytest.mark.xdist_group("great_expectations")

SUBJECTS = 400
DAY = date(2026, 4, 5)
DAYS = (DAY, None, date(2026, 4, 4), date(2026, 4, 6), date(1900, 1, 1))
AMOUNTS = (
    Decimal(10), None, Decimal(0), Decimal("0.01"), Decimal("-0.01"), Decimal("10.00"),
    Decimal("10.01"), Decimal("0.0001"), Decimal("-0.0001"), Decimal(-10), Decimal(10**14),
    Decimal("99999999999999.01"), Decimal("-0"), 10, 0, -1, True,
)  # fmt: skip
#: Amount and quantity of a line at a price of 5: fitting, half a cent off, a cent off, too much.
AMOUNTS_OF_LINES = (
    ("10", "2"),
    ("10.00", "2.001"),
    ("10", "2.002"),
    ("10.01", "2"),
    ("15", "3"),
    ("-10", "-2"),
)
#: A frame takes all of these for a text.
TEXTS = (
    "good", None, "", " ", "a:b", ":", "tab\tbed", "a\nb", "a\r", 'quo"te', "(.*)", "nan", "None",
    "☕", "e\u0301", 0, 7, 10**30, True, False, Decimal("1.50"), DAY,
)  # fmt: skip
#: Each kind of check is in the catalog; these are kinds of values that it has no field for.
EXTRA = (
    checks.AtLeast(field="total", code="positive", message="total", fix="fix", minimum=1),
    checks.WithoutCharacters(field="name", code="word", message="name", fix="fix", pattern="^n"),
    checks.LengthAtMost(field="name", code="none", message="name", fix="fix", length_max=0),
    checks.SameAmount(
        field="total",
        code="nothing",
        message="total",
        fix="fix",
        compute=lambda content: Decimal("NaN") if content.get("name") else Decimal(10),
    ),
    checks.SameAmount(
        field="name",
        code="counted",
        message="name",
        fix="fix",
        compute=lambda content: len(str(content.get("name") or "")),
    ),
    checks.NotBefore(field="ends", other="begins", code="days", message="ends", fix="fix"),
    checks.Unique(field="name", code="taken", message="name", fix="fix"),
)


def lines_around(field: Lines) -> list[Any]:
    """No lines, and lines of each shape with amounts that fit and that do not."""
    made: list[Any] = [()]
    for shape in field.shapes:
        names = {each.name for each in shape.fields}
        for amount, quantity in AMOUNTS_OF_LINES:
            line: dict[str, Any] = {"kind": shape.kind}
            if "amount" in names:
                line["amount"] = Decimal(amount)
            if {"quantity", "unit_price"} <= names:
                line |= {"quantity": Decimal(quantity), "unit_price": Decimal(5)}
            if "posting" in names:
                debit, credit = ({**line, "posting": word} for word in ("debit", "credit"))
                made += [(debit, credit), (debit, debit)]
            else:
                made += [(line,), (line, line)]
    return [made[1], *made]


def values_around(record_type: RecordType, field: Field) -> list[Any]:
    """A good value of a field, then values at and around the limits of its checks."""
    if isinstance(field, Lines):
        return lines_around(field)
    if isinstance(field, Day):
        return list(DAYS)
    if isinstance(field, Money | Number):
        compared = any(
            isinstance(check, checks.AtLeast) and check.field == field.name
            for check in record_type.checks
        )
        return [*AMOUNTS] if compared else [*AMOUNTS, Decimal("NaN")]
    if isinstance(field, Flag):
        return [False, True, None]
    if isinstance(field, Choice):
        return [*field.words, None]
    limits = {
        check.length_max
        for check in record_type.every_check
        if isinstance(check, checks.LengthAtMost) and check.field == field.name
    }
    around = [letter * (limit + more) for limit in limits for letter in "x☕:" for more in (0, 1)]
    return [*TEXTS, *around]


def subjects_of(record_type: RecordType, count: int) -> dict[int, Subject]:
    """Records that are good but for a few fields, new ones and edited ones."""
    chance = random.Random(record_type.name)
    pools = {each.name: values_around(record_type, each) for each in record_type.fields}
    codes = [check.code for check in record_type.checks if isinstance(check, checks.Unique)]
    good = {name: pool[0] for name, pool in pools.items()}
    if "tax_total" in good:
        good["tax_total"] = Decimal(0)

    def altered(content: Content, most: int) -> Content:
        chosen = chance.sample(sorted(pools), chance.randint(0, min(most, len(pools))))
        return {**content, **{name: chance.choice(pools[name]) for name in chosen}}

    singly = [
        Subject({**good, name: value}, None, {}) for name, pool in pools.items() for value in pool
    ]
    subjects = [*singly, Subject({}, None, {}), Subject({}, {}, {}), Subject({}, good, {})]
    while len(subjects) < len(singly) + count:
        content = altered(good, 4)
        taken = {code: chance.choice([[], ["3"], ["3", "4"]]) for code in [*codes, "unasked"]}
        base = None if chance.random() < 0.4 else altered(content, 2)
        subjects.append(Subject(content, base, taken if chance.random() < 0.3 else {}))
    # ids are links' ids: neither in order nor without gaps
    numbers = chance.sample(range(1, 100 * len(subjects)), len(subjects))
    return dict(zip(numbers, subjects, strict=True))


def told(failures: Mapping[int, FieldError]) -> dict[int, Any]:
    """All that a failure says."""
    return {link_id: (type(error), str(error), vars(error)) for link_id, error in failures.items()}


def check_alike(record_type: RecordType, side: Side) -> dict[int, FieldError]:
    """Both answer alike about many records; the answers."""
    subjects = subjects_of(record_type, SUBJECTS)
    expected = real.validate(record_type, side, subjects)
    found = plain_checks.validate(record_type, side, subjects)
    assert told(found) == told(expected)
    assert len(found) < len(subjects), "some records are good"
    return found


def checks_of(record_type: RecordType, side: Side) -> set[tuple[str, str]]:
    """Code and field of a side's checks."""
    return {(each.code, each.field) for each in record_type.every_check if side in each.sides}


def with_checks(*wanted: Check) -> RecordType:
    """A made-up record type with only these checks, asked of both sides."""
    return replace(
        catalog()["customer"],
        name="thing",
        fields=(
            checks_field("name"),
            Money(name="total"),
            Day(name="begins"),
            Day(name="ends"),
        ),
        checks=tuple(replace(each, sides=BOTH_SIDES) for each in wanted),
    )


def checks_field(name: str) -> Field:
    """A text that no declared length limits."""
    return catalog()["customer"].by_name["name"].__class__(name=name)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("name", catalog())
def test_both_answer_alike(name: str, side: Side) -> None:
    """The same records fail, with the same words; each check is failed by some record."""
    record_type = catalog()[name]
    found = check_alike(record_type, side)
    assert {(each.code, each.field) for each in found.values()} == checks_of(record_type, side)


@pytest.mark.parametrize("check", EXTRA, ids=lambda check: check.code)
def test_both_answer_alike_about_what_the_catalog_lacks(check: Check) -> None:
    """Patterns with anchors, limits of zero, figures that are none."""
    assert check_alike(with_checks(check), Side.QUICKBOOKS)


BROKEN: list[tuple[Check, dict[str, Any]]] = [
    (replace(EXTRA[1], pattern="["), {"name": "x"}),
    (EXTRA[0], {"total": "text"}),
    (EXTRA[5], {"ends": DAY, "begins": "text"}),
    (replace(EXTRA[3], compute=lambda content: content["lacking"]), {}),
]


@pytest.mark.parametrize(("check", "content"), BROKEN)
def test_a_rule_that_breaks_stops_both(check: Check, content: dict[str, Any]) -> None:
    """An exception in a rule says nothing about any record, also where its edit does not count."""
    good = Subject({"name": "x", "total": Decimal(10)}, None, {})
    untouched = Subject(content, content, {})
    for judge in (real.validate, plain_checks.validate):
        with pytest.raises(ValidationBrokenError):
            judge(with_checks(check), Side.PLATFORM, {1: good, 2: untouched})
        assert judge(with_checks(check), Side.PLATFORM, {2: untouched}) == {}, "it is not asked"


def test_every_kind_of_check_is_known_to_both() -> None:
    """A new kind of check has to be judged here too."""
    assert set(plain_checks._KINDS) == set(real._TRANSLATIONS) == set(Check.__subclasses__())


def off_by_one(check: Any) -> plain_checks.Fails:
    """A mistake: one character more is let through."""
    return plain_checks._length(replace(check, length_max=check.length_max + 1))


def never(check: Any) -> plain_checks.Fails:
    """A mistake: nothing fails."""
    return lambda _subject: False


@pytest.mark.parametrize(
    ("kind", "mistaken", "name"),
    [
        (checks.LengthAtMost, off_by_one, "vendor"),
        (checks.AtLeast, never, "item"),
        (checks.Unique, never, "item"),
    ],
)
def test_the_comparison_sees_a_difference(
    kind: type[Check], mistaken: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that is one off and a check that is not asked are found."""
    plain_checks._judge.cache_clear()
    monkeypatch.setitem(plain_checks._KINDS, kind, mistaken)
    try:
        with pytest.raises(AssertionError):
            check_alike(catalog()[name], Side.PLATFORM)
    finally:
        plain_checks._judge.cache_clear()


def test_good_records_are_passed_in_batches_of_one_as_in_large_ones() -> None:
    """The short look at a good record and the long one at a batch with bad ones agree."""
    for record_type in catalog().values():
        subjects = subjects_of(record_type, SUBJECTS)
        for side in Side:
            together = plain_checks.validate(record_type, side, subjects)
            alone: dict[int, FieldError] = {}
            for link_id, each in subjects.items():
                alone |= plain_checks.validate(record_type, side, {link_id: each})
            assert told(alone) == told(together)
