"""The hunt for planted bugs, and the canary: does the alarm ring at all?"""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.simulation.campaign import Plan, make_bases, one
from tests.simulation.mutants import MUTANTS, mutant_named, planted

#: Planted bug -> seeds that it took to find it, in a hunt that was looked at.
FIGURES = Path(__file__).parent / "mutants.json"
#: A hunt that takes so many times the seeds of the kept figure fails; small figures vary more.
WORSE_BY = 4
SEEDS_SURE = 500
#: The canary is a bug on one seed in a hundred, over so many seeds.
CANARY_EVERY, CANARY_SEEDS = 100, 1_000


def find(name: str, seeds_max: int, mutant_name: str) -> tuple[str, int, str]:
    """Plant one bug; after how many seeds it was caught (0: never), and by which invariant."""
    mutant = mutant_named(mutant_name)
    plan = Plan(f"{name}-{mutant_name}", 0, seeds_max, mutant.condition)
    make_bases(plan)
    with planted(mutant):
        for number in range(seeds_max):
            result = one(plan, number)
            if result.failed:
                return mutant_name, number + 1, f"{result.invariant}: {result.message[:100]}"
    return mutant_name, 0, "not caught"


def hunt(name: str, seeds_max: int, processes: int, only: list[str]) -> int:
    """Plant every bug in turn; exit 1 where one is not caught, or much later than before."""
    wanted = [each.name for each in MUTANTS if (each.name in only if only else each.hunted)]
    known: dict[str, int] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    started = time.perf_counter()
    missed, slower = [], []
    with ProcessPoolExecutor(processes) as pool:
        for mutant, seeds, how in pool.map(partial(find, name, seeds_max), wanted):
            before = known.get(mutant, 0)
            print(f"{mutant}: {seeds or 'NOT CAUGHT'} seeds (before: {before or '-'}) {how}")  # noqa: T201
            if not seeds:
                missed.append(mutant)
            elif before and seeds > max(SEEDS_SURE, WORSE_BY * before):
                slower.append(mutant)
    caught = len(wanted) - len(missed)
    seconds = time.perf_counter() - started
    print(f"{caught} of {len(wanted)} caught in {seconds:.0f} s")  # noqa: T201 - it is the output
    if slower:
        print(f"found much later than before: {', '.join(slower)}")  # noqa: T201
    return 1 if missed or slower else 0


def canary(name: str, processes: int) -> int:
    """A bug on one seed in a hundred must be reported by a campaign, and nothing else."""
    with ProcessPoolExecutor(processes) as pool:
        share = CANARY_SEEDS // processes
        found = [
            number
            for numbers in pool.map(partial(_canary_part, name, share), range(processes))
            for number in numbers
        ]
    singing = [number for number in found if not number % CANARY_EVERY]
    print(  # noqa: T201 - it is the output
        f"the canary was on {CANARY_SEEDS // CANARY_EVERY} of {CANARY_SEEDS} seeds and was "
        f"reported on {len(singing)}; other violations: {len(found) - len(singing)}"
    )
    return 0 if singing and len(found) == len(singing) else 1


def _canary_part(name: str, share: int, part: int) -> list[int]:
    plan = Plan(name, 0, CANARY_SEEDS)
    make_bases(plan)
    mutant = mutant_named("audit_dropped")
    failed = []
    for number in range(part * share, (part + 1) * share):
        if number % CANARY_EVERY:
            result = one(plan, number)
        else:
            with planted(mutant):
                result = one(plan, number)
        if result.failed:
            failed.append(number)
    return failed
