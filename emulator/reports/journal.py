"""Everything that was ever posted, as one list of dated lines, and what balances it.

The books of a loaded company may start in the middle: an account then has a balance that none of
its transactions explains. That difference is brought forward as one opening line per account, and
Opening Balance Equity takes the sum of them, as QuickBooks does for balances it is told of. What
the transactions post needs no such help: each one's entries add up to zero by themselves.
Source: dossier sections 10.3 and 12.17.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from emulator.account_types import BALANCE_SHEET
from emulator.clock import parse_date
from emulator.entities import ENTITIES
from emulator.rates import rate_of
from emulator.writing.draft import ZERO, amount, cents, reference
from emulator.writing.entries import RULES, Entry
from emulator.writing.posting import ledger_of

if TYPE_CHECKING:
    from datetime import date

    from emulator.company import Company, Record

#: What a missing account would be called.
_STAND_INS = {
    "@AccountsReceivable": ("Accounts Receivable (A/R)", "Asset"),
    "@AccountsPayable": ("Accounts Payable (A/P)", "Liability"),
    "@UndepositedFunds": ("Undeposited Funds", "Asset"),
    "@Checking": ("Checking", "Asset"),
    "@Inventory": ("Inventory Asset", "Asset"),
    "@SalesTaxPayable": ("Sales Tax Payable", "Liability"),
    "@OpeningBalanceEquity": ("Opening Balance Equity", "Equity"),
    "@RetainedEarnings": ("Retained Earnings", "Equity"),
    "@SalesOfProductIncome": ("Sales of Product Income", "Revenue"),
    "@DiscountsRefundsGiven": ("Discounts given", "Revenue"),
    "@ExchangeGainOrLoss": ("Exchange Gain or Loss", "Expense"),
    "@SuppliesMaterialsCogs": ("Cost of Goods Sold", "Expense"),
    "@OtherCostsOfServiceCos": ("Cost of Goods Sold", "Expense"),
    "@Unexplained": ("Uncategorized Expense", "Expense"),
}
_BEGINNING = "1970-01-01"


@dataclass(frozen=True, slots=True)
class Posted:
    """One entry with the transaction it belongs to; no transaction for what is brought forward."""

    day: str
    entity: str
    record: Record
    entry: Entry


def postings(company: Company) -> list[Posted]:
    """Return every entry of every transaction, oldest first."""
    found = [
        Posted(str(record.get("TxnDate", _BEGINNING)), entity, record, entry)
        for entity in RULES
        for record in company.records[entity].values()
        for entry in ledger_of(company, entity, record)
    ]
    today = company.clock.today().isoformat()
    for key, entries in company.ledger.others(company).items():
        name, _, record_id = key.partition(":")
        record = company.get(name, record_id) or {}
        day = str(record.get("InvStartDate") or today)
        found.extend(Posted(day, name, record, entry) for entry in entries)
    found.sort(key=lambda posted: posted.day)
    return found


def brought_forward(company: Company, found: list[Posted]) -> list[Posted]:
    """Return the opening lines of accounts whose balance no transaction explains."""
    explained: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for posted in found:
        explained[posted.entry.account] += posted.entry.value
    lines, total = [], ZERO
    today = company.clock.today().isoformat()
    for account in company.records["Account"].values():
        if account.get("Classification") not in BALANCE_SHEET:
            continue
        left = cents(amount(account, "CurrentBalance") - explained[str(account["Id"])])
        if not left:
            continue
        code = reference(account, "CurrencyRef") or company.home_currency
        home = (
            left if code == company.home_currency else cents(left * rate_of(company, code, today))
        )
        entry = Entry(str(account["Id"]), left, home, left, memo="Opening balance")
        lines.append(Posted(_BEGINNING, "", {}, entry))
        total += home
    if total:
        equity = company.account_by_subtype("OpeningBalanceEquity") or "@OpeningBalanceEquity"
        entry = Entry(equity, -total, -total, -total, memo="Opening balances")
        lines.append(Posted(_BEGINNING, "", {}, entry))
    return lines


def everything(company: Company) -> list[Posted]:
    """Return what is brought forward and all that was posted, oldest first."""
    found = postings(company)
    return [*brought_forward(company, found), *found]


def account_name(company: Company, account_id: str) -> str:
    """Return how a report calls an account, with its number where the company uses numbers."""
    account = company.get("Account", account_id)
    if account is None:
        return _STAND_INS.get(account_id, (account_id.lstrip("@"), ""))[0]
    name = str(account.get("FullyQualifiedName") or account.get("Name", account_id))
    numbered = company.preference("AccountingInfoPrefs", "UseAccountNumbers")
    return f"{account['AcctNum']} {name}" if numbered and account.get("AcctNum") else name


def classification(company: Company, account_id: str) -> str:
    """Return whether an account is an asset, a liability, equity, revenue or an expense."""
    account = company.get("Account", account_id)
    if account is None:
        return _STAND_INS.get(account_id, ("", "Expense"))[1]
    return str(account.get("Classification", "Expense"))


def title(entity: str) -> str:
    """Return what a report calls a kind of transaction."""
    return ENTITIES[entity].title if entity else ""


def before(day: str, limit: date) -> bool:
    """Say whether a day of the books lies before another."""
    read = parse_date(day)
    return read is None or read < limit
