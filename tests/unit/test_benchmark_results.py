"""The arithmetic of the benchmarks: a ratio, a goal or a limit that is wrong would be believed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import benchmarks.__main__
from benchmarks import (
    charts,
    company,
    first_sync,
    growth,
    guards_cost,
    ladder,
    memory,
    page,
    peers,
    prefect_share,
    real_limits,
    writes,
)
from benchmarks.needed import NEEDED
from benchmarks.result import Goal, Result, machine, share, stored_in
from benchmarks.result import growth as exponent
from benchmarks.sampling import Samples


@pytest.mark.parametrize(
    ("goal", "figure", "ratio", "met"),
    [
        # the limit itself reaches a goal, on both sides of it
        (Goal("ratio", "at most", 1.5), 9.0, 1.5, True),
        (Goal("ratio", "at most", 1.5), 0.1, 1.51, False),
        (Goal("ratio", "at least", 3.0), 9.0, 3.0, True),
        (Goal("ratio", "at least", 3.0), 9.0, 2.99, False),
        (Goal("figure", "at most", 15), 15.0, 99.0, True),
        (Goal("figure", "at least", 95), 94.9, None, False),
        # nothing to tell it by is neither reached nor missed
        (Goal("ratio", "at most", 1.0), 5.0, None, None),
        (Goal("figure", "at most", 1.0), None, None, None),
    ],
)
def test_a_goal_is_reached(
    goal: Goal, figure: float | None, ratio: float | None, met: bool | None
) -> None:
    assert goal.met(figure, ratio) is met


def test_a_ratio_is_the_figure_in_terms_of_the_peers() -> None:
    slow = Result("a", "a", 6.0, "s", Goal("ratio", "at most", 1.0), "b", 4.0)
    assert slow.ratio == 1.5
    assert slow.met is False
    told = slow.as_json()
    assert (told["ratio"], told["met"], told["goal"]) == (1.5, False, "ratio at most 1")
    json.dumps(told)


@pytest.mark.parametrize(("figure", "against"), [(None, 4.0), (6.0, None), (6.0, 0.0)])
def test_without_a_peer_there_is_no_ratio(figure: float | None, against: float | None) -> None:
    result = Result("a", "a", figure, "s", Goal("ratio", "at most", 1.0), "b", against)
    assert result.ratio is None
    assert result.met is None


@pytest.mark.parametrize(
    ("power", "expected"),
    [(0, 0.0), (1, 1.0), (2, 2.0)],
)
def test_growth_is_the_exponent(power: int, expected: float) -> None:
    sizes = [1_000.0, 10_000.0, 100_000.0]
    assert exponent(sizes, [7 * each**power for each in sizes]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("writes_", "is_batched", "seconds"),
    [
        # a minute's allowance leaves within that minute's first seconds, ten a second
        (30, True, 0),
        (30 * 11, True, 1),
        (30 * 40, True, 3),
        (30 * 40 + 1, True, 60),
        (10, False, 0),
        (11, False, 1),
        (500, False, 49),
        (501, False, 60),
        # 334 batches; 10,000 posts
        (10_000, True, 8 * 60 + 1),
        (10_000, False, 19 * 60 + 49),
    ],
)
def test_the_least_time_that_the_limits_allow(
    writes_: int, is_batched: bool, seconds: float
) -> None:
    assert real_limits.least_seconds(writes_, is_batched=is_batched) == seconds


def test_the_share_of_what_the_limits_allow() -> None:
    result = real_limits.result_of(10_000, 500.0, is_batched=True, calls={"batch": 334}, refused=0)
    assert result.figure == pytest.approx(96.2)
    assert result.met is True
    late = real_limits.result_of(10_000, 600.0, is_batched=True, calls={}, refused=0)
    assert late.met is False


def test_a_company_has_as_many_records_as_asked_for(tmp_path: Path) -> None:
    assert company.FIRST_SYNC.records == 11_400
    size = company.of(1_000)
    assert size.records == 1_000
    folder = company.write(tmp_path / "company", size)
    written = {path.stem: json.loads(path.read_text()) for path in folder.iterdir()}
    # the emulator itself adds who the company is
    assert sum(map(len, written.values())) == size.records - 1
    for rows in written.values():
        assert len({row["Id"] for row in rows}) == len(rows)
    assert {each["TotalAmt"] for each in written["Invoice"]} == {180}


def test_first_sync_compares_medians_and_counts_calls() -> None:
    size = company.of(1_000)

    def taken(seconds: float, calls: int) -> dict[str, object]:
        common = {"processor_seconds": seconds, "by_kind": {"query": calls}}
        return {"seconds": seconds, "calls": calls, **common}

    found = {
        "ours": [taken(3.0, 20), taken(2.0, 20), taken(9.0, 20)],
        "Singer tap": [taken(4.0, 11), taken(6.0, 11), taken(5.0, 11)],
        "python-quickbooks": [],
    }
    seconds, calls = first_sync.results_of(0.1, size, 3, found, {"python-quickbooks": "it is not"})
    assert (seconds.figure, seconds.against_figure, seconds.met) == (3.0, 5.0, True)
    assert seconds.spread == (2.0, 9.0)
    assert "it is not" in seconds.why
    assert (calls.figure, calls.met) == (20, False)
    assert calls.details["per_1000_records"] == 20.0


def test_first_sync_without_the_tap_is_neither_reached_nor_missed() -> None:
    mine = {"seconds": 3.0, "processor_seconds": 3.0, "calls": 9, "by_kind": {}}
    found = {"ours": [mine], "Singer tap": [], "python-quickbooks": []}
    seconds, calls = first_sync.results_of(
        0.0, company.of(1_000), 1, found, {"Singer tap": "no package"}
    )
    assert (seconds.met, seconds.why) == (None, "no package")
    assert calls.met is True


def test_writes_are_told_as_rates() -> None:
    def taken(seconds: float, records: int, calls: int) -> dict[str, float]:
        work = {"seconds": seconds, "records": records, "calls": calls}
        return {**work, "processor_seconds": seconds / 2}

    found = {"ours": [taken(2.0, 1_000, 35)], "batches": [taken(5.0, 1_000, 34)], "saves": []}
    result = writes.result_of(found, {}, 1_000, 1)
    assert (result.figure, result.against_figure, result.ratio) == (500.0, 200.0, 2.5)
    assert result.met is False
    assert result.details["calls"] == {"ours": 35.0, "batches": 34.0}


def test_samples_belong_to_the_innermost_part() -> None:
    parts = {"audit": ("/audit_log.py", "/sql.py:audit"), "tables": ("/sql.py",)}
    samples = Samples(parts)
    assert samples.part_of("/x/audit_log.py", "append") == "audit"
    assert samples.part_of("/x/sql.py", "audit") == "audit"
    assert samples.part_of("/x/sql.py", "write") == "tables"
    assert samples.part_of("/x/other.py", "audit") == ""
    counts = Counter({"audit": 2, "intents": 1, "verification": 1, "HTTP": 4})
    assert guards_cost.guards_share(counts) == 50.0
    assert guards_cost.result_of([50.0], counts, counts, 500).met is True


def test_prefects_share_is_of_the_flows_time() -> None:
    result = prefect_share.result_of([8.0, 8.0, 8.0], [10.0, 10.0, 12.0], company.of(1_000))
    assert result.figure == 20.0
    assert result.met is True
    assert result.full_size is False
    assert share(1, 0) == 0.0


def test_growth_and_memory_look_at_the_same_ladder() -> None:
    steps = tuple(
        ladder.Step(records, 2.0 * records, 1.0 * records, 20 + records // 1000, 100.0 + add, 99.0)
        for records, add in ((1_000, 0), (10_000, 10), (100_000, 33))
    )
    seconds, calls = growth.results_of(steps)
    assert seconds.figure == pytest.approx(1.0)
    assert seconds.met is True
    assert calls.figure is not None
    assert calls.figure < 1
    line = memory.result_of(steps)
    assert line.ratio == pytest.approx(133 / 110)
    assert (line.met, line.full_size) == (True, False)
    assert ladder.expected_seconds(list(steps), 300_000, 20.0) == 60.0


def test_a_reason_names_no_host() -> None:
    words = "Looking in indexes: https://somewhere/simple\nERROR: No matching distribution\n\n"
    assert peers.reason_in(words) == "ERROR: No matching distribution"
    assert peers.reason_in("") == "it did not say why"


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    found = {
        "everybody": {"ours": {"seconds": 3.0}, "<tap>": {"seconds": 5.0}},
    }
    results = [
        Result(
            "first_sync_0ms", "first sync", 3.0, "s", Goal("ratio", "at most", 1.0), "tap", 5.0,
            size="10 records", full_size=False, spread=(2.0, 4.0), details=found,
        ),
        Result("start", "start of a run", None, "", why="it failed"),
        *growth.results_of((ladder.Step(1, 1, 1, 1, 1, 1), ladder.Step(10, 9, 9, 1, 1, 1))),
    ]  # fmt: skip
    about = {
        "cores": 2, "processor": "p", "system": "s", "python": "3", "load_at_start": 0.1,
        "minutes": 2.0,
    }  # fmt: skip
    page.write(results, about, tmp_path)
    text = (tmp_path / "performance.md").read_text()
    assert "| first sync (`first_sync_0ms`) | 10 records * | 3 s (2 to 4) | tap: 5 s |" in text
    assert "| 0.60 | ratio at most 1 | yes |" in text
    assert "start of a run (`start`): it failed" in text
    for path in (tmp_path / "images").iterdir():
        assert path.name in text
        ET.fromstring(path.read_text())
        assert "script" not in path.read_text()


def test_a_missed_goal_says_what_it_needs() -> None:
    slow = Result("start", "start", 3.0, "s", Goal("ratio", "at most", 1.5), "empty", 1.0)
    assert page.why_of(slow) == NEEDED["start"]
    fast = Result("start", "start", 1.0, "s", Goal("ratio", "at most", 1.5), "empty", 1.0)
    assert page.why_of(fast) == ""


def test_shown_numbers_have_three_digits() -> None:
    assert [charts.shown(each) for each in (0.12345, 1.5, 12.34, 1234.5)] == [
        "0.123",
        "1.5",
        "12.3",
        "1,234",
    ]


def test_lines_that_are_run_again_take_the_place_of_stored_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others stay as they were, with their goals."""
    monkeypatch.setattr(benchmarks.__main__, "HERE", tmp_path / "benchmarks")
    (tmp_path / "benchmarks").mkdir()
    stored = [
        Result("first", "the first", 3.5, "s", goal=Goal("ratio", "at most", 1.0), against="it"),
        Result("second", "the second", 14, "calls", goal=Goal("figure", "at most", 15, "calls")),
        Result("third", "the third", None, "", why="it failed"),
    ]
    benchmarks.__main__.keep(stored, {**machine(), "minutes": 12.0})
    again = Result("third", "the third", 12.5, "% of all", goal=Goal("figure", "at most", 20, "%"))
    benchmarks.__main__.put_in([again])
    assert stored_in(tmp_path / "benchmarks" / "results.json") == [*stored[:2], again]
    page = (tmp_path / "docs" / "performance.md").read_text()
    assert "it failed" not in page
    assert "12.5 % of all" in page
