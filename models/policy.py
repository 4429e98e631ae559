"""Who wins when both sides changed the same field differently.

One table decides: a field's owner first, then the rule the company chose for the field, for the
record type, for the data type, and "latest" where it chose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.errors import UsageError
from models.fields import Field
from models.record_type import RecordType, catalog
from models.words import DataType, Owner, Rule, Side


@dataclass(frozen=True)
class Policy:
    """A company's rules, and their version for the log.

    rules maps "invoices" (data type), "invoice" (record type) or "invoice.memo" (field) to a rule.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    version: int = 1

    def rule_for(self, record_type: RecordType, of: Field) -> Rule:
        """The rule for a field, the most particular one first."""
        for key in (f"{record_type.name}.{of.name}", record_type.name, record_type.data_type.value):
            if key in self.rules:
                return self.rules[key]
        return Rule.LATEST


def policy_from(rules: Mapping[str, str], version: int = 1) -> Policy:
    """A policy from its stored form.

    Raises:
        UsageError: naming an unknown key or rule.
    """
    known = {each.value for each in DataType} | set(catalog())
    known |= {f"{name}.{each}" for name, kind in catalog().items() for each in kind.by_name}
    for key, rule in rules.items():
        if key not in known:
            raise UsageError(f"policy for {key!r}: no such data type, record type or field")
        if rule not in set(Rule):
            raise UsageError(f"policy for {key}: {rule!r} is not one of {', '.join(Rule)}")
    return Policy({key: Rule(rule) for key, rule in rules.items()}, version)


@dataclass(frozen=True)
class Verdict:
    """The policy's answer for one field; no winner means a person decides."""

    winner: Side | None
    #: What decided: "owner", or the rule's name.
    reason: str


def decide(
    policy: Policy,
    record_type: RecordType,
    of: Field,
    quickbooks_edited_at: datetime | None,
    platform_edited_at: datetime | None,
) -> Verdict:
    """Who wins a field that both sides changed differently.

    The later edit wins under "latest"; a tie, or an unknown time, goes to QuickBooks. Times count
    in whole seconds, because QuickBooks tells no more.
    """
    if of.owner is not Owner.BOTH:
        return Verdict(Side(of.owner.value), "owner")
    rule = policy.rule_for(record_type, of)
    if rule is Rule.REVIEW:
        return Verdict(None, rule)
    if rule is not Rule.LATEST:
        return Verdict(Side(rule.value), rule)
    platform_is_later = (
        platform_edited_at is not None
        and quickbooks_edited_at is not None
        and platform_edited_at.replace(microsecond=0) > quickbooks_edited_at
    )
    return Verdict(Side.PLATFORM if platform_is_later else Side.QUICKBOOKS, rule)
