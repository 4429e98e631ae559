"""A revision: what a person wants a record to hold, instead of what a cycle made of it.

An override of a conflict and the undoing of a run are revisions. One is stored before it is carried
out, and counts in every merge of its record until both sides hold it: so a lost answer or a crash
on the way never turns it around. It never counts against somebody's later edit: it applies only
where each side still holds one of the values that the person saw.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.codecs import load_content
from models.lines import holds
from models.merge import DELETE_AGAINST_EDIT, Conflict, Merge, Outcome, changed_fields, lacking
from models.record_type import RecordType
from models.records import Content, Observed, Value, canonical_json
from models.words import Side

#: Reasons of parked records that revisions give.
REVISING, UNDONE = "revising", "undone"


class RevisionKind(StrEnum):
    """What a person wants."""

    #: A field gets a value on both sides.
    SET = "set"
    #: The record goes from a side, as it has gone from the other one.
    REMOVE = "remove"
    #: The record goes from the side on which a run made it; the other side's waits for a person.
    SEPARATE = "separate"
    #: The record is made anew on the side from which it has gone.
    ANEW = "anew"


class RevisionState(StrEnum):
    """The life of a revision."""

    PENDING = "pending"
    DONE = "done"
    #: A side refused it; the record is as it was before.
    WITHDRAWN = "withdrawn"
    #: Somebody edited the record before it was carried out; that edit counts.
    OVERTAKEN = "overtaken"


class ConflictState(StrEnum):
    """The life of a conflict."""

    DECIDED = "decided"
    REVIEW = "review"
    OVERRIDDEN = "overridden"


def taken(kind: RevisionKind, side: Side) -> Side:
    """The side whose version counts: a record goes because it has gone from the other one."""
    return side.other if kind is RevisionKind.REMOVE else side


@dataclass(frozen=True)
class Revision:
    """One person's wish for one field, or for a record as a whole."""

    #: Number in the store; 0 until it is stored.
    number: int
    link_id: int
    record_type: str
    kind: RevisionKind
    #: The field that is set; "" where the record as a whole is meant.
    field: str
    #: SET: whose version it is, None where it is neither's; else the side that is written.
    side: Side | None
    #: SET: values that a side may hold; REMOVE and SEPARATE: the one content that is to go.
    expected: tuple[Any, ...]
    value: Value
    state: RevisionState
    actor: str
    #: The audit entry that tells of it; 0 until it is stored.
    entry: int = 0
    #: None until it is stored.
    made_at: datetime | None = None
    #: Number of the conflict that it overrides.
    conflict: int | None = None
    #: The audit entry whose write it takes back.
    undoes: int | None = None

    @property
    def take(self) -> Side | None:
        """The side whose version counts; None where it is neither's."""
        return taken(self.kind, self.side) if self.side else None

    def expects(self, record_type: RecordType, held: Value) -> bool:
        """Whether a side's value is one that the person saw, or the wanted one."""
        field = record_type.by_name[self.field]
        return any(holds(field, each, held) for each in (self.value, *self.expected))


@dataclass(frozen=True)
class StoredConflict:
    """A conflict as kept, with the number that people name it by."""

    number: int
    link_id: int
    record_type: str
    conflict: Conflict
    state: ConflictState
    #: The audit entry that tells of it; None where an older program wrote it.
    entry: int | None
    decided_at: datetime
    run_id: str

    def __hash__(self) -> int:
        return hash(self.number)

    @property
    def is_of_delete(self) -> bool:
        """Whether one side has deleted what the other one has edited."""
        return self.conflict.verdict.reason == DELETE_AGAINST_EDIT

    def version_of(self, side: Side) -> Value:
        """What a side held."""
        return self.conflict.quickbooks if side is Side.QUICKBOOKS else self.conflict.platform

    def is_of_one_decision(self, other: StoredConflict) -> bool:
        """Whether two conflicts of a record came up together."""
        mine, theirs = (self.link_id, self.run_id), (other.link_id, other.run_id)
        return mine == theirs and self.decided_at == other.decided_at


# -- the stored form --


def dump_expected(revision: Revision) -> str:
    """What a revision expects, as canonical JSON."""
    return canonical_json(list(revision.expected))


