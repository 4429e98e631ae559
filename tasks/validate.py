"""Validate: run a record type's checks over a batch of records with Great Expectations.

One frame with a row per record, one suite built from the record type's checks, one validation in
the thread's own ephemeral context: one that threads share returns other threads' rows (reference
stack, section 2). A failing record is named with the reason; an exception inside a rule stops the
batch, because it says nothing about any record.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models import checks
from models.checks import Check
from models.errors import FieldError, SyncError
from models.record_type import RecordType
from models.records import Content
from models.words import Side

#: The frame's key column: the link's id, which is unique.
KEY = "link_id"
_OF_THREAD = threading.local()

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


class ValidationBrokenError(SyncError):
    """A rule could not be evaluated, so nothing is known about the batch."""


@dataclass(frozen=True)
class Subject:
    """One record to validate."""

    content: Content
    #: What both sides last agreed on: a check of a field that did not change is not asked again.
    base: Content | None
    #: Check code -> ids of other records that have the same value and come first.
    taken: Mapping[str, Sequence[str]]


def validate(
    record_type: RecordType, side: Side, subjects: Mapping[int, Subject]
) -> dict[int, FieldError]:
    """The first failed check of each record that has one.

    Raises:
        ValidationBrokenError: a rule could not be evaluated.
    """
    asked = [
        check
        for check in record_type.every_check
        if side in check.sides and _is_worth_asking(check, subjects.values())
    ]
    if not asked:
        return {}
    failures: dict[int, FieldError] = {}
    for link_id, check in _failed(asked, subjects):
        subject = subjects[link_id]
        if link_id not in failures and applies(check, subject):
            failures[link_id] = failure_of(check, subject)
    return failures


def applies(check: Check, subject: Subject) -> bool:
    """Whether the record's edit touches what the check is about."""
    if subject.base is None:
        return True
    fields = [check.field, check.other] if isinstance(check, checks.NotBefore) else [check.field]
    return any(subject.content.get(name) != subject.base.get(name) for name in fields)


def _is_worth_asking(check: Check, subjects: Collection[Subject]) -> bool:
    """Whether an edit touches what a check is about, and there is anything to look at.

    All but Present pass a field that is empty, and each check that is asked takes milliseconds.
    """
    if not any(applies(check, each) for each in subjects):
        return False
    empty_passes = not isinstance(check, checks.Present)
    return not (empty_passes and all(each.content.get(check.field) is None for each in subjects))


def failure_of(check: Check, subject: Subject) -> FieldError:
    """What is told of a record that fails a check."""
    value = subject.content.get(check.field)
    shown = "" if isinstance(value, tuple) or value is None else value
    others = subject.taken.get(check.code, ())
    message = check.message + (f" (id {', '.join(others)})" if others else "")
    if shown != "" and not isinstance(check, checks.Present):
        message += f": {shown}"
    return FieldError(message, code=check.code, field=check.field, value=shown, fix=check.fix)


def _failed(asked: Sequence[Check], subjects: Mapping[int, Subject]) -> list[tuple[int, Check]]:
    """(link, check) for every check that a record fails, in the order of the checks."""
    import great_expectations as gx
    import pandas as pd

    columns: dict[str, list[Any]] = {KEY: list(subjects)}
    expectations = []
    for index, check in enumerate(asked):
        made = _translated(check, f"check_{index}", list(subjects.values()), columns)
        made.meta = {"check": index}
        expectations.append(made)
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    )
    frame[KEY] = frame[KEY].astype("int64")
    batch = _records().get_batch({"dataframe": frame})
    # To name rows takes twice as long as to say whether there are any, and is next to never needed
    suite = gx.ExpectationSuite(name="checks", expectations=expectations)
    whether = batch.validate(suite, result_format="BOOLEAN_ONLY")
    suspects = [expectations[_index_of(each)] for each in whether.results if not each.success]
    if not suspects:
        return []
    suite = gx.ExpectationSuite(name="failed checks", expectations=suspects)
    outcome = batch.validate(
        suite,
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [KEY]},
    )
    failed = [
        (int(row[KEY]), _index_of(result)) for result in outcome.results for row in _rows_of(result)
    ]
    return [(link_id, asked[index]) for link_id, index in sorted(failed, key=lambda pair: pair[1])]


