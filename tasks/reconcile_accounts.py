"""Accounts: QuickBooks's trial balances against what the platform's records post.

Where a balance differs, QuickBooks's general ledger says of which transactions it is made. Those
that the sync does not know, and amounts that only QuickBooks can know, are taken out by name; what
is left is a difference, with the records that make it up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from connectors.ports import Cell, Report, ReportRow, ReportsPort
from models.posting_rules import RETAINED_EARNINGS
from models.postings import EQUITY, EXPENSES, INCOME, LIABILITIES, STAND_IN
from models.record_type import catalog
from tasks.balances import Calendar, arising, closing, lines, month_of
from tasks.both_books import BothBooks
from tasks.differences import Difference, Kind, Outside, part, plain

if TYPE_CHECKING:
    import pandas as pd

TRIAL_BALANCE, GENERAL_LEDGER = "TrialBalance", "GeneralLedger"
#: Before the first book was kept.
BEGINNING = date(1970, 1, 1)
LEDGER_COLUMNS = ("tx_date", "txn_type", "name", "subt_nat_amount")
COST_OF_GOODS = "cost of goods, which QuickBooks values"
OPENING_BALANCE = "opening balance"
OTHER_ACCOUNT = "booked by QuickBooks on another account than the item's or the default one"
#: Records that one difference lists.
PARTS_MAX = 100
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
#: Stand-ins that count as income or expense.
_YEARLY_STAND_INS = (f"{STAND_IN}DiscountsRefundsGiven", f"{STAND_IN}ExchangeGainOrLoss")


@dataclass(frozen=True)
class LedgerLine:
    """One line of QuickBooks's general ledger, debit-positive."""

    account: str
    day: date
    #: Key of the record; "" where the sync does not know such transactions.
    record: str
    #: QuickBooks's word for the kind of transaction.
    title: str
    #: Its id, for counting.
    transaction: str
    #: QuickBooks's id of who it is about.
    party_id: str
    minor: int


class Chart:
    """The accounts of both sides under one key each."""

    def __init__(self, both: BothBooks) -> None:
        self.names: dict[str, str] = {}
        self.types: dict[str, str] = {}
        for side in (both.platform, both.quickbooks):
            for key, each in side.records.items():
                if each.record_type.name == "account":
                    self.names[key] = str(each.raw.get("FullyQualifiedName") or each.label)
                    self.types[key] = str(each.content.get("type") or "")
        self._by_id = {
            each.side_id: key
            for key, each in both.quickbooks.records.items()
            if each.record_type.name == "account"
        }
        self.retained = both.platform.books.account(*RETAINED_EARNINGS)

    def key(self, account_id: str, name: str) -> str:
        """The key of a report's account; a stand-in where no list shows it."""
        known = self._by_id.get(account_id)
        if known is not None:
            return known
        key = STAND_IN + re.sub(r"[^a-z]", "", name.partition("(")[0].casefold())
        self.names.setdefault(key, f"{name} (not in the accounts)")
        return key

    @property
    def yearly(self) -> list[str]:
        """Accounts that begin each fiscal year with nothing."""
        kinds = INCOME | EXPENSES
        stand_ins = [_folded(each) for each in _YEARLY_STAND_INS]
        return [key for key, kind in self.types.items() if kind in kinds] + stand_ins

    def sign(self, account: str) -> int:
        """1 where the general ledger shows debits as positive."""
        return -1 if self.types.get(account) in LIABILITIES | EQUITY | INCOME else 1

    def name(self, account: str) -> str:
        """What people call an account."""
        return self.names.get(account) or f"{account.lstrip(STAND_IN)} (not in the accounts)"


def _folded(account: str) -> str:
    """A stand-in as reports and rules both spell it."""
    return account.casefold() if account.startswith(STAND_IN) else account


@dataclass
class Accounts:
    """What comparing the accounts came to."""

    differences: list[Difference] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)
    compared: int = 0


@dataclass(frozen=True)
class _Sorted:
    """Ledger lines of both sides, sorted into what is outside and what is not."""

    #: Lines that explain a balance without being a difference; the platform's count negative.
    outside: list[LedgerLine]
    #: (account, month, record) -> QuickBooks's and the platform's minor units, where they differ.
    differing: dict[tuple[str, str, str], tuple[int, int]]


