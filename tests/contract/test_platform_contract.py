"""What every platform port promises, and that people are the same everywhere.

Method: as in test_state_contract.py. Both are tried side by side, because each sees what the other
writes: the change log, versions, lines and times.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from connectors.state.platform_port import PlatformWrite, Row, StaleRowError
from connectors.state.port import State, Unit
from models.errors import RecordError
from models.fields import Flag
from models.record_type import catalog
from models.tables.record_tables import RECORD_TABLES
from models.words import Operation
from tests.contract.state_samples import (
    LEAST,
    Crash,
    crash_after,
    create,
    dump,
)
from tests.contract.state_worlds import World
from tests.fixtures.databases import ON_POSTGRESQL

TYPES = catalog()
LONG_AGO = datetime(1999, 1, 2, 3, 4, 5, 600, tzinfo=UTC)
every_type = pytest.mark.parametrize("record_type", RECORD_TABLES)


def write(
    unit: Unit, record_type: str, row_id: str, version: int | None, /, **values: Any
) -> tuple[str, int]:
    """Update a row."""
    update = PlatformWrite(TYPES[record_type], Operation.UPDATE, row_id, version, values)
    return unit.platform.write(update)


def row_of(state: State, record_type: str, row_id: str = "1") -> Row:
    """A stored row."""
    with state.begin() as unit:
        return unit.platform.rows(TYPES[record_type], [row_id])[row_id]


# -- writing --


def test_many_rows_at_once_keep_their_order_and_a_refused_one_is_left_out(world: World) -> None:
    line = {"position": 1, "kind": "item"}
    writes = [
        create("customer", name="A"),
        create("customer", name="B", email="b@example.com", active=False),
        create("invoice", lines=[{**line, "description": "x"}, {**line, "position": 2}]),
        create("invoice"),
        create("invoice", lines=[{"position": None, "kind": "item"}]),
        create("invoice", lines=[line]),
        PlatformWrite(TYPES["customer"], Operation.UPDATE, "2", 1, {"notes": "new"}),
        PlatformWrite(TYPES["customer"], Operation.UPDATE, "1", 7, {"notes": "too late"}),
        create("customer", parent_id=99),
        create("customer", name="C"),
    ]
    with world.state().begin() as unit:
        outcomes = unit.platform.write_all(writes)
        ids = [each[0] for each in outcomes if not isinstance(each, RecordError)]
        rows = unit.platform.rows(TYPES["customer"], [ids[0], ids[1], ids[-1]])
        invoices = unit.platform.rows(TYPES["invoice"], ids[2:5])
    refused = [each for each in outcomes if isinstance(each, RecordError)]
    assert [each.code for each in refused] == [
        "refused_by_database",
        "stale_row",
        "refused_by_database",
    ]
    written = [each for each in outcomes if not isinstance(each, RecordError)]
    versions = [1, 1, 3, 1, 2, 2, 1]
    assert [version for _, version in written] == versions
    # PostgreSQL does not give an id again that a refused row had
    if world.name != "postgresql":
        assert [row_id for row_id, _ in written] == ["1", "2", "1", "2", "3", "2", "3"]
    assert [(each.values["name"], each.values["active"]) for each in rows.values()] == [
        ("A", True),
        ("B", False),
        ("C", True),
    ]
    assert rows["2"].values["notes"] == "new"
    lines = [each.values["lines"] for each in invoices.values()]
    assert [[each["description"] for each in some] for some in lines] == [["x", None], [], [None]]


def updates(record_type: str, *changes: tuple[str, int, dict[str, Any]]) -> list[PlatformWrite]:
    """Updates of several rows: id, version as read, and values."""
    kind = TYPES[record_type]
    return [PlatformWrite(kind, Operation.UPDATE, *change) for change in changes]


def test_many_rows_are_updated_at_once_but_for_those_that_have_moved_on(world: World) -> None:
    line = {"position": 1, "kind": "item"}
    with world.state().begin() as unit:
        invoices = [create("invoice", lines=[line]) for _ in range(3)]
        assert unit.platform.write_all(invoices) == [("1", 2), ("2", 2), ("3", 2)]
        changes = updates(
            "invoice",
            ("1", 2, {"memo": "a", "lines": [line, {**line, "position": 2}]}),
            ("2", 2, {"memo": "b", "lines": []}),
            ("3", 2, {"status": "paid"}),
        )
        assert unit.platform.write_all(changes) == [("1", 6), ("2", 4), ("3", 3)]
        late = updates(
            "invoice", ("1", 6, {"memo": "c"}), ("2", 3, {"memo": "d"}), ("3", 3, {"memo": "e"})
        )
        first, second, third = unit.platform.write_all(late)
        assert (first, third) == (("1", 7), ("3", 4))
        assert isinstance(second, StaleRowError)
        assert "row 2 was changed" in str(second)
        refused = updates("invoice", ("1", 7, {"customer_id": 99}), ("3", 4, {"memo": "f"}))
        first, third = unit.platform.write_all(refused)
        assert isinstance(first, RecordError)
        assert third == ("3", 5)
        rows = unit.platform.rows(TYPES["invoice"], ["1", "2", "3"])
    assert [each.values["memo"] for each in rows.values()] == ["c", "b", "f"]
    assert [len(each.values["lines"]) for each in rows.values()] == [2, 0, 1]


@every_type
def test_a_created_row_has_all_columns_at_their_defaults(state: State, record_type: str) -> None:
    with state.begin() as unit:
        assert unit.platform.write(create(record_type)) == ("1", 1)
        assert unit.platform.write(create(record_type)) == ("2", 1)
        assert unit.platform.ids(TYPES[record_type]) == ["1", "2"]
    row = row_of(state, record_type)
    assert (row.record_type, row.id, row.version, row.live) == (record_type, "1", 1, True)
    place = RECORD_TABLES[record_type]
    assert list(row.values) == [*(column.name for column in place.table.columns), "lines"]
    given = {"id": 1, "company_id": 1, "version": 1, "lines": [], **LEAST[record_type]}
    flags = {each.column: each for each in TYPES[record_type].fields if isinstance(each, Flag)}
    given |= {
        name: flag.default
        for name, flag in flags.items()
        if place.table.columns[name].server_default is not None
    }
    given |= {"invoice": {"status": "open"}, "expense": {"status": "submitted"}}.get(
        record_type, {}
    )
    for name, value in row.values.items():
        if name in {"created_at", "updated_at"}:
            assert value.tzinfo is UTC
        else:
            assert value == given.get(name), name
            assert type(value) is type(given.get(name)), name


def test_values_come_back_as_their_columns_promise(world: World, state: State) -> None:
    local = timezone(timedelta(hours=2))
    day = date(2026, 2, 3)
    with state.begin() as unit:
        unit.platform.write(create("customer"))
        unit.platform.write(
            create(
                "invoice",
                customer_id=1,
                issued_on=day,
                exchange_rate=Decimal("1.2345678E+3"),
                total=Decimal("1200.50000"),
                balance=7,
                tax_total=Decimal("-0.00"),
                memo="ü☕ 'x' ",
                updated_at=datetime(2026, 2, 3, 1, tzinfo=local),
            )
        )
    values = row_of(state, "invoice").values
    assert repr(values["exchange_rate"]) == "Decimal('1234.5678')"
    assert repr(values["total"]) == "Decimal('1200.5')"
    assert repr(values["balance"]) == "Decimal('7')"
    assert repr(values["tax_total"]) == "Decimal('0')"
    assert (values["customer_id"], values["issued_on"], values["memo"]) == (1, day, "ü☕ 'x' ")
    assert values["updated_at"] == datetime(2026, 2, 2, 23, tzinfo=UTC)
    assert values["updated_at"].tzinfo is UTC
    with state.begin() as unit:
        write(unit, "customer", "1", 1, active=0)
    assert row_of(state, "customer").values["active"] is False


def test_the_version_is_compared_and_swapped(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.platform.write(create("customer"))
        assert write(unit, "customer", "1", 1, notes="a") == ("1", 2)
        # Without values it is a change all the same
        assert write(unit, "customer", "1", 2) == ("1", 3)
    before = dump(world)
    for row_id, version in (("1", 2), ("1", 4), ("1", None), ("9", 1)):
        with state.begin() as unit, pytest.raises(StaleRowError) as stale:
            write(unit, "customer", row_id, version, notes="b")
        assert stale.value.code == "stale_row"
    assert dump(world) == before
    assert world.log() == [("customer", "1", "insert"), *[("customer", "1", "update")] * 2]


def test_lines_are_replaced_as_a_whole(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.platform.write(create("item"))
        lines = [
            {"position": 2, "kind": "item", "item_id": 1, "amount": Decimal("2.50")},
            {"position": 1, "kind": "text", "description": "first"},
        ]
        assert unit.platform.write(create("invoice", lines=lines)) == ("1", 3)
    first, second = row_of(state, "invoice").values["lines"]
    # Ids in the order given, lines in order of position, every column there
    assert (first["id"], first["position"], first["item_id"]) == (2, 1, None)
    assert (second["id"], second["invoice_id"], repr(second["amount"])) == (1, 1, "Decimal('2.5')")
    lines_table = RECORD_TABLES["invoice"].lines
    assert lines_table is not None
    assert list(first) == [column.name for column in lines_table.columns]
    with state.begin() as unit:
        # One for the row, two deleted, one added
        new = [{"position": 1, "kind": "item"}]
        assert write(unit, "invoice", "1", 3, memo="x", lines=new) == ("1", 7)
        assert write(unit, "invoice", "1", 7, memo="y") == ("1", 8)
        row = unit.platform.rows(TYPES["invoice"], ["1"])["1"]
        assert [line["id"] for line in row.values["lines"]] == [3]
        assert write(unit, "invoice", "1", 8, lines=[]) == ("1", 10)
    updates = world.log().count(("invoice", "1", "update"))
    assert updates == 9


def test_a_row_that_was_handed_out_never_changes(state: State) -> None:
    with state.begin() as unit:
        unit.platform.write(create("invoice", memo="a", lines=[{"position": 1, "kind": "x"}]))
        before = unit.platform.rows(TYPES["invoice"], ["1"])["1"]
        write(unit, "invoice", "1", 2, memo="b", lines=[{"position": 1, "kind": "y"}])
        assert (before.version, before.values["memo"]) == (2, "a")
        assert [line["kind"] for line in before.values["lines"]] == ["x"]


def test_a_deleted_row_stays_and_is_not_live(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.platform.write(create("invoice"))
        remove = PlatformWrite(TYPES["invoice"], Operation.DELETE, "1", 1)
        assert unit.platform.write(remove) == ("1", 2)
        assert unit.platform.ids(TYPES["invoice"]) == []
        first = unit.platform.rows(TYPES["invoice"], ["1"])["1"]
        assert not first.live
    world.clock.seconds += 60
    with state.begin() as unit:
        again = PlatformWrite(TYPES["invoice"], Operation.DELETE, "1", 2, {"memo": "x"})
        assert unit.platform.write(again) == ("1", 3)
        second = unit.platform.rows(TYPES["invoice"], ["1"])["1"]
        # It is gone since it was first deleted
        assert second.values["deleted_at"] == first.values["deleted_at"] is not None
        assert write(unit, "invoice", "1", 3, deleted_at=None) == ("1", 4)
        assert unit.platform.ids(TYPES["invoice"]) == ["1"]


@pytest.mark.parametrize("record_type", [name for name, each in TYPES.items() if each.booked_on])
def test_rows_by_the_day_on_which_they_count(state: State, record_type: str) -> None:
    """Both ends of a range are in it; rows that are deleted or have no day are in none."""
    kind = TYPES[record_type]
    column = kind.by_name[kind.booked_on].column
    days = [date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1)]
    with state.begin() as unit:
        for day in days:
            unit.platform.write(create(record_type, **{column: day}))
        unit.platform.write(create(record_type, **{column: date(2026, 2, 2)}))
        unit.platform.write(PlatformWrite(kind, Operation.DELETE, "5", 1))
        february = unit.platform.booked(kind, date(2026, 2, 1), date(2026, 2, 28))
        one_day = unit.platform.booked(kind, date(2026, 3, 1), date(2026, 3, 1))
        none = unit.platform.booked(kind, date(2027, 1, 1), date(2027, 12, 31))
    assert (february, one_day, none) == (["2", "3"], ["4"], [])


#: What no database takes: record type and values.
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("customer", {"name": None}),
    ("customer", {"active": None}),
    ("customer", {"active": 2}),
    ("customer", {"active": "yes"}),
    ("customer", {"balance": Decimal("1.123456")}),
    ("customer", {"balance": Decimal("NaN")}),
    ("customer", {"balance": Decimal("sNaN")}),
    ("customer", {"balance": Decimal("1e14")}),
    ("customer", {"balance": 1.5}),
    ("customer", {"balance": True}),
    ("customer", {"parent_id": 99}),
    ("customer", {"updated_at": datetime(2026, 1, 1)}),  # noqa: DTZ001 - without a zone
    ("customer", {"deleted_at": "2026-01-01"}),
    ("invoice", {"customer_id": 77}),
    ("invoice", {"customer_id": "x"}),
    ("invoice", {"exchange_rate": Decimal("1.12345678")}),
    ("invoice", {"lines": [{"position": 1, "kind": "x", "item_id": 5}]}),
    ("invoice", {"lines": [{"position": 1, "kind": None}]}),
    ("invoice", {"lines": [{"position": 1}]}),
    ("invoice", {"lines": [{"kind": "x"}]}),
    ("invoice", {"lines": [{"position": 1, "kind": "x"}, {"position": 1, "kind": "y"}]}),
    ("invoice", {"lines": [{"position": 1, "kind": "x", "amount": Decimal("0.123456")}]}),
]
#: What PostgreSQL refuses, and memory with it; SQLite has no lengths.
REFUSED_BY_THE_STRICTER: list[tuple[str, dict[str, Any]]] = [
    ("customer", {"name": "x" * 501}),
    ("customer", {"phone": "☕" * 41}),
    ("customer", {"notes": "nul\x00"}),
    ("invoice", {"lines": [{"position": 1, "kind": "x" * 21}]}),
    ("invoice", {"lines": [{"position": 2**31, "kind": "x"}]}),
]
#: What SQLite's driver refuses, and memory with it; PostgreSQL makes something of it.
REFUSED_BY_THE_DRIVER: list[tuple[str, dict[str, Any]]] = [
    ("customer", {"name": ["Ada"]}),
    ("invoice", {"issued_on": "2026-01-01"}),
]


def check_refused(world: World, record_type: str, values: dict[str, Any]) -> None:
    """The values are refused in a new row and in an old one, and the rest of the block stands."""
    state = world.state()
    with state.begin() as unit:
        unit.platform.write(create(record_type))
    before = dump(world)
    with state.begin() as unit:
        update = PlatformWrite(TYPES[record_type], Operation.UPDATE, "1", 1, values)
        for refused in (create(record_type, **values), update):
            with pytest.raises(RecordError, match="the platform's database refuses") as error:
                unit.platform.write(refused)
            assert error.value.code == "refused_by_database"
            assert not isinstance(error.value, StaleRowError)
            assert "INSERT" not in str(error.value)
    assert dump(world) == before
    people = world.people
    plain = {name: value for name, value in values.items() if name != "lines"}
    lines = [{"position": None, **line} for line in values.get("lines", [])]
    with pytest.raises(RecordError):
        people.insert(record_type, {**LEAST[record_type], **plain}, lines)
    if lines:
        with pytest.raises(RecordError):
            people.replace_lines(record_type, "1", lines)
    else:
        with pytest.raises(RecordError):
            people.update(record_type, "1", plain)
    assert dump(world) == before
    # An id that was refused was not given out
    with state.begin() as unit:
        assert unit.platform.write(create(record_type)) == ("2", 1) or world.name == "postgresql"


@pytest.mark.parametrize(("record_type", "values"), REFUSED, ids=repr)
def test_what_the_tables_do_not_take(
    world: World, record_type: str, values: dict[str, Any]
) -> None:
    check_refused(world, record_type, values)


@pytest.mark.parametrize(("record_type", "values"), REFUSED_BY_THE_STRICTER, ids=repr)
@pytest.mark.parametrize(
    "world", ["memory", pytest.param("postgresql", marks=ON_POSTGRESQL)], indirect=True
)
def test_lengths_and_ranges(world: World, record_type: str, values: dict[str, Any]) -> None:
    check_refused(world, record_type, values)


@pytest.mark.parametrize(("record_type", "values"), REFUSED_BY_THE_DRIVER, ids=repr)
@pytest.mark.parametrize("world", ["memory", "sqlite"], indirect=True)
def test_what_is_of_another_kind(world: World, record_type: str, values: dict[str, Any]) -> None:
    check_refused(world, record_type, values)


@pytest.mark.parametrize(
    "world", ["memory", pytest.param("postgresql", marks=ON_POSTGRESQL)], indirect=True
)
def test_spaces_beyond_the_length_are_cut_off(state: State) -> None:
    with state.begin() as unit:
        unit.platform.write(create("account", name="n" * 99 + " " * 9))
    assert row_of(state, "account").values["name"] == "n" * 99 + " "


def test_a_refused_write_leaves_the_rest_of_the_transaction(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.platform.write(create("customer"))
        with pytest.raises(RecordError):
            write(unit, "customer", "1", 1, notes="lost", parent_id=9)
        with pytest.raises(StaleRowError):
            write(unit, "customer", "1", 9)
        unit.platform.write(create("vendor"))
        # Its own row is a parent that exists
        write(unit, "customer", "1", 1, parent_id=1)
    row = row_of(state, "customer")
    assert (row.version, row.values["notes"], row.values["parent_id"]) == (2, None, 1)
    assert row_of(state, "vendor").version == 1
    assert len(world.log()) == 3
    with state.begin() as unit:
        (row_id, _) = unit.platform.write(create("customer", parent_id=2))
        assert unit.platform.rows(TYPES["customer"], [row_id])[row_id].values["parent_id"] == 2


# -- the change log --


def test_the_change_log_sees_own_writes_and_peoples(world: World, state: State) -> None:
    with state.begin() as unit:
        start = unit.platform.position()
        assert unit.platform.changes(["customer"], start).ids == {"customer": []}
        assert unit.platform.changes(["customer"], start).position == start
        unit.platform.write(create("customer"))
        unit.platform.write(create("vendor"))
    people = world.people
    for record_type, values in (("customer", {"name": "B"}), ("invoice", {}), ("invoice", {})):
        people.insert(record_type, values, ())
    people.update("customer", "1", {"notes": "x"})
    with state.begin() as unit:
        found = unit.platform.changes(["customer", "invoice", "item"], start)
        assert found.ids == {"customer": ["1", "2"], "invoice": ["1", "2"], "item": []}
        assert found.position == unit.platform.position()
        assert unit.platform.changes(["vendor"], start).position == found.position
        middle = found.position
    people.replace_lines("invoice", "2", [{"kind": "x"}])
    people.delete("customer", "2")
    people.mark_deleted("customer", "1")
    with pytest.raises(Crash):
        crash_after(state, lambda unit: unit.platform.write(create("item")))
    with state.begin() as unit:
        found = unit.platform.changes(["customer", "invoice", "item"], middle)
        assert found.ids == {"customer": ["2", "1"], "invoice": ["2"], "item": []}
        assert unit.platform.changes(["item"], found.position).position == found.position
        assert unit.platform.rows(TYPES["customer"], ["2", "1", "77"]).keys() == {"1"}


def test_a_position_of_another_database_is_not_known(state: State) -> None:
    """Transaction ids begin anew where a database is made from a dump."""
    with state.begin() as unit:
        for known in ("-1:-1", "0:0", unit.platform.position()):
            assert unit.platform.knows(known), known
        assert not unit.platform.knows("9000000000000000:1")


def test_taken_is_compared_without_case(world: World, state: State) -> None:
    for name in ("Ada", "ADA", "Bob", "Émile", "Ada"):
        world.people.insert("customer", {"name": name, "email": None})
    world.people.mark_deleted("customer", "5")
    with state.begin() as unit:
        taken = unit.platform.taken
        assert taken(TYPES["customer"], "name", ["aDa", "BOB", "x"]) == {
            "ada": ["1", "2"], "bob": ["3"]
        }  # fmt: skip
        assert taken(TYPES["customer"], "name", ["Émile"]) == {"émile": ["4"]}
        assert taken(TYPES["customer"], "email", ["ada", ""]) == {}
        assert taken(TYPES["customer"], "name", []) == {}


def test_what_refers_to_rows_is_found_deleted_or_not(world: World, state: State) -> None:
    for bill_id in (None, 1, 2, 1):
        if bill_id is None:
            with state.begin() as unit:
                for _ in range(2):
                    unit.platform.write(PlatformWrite(TYPES["bill"], Operation.CREATE, None, None))
        world.people.insert("expense", {"payment_method": "cash", "bill_id": bill_id})
    world.people.mark_deleted("expense", "4")
    with state.begin() as unit:
        referring = unit.platform.referring
        assert referring(TYPES["expense"], "bill_id", ["1"]) == ["2", "4"]
        assert referring(TYPES["expense"], "bill_id", ["2", "1", "77"]) == ["2", "3", "4"]
        assert referring(TYPES["expense"], "bill_id", []) == []


# -- people --


def test_people_set_the_time_and_raise_the_version(world: World) -> None:
    people, clock = world.people, world.clock
    row_id = people.insert("invoice", {"number": "1"}, [{"kind": "x"}, {"kind": "y"}])
    assert row_id == "1"
    (row,) = people.all("invoice")
    assert (row.version, row.updated_at, row.values["created_at"]) == (3, clock.now(), clock.now())
    assert [line["position"] for line in row.values["lines"]] == [1, 2]
    # At the same moment, and later; what changes nothing but the time is no change
    for seconds in (0, 5):
        clock.seconds += seconds
        people.update("invoice", "1", {"memo": f"after {seconds}"})
        people.update("invoice", "1", {})
        (row,) = people.all("invoice")
        assert row.updated_at == clock.now()
    assert row.version == 5
    clock.seconds += 5
    people.replace_lines("invoice", "1", [{"kind": "z", "amount": Decimal(1)}])
    (row,) = people.all("invoice")
    assert (row.version, row.updated_at) == (8, clock.now())
    people.update("invoice", "1", {"memo": "x", "updated_at": LONG_AGO})
    (row,) = people.all("invoice")
    assert (row.version, row.updated_at) == (9, LONG_AGO)
    people.update("invoice", "1", {"memo": "x", "version": 20})
    people.update("invoice", "1", {"version": 20})
    people.mark_deleted("invoice", "1")
    (row,) = people.all("invoice")
    assert (row.version, row.live, row.values["deleted_at"]) == (22, False, clock.now())
    assert people.insert("invoice", {"updated_at": LONG_AGO}, [{"kind": "z"}]) == "2"
    assert [row.updated_at for row in people.all("invoice")] == [clock.now(), LONG_AGO]
    assert len(world.log()) == 3 + 2 + 3 + 1 + 2 + 1 + 2


def test_what_is_referred_to_cannot_be_deleted(world: World) -> None:
    people = world.people
    for record_type in ("account", "customer", "item"):
        people.insert(record_type, LEAST[record_type])
    people.insert("account", {**LEAST["account"], "parent_id": 1})
    people.update("account", "2", {"parent_id": 2})
    people.insert("item", {**LEAST["item"], "income_account_id": 1})
    people.insert("invoice", {"customer_id": 1}, [{"kind": "x", "item_id": 1}])
    people.insert("payment", {}, [{"kind": "x", "invoice_id": 1}])
    before = dump(world)
    for record_type in ("account", "customer", "item", "invoice"):
        with pytest.raises(RecordError):
            people.delete(record_type, "1")
    assert dump(world) == before
    for record_type in ("payment", "invoice", "item", "customer"):
        people.delete(record_type, "1")
        assert world.log()[-1] == (record_type, "1", "delete")
    people.delete("account", "2")
    with pytest.raises(RecordError):
        people.delete("account", "1")
    # An id is never given out twice
    assert people.insert("invoice", {}, [{"kind": "x"}]) == "2"
    assert people.all("invoice")[0].values["lines"][0]["id"] == 2


def test_people_cannot_change_what_is_not_there(world: World) -> None:
    people = world.people
    before = dump(world)
    for attempt in (
        lambda: people.update("invoice", "1", {"memo": "x"}),
        lambda: people.replace_lines("invoice", "1", [{"kind": "x"}]),
        lambda: people.delete("invoice", "1"),
        lambda: people.mark_deleted("invoice", "1"),
    ):
        with pytest.raises(LookupError, match="there is no invoice 1"):
            attempt()
    assert dump(world) == before
