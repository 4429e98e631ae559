"""The simulator: `python -m tests.simulation --schedules 20000`.

Exit 0: nothing was violated; 1: something was, and the shortest story that shows it is printed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time

from tests.simulation.campaign import (
    COMPLETE_FROM,
    CONDITIONS,
    Campaign,
    Plan,
    run_campaign,
)
from tests.simulation.worlds import BOOKS, STATES

#: What the seeds of a hunt for planted bugs begin with.
HUNT = "hunt"
#: Seconds between two lines of progress.
TELL_EVERY = 20.0


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    options = _parser().parse_args(arguments)
    # errors that a schedule's faults lead to are told by its story, not by thousands of tracebacks
    logging.basicConfig(level=logging.CRITICAL)
    if options.mutants:
        from tests.simulation.planting import hunt

        # always the same seeds, so that how many a bug takes can be compared
        return hunt(options.name or HUNT, options.seeds_max, options.processes, options.only)
    if options.keep is not None:
        from tests.simulation.kept_tapes import keep

        return keep(options.name or HUNT, options.seeds_max, options.keep)
    if options.canary:
        from tests.simulation.planting import canary

        return canary(options.name or _new_name(), options.processes)
    if options.crash_points:
        from tests.simulation.crash_points import report

        return report(options.processes)
    if options.same_trace:
        from tests.simulation.traces import compare

        name = options.name or _new_name()
        return compare(name, options.first, options.schedules, options.processes)
    return _campaign(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1_000, help="how many")
    parser.add_argument("--name", default="", help="what seeds begin with; new each time")
    parser.add_argument("--first", type=int, default=0, help="number of the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--condition", choices=CONDITIONS, default="", help="in every schedule")
    parser.add_argument("--books", choices=BOOKS, default="small", help="whose QuickBooks")
    parser.add_argument("--state", choices=STATES, default="memory", help="where the state is")
    parser.add_argument("--mutants", action="store_true", help="hunt the planted bugs")
    parser.add_argument("--only", nargs="*", default=(), help="these planted bugs")
    parser.add_argument("--seeds-max", type=int, default=2_000, help="for each planted bug")
    parser.add_argument(
        "--keep", nargs="*", metavar="PLANTED_BUG", help="make their tapes anew; all without a name"
    )
    parser.add_argument("--canary", action="store_true", help="a bug on one seed in a hundred")
    parser.add_argument("--crash-points", action="store_true", help="crash at every port call")
    parser.add_argument(
        "--same-trace", action="store_true", help="SQL and another hash seed give the same trace"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def _new_name() -> str:
    """Seeds that nobody has run before."""
    return f"t{int(time.time())}"


def _campaign(options: argparse.Namespace) -> int:
    plan = Plan(
        name=options.name or _new_name(),
        first=options.first,
        count=options.schedules,
        condition=options.condition,
        books=options.books,
        state=options.state,
    )
    say(f"{plan.count} schedules, seeds {plan.name}-{plan.first} on")
    told = [time.perf_counter()]

    def tell(so_far: Campaign) -> None:
        if time.perf_counter() - told[0] > TELL_EVERY:
            told[0] = time.perf_counter()
            say(
                f"{so_far.schedules} schedules, {so_far.per_minute}/min, "
                f"{so_far.violations} violations"
            )

    campaign = run_campaign(plan, options.processes, tell)
    _show(campaign, plan, as_json=options.json)
    complete = plan.count >= COMPLETE_FROM and not plan.condition and plan.books == "small"
    unreached = campaign.unreached() if complete else []
    if unreached:
        say(f"never reached: {', '.join(unreached)}")
    return 1 if campaign.violations or unreached else 0


def _show(campaign: Campaign, plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(campaign.as_json()))  # noqa: T201 - it is the output
    else:
        print(  # noqa: T201 - it is the output
            f"{campaign.schedules} schedules in {campaign.seconds:.0f} s, "
            f"{campaign.per_minute} a minute, {campaign.steps} steps, "
            f"{campaign.violations} violations"
        )
    from tests.simulation.shrink import shortest_story

    for failure in campaign.failures[:3]:
        say(f"seed {failure.seed}: {failure.message}")
        say(shortest_story(plan, failure))


def say(words: str) -> None:
    """Progress, on standard error."""
    print(words, file=sys.stderr, flush=True)  # noqa: T201 - it is the output


if __name__ == "__main__":
    sys.exit(main())
