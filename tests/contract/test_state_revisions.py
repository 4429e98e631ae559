"""What every state promises about people's decisions, and about what undoing asks of it.

Method: as in test_state_contract.py.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.state.port import LinkUpdate, NewLink, State, Unit
from models.audit import AuditNote
from models.errors import CorruptStateError
from models.plan import Link, referring
from models.records import reference
from models.revision import ConflictState, Revision, RevisionKind, RevisionState
from models.words import Side
from tasks.reads import links_to
from tests.contract.state_samples import Crash, conflict, crash_after, dump, revision
from tests.contract.state_worlds import World

QUICKBOOKS, PLATFORM = Side.QUICKBOOKS, Side.PLATFORM
PENDING, DONE = RevisionState.PENDING, RevisionState.DONE


@pytest.fixture
def state(world: World) -> State:
    """The state of a worker, with three customers, whole, and an invoice of the first."""
    state = world.state()
    with state.begin() as unit:
        unit.add_links([NewLink("customer", PLATFORM, f"{n}", f"C{n}") for n in range(3)])
        unit.add_links([NewLink("invoice", PLATFORM, "7", "I7")])
        for number in (1, 2, 3):
            unit.complete_link(number, QUICKBOOKS, f"q{number}")
        base = {"customer": reference("customer", 1), "lines": (), "total": Decimal("1.50")}
        unit.save_links([LinkUpdate(4, base=base)])
    return state


def test_a_conflict_is_known_by_its_number(world: World, state: State) -> None:
    with state.begin() as unit:
        link = unit.links([2])[2]
        entries = unit.audit([AuditNote("conflict", {}), AuditNote("conflict", {})])
        unit.add_conflicts(link, [conflict(), conflict("name", None)], {}, entries)
        unit.add_conflicts(link, [conflict()], {})
        assert unit.conflict(9) is None
        assert unit.conflicts_of(1) == []
        first, second, third = unit.conflicts_of(2)
        assert unit.conflict(2) == second
        assert [each.number for each in (first, second, third)] == [1, 2, 3]
        assert [each.entry for each in (first, second, third)] == [1, 2, None]
        assert first.conflict.quickbooks == "theirs"
        assert (first.conflict.verdict, first.state) == (
            conflict().verdict, ConflictState.DECIDED
        )  # fmt: skip
        assert (second.conflict.verdict.winner, second.state) == (None, ConflictState.REVIEW)
        assert (first.run_id, first.decided_at) == ("run", unit.now)
    world.clock.seconds += 1
    with world.state("other").begin() as unit:
        unit.add_conflicts(link, [conflict()], {})
        *_, third, fourth = unit.conflicts_of(2)
        assert third.is_of_one_decision(first)
        assert not third.is_of_one_decision(fourth)


def test_the_state_of_a_conflict_goes_there_and_back(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.add_conflicts(unit.links([2])[2], [conflict(), conflict("name", None)], {})
        for number in (1, 2):
            unit.set_conflict_state(number, ConflictState.OVERRIDDEN)
    assert [each["state"] for each in world.stored("conflicts")] == ["overridden"] * 2
    with state.begin() as unit:
        unit.set_conflict_state(1, ConflictState.DECIDED)
        unit.set_conflict_state(2, ConflictState.REVIEW)
    assert [each["state"] for each in world.stored("conflicts")] == ["decided", "review"]
    with pytest.raises(CorruptStateError, match="conflict 9 is gone"), state.begin() as unit:
        unit.set_conflict_state(9, ConflictState.DECIDED)


@pytest.mark.parametrize(
    "given",
    [
        revision(),
        revision(field="active", expected=(True,), value=False, side=None, undoes=3),
        revision(
            record_type="invoice",
            link_id=4,
            field="lines",
            value=(),
            expected=(({"kind": "description", "description": "x"},),),
        ),
        revision(
            kind=RevisionKind.SEPARATE,
            field="",
            value=None,
            expected=({"name": "Ada", "active": True},),
        ),
        revision(kind=RevisionKind.ANEW, field="", value=None, expected=(), state=DONE),
    ],
)
def test_a_revision_comes_back_as_it_was(world: World, state: State, given: Revision) -> None:
    with state.begin() as unit:
        stored = unit.add_revision(given)
        assert stored == replace(given, number=1, made_at=unit.now)
    with world.state("later").begin() as unit:
        assert unit.revisions([given.link_id]) == [stored]


def test_a_revision_is_found_by_record_state_and_undone_entry(state: State) -> None:
    with state.begin() as unit:
        unit.add_conflicts(unit.links([1])[1], [conflict()], {})
        made = [
            unit.add_revision(revision(conflict=1)),
            unit.add_revision(revision(link_id=2, undoes=8)),
            unit.add_revision(revision(state=DONE, undoes=9)),
        ]
        assert unit.revisions([1, 2, 3]) == made
        assert unit.revisions([1], PENDING) == made[:1]
        assert unit.revisions([1], PENDING, DONE) == [made[0], made[2]]
        assert unit.revisions([]) == []
        assert unit.revisions_undoing([8, 9, 10]) == made[1:]
        assert unit.revisions_undoing([]) == []


def test_a_revision_ends_once(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.add_revision(revision())
        unit.end_revision(1, RevisionState.WITHDRAWN)
        assert unit.revisions([1], PENDING) == []
    before = dump(world)
    for number in (1, 9):
        ended = pytest.raises(CorruptStateError, match=f"revision {number} is not pending")
        with ended, state.begin() as unit:
            unit.end_revision(number, DONE)
    assert dump(world) == before


@pytest.mark.parametrize("others", [{"link_id": 99}, {"conflict": 99}])
def test_a_revision_is_of_what_there_is(world: World, state: State, others: Any) -> None:
    before = dump(world)
    with pytest.raises(world.constraint), state.begin() as unit:
        unit.add_revision(revision(**others))
    assert dump(world) == before


def test_what_is_decided_in_a_transaction_that_fails_is_not(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.add_conflicts(unit.links([1])[1], [conflict()], {})
        unit.add_revision(revision())
    before = dump(world)
    with pytest.raises(Crash):
        crash_after(
            state,
            lambda unit: unit.add_revision(revision(link_id=2)),
            lambda unit: unit.end_revision(1, DONE),
            lambda unit: unit.set_conflict_state(1, ConflictState.OVERRIDDEN),
            lambda unit: unit.separate_link(1, QUICKBOOKS),
            lambda unit: unit.separate_link(2, PLATFORM),
            lambda unit: unit.revive_link(3),
        )
    assert dump(world) == before


@pytest.mark.parametrize("side", list(Side))
def test_a_link_is_separated_from_one_side(state: State, side: Side) -> None:
    with state.begin() as unit:
        unit.save_links(
            [
                LinkUpdate(
                    1, base={"name": "C"}, quickbooks_version="1|", platform_version=2, deleted=True
                )
            ]
        )
        before = unit.links([1])[1]
        unit.separate_link(1, side)
        after = unit.links([1])[1]
        assert after.side_id(side) is None
        assert after.side_id(side.other) == before.side_id(side.other)
        assert (after.base, after.deleted_at) == (None, None)
        assert (after.quickbooks_version, after.platform_version) == (None, None)
        held = before.side_id(side)
        assert held is not None
        assert unit.links_of("customer", side, [held]) == {}
        # its place is free again
        unit.complete_link(1, side, held)
        assert unit.links([1])[1].side_id(side) == held
        unit.separate_link(1, side)
        unit.separate_link(1, side)
    for call in ("separate_link", "revive_link"):
        arguments = [99, side] if call == "separate_link" else [99]
        with pytest.raises(CorruptStateError, match="link 99 is gone"), state.begin() as unit:
            getattr(unit, call)(*arguments)


def test_a_link_lives_again(state: State) -> None:
    with state.begin() as unit:
        unit.save_links([LinkUpdate(1, base={"name": "C"}, deleted=True)])
        unit.revive_link(1)
        link = unit.links([1])[1]
        assert (link.deleted_at, link.base, link.quickbooks_id) == (None, {"name": "C"}, "q1")


def referrers(unit: Unit, references: list[str]) -> dict[str, list[Link]]:
    """As undoing asks for them."""
    return referring(references, links_to(unit, references))


def test_who_refers_to_a_record(state: State) -> None:
    mine, other = reference("customer", 1), reference("customer", 2)
    with state.begin() as unit:
        invoice_ = unit.links([4])[4]
        assert referrers(unit, [mine, other]) == {mine: [invoice_]}
        # 1 is not 11
        assert referrers(unit, [reference("customer", 11)]) == {}
        assert referrers(unit, []) == {}
        line = {"kind": "item", "item": reference("item", 5)}
        unit.save_links([LinkUpdate(4, base={"lines": (line,)})])
        assert list(referrers(unit, [mine, reference("item", 5)])) == [reference("item", 5)]
        unit.save_links([LinkUpdate(4, deleted=True)])
        assert referrers(unit, [reference("item", 5)]) == {}


def test_what_a_run_has_logged(world: World, state: State) -> None:
    with state.begin() as unit:
        unit.start_run("sync")
        assert unit.audit([AuditNote("a", {"n": 1}), AuditNote("b", {})]) == [1, 2]
        assert unit.audit([]) == []
    with world.state("other").begin() as unit:
        assert unit.audit([AuditNote("c", {})]) == [3]
        assert [(each.number, each.kind) for each in unit.entries_of_run("run")] == [
            (1, "a"), (2, "b")
        ]  # fmt: skip
        assert unit.entries_of_run("run") == world_entries(world)[:2]
        assert unit.entries_of_run("none") == []
        assert (unit.has_run("run"), unit.has_run("other")) == (True, False)


def world_entries(world: World) -> list[Any]:
    """The audit log."""
    return list(world.audit()[0])
