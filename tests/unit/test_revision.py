"""A person's revision counts in a merge as long as both sides hold what the person saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from models.merge import Merge, Outcome, merge
from models.policy import policy_from
from models.record_type import catalog
from models.records import Content, Observed
from models.revision import Revision, RevisionKind, RevisionState, ending, revised
from models.words import Side

INVOICE = catalog()["invoice"]
NOON = datetime(2026, 4, 5, 12, tzinfo=UTC)
QUICKBOOKS, PLATFORM = Side.QUICKBOOKS, Side.PLATFORM
BASE: Content = {each.name: None for each in INVOICE.fields} | {"lines": (), "memo": "before"}


def content(memo: str, **others: Any) -> Content:
    """An invoice with a memo."""
    return {**BASE, "memo": memo, **others}


def revision(**others: Any) -> Revision:
    """The memo is to be "ours", where the sides hold "ours" or "theirs"."""
    given: dict[str, Any] = {
        "number": 1,
        "link_id": 1,
        "record_type": "invoice",
        "kind": RevisionKind.SET,
        "field": "memo",
        "side": PLATFORM,
        "expected": ("theirs", "ours"),
        "value": "ours",
        "state": RevisionState.PENDING,
        "actor": "Ada",
    }
    return Revision(**{**given, **others})


def decided(
    there: Content | None, here: Content | None, *wanted: Revision, rule: str = "latest"
) -> Merge:
    """The merge of both sides with the base, and what revisions make of it."""
    sides = {
        side: Observed(each, "1", NOON) for side, each in ((QUICKBOOKS, there), (PLATFORM, here))
    }
    merged = merge(
        INVOICE, BASE, sides[QUICKBOOKS], sides[PLATFORM], policy_from({"invoice": rule})
    )
    return revised(INVOICE, merged, BASE, sides, wanted)


@pytest.mark.parametrize(
    ("there", "here", "to_quickbooks", "to_platform"),
    [
        # decided for the other side, on both
        ("theirs", "theirs", {"memo"}, {"memo"}),
        # open: each holds its own
        ("theirs", "ours", {"memo"}, set()),
        # its own write took effect, and the answer was lost
        ("ours", "theirs", set(), {"memo"}),
        ("ours", "ours", set(), set()),
    ],
)
@pytest.mark.parametrize("rule", ["latest", "quickbooks", "review"])
def test_the_wanted_value_goes_where_it_is_not(
    there: str, here: str, to_quickbooks: set[str], to_platform: set[str], rule: str
) -> None:
    found = decided(content(there), content(here), revision(), rule=rule)
    assert found.outcome is Outcome.MERGED
    assert found.content is not None
    assert found.content["memo"] == "ours"
    assert (found.to_quickbooks, found.to_platform) == (to_quickbooks, to_platform)
    assert found.conflicts == ()


@pytest.mark.parametrize(("there", "here"), [("new", "theirs"), ("theirs", "new"), ("new", "new")])
def test_a_later_edit_is_never_overwritten(there: str, here: str) -> None:
    assert decided(content(there), content(here), revision()) == decided(
        content(there), content(here)
    )


def test_other_open_fields_still_wait_and_others_still_merge() -> None:
    there, here = content("theirs", email="a@x.example"), content("ours", email="b@x.example")
    found = decided(there, here, revision(), rule="review")
    assert found.outcome is Outcome.REVIEW
    assert [each.field for each in found.conflicts] == ["email"]
    found = decided(there, content("ours"), revision(), rule="review")
    assert (found.to_quickbooks, found.to_platform) == ({"memo"}, {"email"})


def test_lines_are_taken_as_a_side_holds_them() -> None:
    """QuickBooks adds to lines what it computes: those are the wanted ones already."""
    line = {"kind": "item", "description": "x", "item": None, "amount": None}
    more = {**line, "added": "by QuickBooks"}
    wanted = revision(field="lines", value=(line,), expected=((), (line,)))
    found = decided(content("before", lines=(more,)), content("before", lines=()), wanted)
    assert found.content is not None
    assert found.content["lines"] == (more,)
    assert (found.to_quickbooks, found.to_platform) == (set(), {"lines"})


GONE_IN_QUICKBOOKS = (None, content("ours"))
GONE_ON_PLATFORM = (content("theirs"), None)


@pytest.mark.parametrize(
    ("sides", "kind", "side", "outcome"),
    [
        # a delete against an edit, decided for the delete
        (GONE_IN_QUICKBOOKS, RevisionKind.REMOVE, PLATFORM, Outcome.REMOVE_ON_PLATFORM),
        (GONE_ON_PLATFORM, RevisionKind.REMOVE, QUICKBOOKS, Outcome.REMOVE_IN_QUICKBOOKS),
        # what a run made goes, and the other side's stays
        (
            (content("ours"), content("ours")),
            RevisionKind.SEPARATE,
            QUICKBOOKS,
            Outcome.REMOVE_IN_QUICKBOOKS,
        ),
        (
            (content("ours"), content("ours")),
            RevisionKind.SEPARATE,
            PLATFORM,
            Outcome.REMOVE_ON_PLATFORM,
        ),
        # it went, and the answer was lost: the other side's does not follow
        (GONE_IN_QUICKBOOKS, RevisionKind.SEPARATE, QUICKBOOKS, Outcome.FORGET),
        (GONE_ON_PLATFORM, RevisionKind.SEPARATE, PLATFORM, Outcome.FORGET),
        # both went
        ((None, None), RevisionKind.REMOVE, PLATFORM, Outcome.FORGET),
        ((None, None), RevisionKind.SEPARATE, PLATFORM, Outcome.FORGET),
    ],
)
def test_a_record_goes(
    sides: tuple[Content | None, Content | None],
    kind: RevisionKind,
    side: Side,
    outcome: Outcome,
) -> None:
    held = sides[0] if side is QUICKBOOKS else sides[1]
    wanted = revision(kind=kind, side=side, field="", value=None, expected=(held or BASE,))
    assert decided(*sides, wanted).outcome is outcome


def test_an_entry_that_is_inactive_already_went_by_our_own_write() -> None:
    """The answer to making it inactive was lost: that is no edit, and the platform's stays."""
    customer = catalog()["customer"]
    base: Content = {each.name: None for each in customer.fields} | {"name": "C", "active": True}
    sides = {
        QUICKBOOKS: Observed({**base, "active": False}, "2", NOON),
        PLATFORM: Observed(base, "1", NOON),
    }
    wanted = revision(kind=RevisionKind.SEPARATE, side=QUICKBOOKS, field="", expected=(base,))
    merged = merge(customer, base, sides[QUICKBOOKS], sides[PLATFORM], policy_from({}))
    assert merged.to_platform == {"active"}
    found = revised(customer, merged, base, sides, [wanted])
    assert found.outcome is Outcome.REMOVE_IN_QUICKBOOKS


