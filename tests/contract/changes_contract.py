"""What the books behind the port tell of every kind of record: by CDC and by queries.

As `books_contract`. Source: reference quickbooks-api, sections 4 and 5.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.quickbooks.queries import quote
from tests.contract.books_world import DELETABLE, ENTITIES, BooksWorld
from tests.contract.port_contract import RecordsContract

every_entity = pytest.mark.parametrize("entity", ENTITIES)
every_deletable = pytest.mark.parametrize("entity", DELETABLE)


class ChangesContract(RecordsContract):
    """The promises; a subclass gives the fixture `world`, new for each test."""

    # --- changes ----------------------------------------------------------------------------------

    @every_entity
    def test_changes_begin_with_the_very_second(self, world: BooksWorld, entity: str) -> None:
        body = world.sample(entity)
        world.clock.sleep(10.6)
        made = world.create(entity, body)
        second = world.now().replace(microsecond=0)
        world.clock.sleep(30)
        found = world.port.changes([entity], second)
        assert made["Id"] in [each["Id"] for each in found.records[entity]]
        assert found.server_time == world.now()
        later = world.port.changes([entity], second + timedelta(seconds=1))
        assert later.records[entity] == []

    @every_deletable
    def test_changes_tell_what_is_deleted(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        world.clock.sleep(100)
        world.people.delete(entity, made["Id"])
        found = world.port.changes([entity], world.now())
        assert (list(found.records[entity]), list(found.deleted[entity])) == ([], [made["Id"]])
        world.clock.sleep(100)
        assert list(world.port.changes([entity], world.now()).deleted[entity]) == []

    def test_changes_come_once_with_the_oldest_change_first(self, world: BooksWorld) -> None:
        made = []
        for number in range(3):
            world.clock.sleep(5)
            made.append(world.create("Vendor", world.sample("Vendor", number)))
        world.clock.sleep(5)
        world.people.update("Vendor", made[0]["Id"], Notes="edited")
        found = world.port.changes(["Vendor"], world.clock.start)
        ids = [each["Id"] for each in found.records["Vendor"]]
        assert ids == [made[1]["Id"], made[2]["Id"], made[0]["Id"]]

    def test_a_small_cap_cuts_off_the_newest_and_is_told(self, world: BooksWorld) -> None:
        world.people.cdc_cap = 6
        for number in range(4):
            for entity in ("Customer", "Vendor"):
                world.clock.sleep(1)
                world.create(entity, world.sample(entity, number))
        found = world.port.changes(["Customer", "Vendor"], world.clock.start)
        assert [each["DisplayName"] for each in found.records["Customer"]] == [
            f"Customer {number}" for number in range(4)
        ]
        assert len(found.records["Vendor"]) == 2
        assert found.overflowed == {"Customer", "Vendor"}
        some = world.port.changes(["Customer"], world.clock.start)
        assert some.overflowed == frozenset()

    def test_a_cap_for_each_entity_is_told_of_the_full_ones(self, world: BooksWorld) -> None:
        world.people.cdc_cap, world.people.cdc_cap_per_entity = 6, True
        for number in range(6):
            world.create("Customer", world.sample("Customer", number))
        for number in range(5):
            world.create("Vendor", world.sample("Vendor", number))
        found = world.port.changes(["Customer", "Vendor"], world.clock.start)
        assert (len(found.records["Customer"]), len(found.records["Vendor"])) == (6, 5)
        assert found.overflowed == {"Customer"}

    # --- queries ----------------------------------------------------------------------------------

    @every_entity
    def test_records_are_asked_for_by_id(self, world: BooksWorld, entity: str) -> None:
        made = [world.create(entity, world.sample(entity, number)) for number in range(12)]
        wanted = [made[11]["Id"], made[2]["Id"], "98765"]
        found, at = world.port.query(entity, f"Id IN ({', '.join(map(quote, wanted))})")
        assert {each["Id"]: each for each in found} == {
            each["Id"]: each for each in (made[2], made[11])
        }
        assert at == world.now()

    @every_entity
    @pytest.mark.parametrize("name", ["CreateTime", "LastUpdatedTime"])
    def test_records_are_asked_for_by_time(self, world: BooksWorld, entity: str, name: str) -> None:
        bodies = [world.sample(entity, number) for number in range(3)]
        made, times = [], []
        for body in bodies:
            world.clock.sleep(10)
            times.append(world.now())
            made.append(world.create(entity, body)["Id"])
        middle = quote(times[1].isoformat(timespec="seconds"))
        for comparison, expected in ((">=", made[1:]), (">", made[2:]), ("<=", made[:2])):
            found, _ = world.port.query(entity, f"MetaData.{name} {comparison} {middle}")
            assert [each["Id"] for each in found if each["Id"] in made] == expected
        both = f"MetaData.{name} >= {middle} AND MetaData.{name} < {quote(times[2].isoformat())}"
        found, _ = world.port.query(entity, both)
        assert [each["Id"] for each in found] == [made[1]]

    @pytest.mark.parametrize("entity", ["Term", "TaxCode", "PaymentMethod"])
    def test_named_lists_can_be_read(self, world: BooksWorld, entity: str) -> None:
        found, _ = world.port.query(entity)
        assert len(found) >= 2
        assert all(each["Id"] and each["Name"] for each in found)