def _index_of(result: Any) -> int:
    """Which of the checks a result is about."""
    return int(result.expectation_config.meta["check"])


def _records() -> Any:
    """This thread's batch definition, to which each batch gives its own frame.

    Making one takes as long as validating a record, and writes the context's settings three times.
    """
    found = getattr(_OF_THREAD, "records", None)
    if found is None:
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("records").add_dataframe_asset("batch")
        found = _OF_THREAD.records = asset.add_batch_definition_whole_dataframe("whole")
    return found


def _rows_of(result: Any) -> list[dict[str, Any]]:
    """The rows that a failed result names; if it names none, it is an exception in disguise."""
    rows = result.result.get("unexpected_index_list")
    if not rows:
        raise ValidationBrokenError(
            f"the check {result.expectation_config.type} could not be evaluated: "
            f"{result.exception_info}"
        )
    return list(rows)


# -- one translation per kind of check: it adds its columns and returns its expectation --


def _translated(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    try:
        return _TRANSLATIONS[type(check)](check, name, subjects, columns)
    except Exception as error:
        raise ValidationBrokenError(
            f"the check {check.code} of {check.field} could not be evaluated: {error!r}"
        ) from error


def _present(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    import great_expectations.expectations as gxe

    values = (each.content.get(check.field) for each in subjects)
    columns[name] = [None if value in (None, ()) else "present" for value in values]
    return gxe.ExpectColumnValuesToNotBeNull(column=name)


def _length(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    import great_expectations.expectations as gxe

    assert isinstance(check, checks.LengthAtMost)
    columns[name] = [each.content.get(check.field) for each in subjects]
    return gxe.ExpectColumnValueLengthsToBeBetween(column=name, max_value=check.length_max)


def _characters(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    import great_expectations.expectations as gxe

    assert isinstance(check, checks.WithoutCharacters)
    columns[name] = [each.content.get(check.field) for each in subjects]
    return gxe.ExpectColumnValuesToNotMatchRegex(column=name, regex=check.pattern)


def _at_least(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    """Bounds are floats in Great Expectations, so only the sign of the distance is compared."""
    import great_expectations.expectations as gxe

    assert isinstance(check, checks.AtLeast)
    values = (each.content.get(check.field) for each in subjects)
    columns[name] = [
        None if value is None else (-1 if value * 100 < check.minimum else 1) for value in values
    ]
    return gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[1])


def _not_before(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    import great_expectations.expectations as gxe

    assert isinstance(check, checks.NotBefore)
    columns[name] = [each.content.get(check.field) for each in subjects]
    columns[f"{name}_other"] = [each.content.get(check.other) for each in subjects]
    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=name,
        column_B=f"{name}_other",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
    )


def _same_amount(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    """A field that is no amount is compared as zero: compute then gives the difference."""
    import great_expectations.expectations as gxe

    assert isinstance(check, checks.SameAmount)
    values = [each.content.get(check.field) for each in subjects]
    columns[name] = [
        value if isinstance(value, Decimal) or value is None else Decimal(0) for value in values
    ]
    columns[f"{name}_computed"] = [check.compute(each.content) for each in subjects]
    return gxe.ExpectColumnPairValuesToBeEqual(
        column_A=name, column_B=f"{name}_computed", ignore_row_if="either_value_is_missing"
    )


def _unique(check: Check, name: str, subjects: list[Subject], columns: dict[str, Any]) -> Any:
    import great_expectations.expectations as gxe

    columns[name] = [len(each.taken.get(check.code, ())) for each in subjects]
    return gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[0])


_TRANSLATIONS: dict[type[Check], Callable[..., Any]] = {
    checks.Present: _present,
    checks.LengthAtMost: _length,
    checks.WithoutCharacters: _characters,
    checks.AtLeast: _at_least,
    checks.NotBefore: _not_before,
    checks.SameAmount: _same_amount,
    checks.Unique: _unique,
}
