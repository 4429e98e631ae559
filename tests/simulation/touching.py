"""People who work on what the sync has made before the sync knows that it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import RemoteError
from models.record_type import RecordType, catalog
from models.words import Side
from tests.simulation.draws import PEOPLE
from tests.simulation.oracle import Place

if TYPE_CHECKING:
    from tests.simulation.world import World

#: What QuickBooks gives each record anew.
_NOT_COPIED = ("Id", "SyncToken", "MetaData", "Balance", "LinkedTxn")


def touch(world: World, seen: int) -> None:
    """Rename, edit or delete one of the records made since so many entries of the journal."""
    made = [each for each in world.books.journal[seen:] if each.operation == "create"]
    if not made or not world.fails("touched"):
        return
    entry = made[world.draws.pick(PEOPLE, "touched", len(made))]
    record_type = catalog()[world.type_of_entity[entry.entity]]
    with world.undisturbed():
        if record_type.is_list:
            name = record_type.by_name[record_type.match_keys[0][0]]
            world.hands.edit(Side.QUICKBOOKS, record_type, entry.id, name)
            return
        how = world.draws.pick(PEOPLE, "touches", 4)
        if how == 0:
            world.hands.edit(Side.QUICKBOOKS, record_type, entry.id)
        elif how == 1 and not world.hits["restored"]:
            # what lands after a restore and is copied is remembered by nobody
            _copy(world, record_type, entry.id)
        else:
            world.hands.remove(Side.QUICKBOOKS, record_type, entry.id)


def _copy(world: World, record_type: RecordType, record_id: str) -> None:
    """Enter the same once more, as QuickBooks's own copies: with the note and its marker."""
    record = world.books.get(record_type.entity, record_id)
    if record is None:
        return
    body = {name: value for name, value in record.items() if name not in _NOT_COPIED}
    content = world.books.file_of(record_id) if record_type.file is not None else None
    try:
        if content is not None:
            copy = world.books.attach(body, content)
        else:
            copy = world.books.create(record_type.entity, body)
    except RemoteError:
        return
    world.hit("copied")
    world.oracle.person_wrote(Side.QUICKBOOKS, record_type, str(copy["Id"]), "create")
    world.oracle.copies.append((record_type, record_id, str(copy["Id"])))


def allowed_copies(world: World) -> set[Place]:
    """Places of copies that may stand beside what they were made from.

    In QuickBooks all of them, because a person wanted them. On the platform those of which the
    marker was taken out, of either: then they are two records.
    """
    allowed: set[Place] = set()
    for record_type, *pair in world.oracle.copies:
        allowed.add((Side.QUICKBOOKS, record_type.name, pair[1]))
        records = [world.books.get(record_type.entity, each) for each in pair]
        if any(each is None or record_type.marker_in(each) is None for each in records):
            for each in pair:
                row = world.counterpart(Side.QUICKBOOKS, record_type, each)
                allowed.add((Side.PLATFORM, record_type.name, row or ""))
    return allowed
