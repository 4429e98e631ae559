"""The brakes: what is so much out of the ordinary that a person must see it before it is written.

Pure: from a plan and a few counts to what trips. A mistake on one side, such as an emptied table or
another company's books, looks like a very large instruction; it must not be carried out on the
other side because it came in the usual way (reliability, invariant I21).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from models.merge import Outcome
from models.plan import Plan, RecordPlan
from models.record_type import RecordType
from models.voids import VOIDED, is_void
from models.words import Operation, Owner, Side

#: So many deletions never trip, however small the company is; else a fifth of the linked records.
DELETIONS_ALWAYS_ALLOWED = Decimal(10)
DELETIONS_SHARE = Decimal("0.2")
#: So many changed records never trip; else half of the linked ones.
CHANGES_ALWAYS_ALLOWED = Decimal(10)
CHANGES_SHARE = Decimal("0.5")
#: A record type with fewer linked records than this may become empty.
EMPTY_FROM = 3


@dataclass(frozen=True)
class Tripped:
    """A brake that tripped."""

    brake: str
    #: What is wrong, in a sentence.
    message: str
    #: A key for each write that tripped it, which an approval must name.
    subjects: frozenset[str]


@dataclass(frozen=True)
class Limits:
    """What the brakes measure a plan against."""

    #: Record type -> live links whose sides a cycle has merged. One that recovery has just
    #: completed is not among them: it does not show that a side is well.
    linked: Mapping[str, int]
    #: Sum of amounts that may be written without approval, in the home currency; None: any.
    amount_max: Decimal | None
    home_currency: str
    #: Record type and side -> links of records that are gone from it and were edited on the other
    #: one: they wait for a person, and are in no later plan.
    gone: Mapping[tuple[str, Side], frozenset[int]]


def tripped_by(plan: Plan, record_types: Sequence[RecordType], limits: Limits) -> list[Tripped]:
    """All brakes that a plan trips."""
    written = [each for each in plan.records if is_written(each)]
    linked = sum(limits.linked.get(each.name, 0) for each in record_types)
    found = [
        _mass_delete(written, linked),
        *(_empty_side(plan, each, limits) for each in record_types),
        _mass_change(written, linked),
        _amount(written, limits),
    ]
    return [each for each in found if each is not None]


def is_measured(plan: Plan) -> bool:
    """Whether it matters how many records are linked: a plan of few edits trips nothing by it."""
    written = [each for each in plan.records if is_written(each)]
    edited = sum(map(_is_edited, written))
    return edited > CHANGES_ALWAYS_ALLOWED or any(map(takes_away, written))


def is_written(each: RecordPlan) -> bool:
    """Whether anything is to be written to either side."""
    return each.quickbooks_operation is not None or each.platform_operation is not None


def _mass_delete(written: Iterable[RecordPlan], linked: int) -> Tripped | None:
    deleted = [each for each in written if takes_away(each)]
    if len(deleted) <= max(DELETIONS_ALWAYS_ALLOWED, DELETIONS_SHARE * linked):
        return None
    return Tripped(
        "mass_delete",
        f"{len(deleted)} of {linked} linked records would be deleted or voided",
        _keys("mass_delete", deleted),
    )


def takes_away(each: RecordPlan) -> bool:
    """Whether a record is deleted, deactivated or voided on a side by this plan."""
    if each.merge.outcome in (Outcome.REMOVE_IN_QUICKBOOKS, Outcome.REMOVE_ON_PLATFORM):
        return True
    if each.quickbooks_operation is Operation.VOID:
        return True
    return _voids_on_platform(each)


def _voids_on_platform(each: RecordPlan) -> bool:
    content, to_platform = each.merge.content or {}, each.merge.to_platform
    if "status" in each.record_type.by_name:
        return content.get("status") == VOIDED and "status" in to_platform
    return is_void(each.record_type, content) and each.record_type.amount in to_platform


def _empty_side(plan: Plan, record_type: RecordType, limits: Limits) -> Tripped | None:
    """Whether a side has lost all of a record type; what is in conflict there is lost too."""
    linked = limits.linked.get(record_type.name, 0)
    if linked < EMPTY_FROM:
        return None
    plans = plan.of(record_type)
    for side, outcome in (
        (Side.QUICKBOOKS, Outcome.REMOVE_ON_PLATFORM),
        (Side.PLATFORM, Outcome.REMOVE_IN_QUICKBOOKS),
    ):
        removed = [each for each in plans if each.merge.outcome is outcome and is_written(each)]
        lost = {each.link.id for each in plans if _is_lost(each, side, outcome)}
        lost |= limits.gone.get((record_type.name, side), frozenset())
        if removed and len(lost) >= linked:
            return Tripped(
                "empty_side",
                f"all {linked} {record_type.plural} are gone from {side}",
                _keys("empty_side", removed),
            )
    return None


def _is_lost(each: RecordPlan, side: Side, outcome: Outcome) -> bool:
    """Whether a record that was on both sides is gone from this one."""
    if each.link.quickbooks_version is None:
        return False
    if each.merge.outcome is outcome and is_written(each):
        return True
    observed = each.quickbooks if side is Side.QUICKBOOKS else each.platform
    link = each.link
    was_on_both = None not in (link.quickbooks_id, link.platform_id) and link.deleted_at is None
    return was_on_both and observed is not None and observed.content is None


def _mass_change(written: Iterable[RecordPlan], linked: int) -> Tripped | None:
    changed = [each for each in written if _is_edited(each)]
    if len(changed) <= max(CHANGES_ALWAYS_ALLOWED, CHANGES_SHARE * linked):
        return None
    return Tripped(
        "mass_change",
        f"{len(changed)} of {linked} linked records were changed since the last run",
        _keys("mass_change", changed),
    )


def _is_edited(each: RecordPlan) -> bool:
    """Whether somebody edited a record; figures that QuickBooks computes move by themselves."""
    if each.merge.outcome is not Outcome.MERGED or each.link.base is None:
        return False
    names = each.merge.to_quickbooks | each.merge.to_platform
    return any(each.record_type.by_name[name].owner is not Owner.QUICKBOOKS for name in names)


def _amount(written: Iterable[RecordPlan], limits: Limits) -> Tripped | None:
    if limits.amount_max is None:
        return None
    counted = [each for each in written if _moves_money(each)]
    amounts = {each.link.id: amount_at_home(each, limits.home_currency) for each in counted}
    unknown = [each for each in counted if amounts[each.link.id] is None]
    total = sum((amount for amount in amounts.values() if amount is not None), Decimal(0))
    if total <= limits.amount_max and not unknown:
        return None
    currency = limits.home_currency
    message = f"{total} {currency} would be written, more than the {limits.amount_max} allowed"
    if unknown:
        message = f"{len(unknown)} amounts in foreign currency have no rate yet; {message}"
    keys = {
        f"amount {each.record_type.name}:{each.link.id}:{amounts[each.link.id]}" for each in counted
    }
    return Tripped("amount", message, frozenset(keys))


@dataclass(frozen=True)
class Total:
    """The money of a record type that tripped the brake, in the home currency."""

    record_type: str
    records: int
    amount: Decimal
    #: Records in foreign currency without a rate; their amounts are not in the sum.
    unknown: int


def totals_of(subjects: Iterable[str]) -> list[Total]:
    """What keys of the brake `amount` come to, by record type; those of others say nothing."""
    found: dict[str, list[str]] = {}
    for each in subjects:
        brake, _, key = each.partition(" ")
        if brake == "amount":
            record_type, _link, amount = key.split(":")
            found.setdefault(record_type, []).append(amount)
    return [
        Total(
            record_type,
            len(amounts),
            sum((Decimal(each) for each in amounts if each != str(None)), Decimal(0)),
            amounts.count(str(None)),
        )
        for record_type, amounts in sorted(found.items())
    ]


def _moves_money(each: RecordPlan) -> bool:
    """Whether an amount comes, goes or changes on a side."""
    name = each.record_type.amount
    if not name:
        return False
    if each.merge.outcome is not Outcome.MERGED:
        return True
    lines = each.record_type.lines
    names = {name, lines.name} if lines else {name}
    return bool(names & (each.merge.to_quickbooks | each.merge.to_platform))


def amount_at_home(each: RecordPlan, home_currency: str) -> Decimal | None:
    """The amount that a plan is about, in the home currency; None where no rate is known."""
    content = each.merge.content or each.link.base or {}
    known = content.get(each.record_type.amount)
    amount: Decimal = _sum_of_lines(each) if known is None else known
    if content.get("currency") in (None, home_currency):
        return abs(amount)
    rate = content.get("exchange_rate")
    return None if rate is None else abs(amount) * Decimal(rate)


def _sum_of_lines(each: RecordPlan) -> Decimal:
    """What stands in for a total that QuickBooks has yet to compute."""
    content, lines = each.merge.content or {}, each.record_type.lines
    values = (content.get(lines.name) or ()) if lines else ()
    return sum((line.get("amount") or Decimal(0) for line in values), Decimal(0))


def _keys(brake: str, plans: Iterable[RecordPlan]) -> frozenset[str]:
    return frozenset(f"{brake} {each.record_type.name}:{each.link.id}" for each in plans)
