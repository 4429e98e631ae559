"""TrialBalance: every account with its debit or credit balance at the end of the period.

Balance sheet accounts carry everything since the beginning, income and expenses what fell into the
fiscal year of the period's end; earlier years' income stands in Retained Earnings.
Source: dossier sections 2 and 12.17; Intuit's Report.xsd.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from emulator.account_types import BALANCE_SHEET
from emulator.reports.journal import account_name, classification, everything
from emulator.reports.periods import Period, fiscal_year_start, period_of
from emulator.reports.shape import Row, cell, column, data, header, money, report, total
from emulator.writing.draft import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from emulator.company import Company


def balances(company: Company, period: Period) -> dict[str, Decimal]:
    """Return the balance of every account at a period's end, debit-positive, in home currency."""
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    whole = period.macro.lower() == "all"
    year = (period.start if whole else fiscal_year_start(company, period.end)).isoformat()
    last = period.end.isoformat()
    earnings = company.account_by_subtype("RetainedEarnings") or "@RetainedEarnings"
    for posted in everything(company):
        if posted.day > last:
            continue
        lasting = classification(company, posted.entry.account) in BALANCE_SHEET
        carried = lasting or posted.day >= year
        sums[posted.entry.account if carried else earnings] += posted.entry.home
    return sums


def trial_balance(company: Company, parameters: Mapping[str, str]) -> Row:
    """Return the trial balance."""
    period = period_of(company, parameters)
    sums = {account: value for account, value in balances(company, period).items() if value}
    rows, owned, owing = [], ZERO, ZERO
    for account in sorted(sums, key=lambda each: _place(company, each)):
        value = sums[account]
        name = cell(account_name(company, account), account.lstrip("@"))
        owned += max(value, ZERO)
        owing += max(-value, ZERO)
        sides = [cell(money(max(value, ZERO))), cell(money(max(-value, ZERO)))]
        rows.append(data([name, *sides]))
    if rows:
        both = [money(side, blank_zero=False) for side in (owned, owing)]
        rows.append(total([cell("TOTAL"), *map(cell, both)]))
    basis = parameters.get("accounting_method", "Accrual")
    head = header(company, "TrialBalance", period, empty=not rows, ReportBasis=basis)
    columns = [column("", "Account"), column("Debit", "Money"), column("Credit", "Money")]
    return report(head, columns, rows)


_ORDER = ("Asset", "Liability", "Equity", "Revenue", "Expense")


def _place(company: Company, account: str) -> tuple[int, str]:
    kind = classification(company, account)
    place = _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    return place, account_name(company, account)
