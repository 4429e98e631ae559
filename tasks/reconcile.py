"""Reconcile: the platform's books against QuickBooks's own reports, and record by record.

Nothing is written to either side. A difference is named by account and month, by customer or
vendor, and by record. What QuickBooks's books hold beyond what the sync knows (an opening balance,
a sales receipt) is no difference: it is taken out of the figures and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from connectors.ports import ReportsPort
from models.errors import RejectedError
from tasks.balances import calendar
from tasks.both_books import BothBooks, read_both
from tasks.context import Cycle
from tasks.differences import Difference, Outside
from tasks.reconcile_accounts import compare_accounts, read_ledger
from tasks.reconcile_parties import PAYABLES, RECEIVABLES, compare_parties
from tasks.reconcile_records import compare_applied, compare_records

#: Months whose ends are compared; what lies before them counts to the oldest.
MONTHS_MAX = 12
#: Entities of QuickBooks that move money or goods, or may come to, and that the sync does not know.
NOT_SYNCED = (
    "SalesReceipt",
    "CreditCardPayment",
    "Estimate",
    "PurchaseOrder",
    "TimeActivity",
)


@dataclass(frozen=True)
class Reconciliation:
    """What was compared, and what came of it."""

    connection: str
    as_of: date
    currency: str
    differences: tuple[Difference, ...]
    outside: tuple[Outside, ...]
    #: Entity -> how many of its records the sync leaves alone; None where it cannot be counted.
    not_synced: dict[str, int | None]
    compared: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether both sides agree in everything that the sync knows."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Plain data with a stable shape."""
        return {
            "connection": self.connection,
            "as_of": self.as_of.isoformat(),
            "currency": self.currency,
            "clean": self.is_clean,
            "compared": self.compared,
            "differences": [each.as_json() for each in self.differences],
            "outside": [each.as_json() for each in self.outside],
            "not_synced": self.not_synced,
        }


def reconcile(cycle: Cycle, as_of: date | None = None) -> Reconciliation:
    """Compare both sides as they stand, with balances on a day; today by default.

    Raises:
        RetryLaterError: QuickBooks cannot be asked now.
        RejectedError: QuickBooks refuses a report.
    """
    reports = cycle.reports
    assert reports is not None, "only a cycle with reports can reconcile"
    as_of = as_of or cycle.clock.now().date()
    both = read_both(cycle)
    for side in (both.quickbooks, both.platform):
        side.post(as_of)
    days = calendar(as_of, _earliest(both, as_of), MONTHS_MAX, _fiscal_month(cycle))
    cycle.progress(f"comparing trial balances of {len(days.ends)} months")
    ledger = cache(lambda: read_ledger(reports, both, days))
    accounts = compare_accounts(reports, both, days, ledger)
    parties = [
        compare_parties(reports, both, side, as_of, ledger) for side in (RECEIVABLES, PAYABLES)
    ]
    records, compared = compare_records(both)
    return Reconciliation(
        connection=cycle.connection.name,
        as_of=as_of,
        currency=both.home_currency,
        differences=(
            *accounts.differences,
            *(each for side in parties for each in side.differences),
            *records,
            *compare_applied(both),
        ),
        outside=(*accounts.outside, *(each for side in parties for each in side.outside)),
        not_synced=_not_synced(reports),
        compared={
            "accounts": accounts.compared,
            "months": len(days.ends),
            "customers": parties[0].compared,
            "vendors": parties[1].compared,
            "records": compared,
            "not_ready": both.not_ready,
        },
    )


def _earliest(both: BothBooks, as_of: date) -> date:
    """The day of the oldest posting of either side."""
    posted = [
        side.records[key].day for side in (both.quickbooks, both.platform) for key in side.posted
    ]
    return min((day for day in posted if day is not None), default=as_of)


def _fiscal_month(cycle: Cycle) -> str:
    """The month in which QuickBooks's fiscal year begins."""
    records, _ = cycle.quickbooks.query("CompanyInfo")
    return str(records[0].get("FiscalYearStartMonth") or "") if records else ""


def _not_synced(reports: ReportsPort) -> dict[str, int | None]:
    """How many records there are of each entity that the sync leaves alone."""
    found: dict[str, int | None] = {}
    for entity in NOT_SYNCED:
        try:
            count: int | None = reports.count(entity)
        except RejectedError:
            count = None  # this company's QuickBooks does not have such records
        if count != 0:
            found[entity] = count
    return found
