"""Parties: what QuickBooks says that customers owe and vendors are owed, against the platform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from connectors.ports import Report, ReportsPort
from models.postings import PAYABLE, RECEIVABLE
from tasks.both_books import BothBooks, SideBooks
from tasks.differences import Difference, Kind, Outside, part, plain
from tasks.reconcile_accounts import PARTS_MAX, Chart, LedgerLine, money


@dataclass(frozen=True)
class Side:
    """Receivables or payables."""

    report: str
    kind: Kind
    #: Record type of the parties.
    party: str
    account_type: str
    #: 1 where what is open is a debit.
    sign: int


RECEIVABLES = Side("AgedReceivables", Kind.RECEIVABLE, "customer", RECEIVABLE, 1)
PAYABLES = Side("AgedPayables", Kind.PAYABLE, "vendor", PAYABLE, -1)
#: (party, record) -> minor units.
_Open = dict[str, dict[str, int]]


@dataclass
class Parties:
    """What comparing the parties came to."""

    differences: list[Difference] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)
    compared: int = 0


def compare_parties(
    reports: ReportsPort,
    both: BothBooks,
    side: Side,
    as_of: date,
    ledger: Callable[[], list[LedgerLine]],
) -> Parties:
    """Compare every party's balance on a day.

    ledger reads QuickBooks's general ledger; it is asked only where QuickBooks's own records do not
    add up to its report.
    """
    report = reports.report(side.report, {"report_date": as_of.isoformat()})
    theirs = _reported(both, side, report)
    there, here = _open_of(both, both.quickbooks, side), _open_of(both, both.platform, side)
    parties = sorted({*theirs, *there, *here})
    rest = {party: theirs.get(party, 0) - sum(there.get(party, {}).values()) for party in parties}
    outside = _outside(both, side, rest, ledger)
    result = Parties(compared=len(parties))
    for party in parties:
        ours = sum(here.get(party, {}).values())
        beyond = sum(minor for _, _, minor in outside.get(party, []))
        name = _name(both, party)
        result.outside += [
            Outside(name, title, count, both.amount(minor))
            for title, count, minor in outside.get(party, [])
        ]
        left = theirs.get(party, 0) - ours - beyond
        if left:
            result.differences.append(
                _difference(both, side, party, (theirs.get(party, 0), ours, left), there, here)
            )
    return result


def _reported(both: BothBooks, side: Side, report: Report) -> dict[str, int]:
    """What a report says of each party."""
    keys = {
        each.side_id: key
        for key, each in both.quickbooks.records.items()
        if each.record_type.name == side.party
    }
    first, last = report.columns[0], report.columns[-1]
    found: dict[str, int] = defaultdict(int)
    for row in report.rows:
        cell = row.cells[first]
        key = keys.get(cell.id, f"{side.party}@quickbooks:{cell.id or cell.value}")
        found[key] += both.minor(money(row.cells[last].value))
    return dict(found)


def _open_of(both: BothBooks, books: SideBooks, side: Side) -> _Open:
    """What each record leaves open with each party."""
    found: _Open = {}
    for key, posted in books.posted.items():
        for each in posted.postings:
            if each.party.partition(":")[0] == side.party:
                by_record = found.setdefault(each.party, defaultdict(int))
                by_record[key] += side.sign * both.minor(each.home)
    return found


def _outside(
    both: BothBooks,
    side: Side,
    rest: Mapping[str, int],
    ledger: Callable[[], list[LedgerLine]],
) -> dict[str, list[tuple[str, int, int]]]:
    """Party -> kind, count and amount of transactions that the sync does not know."""
    if not any(rest.values()):
        return {}
    chart = Chart(both)
    accounts = {key for key, kind in chart.types.items() if kind == side.account_type}
    keys = {
        each.side_id: key
        for key, each in both.quickbooks.records.items()
        if each.record_type.name == side.party
    }
    sums: dict[tuple[str, str], tuple[set[str], int]] = {}
    for each in ledger():
        if each.record or each.account not in accounts or each.party_id not in keys:
            continue
        where = (keys[each.party_id], each.title)
        seen, minor = sums.get(where, (set(), 0))
        sums[where] = (seen | {each.transaction}, minor + side.sign * each.minor)
    found: dict[str, list[tuple[str, int, int]]] = {}
    for (party, title), (seen, minor) in sums.items():
        if minor:
            found.setdefault(party, []).append((title, len(seen), minor))
    return found


def _difference(
    both: BothBooks,
    side: Side,
    party: str,
    values: tuple[int, int, int],
    there: _Open,
    here: _Open,
) -> Difference:
    theirs, ours, left = values
    in_quickbooks, on_platform = there.get(party, {}), here.get(party, {})
    differing = [
        (key, in_quickbooks.get(key, 0), on_platform.get(key, 0))
        for key in dict.fromkeys([*in_quickbooks, *on_platform])
        if in_quickbooks.get(key, 0) != on_platform.get(key, 0)
    ]
    parts = tuple(part(both, *each) for each in differing[:PARTS_MAX])
    unexplained = left - sum(mine - yours for _, mine, yours in differing)
    reason = f"{len(differing)} records differ" if parts else "no record explains it"
    if parts and unexplained:
        reason += f"; no record explains {plain(both.amount(unexplained))} of it"
    record = both.quickbooks.records.get(party) or both.platform.records.get(party)
    return Difference(
        side.kind,
        _name(both, party),
        "",
        plain(both.amount(theirs)),
        plain(both.amount(ours)),
        plain(both.amount(left)),
        reason,
        record_type=side.party,
        link=record.link.id if record and record.link else None,
        records=parts,
    )


def _name(both: BothBooks, party: str) -> str:
    record = both.quickbooks.records.get(party) or both.platform.records.get(party)
    return record.label if record else party