def load_expected(
    record_type: RecordType, kind: RevisionKind, field_name: str, text: str
) -> tuple[Any, ...]:
    """What a revision expects, from its stored form."""
    values = json.loads(text)
    if kind is RevisionKind.SET:
        field = record_type.by_name.get(field_name)
        return tuple(field.load(each) for each in values) if field else ()
    return tuple(load_content(record_type, each) for each in values)


def load_value(record_type: RecordType, field_name: str, text: str) -> Value:
    """A field's value from its stored form; None of a field that is no longer there."""
    field = record_type.by_name.get(field_name)
    return field.load(json.loads(text)) if field else None


# -- what a merge comes to --

_REMOVED_FROM = {
    Side.QUICKBOOKS: Outcome.REMOVE_IN_QUICKBOOKS,
    Side.PLATFORM: Outcome.REMOVE_ON_PLATFORM,
}


def revised(
    record_type: RecordType,
    merged: Merge,
    base: Content | None,
    sides: Mapping[Side, Observed | None],
    revisions: Sequence[Revision],
) -> Merge:
    """The merge after a person's revisions, as far as they still fit what both sides hold."""
    held = {side: observed.content if observed else None for side, observed in sides.items()}
    removal = next((each for each in revisions if _removes(record_type, each, held)), None)
    if removal is not None:
        assert removal.side is not None, "what goes, goes from a side"
        if held[removal.side] is None:
            # It went, and the answer was lost: the other side's record must not follow.
            return Merge(Outcome.FORGET, None)
        return Merge(_REMOVED_FROM[removal.side], None)
    theirs, ours = held[Side.QUICKBOOKS], held[Side.PLATFORM]
    chosen = [each for each in revisions if each.kind is RevisionKind.SET]
    if theirs is None or ours is None or not chosen or merged.content is None:
        return merged
    return _with_values(record_type, merged, base, theirs, ours, chosen)


def _removes(
    record_type: RecordType, revision: Revision, held: Mapping[Side, Content | None]
) -> bool:
    if revision.kind not in (RevisionKind.REMOVE, RevisionKind.SEPARATE) or revision.side is None:
        return False
    here, there = held[revision.side], held[revision.side.other]
    separates = revision.kind is RevisionKind.SEPARATE
    if here is None:
        return separates and there is not None
    if (there is not None) != separates:
        return False
    (seen,) = revision.expected
    edited = changed_fields(record_type, seen, here, by=revision.side)
    if revision.side is Side.QUICKBOOKS and here.get("active") is False:
        # Our own write, whose answer was lost: it is how an entry of a name list goes there.
        edited -= {"active"}
    return not edited


def _with_values(
    record_type: RecordType,
    merged: Merge,
    base: Content | None,
    theirs: Content,
    ours: Content,
    revisions: Sequence[Revision],
) -> Merge:
    assert merged.content is not None
    content = dict(merged.content)
    settled = set()
    for each in revisions:
        if each.field not in record_type.by_name:
            continue
        here, there = ours.get(each.field), theirs.get(each.field)
        if each.expects(record_type, here) and each.expects(record_type, there):
            content[each.field] = _as_held(record_type, each, there, here)
            settled.add(each.field)
    if not settled:
        return merged
    conflicts = tuple(each for each in merged.conflicts if each.field not in settled)
    if any(each.verdict.winner is None for each in conflicts):
        return Merge(Outcome.REVIEW, content, conflicts=conflicts)
    to_quickbooks, to_platform = lacking(record_type, content, theirs, ours)
    changed = to_quickbooks or to_platform or conflicts or content != base
    outcome = Outcome.MERGED if changed else Outcome.UNCHANGED
    return Merge(outcome, content, to_quickbooks, to_platform, conflicts)


def _as_held(record_type: RecordType, revision: Revision, *held: Value) -> Value:
    """The wanted value as a side holds it already: QuickBooks adds to lines what it computes."""
    field = record_type.by_name[revision.field]
    return next((each for each in held if holds(field, revision.value, each)), revision.value)


def ending(record_type: RecordType, revision: Revision, content: Content | None) -> RevisionState:
    """How a pending revision ended, once both sides were seen to hold this content."""
    if revision.kind is RevisionKind.SET:
        field = record_type.by_name.get(revision.field)
        reached = (
            field is not None
            and content is not None
            and holds(field, revision.value, content.get(field.name))
        )
    else:
        reached = content is None
    return RevisionState.DONE if reached else RevisionState.OVERTAKEN
