"""The planner over every case of a small record, and over random large ones of every record type.

Half a million cases, each held to all that the planner promises (`planner_promises`): it always
decides, decides alike, ends, lets nobody win who has no say, and loses nothing unnamed. Planners
with a planted mistake show that the promises can be broken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import merge as planner
from models.errors import RecordError
from models.merge import Merge, Outcome, merge
from models.plan import RecordPlan
from models.policy import Policy
from models.record_type import RecordType, catalog
from models.records import Content, Observed
from models.words import Rule
from tests.fixtures.records import contents
from tests.simulation.planner_cases import (
    CHANGES,
    KINDS,
    STATES,
    TIMES,
    TRIPLES,
    Case,
    blocks,
    cases_in,
    small_type,
    three_contents,
)
from tests.simulation.planner_promises import GONE_NOW, LINK, OUTCOMES, Merger, Row, facts_of, judge
from tests.simulation.planted_planner_bugs import BUGS

LARGE = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def judged(case: Case, merger: Merger) -> tuple[Row, Merge]:
    """One case held to the promises; whatever goes wrong names the case."""
    try:
        return judge(case, merger)
    except Exception as error:
        raise AssertionError(f"{error!r} in {case}") from error


def play(
    played: Iterable[tuple[list[Content], list[Case]]], merger: Merger
) -> Counter[tuple[Row, Outcome]]:
    """Every case of some blocks; how often each row of the table came to which outcome."""
    reached: Counter[tuple[Row, Outcome]] = Counter()
    for held, cases in played:
        before = repr(held)
        for case in cases:
            row, decided = judged(case, merger)
            reached[row, decided.outcome] += 1
        assert repr(held) == before, "what the planner was given is left as it was"
    return reached


def rows_of_the_table() -> set[Row]:
    """The rows that the planner's own description lists."""
    lines = (planner.__doc__ or "").splitlines()
    titles = ["base", "quickbooks", "platform", "outcome"]
    start = next(number for number, line in enumerate(lines) if line.split() == titles)
    cells = (re.split(r" {2,}", line.strip(), maxsplit=3) for line in lines[start + 1 :])
    return {(row[0], row[1], row[2]) for row in cells if len(row) == 4}


@pytest.mark.parametrize("triple", TRIPLES, ids=" + ".join)
def test_every_case_of_three_fields(triple: tuple[str, ...]) -> None:
    """All changes of three fields x all states of both sides x base or none x all rules."""
    reached = play(blocks(triple), merge)
    assert reached.total() == cases_in(triple)
    assert {row for row, _ in reached} == rows_of_the_table(), "every row of the table is reached"
    for row, outcomes in OUTCOMES.items():
        for outcome in outcomes:
            assert reached[row, outcome], f"{row} never came to {outcome}"
    print(f"{reached.total():,} cases of {' + '.join(triple)}: {dict(reached)}")  # noqa: T201


def test_the_cases_are_all_there_are() -> None:
    """Nobody thins them out unseen, and every kind of field is among them."""
    assert {kind for triple in TRIPLES for kind in triple} == set(KINDS)
    rules = len(TIMES) + 4
    each = len(CHANGES) ** 3 * len(STATES) ** 2 * 2 * rules
    assert [cases_in(triple) for triple in TRIPLES] == [each] * len(TRIPLES)
    assert each * len(TRIPLES) == 506_880
    assert rows_of_the_table() == set(OUTCOMES), "a new row of the table needs a promise here"


