"""Kills `sync` with -9 at random moments, many times, and checks that nothing is lost or doubled.

    python -m tests.acceptance.kill --runs 200 --database postgresql

Real processes against the emulator over HTTP, on SQLite or PostgreSQL. Each run has a seed of its
own, which is printed with whatever it finds; --seed begins with that one. Timing is the machine's,
so a seed repeats what people do and which moments are aimed at, not the instant of a kill.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import connection as pipes
from multiprocessing import get_context
from pathlib import Path
from random import SystemRandom
from typing import Any
from uuid import uuid4

from psycopg import sql
from sqlalchemy.engine import make_url

from connectors.database import create_database_engine, migrate
from emulator.testing import RunningEmulator
from tests.acceptance.kill_bugs import BUGS
from tests.acceptance.kill_process import Launcher, load_checks
from tests.acceptance.kill_run import (
    CHECKED_SHARE,
    Copies,
    Place,
    Result,
    make_template,
    one_run,
    text_of,
)
from tests.fixtures.databases import PostgreSQLServer, own_server

#: Runs at a time; most of a run is waiting for leases to expire.
LANES = 8
RUNS_MAX = 5_000
#: No run takes longer.
RUN_SECONDS_MAX = 180
_SEED_STEP = 1_000_003


def main(arguments: list[str] | None = None) -> int:
    """The command line; 1 where anything was wrong."""
    options = _parser().parse_args(arguments)
    first = options.seed if options.seed is not None else SystemRandom().randrange(10**9)
    seeds = [first + number * _SEED_STEP for number in range(min(options.runs, RUNS_MAX))]
    _say(f"{len(seeds)} runs on {options.database}, first seed {first}")
    began = time.monotonic()
    results: list[Result] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for result in _results(options, seeds):
            results.append(result)
            if result.wrong:
                _tell(result)
            elif len(results) % 10 == 0:
                _say(f"{len(results)} runs, {sum(len(each.kills) for each in results)} kills")
    except KeyboardInterrupt:
        _say(f"stopped after {len(results)} of {len(seeds)} runs")
    summary = _summary(options.database, first, results, time.monotonic() - began)
    if options.json:
        sys.stdout.write(json.dumps(summary) + "\n")
    else:
        for name, value in summary.items():
            _say(f"{name}: {value}")
    return 1 if summary["wrong"] or summary["runs"] < len(seeds) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.kill", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="how many (200)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, help="the first run's seed; random otherwise")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"runs at a time ({LANES})")
    parser.add_argument("--server", default="", help="URL of a PostgreSQL server to use")
    parser.add_argument("--bug", choices=tuple(BUGS), default="", help="break the program first")
    parser.add_argument("--rough", action="store_true", help="lose answers in every cycle")
    parser.add_argument("--unchecked", action="store_true", help="never run the checks")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _tell(result: Result) -> None:
    _say(f"seed {result.seed}{' (overdue)' if result.overdue else ''}:")
    for each in [*result.story, *result.wrong]:
        _say(f"    {each}")


# -- lanes --


def _results(options: argparse.Namespace, seeds: list[int]) -> Iterator[Result]:
    """Run all seeds in parallel lanes, each a process of its own."""
    context = get_context("fork")
    lanes = min(max(1, options.lanes), len(seeds))
    if not options.unchecked:
        load_checks()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qbsync-kill-")))
        source = stack.enter_context(_migrated(options, folder))
        ends = {}
        for lane in range(lanes):
            mine, theirs = context.Pipe(duplex=False)
            some = seeds[lane::lanes]
            process = context.Process(
                target=_lane, args=(theirs, folder / str(lane), source, some, options)
            )
            process.start()
            theirs.close()
            stack.callback(_end_lane, process)
            ends[mine] = process
        yield from _gathered(list(ends), time.monotonic() + RUN_SECONDS_MAX * len(seeds))


def _gathered(ends: list[Any], deadline: float) -> Iterator[Result]:
    """Results as they come in, until all lanes have ended."""
    while ends and time.monotonic() < deadline:
        for end in pipes.wait(ends, timeout=RUN_SECONDS_MAX):
            try:
                yield end.recv()
            except EOFError:
                ends.remove(end)


def _end_lane(process: Any) -> None:
    """Wait for a lane; one that goes on is told to end, and its launcher ends with it."""
    process.join(timeout=5)
    if process.exitcode is None:
        process.terminate()
        process.join()


def _lane(
    pipe: Any,
    folder: Path,
    source: Path | PostgreSQLServer,
    seeds: list[int],
    options: argparse.Namespace,
) -> None:
    """A lane's work: its launcher is forked first, while this process has one thread."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
    folder.mkdir()
    launcher, sound = Launcher(options.bug), Launcher()
    with (
        RunningEmulator() as emulator,
        _synced(folder, source, emulator, sound) as (copies, seconds),
    ):
        sound.close()
        place = Place(
            *(emulator, launcher, copies, folder, seconds),
            rough=options.rough,
            checked_share=0 if options.unchecked else CHECKED_SHARE,
        )
        for seed in seeds:
            try:
                result = one_run(place, seed)
            except Exception:  # noqa: BLE001 - a run that fails is reported with its seed
                result = Result(seed, [f"the harness failed: {traceback.format_exc()}"])
            pipe.send(result)
    launcher.close()


