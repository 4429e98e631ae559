"""One run: people work on both sides, `sync` is killed several times, all is checked in quiet."""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import URL

from emulator.testing import RunningEmulator
from models.tables import sync as tables
from tests.acceptance.kill_checks import Memory, _intent_of, all_wrong
from tests.acceptance.kill_people import People
from tests.acceptance.kill_process import Child, Launcher
from tests.fixtures.company import Office, moved
from tests.fixtures.databases import PostgreSQLServer

#: The longest flight: a quarter to leave, a time-out, what a late landing takes, and a margin.
FLIGHT_SECONDS = 1.6
READ_TIMEOUT_SECONDS = 0.4
#: Cycles until nothing moves.
QUIET_CYCLES_MAX = 8
#: Runs with the checks by Great Expectations, which cost more than all the rest.
CHECKED_SHARE = 0.03
#: How a killed or disturbed cycle may end by itself: done, failed, parked, another one at work.
ENDS = {0, 1, 3, 4}

#: Trouble that the emulator makes of the application's writes.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "answer_lost"},
    {"kind": "timeout", "seconds": 0.6},
    {"kind": "late", "seconds": 0.2},
    {"kind": "late", "seconds": 0.35},
    {"kind": "late_landing", "seconds": 0.3},
    {"kind": "throttle"},
    {"kind": "status", "status": 502, "after_commit": True},
    {"kind": "saved_but_6000"},
    {"kind": "truncated"},
)
#: Trouble for every run, where it is meant to be rough.
LOST_ANSWERS: tuple[dict[str, Any], ...] = tuple(
    {"kind": "answer_lost", "verb": verb} for verb in ("create", "update", "batch")
)
VERBS = ("create", "update", "delete", "batch", "batch")


class Copies:
    """Copies of a database that was synced once."""

    def __init__(self, folder: Path, source: Path | PostgreSQLServer) -> None:
        self._folder = folder
        self._source = source

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of a copy, which is removed afterwards."""
        if isinstance(self._source, PostgreSQLServer):
            url = self._source.create()
            yield text_of(url)
            self._source.drop(url.database)
            return
        path = self._folder / "sync.db"
        shutil.copyfile(self._source, path)
        yield f"sqlite:///{path}"
        for each in self._folder.glob("sync.db*"):
            each.unlink()


def text_of(url: URL) -> str:
    """A URL with its password."""
    return url.render_as_string(hide_password=False)


@dataclass
class Place:
    """What a lane's runs share."""

    emulator: RunningEmulator
    launcher: Launcher
    copies: Copies
    folder: Path
    #: How long an undisturbed cycle takes here, to spread kills over.
    cycle_seconds: float = 0.5
    #: Whether QuickBooks ignores request ids and loses answers in every cycle.
    rough: bool = False
    #: Share of runs with the checks by Great Expectations.
    checked_share: float = CHECKED_SHARE


@dataclass
class Result:
    """What a run came to."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    #: What each killed process was in the middle of.
    kills: list[str] = field(default_factory=list)
    #: Exit codes of the processes that ended by themselves.
    ends: list[int] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    writes: int = 0
    edits: int = 0
    conflicts: int = 0
    quiet_cycles: int = 0
    seconds: float = 0
    #: A write landed after the longest flight, because this machine was too slow: proves nothing.
    overdue: bool = False
    story: list[str] = field(default_factory=list)


@contextmanager
def settings_of(office: Office) -> Iterator[dict[str, str]]:
    """The office's settings in this process, and for its children."""
    settings = {
        **office.environment(),
        # the database begins as a copy, and so with another log than the run before
        "QBSYNC_AUDIT_CHECKPOINTS": f"checkpoints-{uuid.uuid4().hex}.jsonl",
        "QBSYNC_FLIGHT_SECONDS": str(FLIGHT_SECONDS),
        "QBSYNC_READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_SECONDS),
    }
    os.environ.update(settings)
    yield settings


