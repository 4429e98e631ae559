"""The three-way merge: base, QuickBooks and platform in; one merged record out.

This is the one decision table of the product. It is a pure function of what was observed: nothing
is read, written or remembered here. Lines are one field, replaced as a whole.

    base     quickbooks  platform   outcome
    -        live        -          create on the platform
    -        -           live       create in QuickBooks
    -        live        live       merge without a base: every difference is a conflict, but for
                                    what one side leaves empty and figures that QuickBooks computes
    any      live        live       per field: one side changed it: take it; both alike: agree;
                                    both differently: the policy decides and the conflict is kept
    any      gone        unchanged  remove on the platform
    any      gone        edited     conflict: a person decides, nothing is written
    any      unchanged   gone       remove in QuickBooks
    any      edited      gone       conflict: a person decides, nothing is written
    any      gone        gone       forget it: a tombstone stays
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from models.fields import Choice, Field
from models.policy import Policy, Verdict, decide, owner_of
from models.record_type import RecordType
from models.records import Content, Observed, Value
from models.voids import is_void, with_void_word, without_void_word
from models.words import Owner, Side

#: Why a person has to decide: one side has deleted what the other one has edited.
DELETE_AGAINST_EDIT = "delete_against_edit"


class Outcome(StrEnum):
    """What a merge comes to."""

    UNCHANGED = "unchanged"
    MERGED = "merged"
    CREATE_ON_PLATFORM = "create_on_platform"
    CREATE_IN_QUICKBOOKS = "create_in_quickbooks"
    REMOVE_ON_PLATFORM = "remove_on_platform"
    REMOVE_IN_QUICKBOOKS = "remove_in_quickbooks"
    FORGET = "forget"
    REVIEW = "review"


@dataclass(frozen=True)
class Conflict:
    """Both sides changed one field differently, or one side changed what is not its to change."""

    field: str
    base: Value
    quickbooks: Value
    platform: Value
    verdict: Verdict


@dataclass(frozen=True)
class Merge:
    """The merged record and what each side lacks of it."""

    outcome: Outcome
    content: Content | None
    #: Fields whose merged value QuickBooks does not hold yet and takes from us.
    to_quickbooks: frozenset[str] = frozenset()
    #: Fields whose merged value the platform does not hold yet.
    to_platform: frozenset[str] = frozenset()
    conflicts: tuple[Conflict, ...] = ()


def merge(
    record_type: RecordType,
    base: Content | None,
    quickbooks: Observed | None,
    platform: Observed | None,
    policy: Policy,
) -> Merge:
    """Decide what becomes of one record.

    A side that is None has never held the record; an Observed without content says it is gone.
    """
    in_quickbooks = quickbooks.content if quickbooks else None
    on_platform = platform.content if platform else None
    if in_quickbooks is not None and on_platform is not None:
        assert quickbooks is not None
        assert platform is not None
        return _merge_live(record_type, base, quickbooks, platform, policy)
    if in_quickbooks is None and on_platform is None:
        return Merge(Outcome.FORGET, None)
    if base is None:
        return _create(record_type, quickbooks, platform)
    if in_quickbooks is None:
        edited = changed_fields(record_type, base, on_platform, by=Side.PLATFORM)
        return _remove(Outcome.REMOVE_ON_PLATFORM, base, None, on_platform, edited)
    edited = changed_fields(record_type, base, in_quickbooks, by=Side.QUICKBOOKS)
    return _remove(Outcome.REMOVE_IN_QUICKBOOKS, base, in_quickbooks, None, edited)


def changed_fields(
    record_type: RecordType, base: Content, now: Content | None, *, by: Side
) -> frozenset[str]:
    """Fields that a person changed on a side since the base; computed figures do not count."""
    counted = (
        field
        for field in record_type.fields
        if field.owner is Owner.BOTH or field.owner.value == by.value == Side.PLATFORM.value
    )
    return frozenset(
        field.name
        for field in counted
        if now is not None and now.get(field.name) != base.get(field.name)
    )


def _create(
    record_type: RecordType, quickbooks: Observed | None, platform: Observed | None
) -> Merge:
    if quickbooks is not None and quickbooks.content is not None:
        if platform is not None:  # it was there once and is gone: never silently made again
            return Merge(Outcome.REVIEW, quickbooks.content)
        return Merge(Outcome.CREATE_ON_PLATFORM, quickbooks.content, to_platform=record_type.names)
    assert platform is not None
    if quickbooks is not None:
        return Merge(Outcome.REVIEW, platform.content)
    sent = record_type.names_sent_on_create
    return Merge(Outcome.CREATE_IN_QUICKBOOKS, platform.content, to_quickbooks=sent)


def _remove(
    outcome: Outcome,
    base: Content,
    in_quickbooks: Content | None,
    on_platform: Content | None,
    edited: frozenset[str],
) -> Merge:
    """A record gone on one side: the other follows, unless somebody edited it there."""
    if not edited:
        return Merge(outcome, None)
    conflicts = tuple(
        Conflict(
            name,
            base.get(name),
            in_quickbooks.get(name) if in_quickbooks else None,
            on_platform.get(name) if on_platform else None,
            Verdict(None, DELETE_AGAINST_EDIT),
        )
        for name in sorted(edited)
    )
    return Merge(Outcome.REVIEW, in_quickbooks or on_platform, conflicts=conflicts)


def _merge_live(
    record_type: RecordType,
    base: Content | None,
    quickbooks: Observed,
    platform: Observed,
    policy: Policy,
) -> Merge:
    assert quickbooks.content is not None
    assert platform.content is not None
    written = quickbooks
    if is_void(record_type, quickbooks.content):
        as_written = without_void_word(record_type, base, quickbooks.content)
        written = replace(quickbooks, content=as_written)
    merged: Content = {}
    conflicts: list[Conflict] = []
    for field in record_type.fields:
        value, conflict = _merge_field(record_type, field, base, written, platform, policy)
        merged[field.name] = value
        if conflict:
            conflicts.append(conflict)
    if written is not quickbooks:
        merged = with_void_word(record_type, merged, quickbooks.content)
    if any(conflict.verdict.winner is None for conflict in conflicts):
        return Merge(Outcome.REVIEW, merged, conflicts=tuple(conflicts))
    to_quickbooks, to_platform = lacking(record_type, merged, quickbooks.content, platform.content)
    changed = to_quickbooks or to_platform or conflicts or merged != base
    outcome = Outcome.MERGED if changed else Outcome.UNCHANGED
    return Merge(outcome, merged, to_quickbooks, to_platform, tuple(conflicts))


def lacking(
    record_type: RecordType, merged: Content, quickbooks: Content, platform: Content
) -> tuple[frozenset[str], frozenset[str]]:
    """Fields whose merged value QuickBooks does not hold and takes, and those of the platform."""
    to_quickbooks = frozenset(
        field.name
        for field in record_type.fields
        if merged[field.name] != quickbooks.get(field.name) and _may_send(field)
    )
    to_platform = frozenset(name for name, value in merged.items() if value != platform.get(name))
    return to_quickbooks, to_platform


def _may_send(field: Field) -> bool:
    return field.sent or bool(isinstance(field, Choice) and field.platform_may_set)


def _merge_field(
    record_type: RecordType,
    field: Field,
    base: Content | None,
    quickbooks: Observed,
    platform: Observed,
    policy: Policy,
) -> tuple[Value, Conflict | None]:
    assert quickbooks.content is not None
    assert platform.content is not None
    theirs, ours = quickbooks.content.get(field.name), platform.content.get(field.name)
    if theirs == ours:
        return theirs, None
    before: Any = base.get(field.name) if base is not None else None
    owned = _owned(field, base, theirs, ours)
    if owned is not None:
        return owned
    if base is None and (theirs in (None, ()) or ours in (None, ())):
        # Nothing was agreed on yet and only one side says anything: nobody is contradicted.
        return (theirs if ours in (None, ()) else ours), None
    if base is not None and theirs == before:
        return ours, None
    if base is not None and ours == before:
        return theirs, None
    verdict = decide(policy, record_type, field, quickbooks.edited_at, platform.edited_at)
    conflict = Conflict(field.name, before, theirs, ours, verdict)
    return (ours if verdict.winner is Side.PLATFORM else theirs), conflict


def _owned(
    field: Field, base: Content | None, theirs: Value, ours: Value
) -> tuple[Value, Conflict | None] | None:
    """The owner's value of a field that has one; None where both sides may write it.

    The other side's value never counts; if a person entered it, that is said aloud.
    """
    before: Any = base.get(field.name) if base is not None else None
    set_by_person = isinstance(field, Choice) and ours in field.platform_may_set
    if set_by_person and base is not None and theirs == before:
        return ours, None
    if field.owner is Owner.PLATFORM:
        verdict = Verdict(Side.PLATFORM, "owner")
        edited = theirs != before if base is not None else theirs not in (None, ())
        return ours, Conflict(field.name, before, theirs, ours, verdict) if edited else None
    if owner_of(field) is not Side.QUICKBOOKS:
        return None
    # Without a base a computed figure tells nothing: any program may have filled it in.
    entered = ours not in (None, ()) and (field.owner is Owner.BOTH or set_by_person)
    edited = ours != before if base is not None else entered
    verdict = Verdict(Side.QUICKBOOKS, "owner")
    return theirs, Conflict(field.name, before, theirs, ours, verdict) if edited else None
