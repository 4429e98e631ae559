"""Who wins when both sides changed the same field differently.

One table decides: a field's owner first, then the rule the company chose for the field, for the
record type, for the data type, and "latest" where it chose nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.errors import UsageError, shorten
from models.fields import Field
from models.record_type import RecordType, catalog
from models.words import DataType, Owner, Rule, Side

_RULES = frozenset(Rule)
_DATA_TYPES = frozenset(DataType)


class Source(StrEnum):
    """Where the rule for a field comes from, the strongest first."""

    #: One side's value always counts; no rule can be chosen.
    OWNER = "owner"
    FIELD = "field"
    RECORD_TYPE = "record type"
    DATA_TYPE = "data type"
    #: The company has chosen nothing.
    DEFAULT = "default"


@dataclass(frozen=True)
class Policy:
    """A company's rules, and their version for the log.

    rules maps "invoices" (data type), "invoice" (record type) or "invoice.memo" (field) to a rule.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    version: int = 1

    def rule_for(self, record_type: RecordType, of: Field) -> Rule:
        """The rule for a field, the most particular one first."""
        return self.rule_and_source(record_type, of)[0]

    def rule_and_source(self, record_type: RecordType, of: Field) -> tuple[Rule, Source]:
        """The rule for a field, and what it was chosen for."""
        keys = {
            Source.FIELD: f"{record_type.name}.{of.name}",
            Source.RECORD_TYPE: record_type.name,
            Source.DATA_TYPE: record_type.data_type.value,
        }
        for source, key in keys.items():
            if key in self.rules:
                return self.rules[key], source
        return Rule.LATEST, Source.DEFAULT


def policy_from(rules: Mapping[str, str], version: int = 1) -> Policy:
    """A policy from its stored form.

    Raises:
        UsageError: naming an unknown key or rule.
    """
    for key, rule in rules.items():
        _check_key(key)
        if rule not in _RULES:
            raise UsageError(
                f"policy for {key}: {shorten(repr(rule))} is not one of {', '.join(Rule)}"
            )
    return Policy({key: Rule(rule) for key, rule in rules.items()}, version)


def _check_key(key: str) -> None:
    """Raise UsageError unless a key names a data type, a record type or a field."""
    name, dot, field_name = key.partition(".")
    record_type = catalog().get(name)
    if not dot and (record_type is not None or key in _DATA_TYPES):
        return
    if record_type is None:
        raise UsageError(
            f"policy for {shorten(repr(key))}: no such data type, record type or field; use one of "
            f"{', '.join(DataType)}, {', '.join(catalog())}, or a field such as invoice.memo"
        )
    if field_name not in record_type.by_name:
        raise UsageError(
            f"policy for {shorten(repr(key))}: no such field; {name} has "
            f"{', '.join(record_type.by_name)}"
        )


def changed_policy(
    policy: Policy, chosen: Mapping[str, str], dropped: Collection[str] = ()
) -> Policy:
    """The policy after a person's choices, under the next version; itself where nothing changes.

    Raises:
        UsageError: an unknown key or rule, a field that has an owner, or no rule to drop.
    """
    fresh = policy_from(chosen)
    for key in fresh.rules:
        _check_free(key)
    both = sorted(set(fresh.rules) & set(dropped))
    if both:
        raise UsageError(f"policy for {both[0]} is both set and unset; say one of the two")
    for key in dropped:
        _check_key(key)
        if key not in policy.rules:
            known = ", ".join(sorted(policy.rules)) or "none"
            raise UsageError(f"policy for {key}: no rule is set; there is one for: {known}")
    kept = {key: rule for key, rule in policy.rules.items() if key not in dropped}
    rules = {**kept, **fresh.rules}
    return policy if rules == policy.rules else Policy(rules, policy.version + 1)


def _check_free(key: str) -> None:
    """Raise UsageError where a field's winner is fixed."""
    name, _, field_name = key.partition(".")
    if not field_name:
        return
    owner = owner_of(catalog()[name].by_name[field_name])
    if owner is not None:
        raise UsageError(
            f"policy for {key}: {owner}'s value always counts, so that no rule can be chosen for it"
        )


def owner_of(of: Field) -> Side | None:
    """The side whose value of a field always counts; None where a rule decides."""
    if of.owner is Owner.PLATFORM:
        return Side.PLATFORM
    # What QuickBooks has no place for, or takes only when a record is made, cannot change there.
    fixed = of.owner is Owner.QUICKBOOKS or not of.quickbooks or of.create_only
    return Side.QUICKBOOKS if fixed else None


@dataclass(frozen=True)
class EffectiveRule:
    """What counts for one field of one record type, and why."""

    record_type: RecordType
    field: str
    #: A rule; with an owner, the side whose value counts.
    rule: Rule
    source: Source


def effective_rules(policy: Policy) -> list[EffectiveRule]:
    """What counts for every field of every record type."""
    rows = []
    for record_type in catalog().values():
        for each in record_type.fields:
            owner = owner_of(each)
            rule, source = policy.rule_and_source(record_type, each)
            if owner is not None:
                rule, source = Rule(owner.value), Source.OWNER
            rows.append(EffectiveRule(record_type, each.name, rule, source))
    return rows


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
