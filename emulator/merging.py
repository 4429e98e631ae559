"""Merging two records of a name list, as a person can in QuickBooks and no application can.

The loser disappears for good, everything that referred to it refers to the winner, its balance goes
over, and one event tells of it. The SyncToken of what was re-pointed stays; its time moves.
Source: dossier sections 3.5 and 9; that times move and tokens do not is our reading.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from emulator.clock import stamp
from emulator.company import later_stamp
from emulator.entities import ENTITIES
from emulator.entities.shapes import SHAPES
from emulator.ledger import Ledger
from emulator.writing.references import display_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.company import Author, Company, Record
    from emulator.entities.declaration import Field

_MERGED = ("Account", "Customer", "Vendor", "Class", "Department", "Item", "Term", "PaymentMethod")
_SUMS = ("Balance", "BalanceWithJobs", "CurrentBalance", "CurrentBalanceWithSubAccounts")


class MergeError(ValueError):
    """A merge that cannot be; the message names the field, the value and the fix."""


def merge(company: Company, entity: str, winner: str, loser: str, author: Author) -> Record:
    """Let the winner take the loser's place; return the winner."""
    if entity not in _MERGED:
        raise MergeError(f"Field entity has the value {entity!r}: use one of {', '.join(_MERGED)}.")
    for name, record_id in (("winner", winner), ("loser", loser)):
        if company.get(entity, record_id) is None or (name == "loser" and loser == winner):
            raise MergeError(
                f"Field {name} has the value {record_id!r}: give the id of a {entity} that is "
                "there, a different one for each."
            )
    with company.atomic():
        kept, gone = company.records[entity][winner], company.records[entity][loser]
        sums = {
            name: Decimal(kept.get(name) or 0) + Decimal(gone.get(name) or 0)
            for name in _SUMS
            if name in kept and name in gone
        }
        company.bump(entity, winner, **sums)
        _repoint(company, entity, loser, company.records[entity][winner])
        company.remove(entity, loser)
        company.write_journal(
            author, (entity, winner), "merge", request_id="", body={"deletedId": loser}
        )
    # What was posted to the loser now counts as posted to the winner.
    company.ledger = Ledger()
    return company.records[entity][winner]


def _repoint(company: Company, entity: str, loser: str, winner: Record) -> None:
    target = (entity, loser)
    reference = {"value": str(winner["Id"]), "name": display_name(entity, winner)}
    now = company.clock.now()
    for other, declared in ENTITIES.items():
        for record in company.all(other):
            changed = _changed(declared.fields, record, target, reference)
            if changed is not record:
                meta = {**record.get("MetaData", {"CreateTime": stamp(now)})}
                meta["LastUpdatedTime"] = later_stamp(meta, now)
                company.put(other, {**changed, "MetaData": meta})


def _changed(
    fields: Mapping[str, Field], record: Record, target: tuple[str, str], reference: Record
) -> Record:
    """Return the record with every reference to the target turned; itself if there is none."""
    changes: Record = {}
    for name, member in record.items():
        declared = fields.get(name)
        if declared is not None:
            new = _changed_member(declared, member, target, reference)
            if new is not member:
                changes[name] = new
    return {**record, **changes} if changes else record


def _changed_member(
    declared: Field, member: Any, target: tuple[str, str], reference: Record
) -> Any:
    entity, record_id = target
    if declared.kind == "ref" and isinstance(member, dict):
        kind = str(member.get("type", entity)).lower()
        if entity in declared.choices and kind == entity.lower() and member["value"] == record_id:
            return {name: reference.get(name, value) for name, value in member.items()}
    elif declared.kind == "shape" and isinstance(member, dict):
        return _changed(SHAPES[declared.shape], member, target, reference)
    elif declared.kind == "list" and isinstance(member, list):
        inner = SHAPES[declared.shape]
        lines = [_changed(inner, line, target, reference) for line in member]
        if any(new is not old for new, old in zip(lines, member, strict=True)):
            return lines
    return member
