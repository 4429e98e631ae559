"""What every step of a cycle is given: the ports, the references and the tally."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.ports import Clock, CompanyFacts, QuickBooksPort, ReportsPort
from connectors.settings import FLIGHT
from connectors.state.port import Connection, State, Unit
from models.errors import FieldError
from models.plan import Link
from models.record_type import RecordType, in_data_types, with_parents
from models.words import SIDES, DataType, Side
from tasks.pool import Matching
from tasks.validate import Subject, validate

#: While a cycle reads, its lease is renewed so many times in the time that it lasts.
LEASE_PARTS = 4
#: Outcomes of one record in one direction, as they are printed.
OUTCOMES = ("created", "updated", "unchanged", "conflicts", "parked")


class CycleReferences:
    """What is known of links during a cycle: implements `models.records.References`.

    A cache that is filled for a batch at a time (`load`), so that decoding asks no database.
    """

    def __init__(self, facts: CompanyFacts, names: Mapping[str, Mapping[str, str]]) -> None:
        self.home_currency = facts.home_currency
        self.multi_currency = facts.multi_currency
        self._by_side: dict[tuple[str, Side, str], int] = {}
        self._by_link: dict[int, tuple[str | None, str | None, str]] = {}
        self._gone: set[int] = set()
        self._names = {entity: dict(each) for entity, each in names.items()}
        self._lock = threading.Lock()

    def learn(self, links: Iterable[Link]) -> None:
        """Remember links."""
        with self._lock:
            for link in links:
                self._by_link[link.id] = (link.quickbooks_id, link.platform_id, link.label)
                if link.deleted_at is not None:
                    self._gone.add(link.id)
                if link.quickbooks_id is not None:
                    self._by_side[link.record_type, Side.QUICKBOOKS, link.quickbooks_id] = link.id
                if link.platform_id is not None:
                    self._by_side[link.record_type, Side.PLATFORM, link.platform_id] = link.id

    def learn_names(self, entity: str, names: Mapping[str, str]) -> None:
        """Remember the names of an entity's entries."""
        self._names[entity] = dict(names)

    def load(self, unit: Unit, side: Side, wanted: Iterable[tuple[str, str]]) -> None:
        """Fetch the links of these (record type, side id) pairs that are not known yet."""
        missing: dict[str, set[str]] = {}
        for record_type, side_id in wanted:
            if (record_type, side, side_id) not in self._by_side:
                missing.setdefault(record_type, set()).add(side_id)
        for record_type, side_ids in missing.items():
            self.learn(unit.links_of(record_type, side, side_ids).values())

    def load_links(self, unit: Unit, link_ids: Iterable[int]) -> None:
        """Fetch these links, as they are now."""
        self.learn(unit.links(set(link_ids)).values())

    def knows_link(self, link_id: int) -> bool:
        """Whether the link was fetched."""
        return link_id in self._by_link

    def link_of(self, record_type: str, side: Side, side_id: str) -> int | None:
        """The link of a side's record."""
        return self._by_side.get((record_type, side, side_id))

    def side_id_of(self, link_id: int, side: Side) -> str | None:
        """A link's id on a side."""
        quickbooks_id, platform_id, _ = self._by_link.get(link_id, (None, None, ""))
        return quickbooks_id if side is Side.QUICKBOOKS else platform_id

    def label_of(self, link_id: int) -> str:
        """What people call the record."""
        return self._by_link.get(link_id, (None, None, str(link_id)))[2]

    def is_gone(self, link_id: int) -> bool:
        """Whether both sides have agreed that the record is gone."""
        return link_id in self._gone

    def name_of(self, entity: str, quickbooks_id: str) -> str | None:
        """Name of a list entry."""
        return self._names.get(entity, {}).get(quickbooks_id)

    def id_of_name(self, entity: str, name: str) -> str | None:
        """Id of a list entry, by its name in any case."""
        wanted = name.casefold()
        for quickbooks_id, known in self._names.get(entity, {}).items():
            if known.casefold() == wanted:
                return quickbooks_id
        return None


