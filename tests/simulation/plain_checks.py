"""The record types' checks without Great Expectations, for tens of thousands of cycles a minute.

`validate` answers as `tasks.validate.validate` does, in microseconds where that takes a tenth of a
second; `test_plain_checks` holds the two together. A rule that breaks stops the batch here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from models import checks
from models.checks import Check
from models.errors import FieldError
from models.record_type import RecordType
from models.words import Side
from tasks.validate import Subject, ValidationBrokenError, applies, failure_of

#: Whether a record fails a check.
Fails = Callable[[Subject], bool]
ZERO = Decimal(0)


class Judged(NamedTuple):
    """A check, ready to be asked."""

    check: Check
    field: str
    #: Another field whose edit counts, or the same again.
    other: str
    fails: Fails


class Judge(NamedTuple):
    """A side's checks of a record type, each made ready once."""

    all: tuple[Judged, ...]
    #: Field and longest text, for a look at most checks at once.
    lengths: tuple[tuple[str, int], ...]
    rest: tuple[Fails, ...]


def validate(
    record_type: RecordType, side: Side, subjects: Mapping[int, Subject]
) -> dict[int, FieldError]:
    """The first failed check of each record that has one.

    Raises:
        ValidationBrokenError: a rule could not be evaluated.
    """
    judge = _judge(record_type, side)
    if _is_beyond_doubt(judge, subjects):
        return {}
    failures: dict[int, FieldError] = {}
    for check, field, other, fails in judge.all:
        if not any(_is_touched(each, field, other) for each in subjects.values()):
            continue
        try:
            failed = [link_id for link_id, each in subjects.items() if fails(each)]
        except Exception as error:
            raise ValidationBrokenError(
                f"the check {check.code} of {check.field} could not be evaluated: {error!r}"
            ) from error
        for link_id in failed:
            if link_id not in failures and applies(check, subjects[link_id]):
                failures[link_id] = failure_of(check, subjects[link_id])
    return failures


def _is_beyond_doubt(judge: Judge, subjects: Mapping[int, Subject]) -> bool:
    """Whether no record fails any check, whatever was edited; in doubt one looks closely."""
    for subject in subjects.values():
        content = subject.content
        for field, length_max in judge.lengths:
            value = content.get(field)
            if value is not None and (value.__class__ is not str or len(value) > length_max):
                return False
        try:
            for fails in judge.rest:
                if fails(subject):
                    return False
        except Exception:  # noqa: BLE001
            return False
    return True


def _is_touched(subject: Subject, field: str, other: str) -> bool:
    """What `tasks.validate.applies` says, without asking what kind of check it is."""
    base, content = subject.base, subject.content
    return (
        base is None
        or content.get(field) != base.get(field)
        or (other != field and content.get(other) != base.get(other))
    )


@cache
def _judge(record_type: RecordType, side: Side) -> Judge:
    """A side's checks, each made ready once."""
    judged = tuple(
        Judged(
            check,
            check.field,
            check.other if isinstance(check, checks.NotBefore) else check.field,
            _KINDS[type(check)](check),
        )
        for check in record_type.every_check
        if side in check.sides
    )
    lengths = tuple(
        (each.field, each.check.length_max)
        for each in judged
        if isinstance(each.check, checks.LengthAtMost)
    )
    rest = tuple(each.fails for each in judged if not isinstance(each.check, checks.LengthAtMost))
    return Judge(judged, lengths, rest)


def _is_missing(value: Any) -> bool:
    """Whether a frame counts the value as none: None, and what does not equal itself."""
    return value is None or bool(value != value)  # noqa: PLR0124


# -- one function per kind of check --


def _present(check: Any) -> Fails:
    field = check.field
    return lambda subject: subject.content.get(field) in (None, ())


def _length(check: Any) -> Fails:
    field, length_max = check.field, check.length_max

    def fails(subject: Subject) -> bool:
        value = subject.content.get(field)
        if value is None:
            return False
        return len(str(value)) > length_max and not _is_missing(value)

    return fails


def _characters(check: Any) -> Fails:
    field, pattern = check.field, check.pattern

    def breaks(subject: Subject) -> bool:
        return re.search(pattern, "") is not None

    try:
        search = re.compile(pattern).search
    except re.error:
        return breaks

    def fails(subject: Subject) -> bool:
        value = subject.content.get(field)
        if value is None:
            return False
        return search(str(value)) is not None and not _is_missing(value)

    return fails


def _at_least(check: Any) -> Fails:
    field, minimum = check.field, check.minimum

    def fails(subject: Subject) -> bool:
        value = subject.content.get(field)
        return value is not None and value * 100 < minimum

    return fails


def _not_before(check: Any) -> Fails:
    field, other = check.field, check.other

    def fails(subject: Subject) -> bool:
        day, earlier = subject.content.get(field), subject.content.get(other)
        if day is None or earlier is None or day >= earlier:
            return False
        return not (_is_missing(day) or _is_missing(earlier))

    return fails


def _same_amount(check: Any) -> Fails:
    """A field that is no amount is compared as zero: compute then gives the difference."""
    field, compute = check.field, check.compute

    def fails(subject: Subject) -> bool:
        computed = compute(subject.content)
        value = subject.content.get(field)
        if value is None or computed is None:
            return False
        amount = value if isinstance(value, Decimal) else ZERO
        return amount != computed and not _is_missing(amount) and not _is_missing(computed)

    return fails


def _unique(check: Any) -> Fails:
    code = check.code
    return lambda subject: bool(subject.taken) and len(subject.taken.get(code, ())) > 0


_KINDS: dict[type[Check], Callable[[Any], Fails]] = {
    checks.Present: _present,
    checks.LengthAtMost: _length,
    checks.WithoutCharacters: _characters,
    checks.AtLeast: _at_least,
    checks.NotBefore: _not_before,
    checks.SameAmount: _same_amount,
    checks.Unique: _unique,
}
