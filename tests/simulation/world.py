"""The world of one schedule: two sides, the state between them, one clock, and all at work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from connectors.ports import Payload, RemoteWrite
from connectors.quickbooks import exact_json
from connectors.state.platform_port import Row
from connectors.state.port import State
from models.errors import CorruptStateError, SyncError
from models.intent import Intent
from models.plan import Link, Plan
from models.record_type import RecordType, catalog, in_data_types
from models.words import Operation, Side
from tasks.candidate import Candidate
from tasks.context import Cycle, CycleReferences
from tasks.cycle import run_cycle
from tasks.plan import plan
from tasks.report import Report
from tasks.steps import PLAIN, Steps
from tasks.times import parse_time
from tests.simulation.actors import Actor, Killed, Scheduler
from tests.simulation.brake_checks import Before, before_run, check_brakes
from tests.simulation.cells import merge_cell
from tests.simulation.clock import WorkerClock
from tests.simulation.draws import FAULTS, PEOPLE, Draws
from tests.simulation.oracle import Oracle, Violation, text_in
from tests.simulation.people import AMOUNT_STEP, People
from tests.simulation.plain_checks import validate as plain_validate
from tests.simulation.profile import FLIGHT_SECONDS, Profile
from tests.simulation.settled import Began
from tests.simulation.settling import OpenDocument
from tests.simulation.sides import MemorySides
from tests.simulation.sim_quickbooks import LATE_SECONDS, SimQuickBooks
from tests.simulation.sim_state import Calls, Cancelled, DatabaseFaultError, SimState

FLIGHT = timedelta(seconds=FLIGHT_SECONDS)
#: What may happen to a worker between two calls, and to the database at both ends of a transaction.
INTERRUPTIONS = frozenset({"zombie", "crash_before", "crash_after", "kill", "cancelled"})
DATABASE_FAULTS = frozenset({"begin_failed", "commit_failed", "disk_full", "commit_unknown"})
#: More steps than any schedule needs.
STEPS_MAX = 20_000


class World:
    """Everything of one schedule."""

    def __init__(
        self,
        sides: MemorySides,
        profile: Profile,
        draws: Draws,
        *,
        prefix: str = "",
        story: bool = False,
    ) -> None:
        self.sides = sides
        self.profile = profile
        self.draws = draws
        self.clock = sides.clock
        self.books = sides.books
        self.people = sides.platform_people
        self.scheduler = Scheduler(self.clock, draws, STEPS_MAX)
        self.calls = Calls()
        self.quiet = False
        #: What a worker can be struck by now, and whether the database can.
        self._interruptions = INTERRUPTIONS.intersection(profile.rates)
        self.database_fails = not DATABASE_FAULTS.isdisjoint(profile.rates)
        self.oracle = Oracle(self)
        self.hands = People(self)
        self.hits: Counter[str] = Counter()
        #: Cells of the merge and write tables that were reached.
        self.cells: Counter[str] = Counter()
        self._rates = dict(profile.rates)
        self.own_types = in_data_types(profile.data_types)
        self.type_of_entity = {each.entity: each.name for each in catalog().values()}
        self.story: list[str] | None = [] if story else None
        self.copied: set[str] = set()
        self.reports: list[Report] = []
        self.steps: Steps = replace(PLAIN, plan=self._plan)
        #: What ids begin with, so that those of the base company are others.
        self._prefix = prefix
        #: Worker -> what stood linked, and the approvals used, when it got the lease.
        self._found: dict[str, tuple[Before, int]] = {}
        self.runs = 0
        self.ids = 0
        self._tokens = 0
        self._amounts = 0
        self._files = 0
        self._meddling = False
        #: Nothing runs for a while.
        self.outage = False
        #: What was equal on both sides at the beginning, where that is known.
        self.began: Began | None = None

    def calm_down(self) -> None:
        """No more people and faults."""
        self.quiet, self._rates = True, {}
        self._interruptions, self.database_fails = frozenset(), False
        self.tell("everything is quiet from here on")

    def close(self) -> None:
        """Let go of everything: its parts know it, so that else only Python's collector frees it.

        That costs more than all that a schedule frees by itself.
        """
        vars(self).clear()

    # -- words --

    def tell(self, words: str) -> None:
        """Add to the story, where one is told."""
        if self.story is not None:
            at = self.clock.seconds % 86_400
            self.story.append(
                f"{int(at // 3600):02}:{int(at % 3600 // 60):02}:{at % 60:04.1f} {words}"
            )

    def token(self) -> str:
        """A text that nobody wrote before."""
        self._tokens += 1
        return f"w{self._tokens}w"

    def file(self) -> bytes:
        """A file that nobody made before."""
        self._files += 1
        return b"file %d" % self._files

    def amount(self) -> Decimal:
        """An amount that nobody entered before."""
        self._amounts += 1
        return Decimal(10) + AMOUNT_STEP * self._amounts

    # -- faults --

    def hit(self, fault: str) -> None:
        """A fault has struck."""
        self.hits[fault] += 1

    def fails(self, fault: str) -> bool:
        """Whether a fault of this profile strikes now."""
        rate = self._rates.get(fault)
        if not rate or self._meddling:
            return False
        if not self.draws.chance(FAULTS, fault, rate):
            return False
        self.hits[fault] += 1
        self.tell(f"{self._who()}: {fault}")
        return True

    def maybe_fail(self, *faults: str) -> None:
        """Let the database fail."""
        for fault in faults:
            if self.fails(fault):
                raise DatabaseFaultError(fault)

    def occasion(self, label: str, seconds: float = 0.0) -> None:
        """A worker is between two calls: others go on; it may be paused, killed or cancelled."""
        may = self._interruptions
        if not may:
            self.scheduler.pause(seconds, label)
            return
        if "zombie" in may and self.fails("zombie"):
            seconds += self.draws.upto(FAULTS, "paused", 2_400.0)
        self.scheduler.pause(seconds, label)
        crash = "crash_after" if label.endswith(("committed", "answered")) else "crash_before"
        if (crash in may and self.fails(crash)) or ("kill" in may and self.fails("kill")):
            self.kill(self.scheduler.current)
        if "cancelled" in may and self.fails("cancelled"):
            raise Cancelled(label)

    def kill(self, actor: Actor | None) -> None:
        """End a worker as kill -9 does: what it had open is rolled back by the database."""
        assert actor is not None
        self.tell(f"{actor.name} is killed at {actor.label}")
        self.sides.abandon()
        self.scheduler.kill(actor)

    def land_later(self, seconds: float, label: str, effect: Callable[[], object]) -> None:
        """A request without an answer takes effect later."""
        self.scheduler.spawn(f"late {label}", lambda: self._land(effect), seconds)

    def _land(self, effect: Callable[[], object]) -> None:
        effect()

    def meddle(self, writes: Sequence[RemoteWrite]) -> None:
        """Somebody edits, deletes or voids the record just before the write takes effect."""
        if self.quiet or self._meddling:
            return
        changed = [each for each in writes if each.operation is not Operation.CREATE]
        if not changed or not self.draws.chance(PEOPLE, "meddle", 0.08):
            return
        write = changed[self.draws.pick(PEOPLE, "meddled", len(changed))]
        record_type = catalog()[self.type_of_entity[write.entity]]
        record_id = str(write.body["Id"])
        how = self.draws.pick(PEOPLE, "meddles", 6)
        with self.undisturbed():
            if how == 0 and not record_type.is_list:
                self.hit("delete_between")
                self.hands.remove(Side.QUICKBOOKS, record_type, record_id)
            elif how == 1 and record_type.void_status:
                self.hit("void_between")
                self.hands.void(Side.QUICKBOOKS, record_type, record_id)
            else:
                self.hit("edit_between")
                self.hands.edit(Side.QUICKBOOKS, record_type, record_id)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let somebody do something while nothing else happens."""
        self._meddling = True
        try:
            yield
        finally:
            self._meddling = False

    def _who(self) -> str:
        return self.scheduler.current.name if self.scheduler.current else "nobody"

    # -- what the sides hold --

    def live_ids(self, side: Side, record_type: RecordType) -> list[str]:
        """Ids of a side's records that are not deleted; inactive ones of lists count as live."""
        if side is Side.QUICKBOOKS:
            return [str(each["Id"]) for each in self.books.all(record_type.entity)]
        return [row.id for row in self.people.all(record_type.name) if row.live]

    def row(self, record_type: RecordType, record_id: str) -> Row | None:
        """A row of the platform."""
        return self.sides.row(record_type, record_id)

    def text_of(self, side: Side, record_type: RecordType, record_id: str) -> str:
        """All texts of a record."""
        if side is Side.QUICKBOOKS:
            record = self.books.get(record_type.entity, record_id)
            return text_in(record) if record is not None else ""
        row = self.row(record_type, record_id)
        return text_in(row.values) if row is not None and row.live else ""

    def counterpart(self, side: Side, record_type: RecordType, record_id: str) -> str | None:
        """The other side's id of a record."""
        link = self.sides.link_of(record_type.name, side, record_id)
        return link.side_id(side.other) if link else None

    def referable(self, side: Side, record_type: str, kinds: Collection[str] | None) -> list[str]:
        """Ids that people may refer to on a side; of these kinds of account or item only."""
        return self.sides.referable(side, record_type, kinds)

    def open_documents(self, side: Side, record_type: str) -> list[OpenDocument]:
        """Documents of a type that are not settled yet."""
        return self.sides.open_documents(side, record_type)

    def older_copy(self, entity: str, record_id: str) -> Payload | None:
        """The version before the present one."""
        versions = [
            each.record
            for each in self.books.journal
            if each.entity == entity and each.id == record_id and each.record is not None
        ]
        if len(versions) < 2:
            return None
        age = self.clock.now() - self.updated_at(versions[-1])
        return versions[-2] if age.total_seconds() < LATE_SECONDS else None

    @staticmethod
    def updated_at(row: Payload) -> datetime:
        """When QuickBooks says that a record was changed last."""
        instant = parse_time(row["MetaData"]["LastUpdatedTime"])
        assert instant is not None
        return instant

    @staticmethod
    def encoded(body: Mapping[str, Any]) -> str:
        """A body as an intent stores it."""
        return exact_json.encode(body).decode()

    def intent(self, intent_id: str) -> Intent | None:
        """An intent as stored."""
        return self.sides.intent(intent_id)

    def lease_epoch(self) -> int:
        """The epoch of whoever holds the company."""
        return self.sides.lease_epoch()

    def links(self) -> list[Link]:
        """All links."""
        return self.sides.links()

    def restore(self, backup: Any) -> None:
        """Restore the database from a backup, while nobody works; QuickBooks goes on as it is."""
        for actor in list(self.scheduler.actors):
            if actor.alive and actor.name.startswith("worker"):
                self.kill(actor)
        self.hit("restored")
        self.tell("the database is restored from a backup")
        named = self.sides.losers_text() + self.sides.intents_losers_text()
        intents = self.sides.intent_ids()
        self.sides.restore_database(backup)
        self.oracle.forget_the_platform(named, intents)

    # -- workers --

    def start_worker(self, delay: float = 0.0) -> Actor:
        """A run of the sync, at once or later."""
        number = self.runs
        self.runs += 1
        skew = self.profile.skews[number % len(self.profile.skews)]
        if skew:
            self.hit("worker_clock")
        name = f"worker {number + 1}"
        return self.scheduler.spawn(name, lambda: self._work(name, timedelta(seconds=skew)), delay)

    def has_lease(self, worker: str) -> None:
        """A worker is the company's only one; what it is measured by is what it found then.

        One that was paused before it had the lease finds what others have done meanwhile.
        """
        if worker in self.oracle.taken and worker not in self._found:
            self._found[worker] = before_run(self), self.sides.approvals_used()

    def _work(self, name: str, skew: timedelta) -> None:
        self.tell(f"{name} begins")
        taken = self.oracle.taken[name] = Counter()
        try:
            report = run_cycle(self.cycle(name, skew), "simulated", self.steps)
        except CorruptStateError:
            raise
        except SyncError as error:
            self.tell(f"{name} stops: {error}")
        except (DatabaseFaultError, Cancelled) as error:
            self.tell(f"{name} stops: {error!r}")
        else:
            self.tell(f"{name} ends, {report.moved} moved")
            self._check_report(report)
        if taken:
            before, approvals = self._found[name]
            if self.sides.approvals_used() == approvals:
                check_brakes(name, taken, before)

    def cycle(self, name: str, skew: timedelta = timedelta(0)) -> Cycle:
        """A cycle of one worker, over the production steps."""
        clock = WorkerClock(self.clock, skew, partial(self.occasion, "sleeps"))
        inner: State = self.sides.open_state(f"{self._prefix}{name}", name)
        state = SimState(self, inner, name)
        with state.begin() as unit:
            names = unit.named_references()
        facts = self.sides.facts()
        return Cycle(
            state=state,
            quickbooks=SimQuickBooks(self, self.sides.open_quickbooks()),
            clock=clock,
            facts=facts,
            references=CycleReferences(facts, names),
            new_id=self._new_id,
            data_types=self.profile.data_types,
            flight=FLIGHT,
            # the same checks without Great Expectations (test_plain_checks.py)
            validate=plain_validate,
        )

    def _plan(
        self, cycle: Cycle, record_types: Sequence[RecordType], candidates: Sequence[Candidate]
    ) -> Plan:
        """The production step; what it decides is noted as cells of the decision table."""
        made = plan(cycle, record_types, candidates)
        self.cells.update(merge_cell(each) for each in made.records)
        return made

    def _new_id(self) -> str:
        self.ids += 1
        return f"{self._prefix}i{self.ids}"

    def _check_report(self, report: Report) -> None:
        """I24: every record that was read is accounted for."""
        for name, row in report.read.items():
            if row["records"] != row["applied"] + row["unchanged"] + row["parked"]:
                raise Violation("I24", f"{name}: {row}")
        self.reports.append(report)


__all__ = ["FLIGHT", "Killed", "World"]
