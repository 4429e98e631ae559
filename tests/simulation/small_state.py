"""What the small company holds: versions of records, which are never changed, and their indexes.

Everything is a dictionary of immutable values, so that a snapshot is a shallow copy, and a record
that was handed out stays as it was.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.ports import Payload
from emulator.clock import stamp

Record = dict[str, Any]
#: Entity and id.
Key = tuple[str, str]


class Entry(NamedTuple):
    """One line of the journal: a write that took effect."""

    sequence: int
    who: str
    operation: str
    entity: str
    id: str
    #: The record's version afterwards; "" after a delete.
    sync_token: str
    request_id: str
    time: str
    #: The record afterwards; None after a delete.
    record: Record | None


@dataclass
class State:
    """The books at one instant."""

    #: Entity -> id -> the present version, oldest record first.
    records: dict[str, dict[str, Record]]
    #: Entity -> id -> second of the last change, latest change last; deleted records stay in it.
    touched: dict[str, dict[str, int]]
    #: Entity -> id -> second of birth.
    created: dict[str, dict[str, int]]
    #: Id of a transaction -> its entity: they share one sequence of ids.
    transactions: dict[str, str] = field(default_factory=dict)
    #: Name, as it must be unique -> who has it.
    names: dict[tuple[str, ...], Key] = field(default_factory=dict)
    #: Entity and document number -> who have it.
    numbers: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    #: Transaction -> what it moved: balances and by how much.
    posted: dict[Key, dict[Key, Any]] = field(default_factory=dict)
    #: Who changed a record last.
    modified_by: dict[Key, str] = field(default_factory=dict)
    #: Sequence -> the last number drawn.
    sequences: dict[str, int] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    #: Answers that are remembered, by request id, and by batch and place.
    replays: dict[str, Payload] = field(default_factory=dict)
    item_replays: dict[tuple[str, int], Payload] = field(default_factory=dict)
    #: Attachment -> its file.
    files: dict[str, bytes] = field(default_factory=dict)
    #: The latest second that was seen: the books' time never goes back.
    latest: int = 0

    def copied(self) -> State:
        """A state of its own over the same records."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in _BY_ENTITY:
            own[name] = {entity: held.copy() for entity, held in own[name].items()}
        for name in own.keys() - _BY_ENTITY - {"latest"}:
            own[name] = own[name].copy()
        return State(**own)


_BY_ENTITY = frozenset({"records", "touched", "created"})


def new_state(entities: tuple[str, ...]) -> State:
    """Empty books."""
    empty: dict[str, dict[str, Any]] = {entity: {} for entity in entities}
    return State(records=empty, touched=copy.deepcopy(empty), created=copy.deepcopy(empty))


class Stamps:
    """Seconds as MetaData tells them; one second is written once."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, second: int) -> str:
        """Whole seconds with an offset that is not UTC."""
        if second != self._second:
            self._second = second
            self._text = stamp(datetime.fromtimestamp(second, UTC))
        return self._text
