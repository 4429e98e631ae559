"""What must hold for every decision of the planner, said without a look at how it decides.

`judge` holds one case to all of it and says which row of the decision table the case belongs to.
What may be written where, and whose value counts, is said here again from the declarations, so
that a mistake in the planner is not repeated by its test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from models.fields import Choice
from models.merge import Conflict, Merge, Outcome
from models.plan import Link, RecordPlan
from models.policy import Policy, Verdict
from models.record_type import DeleteMeans, RecordType
from models.records import Content, Observed
from models.words import Operation, Owner, Rule, Side
from tests.simulation.planner_cases import LATE, Case

Merger = Callable[..., Merge]
#: A row of the decision table in `models.merge`: base, QuickBooks, platform.
Row = tuple[str, str, str]

NEW_IN_QUICKBOOKS: Row = ("-", "live", "-")
NEW_ON_PLATFORM: Row = ("-", "-", "live")
PAIRED: Row = ("-", "live", "live")
LIVE: Row = ("any", "live", "live")
GONE_IN_QUICKBOOKS: Row = ("any", "gone", "unchanged")
GONE_AGAINST_EDIT: Row = ("any", "gone", "edited")
GONE_ON_PLATFORM: Row = ("any", "unchanged", "gone")
EDIT_AGAINST_GONE: Row = ("any", "edited", "gone")
GONE: Row = ("any", "gone", "gone")
#: What a row may come to.
OUTCOMES: dict[Row, set[Outcome]] = {
    NEW_IN_QUICKBOOKS: {Outcome.CREATE_ON_PLATFORM},
    NEW_ON_PLATFORM: {Outcome.CREATE_IN_QUICKBOOKS},
    PAIRED: {Outcome.MERGED, Outcome.REVIEW},
    LIVE: {Outcome.UNCHANGED, Outcome.MERGED, Outcome.REVIEW},
    GONE_IN_QUICKBOOKS: {Outcome.REMOVE_ON_PLATFORM},
    GONE_AGAINST_EDIT: {Outcome.REVIEW},
    GONE_ON_PLATFORM: {Outcome.REMOVE_IN_QUICKBOOKS},
    EDIT_AGAINST_GONE: {Outcome.REVIEW},
    GONE: {Outcome.FORGET},
}
NOTHING: frozenset[str] = frozenset()
VOID = "voided"
MIRRORED = {
    Outcome.CREATE_ON_PLATFORM: Outcome.CREATE_IN_QUICKBOOKS,
    Outcome.CREATE_IN_QUICKBOOKS: Outcome.CREATE_ON_PLATFORM,
    Outcome.REMOVE_ON_PLATFORM: Outcome.REMOVE_IN_QUICKBOOKS,
    Outcome.REMOVE_IN_QUICKBOOKS: Outcome.REMOVE_ON_PLATFORM,
}
MIRRORED_RULE = {Rule.QUICKBOOKS: Rule.PLATFORM, Rule.PLATFORM: Rule.QUICKBOOKS}
GONE_NOW = Observed(None, "2", None)
LINK = Link(1, "small", "7", "8", "label", None, None, None)


class Facts(NamedTuple):
    """What a field's declaration says about whose value counts and what may be sent."""

    name: str
    owner: Owner
    #: QuickBooks keeps its own value once it has the record.
    kept: bool
    #: Words that the platform may set all the same.
    may_set: tuple[str, ...]
    sent: bool
    sent_on_create: bool
    #: Both sides have the same rights.
    shared: bool


@cache
def facts_of(record_type: RecordType) -> tuple[Facts, ...]:
    """The facts about each field."""
    facts = []
    for each in record_type.fields:
        may_set = each.platform_may_set if isinstance(each, Choice) else ()
        ours = each.owner is not Owner.QUICKBOOKS
        there = each.quickbooks != ""
        sent = there and ours and not each.create_only
        kept = not ours or each.create_only or not there
        facts.append(
            Facts(
                name=each.name,
                owner=each.owner,
                kept=kept and each.owner is not Owner.PLATFORM,
                may_set=may_set,
                sent=sent or bool(may_set),
                sent_on_create=there and (ours or each.create_only),
                shared=sent and each.owner is Owner.BOTH,
            )
        )
    return tuple(facts)


@cache
def is_shared(record_type: RecordType) -> bool:
    """Whether no field of the record type belongs to a side."""
    return all(each.shared for each in facts_of(record_type))


def contents_of(case: Case) -> tuple[Content | None, Content | None]:
    """What QuickBooks and the platform hold."""
    return (
        case.quickbooks.content if case.quickbooks else None,
        case.platform.content if case.platform else None,
    )