class Run:
    """One run by its seed."""

    def __init__(self, place: Place, office: Office, settings: dict[str, str], seed: int) -> None:
        self.random = Random(seed)
        self.place, self.office, self.settings = place, office, settings
        self.people = People(office, self.random)
        self.result = Result(seed, story=self.people.story)
        self._landed: list[float] = []
        self._checked = self.random.random() < place.checked_share

    def perform(self) -> Result:
        """Work, kill, rest, check."""
        began = time.monotonic()
        self._watch_landings()
        faults = self._faults()
        self.people.work(self.random.randint(6, 12))
        for _ in range(self.random.randint(3, 5)):
            self._disturbed_cycle(faults)
            self.people.work(self.random.randint(0, 4))
            self._wait_for_lease()
        self._rest()
        if not self.result.wrong:
            self._check()
        self.result.edits = len(self.people.written)
        self.result.seconds = time.monotonic() - began
        return self.result

    def _say(self, words: str) -> None:
        self.people.story.append(words)

    # -- trouble --

    def _faults(self) -> list[dict[str, Any]]:
        """The kinds of trouble that exist in this run; often few, so that each is seen alone."""
        options = self.place.emulator.emulator.options
        options.honour_request_ids = self.random.random() < 0.5 and not self.place.rough
        kinds = self.random.sample(FAULTS, self.random.choice((0, 1, 1, 2, 3)))
        if self.place.rough:
            kinds = list(LOST_ANSWERS)
        self._say(f"request ids honoured: {options.honour_request_ids}; trouble: {kinds}")
        return kinds

    def _order_trouble(self, faults: list[dict[str, Any]]) -> bool:
        ordered = [
            {"verb": self.random.choice(VERBS), "count": self.random.randint(1, 3), **each}
            for each in faults
            if self.place.rough or self.random.random() < 0.7
        ]
        if ordered:
            self.place.emulator.faults(*ordered)
            self._say(f"trouble: {[(each['kind'], each['verb']) for each in ordered]}")
        return bool(ordered)

    def _disturbed_cycle(self, faults: list[dict[str, Any]]) -> None:
        """One cycle, or two at once, killed or not, while people go on."""
        troubled = self._order_trouble(faults)
        count = 2 if self.random.random() < 0.2 else 1
        children = [self._start("sync", "--json") for _ in range(count)]
        if self.random.random() < 0.5:
            # QuickBooks's people would be struck by the trouble that is meant for the application
            self.people.work_beside(1, platform_only=troubled)
        for child in children:
            if self.random.random() < 0.85:
                self._kill(child)
            self._end(child)
        with self.place.emulator.emulator.lock:
            self.place.emulator.emulator.injection.rules.clear()

    def _kill(self, child: Child) -> None:
        """Kill at a random moment: of the cycle, of a write, of a commit, or right after one."""
        how = self.random.choice(("time", "time", "write", "write", "written", "commit"))
        if how == "time":
            time.sleep(self.random.uniform(0, self.place.cycle_seconds * 1.1))
        else:
            child.watch(self._moment(how), seconds=3)
            if how == "write":
                time.sleep(self.random.choice((0, 0.002, 0.01, 0.3)) * self.random.random())
        child.kill()

    def _moment(self, how: str) -> Callable[[str], bool]:
        number = self.random.randint(1, 24)
        if how == "commit":
            return lambda doing: "commit" in doing and int(doing.rpartition(" ")[2]) >= number
        beginning = "while write" if how == "write" else "after write"
        return lambda doing: doing.startswith(beginning)

    # -- processes --

    def _start(self, *arguments: str) -> Child:
        return self.place.launcher.start(
            self.place.folder, self.settings, *arguments, checked=self._checked
        )

    def _end(self, child: Child) -> None:
        code = child.wait()
        if code == -9:
            self.result.kills.append(child.doing)
            self._say(f"killed: {child.doing}")
            return
        self.result.ends.append(code)
        self._say(f"sync ended with {code}")
        if code not in ENDS or "Traceback" in child.text():
            self.result.wrong.append(f"sync ended with {code}: {child.text()[-1500:]}")

    def _wait_for_lease(self) -> None:
        """Nobody takes over before the lease of a killed process has expired."""
        with self.office.engine.connect() as connection:
            row = connection.execute(select(tables.leases)).first()
        if row is not None and row.holder is not None and row.expires_at is not None:
            left = row.expires_at.timestamp() - time.time()
            time.sleep(min(max(left, 0), FLIGHT_SECONDS) + 0.01)

    # -- quiet --

    def _rest(self) -> None:
        """No more people, trouble or kills: sync until nothing moves."""
        time.sleep(FLIGHT_SECONDS)
        still = 0
        for number in range(1, QUIET_CYCLES_MAX + 1):
            self.result.quiet_cycles = number
            if number <= 3 and self._is_something_parked():
                # a person lets what waits be tried again
                self._start("retry", "--json").wait()
            before = self._journal_length()
            child = self._start("sync", "--json")
            code = child.wait()
            if code not in (0, 3):
                self.result.wrong.append(
                    f"in quiet, sync ended with {code}: {child.text()[-1500:]}"
                )
                return
            still = 0 if self._moved(child) or self._journal_length() > before else still + 1
            if still == 1 + self._is_something_parked():
                return
        self.result.wrong.append(f"still moving after {QUIET_CYCLES_MAX} cycles")

    def _is_something_parked(self) -> bool:
        with self.office.engine.connect() as connection:
            return connection.execute(select(tables.parked.c.link_id)).first() is not None

    def _journal_length(self) -> int:
        return len(self.place.emulator.company.journal)

    @staticmethod
    def _moved(child: Child) -> int:
        (line,) = [each for each in child.text().splitlines() if each.startswith('{"cycles"')]
        (cycle,) = json.loads(line, parse_float=Decimal)["cycles"]
        return moved(cycle)

    def _watch_landings(self) -> None:
        """Note when each write took effect."""
        landed = self._landed
        company = self.place.emulator.company

        def note(_company: Any, _touched: Any) -> None:
            landed.extend([time.time()] * (len(company.journal) - len(landed)))

        company.listeners.append(note)

    def _check(self) -> None:
        with self.place.emulator.emulator.lock:
            journal = list(self.place.emulator.company.journal)
        self.result.wrong += all_wrong(self.office, self.people, journal)
        memory = Memory.of(self.office)
        self.result.writes = sum(1 for line in journal if line.client)
        self.result.parked = [f"{each.record_type} {each.code}" for each in memory.parked.values()]
        self.result.conflicts = len(memory.conflicts)
        self.result.overdue = self._is_overdue(memory, journal)

    def _is_overdue(self, memory: Memory, journal: list[Any]) -> bool:
        with self.office.engine.connect() as connection:
            attempts = list(connection.execute(select(tables.attempts)))
        for line, landed in zip(journal, self._landed, strict=False):
            intent_id = _intent_of(memory, line) if line.client else None
            sent = [
                each.sent_at.timestamp()
                for each in attempts
                if each.intent_id == intent_id and each.sent_at.timestamp() <= landed
            ]
            if sent and landed - max(sent) > FLIGHT_SECONDS:
                return True
        return False


def one_run(place: Place, seed: int) -> Result:
    """A run in an office of its own."""
    place.emulator.emulator.reset()
    with place.copies.one() as database_url:
        office = Office(place.emulator, database_url)
        try:
            with settings_of(office) as settings:
                return Run(place, office, settings, seed).perform()
        finally:
            office.close()


def make_template(
    place_folder: Path, emulator: RunningEmulator, launcher: Launcher, url: str
) -> float:
    """Connect a migrated database and sync until nothing moves; seconds of an idle cycle."""
    emulator.emulator.reset()
    office = Office(emulator, url)
    with settings_of(office) as short:
        settings = {**short, "QBSYNC_READ_TIMEOUT_SECONDS": "20", "QBSYNC_FLIGHT_SECONDS": "60"}
        orders = [
            ["connect", "--realm-id", emulator.realm_id, "--refresh-token", emulator.refresh_token],
            *([["sync", "--json"]] * 3),
        ]
        for order in orders:
            began = time.monotonic()
            child = launcher.start(place_folder, settings, *order)
            assert child.wait() == 0, child.text()
        seconds = time.monotonic() - began
        with office.engine.begin() as connection:
            connection.execute(update(tables.leases).values(holder=None, expires_at=None))
    office.close()
    return seconds
