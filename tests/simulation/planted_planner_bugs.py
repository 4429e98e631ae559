"""Planners with one mistake each, to show that the promises of the planner can be broken.

A bug is a function that makes a planner; the ones that need another `models.merge` inside are
given pytest's monkeypatch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models import merge as planner
from models.merge import Merge, Outcome, merge
from models.policy import Policy, Verdict, decide, owner_of
from models.words import Owner, Side
from tests.simulation.planner_promises import Merger

Bug = Callable[[pytest.MonkeyPatch], Merger]
BUGS: dict[str, Bug] = {}


def bug(says: str) -> Callable[[Bug], Bug]:
    """Add a planner with a mistake to the list."""

    def add(made: Bug) -> Bug:
        BUGS[says] = made
        return made

    return add


def afterwards(says: str) -> Callable[[Callable[..., Merge]], None]:
    """Add a mistake that is made in the decision, from the decision and its case."""

    def add(change: Callable[..., Merge]) -> None:
        BUGS[says] = lambda _: lambda *case: change(merge(*case), *case)

    return add


def inside(says: str, name: str, replacement: Any) -> None:
    """Add a mistake in one of the planner's own parts."""

    def made(monkeypatch: pytest.MonkeyPatch) -> Merger:
        monkeypatch.setattr(planner, name, replacement)
        return merge

    BUGS[says] = made


# -- the whole record --


