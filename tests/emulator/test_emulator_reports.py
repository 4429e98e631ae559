"""Reports: their shape, and that they tie out with the books and with each other."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from emulator_books import Client, invoice, payment, refusal, unwrap
from quickbooks import QuickBooks

from emulator.reports import run_report
from emulator.reports.periods import period_of
from emulator.testing import RunningEmulator


def cells(row: dict[str, Any]) -> list[str]:
    return [cell["value"] for cell in (row.get("ColData") or row["Summary"]["ColData"])]


def rows(report: dict[str, Any]) -> list[list[str]]:
    return [cells(row) for row in report["Rows"].get("Row", [])]


def number(text: str) -> Decimal:
    return Decimal(text or 0)


def run(running: RunningEmulator, name: str, **parameters: str) -> dict[str, Any]:
    return run_report(running.company, name, parameters)


def test_a_trial_balance_over_http(client: Client) -> None:
    report = unwrap(client.get("reports/TrialBalance", date_macro="All"))
    assert set(report) == {"Header", "Columns", "Rows"}, "a report has no envelope"
    assert report["Header"]["ReportName"] == "TrialBalance"
    assert report["Header"]["Option"] == [{"Name": "NoReportData", "Value": "false"}]
    titles = [column["ColTitle"] for column in report["Columns"]["Column"]]
    assert titles == ["", "Debit", "Credit"]
    *accounts, total = rows(report)
    assert total[0] == "TOTAL"
    assert total[1] == total[2]
    for side in (1, 2):
        assert sum(number(row[side]) for row in accounts) == number(total[side])
    by_id = {row["ColData"][0]["id"]: cells(row) for row in report["Rows"]["Row"][:-1]}
    for account in client.running.company.all("Account"):
        if account["Classification"] in {"Asset", "Liability"} and account["CurrentBalance"]:
            _, debit, credit = by_id[account["Id"]]
            assert number(debit) - number(credit) == account["CurrentBalance"]


def test_income_of_earlier_years_is_retained(client: Client) -> None:
    client.save("Invoice", invoice("1", 100, TxnDate="2025-06-30"))
    report = unwrap(client.get("reports/TrialBalance", end_date="2026-01-31"))
    shown = {row[0].partition(" ")[2]: row[1:] for row in rows(report)}
    assert shown["Retained Earnings"] == ["", "100.00"]
    assert "Consulting Income" not in shown


def test_the_general_ledger_runs_to_the_trial_balance(running: RunningEmulator) -> None:
    ledger = run(running, "GeneralLedger", date_macro="All")
    keys = [column["MetaData"][0]["Value"] for column in ledger["Columns"]["Column"]]
    assert keys[0] == "tx_date"
    assert keys[-1] == "rbal_nat_amount"
    trial = {
        row["ColData"][0]["id"]: abs(number(cells(row)[1]) - number(cells(row)[2]))
        for row in run(running, "TrialBalance", date_macro="All")["Rows"]["Row"][:-1]
    }
    for section in ledger["Rows"]["Row"]:
        account = section["Header"]["ColData"][0]["id"]
        lines = [cells(row) for row in section["Rows"]["Row"]]
        assert abs(number(lines[-1][-1])) == trial.pop(account, Decimal(0))
        assert cells(section)[0] == f"Total for {section['Header']['ColData'][0]['value']}"
        assert number(cells(section)[-2]) == sum(number(line[-2]) for line in lines)
    assert not trial


def test_one_account_and_chosen_columns(running: RunningEmulator) -> None:
    start = {"start_date": "2026-11-01", "end_date": "2026-11-30"}
    ledger = run(
        running, "generalledger", account="4", columns="txn_type,subt_nat_amount,nonsense", **start
    )
    (section,) = ledger["Rows"]["Row"]
    assert [column["ColTitle"] for column in ledger["Columns"]["Column"]] == [
        "Transaction Type",
        "Amount",
    ]
    kinds = {cells(row)[0] for row in section["Rows"]["Row"]}
    assert kinds <= {"", "Invoice", "Payment", "Credit Memo"}


@pytest.mark.parametrize("name", ["AgedReceivables", "AgedPayables"])
def test_ages_add_up_to_what_is_owed(running: RunningEmulator, name: str) -> None:
    entity = "Customer" if name == "AgedReceivables" else "Vendor"
    report = run(running, name)
    *parties, total = report["Rows"]["Row"]
    for row in parties:
        party = row["ColData"][0]["id"]
        assert number(cells(row)[-1]) == running.get(entity, party)["Balance"]
    owed = sum(Decimal(row.get("Balance", 0)) for row in running.company.all(entity))
    assert number(cells(total)[-1]) == owed
    assert sum(number(value) for value in cells(total)[1:-1]) == owed


def test_ages_as_of_a_day(running: RunningEmulator) -> None:
    made = running.save("Invoice", invoice("8", 100, TxnDate="2026-08-01", DueDate="2026-08-31"))
    running.save("Payment", payment("8", 130, (made["Id"], 60), TxnDate="2026-10-15"))

    def of(day: str) -> list[str]:
        report = run(running, "AgedReceivables", report_date=day, customer="8")
        return next(iter(rows(report)), [])[1:]

    assert of("2026-07-31") == []
    assert of("2026-08-31") == ["100.00", "", "", "", "", "100.00"]
    assert of("2026-09-01") == ["", "100.00", "", "", "", "100.00"]
    assert of("2026-10-15") == ["-70.00", "", "40.00", "", "", "-30.00"]
    report = run(running, "AgedReceivables", report_date="2026-10-15", num_periods="1")
    assert [column["ColTitle"] for column in report["Columns"]["Column"]][1:] == [
        "Current",
        "1 and over",
        "Total",
    ]


def test_a_report_through_the_library(library: QuickBooks) -> None:
    report = library.get_report("AgedPayables", {"report_date": "2026-11-20"})
    assert report["Header"]["ReportName"] == "AgedPayables"
    assert report["Header"]["Option"][0] == {"Name": "report_date", "Value": "2026-11-20"}


def test_an_empty_report(tmp_path: Path) -> None:
    with RunningEmulator(company=tmp_path) as running:
        for name in ("TrialBalance", "GeneralLedger", "AgedReceivables", "AgedPayables"):
            report = run(running, name)
            assert report["Rows"] == {}
            assert report["Header"]["Option"][-1] == {"Name": "NoReportData", "Value": "true"}


@pytest.mark.parametrize(
    ("name", "parameters", "code"),
    [
        ("ProfitOfDoom", {}, "500"),
        ("TrialBalance", {"start_date": "soon"}, "2090"),
        ("TrialBalance", {"start_date": "2026-02-01", "end_date": "2026-01-01"}, "2090"),
        ("TrialBalance", {"date_macro": "Some Day"}, "2090"),
        ("AgedPayables", {"num_periods": "0"}, "2080"),
        ("AgedPayables", {"aging_period": "x"}, "2080"),
    ],
)
def test_a_report_is_refused(
    client: Client, name: str, parameters: dict[str, str], code: str
) -> None:
    assert refusal(client.get(f"reports/{name}", **parameters))["code"] == code


MACROS = [
    ("Today", "2026-11-22", "2026-11-22"),
    ("Yesterday", "2026-11-21", "2026-11-21"),
    ("This Week", "2026-11-22", "2026-11-28"),
    ("Last Week", "2026-11-15", "2026-11-21"),
    ("This Month-to-date", "2026-11-01", "2026-11-22"),
    ("Last Month", "2026-10-01", "2026-10-31"),
    ("Next Calendar Quarter", "2027-01-01", "2027-03-31"),
    ("This Fiscal Quarter", "2026-10-01", "2026-12-31"),
    ("Last Fiscal Year-to-date", "2025-01-01", "2025-11-22"),
    ("This Calendar Year", "2026-01-01", "2026-12-31"),
]


@pytest.mark.parametrize(("macro", "start", "end"), MACROS)
def test_date_macros(
    running: RunningEmulator, monkeypatch: pytest.MonkeyPatch, macro: str, start: str, end: str
) -> None:
    monkeypatch.setattr(running.company.clock, "today", lambda: date(2026, 11, 22))
    period = period_of(running.company, {"date_macro": macro})
    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


def test_recorded_books_tie_out(payloads: Path) -> None:
    """What each recorded customer and vendor owes follows from the recorded transactions."""
    with RunningEmulator(company=payloads / "company") as running:
        for name, entity in (("AgedReceivables", "Customer"), ("AgedPayables", "Vendor")):
            report = run(running, name)
            aged = {
                row["ColData"][0]["id"]: number(cells(row)[-1])
                for row in report["Rows"]["Row"]
                if "ColData" in row
            }
            recorded = {
                row["Id"]: Decimal(row["Balance"])
                for row in running.company.all(entity)
                if row.get("Balance")
            }
            assert aged == recorded
        total = rows(run(running, "TrialBalance", date_macro="All"))[-1]
        assert total[1] == total[2]