@contextmanager
def _synced(
    folder: Path, source: Path | PostgreSQLServer, emulator: RunningEmulator, launcher: Launcher
) -> Iterator[tuple[Copies, float]]:
    """Copies of a database that is connected to this emulator, and how long a cycle takes."""
    if isinstance(source, PostgreSQLServer):
        url = source.create()
        assert url.database is not None
        seconds = make_template(folder, emulator, launcher, text_of(url))
        yield Copies(folder, replace(source, template=url.database)), seconds
        source.drop(url.database)
    else:
        path = folder / "template.db"
        shutil.copyfile(source, path)
        seconds = make_template(folder, emulator, launcher, f"sqlite:///{path}")
        yield Copies(folder, path), seconds


@contextmanager
def _migrated(options: argparse.Namespace, folder: Path) -> Iterator[Path | PostgreSQLServer]:
    """A migrated database to copy."""
    if options.database == "sqlite":
        path = folder / "migrated.db"
        _migrate(f"sqlite:///{path}")
        yield path
        return
    with ExitStack() as stack:
        url = make_url(options.server) if options.server else stack.enter_context(own_server())
        server = PostgreSQLServer(url=url, template=f"qbsync_template_{uuid4().hex}")
        server.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(server.template)))
        stack.callback(server.drop, server.template)
        _migrate(text_of(url.set(database=server.template)))
        yield server


def _migrate(url: str) -> None:
    engine = create_database_engine(url)
    migrate(engine)
    engine.dispose()


# -- the summary --


def _summary(database: str, seed: int, results: list[Result], seconds: float) -> dict[str, Any]:
    phases = Counter(_phase(doing) for each in results for doing in each.kills)
    judged = [each for each in results if not each.overdue]
    wrong = {each.seed: each.wrong for each in judged if each.wrong}
    lines = [line for listed in wrong.values() for line in listed]
    return {
        "database": database,
        "seed": seed,
        "runs": len(results),
        "too_slow": len(results) - len(judged),
        "runs_per_minute": round(60 * len(results) / seconds, 1),
        "seconds": round(seconds, 1),
        "processor_seconds_per_run": round(_processor_seconds() / max(1, len(results)), 2),
        "kills": sum(phases.values()),
        "kills_by_phase": dict(phases.most_common()),
        "ends": dict(Counter(str(code) for each in results for code in each.ends)),
        "edits": sum(each.edits for each in results),
        "writes": sum(each.writes for each in results),
        "conflicts": sum(each.conflicts for each in results),
        "parked": dict(Counter(code for each in results for code in each.parked).most_common()),
        "quiet_cycles_max": max((each.quiet_cycles for each in results), default=0),
        "duplicates": sum(line.startswith("duplicate") for line in lines),
        "lost_edits": sum(line.startswith("lost") for line in lines),
        "audit_differences": sum(line.startswith("audit") for line in lines),
        "wrong": wrong,
    }


def _processor_seconds() -> float:
    """Of this process and all that it started and that has ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _phase(doing: str) -> str:
    """What was under way, without its number: "while write create"."""
    words = doing.split(" ")
    return " ".join(words[:-1]) if words[-1].isdigit() else doing


if __name__ == "__main__":
    sys.exit(main())
