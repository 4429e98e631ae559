"""The companies of `scale`, and what people enter in some of them, on both sides.

Every text is written once and never again, so the end state explains itself: each must stand in one
record of each side of its company, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, insert, select

from connectors.state.connections import all_connections, save_settings
from connectors.state.schedules import make_due
from emulator.testing import RunningEmulator
from models.settings import ConnectionSettings
from models.tables import sync as tables
from models.tables.platform import companies
from tasks.bootstrap import Installation, connect_company
from tasks.dispatch import CycleEnd, dispatch
from tests.acceptance.kill_people import ENTITIES, TEXT_FIELDS
from tests.fixtures.companies import realm_of, small_folder
from tests.fixtures.company import Books, Platform, purchase

#: The shortest that a user can choose: a company that a dead worker had is due again so soon.
FREQUENCY_MINUTES = 1
#: Cycles until nothing moves after the first sync.
SETTLING_MAX = 4
#: What people enter in a company that has work: on each side, and edits of customers there.
EXPENSES, CUSTOMERS, EDITS = 10, 3, 2
#: Customers that people edit on the platform, and in QuickBooks: two nobody's hands meet on one.
EDITED_ON_PLATFORM, EDITED_IN_QUICKBOOKS = ("2", "3"), ("4", "5")
SIDES = ("quickbooks", "platform")


@dataclass(frozen=True)
class Company:
    """A company of the installation, with its keys on both sides."""

    connection_id: int
    company_id: int
    realm_id: str
    name: str


@dataclass(frozen=True)
class Entered:
    """A text that a person entered, in a new record or in one that was there."""

    word: str
    company: Company
    record_type: str
    side: str
    created: bool


@dataclass
class Scene:
    """All companies, with everything that people have entered."""

    place: Installation
    emulator: RunningEmulator
    companies: list[Company]
    entered: list[Entered] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        """The platform's database."""
        return self.place.engine

    def make_due(self, some: list[Company], since: timedelta = timedelta(0)) -> None:
        """Let companies be due, for so long already."""
        at = self.place.clock.now() - since
        with self.engine.begin() as transaction:
            for each in some:
                make_due(transaction, each.connection_id, at)

    def work_in(self, some: list[Company]) -> None:
        """People enter and edit records in these companies, on both sides."""
        for each in some:
            self.entered += People(self, each, len(self.entered)).work()

    def written_by_us(self) -> int:
        """Writes of the application that took effect in QuickBooks after the first sync."""
        with self.emulator.emulator.lock:
            return sum(
                1
                for each in self.companies
                for line in self.emulator.emulator.companies[each.realm_id].journal
                if line.client
            )


@dataclass(frozen=True)
class Realm:
    """One of the emulator's companies, for somebody who works in it."""

    emulator: RunningEmulator
    realm_id: str

    @property
    def base_url(self) -> str:
        """Where the emulator is."""
        return self.emulator.base_url

    def token(self, who: str) -> str:
        """A bearer token of a person who works in this company."""
        return self.emulator.token(who, self.realm_id)


class OnePlatform(Platform):
    """Somebody who works on the tables of one of several companies."""

    def __init__(self, engine: Engine, company: Company) -> None:
        super().__init__(engine)
        self._company = company

    def _company_in(self, connection: SqlConnection) -> int:  # type: ignore[override]
        return self._company.company_id


