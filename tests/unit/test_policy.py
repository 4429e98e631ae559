"""Who wins is looked up in one table, and a wrong entry in it is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from models.errors import UsageError
from models.policy import (
    Policy,
    Source,
    Verdict,
    changed_policy,
    decide,
    effective_rules,
    policy_from,
)
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


@pytest.mark.parametrize(
    ("chosen", "dropped", "rules"),
    [
        ({"invoice.memo": "review"}, [], {"invoices": "platform", "invoice.memo": "review"}),
        ({"invoices": "latest"}, [], {"invoices": "latest"}),
        ({}, ["invoices"], {}),
        ({"expense": "review"}, ["invoices"], {"expense": "review"}),
    ],
)
def test_a_choice_raises_the_version(
    chosen: dict[str, str], dropped: list[str], rules: dict[str, str]
) -> None:
    before = policy_from({"invoices": "platform"}, 7)
    assert changed_policy(before, chosen, dropped) == policy_from(rules, 8)


def test_a_choice_that_changes_nothing_keeps_the_version() -> None:
    before = policy_from({"invoices": "platform"}, 7)
    assert changed_policy(before, {"invoices": "platform"}) is before


@pytest.mark.parametrize(
    ("chosen", "dropped", "words"),
    [
        ({"invoice.memo": "mine"}, [], ["invoice.memo", "'mine'", "latest, quickbooks"]),
        ({"invoice.mem": "latest"}, [], ["'invoice.mem'", "invoice has", "memo"]),
        ({"invoic.memo": "latest"}, [], ["'invoic.memo'", "invoices", "customer"]),
        ({"invoices.memo": "latest"}, [], ["'invoices.memo'", "no such"]),
        ({"invoice.": "latest"}, [], ["'invoice.'", "no such field"]),
        ({"": "latest"}, [], ["''", "no such data type"]),
        ({"invoice.total": "platform"}, [], ["invoice.total", "quickbooks's value always counts"]),
        ({"invoice.currency": "platform"}, [], ["invoice.currency", "quickbooks's value"]),
        ({}, ["invoice.memo"], ["invoice.memo", "no rule is set", "invoices"]),
        ({}, ["nothing"], ["'nothing'", "no such"]),
        ({"invoices": "latest"}, ["invoices"], ["both set and unset"]),
    ],
)
def test_a_choice_that_is_none_is_refused_by_name(
    chosen: dict[str, str], dropped: list[str], words: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        changed_policy(policy_from({"invoices": "platform"}), chosen, dropped)
    for each in words:
        assert each in str(caught.value)


def test_what_counts_is_told_for_every_field_with_its_source() -> None:
    policy = policy_from({"invoices": "review", "invoice": "platform", "invoice.memo": "latest"})
    found = {(each.record_type.name, each.field): each for each in effective_rules(policy)}
    assert set(found) == {(name, each) for name, kind in catalog().items() for each in kind.by_name}

    def told(record_type: str, field: str) -> tuple[Rule, Source]:
        each = found[record_type, field]
        return each.rule, each.source

    assert told("invoice", "memo") == (Rule.LATEST, Source.FIELD)
    assert told("invoice", "due_on") == (Rule.PLATFORM, Source.RECORD_TYPE)
    assert told("customer", "name") == (Rule.REVIEW, Source.DATA_TYPE)
    assert told("vendor", "name") == (Rule.LATEST, Source.DEFAULT)
    assert told("invoice", "total") == (Rule.QUICKBOOKS, Source.OWNER)
    # set when it is made, and never again: QuickBooks's stands
    assert told("invoice", "currency") == (Rule.QUICKBOOKS, Source.OWNER)