def row_of(case: Case) -> Row:
    """The row of the decision table. Without a base, all that a side holds is its edit."""
    theirs, ours = contents_of(case)
    if theirs is not None and ours is not None:
        return PAIRED if case.base is None else LIVE
    if ours is not None:
        if case.base is None:
            return NEW_ON_PLATFORM if case.quickbooks is None else GONE_AGAINST_EDIT
        return GONE_AGAINST_EDIT if edited(case, ours, Side.PLATFORM) else GONE_IN_QUICKBOOKS
    if theirs is not None:
        if case.base is None:
            return NEW_IN_QUICKBOOKS if case.platform is None else EDIT_AGAINST_GONE
        return EDIT_AGAINST_GONE if edited(case, theirs, Side.QUICKBOOKS) else GONE_ON_PLATFORM
    return GONE


def edited(case: Case, held: Content, side: Side) -> set[str]:
    """Fields that a side edited as far as they are its to edit: only those stop a removal."""
    assert case.base is not None
    mine = (Owner.BOTH, Owner.PLATFORM) if side is Side.PLATFORM else (Owner.BOTH,)
    return {
        each.name
        for each in facts_of(case.record_type)
        if each.owner in mine and held.get(each.name) != case.base.get(each.name)
    }


# -- one case --


def judge(case: Case, merger: Merger) -> tuple[Row, Merge]:
    """Hold the decision about one case to every promise."""
    decided = merger(*case)
    assert merger(*case) == decided, "the same case is decided alike"
    row = row_of(case)
    assert decided.outcome in OUTCOMES[row], f"{row} comes to {decided.outcome}"
    if decided.outcome is Outcome.REVIEW:
        assert decided.to_quickbooks == decided.to_platform == NOTHING, "a person decides first"
    check_operations(case, decided)
    theirs, ours = contents_of(case)
    if theirs is not None and ours is not None:
        check_live(case, decided, theirs, ours)
        check_settles(case, decided, theirs, ours, merger)
    else:
        check_one_sided(case, row, decided, merger)
    if is_shared(case.record_type) or (theirs is not None and ours is not None):
        check_mirrored(case, decided, merger)
    return row, decided


def check_operations(case: Case, decided: Merge) -> None:
    """The writes follow from the outcome, and nothing is made on a side that says it is gone."""
    planned = RecordPlan(
        case.record_type, LINK, decided, case.quickbooks, case.platform, frozenset()
    )
    there, here = planned.quickbooks_operation, planned.platform_operation
    expected: tuple[Operation | None, Operation | None] = (None, None)
    if decided.outcome is Outcome.MERGED:
        voids = "status" in decided.to_quickbooks and (decided.content or {})["status"] == VOID
        write = Operation.VOID if voids else Operation.UPDATE
        expected = (
            write if decided.to_quickbooks else None,
            Operation.UPDATE if decided.to_platform else None,
        )
    elif decided.outcome is Outcome.CREATE_IN_QUICKBOOKS:
        assert case.quickbooks is None, "never made where it is or was"
        expected = (Operation.CREATE, None)
    elif decided.outcome is Outcome.CREATE_ON_PLATFORM:
        assert case.platform is None, "never made where it is or was"
        expected = (None, Operation.CREATE)
    elif decided.outcome is Outcome.REMOVE_IN_QUICKBOOKS:
        expected = (_removal(case), None)
    elif decided.outcome is Outcome.REMOVE_ON_PLATFORM:
        expected = (None, Operation.DELETE)
    if case.record_type.read_only:
        expected = (None, expected[1])
    assert (there, here) == expected


def _removal(case: Case) -> Operation | None:
    """How a record leaves QuickBooks; an entry of a name list that is inactive has left."""
    if case.record_type.delete_means is not DeleteMeans.DEACTIVATE:
        return Operation.DELETE
    content = case.quickbooks.content if case.quickbooks else None
    return None if content and content.get("active") is False else Operation.UPDATE


# -- both sides hold the record --


def check_live(case: Case, decided: Merge, theirs: Content, ours: Content) -> None:
    """Each field comes from a side that may say so, and nothing is lost unnamed."""
    merged = decided.content
    assert merged is not None
    assert set(merged) == set(case.record_type.by_name)
    conflicts = {each.field: each for each in decided.conflicts}
    assert len(conflicts) == len(decided.conflicts), "a field is named once"
    for facts in facts_of(case.record_type):
        name = facts.name
        there, here, value = theirs.get(name), ours.get(name), merged[name]
        conflict = conflicts.get(name)
        if there == here:
            assert value == there
            assert conflict is None, "agreement is silent"
            continue
        assert value in (there, here), "a value comes from one of the sides"
        check_owner(case, facts, value, there, here)
        check_named(case, facts, value, there, here, conflict)
    reviewed = any(each.verdict.winner is None for each in decided.conflicts)
    assert (decided.outcome is Outcome.REVIEW) == reviewed
    if not reviewed:
        check_sent(case, decided, theirs, ours)


