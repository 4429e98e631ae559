"""Closed periods: what QuickBooks would refuse to write stays here, and goes on when books open.

QuickBooks says when its books close. That is read once a day, and again, at most once per cycle,
before a record is set aside for it. What QuickBooks itself changes on a closed day still comes.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.ports import CompanyFacts
from connectors.state.platform_port import PlatformWrite, StaleRowError
from connectors.state.port import LinkUpdate, Unit
from models.codecs import platform_row
from models.errors import (
    BrakeError,
    DisconnectedError,
    RejectedError,
    RemoteError,
    SyncError,
)
from models.merge import Outcome
from models.periods import (
    CLOSED_PERIOD,
    CLOSED_PERIOD_FAULT,
    closed_day,
    closed_error,
    days_of,
    refused_error,
)
from models.plan import RecordPlan
from models.record_type import catalog
from models.words import Operation, Side
from tasks.context import Cycle
from tasks.record import note_part_written


def check_same_company(known: CompanyFacts, found: CompanyFacts) -> None:
    """Make sure that two readings are of one company: it keeps its number and currency for life.

    Raises:
        BrakeError: they are not.
    """
    for name in ("realm_id", "home_currency"):
        before, after = getattr(known, name), getattr(found, name)
        if before != after:
            raise BrakeError(
                f"the company behind the token is {found.name} with {name} {after}, not "
                f"{known.name} with {before}",
                brake="wrong_company",
                fix="Connect the right QuickBooks company again: `quickbooks-sync connect`.",
            )


def take_facts(cycle: Cycle, unit: Unit, found: CompanyFacts) -> None:
    """Remember what QuickBooks says about the company now.

    Where its books close on another day than before, what waits for that is tried again.
    """
    moved = found.book_close_date != cycle.facts.book_close_date
    unit.save_facts(found)
    cycle.facts_read = True
    cycle.take_facts(found)
    if moved:
        waiting = [
            each.link_id for each in unit.parked(list(catalog())) if each.code == CLOSED_PERIOD
        ]
        if waiting:
            unit.release(waiting)


def _ask_again(cycle: Cycle) -> None:
    """Ask QuickBooks when its books close, at most once per cycle.

    Raises:
        BrakeError: another company answers.
        DisconnectedError: no call can work.
    """
    if cycle.facts_read:
        return
    cycle.facts_read = True
    try:
        found = cycle.quickbooks.company()
    except DisconnectedError:
        raise
    except RemoteError as error:
        # What is known stands: a record that is set aside for it is tried when it is read next.
        cycle.progress(f"when the books close could not be asked again: {error}")
        return
    check_same_company(cycle.facts, found)
    # The rest is for the daily check, which asks a person where the company has another name.
    with cycle.state.begin() as unit:
        take_facts(cycle, unit, replace(cycle.facts, book_close_date=found.book_close_date))


def hold_back(cycle: Cycle, planned: RecordPlan) -> RecordPlan:
    """Park what would be written to QuickBooks on a closed day."""
    record_type = planned.record_type
    if planned.quickbooks_operation is None or not record_type.booked_on:
        return planned
    days = days_of(record_type, _versions(planned))
    if closed_day(days, cycle.facts.book_close_date) is None:
        return planned
    _ask_again(cycle)
    until = cycle.facts.book_close_date
    day = closed_day(days, until)
    if day is None:
        return planned
    return replace(planned, parked=closed_error(record_type, day, until))


def _versions(plan: RecordPlan) -> list[dict[str, object] | None]:
    """What QuickBooks holds of a record and is to hold: neither may count on a closed day."""
    held = plan.quickbooks.content if plan.quickbooks else None
    return [plan.merge.content, held, plan.link.base if held is None else None]


def in_plain_words(cycle: Cycle, plan: RecordPlan, error: SyncError) -> SyncError:
    """A refusal of closed books as the same error that is found before a write; others as is."""
    if not isinstance(error, RejectedError) or error.fault.code != CLOSED_PERIOD_FAULT:
        return error
    _ask_again(cycle)
    days = days_of(plan.record_type, _versions(plan))
    return refused_error(plan.record_type, days, cycle.facts.book_close_date)


def bring_over(cycle: Cycle, plan: RecordPlan) -> None:
    """Write what QuickBooks changed of a held record to the platform; the platform's edits wait.

    The base moves for what both sides hold now, and stays for what QuickBooks may not be told.
    """
    merged, base, platform = plan.merge, plan.link.base, plan.platform
    held = merged.outcome is Outcome.MERGED and merged.to_platform and base is not None
    if not held or merged.content is None or base is None or platform is None:
        return
    content = {
        name: base.get(name) if name in merged.to_quickbooks else value
        for name, value in merged.content.items()
    }
    names = merged.to_platform - merged.to_quickbooks
    values = platform_row(plan.record_type, merged.content, names, cycle.references)
    write = PlatformWrite(
        plan.record_type, Operation.UPDATE, plan.link.platform_id, int(platform.version), values
    )
    try:
        with cycle.state.begin() as unit:
            _, version = unit.platform.write(write)
            unit.save_links([LinkUpdate(plan.link.id, base=content, platform_version=version)])
            note_part_written(unit, plan, names)
    except StaleRowError:
        return  # it was edited since: that change is read, and the record merged again
    cycle.tally.direction(plan.record_type, Side.PLATFORM, "updated")
