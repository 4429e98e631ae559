"""The decision table of the merge, row by row and then by every case there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from models.fields import Choice, Currency, Day, Field, Flag, Money, Number, Text
from models.lines import Lines
from models.merge import Conflict, Merge, Outcome, merge
from models.policy import Policy
from models.record_type import DeleteMeans, RecordType, catalog
from models.records import Content, Observed
from models.reference_fields import Named, Reference
from models.words import DataType, Owner, Rule, Side

EARLY = datetime(2026, 4, 1, 12, tzinfo=UTC)
LATE = EARLY + timedelta(seconds=1)

THING = RecordType(
    name="thing",
    plural="things",
    data_type=DataType.INVOICES,
    entity="Thing",
    table="things",
    fields=(
        Text(name="memo", quickbooks="Memo"),
        Text(name="note", quickbooks="Note"),
        Money(name="total", quickbooks="Total", owner=Owner.QUICKBOOKS),
        Text(name="project", quickbooks="Project", owner=Owner.PLATFORM),
        Text(name="kind", quickbooks="Kind", create_only=True),
        Choice(
            name="status",
            words={"open": "Open", "paid": "Paid", "voided": "Void"},
            owner=Owner.QUICKBOOKS,
            platform_may_set=("voided",),
        ),
    ),
    checks=(),
    label="memo",
    delete_means=DeleteMeans.DELETE,
)
BASE: Content = {
    "memo": "m",
    "note": "n",
    "total": Decimal(1),
    "project": "p",
    "kind": "k",
    "status": "open",
}
GONE = object()


def seen(content: Any, edited_at: datetime | None = EARLY) -> Observed | None:
    """What a side says: nothing (None), that it is gone, or its differences from BASE."""
    if content is None:
        return None
    return Observed(None if content is GONE else {**BASE, **content}, "1", edited_at)


@dataclass(frozen=True)
class Case:
    """One row: what each side holds, and what must become of it."""

    says: str
    #: What base, QuickBooks and platform hold, as differences from BASE; None: nothing.
    base: Any
    quickbooks: Any
    platform: Any
    outcome: Outcome
    #: Merged values that matter, or None where the record goes.
    values: dict[str, Any] | None = field(default_factory=dict)
    to_quickbooks: str = ""
    to_platform: str = ""
    #: Field -> side that wins ("person" where nobody does), and what decided.
    conflicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    quickbooks_at: datetime | None = EARLY
    platform_at: datetime | None = EARLY


ALL = "memo note total project kind status"
SENT_ON_CREATE = "memo note project kind"
MERGED, REVIEW = Outcome.MERGED, Outcome.REVIEW
TABLE = [
    # -- a record on one side only --
    Case("new in QuickBooks", None, {}, None, Outcome.CREATE_ON_PLATFORM, to_platform=ALL),
    Case(
        "new on the platform: what QuickBooks computes is not sent",
        None, None, {}, Outcome.CREATE_IN_QUICKBOOKS, to_quickbooks=SENT_ON_CREATE,
    ),
    # -- both live, never agreed on --
    Case("paired and equal: nothing to write, a base to keep", None, {}, {}, MERGED),
    Case(
        "paired and different: the policy decides, and it is said",
        None, {"memo": "q"}, {"memo": "p"}, MERGED,
        {"memo": "q"}, to_platform="memo", conflicts={"memo": ("quickbooks", "latest")},
    ),
    Case(
        "paired, one side empty: nobody is contradicted (platform fills)",
        None, {"memo": None}, {"memo": "p"}, MERGED, {"memo": "p"}, to_quickbooks="memo",
    ),
    Case(
        "paired, one side empty: nobody is contradicted (QuickBooks fills)",
        None, {"memo": "q"}, {"memo": None}, MERGED, {"memo": "q"}, to_platform="memo",
    ),
    Case(
        "paired, a computed figure differs: QuickBooks's, without a word",
        None, {"total": Decimal(2)}, {}, MERGED, {"total": Decimal(2)}, to_platform="total",
    ),
    Case(
        "paired, a field that cannot be sent any more differs: a person entered it, so it is said",
        None, {"kind": "q"}, {"kind": "p"}, MERGED,
        {"kind": "q"}, to_platform="kind", conflicts={"kind": ("quickbooks", "owner")},
    ),
    Case(
        "paired, the platform's own field differs: what a person entered in QuickBooks is named",
        None, {"project": "q"}, {}, MERGED,
        {"project": "p"}, to_quickbooks="project", conflicts={"project": ("platform", "owner")},
    ),
    Case(
        "paired, the platform's own field is empty in QuickBooks: nobody is contradicted",
        None, {"project": None}, {}, MERGED, {"project": "p"}, to_quickbooks="project",
    ),
    Case(
        "paired, voided on the platform only: never voids what QuickBooks holds as open",
        None, {}, {"status": "voided"}, MERGED,
        {"status": "open"}, to_platform="status", conflicts={"status": ("quickbooks", "owner")},
    ),
    # -- both live, with a base --
    Case("nothing changed", {}, {}, {}, Outcome.UNCHANGED),
    Case("QuickBooks changed", {}, {"memo": "q"}, {}, MERGED, {"memo": "q"}, to_platform="memo"),
    Case("platform changed", {}, {}, {"memo": "p"}, MERGED, {"memo": "p"}, to_quickbooks="memo"),
    Case(
        "cleared in QuickBooks",
        {}, {"memo": None}, {}, MERGED, {"memo": None}, to_platform="memo",
    ),
    Case(
        "cleared on the platform",
        {}, {}, {"memo": None}, MERGED, {"memo": None}, to_quickbooks="memo",
    ),
    Case(
        "different fields: both survive",
        {}, {"memo": "q"}, {"note": "p"}, MERGED,
        {"memo": "q", "note": "p"}, to_quickbooks="note", to_platform="memo",
    ),
    Case("both alike: agree silently", {}, {"memo": "x"}, {"memo": "x"}, MERGED, {"memo": "x"}),
    # -- one field changed on both sides: policies --
    Case(
        "latest: the platform's edit is later",
        {}, {"memo": "q"}, {"memo": "p"}, MERGED, {"memo": "p"}, to_quickbooks="memo",
        conflicts={"memo": ("platform", "latest")}, platform_at=LATE,
    ),
    Case(
        "latest: QuickBooks's edit is later",
        {}, {"memo": "q"}, {"memo": "p"}, MERGED, {"memo": "q"}, to_platform="memo",
        conflicts={"memo": ("quickbooks", "latest")}, quickbooks_at=LATE,
    ),
    Case(
        "latest: a tie goes to QuickBooks",
        {}, {"memo": "q"}, {"memo": "p"}, MERGED, {"memo": "q"}, to_platform="memo",
        conflicts={"memo": ("quickbooks", "latest")},
    ),
    Case(
        "latest: unknown time of the platform goes to QuickBooks",
        {}, {"memo": "q"}, {"memo": "p"}, MERGED, {"memo": "q"}, to_platform="memo",
        conflicts={"memo": ("quickbooks", "latest")}, platform_at=None,
    ),
    Case(
        "latest: unknown time of QuickBooks goes to QuickBooks",
        {}, {"memo": "q"}, {"memo": "p"}, MERGED, {"memo": "q"}, to_platform="memo",
        conflicts={"memo": ("quickbooks", "latest")}, quickbooks_at=None, platform_at=LATE,
    ),
    Case(
        "platform's word counts, though it is earlier",
        {}, {"memo": "q"}, {"memo": "p"}, MERGED, {"memo": "p"}, to_quickbooks="memo",
        conflicts={"memo": ("platform", "platform")}, rules={"thing": Rule.PLATFORM},
        quickbooks_at=LATE,
    ),
    Case(
        "QuickBooks's word counts, though it is earlier",
        {}, {"memo": "q"}, {"memo": "p"}, MERGED, {"memo": "q"}, to_platform="memo",
        conflicts={"memo": ("quickbooks", "quickbooks")}, rules={"invoices": Rule.QUICKBOOKS},
        platform_at=LATE,
    ),
    Case(
        "review: a person decides, nothing is written, not even what is not in dispute",
        {}, {"memo": "q"}, {"memo": "p", "note": "p"}, REVIEW,
        conflicts={"memo": ("person", "review")}, rules={"thing.memo": Rule.REVIEW},
    ),
    Case(
        "the rule of the field goes before that of the record type and the data type",
        {}, {"memo": "q", "note": "q"}, {"memo": "p", "note": "p"}, MERGED,
        {"memo": "p", "note": "q"}, to_quickbooks="memo", to_platform="note",
        conflicts={"memo": ("platform", "platform"), "note": ("quickbooks", "quickbooks")},
        rules={"thing.memo": Rule.PLATFORM, "thing": Rule.QUICKBOOKS, "invoices": Rule.REVIEW},
    ),
    Case(
        "a policy counts for conflicts only: one side's edit is taken whatever the rule",
        {}, {}, {"memo": "p"}, MERGED, {"memo": "p"}, to_quickbooks="memo",
        rules={"thing": Rule.QUICKBOOKS},
    ),
    # -- owners --
    Case(
        "a figure moved in QuickBooks",
        {}, {"total": Decimal(2)}, {}, MERGED, {"total": Decimal(2)}, to_platform="total",
    ),
    Case(
        "a figure edited on the platform goes back, and it is said",
        {}, {}, {"total": Decimal(3)}, MERGED, {"total": Decimal(1)}, to_platform="total",
        conflicts={"total": ("quickbooks", "owner")}, rules={"thing": Rule.PLATFORM},
    ),
    Case(
        "a figure edited on both sides is QuickBooks's, whatever the policy",
        {}, {"total": Decimal(2)}, {"total": Decimal(3)}, MERGED, {"total": Decimal(2)},
        to_platform="total", conflicts={"total": ("quickbooks", "owner")},
        rules={"thing": Rule.PLATFORM},
    ),
    Case(
        "the platform's own field, edited in QuickBooks, goes back, and it is said",
        {}, {"project": "q"}, {}, MERGED, {"project": "p"}, to_quickbooks="project",
        conflicts={"project": ("platform", "owner")}, rules={"thing": Rule.QUICKBOOKS},
    ),
    Case(
        "the platform's own field, edited there",
        {}, {}, {"project": "x"}, MERGED, {"project": "x"}, to_quickbooks="project",
    ),
    Case(
        "a field that is sent on creation only, edited on the platform, goes back, and it is said",
        {}, {}, {"kind": "p"}, MERGED, {"kind": "k"}, to_platform="kind",
        conflicts={"kind": ("quickbooks", "owner")},
    ),
    Case(
        "the same field, edited in QuickBooks",
        {}, {"kind": "q"}, {}, MERGED, {"kind": "q"}, to_platform="kind",
    ),
    # -- words that the platform may set although the field is QuickBooks's --
    Case(
        "voided on the platform",
        {}, {}, {"status": "voided"}, MERGED, {"status": "voided"}, to_quickbooks="status",
    ),
    Case(
        "voided on the platform while it was paid in QuickBooks: never void money unseen",
        {}, {"status": "paid"}, {"status": "voided"}, MERGED, {"status": "paid"},
        to_platform="status", conflicts={"status": ("quickbooks", "owner")}, platform_at=LATE,
    ),
    Case("voided on both sides", {}, {"status": "voided"}, {"status": "voided"}, MERGED),
    Case(
        "brought back in QuickBooks after both were void",
        {"status": "voided"}, {"status": "open"}, {"status": "voided"}, MERGED,
        {"status": "open"}, to_platform="status",
    ),
    Case(
        "another word on the platform goes back, and it is said",
        {}, {}, {"status": "paid"}, MERGED, {"status": "open"}, to_platform="status",
        conflicts={"status": ("quickbooks", "owner")},
    ),
    # -- gone --
    Case("gone in QuickBooks, untouched", {}, GONE, {}, Outcome.REMOVE_ON_PLATFORM, None),
    Case(
        "gone in QuickBooks, only a computed figure differs: nobody edited it",
        {}, GONE, {"total": Decimal(9)}, Outcome.REMOVE_ON_PLATFORM, None,
    ),
    Case(
        "gone in QuickBooks, edited on the platform: a person decides",
        {}, GONE, {"memo": "p"}, REVIEW, conflicts={"memo": ("person", "delete_against_edit")},
    ),
    Case(
        "gone in QuickBooks, the platform's own field edited: a person decides",
        {}, GONE, {"project": "x"}, REVIEW,
        conflicts={"project": ("person", "delete_against_edit")},
    ),
    Case("gone on the platform, untouched", {}, {}, GONE, Outcome.REMOVE_IN_QUICKBOOKS, None),
    Case(
        "gone on the platform, only a balance moved in QuickBooks: nobody edited it",
        {}, {"total": Decimal(9)}, GONE, Outcome.REMOVE_IN_QUICKBOOKS, None,
    ),
    Case(
        "gone on the platform, edited in QuickBooks: a person decides",
        {}, {"memo": "q"}, GONE, REVIEW, conflicts={"memo": ("person", "delete_against_edit")},
    ),
    Case("gone on both sides", {}, GONE, GONE, Outcome.FORGET, None),
    Case("never agreed on, gone on both sides", None, GONE, GONE, Outcome.FORGET, None),
    Case("made and deleted before it was synced", None, None, GONE, Outcome.FORGET, None),
    Case("never agreed on, gone on the platform: not made again unasked", None, {}, GONE, REVIEW),
    Case("never agreed on, gone in QuickBooks: not made again unasked", None, GONE, {}, REVIEW),
]  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.says)
def test_the_table(case: Case) -> None:
    """Every row of the table comes out as written there."""
    base = None if case.base is None else {**BASE, **case.base}
    decided = merge(
        THING,
        base,
        seen(case.quickbooks, case.quickbooks_at),
        seen(case.platform, case.platform_at),
        Policy(case.rules),
    )
    assert decided.outcome is case.outcome
    assert decided.to_quickbooks == set(case.to_quickbooks.split())
    assert decided.to_platform == set(case.to_platform.split())
    if case.values is None:
        assert decided.content is None
    else:
        assert decided.content is not None
        assert case.values.items() <= decided.content.items()
    named = {each.field: each.verdict for each in decided.conflicts}
    assert {
        name: (str(verdict.winner or "person"), verdict.reason) for name, verdict in named.items()
    } == case.conflicts


def test_a_conflict_keeps_all_three_versions() -> None:
    """The loser can be read in the conflict, beside the winner and what both came from."""
    decided = merge(THING, BASE, seen({"memo": "q"}), seen({"memo": "p"}, LATE), Policy())
    (conflict,) = decided.conflicts
    assert (conflict.base, conflict.quickbooks, conflict.platform) == ("m", "q", "p")


# -- every case there is --

CHANGES = ("same", "quickbooks", "platform", "both alike", "both differently")
SIDES = ("absent", "live", "gone")
POLICIES = [
    Policy(),
    Policy({"invoices": Rule.PLATFORM}),
    Policy({"invoices": Rule.QUICKBOOKS}),
    Policy({"invoices": Rule.REVIEW}),
]
SMALL = RecordType(
    name="small",
    plural="smalls",
    data_type=DataType.INVOICES,
    entity="Small",
    table="smalls",
    fields=(THING.by_name["memo"], THING.by_name["total"], THING.by_name["project"]),
    checks=(),
    label="memo",
    delete_means=DeleteMeans.DELETE,
)


def three_values(each: Field) -> tuple[Any, Any, Any]:
    """A base value and two others that are legal for a field."""
    kinds: list[tuple[Any, tuple[Any, Any, Any]]] = [
        (Flag, (False, True, False)),
        (Number | Money, (Decimal(1), Decimal(2), Decimal(3))),
        (Day, (date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3))),
        (Text | Currency | Named, ("b", "q", "p")),
    ]
    if isinstance(each, Choice):
        words = [*each.words, *each.words, *each.words]
        return words[0], words[1], words[2]
    if isinstance(each, Reference):
        return f"{each.to[0]}:1", f"{each.to[0]}:2", f"{each.to[0]}:3"
    if isinstance(each, Lines):
        kind = each.shapes[0].kind
        return ({"kind": kind},), ({"kind": kind, "description": "q"},), ()
    return next(three for kind, three in kinds if isinstance(each, kind))


def values(each: Field, change: str) -> tuple[Any, Any, Any]:
    """Base, QuickBooks's and the platform's value of a field for a kind of change."""
    base, one, other = three_values(each)
    return {
        "same": (base, base, base),
        "quickbooks": (base, one, base),
        "platform": (base, base, other if other != base else one),
        "both alike": (base, one, one),
        "both differently": (base, one, other),
    }[change]


@dataclass(frozen=True)
class Situation:
    """Everything that the merge is given."""

    record_type: RecordType
    base: Content | None
    quickbooks: Observed | None
    platform: Observed | None
    policy: Policy


def situations(record_type: RecordType, names: tuple[str, ...]) -> Iterator[Situation]:
    """All situations of some fields of a record type; its other fields are the same everywhere."""
    rest = {each.name: three_values(each)[0] for each in record_type.fields}
    for changes in product(CHANGES, repeat=len(names)):
        picked = [
            values(record_type.by_name[name], change)
            for name, change in zip(names, changes, strict=True)
        ]
        base, theirs, ours = (
            {**rest, **dict(zip(names, column, strict=True))}
            for column in zip(*picked, strict=True)
        )
        for has_base, there, here in product((True, False), SIDES, SIDES):
            if there == here == "absent":
                continue
            sides = [
                None
                if state == "absent"
                else Observed(content if state == "live" else None, "1", at)
                for state, content, at in ((there, theirs, EARLY), (here, ours, LATE))
            ]
            for policy in POLICIES:
                yield Situation(record_type, base if has_base else None, sides[0], sides[1], policy)


def check(case: Situation) -> None:
    """The promises that hold for every decision."""
    arguments = (case.record_type, case.base, case.quickbooks, case.platform, case.policy)
    decided = merge(*arguments)
    assert decided == merge(*arguments), "the same situation is decided alike"
    theirs = case.quickbooks.content if case.quickbooks else None
    ours = case.platform.content if case.platform else None
    if decided.outcome is Outcome.REVIEW:
        assert not decided.to_quickbooks
        assert not decided.to_platform
    elif theirs is not None and ours is not None:
        check_live(case, decided, theirs, ours)
    else:
        check_one_sided(case, decided, theirs, ours)


def check_live(case: Situation, decided: Merge, theirs: Content, ours: Content) -> None:
    """Both sides hold the record."""
    assert decided.content is not None
    conflicts = {each.field: each for each in decided.conflicts}
    for each in case.record_type.fields:
        name = each.name
        before = case.base.get(name) if case.base is not None else None
        value, conflict = decided.content[name], conflicts.get(name)
        assert value in (theirs[name], ours[name]), "a value comes from one of the sides"
        if theirs[name] == ours[name]:
            assert conflict is None, "agreement is silent"
            continue
        check_owner(each, value, theirs[name], ours[name], before)
        check_named(each, case.base, value, conflict, theirs[name], ours[name])
    check_convergence(case, decided, theirs, ours)


def check_owner(each: Field, value: Any, theirs: Any, ours: Any, before: Any) -> None:
    """No value of a side that does not own the field wins."""
    if each.owner is Owner.PLATFORM:
        assert value == ours
    elif each.owner is Owner.QUICKBOOKS and value != theirs:
        assert isinstance(each, Choice)
        assert value in each.platform_may_set
        assert theirs == before, "and only over what QuickBooks has not changed itself"


def check_named(
    each: Field, base: Content | None, value: Any, conflict: Conflict | None, theirs: Any, ours: Any
) -> None:
    """What a side changed is in the result, or named in a conflict with all versions."""
    computed = base is None and each.owner is Owner.QUICKBOOKS
    for held in (theirs, ours):
        edited = held not in (None, ()) if base is None else held != base.get(each.name)
        mine = each.owner is Owner.BOTH or base is not None
        if edited and held != value and mine and not computed and each.owner is not Owner.PLATFORM:
            if held == theirs and each.owner is Owner.QUICKBOOKS:
                continue
            assert conflict is not None, f"{each.name}: {held!r} is lost without a word"
            assert (conflict.quickbooks, conflict.platform) == (theirs, ours)
    if conflict is not None and conflict.verdict.winner is not None:
        wins = theirs if conflict.verdict.winner is Side.QUICKBOOKS else ours
        assert value == wins, "the named winner has won"


def check_convergence(case: Situation, decided: Merge, theirs: Content, ours: Content) -> None:
    """Once both sides hold the result, there is nothing more to do."""
    assert decided.content is not None
    there = {**theirs, **{name: decided.content[name] for name in decided.to_quickbooks}}
    here = {**ours, **{name: decided.content[name] for name in decided.to_platform}}
    assert there == here == decided.content, "what is to be written makes both sides equal"
    again = merge(
        case.record_type,
        decided.content,
        Observed(there, "2", LATE),
        Observed(here, "2", LATE),
        case.policy,
    )
    assert again == Merge(Outcome.UNCHANGED, decided.content)


def check_one_sided(
    case: Situation, decided: Merge, theirs: Content | None, ours: Content | None
) -> None:
    """At most one side holds the record."""
    assert not decided.conflicts
    if theirs is None and ours is None:
        assert decided.outcome is Outcome.FORGET
    elif case.base is None:
        made = Outcome.CREATE_ON_PLATFORM if ours is None else Outcome.CREATE_IN_QUICKBOOKS
        assert decided.outcome is made
        assert (case.platform if ours is None else case.quickbooks) is None, "never resurrected"
        assert decided.content == (theirs if ours is None else ours)
    else:
        held = theirs if ours is None else ours
        assert held is not None
        for each in case.record_type.fields:
            if each.owner is Owner.BOTH:
                assert held[each.name] == case.base[each.name], "nothing edited is removed"
        removed = Outcome.REMOVE_IN_QUICKBOOKS if ours is None else Outcome.REMOVE_ON_PLATFORM
        assert decided.outcome is removed
        assert decided.content is None


def test_every_situation_of_three_fields() -> None:
    """A field for each owner, changed in all ways at once: 8,000 situations."""
    count = 0
    for case in situations(SMALL, ("memo", "total", "project")):
        check(case)
        count += 1
    assert count == 125 * 2 * 8 * len(POLICIES)


@pytest.mark.parametrize("name", catalog())
def test_every_situation_of_every_field_of_the_catalog(name: str) -> None:
    """Each field of each record type alone, and beside each of its neighbours."""
    record_type = catalog()[name]
    names = list(record_type.by_name)
    for first, second in zip(names, [*names[1:], names[0]], strict=True):
        for case in situations(record_type, (first,)):
            check(case)
        if record_type.by_name[second].owner is not record_type.by_name[first].owner:
            for case in situations(record_type, (first, second)):
                check(case)
