"""What every state promises, whatever stands behind it: memory, SQLite or PostgreSQL.

Method: each test runs unchanged over all three worlds. What rolls back is generated from a table
with a line for each writing method of the port, and the table is held to be complete. More of the
state is in test_state_reviews.py, the platform in test_platform_contract.py, and random sequences
of calls in test_state_sequences.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.state.platform_port import PlatformWrite
from connectors.state.port import LinkUpdate, NewLink, State, Unit
from models.approval import ApprovalState
from models.audit import AuditNote
from models.errors import BrakeError, CorruptStateError
from models.intent import Attempt
from models.record_type import catalog
from models.revision import ConflictState, RevisionState
from models.words import IntentState, Operation, Side
from tests.contract.state_samples import (
    FACTS,
    Crash,
    approval,
    conflict,
    crash_after,
    dump,
    intent,
    parked,
    revision,
)
from tests.contract.state_worlds import World

CUSTOMER = catalog()["customer"]
QUICKBOOKS, PLATFORM = Side.QUICKBOOKS, Side.PLATFORM
MINUTE = timedelta(minutes=1)
DONE = Attempt("", "acknowledged", "tid", "")


def add_links(state: State, count: int = 3, side: Side = PLATFORM) -> None:
    """Half links of customers with the ids 1, 2 ... on a side."""
    with state.begin() as unit:
        unit.add_links([NewLink("customer", side, f"{n + 1}", f"C{n}") for n in range(count)])


# -- transactions --

#: Each method of Unit that writes, and what it is tried with in a world that `furnish` made.
WRITERS: dict[str, Callable[[Unit], object]] = {
    "add_links": lambda unit: unit.add_links([NewLink("item", QUICKBOOKS, "77", "Hour")]),
    "complete_link": lambda unit: unit.complete_link(2, QUICKBOOKS, "88"),
    "join_links": lambda unit: unit.join_links(
        3, unit.add_links([NewLink("customer", QUICKBOOKS, "66", "C66")])[0].id
    ),
    "save_links": lambda unit: unit.save_links(
        [LinkUpdate(1, quickbooks_id="5", platform_id="9", base={"name": "Eve"}, deleted=True)]
    ),
    "separate_link": lambda unit: unit.separate_link(1, QUICKBOOKS),
    "revive_link": lambda unit: unit.revive_link(4),
    "set_conflict_state": lambda unit: unit.set_conflict_state(1, ConflictState.OVERRIDDEN),
    "add_revision": lambda unit: unit.add_revision(revision()),
    "end_revision": lambda unit: unit.end_revision(1, RevisionState.DONE),
    "add_intents": lambda unit: unit.add_intents([intent(5, 3)], {"intent-5": "v"}),
    "mark_sent": lambda unit: unit.mark_sent([intent(1, 1)]),
    "close_intent": lambda unit: unit.close_intent("intent-2", IntentState.REJECTED, DONE),
    "close_intents": lambda unit: unit.close_intents([("intent-1", IntentState.REJECTED, DONE)]),
    "park": lambda unit: unit.park(parked(2, "other")),
    "unpark": lambda unit: unit.unpark([1]),
    "release": lambda unit: unit.release(None),
    "add_conflicts": lambda unit: unit.add_conflicts(unit.links([1])[1], [conflict()], {}),
    "set_cursors": lambda unit: unit.set_cursors(
        {("item", PLATFORM): "0:9", ("item", QUICKBOOKS): "t"}
    ),
    "add_approval": lambda unit: unit.add_approval(approval()),
    "set_approval": lambda unit: unit.set_approval(
        1, ApprovalState.WAITING, ApprovalState.APPROVED, "Ada"
    ),
    "save_facts": lambda unit: unit.save_facts(FACTS),
    "save_named_references": lambda unit: unit.save_named_references("Term", {"2": "Net 30"}),
    "alert": lambda unit: unit.alert("brake", "title", "message", "fix"),
    "close_alerts": lambda unit: unit.close_alerts(["brake"]),
    "audit": lambda unit: unit.audit([AuditNote("b", {"amount": Decimal("1.5")}, link_id=1)]),
    "start_run": lambda unit: unit.start_run("sync"),
    "finish_run": lambda unit: unit.finish_run("failed", {}, "why"),
    "platform.write_all": lambda unit: unit.platform.write_all(
        [
            PlatformWrite(catalog()["customer"], Operation.CREATE, None, None, {"name": name})
            for name in ("Eve", "Zoe")
        ]
    ),
    "platform.write": lambda unit: unit.platform.write(
        PlatformWrite(
            catalog()["invoice"],
            Operation.UPDATE,
            "1",
            2,
            {"memo": "x", "lines": [{"position": 1, "kind": "item"}]},
        )
    ),
}
#: The others only read.
READERS = {
    "links_of", "links", "half_links", "links_referring", "live_ids", "linked_counts",
    "open_intents", "intents_marked", "parked", "parked_record", "cursors", "approvals",
    "named_references", "conflict", "conflicts_of", "entries_of_run", "has_run",
    "revisions", "revisions_undoing",
}  # fmt: skip


def furnish(world: World) -> State:
    """Something for every method to change; the state of a new run."""
    world.people.insert("invoice", {"number": "1"}, [{"kind": "item"}])
    state = world.state("first")
    add_links(state, 4)
    with state.begin() as unit:
        unit.save_links([LinkUpdate(1, quickbooks_id="1"), LinkUpdate(4, deleted=True)])
        unit.add_conflicts(unit.links([1])[1], [conflict()], {})
        unit.add_revision(revision())
        unit.add_intents([intent(1, 1), intent(2, 2)], {"intent-1": "7"})
        unit.mark_sent([intent(2, 2)])
        unit.park(parked(1))
        unit.add_approval(approval())
        unit.set_cursors({("item", PLATFORM): "0:1"})
        unit.save_named_references("Term", {"1": "Net 15"})
        unit.alert("brake", "title", "message", "fix")
        unit.audit([AuditNote("a", {})])
        unit.start_run("sync")
    return state


def test_every_method_of_the_port_is_tried() -> None:
    methods = {
        name for name, each in vars(Unit).items() if callable(each) and not name.startswith("_")
    }
    assert methods == {name for name in WRITERS if "." not in name} | READERS


@pytest.mark.parametrize("name", WRITERS)
def test_an_exception_leaves_nothing(world: World, name: str) -> None:
    state = furnish(world)
    if name == "start_run":
        state = world.state("second")
    before = dump(world)
    with pytest.raises(Crash):
        crash_after(state, WRITERS[name])
    assert dump(world) == before
    with state.begin() as unit:
        WRITERS[name](unit)
    assert dump(world) != before


def test_one_transaction_is_whole_or_not_at_all(world: World) -> None:
    state = furnish(world)
    before = dump(world)

    writes = [write for name, write in WRITERS.items() if name != "start_run"]
    with pytest.raises(Crash):
        crash_after(state, *writes)
    assert dump(world) == before
    with state.begin() as unit:
        for write in writes:
            write(unit)
    after = dump(world)
    assert all(after[key] != before[key] for key in before if key in {"links", "alerts", "audit"})


def test_a_transaction_that_is_over_takes_no_calls(state: State) -> None:
    with state.begin() as unit:
        pass
    with pytest.raises(Exception):  # noqa: B017, PT011 - each database has its own
        unit.alert("brake", "title", "message", "fix")


# -- the lease --


def test_two_holders_and_a_take_over(world: World) -> None:
    first, second = world.state("1", "one"), world.state("2", "two")
    first.take_lease(MINUTE)
    with pytest.raises(BrakeError, match="another run works on Acme: one, at most until") as busy:
        second.take_lease(MINUTE)
    assert busy.value.brake == "lease"
    world.clock.seconds += 50
    first.take_lease(MINUTE)
    world.clock.seconds += 59
    with pytest.raises(BrakeError, match="another run works"):
        second.take_lease(MINUTE)
    # Until the very moment of its end, and no longer
    world.clock.seconds += 1
    second.take_lease(MINUTE)
    with pytest.raises(BrakeError, match="this run has lost Acme to another one"):
        first.take_lease(MINUTE)


def test_a_lost_lease_commits_nothing(world: World) -> None:
    first, second = world.state("1", "one"), world.state("2", "two")
    first.take_lease(MINUTE)
    add_links(first, 1)
    world.clock.seconds += 61
    # Expired, but nobody else came: it goes on
    with first.begin() as unit:
        unit.alert("brake", "title", "message", "fix")
    second.take_lease(MINUTE)
    before = dump(world)
    block = first.begin()
    with pytest.raises(BrakeError, match="this run has lost Acme"):
        block.__enter__()
    assert dump(world) == before
    # Nor does it free what is the other's
    first.release_lease()
    with pytest.raises(BrakeError, match="two, at most until"):
        world.state("3", "three").take_lease(MINUTE)
    with second.begin() as unit:
        unit.complete_link(1, QUICKBOOKS, "9")
    assert dump(world) != before


def test_a_released_lease_is_free_at_once(world: World) -> None:
    first, second = world.state("1", "one"), world.state("2", "two")
    first.take_lease(10 * MINUTE)
    first.release_lease()
    second.take_lease(10 * MINUTE)
    with pytest.raises(BrakeError, match="two, at most"):
        first.take_lease(10 * MINUTE)
    second.release_lease()
    first.take_lease(10 * MINUTE)
    with first.begin() as unit:
        unit.add_links([NewLink("customer", PLATFORM, "1", "C")])
        unit.add_intents([intent(1, 1)], {})
    # Epochs only rise: 1, 2, 3
    assert [row["epoch"] for row in world.stored("intents")] == [3]


# -- links --


def test_links_are_found_by_either_side(state: State) -> None:
    with state.begin() as unit:
        assert unit.add_links([]) == []
        first, second = unit.add_links(
            [NewLink("customer", PLATFORM, "7", "L" * 300), NewLink("item", QUICKBOOKS, "7", "b")]
        )
        assert (first.id, first.platform_id, first.quickbooks_id) == (1, "7", None)
        assert (second.id, second.platform_id, second.quickbooks_id) == (2, None, "7")
        assert first.label == "L" * 200
        assert unit.links_of("customer", PLATFORM, ["7", "8"]) == {"7": first}
        assert unit.links_of("customer", QUICKBOOKS, ["7"]) == {}
        assert unit.links_of("item", QUICKBOOKS, {"7"}) == {"7": second}
        assert unit.links({2, 1, 9}) == {1: first, 2: second}
        assert unit.links([]) == {}


def test_two_half_links_become_one(world: World, state: State) -> None:
    with state.begin() as unit:
        kept, dropped = unit.add_links(
            [NewLink("customer", PLATFORM, "7", "Ours"), NewLink("customer", QUICKBOOKS, "9", "C")]
        )
        for link in (kept, dropped):
            unit.park(parked(link.id, "match_likely"))
        unit.add_conflicts(dropped, [conflict()], {})
        unit.add_intents([intent(1, dropped.id)], {})
        unit.mark_sent([intent(1, dropped.id)])
        unit.close_intent("intent-1", IntentState.REJECTED, DONE)
        unit.add_revision(revision(link_id=dropped.id))
    with state.begin() as unit:
        joined = unit.join_links(kept.id, dropped.id)
        assert joined == replace(kept, quickbooks_id="9")
        assert unit.links([kept.id, dropped.id]) == {kept.id: joined}
        assert unit.links_of("customer", QUICKBOOKS, ["9"]) == {"9": joined}
        assert unit.half_links("customer", QUICKBOOKS) == []
        # What was parked about the other one is over; what was noted about it goes on with this one
        assert [each.link_id for each in unit.parked(["customer"])] == [kept.id]
        # Its number is never given out again
        assert unit.add_links([NewLink("customer", QUICKBOOKS, "10", "D")])[0].id == dropped.id + 1
    for table in ("conflicts", "intents", "alerts", "revisions"):
        assert {row["link_id"] for row in world.stored(table)} == {kept.id}, table
    open_alerts = [row for row in world.stored("alerts") if row["closed_at"] is None]
    assert len(open_alerts) == 1
    with state.begin() as unit:
        unit.unpark([kept.id])
    assert all(row["closed_at"] for row in world.stored("alerts"))


def test_only_two_halves_become_one(state: State) -> None:
    with state.begin() as unit:
        ours, theirs, other, whole, gone = unit.add_links(
            [
                NewLink("customer", PLATFORM, "1", "a"),
                NewLink("customer", QUICKBOOKS, "2", "b"),
                NewLink("item", QUICKBOOKS, "3", "c"),
                NewLink("customer", QUICKBOOKS, "4", "d"),
                NewLink("customer", QUICKBOOKS, "5", "e"),
            ]
        )
        unit.complete_link(whole.id, PLATFORM, "6")
        unit.save_links([LinkUpdate(gone.id, deleted=True)])
        unit.add_intents([intent(1, theirs.id)], {})
    for dropped in (ours, other, whole, gone, replace(ours, id=99)):
        with (
            pytest.raises(CorruptStateError, match="are no two halves of one record"),
            state.begin() as unit,
        ):
            unit.join_links(ours.id, dropped.id)
    with pytest.raises(CorruptStateError, match="is not settled"), state.begin() as unit:
        unit.join_links(ours.id, theirs.id)


def test_links_are_found_by_what_their_base_refers_to(world: World, state: State) -> None:
    """Live ones, page by page; only whole references count, in fields and in lines."""
    bases: list[dict[str, Any]] = [
        {"vendor": "vendor:12"},
        {"vendor": "vendor:123"},
        {"lines": ({"kind": "account", "account": "account:3"},)},
        {"vendor": "vendor:12", "memo": "about vendor:7"},
        {"vendor": "vendor:12"},
        {},
    ]
    with state.begin() as unit:
        new = [NewLink("bill", QUICKBOOKS, f"{n}", "B") for n in range(1, len(bases) + 1)]
        links = unit.add_links(new)
        for link, base in zip(links, bases, strict=True):
            unit.save_links([LinkUpdate(link.id, base=base)])
        unit.save_links([LinkUpdate(links[4].id, deleted=True)])
    with state.begin() as unit:
        ids = [link.id for link in links]

        def found(*references: str, after: int = 0, limit: int = 9) -> list[int]:
            page = unit.links_referring(references, after, limit)
            assert [link.base for link in page] == [unit.links([p.id])[p.id].base for p in page]
            return [ids.index(link.id) for link in page]

        assert found("vendor:12") == [0, 3]
        assert found("vendor:12", limit=1) == [0]
        assert found("vendor:12", after=ids[0], limit=1) == [3]
        assert found("vendor:12", after=ids[3]) == []
        assert found("account:3", "vendor:123") == [1, 2]
        assert found("vendor:7", "endor:12", "vendor_12", "vendor:%") == []
        assert found() == []


def test_half_links_counts_and_live_ids(world: World, state: State) -> None:
    add_links(state)
    with state.begin() as unit:
        unit.add_links(
            [NewLink("customer", QUICKBOOKS, "q4", "D"), NewLink("item", PLATFORM, "1", "")]
        )
        unit.complete_link(2, QUICKBOOKS, "q2")
        # A link that knows the side already stays, and so does one that is not there
        unit.complete_link(2, QUICKBOOKS, "q3")
        unit.complete_link(99, QUICKBOOKS, "q5")
        unit.save_links([LinkUpdate(3, deleted=True)])
    with state.begin() as unit:
        assert [link.id for link in unit.half_links("customer", PLATFORM)] == [1]
        assert [link.id for link in unit.half_links("customer", QUICKBOOKS)] == [4]
        assert unit.live_ids("customer", PLATFORM) == {"1", "2"}
        assert unit.live_ids("customer", QUICKBOOKS) == {"q2", "q4"}
        deleted_at = unit.links([3])[3].deleted_at
        assert deleted_at == unit.now
        # what is complete counts once it was merged, and what is deleted not at all
        assert unit.linked_counts() == {}
        unit.save_links([LinkUpdate(each, quickbooks_version="0") for each in (2, 3)])
        assert unit.linked_counts() == {"customer": 1}
    world.clock.seconds += 60
    with state.begin() as unit:
        # What is said later does not bring it back
        unit.save_links([LinkUpdate(3, label="gone")])
        assert unit.links([3])[3].deleted_at == deleted_at


def test_what_is_not_said_of_a_link_stays(state: State) -> None:
    add_links(state, 1)
    with state.begin() as unit:
        base = {"balance": Decimal("1.50"), "name": "Ada", "active": True}
        unit.save_links([LinkUpdate(1, "Ada", "q1", None, base, "0|t", 3)])
        unit.save_links([LinkUpdate(1, label="")])
        link = unit.links([1])[1]
    assert (link.label, link.quickbooks_id, link.platform_id) == ("Ada", "q1", "1")
    assert (link.quickbooks_version, link.platform_version, link.deleted_at) == ("0|t", 3, None)
    assert link.base == base
    assert list(link.base) == [f.name for f in CUSTOMER.fields if f.name in base]


def test_a_moved_link_gives_its_old_id_free(state: State) -> None:
    add_links(state, 1)
    with state.begin() as unit:
        unit.save_links([LinkUpdate(1, platform_id="5")])
        assert unit.links_of("customer", PLATFORM, ["1", "5"]).keys() == {"5"}
        (other,) = unit.add_links([NewLink("customer", PLATFORM, "1", "other")])
        assert unit.links_of("customer", PLATFORM, ["1"]) == {"1": other}


@pytest.mark.parametrize(
    "clash",
    [
        lambda unit: unit.add_links([NewLink("customer", PLATFORM, "1", "again")]),
        lambda unit: unit.add_links([NewLink("item", PLATFORM, "6", "")] * 2),
        lambda unit: unit.complete_link(3, QUICKBOOKS, "q1"),
        lambda unit: unit.save_links([LinkUpdate(2, platform_id="1")]),
    ],
)
def test_a_record_has_one_link(world: World, clash: Callable[[Unit], object]) -> None:
    state = world.state()
    add_links(state)
    with state.begin() as unit:
        unit.complete_link(1, QUICKBOOKS, "q1")
    before = dump(world)
    with pytest.raises(world.constraint), state.begin() as unit:
        clash(unit)
    assert dump(world) == before


def test_a_link_that_is_gone_is_corrupt_state(state: State) -> None:
    with pytest.raises(CorruptStateError, match="link 7 is gone"), state.begin() as unit:
        unit.save_links([LinkUpdate(7)])


# -- intents --


def test_the_life_of_an_intent(world: World) -> None:
    state = world.state()
    add_links(state)
    given = intent(1, 1, far_since=datetime.fromisoformat("2026-10-01T02:00:00+02:00"))
    with state.begin() as unit:
        unit.add_intents([], {})
        unit.add_intents([given], {"intent-1": "3|t"})
        created_at = unit.now
        (planned,) = unit.open_intents()
    far_since = datetime(2026, 10, 1, tzinfo=UTC)
    assert planned == replace(given, far_since=far_since, created_at=created_at)
    assert planned.far_since is not None
    assert planned.far_since.tzinfo is UTC
    for number in range(1, 5):
        world.clock.seconds += 60
        with state.begin() as unit:
            (sent,) = unit.mark_sent([planned])
            now = unit.now
        assert sent == replace(planned, state=IntentState.SENT, attempts=number, sent_at=now)
        with state.begin() as unit:
            unit.close_intent("intent-1", IntentState.UNKNOWN, Attempt("intent-1", "no_answer"))
            (planned,) = unit.open_intents()
        assert planned == replace(sent, state=IntentState.UNKNOWN)
    with state.begin() as unit:
        unit.close_intent("intent-1", IntentState.ACKNOWLEDGED, DONE)
        assert unit.open_intents() == []
        assert unit.intents_marked(["m1"])["m1"].state is IntentState.ACKNOWLEDGED
    (row,) = world.stored("intents")
    assert (row["planned_version"], row["run_id"], row["error"]) == ("3|t", "run", None)
    assert row["closed_at"] == world.clock.now()
    rows = world.stored("attempts")
    requests = [f"intent-1-{generation}" for generation in (1, 1, 1, 2)]
    assert [row["request_id"] for row in rows] == requests
    assert [row["number"] for row in rows] == [1, 2, 3, 4]
    # Answered once: a later answer changes only what had none
    assert {(row["outcome"], row["intuit_tid"]) for row in rows} == {("no_answer", None)}


def test_an_intent_is_sent_by_one_and_closed_once(world: World) -> None:
    state = world.state()
    add_links(state)
    with state.begin() as unit:
        unit.add_intents([intent(1, 1), intent(2, 2)], {})
        unit.mark_sent([intent(1, 1)])
    before = dump(world)
    resent = pytest.raises(CorruptStateError, match="intent-1 is closed or was sent")
    with resent, state.begin() as unit:
        unit.mark_sent([intent(2, 2), intent(1, 1)])
    assert dump(world) == before
    with state.begin() as unit:
        unit.close_intent("intent-1", IntentState.REJECTED, Attempt("intent-1", "no", "t", "why"))
    assert world.stored("intents")[0]["error"] == "why"
    before = dump(world)
    closed = pytest.raises(CorruptStateError, match="intent intent-1 is closed already")
    with closed, state.begin() as unit:
        unit.close_intent("intent-1", IntentState.ACKNOWLEDGED, DONE)
    with resent, state.begin() as unit:
        unit.mark_sent([intent(1, 1, attempts=1)])
    assert dump(world) == before


@pytest.mark.parametrize(
    "added",
    [[intent(2, 1)], [intent(2, 2), intent(3, 2)], [intent(1, 2)], [intent(2, 99)]],
    ids=["open already", "twice at once", "same id", "no such link"],
)
def test_a_record_has_one_open_intent(world: World, added: list[Any]) -> None:
    state = world.state()
    add_links(state)
    with state.begin() as unit:
        unit.add_intents([intent(1, 1)], {})
    before = dump(world)
    with pytest.raises(world.constraint), state.begin() as unit:
        unit.add_intents(added, {})
    assert dump(world) == before
    with state.begin() as unit:
        unit.close_intent("intent-1", IntentState.REJECTED, DONE)
        unit.add_intents([intent(4, 1)], {})
        assert [each.id for each in unit.open_intents()] == ["intent-4"]


def test_open_intents_and_markers_by_age(world: World) -> None:
    state = world.state()
    add_links(state, 6)
    for numbers in ((4, 3), (1,), (7,)):
        with state.begin() as unit:
            unit.add_intents([intent(each, (each % 6) + 1) for each in numbers if each < 7], {})
            if numbers == (7,):
                unit.close_intent("intent-4", IntentState.REJECTED, DONE)
                update = {"operation": Operation.UPDATE, "marker": "m1"}
                unit.add_intents([intent(8, 6, **update), intent(7, 5)], {})
        world.clock.seconds += 1
    with state.begin() as unit:
        ids = [each.id for each in unit.open_intents()]
        assert ids == ["intent-3", "intent-1", "intent-7", "intent-8"]
        found = unit.intents_marked(["m0", "m1", "m2", "none"])
        assert {marker: each.id for marker, each in found.items()} == {
            "m0": "intent-3",
            "m1": "intent-7",
        }
