"""What must hold when everything is quiet: both sides equal, nothing lost, nothing moving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.codecs import decode
from models.fields import Field
from models.plan import Link
from models.record_type import RecordType, catalog
from models.reference_fields import Reference
from models.words import SIDES, Owner, Side
from tasks.context import CycleReferences
from tasks.record import FILE_NOT_FETCHED
from tests.simulation.oracle import TOKEN, Oracle, Place, Violation
from tests.simulation.touching import allowed_copies

if TYPE_CHECKING:
    from tests.simulation.world import World


#: What QuickBooks and the platform hold of a record, as stored.
Raws = tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]
#: Tokens of every record that lives and holds any, by place.
Standing = dict[Place, frozenset[str]]


@dataclass(frozen=True)
class Moves:
    """What counts as something that moved."""

    effects: int
    intents: int
    rows: int


def moves(world: World) -> Moves:
    """What has moved so far."""
    return Moves(len(world.books.journal), world.sides.intent_count(), world.sides.change_count())


def check_rest(world: World, before: Moves) -> None:
    """I11: the run after everything has settled moves nothing."""
    now = moves(world)
    if now != before:
        raise Violation("I11", f"it still moves: {before} became {now}")


def check_end(world: World) -> None:
    """All that must hold at the end."""
    parked = world.sides.parked_links()
    standing = world.oracle.standing()
    _no_doubles(world, standing)
    _nothing_merged(world)
    _equal(world, parked)
    _same_files(world, parked)
    _nobody_left_out(world, parked)
    _nothing_lost(world, parked, standing)
    _no_resurrection(world, parked)
    _deleted_stays(world, parked, standing)
    _audit_agrees(world)


def _no_doubles(world: World, standing: Standing) -> None:
    """I2: one record per origin on each side; a copy that is parked is known as one."""
    allowed = allowed_copies(world)
    counts = {side: Counter[str]() for side in Side}
    for place, tokens in standing.items():
        if place not in allowed and not _is_named_copy(world, place):
            own = (token for token in tokens if world.oracle.is_of(token, place[1]))
            counts[place[0]].update(own)
    for side, counted in counts.items():
        for token, count in counted.items():
            if count > 1:
                name = world.oracle.written[token][1]
                raise Violation("I2", f"{token} stands in {count} {name} records on {side}")


def _is_named_copy(world: World, place: Place) -> bool:
    """Whether a record is parked as a copy, or is one of several that a person has to look at.

    What a restored database has forgotten may land beside what was made anew.
    """
    doubtful = world.profile.restored and place[0] is Side.QUICKBOOKS
    return world.sides.is_twin(place) or (doubtful and world.sides.is_doubtful(place[2]))


def _nothing_merged(world: World) -> None:
    """I2: what people entered apart, in words of their own, is not one record.

    A database that was restored gives its numbers out again.
    """
    if world.profile.restored:
        return
    entered = world.oracle.entered
    for link in world.links():
        theirs = entered.get((Side.QUICKBOOKS, link.record_type, link.quickbooks_id or ""))
        ours = entered.get((Side.PLATFORM, link.record_type, link.platform_id or ""))
        if theirs and ours and not theirs & ours:
            raise Violation("I2", f"{link.record_type} {link.id} was entered as two records")


def _equal(world: World, parked: set[int]) -> None:
    """I10, I17: what is linked and not parked is equal on both sides, to the cent."""
    references = CycleReferences(world.sides.facts(), world.sides.named_references())
    references.learn(world.links())
    untouched = world.began.untouched(world) if world.began is not None else {}
    for link in world.links():
        if link.id in parked or link.deleted_at is not None:
            continue
        raws = raws_of(world, link)
        if _are_same(raws, untouched.get(link.id)):
            continue
        theirs, ours = (
            None
            if raw is None
            else decode(catalog()[link.record_type], side, raw, references).content
            for side, raw in zip(SIDES, raws, strict=True)
        )
        if theirs is None and ours is None:
            continue
        if theirs is None or ours is None:
            if _may_stand_alone(world, link):
                continue
            gone = Side.QUICKBOOKS if theirs is None else Side.PLATFORM
            raise Violation("I10", f"{link.record_type} {link.id} is not on {gone}")
        fields = catalog()[link.record_type].by_name
        names = [
            name
            for name in ours
            if theirs.get(name) != ours[name] and not _is_others_name(fields[name])
        ]
        if names:
            shown = {name: (theirs.get(name), ours[name]) for name in names}
            raise Violation("I10", f"{link.record_type} {link.id} differs: {shown}")


def _same_files(world: World, parked: set[int]) -> None:
    """I10: what a record with a file consists of is the same on both sides, byte by byte."""
    spoilt = world.sides.links_parked_as("file_size_differs")
    spoilt |= world.sides.links_parked_as(FILE_NOT_FETCHED)
    if spoilt:
        raise Violation("I10", f"the files of links {sorted(spoilt)} are not the same")
    for record_type in (each for each in world.own_types if each.file is not None):
        for record_id in world.live_ids(Side.QUICKBOOKS, record_type):
            link = world.sides.link_of(record_type.name, Side.QUICKBOOKS, record_id)
            if link is None or link.platform_id is None or link.id in parked:
                continue
            theirs = world.books.file_of(record_id)
            ours = world.sides.file_of(record_type, link.platform_id)
            if theirs != ours:
                raise Violation("I10", f"{record_type.name} {link.id}: {theirs!r} became {ours!r}")


def _is_others_name(field: Field) -> bool:
    """Whether a field tells the name of another record, which QuickBooks renames without a word."""
    return field.owner is Owner.QUICKBOOKS and field.quickbooks.endswith(".name")


def raws_of(world: World, link: Link) -> Raws:
    """What both sides hold of a linked record, in the order of `Side`."""
    record_type = catalog()[link.record_type]
    theirs = ours = None
    if link.quickbooks_id is not None:
        theirs = world.books.get(record_type.entity, link.quickbooks_id)
    if link.platform_id is not None:
        row = world.row(record_type, link.platform_id)
        ours = row.values if row is not None and row.live else None
    return theirs, ours


def _are_same(raws: Raws, others: Raws | None) -> bool:
    """Whether these are the very same versions."""
    return others is not None and raws[0] is others[0] and raws[1] is others[1]


@dataclass(frozen=True)
class Began:
    """What was equal on both sides when a schedule began: what nobody touched still is."""

    #: Link -> its ids on both sides.
    ids: dict[int, tuple[str | None, str | None]]
    names: dict[str, dict[str, str]]
    #: Link -> what both sides held.
    raws: dict[int, Raws]
    #: All texts that a side had held until then, and how long QuickBooks's journal was.
    texts: dict[Place, frozenset[str]]
    entries: int

    def untouched(self, world: World) -> dict[int, Raws]:
        """What both sides held, while references still mean what they meant; else nothing."""
        now = _ids_of(world)
        same = all(now.get(link_id) == ids for link_id, ids in self.ids.items())
        return self.raws if same and world.sides.named_references() == self.names else {}


def began(world: World) -> Began:
    """What a company that has come to rest begins with; both sides must be equal."""
    parked = world.sides.parked_links()
    _equal(world, parked)
    raws = {link.id: raws_of(world, link) for link in world.links() if link.id not in parked}
    oracle = Oracle(world)
    oracle.begin()
    texts = {place: frozenset(held) for place, held in oracle.texts.items()}
    names = world.sides.named_references()
    return Began(_ids_of(world), names, raws, texts, len(world.books.journal))


def _ids_of(world: World) -> dict[int, tuple[str | None, str | None]]:
    return {link.id: (link.quickbooks_id, link.platform_id) for link in world.links()}


def _may_stand_alone(world: World, link: Link) -> bool:
    """A record of a type that is only read along is not written to QuickBooks."""
    return catalog()[link.record_type].data_type not in world.profile.data_types


def _nobody_left_out(world: World, parked: set[int]) -> None:
    """I10: every live record in scope has a link, which is complete or parked."""
    for record_type in world.own_types:
        for side in SIDES:
            for record_id in world.live_ids(side, record_type):
                link = world.sides.link_of(record_type.name, side, record_id)
                if link is None:
                    if side is Side.PLATFORM and not _is_ready(world, record_type, record_id):
                        continue
                    if side is Side.QUICKBOOKS and (
                        world.sides.is_doubtful(record_id)
                        or _is_orphan(world, record_type, record_id)
                    ):
                        continue
                    raise Violation("I10", f"{record_type.name} {record_id} on {side} has no link")
                if link.id not in parked and link.side_id(side.other) is None:
                    raise Violation(
                        "I10", f"{record_type.name} {record_id} on {side} did not arrive"
                    )


def _is_ready(world: World, record_type: RecordType, record_id: str) -> bool:
    """Whether a row is for the books; a file is when what it documents is there or ready."""
    workflow, row = record_type.workflow, world.row(record_type, record_id)
    if row is None:
        return True
    if record_type.file is not None:
        field = record_type.by_name[record_type.file.document]
        assert isinstance(field, Reference), "a file documents a record"
        target = field.target_on_platform(row.values)
        if target is not None and world.sides.link_of(target[0], Side.PLATFORM, target[1]) is None:
            return _is_ready(world, catalog()[target[0]], target[1])
    return workflow is None or row.values[workflow.column] in workflow.forwarded


def _is_orphan(world: World, record_type: RecordType, record_id: str) -> bool:
    """Whether it is a file of a document that QuickBooks no longer has: it stays where it is."""
    if record_type.file is None:
        return False
    field = record_type.by_name[record_type.file.document]
    assert isinstance(field, Reference), "a file documents a record"
    target = field.target_in_quickbooks(world.books.get(record_type.entity, record_id) or {})
    return target is not None and world.books.get(catalog()[target[0]].entity, target[1]) is None


def _nothing_lost(world: World, parked: set[int], standing: Standing) -> None:
    """I1: what became of every text that a person wrote."""
    oracle = world.oracle
    visible = frozenset[str]().union(*standing.values())
    named = set(TOKEN.findall(oracle.named + world.sides.losers_text()))
    for token, (side, name, record_id) in oracle.written.items():
        if token in visible or token in oracle.gone or token in named:
            continue
        link = world.sides.link_of(name, side, record_id)
        if link is not None and link.id in parked:
            continue
        raise Violation("I1", f"{token}, written on {side} in {name} {record_id}, is lost")


def _no_resurrection(world: World, parked: set[int]) -> None:
    """I13: what both sides have deleted does not live."""
    for link in world.links():
        if link.deleted_at is None or link.id in parked:
            continue
        record_type = catalog()[link.record_type]
        for side in Side:
            side_id = link.side_id(side)
            if side_id is None or side_id not in world.live_ids(side, record_type):
                continue
            if side is Side.QUICKBOOKS:
                record = world.books.get(record_type.entity, side_id)
                if record is not None and record.get("Active") is False:
                    continue
            raise Violation("I13", f"{link.record_type} {side_id} lives on {side} again")


def _deleted_stays(world: World, parked: set[int], standing: Standing) -> None:
    """I13: what a person deleted is in no record of its type; QuickBooks copies it into others."""
    if not world.oracle.deleted:
        return
    living = {
        token
        for place, tokens in standing.items()
        if not catalog()[place[1]].is_list and not world.sides.is_twin(place)
        for token in tokens
        if world.oracle.is_of(token, place[1])
    }
    back = sorted(
        token for token in world.oracle.deleted & living if _is_settled(world, token, parked)
    )
    if back:
        raise Violation("I13", f"{back} live although a person deleted them")


def _is_settled(world: World, token: str, parked: set[int]) -> bool:
    side, name, record_id = world.oracle.written.get(token, (Side.PLATFORM, "", ""))
    link = world.sides.link_of(name, side, record_id)
    return link is not None and link.id not in parked


def _audit_agrees(world: World) -> None:
    """I15: an audit entry for each write that QuickBooks took, and none for what it did not."""
    entries: Counter[str] = Counter()
    certain: set[str] = set()
    for note in world.sides.audit_notes():
        if note.kind in ("write.quickbooks", "write.uncertain"):
            intent_id = str(note.body["intent"])
            entries[intent_id] += 1
            if note.kind == "write.quickbooks" and "found" not in note.body:
                certain.add(intent_id)
    doubled = [each for each, count in entries.items() if count > 1]
    if doubled:
        raise Violation("I15", f"more than one entry for intents {doubled[:3]}")
    done = {each.intent_id for each in world.oracle.effects}
    open_ones = world.sides.open_intent_ids()
    missing = done - set(entries) - open_ones - world.oracle.unlogged
    if missing:
        raise Violation("I15", f"no entry for what QuickBooks took: intents {sorted(missing)[:3]}")
    invented = certain - done - world.oracle.answered
    if invented:
        raise Violation("I15", f"entries for what QuickBooks did not take: {sorted(invented)[:3]}")
