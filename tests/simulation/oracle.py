"""The oracle: what must hold at every step, and what became of all that people wrote.

It has no model of the right answer. Every text that a person writes is a token of its own, so each
must be visible in the end, or overwritten by a person who saw it, or named in a conflict, or
deleted by a person who saw it, or stand in a record that is parked. The far side's own journal says
what the sync wrote. Numbers such as I4 are those of docs/guarantees.md.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from connectors.ports import RemoteAnswer, RemoteWrite
from connectors.quickbooks import exact_json
from connectors.state.port import LinkUpdate
from models.intent import ATTEMPTS_MAX
from models.record_type import RecordType, catalog
from models.records import Content
from models.words import SIDES, Operation, Owner, Side
from tests.simulation.small_state import Entry

if TYPE_CHECKING:
    from tests.simulation.sim_state import SimUnit, WatchedUnit
    from tests.simulation.world import World

#: Searched for by its first letter: ten times as fast as with \b before it.
TOKEN = re.compile(r"w(?<!\ww)\d+w")
#: Parts of a record that tell the name of another one.
_OTHERS_NAMES = frozenset({"EntityRef", "payee_name"})
#: What QuickBooks took from the name that a record began with: it stays when that is changed.
_FIRST_NAMES = frozenset({"PrintOnCheckName"})
#: Record type and id on a side.
Place = tuple[Side, str, str]


class Violation(AssertionError):  # noqa: N818 - the word of the reference
    """An invariant does not hold."""

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant


@dataclass(frozen=True)
class Effect:
    """One write of the sync that took effect in QuickBooks."""

    intent_id: str
    entry: Entry


class Oracle:
    """Watches one schedule."""

    def __init__(self, world: World) -> None:
        self.world = world
        #: Token -> where a person wrote it.
        self.written: dict[str, Place] = {}
        #: Where a person entered a record -> its tokens then.
        self.entered: dict[Place, frozenset[str]] = {}
        #: Tokens that a person overwrote or deleted, having seen them.
        self.gone: set[str] = set()
        #: Tokens of records that a person deleted.
        self.deleted: set[str] = set()
        #: All texts that a side ever held, by place: histories for I4.
        self.texts: dict[Place, set[str]] = {}
        #: The same of what stood there when the schedule began.
        self.first_texts: Mapping[Place, Collection[str]] = {}
        self.effects: list[Effect] = []
        #: Worker -> record type and side -> records that it deleted there.
        self.taken: dict[str, Counter[tuple[str, Side]]] = {}
        #: Intents that QuickBooks answered without doing anything.
        self.answered: set[str] = set()
        #: Effects whose audit entries went with a restored database.
        self.unlogged: set[str] = set()
        #: What a person copied in QuickBooks: its type, its id, and the id of the copy.
        self.copies: list[tuple[RecordType, str, str]] = []
        #: Conflicts of a database that was restored since.
        self.named = ""
        self.seen_entries = 0
        #: Link -> versions of both sides that its base was seen at.
        self.versions: dict[int, tuple[int, int]] = {}

    # -- what people do --

    def person_wrote(
        self,
        side: Side,
        record_type: RecordType,
        record_id: str,
        what: str,
        before: frozenset[str] = frozenset(),
    ) -> None:
        """A person entered or changed something, seeing what stood there before."""
        place = (side, record_type.name, record_id)
        now = self.tokens_of(*place_of(place))
        for token in now - before:
            self.written.setdefault(token, place)
        if what == "create":
            self.entered[place] = now
        self.gone |= before - now
        if side is Side.PLATFORM:
            self.note_text(place, self.world.text_of(*place_of(place)))
        self.world.tell(
            f"a person on {side} writes {record_type.name} {record_id} {what}: "
            f"{' '.join(sorted(now - before))}"
        )

    def person_removed(
        self, side: Side, record_type: RecordType, record_id: str, seen: frozenset[str]
    ) -> None:
        """A person deleted a record, with these tokens in it; copies of others' do not count."""
        self.gone |= seen
        if not self._was_forgotten(side, record_type, record_id):
            own = seen - self._held_by_copies(side, record_type, record_id)
            self.deleted |= {token for token in own if self.is_of(token, record_type.name)}
        self.world.tell(f"a person on {side} deletes {record_type.name} {record_id}")

    def _held_by_copies(
        self, side: Side, record_type: RecordType, record_id: str
    ) -> frozenset[str]:
        """Tokens of what a record is a copy of, and of its copies: they live on with those."""
        if side is Side.PLATFORM or not self.copies:
            return frozenset()
        others = {
            other
            for of_type, *pair in self.copies
            if of_type is record_type and record_id in pair
            for other in pair
            if other != record_id
        }
        return frozenset[str]().union(*(self.tokens_of(side, record_type, each) for each in others))

    def _was_forgotten(self, side: Side, record_type: RecordType, record_id: str) -> bool:
        """Whether a restore has forgotten the write that made it: its row is then made once more.

        A known limit (docs/guarantees.md): the write was under way while the backup was restored.
        """
        return side is Side.QUICKBOOKS and any(
            each.intent_id in self.unlogged
            and (each.entry.entity, each.entry.id) == (record_type.entity, record_id)
            for each in self.effects
        )

    def is_of(self, token: str, record_type: str) -> bool:
        """Whether it was written into such a record: QuickBooks copies it into other types."""
        return token in self.written and self.written[token][1] == record_type

    def tokens_of(self, side: Side, record_type: RecordType, record_id: str) -> frozenset[str]:
        """Tokens that a record holds on a side."""
        return tokens_in(self.world.text_of(side, record_type, record_id))

    # -- what the sync does --

    def about_to_send(self, writes: Sequence[RemoteWrite]) -> None:
        """I6, I22: each write stands in the state as sent, just so; and not for the ninth time."""
        for write in writes:
            intent = self.world.intent(intent_of(write))
            if intent is None or intent.attempts < 1:
                raise Violation("I6", f"{write.request_id} is sent without a stored intent")
            if intent.attempts > ATTEMPTS_MAX:
                raise Violation(
                    "I22", f"{write.request_id} is sent for the {intent.attempts}th time"
                )
            if not self._is_as_stored(write, intent.payload):
                raise Violation("I6", f"{write.request_id} is sent with another body than stored")

    def _is_as_stored(self, write: RemoteWrite, payload: str) -> bool:
        """Whether it is what its intent says, which also tells which file it is."""
        if write.file is None:
            return payload == self.world.encoded(write.body)
        content = write.file.content
        file = {"Size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return exact_json.decode(payload) == {**write.body, **file}

    def note_effects(
        self, writes: Sequence[RemoteWrite], answers: Sequence[RemoteAnswer], seen: int
    ) -> None:
        """I2: what the far side's journal gained belongs to one intent each, once."""
        left = list(writes)
        for entry in self.world.books.journal[seen:]:
            write = next((each for each in left if _is_of(each, entry)), None)
            if write is None:
                raise Violation("I2", f"nobody sent {entry.operation} {entry.entity} {entry.id}")
            left.remove(write)
            intent_id = intent_of(write)
            if any(each.intent_id == intent_id for each in self.effects):
                raise Violation(
                    "I2", f"intent {intent_id} took effect twice: {entry.entity} {entry.id}"
                )
            self.effects.append(Effect(intent_id, entry))
            self._note_taken(write, entry)
            if "DueDate" in (entry.record or {}) and "DueDate" not in write.body:
                self.world.hit("normalised")
            self.world.tell(f"QuickBooks does {entry.operation} {entry.entity} {entry.id}")
        # what is left was answered from memory, or changed nothing
        self.answered |= {
            intent_of(write)
            for write, answer in zip(writes, answers, strict=True)
            if answer.error is None and write in left
        }

    def _note_taken(self, write: RemoteWrite, entry: Entry) -> None:
        """Remember which worker deleted how many records of which type."""
        actor = self.world.scheduler.current
        gone = entry.operation == "delete" or (
            entry.operation == "update" and write.body.get("Active") is False
        )
        if gone and actor is not None and actor.name in self.taken:
            name = self.world.type_of_entity[entry.entity]
            self.taken[actor.name][name, Side.QUICKBOOKS] += 1

    def about_to_commit(self, unit: SimUnit | WatchedUnit) -> None:
        """I4, I5: a base is what both sides were seen to hold, and versions do not go back."""
        self.take_history()
        actor = self.world.scheduler.current
        for name, row_id, write in unit.writes:
            if write.operation is Operation.DELETE and actor is not None:
                self.taken[actor.name][name, Side.PLATFORM] += 1
            self.note_text((Side.PLATFORM, name, row_id), self._row_text(unit, name, row_id))
        for update in unit.updates:
            self._check_versions(unit, update)
            if update.base is None:
                continue
            link = unit.links([update.link_id])[update.link_id]  # type: ignore[attr-defined]
            texts = _texts_of_people(catalog()[link.record_type], update.base)
            for side in SIDES if texts else ():
                held = self._ever_held((side, link.record_type, link.side_id(side) or ""))
                for name, value in texts.items():
                    if not _is_held(value, held):
                        raise Violation(
                            "I4",
                            f"base of {link.record_type} {link.id}: {side} never held "
                            f"{name} = {value!r}",
                        )

    def _check_versions(self, unit: SimUnit | WatchedUnit, update: LinkUpdate) -> None:
        """I5: the versions kept with a base do not go back."""
        before = self.versions.get(update.link_id, (-1, -1))
        token = int((update.quickbooks_version or "").partition("|")[0] or -1)
        version = update.platform_version if update.platform_version is not None else -1
        if -1 < token < before[0] or -1 < version < before[1]:
            raise Violation("I5", f"link {update.link_id}: {before} became {(token, version)}")
        self.versions[update.link_id] = (max(token, before[0]), max(version, before[1]))

    def committed(self, epoch: int) -> None:
        """I14: what is committed is committed by the holder of the lease."""
        if epoch and self.world.lease_epoch() != epoch:
            raise Violation("I14", f"epoch {epoch} committed under {self.world.lease_epoch()}")

    def forget_the_platform(self, named: str, intents: Iterable[str]) -> None:
        """A backup was restored: what stood on the platform alone since then went with it.

        named is what its conflicts said, intents are those of which nothing is known any more.
        """
        self.named += named
        self.unlogged |= set(intents)
        for token, (side, _, _) in self.written.items():
            if side is Side.PLATFORM:
                self.gone.add(token)
        # what a person deleted may be back by the backup
        self.deleted.clear()
        self.versions.clear()

    # -- histories --

    def begin(self) -> None:
        """Remember what both sides hold when a schedule begins; worlds of one company share it."""
        began = self.world.began
        if began is None:
            self.take_history()
            self.note_rows()
        else:
            self.first_texts, self.seen_entries = began.texts, began.entries

    def note_rows(self) -> None:
        """Remember what the platform's rows hold."""
        for record_type in catalog().values():
            for record_id in self.world.live_ids(Side.PLATFORM, record_type):
                text = self.world.text_of(Side.PLATFORM, record_type, record_id)
                self.note_text((Side.PLATFORM, record_type.name, record_id), text)

    def _ever_held(self, place: Place) -> list[str]:
        return [*self.first_texts.get(place, ()), *self.texts.get(place, ())]

    def take_history(self) -> None:
        """Remember what QuickBooks's records have held since the last look."""
        journal = self.world.books.journal
        for entry in journal[self.seen_entries :]:
            if entry.record is not None:
                name = self.world.type_of_entity.get(entry.entity)
                if name is not None:
                    place = (Side.QUICKBOOKS, name, entry.id)
                    self.note_text(place, text_in(entry.record))
        self.seen_entries = len(journal)

    def note_text(self, place: Place, text: str) -> None:
        """A side holds this now."""
        self.texts.setdefault(place, set()).add(text)

    def _row_text(self, unit: SimUnit | WatchedUnit, name: str, row_id: str) -> str:
        rows = unit.platform.rows(catalog()[name], [row_id])  # type: ignore[attr-defined]
        return text_in(rows[row_id].values) if row_id in rows else ""

    # -- the end --

    def standing(self) -> dict[Place, frozenset[str]]:
        """Tokens of every record that lives and holds any, by place."""
        world, found = self.world, dict[Place, frozenset[str]]()
        for each in catalog().values():
            for record in world.books.all(each.entity):
                if tokens := tokens_in(text_in(record)):
                    found[Side.QUICKBOOKS, each.name, str(record["Id"])] = tokens
        for each in catalog().values():
            for row in world.people.all(each.name):
                if row.live and (tokens := tokens_in(text_in(row.values))):
                    found[Side.PLATFORM, each.name, row.id] = tokens
        return found


def place_of(place: Place) -> tuple[Side, RecordType, str]:
    """A place with its record type."""
    return place[0], catalog()[place[1]], place[2]


def intent_of(write: RemoteWrite) -> str:
    """The intent that a request id is made from."""
    return write.request_id.rpartition("-")[0]


#: Number of a record -> the record and its text: most records of a schedule are those of the world
#: it began with, and no version of a record is ever changed.
_TEXTS: dict[int, tuple[Mapping[str, Any], str]] = {}
_TEXTS_MAX = 20_000


def text_in(raw: Mapping[str, Any]) -> str:
    """All texts of a record that are its own, not the names of what it refers to."""
    known = _TEXTS.get(id(raw))
    if known is not None and known[0] is raw:
        return known[1]
    found: list[str] = []
    _gather(raw, found)
    text = " ".join(found)
    if len(_TEXTS) >= _TEXTS_MAX:
        _TEXTS.clear()
    _TEXTS[id(raw)] = (raw, text)
    return text


def _gather(raw: Mapping[str, Any], found: list[str]) -> None:
    """Add every text in a record that may hold a token, but the names of what it refers to."""
    for name, value in raw.items():
        kind = type(value)
        if kind is str:
            if "w" in value and not _is_no_text_of_its_own(name, raw):
                found.append(value)
        elif kind is dict:
            if name not in _OTHERS_NAMES:
                _gather(value, found)
        elif kind is list or kind is tuple:
            for each in value:
                if isinstance(each, str):
                    found.append(each)
                elif isinstance(each, Mapping):
                    _gather(each, found)


def _is_no_text_of_its_own(name: str, raw: Mapping[str, Any]) -> bool:
    """Whether a text is the name of what is referred to, with its id or alone, or an old name."""
    if name in _OTHERS_NAMES or name in _FIRST_NAMES:
        return True
    return name == "name" and "value" in raw


@lru_cache(_TEXTS_MAX)
def tokens_in(text: str) -> frozenset[str]:
    """The tokens in a text."""
    return frozenset(TOKEN.findall(text))


def _texts_of_people(record_type: RecordType, base: Content) -> dict[str, str]:
    """Field -> its text, of those that a person may have written with a token in it."""
    fields = record_type.by_name
    return {
        name: value
        for name, value in base.items()
        if isinstance(value, str)
        and fields[name].owner is not Owner.QUICKBOOKS
        and TOKEN.search(value)
    }


def _is_held(value: str, held: Iterable[str]) -> bool:
    tokens = TOKEN.findall(value)
    return any(all(token in text for token in tokens) for text in held)


def _is_of(write: RemoteWrite, entry: Entry) -> bool:
    """Whether a journal entry is the effect of a write."""
    if write.entity != entry.entity:
        return False
    if write.operation is not Operation.CREATE:
        return str(write.body["Id"]) == entry.id and str(write.operation) == entry.operation
    if entry.operation != "create" or entry.record is None:
        return False
    names = ("DisplayName", "Name", "DocNumber", "PaymentRefNum", "PrivateNote")
    return all(
        str(write.body[name]).strip() == str(entry.record.get(name)).strip()
        for name in names
        if write.body.get(name)
    )