@pytest.mark.parametrize("says", BUGS)
def test_a_planted_bug_is_found(says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mistake breaks a promise in some case; the promises are no rubber stamp."""
    merger = BUGS[says](monkeypatch)
    # block by block from all triples in turn, because it is enough to find one
    turns = chain.from_iterable(zip(*map(blocks, TRIPLES), strict=True))
    with pytest.raises(AssertionError):
        play(turns, merger)


def test_nothing_is_written_for_a_parked_record() -> None:
    """Whatever the merge came to, a record that waits for a person is not written anywhere."""
    record_type = small_type(TRIPLES[0])
    base, there, here = three_contents(record_type, TRIPLES[0], ("bqb", "bbb", "bbp"))
    live = [Observed(each, "1", None) for each in (there, here)]
    cases = [
        Case(record_type, base, live[0], live[1], Policy()),
        Case(record_type, None, live[0], None, Policy()),
        Case(record_type, None, None, live[1], Policy()),
        Case(record_type, there, live[0], GONE_NOW, Policy()),
        Case(record_type, here, GONE_NOW, live[1], Policy()),
    ]
    for case in cases:
        planned = RecordPlan(
            record_type, LINK, merge(*case), case.quickbooks, case.platform, frozenset()
        )
        assert planned.quickbooks_operation or planned.platform_operation
        parked = replace(planned, parked=RecordError("wait", code="waits"))
        assert (parked.quickbooks_operation, parked.platform_operation) == (None, None)


def never_settled(record_type: RecordType) -> list[str]:
    """Fields that QuickBooks neither takes from us nor keeps: a difference would stay for ever."""
    return [each.name for each in facts_of(record_type) if not each.sent and not each.kept]


def test_every_field_of_the_catalog_can_be_settled() -> None:
    """A field of the platform's own that is never sent would be in conflict in every cycle."""
    assert {name: never_settled(each) for name, each in catalog().items()} == {
        name: [] for name in catalog()
    }
    own = KINDS["platform"].field
    declared = (replace(own, name="inner", quickbooks=""), replace(own, create_only=True))
    assert never_settled(replace(small_type(TRIPLES[0]), fields=declared)) == ["inner", "project"]


# -- large records --


def mixed(
    draw: st.DrawFn, record_type: RecordType, pool: list[Content]
) -> tuple[Content, Content, Content]:
    """Base, QuickBooks's and the platform's content, each field changed in some way."""
    changes = st.sampled_from(sorted(CHANGES.values()))
    sides: tuple[Content, Content, Content] = ({}, {}, {})
    for name in record_type.by_name:
        empty = () if record_type.lines and record_type.lines.name == name else None
        values = dict(zip("bqpe", [*(each[name] for each in pool), empty], strict=True))
        for side, letter in zip(sides, draw(changes), strict=True):
            side[name] = values[letter]
    return sides


@st.composite
def policies(draw: st.DrawFn, record_type: RecordType) -> Policy:
    """Rules for the data type, the record type and some of its fields."""
    keys = [record_type.data_type.value, record_type.name]
    keys += [f"{record_type.name}.{name}" for name in record_type.by_name]
    return Policy(draw(st.dictionaries(st.sampled_from(keys), st.sampled_from(Rule), max_size=4)))


@st.composite
def large_cases(draw: st.DrawFn, record_type: RecordType) -> list[Case]:
    """A random record of a record type on three sides, in every state of both sides."""
    pool = [draw(contents(record_type)) for _ in range(3)]
    base, theirs, ours = mixed(draw, record_type, pool)
    policy = draw(policies(record_type))
    their_time, our_time = draw(st.sampled_from(TIMES))

    def seen(content: Content, state: str, at: Any) -> Observed | None:
        live = state == "live"
        return None if state == "absent" else Observed(content if live else None, "1", at)

    return [
        Case(
            record_type,
            agreed,
            seen(theirs, there, their_time),
            seen(ours, here, our_time),
            policy,
        )
        for agreed in (base, None)
        for there in STATES
        for here in STATES
    ]


@pytest.mark.parametrize("name", catalog())
def test_random_records_of_every_record_type(name: str) -> None:
    """The same promises for whole records with random content."""
    rows: Counter[Row] = Counter()

    @LARGE
    @given(large_cases(catalog()[name]))
    def play_random(cases: list[Case]) -> None:
        before = repr(cases)
        for case in cases:
            row, _ = judged(case, merge)
            rows[row] += 1
        assert repr(cases) == before, "what the planner was given is left as it was"

    play_random()
    assert set(rows) >= {row for row in OUTCOMES if "unchanged" not in row}
