"""The reports that a tie-out needs, in QuickBooks's report JSON: Header, Columns, Rows.

All of them are computed from what the transactions post, see reports/journal.py. A report travels
without the usual envelope.
Source: dossier sections 2, 12.17; Intuit's Report.xsd; the recorded reports in XML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.reports.aging import aged_payables, aged_receivables
from emulator.reports.general_ledger import general_ledger
from emulator.reports.trial_balance import trial_balance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.company import Company

REPORTS: dict[str, Callable[[Company, Mapping[str, str]], dict[str, Any]]] = {
    "trialbalance": trial_balance,
    "generalledger": general_ledger,
    "agedreceivables": aged_receivables,
    "agedpayables": aged_payables,
}


def run_report(company: Company, name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return a report by its name, in any case."""
    report = REPORTS.get(name.lower())
    if report is None:
        raise faults.unsupported(f"report {name}")
    return report(company, parameters)
