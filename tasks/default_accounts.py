"""Default accounts: let a company's choice stand in where a new record names no account.

Only where a record is first made in QuickBooks. The platform's row takes the account in the
transaction that stores the intent, so that from the first send on both say the same: whatever
becomes of the send, nothing ever looks as if somebody had emptied the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.state.platform_port import PlatformWrite, Row
from connectors.state.port import Unit
from models.account_choices import DEFAULT_ACCOUNTS, Account, why_not
from models.audit import AuditNote
from models.codecs import decode, platform_row
from models.default_accounts import (
    Fill,
    Gap,
    filled,
    gaps_in,
    has_defaults,
    may_be_known,
    missing,
    unfit,
    unwritable,
)
from models.errors import RecordError
from models.plan import RecordPlan
from models.record_type import RecordType, catalog
from models.records import Content, Observed
from models.words import Operation, Side
from tasks.candidate import Candidate
from tasks.context import Cycle

#: Kind of the audit entry that says what stood in.
STOOD_IN = "default_account"


@dataclass(frozen=True)
class Completed:
    """A platform's row with default accounts in its gaps, in canonical form."""

    content: Content
    raw: Mapping[str, object]
    #: Why it cannot go on all the same, what counts first.
    errors: tuple[RecordError, ...]
    fills: tuple[Fill, ...]

    @property
    def error(self) -> RecordError | None:
        """The first of the errors."""
        return self.errors[0] if self.errors else None


# -- what stands in --


def is_first_create(each: Candidate) -> bool:
    """Whether a record is only on the platform, and was never agreed on with QuickBooks."""
    row, link = each.platform, each.link
    is_new = link.quickbooks_id is None and link.base is None and link.deleted_at is None
    return (
        is_new
        and row is not None
        and row.live
        and each.quickbooks is None
        and not each.gone_in_quickbooks
    )


def load_accounts(
    cycle: Cycle, unit: Unit, record_type: RecordType, candidates: Sequence[Candidate]
) -> dict[int, Account]:
    """The company's default accounts as they are now; none where nothing can need them."""
    if has_defaults(record_type) and any(is_first_create(each) for each in candidates):
        return accounts_now(cycle, unit)
    return {}


def accounts_now(cycle: Cycle, unit: Unit) -> dict[int, Account]:
    """The company's default accounts as they are now, by the platform's number."""
    ids = {str(each) for each in cycle.connection.settings.default_accounts.values()}
    if not ids:
        return {}
    account_type = catalog()["account"]
    links = unit.links_of(account_type.name, Side.PLATFORM, ids)
    cycle.references.learn(links.values())
    linked = {
        row_id
        for row_id, link in links.items()
        if link.quickbooks_id is not None and link.deleted_at is None
    }
    rows = unit.platform.rows(account_type, ids)
    return {int(row.id): _account(cycle, row, linked=row.id in linked) for row in rows.values()}


def _account(cycle: Cycle, row: Row, *, linked: bool) -> Account:
    content = decode(catalog()["account"], Side.PLATFORM, row.values, cycle.references).content
    return Account(
        id=int(row.id),
        number=content.get("number") or "",
        name=content.get("name") or "",
        type=content.get("type") or "",
        currency=content.get("currency") or cycle.references.home_currency,
        active=row.live and content.get("active") is True,
        linked=linked,
    )


def completed_candidate(
    cycle: Cycle, each: Candidate, platform: Observed | None, accounts: Mapping[int, Account]
) -> Completed | None:
    """A new record with what stands in; None where it needs nothing."""
    if platform is None or platform.content is None or platform.raw is None:
        return None
    if not has_defaults(each.record_type) or not is_first_create(each):
        return None
    gaps = gaps_in(each.record_type, platform.content, platform.raw)
    if not gaps:
        return None
    pool = cycle.matching.pools.get(each.record_type.name)
    if pool is not None and each.link.id in pool.platform:
        # Before a default stands in for what tells records apart, a person says that it is new.
        error = may_be_known(each.record_type, gaps[0])
        return Completed(platform.content, platform.raw, (error,), ())
    return completed(cycle, each.record_type, platform.content, platform.raw, gaps, accounts)


def readable(
    cycle: Cycle,
    record_type: RecordType,
    raw: Mapping[str, object],
    accounts: Mapping[int, Account],
) -> Content | None:
    """A row that is only on the platform, as it would go to QuickBooks; None where it cannot go.

    So that it is known by its key again before it is made a second time.
    """
    decoded = decode(record_type, Side.PLATFORM, raw, cycle.references)
    if not decoded.errors:
        return decoded.content
    gaps = gaps_in(record_type, decoded.content, raw) if has_defaults(record_type) else ()
    if not gaps:
        return None
    whole = completed(cycle, record_type, decoded.content, raw, gaps, accounts)
    return None if whole.errors else whole.content


