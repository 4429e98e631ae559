"""Entered twice: what both sides entered before they were connected, each in its own spelling.

People enter some list entries on both sides under one token, and the cursors are forgotten: the
next sync is the first one. The token must never stand in two records of one side (I2), whether the
match is decided or left in doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.record_type import RecordType, catalog
from models.words import Side
from tasks.context import Cycle, CycleReferences
from tasks.match_decisions import accept_likely
from tasks.match_survey import survey
from tests.simulation.draws import PEOPLE
from tests.simulation.plain_checks import validate as plain_validate

if TYPE_CHECKING:
    from tests.simulation.world import World

#: How the platform spells what QuickBooks calls "w1w Traders Inc", and how sure a match then is.
_SPELLINGS = ("{} Traders, Inc.", "{}  traders", "{} TRADERS INC", "{} Tradres Inc")


def enter_twice(world: World) -> None:
    """Have people of both sides enter the same entries before the first sync."""
    world.hit("entered_twice")
    for record_type in world.own_types:
        if record_type.is_list and record_type.match_keys[0] == (record_type.label,):
            _enter(world, record_type)
    world.sides.forget_cursors()


def _enter(world: World, record_type: RecordType) -> None:
    theirs = world.hands.new_content(Side.QUICKBOOKS, record_type)
    ours = world.hands.new_content(Side.PLATFORM, record_type)
    if theirs is None or ours is None:
        return
    token = world.token()
    theirs[record_type.label] = f"{token} Traders Inc"
    spelling = _SPELLINGS[world.draws.pick(PEOPLE, "spelling", len(_SPELLINGS))]
    ours[record_type.label] = spelling.format(token)
    world.hands.create(Side.QUICKBOOKS, record_type, theirs)
    world.hands.create(Side.PLATFORM, record_type, ours)


def decide(world: World) -> None:
    """A person says that all that is likely the same is the same."""
    with world.sides.open_state("decisions", "person").begin() as unit:
        names = unit.named_references()
    facts = world.sides.facts()
    cycle = Cycle(
        state=world.sides.open_state("decisions", "person"),
        quickbooks=world.sides.open_quickbooks(),
        clock=world.clock,
        facts=facts,
        references=CycleReferences(facts, names),
        new_id=lambda: "none",
        data_types=world.profile.data_types,
        validate=plain_validate,
    )
    cycle.renew_lease()
    try:
        found = survey(cycle)
        for each in accept_likely(cycle, found, list(catalog().values()), "controller"):
            world.hit("match_accepted")
            world.tell(f"a person says that {each.record_type} {each.label} is the same")
    finally:
        cycle.state.release_lease()