@pytest.mark.parametrize("kind", [RevisionKind.REMOVE, RevisionKind.SEPARATE])
def test_a_record_that_was_edited_since_does_not_go(kind: RevisionKind) -> None:
    sides = GONE_IN_QUICKBOOKS if kind is RevisionKind.REMOVE else (content("a"), content("b"))
    wanted = revision(kind=kind, side=PLATFORM, field="", value=None, expected=(content("seen"),))
    assert decided(*sides, wanted) == decided(*sides)


@pytest.mark.parametrize(
    ("kind", "held", "state"),
    [
        (RevisionKind.SET, content("ours"), RevisionState.DONE),
        (RevisionKind.SET, content("theirs"), RevisionState.OVERTAKEN),
        (RevisionKind.SET, None, RevisionState.OVERTAKEN),
        (RevisionKind.REMOVE, None, RevisionState.DONE),
        (RevisionKind.REMOVE, content("ours"), RevisionState.OVERTAKEN),
        (RevisionKind.SEPARATE, None, RevisionState.DONE),
    ],
)
def test_how_a_revision_ends(
    kind: RevisionKind, held: Content | None, state: RevisionState
) -> None:
    assert ending(INVOICE, revision(kind=kind), held) is state


def test_a_field_that_is_no_longer_there_is_left_out() -> None:
    old = replace(revision(), field="no such field")
    assert decided(content("a"), content("a"), old) == decided(content("a"), content("a"))
    assert ending(INVOICE, old, content("a")) is RevisionState.OVERTAKEN


@pytest.mark.parametrize(
    ("kind", "take"),
    [
        (RevisionKind.SET, PLATFORM),
        (RevisionKind.ANEW, PLATFORM),
        # it goes from the platform because it has gone from QuickBooks
        (RevisionKind.REMOVE, QUICKBOOKS),
    ],
)
def test_whose_version_counts(kind: RevisionKind, take: Side) -> None:
    assert revision(kind=kind).take is take
