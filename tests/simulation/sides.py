"""The two sides and the state between them, in memory, in SQL, or with the true emulator.

A company is set up and synced once for each kind, and put back to that for each schedule.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

from connectors.ports import CompanyFacts, QuickBooksPort
from connectors.state.memory import MemoryDatabase, MemoryPeople, MemoryState
from connectors.state.memory_people import PlatformPeople
from connectors.state.memory_store import UnsealedNote
from connectors.state.platform_port import Row
from connectors.state.port import Connection, State, restored_cursor
from models.approval import ApprovalState
from models.audit import AuditNote
from models.intent import Intent
from models.merge import Conflict
from models.plan import Link
from models.record_type import RecordType, catalog
from models.settings import ConnectionSettings
from models.words import DefaultAccount, Operation, Side
from tests.simulation.books import Books
from tests.simulation.clock import VirtualClock
from tests.simulation.profile import Profile
from tests.simulation.settling import OPEN, OpenDocument
from tests.simulation.small_books import SmallBooks
from tests.simulation.small_fields import ZERO
from tests.simulation.small_quickbooks import SmallQuickBooks

REALM_ID = "9341450000000042"
#: Field by which people tell what they may refer to, by record type.
_KIND_FIELDS = {"account": "type", "item": "kind"}


class Sides(Protocol):
    """What a world needs of both sides and the state."""

    clock: VirtualClock
    books: Books
    platform_people: PlatformPeople

    def open_state(self, run_id: str, holder: str) -> State:
        """One worker's state."""
        ...

    def open_quickbooks(self) -> QuickBooksPort:
        """One worker's port to QuickBooks."""
        ...

    def facts(self) -> CompanyFacts:
        """Who the company is."""
        ...

    def abandon(self) -> None:
        """A worker is dead: the database rolls back what it had open."""
        ...

    def file_of(self, record_type: RecordType, record_id: str) -> bytes | None:
        """The file of a row; None where there is none."""
        ...

    def row(self, record_type: RecordType, record_id: str) -> Row | None:
        """A row of the platform."""
        ...

    def link_of(self, record_type: str, side: Side, record_id: str) -> Link | None:
        """The link of a record."""
        ...

    def referable(self, side: Side, record_type: str, kinds: Collection[str] | None) -> list[str]:
        """Ids that people may refer to on a side; of these kinds of account or item only."""
        ...

    def open_documents(self, side: Side, record_type: str) -> list[OpenDocument]:
        """Documents of a type that are not settled yet."""
        ...

    def intent(self, intent_id: str) -> Intent | None:
        """An intent as stored."""
        ...

    def lease_epoch(self) -> int:
        """The epoch of whoever holds the company."""
        ...

    def links(self) -> list[Link]:
        """All links."""
        ...


def _loser_of(conflict: Conflict) -> tuple[Any, ...]:
    """What did not win; the base is what neither side holds any more."""
    lost = {Side.QUICKBOOKS: conflict.platform, Side.PLATFORM: conflict.quickbooks}
    winner = conflict.verdict.winner
    if winner is None:
        return (conflict.base, conflict.quickbooks, conflict.platform)
    return (conflict.base, lost[winner])


CONNECTION = Connection(
    id=1,
    company_id=1,
    name="Simulated Company",
    environment="sandbox",
    realm_id=REALM_ID,
    status="connected",
    settings=ConnectionSettings(),
    home_currency="USD",
)


#: Default account -> the account of the company to begin with.
STANDING_IN = {
    DefaultAccount.EXPENSE_BANK: "Checking",
    DefaultAccount.EXPENSE_CARD: "Card",
    DefaultAccount.BILL_PAYMENT_BANK: "Checking",
    DefaultAccount.BILL_PAYMENT_CARD: "Card",
    DefaultAccount.REFUND: "Checking",
    DefaultAccount.PURCHASE_LINE: "Meals",
    DefaultAccount.ITEM_INCOME: "Services",
}


@dataclass(frozen=True)
class Kept:
    """Both sides and the state at one moment."""

    books: Any
    database: Any


