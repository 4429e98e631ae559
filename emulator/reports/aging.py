"""AgedReceivables and AgedPayables: what each customer owes, or vendor is owed, by how late it is.

A report as of a day counts the transactions up to that day and what payments up to that day apply
to each other; its total is the balance of receivables or payables then. What is not applied counts
from its own date, a document from its due date.
Source: dossier sections 2 and 12.17; Intuit's Report.xsd.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.clock import parse_date
from emulator.reports.journal import postings
from emulator.reports.periods import Period, day_of
from emulator.reports.shape import Row, cell, column, data, header, money, report, total
from emulator.writing.draft import ZERO, amount, cents
from emulator.writing.links import CREDITS, find_target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from decimal import Decimal

    from emulator.company import Company

_SIDES: dict[str, tuple[str, str, str, str]] = {
    # entity, field of the entry, account type, payments of it
    "AgedReceivables": ("Customer", "customer", "Accounts Receivable", "Payment"),
    "AgedPayables": ("Vendor", "vendor", "Accounts Payable", "BillPayment"),
}
_LIMIT_DEFAULT = 30
_BUCKETS_DEFAULT = 4
#: By party, by transaction: what is open.
_Open = dict[str, dict[str, Any]]


def aged_receivables(company: Company, parameters: Mapping[str, str]) -> Row:
    """Return who owes how much since when."""
    return _aged(company, "AgedReceivables", parameters)


def aged_payables(company: Company, parameters: Mapping[str, str]) -> Row:
    """Return to whom how much is owed since when."""
    return _aged(company, "AgedPayables", parameters)


def _aged(company: Company, name: str, parameters: Mapping[str, str]) -> Row:
    side = _SIDES[name]
    day = day_of(company, parameters, "report_date")
    width = _whole(parameters, "aging_period", _LIMIT_DEFAULT)
    count = _whole(parameters, "num_periods", _BUCKETS_DEFAULT)
    wanted = {key for key in parameters.get(side[0].lower(), "").split(",") if key}
    totals = [ZERO] * (count + 1)
    rows = []
    for party, documents in sorted(open_items(company, name, day).items()):
        if wanted and party not in wanted:
            continue
        buckets = [ZERO] * (count + 1)
        for due, value in documents.values():
            buckets[_bucket((day - due).days, width, count)] += value
        if not any(buckets):
            continue
        totals = [old + new for old, new in zip(totals, buckets, strict=True)]
        record = company.get(side[0], party) or {}
        label = cell(str(record.get("DisplayName", party)), party)
        rows.append(data([label, *_cells(buckets)]))
    rows.sort(key=lambda row: str(row["ColData"][0]["value"]).lower())
    if rows:
        rows.append(total([cell("TOTAL"), *_cells(totals)]))
    options = [{"Name": "report_date", "Value": day.isoformat()}]
    macro = "" if parameters.get("report_date") else "today"
    head = header(company, name, Period(day, day, macro), empty=not rows, options=options)
    titles = [_title(number, width, count) for number in range(count + 1)]
    money_columns = [column(text, "Money") for text in (*titles, "Total")]
    return report(head, [column("", side[0]), *money_columns], rows)


def _whole(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= 1000:
        raise faults.bad_number(name, text)
    return int(text)


def _cells(buckets: list[Decimal]) -> list[Row]:
    values = [*buckets, sum(buckets, ZERO)]
    return [cell(money(value)) for value in values[:-1]] + [
        cell(money(values[-1], blank_zero=False))
    ]


def _title(number: int, width: int, count: int) -> str:
    if number == 0:
        return "Current"
    first = (number - 1) * width + 1
    return f"{first} and over" if number == count else f"{first} - {number * width}"


def _bucket(late: int, width: int, count: int) -> int:
    return 0 if late <= 0 else min((late - 1) // width + 1, count)


def open_items(
    company: Company, name: str, day: date
) -> dict[str, dict[str, tuple[date, Decimal]]]:
    """Return what is open at the end of a day: by party and transaction, its due date and value."""
    _, field, _, holder = _SIDES[name]
    sign = 1 if field == "customer" else -1
    values: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    dues: dict[str, date] = {}
    owner: dict[str, str] = {}
    last = day.isoformat()
    for posted in postings(company):
        party = str(getattr(posted.entry, field))
        if not party or posted.day > last:
            continue
        key = str(posted.record["Id"])
        values[party, key] += sign * posted.entry.home
        dues[key] = parse_date(str(posted.record.get("DueDate") or posted.day)) or day
        owner[key] = party
    for payment in company.records[holder].values():
        if str(payment.get("TxnDate", "")) <= last:
            _apply(company, payment, values, owner)
    found: dict[str, dict[str, tuple[date, Decimal]]] = defaultdict(dict)
    for (party, key), value in values.items():
        if cents(value):
            found[party][key] = (dues[key], value)
    return found


def _apply(
    company: Company,
    payment: dict[str, Any],
    values: dict[tuple[str, str], Decimal],
    owner: dict[str, str],
) -> None:
    """Move what a payment applies from the payment to what it settles."""
    payer = str(payment["Id"])
    if payer not in owner and not amount(payment, "TotalAmt"):
        # A payment of nothing posts nothing, yet it links credits to charges.
        owner[payer] = ""
    for line in payment.get("Line") or []:
        links = line.get("LinkedTxn") or [{}]
        _, target = find_target(company, links[0])
        key = str((target or {}).get("Id", ""))
        if key not in owner or payer not in owner:
            continue
        rate = amount(target or {}, "ExchangeRate") or amount(payment, "ExchangeRate") or 1
        value = cents(amount(line, "Amount") * rate)
        value = -value if links[0].get("TxnType") in CREDITS else value
        values[owner[key], key] -= value
        if owner[payer]:
            values[owner[payer], payer] += value
