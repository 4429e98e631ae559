"""Which conflicts an override is about, and whether a person may still decide them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.state.port import Unit
from models.errors import DecisionError, UsageError
from models.record_type import RecordType, catalog
from models.revision import (
    Revision,
    RevisionState,
    StoredConflict,
)
from models.words import Side


@dataclass(frozen=True)
class Decision:
    """Conflicts of one record and whose version is to count."""

    record_type: RecordType
    link_id: int
    takes: Mapping[StoredConflict, Side]

    @property
    def first(self) -> StoredConflict:
        """The conflict that the person named."""
        return next(iter(self.takes))

    @property
    def is_about_a_delete(self) -> bool:
        """Whether one side has deleted what the other one has edited."""
        return self.first.is_of_delete


def decision_of(unit: Unit, number: int, take: Side, fields: Mapping[str, Side | None]) -> Decision:
    """What a person wants to decide.

    Raises:
        UsageError: there is no such conflict or field.
        DecisionError: it is decided so already, or cannot be decided.
    """
    first = _conflict(unit, number)
    if first.conflict.verdict.reason == "owner":
        raise DecisionError(
            f"{first.conflict.field} is {first.conflict.verdict.winner}'s, whatever the other side "
            "says; no override can change it",
            code="owner",
            fix="Change it where it belongs.",
        )
    all_of_record = unit.conflicts_of(first.link_id)
    together = [each for each in all_of_record if each.is_of_one_decision(first)]
    takes = {first: take}
    if first.is_of_delete:
        if fields:
            raise UsageError("--field: a delete is decided for the record as a whole; leave it out")
        takes |= dict.fromkeys(together, take)
    for name, side in fields.items():
        takes[_of_field(together, first, name)] = side or take
    for each, side in takes.items():
        _check_open(unit, all_of_record, each, side)
    return Decision(catalog()[first.record_type], first.link_id, takes)


def decided_together(unit: Unit, number: int) -> list[StoredConflict]:
    """A conflict and those of the same record that came up with it, that one first.

    Raises:
        UsageError: there is no such conflict.
    """
    first = _conflict(unit, number)
    others = (each for each in unit.conflicts_of(first.link_id) if each.number != first.number)
    return [first, *(each for each in others if each.is_of_one_decision(first))]


def _conflict(unit: Unit, number: int) -> StoredConflict:
    found = unit.conflict(number)
    if found is None:
        raise UsageError(f"there is no conflict {number}; see `quickbooks-sync conflicts`")
    return found


def _of_field(
    together: Sequence[StoredConflict], first: StoredConflict, name: str
) -> StoredConflict:
    found = [each for each in together if each.conflict.field == name]
    if not found:
        others = ", ".join(each.conflict.field for each in together if each is not first)
        raise UsageError(
            f"--field {name[:80]!r} is not of the same decision as conflict {first.number}; "
            f"use one of: {others or 'none, it was the only one'}"
        )
    return found[-1]


def _check_open(
    unit: Unit, all_of_record: Sequence[StoredConflict], each: StoredConflict, side: Side
) -> None:
    """Refuse what is decided so already, and what a later conflict is about."""
    field = each.conflict.field
    later = [
        other.number
        for other in all_of_record
        if other.number > each.number
        and other.conflict.field == field
        and not other.is_of_one_decision(each)
    ]
    if later:
        raise DecisionError(
            f"{field} was in conflict again since: conflict {later[-1]} is newer than "
            f"{each.number}",
            code="not_newest",
            fix=f"Override conflict {later[-1]} instead, if it is still needed.",
        )
    last = last_override(unit, each)
    pending = last is not None and last.state is RevisionState.PENDING
    winner = last.take if last is not None else each.conflict.verdict.winner
    if winner is side and not pending:
        raise DecisionError(
            f"conflict {each.number} is decided for {side} already"
            + (f", by {last.actor}" if last else ""),
            code="already_decided",
            fix=f"Nothing to do, or take {side.other}'s version.",
        )
    if pending and winner is not side:
        raise DecisionError(
            f"an earlier override of conflict {each.number} is still under way",
            code="under_way",
            fix="Run `quickbooks-sync sync`, then override it again.",
        )


def last_override(unit: Unit, of: StoredConflict) -> Revision | None:
    """The last override of a conflict that was not taken back."""
    counted = (RevisionState.PENDING, RevisionState.DONE)
    found = [each for each in unit.revisions([of.link_id], *counted) if each.conflict == of.number]
    return found[-1] if found else None
