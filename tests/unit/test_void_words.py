"""What a void in QuickBooks comes to: its word stays in the note, and it counts as a removal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.state.port import Link
from emulator.entities import ENTITIES
from models.brakes import takes_away
from models.merge import Merge, Outcome, merge
from models.plan import RecordPlan
from models.policy import Policy
from models.record_type import RecordType, catalog
from models.records import Content, Observed
from models.voids import is_void

EARLY = datetime(2026, 4, 1, 12, tzinfo=UTC)
LATE = EARLY + timedelta(seconds=1)
BILL, TRANSFER = catalog()["bill"], catalog()["transfer"]
LINES = ({"kind": "account", "account": "account:1", "amount": Decimal(5)},)
NOTHING = ({"kind": "account", "account": "account:1", "amount": Decimal(0)},)
MORE = ({"kind": "account", "account": "account:1", "amount": Decimal(7)},)
LIVE: Content = {
    **dict.fromkeys(BILL.by_name),
    "memo": "m",
    "lines": LINES,
    "total": Decimal(5),
    "balance": Decimal(5),
    "status": "open",
}
FIGURES = {"total": Decimal(0), "balance": Decimal(0), "status": "voided"}
VOID: Content = {**LIVE, "memo": "Voided - m", "lines": NOTHING, **FIGURES}


@dataclass(frozen=True)
class Case:
    """What both sides agreed on and hold now, and the note that both have afterwards."""

    base: Content | None
    quickbooks: dict[str, Any]
    platform: dict[str, Any]
    memo: str | None
    #: Fields that QuickBooks takes, and those of named conflicts.
    sent: str = ""
    conflicts: str = ""


CASES = {
    "nobody edited the note": Case(LIVE, VOID, LIVE, "Voided - m"),
    "the platform edited it at the same time": Case(
        LIVE, VOID, {**LIVE, "memo": "ours"}, "Voided - ours", sent="memo"
    ),
    "the platform cleared it at the same time": Case(
        LIVE, VOID, {**LIVE, "memo": None}, "Voided", sent="memo"
    ),
    "there was none": Case(
        {**LIVE, "memo": None}, {**VOID, "memo": "Voided"}, {**LIVE, "memo": None}, "Voided"
    ),
    "people wrote more in QuickBooks": Case(
        LIVE, {**VOID, "memo": "Voided: twice"}, LIVE, "Voided: twice"
    ),
    "both wrote, the platform later": Case(
        LIVE,
        {**VOID, "memo": "Voided: twice"},
        {**LIVE, "memo": "ours"},
        "Voided - ours",
        sent="memo",
        conflicts="memo",
    ),
    "the platform edited it afterwards": Case(
        VOID, VOID, {**VOID, "memo": "ours"}, "Voided - ours", sent="memo"
    ),
    "the platform kept the word": Case(
        VOID, VOID, {**VOID, "memo": "Voided by Ada"}, "Voided by Ada", sent="memo"
    ),
    "the platform entered amounts again": Case(
        VOID, VOID, {**VOID, "memo": "valid", "lines": MORE}, "valid", sent="lines memo"
    ),
    "it was never agreed on": Case(None, VOID, {**LIVE, "memo": None}, "Voided - m"),
    "it is not void, only of nothing": Case(
        {**VOID, "memo": "m", "status": "open"},
        {**VOID, "memo": "m", "status": "open"},
        {**VOID, "memo": "ours", "status": "open"},
        "ours",
        sent="memo",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_note_of_a_void_record_says_so(case: Case) -> None:
    quickbooks = Observed(case.quickbooks, "1", EARLY)
    merged = merge(BILL, case.base, quickbooks, Observed(case.platform, "1", LATE), Policy())
    assert merged.content is not None
    assert merged.content["memo"] == case.memo
    named = {each.field for each in merged.conflicts}
    if case.base is not None:
        assert merged.to_quickbooks == set(case.sent.split())
        assert named == set(case.conflicts.split())


def plan(record_type: RecordType, content: Content, to_platform: str) -> RecordPlan:
    """A plan that brings fields of a record to the platform."""
    link = Link(1, record_type.name, "1", "1", "x", None, None, None, None)
    merged = Merge(Outcome.MERGED, content, frozenset(), frozenset(to_platform.split()))
    return RecordPlan(record_type, link, merged, None, None, frozenset())


@pytest.mark.parametrize(
    ("record_type", "content", "to_platform", "counts"),
    [
        (BILL, VOID, "status total lines memo", True),
        # a voided bill that somebody renames
        (BILL, VOID, "memo", False),
        (BILL, {**VOID, "status": "open"}, "status total", False),
        (TRANSFER, {"amount": Decimal(0), "memo": "Voided"}, "amount memo", True),
        (TRANSFER, {"amount": Decimal(0), "memo": "Voided again"}, "memo", False),
        (TRANSFER, {"amount": Decimal(3), "memo": "Voided"}, "amount", False),
    ],
)
def test_a_void_in_quickbooks_counts_as_a_removal(
    record_type: RecordType, content: Content, to_platform: str, counts: bool
) -> None:
    """Goal: a mass void by hand trips the same brake as a mass deletion."""
    assert takes_away(plan(record_type, content, to_platform)) == counts


@pytest.mark.parametrize("record_type", catalog().values(), ids=str)
def test_what_is_voidable_is_what_quickbooks_voids(record_type: RecordType) -> None:
    """By an app or by hand; a journal entry of no total and this word is none."""
    verbs = {each for each in ENTITIES[record_type.entity].verbs if each.startswith("void")}
    assert record_type.voidable == bool(verbs)
    assert bool(record_type.void_status) == bool(verbs - {"void_by_hand"})
    if not record_type.voidable:
        assert not is_void(record_type, {"total": Decimal(0), "memo": "Voided"})