class Tally:
    """Counts what became of every record, so that read = applied + unchanged + parked."""

    def __init__(self) -> None:
        self._directions = defaultdict[tuple[str, Side, str], int](int)
        self._records = defaultdict[tuple[str, str], int](int)
        self._parked: list[dict[str, str]] = []
        self._lock = threading.Lock()

    def read(self, record_type: RecordType, sides: Iterable[Side]) -> None:
        """One record was taken up, having changed on these sides."""
        with self._lock:
            self._records[record_type.name, "records"] += 1
            for side in sides:
                self._records[record_type.name, side] += 1

    def direction(self, record_type: RecordType, to: Side, outcome: str, count: int = 1) -> None:
        """Something happened to a record in one direction."""
        assert outcome in OUTCOMES
        with self._lock:
            self._directions[record_type.name, to, outcome] += count

    def end(self, record_type: RecordType, ending: str, count: int = 1) -> None:
        """One record ended as applied, unchanged or parked."""
        assert ending in ("applied", "unchanged", "parked")
        with self._lock:
            self._records[record_type.name, ending] += count

    def parked(self, reason: dict[str, str]) -> None:
        """One record was set aside, for this reason."""
        with self._lock:
            self._parked.append(reason)

    @property
    def moved(self) -> int:
        """Records created or updated on either side."""
        return sum(
            count
            for (_, _, outcome), count in self._directions.items()
            if outcome in ("created", "updated")
        )

    def data_types(
        self, record_types: Iterable[RecordType]
    ) -> dict[str, dict[str, dict[str, int]]]:
        """Counts by data type and direction."""
        table: dict[str, dict[str, dict[str, int]]] = {}
        rows: dict[str, dict[str, dict[str, int]]] = {}
        for record_type in record_types:
            name = record_type.data_type.value
            if name not in table:
                table[name] = {f"to_{side}": dict.fromkeys(OUTCOMES, 0) for side in SIDES}
            rows[record_type.name] = table[name]
        for (name, side, outcome), count in self._directions.items():
            if name in rows:
                rows[name][f"to_{side}"][outcome] += count
        return table

    def records(self, record_types: Iterable[RecordType]) -> dict[str, dict[str, int]]:
        """Counts by record type: read from each side, and how the records ended."""
        keys = ("quickbooks", "platform", "records", "applied", "unchanged", "parked")
        table = {each.name: dict.fromkeys(keys, 0) for each in record_types}
        for (name, key), count in self._records.items():
            if name in table:
                table[name][key] = count
        return table

    def parked_records(self) -> list[dict[str, str]]:
        """Every record set aside in this cycle, with its reason."""
        return list(self._parked)


@dataclass
class Cycle:
    """One cycle of one connection."""

    state: State
    quickbooks: QuickBooksPort
    clock: Clock
    facts: CompanyFacts
    references: CycleReferences
    #: Makes a new random id of 32 characters.
    new_id: Callable[[], str]
    #: Data types whose records this cycle may write to QuickBooks.
    data_types: frozenset[DataType]
    #: Sides that this cycle is to write; what belongs on another one is left for other cycles.
    write_to: frozenset[Side] = frozenset(Side)
    #: What it is for, "sync" or "backfill": a plan that waits for approval is its purpose's own.
    purpose: str = "sync"
    #: The longest time between recording a send and its effect in QuickBooks.
    flight: timedelta = FLIGHT
    #: How far each side was read when the cycle began; its own steps move that later.
    cursors_at_start: Mapping[tuple[str, Side], str] = field(default_factory=dict)
    #: Record types that no cycle has synced since the database was restored from a backup.
    after_restore: frozenset[str] = frozenset()
    #: What both sides may hold both.
    matching: Matching = field(default_factory=Matching)
    #: Whether QuickBooks was asked in this cycle who it is and when its books close.
    facts_read: bool = False
    #: Entries of name lists that were merged away in QuickBooks -> what they were merged into,
    #: where that can be told; both as canonical references.
    merged: dict[str, str | None] = field(default_factory=dict)
    #: QuickBooks's own clock before it was read in this cycle.
    far_since: datetime | None = None
    #: Judges a batch of records; one that needs no frames may stand in for Great Expectations.
    validate: Callable[[RecordType, Side, Mapping[int, Subject]], dict[int, FieldError]] = validate
    #: QuickBooks's own reports, where this cycle can ask for them.
    reports: ReportsPort | None = None
    tally: Tally = field(default_factory=Tally)
    #: Address of the company's pages; "" where it is not known where people find them.
    pages_url: str = ""
    #: When the lease was renewed last, by the clock's `monotonic`; None where none was taken.
    renewed_at: float | None = None
    #: Says in a few words what is being done, for people who wait.
    progress: Callable[[str], None] = field(default=lambda _words: None)

    @property
    def connection(self) -> Connection:
        """The connection that is being synced."""
        return self.state.connection

    def renew_lease(self) -> None:
        """Go on being the only worker of the company, or stop.

        The lease lasts for the longest flight: nobody takes over while a write may be under way.

        Raises:
            BrakeError: another worker has taken over.
        """
        self.state.take_lease(self.flight)
        self.renewed_at = self.clock.monotonic()

    def keep_lease(self) -> None:
        """Renew what would else run out in the middle of a long reading.

        Raises:
            BrakeError: another worker has taken over.
        """
        seconds = self.flight.total_seconds() / LEASE_PARTS
        if self.renewed_at is not None and self.clock.monotonic() - self.renewed_at > seconds:
            self.renew_lease()

    @property
    def origin(self) -> str:
        """What the markers of this connection's records are made from."""
        mine = self.connection
        return f"{mine.environment}/{mine.realm_id}/{mine.company_id}"

    def take_facts(self, facts: CompanyFacts) -> None:
        """Go on with what QuickBooks says about the company now."""
        self.facts = facts
        self.references.multi_currency = facts.multi_currency

    @property
    def record_types(self) -> list[RecordType]:
        """What this cycle reads and writes: its own record types and what they refer to."""
        on = self.connection.settings.data_types | self.data_types
        return with_parents(in_data_types(self.data_types), on)

    def own(self, record_type: RecordType) -> bool:
        """Whether the record type is synced, and not only read because others refer to it."""
        return record_type.data_type in self.data_types

    def may_write(self, record_type: RecordType, side: Side) -> bool:
        """Whether this cycle may write such records to a side."""
        allowed = side in self.connection.settings.write_to
        return allowed and (side is Side.PLATFORM or self.own(record_type))