def compare_accounts(
    reports: ReportsPort,
    both: BothBooks,
    days: Calendar,
    ledger: Callable[[], list[LedgerLine]],
) -> Accounts:
    """Compare every account at every month's end.

    ledger reads QuickBooks's general ledger; it is asked only where a balance differs.
    """
    chart = Chart(both)
    ours = platform_lines(both)
    theirs: dict[tuple[str, str], int] = {}
    for end in days.ends:
        start = days.year_start(end).isoformat()
        report = reports.report(
            TRIAL_BALANCE,
            {"start_date": start, "end_date": end.isoformat(), "accounting_method": "Accrual"},
        )
        theirs |= {
            (account, month_of(end)): both.minor(value)
            for account, value in trial_balances(report, chart).items()
        }
    retained = _folded(chart.retained)
    held = closing(_frame(ours), days, chart.yearly, retained)
    raw = _less(theirs, held)
    result = Accounts(compared=len({account for account, _ in (*theirs, *held)}))
    if not raw:
        return result
    found = _sorted(both, ledger(), ours, days)
    result.outside = _summed(both, chart, found.outside)
    left = _less(raw, closing(_frame(found.outside), days, chart.yearly, retained))
    for (account, month), minor in arising(left, days, chart.yearly, retained).items():
        values = (theirs.get((account, month), 0), held.get((account, month), 0))
        result.differences.append(_difference(both, chart, found, account, month, minor, values))
    return result


def trial_balances(report: Report, chart: Chart) -> dict[str, Decimal]:
    """Balance by account, debit-positive, out of a trial balance."""
    account, debit, credit = report.columns[:3]
    found: dict[str, Decimal] = {}
    for row in report.rows:
        cell = row.cells[account]
        key = chart.key(cell.id, cell.value)
        value = money(row.cells[debit].value) - money(row.cells[credit].value)
        found[key] = found.get(key, Decimal(0)) + value
    return found


def money(text: str) -> Decimal:
    """An amount of a report; an empty cell is zero."""
    return Decimal(text.replace(",", "") or 0)


def platform_lines(both: BothBooks) -> list[LedgerLine]:
    """What the platform's records post, as ledger lines."""
    found = []
    for key, posted in both.platform.posted.items():
        day = both.platform.records[key].day
        assert day is not None, f"{key} was posted, so it has a day"
        for each in posted.postings:
            minor = both.minor(each.home)
            found.append(LedgerLine(_folded(each.account), day, key, "", "", each.party, minor))
    return found


def _frame(found: Iterable[LedgerLine]) -> pd.DataFrame:
    return lines((each.account, each.day, each.record, "", each.minor) for each in found)


def _less(
    these: Mapping[tuple[str, str], int], those: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], int]:
    """What is left of these when those are taken off; zeros are left out."""
    left = {key: these.get(key, 0) - those.get(key, 0) for key in (*these, *those)}
    return {key: value for key, value in left.items() if value}


def read_ledger(reports: ReportsPort, both: BothBooks, days: Calendar) -> list[LedgerLine]:
    """QuickBooks's general ledger, a period at a time: reports of dense books time out (12.17)."""
    chart = Chart(both)
    types = {title: each.name for each in catalog().values() for title in each.report_titles}
    keys = {
        (each.record_type.name, each.side_id): key for key, each in both.quickbooks.records.items()
    }
    found: list[LedgerLine] = []
    for start, end in _periods(both, days):
        report = reports.report(
            GENERAL_LEDGER,
            {
                "start_date": start.isoformat(),
                "end_date": end.isoformat(),
                "accounting_method": "Accrual",
                "columns": ",".join(LEDGER_COLUMNS),
            },
        )
        for row in report.rows:
            line = _line(both, chart, row, types, keys)
            if line is not None:
                found.append(line)
    return found


def _periods(both: BothBooks, days: Calendar) -> list[tuple[date, date]]:
    """Everything before the oldest month by years, then the months."""
    posted = (both.quickbooks.records[key].day for key in both.quickbooks.posted)
    oldest = min((day for day in posted if day is not None), default=days.ends[0])
    years = range(max(oldest.year, BEGINNING.year), days.ends[0].year)
    ends = sorted({*(date(year, 12, 31) for year in years), *days.ends})
    starts = [BEGINNING, *(end + timedelta(days=1) for end in ends[:-1])]
    return list(zip(starts, ends, strict=True))


def _line(
    both: BothBooks,
    chart: Chart,
    row: ReportRow,
    types: Mapping[str, str],
    keys: Mapping[tuple[str, str], str],
) -> LedgerLine | None:
    """One row of the general ledger; None for what is brought forward from the period before."""
    section = next((each for each in reversed(row.sections) if each.id), None)
    cells = [row.cells.get(name, Cell()) for name in LEDGER_COLUMNS]
    day, title, party, amount = cells
    if section is None or not _DAY.fullmatch(day.value):
        return None
    account = chart.key(section.id, section.value)
    name = types.get(title.value, "")
    record = keys.get((name, title.id), f"{name}@quickbooks:{title.id}") if name else ""
    minor = chart.sign(account) * both.minor(money(amount.value))
    booked = date.fromisoformat(day.value)
    return LedgerLine(account, booked, record, title.value, title.id, party.id, minor)