def check_owner(case: Case, facts: Facts, value: Any, there: Any, here: Any) -> None:
    """No value of a side that does not own the field wins."""
    if facts.owner is Owner.PLATFORM:
        assert value == here, f"QuickBooks's {facts.name} won over its owner's"
    elif facts.kept and value != there:
        assert here in facts.may_set, f"the platform's {facts.name} won over its owner's"
        assert case.base is not None, "and only over what was agreed on"
        assert there == case.base.get(facts.name), "and what QuickBooks did not change"


def check_named(
    case: Case, facts: Facts, value: Any, there: Any, here: Any, conflict: Conflict | None
) -> None:
    """What a person put on a side is in the result or named as the loser; no false alarms."""
    if case.base is None:
        before = None
        there_edited, here_edited = there not in (None, ()), here not in (None, ())
        if facts.owner is Owner.QUICKBOOKS and here not in facts.may_set:
            here_edited = False  # any program may have filled in a computed figure
    else:
        before = case.base.get(facts.name)
        there_edited, here_edited = there != before, here != before
    if conflict is None:
        assert value == there or not there_edited, f"QuickBooks's {facts.name} is lost unnamed"
        assert value == here or not here_edited, f"the platform's {facts.name} is lost unnamed"
        return
    assert (conflict.base, conflict.quickbooks, conflict.platform) == (before, there, here)
    assert conflict.verdict == verdict_on(case, facts)
    winner = conflict.verdict.winner
    if winner is not Side.QUICKBOOKS:
        assert there_edited, "a conflict over what nobody entered in QuickBooks"
    if winner is not Side.PLATFORM:
        assert here_edited, "a conflict over what nobody entered on the platform"
    if facts.shared:
        assert there_edited
        assert here_edited
    if winner is not None:
        assert value == (there if winner is Side.QUICKBOOKS else here), "the named winner has won"


def verdict_on(case: Case, facts: Facts) -> Verdict:
    """Who wins a field in conflict: its owner, or what the rule and the clocks say."""
    if facts.owner is Owner.PLATFORM or facts.kept:
        side = Side.PLATFORM if facts.owner is Owner.PLATFORM else Side.QUICKBOOKS
        return Verdict(side, "owner")
    kind, rules = case.record_type, case.policy.rules
    keys = (f"{kind.name}.{facts.name}", kind.name, kind.data_type.value)
    rule = next((rules[key] for key in keys if key in rules), Rule.LATEST)
    if rule is not Rule.LATEST:
        return Verdict({"quickbooks": Side.QUICKBOOKS, "platform": Side.PLATFORM}.get(rule), rule)
    return Verdict(Side.PLATFORM if seconds_later(case) > 0 else Side.QUICKBOOKS, "latest")


def seconds_later(case: Case) -> int:
    """By how many whole seconds the platform's edit is the later one; 0 where nobody knows."""
    assert case.quickbooks is not None
    assert case.platform is not None
    there, here = case.quickbooks.edited_at, case.platform.edited_at
    if there is None or here is None:
        return 0
    return int(here.timestamp()) - int(there.timestamp())


def check_sent(case: Case, decided: Merge, theirs: Content, ours: Content) -> None:
    """Each side is sent what it lacks, all of it and no more."""
    merged = decided.content
    assert merged is not None
    lacks = {name for name, value in merged.items() if theirs.get(name) != value}
    sendable = {each.name for each in facts_of(case.record_type) if each.sent}
    assert lacks <= sendable, "what QuickBooks would have to take, but never takes"
    assert decided.to_quickbooks == lacks
    assert decided.to_platform == {
        name for name, value in merged.items() if ours.get(name) != value
    }
    if decided.outcome is Outcome.UNCHANGED:
        assert theirs == ours == merged == case.base
    else:
        assert lacks or decided.to_platform or decided.conflicts or merged != case.base


def check_settles(
    case: Case, decided: Merge, theirs: Content, ours: Content, merger: Merger
) -> None:
    """Once written nothing is left to do; what waits for a person ends when the sides agree."""
    merged = decided.content
    assert merged is not None
    kind, policy = case.record_type, case.policy
    if decided.outcome is Outcome.REVIEW:
        for agreed in (case.quickbooks, case.platform):
            again = merger(kind, case.base, agreed, agreed, policy)
            assert again.outcome in (Outcome.MERGED, Outcome.UNCHANGED)
            assert not again.conflicts
        return
    there = {**theirs, **{name: merged[name] for name in decided.to_quickbooks}}
    here = {**ours, **{name: merged[name] for name in decided.to_platform}}
    assert there == here == merged, "what is written makes both sides equal"
    again = merger(kind, merged, Observed(there, "2", LATE), Observed(here, "2", LATE), policy)
    assert again == Merge(Outcome.UNCHANGED, merged)


