"""GeneralLedger: every account with its beginning balance, its lines and its total.

Amounts are in the account's natural sign: a liability, equity or income account shows credits as
positive. The `account` parameter picks accounts by id, `columns` picks columns by key.
Source: dossier section 12.17 (signs differ by class); Intuit's Report.xsd; recorded column keys.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from emulator.account_types import BALANCE_SHEET
from emulator.reports.journal import Posted, account_name, classification, everything, title
from emulator.reports.periods import Period, period_of
from emulator.reports.shape import Row, cell, column, data, header, money, report
from emulator.writing.draft import ZERO, reference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from emulator.company import Company

_COLUMNS = {
    "tx_date": ("Date", "Date"),
    "txn_type": ("Transaction Type", "String"),
    "doc_num": ("Num", "String"),
    "name": ("Name", "String"),
    "memo": ("Memo/Description", "String"),
    "split_acc": ("Split", "String"),
    "subt_nat_amount": ("Amount", "Money"),
    "rbal_nat_amount": ("Balance", "Money"),
}
_DEBIT_NATURE = frozenset({"Asset", "Expense"})
_PARTY_FIELDS = ("CustomerRef", "VendorRef", "EntityRef")


def general_ledger(company: Company, parameters: Mapping[str, str]) -> Row:
    """Return the general ledger."""
    period = period_of(company, parameters)
    asked = [key for key in parameters.get("columns", "").split(",") if key in _COLUMNS]
    keys = asked or list(_COLUMNS)
    wanted = {key for key in parameters.get("account", "").split(",") if key}
    by_account: dict[str, list[Posted]] = defaultdict(list)
    for posted in everything(company):
        if posted.day <= period.end.isoformat():
            by_account[posted.entry.account].append(posted)
    rows = []
    for account in sorted(by_account, key=lambda each: account_name(company, each)):
        if not wanted or account in wanted:
            rows.extend(_section(company, account, by_account[account], period, keys))
    basis = parameters.get("accounting_method", "Accrual")
    head = header(company, "GeneralLedger", period, empty=not rows, ReportBasis=basis)
    return report(head, [column(*_COLUMNS[key], key) for key in keys], rows)


def _section(
    company: Company, account: str, lines: list[Posted], period: Period, keys: list[str]
) -> list[Row]:
    """Return the section of one account, or nothing if nothing is in it."""
    kind = classification(company, account)
    sign = 1 if kind in _DEBIT_NATURE else -1
    start = period.start.isoformat()
    earlier = [line for line in lines if line.day < start]
    within = [line for line in lines if line.day >= start and line.entry.home]
    opening = sign * sum((line.entry.home for line in earlier), ZERO)
    if kind not in BALANCE_SHEET:
        opening = ZERO
    if not within and not opening:
        return []
    rows, balance = [], opening
    if opening:
        first = {"tx_date": cell("Beginning Balance"), "rbal_nat_amount": cell(money(opening))}
        rows.append(data([first.get(key, cell()) for key in keys], typed=True))
    for line in within:
        balance += sign * line.entry.home
        rows.append(_line(company, line, sign * line.entry.home, balance, keys))
    name = account_name(company, account)
    head = {keys[0]: cell(name, account.lstrip("@"))}
    moved = money(sum((sign * line.entry.home for line in within), ZERO), blank_zero=False)
    foot = {"subt_nat_amount": cell(moved), keys[0]: cell(f"Total for {name}")}
    return [
        {
            "Header": {"ColData": [head.get(key, cell()) for key in keys]},
            "Rows": {"Row": rows},
            "Summary": {"ColData": [foot.get(key, cell()) for key in keys]},
            "type": "Section",
        }
    ]


def _line(company: Company, line: Posted, value: Decimal, balance: Decimal, keys: list[str]) -> Row:
    record = line.record
    party_id, party = _party(company, line)
    cells = {
        "tx_date": cell(line.day),
        "txn_type": cell(title(line.entity), str(record.get("Id", ""))),
        "doc_num": cell(str(record.get("DocNumber", ""))),
        "name": cell(party, party_id),
        "memo": cell(line.entry.memo or str(record.get("PrivateNote", ""))),
        "split_acc": cell("-Split-"),
        "subt_nat_amount": cell(money(value, blank_zero=False)),
        "rbal_nat_amount": cell(money(balance, blank_zero=False)),
    }
    return data([cells[key] for key in keys], typed=True)


def _party(company: Company, line: Posted) -> tuple[str, str]:
    """Return id and name of the customer or vendor of a line."""
    for entity, party_id in (("Customer", line.entry.customer), ("Vendor", line.entry.vendor)):
        if party_id:
            found = company.get(entity, party_id) or {}
            return party_id, str(found.get("DisplayName", ""))
    for field in _PARTY_FIELDS:
        named = line.record.get(field) or {}
        if named:
            return reference(line.record, field), str(named.get("name", ""))
    return "", ""
