"""The steps against a QuickBooks in memory: moments that real systems reach only by bad luck."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import OperationalError

from connectors.platform.writing import HELD_ROWS_MAX, SqlWrites
from connectors.ports import RemoteWrite
from connectors.state import audit_log
from connectors.state.connections import connection_named, store_connection
from connectors.state.sql import SqlState
from models.brakes import Tripped
from models.errors import BrakeError
from models.record_type import catalog
from models.tables import sync
from models.tables.platform import invoice_lines
from models.tables.record_tables import RECORD_TABLES
from models.words import DataType, Side
from tasks.context import Cycle, CycleReferences
from tasks.cycle import run_cycle
from tasks.load import apply_batch
from tasks.steps import PLAIN, Steps
from tasks.validate import validate
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.fake_quickbooks import BUSY, FACTS, LOST, FakeQuickBooks

#: One worker makes the database and loads Great Expectations, which takes seconds.
pytestmark = pytest.mark.xdist_group("great_expectations")

LINE = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"Qty": 1}, "Amount": 100}


@dataclass
class World:
    """A company on both sides, and the sync between them."""

    engine: Engine
    clock: FakeClock
    quickbooks: FakeQuickBooks
    runs: int = 0
    #: Validation has tests of its own; here it would only cost time.
    judged: bool = False

    def sync(self, *data_types: DataType, steps: Steps = PLAIN, **options: Any) -> dict[str, Any]:
        """One cycle; its report."""
        self.runs += 1
        self.clock.seconds += 600
        connection = connection_named(self.engine)
        state = SqlState(self.engine, connection, self.clock, f"run {self.runs}", "test")
        with state.begin() as unit:
            names = unit.named_references()
        ids = iter(f"intent-{self.runs}-{number}" for number in range(1_000))
        cycle = Cycle(
            state=state,
            quickbooks=self.quickbooks,
            clock=self.clock,
            facts=FACTS,
            references=CycleReferences(FACTS, names),
            new_id=lambda: next(ids),
            data_types=frozenset(data_types or DataType),
            validate=validate if self.judged else lambda *_: {},
            **options,
        )
        report = run_cycle(cycle, "test", steps).as_json()
        for each in report["read"].values():
            assert each["records"] == each["applied"] + each["unchanged"] + each["parked"]
        return report

    def insert(
        self, record_type: str, lines: list[dict[str, Any]] | None = None, **values: Any
    ) -> int:
        """A new row on the platform."""
        table = RECORD_TABLES[record_type].table
        row = insert(table).values(company_id=1, **values).returning(table.c.id)
        with self.engine.begin() as connection:
            return int(connection.execute(row).scalar_one())

    def bill(self, amount: Decimal = Decimal(7), **values: Any) -> None:
        """A new invoice without a number on the platform, for the customer of the first one."""
        first = self.rows("invoice")[0]
        row_id = self.insert(
            "invoice", customer_id=first.customer_id, issued_on=first.issued_on, **values
        )
        line = {"invoice_id": row_id, "position": 1, "kind": "item", "amount": amount}
        with self.engine.begin() as connection:
            connection.execute(insert(invoice_lines).values(**line))

    def edit(self, record_type: str, row_id: int, **values: Any) -> None:
        """Somebody edits a row on the platform."""
        table = RECORD_TABLES[record_type].table
        with self.engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == row_id).values(**values))

    def rows(self, record_type: str) -> list[Any]:
        """Live rows of a record type."""
        table = RECORD_TABLES[record_type].table
        return self.all(select(table).where(table.c.deleted_at.is_(None)).order_by(table.c.id))

    def all(self, query: Any) -> list[Any]:
        """All rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.execute(query).all())

    def audited(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of the log's entries of a kind."""
        query = select(sync.audit_entries.c.body).where(sync.audit_entries.c.kind == kind)
        return [
            json.loads(row.body) for row in self.all(query.order_by(sync.audit_entries.c.number))
        ]

    def conflicts(self) -> list[tuple[str, str]]:
        """(field, winner) of every conflict."""
        return [(each.field, each.winner) for each in self.all(select(sync.conflicts))]

    def invoice(self) -> tuple[int, dict[str, Any]]:
        """An invoice that both sides hold: its row's id and QuickBooks's record."""
        customer = self.quickbooks.enter("Customer", DisplayName="Ann", Active=True)
        record = self.quickbooks.enter(
            "Invoice",
            DocNumber="1001",
            CustomerRef={"value": customer["Id"]},
            TxnDate="2026-04-05",
            PrivateNote="first",
            Line=[{**LINE, "Id": "1"}],
        )
        assert not self.sync()["parked"]
        return self.rows("invoice")[0].id, record


@pytest.fixture
def world(sqlite_engine: Engine) -> Iterator[World]:
    """An empty company."""
    clock = FakeClock()
    with sqlite_engine.begin() as transaction:
        store_connection(transaction, FACTS, "test", "", clock.now())
    made = World(sqlite_engine, clock, FakeQuickBooks(clock))
    yield made
    _, findings = audit_log.verify(sqlite_engine)
    assert findings == []


def test_a_newer_edit_wins_over_the_same_persons_older_one(world: World) -> None:
    """Somebody edits a row while its last edit is on its way to QuickBooks: the newer one stays.

    QuickBooks then holds the older one with a later time, which says nothing about a person.
    """
    row_id, record = world.invoice()
    world.edit("invoice", row_id, memo="second")

    def meddle(_write: RemoteWrite) -> None:
        world.quickbooks.meddle = lambda _write: None
        # QuickBooks numbers the invoice anew, so that the platform has something to learn
        record["DocNumber"] = "1002"
        world.edit("invoice", row_id, memo="third")
        world.clock.seconds += 86_400 * 365

    world.quickbooks.meddle = meddle
    world.sync()
    world.sync()
    assert record["PrivateNote"] == "third"
    assert world.rows("invoice")[0].memo == "third"
    assert world.rows("invoice")[0].number == record["DocNumber"] == "1002"
    assert [field for field, _ in world.conflicts()] == []
    assert len(world.audited("write.quickbooks")) == len(world.quickbooks.writes) == 2


def test_a_loser_is_named_even_if_the_row_moves_on_meanwhile(world: World) -> None:
    """A conflict is decided and sent; before it is settled the row changes: the loser is kept."""
    row_id, record = world.invoice()
    world.quickbooks.edit("Invoice", record["Id"], PrivateNote="theirs")
    world.clock.seconds += 5
    world.edit("invoice", row_id, memo="ours", updated_at=world.clock.now() + timedelta(days=900))

    def meddle(_write: RemoteWrite) -> None:
        world.quickbooks.meddle = lambda _write: None
        record["DocNumber"] = "1002"
        world.edit("invoice", row_id, customer_message="meanwhile")

    world.quickbooks.meddle = meddle
    world.sync()
    assert record["PrivateNote"] == "ours"
    (conflict,) = world.audited("conflict")
    assert (conflict["quickbooks"], conflict["platform"]) == ("theirs", "ours")


def test_a_void_names_what_it_leaves_behind(world: World) -> None:
    """An edit that comes with a void is not sent; it is named as the loser, not dropped."""
    row_id, record = world.invoice()
    world.edit("invoice", row_id, status="voided", memo="why it is void")
    world.sync()
    assert record["TotalAmt"] == 0
    assert world.rows("invoice")[0].status == "voided"
    assert world.conflicts() == [("memo", "quickbooks")]
    assert world.audited("conflict")[0]["platform"] == "why it is void"


def test_a_voided_invoice_can_still_be_edited(world: World) -> None:
    """The edit is an update, not another void that would drop it."""
    row_id, record = world.invoice()
    world.edit("invoice", row_id, status="voided")
    world.sync()
    world.edit("invoice", row_id, memo="Voided: entered twice")
    world.sync()
    assert record["PrivateNote"] == "Voided: entered twice"
    assert world.rows("invoice")[0].memo == "Voided: entered twice"


def test_what_was_voided_before_it_was_synced_is_not_made(world: World) -> None:
    """A void invoice of the platform must not become an open one in QuickBooks."""
    world.invoice()
    world.bill(status="voided", memo="never sent")
    report = world.sync()
    assert [each["code"] for each in report["parked"]] == ["voided_before_sync"]
    assert len(world.quickbooks.all("Invoice")) == 1
    assert [each.status for each in world.rows("invoice")] == ["open", "voided"]


@pytest.mark.parametrize("remembers", [True, False], ids=["replays", "forgets request ids"])
def test_throttled_after_a_lost_answer_makes_one_record(world: World, *, remembers: bool) -> None:
    """The answer is lost, then QuickBooks is busy for a whole cycle: still one of each invoice.

    They have no number, so that nothing but the intents can tell which is which.
    """
    world.quickbooks.remembers = remembers
    world.invoice()
    for amount in (7, 8):
        world.bill(Decimal(amount))
    world.quickbooks.script = [LOST, *[BUSY] * 30]
    world.quickbooks.busy = True
    world.sync()
    world.quickbooks.script = []
    world.sync()
    world.quickbooks.busy = False
    for _ in range(3):
        world.sync()
    assert [each["TotalAmt"] for each in world.quickbooks.all("Invoice")] == [100, 7, 8]
    assert sorted(each.total for each in world.rows("invoice")) == [7, 8, 100]


def test_parents_that_are_only_read_are_matched_not_doubled(world: World) -> None:
    """With expenses alone, customers are read for their sake: none of them is made twice."""
    world.quickbooks.enter("Customer", DisplayName="Ann", Active=True)
    world.insert("customer", name="Ann")
    world.sync(DataType.EXPENSES)
    world.sync()
    assert len(world.rows("customer")) == len(world.quickbooks.all("Customer")) == 1


@pytest.mark.parametrize("name", ["A\x00B", "half \ud800 a character", "x" * 3_000, "a\u202eb"])
def test_a_hostile_name_stops_nobody_else(world: World, name: str) -> None:
    """A record with a name that no table takes is parked or taken; the others go on."""
    world.quickbooks.enter("Customer", DisplayName=name, Active=True)
    world.quickbooks.enter("Customer", DisplayName="Ann", Active=True)
    report = world.sync()
    assert "Ann" in [each.name for each in world.rows("customer")]
    assert report["read"]["customer"]["records"] == 2
    labels = [each.label for each in world.all(select(sync.links))]
    assert all(label.isprintable() and len(label) <= 200 for label in labels)


@pytest.mark.parametrize("name", ["Ann", "Zoë", "ÉCOLE"])
def test_a_name_that_is_taken_is_found_in_every_alphabet(world: World, name: str) -> None:
    """SQLite lowers ASCII letters only; the second customer of a name is parked all the same."""
    world.judged = True
    world.insert("customer", name=name)
    world.insert("customer", name=name)
    report = world.sync()
    (parked,) = report["parked"]
    assert parked["code"] == "duplicate_name"
    assert len(world.quickbooks.all("Customer")) == 1


def test_the_log_says_what_was_cleared(world: World) -> None:
    """A text that was emptied is a change like any other."""
    row_id, record = world.invoice()
    world.edit("invoice", row_id, memo=None)
    world.sync()
    assert record["PrivateNote"] == ""
    assert world.audited("write.quickbooks")[-1]["changed"]["memo"] == ["first", None]


def test_an_address_keeps_the_lines_that_are_not_mapped(world: World) -> None:
    """QuickBooks replaces an address whole: what we do not map goes back as it was."""
    address = {"Id": "9", "Line1": "1 Main St", "Line3": "Building 7", "City": "Town"}
    record = world.quickbooks.enter("Customer", DisplayName="Ann", Active=True, BillAddr=address)
    world.sync()
    world.edit("customer", world.rows("customer")[0].id, billing_city="Village")
    world.sync()
    assert record["BillAddr"] == {**address, "City": "Village"}


def test_the_catalog_and_the_tables_agree() -> None:
    """Every field has its column, every record type its table."""
    for name, record_type in catalog().items():
        assert RECORD_TABLES[name].table.name == record_type.table
        columns = set(RECORD_TABLES[name].table.columns.keys())
        for each in record_type.fields:
            if each.name != "lines":
                assert set(getattr(each, "columns", {}).values() or {each.column}) <= columns
    assert invoice_lines is RECORD_TABLES["invoice"].lines


def broken(error: Exception) -> Any:
    """A step that ends in an error."""

    def ended(*_: Any, **__: Any) -> Any:
        raise error

    return ended


def test_an_error_that_nobody_foresaw_becomes_an_alert(world: World) -> None:
    """A bug, or a database that fails, is seen where people look; its own words stay in the log."""
    world.invoice()
    steps = replace(PLAIN, recover=broken(RuntimeError("secret-canary")))
    with pytest.raises(RuntimeError):
        world.sync(steps=steps)
    (alert,) = world.all(select(sync.alerts))
    assert (alert.cause, alert.closed_at) == ("cycle_failed", None)
    assert "RuntimeError" in alert.title
    assert "log of the worker" in alert.fix
    run = world.all(select(sync.runs).order_by(sync.runs.c.started_at))[-1]
    assert (run.state, run.finished_at is not None) == ("failed", True)
    (stopped,) = world.audited("cycle.stopped")
    assert stopped["cause"] == "cycle_failed"
    assert "canary" not in f"{alert}{run}{stopped}"
    world.sync()
    (alert,) = world.all(select(sync.alerts))
    assert alert.closed_at is not None


def test_what_not_even_an_alert_can_be_stored_of_is_logged(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error that ended the cycle is the one that is raised."""
    world.invoice()
    monkeypatch.setattr(
        "connectors.state.sql.SqlUnit.alert", broken(OperationalError("x", {}, Exception("full")))
    )
    with pytest.raises(RuntimeError):
        world.sync(steps=replace(PLAIN, recover=broken(RuntimeError("first"))))
    assert "no alert of it could be stored" in caplog.text


def test_a_long_reading_keeps_the_company(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that are read one by one for longer than the lease lasts: nobody else takes over."""
    names = [f"C{number}" for number in range(6)]
    ids = [world.quickbooks.enter("Customer", DisplayName=name)["Id"] for name in names]
    world.sync()
    whole, read = world.quickbooks.changes, world.quickbooks.read
    other = SqlState(
        world.engine, connection_named(world.engine), world.clock, "another run", "another worker"
    )
    tried = []

    def changes(*asked: Any) -> Any:
        told = whole(*asked)
        return replace(told, records={**told.records, "Customer": []}, deleted={"Customer": ids})

    def slowly(entity: str, record_id: str) -> Any:
        with pytest.raises(BrakeError):
            other.take_lease(timedelta(minutes=1))
        world.clock.seconds += 300
        tried.append(record_id)
        return read(entity, record_id)

    monkeypatch.setattr(world.quickbooks, "changes", changes)
    monkeypatch.setattr(world.quickbooks, "read", slowly)
    assert not world.sync()["parked"]
    assert tried == ids
    assert [row.name for row in world.rows("customer")] == names


def test_a_row_that_moves_on_in_a_cycle_of_one_direction_is_left_to_others(world: World) -> None:
    """Planned for the platform only, its row is edited meanwhile: now QuickBooks is to be written,
    too, which this cycle may not. It goes on, and the next one does both."""
    row_id, record = world.invoice()
    world.quickbooks.edit("Invoice", record["Id"], PrivateNote="theirs")

    def meddled(cycle: Cycle, plans: Any) -> Any:
        world.edit("invoice", row_id, number="1009")
        return apply_batch(cycle, plans)

    mark = len(world.quickbooks.writes)
    report = world.sync(
        steps=replace(PLAIN, apply_batch=meddled), write_to=frozenset({Side.PLATFORM})
    )
    assert not report["parked"]
    assert len(world.quickbooks.writes) == mark
    world.sync()
    assert (record["PrivateNote"], record["DocNumber"]) == ("theirs", "1009")
    (row,) = world.rows("invoice")
    assert (row.memo, row.number) == ("theirs", "1009")


def test_a_position_of_another_database_is_a_reason_to_read_everything(world: World) -> None:
    """A dump numbers the change log anew: what is edited after a move is not skipped."""
    row_id, record = world.invoice()
    world.sync()
    cursors = sync.cursors
    with world.engine.begin() as connection:
        moved = update(cursors).where(cursors.c.side == Side.PLATFORM.value)
        connection.execute(moved.values(position="5000000:812345"))
    world.edit("invoice", row_id, memo="edited after the move")
    world.sync()
    assert record["PrivateNote"] == "edited after the move"
    positions = world.all(select(cursors.c.position).where(cursors.c.side == Side.PLATFORM.value))
    assert not any(each.position.startswith("5000000") for each in positions)


class RefusedError(Exception):
    """An error of PostgreSQL's driver, with its code."""

    def __init__(self, sqlstate: str = "") -> None:
        super().__init__(f"refused {sqlstate}")
        if sqlstate:
            self.sqlstate = sqlstate


@pytest.mark.parametrize("sqlstate", ["53100", "57P01", "08006", "25006", "40001", "XX000", ""])
def test_a_database_that_fails_says_nothing_about_a_record(
    world: World, monkeypatch: pytest.MonkeyPatch, sqlstate: str
) -> None:
    """A full disk, say: no record is set aside for it, and the next cycle goes on."""
    world.quickbooks.enter("Customer", DisplayName="Ann", Active=True)
    with monkeypatch.context() as patched:
        failed = OperationalError("INSERT", {}, RefusedError(sqlstate))
        patched.setattr(SqlWrites, "_insert", broken(failed))
        with pytest.raises(OperationalError):
            world.sync()
    assert world.all(select(sync.parked)) == []
    world.sync()
    assert [row.name for row in world.rows("customer")] == ["Ann"]


@pytest.mark.parametrize(
    ("sqlstate", "code", "passes"),
    [
        ("40P01", "row_busy", True),
        ("55P03", "row_busy", True),
        ("57014", "row_busy", True),
        # a text too long for an index, a trigger of the platform's own: the record's fault
        ("54000", "refused_by_database", False),
        ("38000", "refused_by_database", False),
        ("P0001", "refused_by_database", False),
    ],
)
def test_what_a_row_is_refused_for_stays_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch, sqlstate: str, code: str, *, passes: bool
) -> None:
    """The others are written; what another program holds is tried again by itself."""
    names = [f"C{number}" for number in range(8)]
    for name in names:
        world.quickbooks.enter("Customer", DisplayName=name, Active=True)
    insert_rows = SqlWrites._insert
    tried = []

    def refused(self: Any, rows: Any, table: Any) -> Any:
        if any(row.get("name") == "C3" for row in rows):
            tried.append(len(rows))
            raise OperationalError("INSERT", {}, RefusedError(sqlstate))
        return insert_rows(self, rows, table)

    with monkeypatch.context() as patched:
        patched.setattr(SqlWrites, "_insert", refused)
        world.sync()
    (parked,) = world.all(select(sync.parked))
    assert (parked.code, parked.next_attempt_at is not None) == (code, passes)
    assert [row.name for row in world.rows("customer")] == [each for each in names if each != "C3"]
    assert tried[:2] == [8, 1]


def test_rows_that_are_held_are_not_all_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs as long as a lock may take: after a few, the rest of the batch is for later."""
    for number in range(8):
        world.quickbooks.enter("Customer", DisplayName=f"C{number}", Active=True)
    tried = []

    def held(_self: Any, rows: Any, _table: Any) -> Any:
        tried.append(len(rows))
        raise OperationalError("INSERT", {}, RefusedError("55P03"))

    with monkeypatch.context() as patched:
        patched.setattr(SqlWrites, "_insert", held)
        patched.setattr("tasks.steps.PUSHES_MAX", 0)
        world.sync()
    assert tried == [8] + [1] * HELD_ROWS_MAX
    assert {each.code for each in world.all(select(sync.parked))} == {"row_busy"}
    world.clock.seconds += 7 * 86_400
    world.sync()
    assert len(world.rows("customer")) == 8


def test_a_plan_that_trips_every_brake_can_be_stored_and_approved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All their names are longer than the column, which PostgreSQL does not overlook."""
    world.invoice()
    brakes = ("mass_delete", "empty_side", "mass_change", "large_sum")
    tripped = [Tripped(each, f"{each} has tripped", frozenset({each})) for each in brakes]
    monkeypatch.setattr("tasks.brakes.tripped_in", lambda *_: tripped)
    with pytest.raises(BrakeError) as caught:
        world.sync()
    assert caught.value.brake == "+".join(brakes)
    (plan,) = world.all(select(sync.approvals))
    assert plan.brake == "mass_delete+empty_side"
    assert len(plan.brake) <= sync.approvals.c.brake.type.length
    assert all(f"{each} has tripped" in plan.message for each in brakes)