@afterwards("the last writer wins the whole record")
def _(decided: Merge, kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
    if decided.outcome is not Outcome.MERGED or base is None or not decided.conflicts:
        return decided
    later = here if decided.conflicts[0].verdict.winner is Side.PLATFORM else there
    wanted = dict(later.content)
    sendable = {each.name for each in kind.fields if each.sent}
    to_quickbooks = frozenset(n for n in sendable if wanted[n] != there.content[n])
    to_platform = frozenset(n for n in wanted if wanted[n] != here.content[n])
    return Merge(Outcome.MERGED, wanted, to_quickbooks, to_platform, decided.conflicts)


@afterwards("delete beats edit")
def _(decided: Merge, kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
    if any(each.verdict.reason == "delete_against_edit" for each in decided.conflicts):
        gone = there is None or there.content is None
        return Merge(Outcome.REMOVE_ON_PLATFORM if gone else Outcome.REMOVE_IN_QUICKBOOKS, None)
    return decided


@afterwards("what is gone and was edited is made again")
def _(decided: Merge, kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
    if decided.outcome is Outcome.REVIEW and (there is None or there.content is None):
        names = frozenset(each.name for each in kind.fields if each.sent_on_create)
        return Merge(Outcome.CREATE_IN_QUICKBOOKS, here.content, names)
    return decided


@afterwards("what was deleted before it was agreed on is made again")
def _(decided: Merge, kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
    if base is None and decided.outcome is Outcome.REVIEW and here.content is None:
        names = frozenset(kind.by_name)
        return Merge(Outcome.CREATE_ON_PLATFORM, there.content, to_platform=names)
    return decided


@afterwards("what is gone on both sides is not forgotten")
def _(decided: Merge, *_: Any) -> Merge:
    return Merge(Outcome.UNCHANGED, None) if decided.outcome is Outcome.FORGET else decided


@afterwards("a new record is sent with what QuickBooks computes")
def _(decided: Merge, kind: Any, *_: Any) -> Merge:
    if decided.outcome is Outcome.CREATE_IN_QUICKBOOKS:
        return replace(decided, to_quickbooks=frozenset(kind.by_name))
    return decided


@bug("no base is taken as an empty one")
def _(_: pytest.MonkeyPatch) -> Merger:
    return lambda kind, base, *rest: merge(kind, base or {}, *rest)


@bug("an edit of a computed figure stops a removal")
def _(monkeypatch: pytest.MonkeyPatch) -> Merger:
    def all_of_them(kind: Any, base: Any, now: Any, *, by: Side) -> frozenset[str]:
        return frozenset(n for n in kind.by_name if now and now[n] != base[n])

    monkeypatch.setattr(planner, "changed_fields", all_of_them)
    return merge


@bug("only the first edited field is named against a deletion")
def _(monkeypatch: pytest.MonkeyPatch) -> Merger:
    real = planner.changed_fields
    monkeypatch.setattr(
        planner, "changed_fields", lambda *a, by: frozenset(sorted(real(*a, by=by))[:1])
    )
    return merge


# -- conflicts --


@afterwards("a conflict is not recorded")
def _(decided: Merge, *_: Any) -> Merge:
    return replace(decided, conflicts=()) if decided.outcome is Outcome.MERGED else decided


@afterwards("only the first conflict is recorded")
def _(decided: Merge, *_: Any) -> Merge:
    return replace(decided, conflicts=decided.conflicts[:1])


@afterwards("a conflict names the sides the wrong way round")
def _(decided: Merge, *_: Any) -> Merge:
    turned = (replace(c, quickbooks=c.platform, platform=c.quickbooks) for c in decided.conflicts)
    return replace(decided, conflicts=tuple(turned))


@afterwards("while one field waits for a person, the others are written")
def _(decided: Merge, kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
    if decided.outcome is not Outcome.REVIEW or not (there and here and here.content):
        return decided
    content = decided.content or {}
    waiting = {each.field for each in decided.conflicts}
    names = frozenset(n for n in content if n not in waiting and content[n] != here.content[n])
    return replace(decided, to_platform=names)


@afterwards("every conflict is left to a person")
def _(decided: Merge, *_: Any) -> Merge:
    if any(each.verdict.reason == "latest" for each in decided.conflicts):
        return Merge(Outcome.REVIEW, decided.content, conflicts=decided.conflicts)
    return decided


@bug("the company's policy is not asked")
def _(_: pytest.MonkeyPatch) -> Merger:
    return lambda *case: merge(case[0], case[1], case[2], case[3], Policy())


@bug("a tie goes to the platform")
def _(monkeypatch: pytest.MonkeyPatch) -> Merger:
    def decided(policy: Any, kind: Any, of: Any, there: Any, here: Any) -> Verdict:
        verdict = decide(policy, kind, of, there, here)
        tie = there is not None and there == here and verdict.reason == "latest"
        return Verdict(Side.PLATFORM, "latest") if tie else verdict

    monkeypatch.setattr(planner, "decide", decided)
    return merge


@bug("the platform's fraction of a second makes it the later one")
def _(monkeypatch: pytest.MonkeyPatch) -> Merger:
    def decided(policy: Any, kind: Any, of: Any, there: Any, here: Any) -> Verdict:
        verdict = decide(policy, kind, of, there, here)
        later = there and here and here > there and verdict.reason == "latest"
        return Verdict(Side.PLATFORM, "latest") if later else verdict

    monkeypatch.setattr(planner, "decide", decided)
    return merge


@bug("an unknown time counts as the latest")
def _(monkeypatch: pytest.MonkeyPatch) -> Merger:
    def decided(policy: Any, kind: Any, of: Any, there: Any, here: Any) -> Verdict:
        verdict = decide(policy, kind, of, there, here)
        unknown = here is None and verdict.reason == "latest"
        return Verdict(Side.PLATFORM, "latest") if unknown else verdict

    monkeypatch.setattr(planner, "decide", decided)
    return merge


# -- one field --


inside("a computed figure may be edited on the platform", "owner_of", lambda _: None)
inside(
    "what is given on creation only may be edited later",
    "owner_of",
    lambda field: None if field.create_only and field.quickbooks else owner_of(field),
)
inside("owners are not asked", "_owned", lambda *_: None)
inside("a void on the platform is not sent", "_may_send", lambda field: field.sent)


@bug("a void on the platform wins over what QuickBooks changed")
def _(monkeypatch: pytest.MonkeyPatch) -> Merger:
    real = planner._owned

    def owned(field: Any, base: Any, theirs: Any, ours: Any) -> Any:
        voided = ours == "voided" and base is not None and field.name == "status"
        return (ours, None) if voided else real(field, base, theirs, ours)

    monkeypatch.setattr(planner, "_owned", owned)
    return merge


@bug("the platform's own field silences QuickBooks where there is no base")
def _(monkeypatch: pytest.MonkeyPatch) -> Merger:
    real = planner._owned

    def owned(field: Any, base: Any, theirs: Any, ours: Any) -> Any:
        silent = field.owner is Owner.PLATFORM and base is None
        return (ours, None) if silent else real(field, base, theirs, ours)

    monkeypatch.setattr(planner, "_owned", owned)
    return merge


@afterwards("what was emptied is filled again from the other side")
def _(decided: Merge, kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
    if decided.outcome is not Outcome.MERGED or "memo" not in decided.to_platform:
        return decided
    content = decided.content or {}
    if content["memo"] is not None:
        return decided
    return replace(
        decided,
        content={**content, "memo": here.content["memo"]},
        to_platform=decided.to_platform - {"memo"},
        to_quickbooks=decided.to_quickbooks | {"memo"},
    )


@afterwards("lines are not sent to the platform")
def _(decided: Merge, *_: Any) -> Merge:
    return replace(decided, to_platform=decided.to_platform - {"lines"})


@afterwards("all fields are sent, changed or not")
def _(decided: Merge, kind: Any, *_: Any) -> Merge:
    if decided.to_quickbooks and decided.outcome is Outcome.MERGED:
        return replace(decided, to_quickbooks=frozenset(e.name for e in kind.fields if e.sent))
    return decided


# -- what a function must not do --


@bug("it breaks where both sides hold nothing")
def _(_: pytest.MonkeyPatch) -> Merger:
    def breaks(kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
        if base is None and there is None and here is None:
            raise KeyError("base")
        return merge(kind, base, there, here, policy)

    return breaks


@bug("it remembers what it was asked before")
def _(_: pytest.MonkeyPatch) -> Merger:
    seen: set[str] = set()

    def remembers(*case: Any) -> Merge:
        decided = merge(*case)
        if decided.outcome is not Outcome.MERGED:
            return decided
        known = repr(case) in seen
        seen.add(repr(case))
        return replace(decided, conflicts=()) if known else decided

    return remembers


@bug("it writes into what it was given")
def _(_: pytest.MonkeyPatch) -> Merger:
    def writes(kind: Any, base: Any, there: Any, here: Any, policy: Any) -> Merge:
        if base is not None and there is None and here is None:
            base.pop(kind.fields[0].name, None)
        return merge(kind, base, there, here, policy)

    return writes