class MemorySides:
    """All in memory: for volume. The books may be the small ones or the true emulator's."""

    def __init__(self, clock: VirtualClock, books: Books, open_quickbooks: Any) -> None:
        self.clock = clock
        self.books = books
        self._open_quickbooks = open_quickbooks
        self.database = MemoryDatabase(CONNECTION, hashing=False)
        self.platform_people = self.people_of()
        self.connection = CONNECTION

    def people_of(self) -> PlatformPeople:
        """Whoever works on the platform in memory."""
        return MemoryPeople(self.database, self.clock)

    # -- putting back --

    def keep(self) -> Kept:
        """Everything as it is now."""
        return Kept(self.books.snapshot(), self.database.snapshot())

    def put_back(self, kept: Kept) -> None:
        """Everything as it was then."""
        self.books.turn_back(kept.books)
        self.database.restore(kept.database)

    def keep_database(self) -> Any:
        """A backup of the database, with the platform's tables and the sync's state."""
        return self.database.snapshot()

    def restore_database(self, kept: Any) -> None:
        """Restore a backup of the database; QuickBooks goes on as it is."""
        self.database.restore(kept)
        with self.open_state("restore", "person").begin() as unit:
            now = self.clock.now().isoformat()
            unit.set_cursors({(restored_cursor(name), Side.PLATFORM): now for name in catalog()})

    def settle_for(self, profile: Profile) -> None:
        """Set what a profile says of the company and the connection."""
        settings = ConnectionSettings(
            data_types=profile.data_types,
            policy=profile.policy,
            batch_writes=profile.batch_writes,
            default_accounts=self._default_accounts() if profile.default_accounts else {},
        )
        self.connection = replace(CONNECTION, settings=settings)
        self.books.honour_request_ids = profile.honour_request_ids
        self.books.cdc_cap = profile.cdc_cap
        self.books.book_close_date = profile.book_close_date

    def _default_accounts(self) -> dict[DefaultAccount, int]:
        """The accounts of the company to begin with, by their numbers on the platform."""
        account = catalog()["account"]
        with self.open_state("defaults", "person").begin() as unit:
            rows = unit.platform.rows(account, unit.platform.ids(account))
        ids = {str(row.values["name"]): int(row.id) for row in rows.values()}
        return {setting: ids[name] for setting, name in STANDING_IN.items()}

    # -- what a world asks --

    def open_state(self, run_id: str, holder: str) -> State:
        """One worker's state."""
        return MemoryState(self.database, self.connection, self.clock, run_id, holder)

    def open_quickbooks(self) -> QuickBooksPort:
        """One worker's port to QuickBooks."""
        port: QuickBooksPort = self._open_quickbooks()
        return port

    def facts(self) -> CompanyFacts:
        """Who the company is, as it was last seen."""
        return self.database.facts[True]

    def abandon(self) -> None:
        """Roll back what a dead worker had open."""
        self.database.abandon()

    def file_of(self, record_type: RecordType, record_id: str) -> bytes | None:
        """The file of a row; None where there is none."""
        return self.database.files.get((record_type.name, int(record_id)))

    def row(self, record_type: RecordType, record_id: str) -> Row | None:
        """A row of the platform."""
        return self.database.rows[record_type.name].get(int(record_id))

    def link_of(self, record_type: str, side: Side, record_id: str) -> Link | None:
        """The link of a record."""
        known = (
            self.database.links_in_quickbooks
            if side is Side.QUICKBOOKS
            else self.database.links_on_platform
        )
        link_id = known.get((record_type, record_id))
        return self.database.links[link_id] if link_id is not None else None

    def referable(self, side: Side, record_type: str, kinds: Collection[str] | None) -> list[str]:
        """Ids that people may refer to on a side; of these kinds of account or item only."""
        declared = catalog()[record_type]
        kind = declared.by_name.get(_KIND_FIELDS.get(record_type, ""))
        if side is Side.QUICKBOOKS:
            words = getattr(kind, "words", {})
            wanted = {words.get(each, each) for each in kinds or ()}
            return [
                str(each["Id"])
                for each in self.books.all(declared.entity)
                if each.get("Active") is not False
                and (kinds is None or kind is None or each[kind.quickbooks] in wanted)
            ]
        return [
            row.id
            for row in self.platform_people.all(record_type)
            if row.live
            and row.values.get("active") is not False
            and (kinds is None or kind is None or row.values[kind.column] in kinds)
        ]

    def open_documents(self, side: Side, record_type: str) -> list[OpenDocument]:
        """Documents of a type that are not settled yet."""
        declared, shown = catalog()[record_type], OPEN[record_type]
        left, party = (declared.by_name[name] for name in (shown.left, shown.party))
        if side is Side.QUICKBOOKS:
            found = (
                OpenDocument(
                    str(each["Id"]),
                    str(each[party.quickbooks]["value"]),
                    Decimal(each[left.quickbooks]),
                )
                for each in self.books.all(declared.entity)
            )
        else:
            found = (
                OpenDocument(row.id, str(row.values[party.column]), row.values[left.column] or ZERO)
                for row in self.platform_people.all(record_type)
                if row.live
            )
        return [each for each in found if each.left > 0]

    def intent(self, intent_id: str) -> Intent | None:
        """An intent as stored."""
        row = self.database.intents.get(intent_id)
        return row.intent if row is not None else None

    def lease_epoch(self) -> int:
        """The epoch of whoever holds the company."""
        lease = self.database.lease.get(True)
        return lease.epoch if lease else 0

    def links(self) -> list[Link]:
        """All links."""
        return list(self.database.links.values())

    def link(self, link_id: int) -> Link:
        """A link by its id."""
        return self.database.links[link_id]

    # -- what the end is judged by --

    def parked_links(self) -> set[int]:
        """Links of records that are set aside."""
        return set(self.database.parked)

    def links_parked_as(self, code: str) -> set[int]:
        """Links of records that are set aside for this reason."""
        return {each.link_id for each in self.database.parked.values() if each.code == code}

    def is_twin(self, place: tuple[Side, str, str]) -> bool:
        """Whether a record is known as a copy of another one, and set aside."""
        link = self.link_of(place[1], place[0], place[2])
        parked = self.database.parked.get(link.id) if link else None
        return parked is not None and parked.code == "twin"

    def parked_lines(self) -> list[str]:
        """What is set aside and why, in words."""
        return [
            f"{each.record_type} of link {each.link_id}: {each.code}: {each.message}"
            for each in self.database.parked.values()
        ]

    def losers_text(self) -> str:
        """All values that conflicts name as losers, or leave to a person."""
        return repr([_loser_of(each.conflict) for each in self.database.conflicts.values()])

    def intents_losers_text(self) -> str:
        """What open writes name as soon as it is known that they were made."""
        open_ones = self.database.open_intents.values()
        return repr([_loser_of(conflict) for each in open_ones for conflict in each.conflicts])

    def approvals_used(self) -> int:
        """Approvals that a cycle made use of."""
        return sum(each.state is ApprovalState.USED for each in self.database.approvals.values())

    def age_intents(self) -> int:
        """Make open updates and deletes look as an older program stored them; how many."""
        aged = [
            each
            for each in self.database.open_intents.values()
            if each.operation is not Operation.CREATE
        ]
        for each in aged:
            old = replace(each, fields=frozenset(), far_since=None, conflicts=(), edited_at={})
            self.database.open_intents[each.id] = old
            row = self.database.intents[each.id]
            self.database.intents[each.id] = replace(row, intent=old)
        return len(aged)

    def forget_cursors(self) -> None:
        """Have everything read again, as a backfill does."""
        self.database.cursors.clear()

    def named_references(self) -> dict[str, dict[str, str]]:
        """Names of list entries that are not synced themselves."""
        return {entity: dict(names) for entity, names in self.database.named_references.items()}

    def audit_notes(self) -> list[AuditNote]:
        """What was logged, in order."""
        return [each.note for each in self.database.audit if isinstance(each, UnsealedNote)]

    def attempt_outcomes(self) -> list[tuple[str, str]]:
        """Operation and how it ended, of every send."""
        database = self.database
        return [
            (str(database.intents[intent_id].intent.operation), attempt.outcome or "open")
            for intent_id, attempts in database.attempts.items()
            for attempt in attempts
        ]

    def intent_ids(self) -> set[str]:
        """All intents that are stored."""
        return set(self.database.intents)

    def is_doubtful(self, record_id: str) -> bool:
        """Whether a record waits for a person to say if it is what an open write has made."""
        return any(
            each.code in ("may_be_ours", "several_fit")
            and record_id in each.message.rpartition(":")[2].replace(",", " ").split()
            for each in self.database.parked.values()
        )

    def open_intent_ids(self) -> set[str]:
        """Intents whose outcome is not settled."""
        return set(self.database.open_intents)

    def intent_count(self) -> int:
        """Intents ever stored, without those of parked records, which are tried again."""
        parked = self.database.parked
        return sum(each.intent.link_id not in parked for each in self.database.intents.values())

    def change_count(self) -> int:
        """Changes of the platform's rows, ever."""
        return len(self.database.change_log)


def small_sides(clock: VirtualClock, *, custom_numbers: bool) -> MemorySides:
    """The small QuickBooks with the state in memory."""
    books = SmallBooks(clock, custom_numbers=custom_numbers, realm_id=REALM_ID)
    sides = MemorySides(clock, books, lambda: SmallQuickBooks(books))
    sides.database.facts[True] = books.facts()
    return sides


__all__ = ["CONNECTION", "Kept", "MemorySides", "Sides", "small_sides"]