def completed(
    cycle: Cycle,
    record_type: RecordType,
    content: Content,
    raw: Mapping[str, object],
    gaps: Sequence[Gap],
    accounts: Mapping[int, Account],
) -> Completed:
    """A row with default accounts in its gaps, or why one of them cannot stand in."""
    fills: list[Fill] = []
    errors: dict[str, RecordError] = {}
    currency = str(content.get("currency") or cycle.references.home_currency)
    for gap in gaps:
        found = _stand_in(cycle, record_type, gap, currency, accounts)
        if isinstance(found, Account):
            fills.append(Fill(gap, found))
        else:
            errors[gap.path(record_type)] = found
    whole = filled(record_type, raw, fills)
    decoded = decode(record_type, Side.PLATFORM, whole, cycle.references)
    # what was wrong before comes first, as ever; for a gap, with what a default account would do
    wrong = [errors.get(each.field, each) for each in decoded.errors] or list(errors.values())
    return Completed(decoded.content, whole, tuple(wrong), tuple(fills))


def _stand_in(
    cycle: Cycle,
    record_type: RecordType,
    gap: Gap,
    currency: str,
    accounts: Mapping[int, Account],
) -> Account | RecordError:
    chosen = cycle.connection.settings.default_accounts.get(gap.setting)
    if chosen is None:
        return missing(record_type, gap)
    account = accounts.get(chosen)
    reason = why_not(gap.setting, account, currency, cycle.references.home_currency)
    if reason is not None or account is None:
        return unfit(record_type, gap, chosen, account, reason or "is not there")
    return account


def with_fills(cycle: Cycle, plan: RecordPlan, fills: tuple[Fill, ...]) -> RecordPlan:
    """A plan that makes a record in QuickBooks, with what the platform lacks of it, too."""
    if not fills or plan.quickbooks_operation is not Operation.CREATE:
        return plan
    if not cycle.may_write(plan.record_type, Side.PLATFORM):
        return replace(plan, parked=unwritable(plan.record_type, fills[0]))
    names = frozenset(each.gap.root(plan.record_type) for each in fills)
    return replace(plan, fills=fills, merge=replace(plan.merge, to_platform=names))


# -- writing it down --


def write_fills(
    cycle: Cycle, unit: Unit, plans: Sequence[RecordPlan]
) -> list[RecordPlan | RecordError]:
    """Give the platform's rows the accounts that stand in for them; for each its plan, or why not.

    A row that was edited since it was read is refused: it is read again, and may name an account.
    """
    found: list[RecordPlan | RecordError] = list(plans)
    writes: dict[int, PlatformWrite] = {}
    for index, plan in enumerate(plans):
        if plan.fills:
            try:
                writes[index] = _write_of(cycle, plan)
            except RecordError as error:
                found[index] = error
    if writes:
        outcomes = unit.platform.write_all(list(writes.values()))
        for index, outcome in zip(writes, outcomes, strict=True):
            found[index] = (
                outcome
                if isinstance(outcome, RecordError)
                else _as_written(plans[index], outcome[1])
            )
    return found


def note_fills(unit: Unit, plans: Sequence[RecordPlan]) -> None:
    """Log which default accounts stood in, and where."""
    notes = [
        note_of(each.record_type, each.link.id, each.label, each.fills)
        for each in plans
        if each.fills
    ]
    if notes:
        unit.audit(notes)


def _write_of(cycle: Cycle, plan: RecordPlan) -> PlatformWrite:
    assert plan.platform is not None, "a record that is made in QuickBooks is on the platform"
    assert plan.merge.content is not None, "a record that is made has content"
    values = platform_row(
        plan.record_type, plan.merge.content, plan.merge.to_platform, cycle.references
    )
    version = int(plan.platform.version)
    return PlatformWrite(plan.record_type, Operation.UPDATE, plan.link.platform_id, version, values)


def _as_written(plan: RecordPlan, version: int) -> RecordPlan:
    """The plan of a record whose row holds all of it now."""
    assert plan.platform is not None, "its row was written"
    seen = replace(plan.platform, content=plan.merge.content, version=str(version))
    return replace(plan, platform=seen)


def note_of(record_type: RecordType, link_id: int, label: str, fills: Sequence[Fill]) -> AuditNote:
    """The audit entry that says which default accounts stood in, and where."""
    stood_in = [
        {
            "field": each.gap.path(record_type),
            "setting": each.gap.setting,
            "account": each.account.label,
            "account_id": each.account.id,
        }
        for each in fills
    ]
    body: dict[str, object] = {
        "label": label,
        "field": fills[0].gap.path(record_type),
        "message": words_of(record_type, fills),
        "stood_in": stood_in,
    }
    return AuditNote(STOOD_IN, body, record_type=record_type.name, link_id=link_id)


def words_of(record_type: RecordType, fills: Sequence[Fill]) -> str:
    """What stands in for what, in words."""
    return "; ".join(
        f"{each.account.label} stands in for {each.gap.path(record_type)}, which is empty "
        f"(default account: {DEFAULT_ACCOUNTS[each.gap.setting].label})"
        for each in fills
    )
