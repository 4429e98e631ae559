"""The same schedule gives the same trace: in SQL as in memory, and under another hash seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

from tests.simulation.campaign import Plan, run_campaign

#: One schedule in a hundred is run once more under another hash seed.
AGAIN_EVERY = 100


def compare(name: str, first: int, schedules: int, processes: int) -> int:
    """Run schedules in memory and in SQL, some under another hash seed; 1 on a difference."""
    plan = Plan(name, first, schedules, traced=True)
    in_memory = run_campaign(plan, processes)
    in_sql = run_campaign(replace(plan, state="sql"), processes)
    again = hashed_otherwise(plan)
    differ = [seed for seed, trace in in_memory.traces.items() if in_sql.traces[seed] != trace]
    rehashed = [seed for seed, trace in again.items() if in_memory.traces[seed] != trace]
    print(  # noqa: T201 - it is the output
        f"{schedules} schedules through SQL: {len(differ)} with another trace than in memory, "
        f"{in_sql.violations + in_memory.violations} violations "
        f"({in_memory.per_minute} and {in_sql.per_minute} a minute); "
        f"{len(again)} under another hash seed: {len(rehashed)} with another trace"
    )
    for failure in (in_sql.failures + in_memory.failures)[:3]:
        print(f"{failure.seed}: {failure.message[:600]}")  # noqa: T201 - it is the output
    return 1 if differ or rehashed or in_sql.violations or in_memory.violations else 0


def hashed_otherwise(plan: Plan) -> dict[str, str]:
    """Traces of some of a plan's schedules from a process with another order of sets."""
    numbers = list(range(plan.first, plan.first + plan.count, AGAIN_EVERY))
    code = (
        "import json\n"
        "from tests.simulation.campaign import Plan, one\n"
        f"plan = {plan!r}\n"
        f"print(json.dumps({{r.seed: r.trace for r in (one(plan, n) for n in {numbers})}}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found