class People:
    """The people of one company; their words are numbered from `first`."""

    def __init__(self, scene: Scene, company: Company, first: int) -> None:
        self._company = company
        self._books = Books(Realm(scene.emulator, company.realm_id))  # type: ignore[arg-type]
        self._platform = OnePlatform(scene.engine, company)
        self._rows = _rows_of(scene.engine, company)
        self._count = first

    def work(self) -> list[Entered]:
        """Enter and edit; what they wrote."""
        try:
            return [*self._on_platform(), *self._in_quickbooks()]
        finally:
            self._books.close()

    def _on_platform(self) -> Iterator[Entered]:
        for number in range(EXPENSES):
            word = self._word()
            line = {"kind": "account", "account_id": self._rows["account", "31"]}
            self._platform.add(
                "expense",
                payment_method="cash",
                payment_account_id=self._rows["account", "3"],
                spent_on=date(2026, 11, 1) + timedelta(days=number),
                status="approved",
                memo=word,
                lines=[{**line, "amount": self._amount()}],
            )
            yield self._entered(word, "expense", "platform")
        for _ in range(CUSTOMERS):
            word = self._word()
            self._platform.add("customer", name=f"Newcomer {word}", notes=word)
            yield self._entered(word, "customer", "platform")
        for quickbooks_id in EDITED_ON_PLATFORM[:EDITS]:
            word = self._word()
            self._platform.edit("customer", self._rows["customer", quickbooks_id], notes=word)
            yield self._entered(word, "customer", "platform", created=False)

    def _in_quickbooks(self) -> Iterator[Entered]:
        for _ in range(EXPENSES):
            word = self._word()
            self._books.create("Purchase", purchase(self._amount(), PrivateNote=word))
            yield self._entered(word, "expense", "quickbooks")
        for _ in range(CUSTOMERS):
            word = self._word()
            self._books.create("Customer", {"DisplayName": f"Newcomer {word}", "Notes": word})
            yield self._entered(word, "customer", "quickbooks")
        for quickbooks_id in EDITED_IN_QUICKBOOKS[:EDITS]:
            word = self._word()
            self._books.update("Customer", quickbooks_id, Notes=word)
            yield self._entered(word, "customer", "quickbooks", created=False)

    def _word(self) -> str:
        self._count += 1
        return f"w{self._count}x"

    def _amount(self) -> Decimal:
        return Decimal(1_000 + 7 * self._count) / 100

    def _entered(self, word: str, record_type: str, side: str, *, created: bool = True) -> Entered:
        assert record_type in ENTITIES.keys() & TEXT_FIELDS.keys()
        return Entered(word, self._company, record_type, side, created)


def _rows_of(engine: Engine, company: Company) -> dict[tuple[str, str], int]:
    """(record type, QuickBooks's id) -> the platform's id, by the sync's own links."""
    links = tables.links
    query = select(links.c.record_type, links.c.quickbooks_id, links.c.platform_id).where(
        links.c.connection_id == company.connection_id, links.c.platform_id.is_not(None)
    )
    with engine.connect() as connection:
        found: list[Any] = list(connection.execute(query))
    return {(row.record_type, row.quickbooks_id): int(row.platform_id) for row in found}


# -- before the run --


def emulator_of(folder: Path, count: int) -> RunningEmulator:
    """An emulator with so many small companies, to be started."""
    source = small_folder(folder)
    realms = [realm_of(number) for number in range(1, count + 1)]
    return RunningEmulator(
        company=source, realm_id=realms[0], companies=dict.fromkeys(realms[1:], source)
    )


def connected(place: Installation, emulator: RunningEmulator, count: int) -> Scene:
    """So many companies, connected, with the settings of this run."""
    names = [f"Company {number:04}" for number in range(1, count + 1)]
    with place.engine.begin() as transaction:
        rows = [{"name": name, "currency": "USD"} for name in names]
        transaction.execute(insert(companies), rows)
    for number, name in enumerate(names, start=1):
        realm_id = realm_of(number)
        with emulator.emulator.lock:
            granted = emulator.emulator.tokens.open_connection(emulator.client_id, realm_id)
        token = granted.refresh_token
        connect_company(place, realm_id=realm_id, refresh_token=token, company=name)
    # one write after the other, free of charge and slow enough to be killed in the middle
    chosen = ConnectionSettings(frequency_minutes=FREQUENCY_MINUTES, batch_writes=False)
    found = all_connections(place.engine)
    for each in found:
        save_settings(place.engine, each, chosen, "scale", place.clock.now())
    made = [Company(each.id, each.company_id, each.realm_id, each.name) for each in found]
    return Scene(place, emulator, sorted(made, key=lambda each: each.name))


def settle(scene: Scene) -> None:
    """Sync until no company moves any more."""
    for _ in range(SETTLING_MAX):
        scene.make_due(scene.companies)
        done = dispatch(scene.place)
        assert not done.to_look_at, [each.message for each in done.to_look_at]
        if done.count(CycleEnd.IDLE) >= len(scene.companies):
            return
    raise AssertionError(f"the companies still move after {SETTLING_MAX} cycles")
