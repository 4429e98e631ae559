"""Who wins is looked up in one table, and a wrong entry in it is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from models.errors import UsageError
from models.policy import Policy, Verdict, decide, policy_from
from models.record_type import catalog
from models.words import Rule, Side

INVOICE = catalog()["invoice"]
MEMO, TOTAL = INVOICE.by_name["memo"], INVOICE.by_name["total"]
NOON = datetime(2026, 4, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # nothing chosen
        ({}, Rule.LATEST),
        # the data type's rule
        ({"invoices": "platform"}, Rule.PLATFORM),
        # the record type's goes before it
        ({"invoices": "platform", "invoice": "quickbooks"}, Rule.QUICKBOOKS),
        # the field's goes before both
        ({"invoices": "platform", "invoice": "quickbooks", "invoice.memo": "review"}, Rule.REVIEW),
        # other fields, record types and data types do not count
        ({"expenses": "platform", "payment": "review", "invoice.number": "review"}, Rule.LATEST),
        # "latest" for a field goes before another rule for its record type
        ({"invoice": "review", "invoice.memo": "latest"}, Rule.LATEST),
    ],
)
def test_the_most_particular_rule_counts(rules: dict[str, str], expected: Rule) -> None:
    assert policy_from(rules).rule_for(INVOICE, MEMO) is expected


@pytest.mark.parametrize(
    ("quickbooks_at", "platform_at", "winner"),
    [
        (NOON, LATER, Side.PLATFORM),
        (LATER, NOON, Side.QUICKBOOKS),
        # a tie
        (NOON, NOON, Side.QUICKBOOKS),
        # the same second is a tie: QuickBooks tells no more
        (NOON, NOON + timedelta(microseconds=999_999), Side.QUICKBOOKS),
        # the same instant in two zones is a tie, too
        (NOON.astimezone(timezone(timedelta(hours=-7))), NOON, Side.QUICKBOOKS),
        # later by the clock on the wall, earlier in truth
        (LATER, NOON.astimezone(timezone(timedelta(hours=8))), Side.QUICKBOOKS),
        # times that nobody knows
        (None, LATER, Side.QUICKBOOKS),
        (NOON, None, Side.QUICKBOOKS),
        (None, None, Side.QUICKBOOKS),
    ],
)  # fmt: skip
def test_the_later_edit_wins_and_doubt_goes_to_quickbooks(
    quickbooks_at: datetime | None, platform_at: datetime | None, winner: Side
) -> None:
    decided = decide(Policy(), INVOICE, MEMO, quickbooks_at, platform_at)
    assert decided == Verdict(winner, "latest")


@pytest.mark.parametrize("rule", Rule)
def test_an_owner_goes_before_every_rule(rule: Rule) -> None:
    """Figures that QuickBooks computes are QuickBooks's under any policy."""
    decided = decide(Policy({"invoice.total": rule}), INVOICE, TOTAL, NOON, LATER)
    assert decided == Verdict(Side.QUICKBOOKS, "owner")


@pytest.mark.parametrize(
    ("rule", "winner"),
    [(Rule.QUICKBOOKS, Side.QUICKBOOKS), (Rule.PLATFORM, Side.PLATFORM), (Rule.REVIEW, None)],
)
def test_a_fixed_rule_does_not_look_at_the_clock(rule: Rule, winner: Side | None) -> None:
    for times in ((NOON, LATER), (LATER, NOON), (None, None)):
        decided = decide(Policy({"invoice": rule}), INVOICE, MEMO, *times)
        assert decided == Verdict(winner, rule.value)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"invoicez": "latest"}, ["'invoicez'", "no such data type, record type or field"]),
        ({"invoice.memoo": "latest"}, ["'invoice.memoo'"]),
        ({"invoice": "newest"}, ["invoice", "'newest'", "latest, quickbooks, platform, review"]),
        ({"": "latest"}, ["''"]),
    ],
)
def test_a_wrong_entry_is_named(rules: dict[str, str], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        policy_from(rules)
    assert all(word in str(caught.value) for word in words), caught.value


def test_the_version_goes_with_the_rules() -> None:
    """The log says by which version of the policy a conflict was decided."""
    assert policy_from({"invoice": "review"}, 7) == Policy({"invoice": Rule.REVIEW}, 7)
