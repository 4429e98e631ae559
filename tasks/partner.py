"""Partner: a person says which record of the other side one is that has no counterpart there.

It is what `match` does with records in doubt, for records that nobody doubted: one that was set
aside, or what others wait for. Both become one link, which the next sync merges, and what waited
for it goes on by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from connectors.state.partners import Half, half_among, halves_called, unlinked
from models.errors import UsageError
from models.plan import fit_together
from models.record_type import RecordType, catalog, record_type_named
from models.reference_fields import Reference
from tasks.context import Cycle
from tasks.match_decisions import Decision, accept
from tasks.match_survey import Survey
from tasks.matching import open_matches
from tasks.record import waits_for_parent


@dataclass(frozen=True)
class Choice:
    """A record without a partner, and what it may be on the other side."""

    record: Half
    candidates: list[Half]
    #: Whether there are more candidates than are shown.
    more: bool


def without_partner(engine: Engine, connection_id: int, parked: Mapping[str, Any]) -> list[Half]:
    """What can be given a partner so that a record that is set aside can go on.

    What it waits for comes first, then the record itself, where one side only has it. parked is a
    row of the queue.
    """
    found: list[Half] = []
    if waits_for_parent(parked["code"]):
        names = _targets(record_type_named(parked["record_type"]), parked["field"])
        if names:
            found = halves_called(engine, connection_id, names, parked["value"])
    own = half_among(engine, connection_id, [parked["link"]])
    return [*found, *(each for each in own.values() if each not in found)]


def _targets(record_type: RecordType, field: str) -> set[str]:
    """The record types that a field refers to; one of lines counts by its own name."""
    name = field.rpartition(".")[2]
    fields = [*record_type.fields]
    if record_type.lines is not None:
        fields += [each for shape in record_type.lines.shapes for each in shape.fields]
    return {
        to for each in fields if isinstance(each, Reference) and each.name == name for to in each.to
    }


def choice_of(engine: Engine, connection_id: int, record: Half, search: str = "") -> Choice:
    """What a record may be on the other side, by name."""
    found, more = unlinked(engine, connection_id, record.record_type, record.side.other, search)
    return Choice(record, found, more)


def choose_partner(cycle: Cycle, link_id: int, partner_id: int, actor: str) -> Decision:
    """Link two records: they are the same. Both are looked at first.

    Raises:
        UsageError: they are not two that one side only has each, or one of them is gone.
        BrakeError: a sync of the company is under way.
    """
    cycle.renew_lease()
    try:
        with cycle.state.begin() as unit:
            links = unit.links([link_id, partner_id])
            cycle.matching = open_matches(unit, list(catalog().values()))
        one, other = links.get(link_id), links.get(partner_id)
        if one is None or other is None or not fit_together(one, other):
            known = " and ".join(f"{each.record_type} {each.label}" for each in links.values())
            raise UsageError(
                f"links {link_id} and {partner_id} ({known or 'unknown'}) are no two halves of one "
                "record: choose a record of the same type that only the other side has"
            )
        theirs = one.quickbooks_id or other.quickbooks_id or ""
        ours = one.platform_id or other.platform_id or ""
        found, record_type = Survey(frozenset()), record_type_named(one.record_type)
        return accept(cycle, found, record_type, theirs, ours, actor)
    finally:
        cycle.state.release_lease()
