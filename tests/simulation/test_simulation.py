"""The simulator in short: kept tapes, a few schedules of each kind, a few planted bugs.

The long runs are commands (`python -m tests.simulation --help`), which `.ci/run` starts.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from models.errors import RecordError
from tests.simulation import campaign, crash_points, kept_tapes
from tests.simulation.campaign import CONDITIONS, Plan, one, replayed, run_chunk
from tests.simulation.mutants import MENDED, mutant_named, planted
from tests.simulation.oracle import Violation, text_in, tokens_in
from tests.simulation.planting import find
from tests.simulation.shrink import Shrinker
from tests.simulation.slow_sides import BothUnits
from tests.simulation.traces import hashed_otherwise

#: New seeds each time.
NAME = f"pytest{time.time_ns()}"


def summary(done: campaign.Campaign) -> str:
    """What went wrong, by seed."""
    return "; ".join(f"{each.seed}: {each.message}" for each in done.failures)


@pytest.mark.parametrize("name", kept_tapes.names())
def test_what_once_failed(name: str) -> None:
    """Goal: every failure that was ever shrunk and kept stays mended, and its tape still shows it:
    with the bug planted again, it fails by the same invariant."""
    kept = kept_tapes.kept(name)
    as_it_is = kept.played(with_bug=False)
    assert not as_it_is.failed, as_it_is.message
    with_bug = kept.played(with_bug=True)
    assert with_bug.invariant == kept.invariant, (
        f"the tape of {name} does not show its bug any more ({with_bug.message or 'it passes'}): "
        f"draws or the engine have changed; make it anew by `{kept_tapes.command(name)}`"
    )


def test_every_mended_bug_has_a_tape() -> None:
    """Goal: none of the bugs that the engine once had is without its story."""
    missing = sorted({each.name for each in MENDED} - set(kept_tapes.names()))
    assert not missing, f"make it by `{kept_tapes.command(' '.join(missing))}`"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_schedules_in_memory(condition: str) -> None:
    """Goal: nothing lost, nothing doubled, under new seeds, and under each condition."""
    done = run_chunk(Plan(NAME + condition, 0, 120, condition))
    assert done.violations == 0, summary(done)
    assert done.hits["both_edited"] > 0
    assert len(done.cells) > 15


def test_schedules_on_the_true_emulator() -> None:
    """Goal: the same with the emulator behind the production client, in process."""
    done = run_chunk(Plan(NAME, 0, 40, books="emulator"))
    assert done.violations == 0, summary(done)


def test_schedules_through_sql() -> None:
    """Goal: every call of the state port is answered by SQL as in memory, with the same trace."""
    through_sql = run_chunk(Plan(NAME, 0, 6, state="sql", traced=True))
    in_memory = run_chunk(Plan(NAME, 0, 6, traced=True))
    assert through_sql.violations == 0, summary(through_sql)
    assert through_sql.traces == in_memory.traces


def test_a_refusal_is_the_same_in_whatever_words() -> None:
    """Goal: a write that the database refuses among others is no difference between the two; one
    that is refused for another reason, or taken, is."""

    def said(code: str, words: str) -> SimpleNamespace:
        return SimpleNamespace(now=None, write_all=lambda: [RecordError(words, code=code), "1"])

    memory = said("refused_by_database", "there is no such vendor")
    answers = BothUnits(memory, said("refused_by_database", "FOREIGN KEY failed")).write_all()
    assert [str(each) for each in answers] == ["there is no such vendor", "1"]
    taken = SimpleNamespace(now=None, write_all=lambda: ["2", "1"])
    for other in (said("stale_row", "there is no such vendor"), taken):
        with pytest.raises(Violation, match="same trace"):
            BothUnits(memory, other).write_all()


def test_the_name_that_a_record_began_with_is_no_second_record() -> None:
    """Goal: QuickBooks keeps it to print on checks; whoever renames a vendor has not copied it."""
    renamed = {"DisplayName": "w5w", "PrintOnCheckName": "w3w Traders Inc"}
    assert tokens_in(text_in(renamed)) == {"w5w"}


def test_one_brake_after_another_is_approved_before_the_end() -> None:
    """Goal: a round in which a second brake stops what was approved is no rest."""
    tape = [
        ("shape", "data_types", 3),
        ("shape", "crash_before", 1),
        ("shape", "mass_delete", 1),
        ("shape", "full_read", 1),
        ("faults", "crash_before", 0),
        ("faults", "crash_before", 0),
        ("faults", "crash_before", 1),
        ("people", "type", 5),
        ("people", "side", 1),
    ]
    told = replayed(Plan("braked", 0, 1), tape, story=True)
    assert not told.failed, told.message
    stops = [line for line in told.story if "nothing was written" in line]
    assert ["calls itself" in line for line in stops] == [True, False], told.story
    assert "gone from platform" in stops[1]


def test_the_same_seed_gives_the_same_trace() -> None:
    """Goal: one schedule is one schedule, in whatever order sets are walked through."""
    plan = Plan("determined", 0, 200, traced=True)
    assert hashed_otherwise(plan) == {
        result.seed: result.trace for result in (one(plan, number) for number in (0, 100))
    }


@pytest.mark.parametrize("index", [2, 10, 18], ids=lambda index: crash_points.FLOWS[index].name)
def test_crash_points(index: int) -> None:
    """Goal: a crash at any fifth call of a port, before it or after it, does no harm.

    All of them are run by `python -m tests.simulation --crash-points`.
    """
    flow = crash_points.FLOWS[index]
    calls = crash_points.count_calls(flow)
    assert len(calls) > 50
    for number in range(1, len(calls) + 1, 5):
        for after in (False, True):
            assert not crash_points.crash_at(flow, number, after=after), (calls[number - 1], after)


@pytest.mark.parametrize(
    ("mutant", "invariants"),
    [
        ("not_recorded", {"I6"}),
        ("dropped_on_time_out", {"I15", "I2", "I10"}),
        ("base_first", {"I4"}),
        ("conflict_unsaid", {"I1"}),
        ("audit_dropped", {"I15"}),
        ("no_epoch", {"I14", "I2"}),
        ("park_forgotten", {"I10", "I1"}),
    ],
)
def test_planted_bugs_are_seen(mutant: str, invariants: set[str]) -> None:
    """Goal: the oracle sees what is wrong, and calls it by its name."""
    # always the same seeds: the same bug can be seen by what it breaks first, or by an error
    _, seeds, how = find("seen", 400, mutant)
    assert seeds
    assert how.partition(":")[0] in invariants, how


def test_a_failure_is_shrunk_to_a_story() -> None:
    """Goal: what fails comes down to a few draws that still fail for the same reason."""
    mutant = mutant_named("audit_dropped")
    plan = Plan("shrunk", 0, 1)
    campaign.make_bases(plan)
    with planted(mutant):
        failure = next(result for n in range(50) if (result := one(plan, n)).failed)
        shrinker = Shrinker(plan, failure)
        tape = shrinker.shrink()
        told = replayed(plan, tape, story=True)
    assert told.invariant == failure.invariant
    assert len(tape) < len(failure.tape)
    assert len(told.story) < 30
