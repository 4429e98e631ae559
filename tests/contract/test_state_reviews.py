"""What every state promises about what waits for people, names, the audit log and transactions.

Method: as in test_state_contract.py; the memory's own promises (a dead worker, snapshots) are here
too.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.state.memory import MemoryDatabase, MemoryPeople, MemoryState
from connectors.state.memory_store import Lease
from connectors.state.port import LinkUpdate, NewLink, State
from models.approval import ApprovalState
from models.audit import AuditNote
from models.codecs import load_content
from models.errors import BrakeError, UsageError
from models.record_type import catalog
from models.records import canonical_json
from models.retry_queue import LEFT_BY_PERSON
from models.words import Side
from tests.contract.state_samples import (
    FACTS,
    Crash,
    approval,
    conflict,
    crash_after,
    create,
    dump,
    intent,
    parked,
)
from tests.contract.state_worlds import MemoryWorld, World
from tests.fixtures.records import contents

QUICKBOOKS, PLATFORM = Side.QUICKBOOKS, Side.PLATFORM
LATER = datetime(2026, 12, 1, tzinfo=UTC)
#: Hash of the third entry of test_the_audit_chain_continues_and_verifies.
CHAIN_END = "66978c9c7413bfc69860042717e1ba6c5a3357fe87fdccee2e93e9d306be9d88"


@pytest.fixture
def state(world: World) -> State:
    """The state of a worker, with three links."""
    state = world.state()
    with state.begin() as unit:
        unit.add_links([NewLink("customer", PLATFORM, f"{n}", f"C{n}") for n in range(3)])
    return state


def alerts(world: World) -> list[tuple[Any, ...]]:
    """Alerts: link, cause, occurrences and whether they are open."""
    return [
        (row["link_id"], row["cause"], row["occurrences"], row["closed_at"] is None)
        for row in world.stored("alerts")
    ]


# -- parked records and alerts --


def test_parking_again_replaces_the_reason_and_keeps_the_start(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.park(parked(2))
        unit.park(parked(1, attempts=3, next_attempt_at=LATER))
        assert [each.link_id for each in unit.parked(["customer"])] == [1, 2]
        assert unit.parked(["item"]) == []
        assert unit.parked_record(3) is None
        assert unit.parked_record(1) == replace(
            parked(1, attempts=3, next_attempt_at=LATER), value="x" * 100
        )
    assert alerts(world) == [(2, "missing", 1, True), (1, "missing", 1, True)]
    assert world.stored("alerts")[0]["title"] == "customer C1: name is\ufffdmissing"
    with state.begin() as unit:
        unit.park(parked(2, since=LATER, message="m" * 600))
        unit.park(parked(1, "other", since=LATER))
        for link_id in (1, 2):
            known = unit.parked_record(link_id)
            assert known is not None
            assert known.since == parked(1).since
    assert alerts(world) == [
        (2, "missing", 2, True), (1, "missing", 1, False), (1, "other", 1, True)
    ]  # fmt: skip
    row = world.stored("alerts")[0]
    assert row["message"] == "m" * 600
    assert row["title"] == f"customer C1: {'m' * 199}…"
    with state.begin() as unit:
        unit.unpark([1, 3])
        assert [each.link_id for each in unit.parked(["customer"])] == [2]
    assert alerts(world)[1:] == [(1, "missing", 1, False), (1, "other", 1, False)]
    assert alerts(world)[0] == (2, "missing", 2, True)


@pytest.mark.parametrize("code", sorted(LEFT_BY_PERSON))
def test_what_a_person_leaves_alone_is_no_alert(world: World, state: State, code: str) -> None:
    """The alert of the reason before is closed, and opens again where it counts again."""
    with state.begin() as unit:
        unit.park(parked(1))
        unit.park(parked(1, code))
        assert [each.code for each in unit.parked(["customer"])] == [code]
    assert alerts(world) == [(1, "missing", 1, False)]
    with state.begin() as unit:
        unit.park(parked(1))
    assert alerts(world)[-1] == (1, "missing", 1, True)


def test_what_is_released_is_due_now(state: State) -> None:
    with state.begin() as unit:
        for link_id in (1, 2, 3):
            unit.park(parked(link_id, next_attempt_at=LATER if link_id == 3 else None))
        assert unit.release([1, 3, 99]) == 2
        due = [each.next_attempt_at for each in unit.parked(["customer"])]
        assert due == [unit.now, None, unit.now]
        assert unit.release([]) == 0
        assert unit.release(None) == 3
        assert {each.next_attempt_at for each in unit.parked(["customer"])} == {unit.now}


def test_alerts_of_the_connection(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.alert("brake", "t" * 400, "first", "fix")
        unit.alert("brake", "again", "second", "fix 2")
        unit.alert("login", "login", "m", "f")
        unit.park(parked(1, "brake"))
        unit.close_alerts(["brake", "none"])
        unit.alert("brake", "anew", "third", "fix")
    assert alerts(world) == [
        (None, "brake", 2, False),
        (None, "login", 1, True),
        # About a record, not about the connection
        (1, "brake", 1, True),
        (None, "brake", 1, True),
    ]
    first = world.stored("alerts")[0]
    assert (first["title"], first["message"], first["fix"]) == ("again", "second", "fix 2")


def test_what_is_parked_has_a_link(world: World, state: State) -> None:
    before = dump(world)
    with pytest.raises(world.constraint), state.begin() as unit:
        unit.park(parked(9))
    with pytest.raises(world.constraint), state.begin() as unit:
        unit.add_conflicts(replace(unit.links([1])[1], id=9), [conflict()], {})
    assert dump(world) == before


def test_conflicts_keep_all_three_versions(world: World, state: State) -> None:
    with state.begin() as unit:
        link = unit.links([2])[2]
        unit.add_conflicts(link, [], {})
        unit.add_conflicts(link, [conflict(), conflict("name", None)], {QUICKBOOKS: LATER})
        unit.add_conflicts(link, [conflict(winner=QUICKBOOKS)], {PLATFORM: LATER})
    first, second, third = world.stored("conflicts")
    assert [first["id"], second["id"], third["id"]] == [1, 2, 3]
    assert (first["base"], first["quickbooks"], first["platform"]) == ("null", '"theirs"', '"2.0"')
    assert (first["winner"], first["state"], first["rule"]) == ("platform", "decided", "latest")
    assert (second["winner"], second["state"], second["field"]) == ("person", "review", "name")
    assert (first["quickbooks_edited_at"], first["platform_edited_at"]) == (LATER, None)
    assert (third["winner"], third["platform_edited_at"]) == ("quickbooks", LATER)
    assert (first["policy_version"], first["run_id"], first["link_id"]) == (1, "run", 2)


# -- approvals --


def test_an_approval_is_decided_once(world: World, state: State) -> None:
    given_ = approval(decided_by="nobody", decided_at=LATER)
    with state.begin() as unit:
        first, second = unit.add_approval(given_), unit.add_approval(approval(brake="other"))
        assert first == replace(given_, number=1, created_at=unit.now, run_id="run")
        assert second.number == 2
        waiting = unit.approvals([ApprovalState.WAITING])
        assert [each.number for each in waiting] == [1, 2]
        assert waiting[0] == replace(
            first, rows=({"record": "Ada", "amount": "1.50"},), decided_by="", decided_at=None
        )
    world.clock.seconds += 60
    with state.begin() as unit:
        unit.set_approval(1, ApprovalState.WAITING, ApprovalState.APPROVED, "A" * 200)
        (approved,) = unit.approvals({ApprovalState.APPROVED, ApprovalState.USED})
        assert (approved.decided_at, approved.decided_by) == (unit.now, "A" * 100)
        assert approved.covers(frozenset("ab"))
    before = dump(world)
    for number, expected in ((1, ApprovalState.WAITING), (9, ApprovalState.WAITING)):
        again = pytest.raises(UsageError, match=f"plan {number} is not waiting any more")
        with again, state.begin() as unit:
            unit.set_approval(number, expected, ApprovalState.APPROVED, "Bob")
    assert dump(world) == before
    with state.begin() as unit:
        assert unit.approvals([]) == []


# -- cursors, names, runs --


def test_cursors_are_per_record_type_and_side(state: State) -> None:
    with state.begin() as unit:
        assert ("item", PLATFORM) not in unit.cursors()
        unit.set_cursors({("item", PLATFORM): "0:1", ("item", QUICKBOOKS): "t1"})
        unit.set_cursors({("item", PLATFORM): "0:2"})
    with state.begin() as unit:
        assert unit.cursors()["item", PLATFORM] == "0:2"
        assert unit.cursors()["item", QUICKBOOKS] == "t1"
        assert ("account", PLATFORM) not in unit.cursors()


def test_names_are_replaced_by_entity(state: State) -> None:
    with state.begin() as unit:
        unit.save_named_references("Term", {"1": "Net 15", "2": "N" * 300})
        unit.save_named_references("TaxCode", {"1": "TAX"})
        unit.save_named_references("Class", {})
    with state.begin() as unit:
        found = unit.named_references()
        assert found == {"Term": {"1": "Net 15", "2": "N" * 200}, "TaxCode": {"1": "TAX"}}
        found["Term"].clear()
        unit.save_named_references("TaxCode", {})
        unit.save_named_references("Term", {"3": "Net 60"})
        assert unit.named_references() == {"Term": {"3": "Net 60"}}


def test_facts_are_replaced(world: World, state: State) -> None:
    assert world.facts() is None
    for facts in (FACTS, replace(FACTS, name="Acme 2", book_close_date="2026-01-31")):
        with state.begin() as unit:
            unit.save_facts(facts)
        assert world.facts() == facts


def test_runs_begin_once_and_end(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.start_run("sync")
    with pytest.raises(world.constraint), state.begin() as unit:
        unit.start_run("sync")
    world.clock.seconds += 5
    with state.begin() as unit:
        unit.finish_run("completed", {"flow": "Zoë"}, None)
    with world.state("never started").begin() as unit:
        unit.finish_run("completed", {"flow": "Zoë"}, None)
    (run,) = world.stored("runs")
    assert (run["state"], run["flow"], run["summary"], run["error"]) == (
        "completed", "sync", {"flow": "Zoë"}, None
    )  # fmt: skip
    assert run["finished_at"] - run["started_at"] == timedelta(seconds=5)


# -- the audit log --


def test_the_audit_chain_continues_and_verifies(world: World, state: State) -> None:
    note = AuditNote("parked", {"b": Decimal("1.50"), "a": ["x"]}, "Ada", "customer", 2)
    with state.begin() as unit:
        unit.audit([])
        unit.audit([note, AuditNote("second", {})])
    with pytest.raises(Crash):
        crash_after(state, lambda unit: unit.audit([note]))
    world.clock.seconds += 1
    with world.state("other").begin() as unit:
        unit.audit([AuditNote("third", {})])
    entries, findings = world.audit()
    assert findings == []
    assert [(each.number, each.kind, each.run_id) for each in entries] == [
        (1, "parked", "run"), (2, "second", "run"), (3, "third", "other")
    ]  # fmt: skip
    assert entries[0].body == '{"a":["x"],"b":"1.50"}'
    assert (entries[0].actor, entries[0].record_type, entries[0].link_id) == ("Ada", "customer", 2)
    assert [each.previous_hash for each in entries[1:]] == [each.hash for each in entries[:2]]
    # The same in every world: what is hashed does not depend on the database
    assert entries[2].at == "2026-10-01T00:00:01.000000+00:00"
    assert entries[2].hash == CHAIN_END


def test_hashing_may_wait_until_somebody_reads() -> None:
    heads = []
    for hashing in (True, False):
        world = MemoryWorld(hashing=hashing)
        for run in ("a", "b"):
            with world.state(run).begin() as unit:
                unit.audit([AuditNote("x", {"n": 1}), AuditNote("y", {})])
        entries, findings = world.audit()
        assert findings == []
        assert len(entries) == 4
        heads.append(world.database.audit_head())
    assert heads[0] == heads[1]


# -- bases --


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_a_base_in_memory_is_what_its_json_would_give(data: st.DataObject) -> None:
    record_type = data.draw(st.sampled_from(list(catalog().values())))
    content = data.draw(contents(record_type))
    state = MemoryWorld().state()
    with state.begin() as unit:
        (link,) = unit.add_links([NewLink(record_type.name, PLATFORM, "1", "x")])
        unit.save_links([LinkUpdate(link.id, base={"no such field": 1, **content})])
        base = unit.links([link.id])[link.id].base
    loaded = load_content(record_type, json.loads(canonical_json(content)))
    assert base == loaded
    assert repr(base) == repr(loaded) or canonical_json(base) == canonical_json(loaded)
    assert list(base or ()) == list(loaded)


# -- what only the memory has --


def test_a_dead_workers_transaction_is_given_up() -> None:
    world = MemoryWorld()
    dead, alive = world.state("1", "dead"), world.state("2", "alive")
    assert not world.database.abandon()
    before = dump(world)
    block = dead.begin()
    unit = block.__enter__()
    unit.add_links([NewLink("customer", PLATFORM, "1", "C")])
    unit.platform.write(create("customer"))
    with pytest.raises(AssertionError, match="a transaction is open"), alive.begin():
        pass
    with pytest.raises(AssertionError, match="people wait"):
        world.people.insert("customer", {"name": "Eve"})
    for call in (lambda: alive.take_lease(timedelta(1)), alive.release_lease):
        with pytest.raises(AssertionError, match="a transaction is open"):
            call()
    assert world.database.abandon()
    for call in (unit.open_intents, unit.platform.position, lambda: unit.unpark([1])):
        with pytest.raises(AssertionError, match="this transaction is over"):
            call()
    with pytest.raises(AssertionError, match="was abandoned"):
        block.__exit__(None, None, None)
    # The kill itself arrives as an exception and finds nothing left to do
    block.__exit__(Crash, Crash(), None)
    assert dump(world) == before
    with alive.begin() as unit:
        assert unit.add_links([NewLink("customer", PLATFORM, "1", "C")])[0].id == 1


def test_a_lease_that_is_lost_half_way_commits_nothing() -> None:
    world = MemoryWorld()
    state = world.state()
    state.take_lease(timedelta(minutes=1))
    before = dump(world)
    block = state.begin()
    block.__enter__().add_links([NewLink("customer", PLATFORM, "1", "C")])
    world.database.lease[True] = Lease("other", 2, LATER)
    with pytest.raises(BrakeError, match="this run has lost Acme"):
        block.__exit__(None, None, None)
    assert dump(world) == before
    assert world.database.open_unit is None


def test_snapshots_can_be_restored_again_and_again() -> None:
    world = MemoryWorld()
    state = world.state()

    def fill(number: int) -> None:
        world.people.insert("invoice", {"number": str(number)}, [{"kind": "item"}])
        with world.state(f"run {number}").begin() as unit:
            (link,) = unit.add_links([NewLink("customer", PLATFORM, str(number), "C")])
            unit.add_intents([intent(number, link.id)], {})
            unit.mark_sent([intent(number, link.id)])
            unit.park(parked(link.id))
            unit.audit([AuditNote("a", {"n": number})])
            unit.add_conflicts(link, [conflict()], {})
            unit.set_cursors({("item", PLATFORM): unit.platform.position()})
            unit.add_approval(approval())
            unit.start_run("sync")
            unit.save_named_references("Term", {str(number): "x"})

    fill(1)
    first, seen_first = world.database.snapshot(), dump(world)
    fill(2)
    state.take_lease(timedelta(minutes=1))
    second, seen_second = world.database.snapshot(), dump(world)
    assert seen_first != seen_second
    for snapshot, seen in ((first, seen_first), (second, seen_second), (first, seen_first)):
        world.database.restore(snapshot)
        assert dump(world) == seen
        fill(3)
        assert dump(world) != seen
    # Ids go on where the backup was, as sequences do
    assert [row["id"] for row in world.stored("alerts")] == [1, 2]
    assert world.database.lease == {}
    # Whoever worked then has lost the lease
    with pytest.raises(BrakeError, match="this run has lost Acme"), state.begin():
        pass
    with world.state("last").begin(), pytest.raises(AssertionError, match="a transaction is open"):
        world.database.restore(first)


def test_a_state_belongs_to_its_connection() -> None:
    world = MemoryWorld()
    other = replace(world.connection, id=2)
    with pytest.raises(AssertionError, match="another connection"):
        MemoryState(world.database, other, world.clock, "run", "worker")
    changed = replace(world.connection, settings=world.connection.settings)
    MemoryState(world.database, changed, world.clock, "run", "worker")
    assert MemoryPeople(MemoryDatabase(world.connection), world.clock).all("item") == []


def test_as_many_are_released_as_ever_wait(world: World, state: State) -> None:
    """More than a database takes values in one statement: all the documents of a closed period."""
    with state.begin() as unit:
        unit.park(parked(1))
        unit.park(parked(2))
        assert unit.release(range(2, 70_000)) == 1
        assert {
            each.link_id: each.next_attempt_at is None for each in unit.parked(["customer"])
        } == {
            1: True,
            2: False,
        }