# -- at most one side holds it --


def check_one_sided(case: Case, row: Row, decided: Merge, merger: Merger) -> None:
    """A record on one side only is made, removed or left to a person, and then it is settled."""
    theirs, ours = contents_of(case)
    held = ours if theirs is None else theirs
    kind, policy = case.record_type, case.policy
    if decided.outcome in (Outcome.CREATE_IN_QUICKBOOKS, Outcome.CREATE_ON_PLATFORM):
        assert held is not None
        check_created(case, decided, held, merger)
        return
    if decided.outcome is Outcome.REVIEW:
        assert decided.content == held, "what is there stays to be seen"
        check_delete_against_edit(case, row, decided)
        return
    assert decided == Merge(decided.outcome, None), "nothing is written into what goes"
    again = merger(kind, case.base, GONE_NOW, GONE_NOW, policy)
    assert again == Merge(Outcome.FORGET, None)


def check_created(case: Case, decided: Merge, held: Content, merger: Merger) -> None:
    """The other side is given the record, and then both hold it."""
    names = frozenset(case.record_type.by_name)
    if decided.outcome is Outcome.CREATE_IN_QUICKBOOKS:
        sent = frozenset(each.name for each in facts_of(case.record_type) if each.sent_on_create)
        expected = (sent, NOTHING)
    else:
        expected = (NOTHING, names)
    assert decided.content == held
    assert (decided.to_quickbooks, decided.to_platform) == expected
    assert not decided.conflicts
    now = Observed(held, "2", LATE)
    again = merger(case.record_type, held, now, now, case.policy)
    assert again == Merge(Outcome.UNCHANGED, held)


def check_delete_against_edit(case: Case, row: Row, decided: Merge) -> None:
    """Every edited field is named with what is there; nobody has won."""
    theirs, ours = contents_of(case)
    if case.base is None:
        assert not decided.conflicts, "there is nothing to compare with"
        return
    side, held = (Side.PLATFORM, ours) if row == GONE_AGAINST_EDIT else (Side.QUICKBOOKS, theirs)
    assert held is not None
    named = {each.field: each for each in decided.conflicts}
    assert set(named) == edited(case, held, side), "a delete against an edit is never silent"
    for name, each in named.items():
        versions = (case.base.get(name), (theirs or {}).get(name), (ours or {}).get(name))
        assert (each.base, each.quickbooks, each.platform) == versions
        assert each.verdict == Verdict(None, "delete_against_edit")


# -- symmetry --


def check_mirrored(case: Case, decided: Merge, merger: Merger) -> None:
    """Swap the sides, and what both may write comes out swapped, unless the clocks leave doubt."""
    rules = {name: MIRRORED_RULE.get(rule, rule) for name, rule in case.policy.rules.items()}
    swapped = merger(case.record_type, case.base, case.platform, case.quickbooks, Policy(rules))
    named = {each.field: each for each in decided.conflicts}
    named_swapped = {each.field: each for each in swapped.conflicts}
    in_doubt = False
    for facts in facts_of(case.record_type):
        if not facts.shared:
            continue
        conflict, mirror = named.get(facts.name), named_swapped.get(facts.name)
        assert (conflict is None) == (mirror is None), "a conflict is one from either side"
        if conflict is None or mirror is None:
            same = decided.content == swapped.content or _value(decided, facts) == _value(
                swapped, facts
            )
            assert same, "an edit counts alike from either side"
            continue
        assert (conflict.base, conflict.quickbooks) == (mirror.base, mirror.platform)
        assert conflict.platform == mirror.quickbooks
        if conflict.verdict.reason == "latest" and not seconds_later(case):
            in_doubt = True
        elif conflict.verdict.winner is None:
            assert mirror.verdict.winner is None
        else:
            assert mirror.verdict.winner is conflict.verdict.winner.other
            assert _value(decided, facts) == _value(swapped, facts)
    if is_shared(case.record_type):
        assert swapped.outcome is MIRRORED.get(decided.outcome, decided.outcome)
        if not in_doubt:
            assert (swapped.to_platform, swapped.to_quickbooks) == (
                decided.to_quickbooks,
                decided.to_platform,
            )


def _value(decided: Merge, facts: Facts) -> Any:
    content: Mapping[str, Any] = decided.content or {}
    return content.get(facts.name)