def _sorted(
    both: BothBooks, ledger: list[LedgerLine], ours: list[LedgerLine], days: Calendar
) -> _Sorted:
    """Match the lines of both ledgers record by record."""
    outside = [each for each in ledger if not each.record]
    by_record: dict[str, tuple[list[LedgerLine], list[LedgerLine]]] = {}
    for place, side in enumerate((ledger, ours)):
        for each in side:
            if each.record:
                by_record.setdefault(each.record, ([], []))[place].append(each)
    differing: dict[tuple[str, str, str], tuple[int, int]] = {}
    for record, (theirs, mine) in by_record.items():
        sums = _sums(theirs, mine, days)
        off = {key: each for key, each in sums.items() if each[0] != each[1]}
        for accounts, words in _explained(both, record, off):
            outside += _taken_out(theirs, mine, accounts, words)
            off = {key: each for key, each in off.items() if key[0] not in accounts}
        differing |= {(*key, record): each for key, each in off.items()}
    return _Sorted(outside, differing)


def _sums(
    theirs: list[LedgerLine], mine: list[LedgerLine], days: Calendar
) -> dict[tuple[str, str], tuple[int, int]]:
    """(account, month) -> the two sides' sums of one record."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for place, side in enumerate((theirs, mine)):
        for each in side:
            key = (each.account, days.bucket(each.day))
            there, here = sums.get(key, (0, 0))
            sums[key] = (there + each.minor, here) if place == 0 else (there, here + each.minor)
    return sums


def _explained(
    both: BothBooks, record: str, off: Mapping[tuple[str, str], tuple[int, int]]
) -> list[tuple[set[str], str]]:
    """Accounts on which a record differs by what only QuickBooks can know, and what that is.

    Only where both sides' records post the same by the same rules, and the amounts prove it: the
    cost of goods moves from one account to another, what is unplaced is found to the cent, and an
    amount that left one account is on others.
    """
    posted = both.platform.posted.get(record)
    if posted is None or not off or both.quickbooks.posted.get(record) != posted:
        return []
    found = []
    valued = {key: each for key, each in off.items() if key[0] in posted.valued}
    if valued and sum(there - here for there, here in valued.values()) == 0:
        found.append(({account for account, _ in valued}, COST_OF_GOODS))
    else:
        valued = {}
    rest = {key: each for key, each in off.items() if key not in valued}
    left = sum(there - here for there, here in rest.values())
    if rest and left == both.minor(posted.unplaced):
        words = posted.unplaced_because if posted.unplaced else OTHER_ACCOUNT
        found.append(({account for account, _ in rest}, words))
    return found


def _taken_out(
    theirs: list[LedgerLine], mine: list[LedgerLine], accounts: set[str], words: str
) -> list[LedgerLine]:
    """One record's lines on these accounts, the platform's with the other sign."""
    taken = [(each, each.minor) for each in theirs] + [(each, -each.minor) for each in mine]
    return [
        LedgerLine(each.account, each.day, "", words, each.record, "", minor)
        for each, minor in taken
        if each.account in accounts
    ]


def _summed(both: BothBooks, chart: Chart, found: list[LedgerLine]) -> list[Outside]:
    """What is outside, by account and kind."""
    sums: dict[tuple[str, str], tuple[set[str], int]] = {}
    for each in found:
        key = (each.account, each.title or OPENING_BALANCE)
        ids, minor = sums.get(key, (set(), 0))
        sums[key] = (ids | {each.transaction}, minor + each.minor)
    return [
        Outside(chart.name(account), title, len(ids), both.amount(minor))
        for (account, title), (ids, minor) in sorted(sums.items())
    ]


def _difference(
    both: BothBooks,
    chart: Chart,
    found: _Sorted,
    account: str,
    month: str,
    minor: int,
    values: tuple[int, int],
) -> Difference:
    """One account's difference that arose in a month, with its records."""
    parts = tuple(
        part(both, record, there, here)
        for (where, when, record), (there, here) in found.differing.items()
        if where == account and when == month
    )
    explained = sum(
        there - here
        for (w, m, _), (there, here) in found.differing.items()
        if w == account and m == month
    )
    reason = f"{len(parts)} records differ" if parts else "no ledger line of QuickBooks explains it"
    if parts and explained != minor:
        rest = plain(both.amount(minor - explained))
        reason += f"; no ledger line of QuickBooks explains {rest} of it"
    if account == _folded(chart.retained) and not parts:
        reason = "income and expenses of earlier years differ"
    return Difference(
        Kind.ACCOUNT,
        chart.name(account),
        month,
        plain(both.amount(values[0])),
        plain(both.amount(values[1])),
        plain(both.amount(minor)),
        reason,
        record_type="account",
        records=parts[:PARTS_MAX],
    )
