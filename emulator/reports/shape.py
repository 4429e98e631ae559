"""The shape of a report: header, columns, rows of text.

Every cell is text, amounts with two decimals and empty where there is nothing.
Source: Intuit's Report.xsd; the recorded reports in XML; dossier section 12.17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.clock import stamp
from emulator.writing.draft import cents

if TYPE_CHECKING:
    from decimal import Decimal

    from emulator.company import Company
    from emulator.reports.periods import Period

Row = dict[str, Any]


def cell(value: str = "", record_id: str = "") -> Row:
    """Return one cell, with the id of what it names."""
    return {"value": value, "id": record_id} if record_id else {"value": value}


def money(value: Decimal, *, blank_zero: bool = True) -> str:
    """Return an amount as a report prints it."""
    return "" if blank_zero and not value else f"{cents(value):.2f}"


def column(name: str, kind: str, key: str = "") -> Row:
    """Return one column's heading."""
    made: Row = {"ColTitle": name, "ColType": kind}
    if key:
        made["MetaData"] = [{"Name": "ColKey", "Value": key}]
    return made


def data(cells: list[Row], *, typed: bool = False) -> Row:
    """Return a row of cells."""
    return {"ColData": cells, "type": "Data"} if typed else {"ColData": cells}


def total(cells: list[Row], group: str = "GrandTotal") -> Row:
    """Return the row at the end."""
    return {"Summary": {"ColData": cells}, "type": "Section", "group": group}


def header(company: Company, name: str, period: Period, *, empty: bool, **more: Any) -> Row:
    """Return the header of a report."""
    made: Row = {"Time": stamp(company.clock.now()), "ReportName": name}
    if period.macro:
        made["DateMacro"] = period.macro
    options = more.pop("options", [])
    made |= more
    made |= {"StartPeriod": period.start.isoformat(), "EndPeriod": period.end.isoformat()}
    made["SummarizeColumnsBy"] = "Total"
    made["Currency"] = company.home_currency
    flag = {"Name": "NoReportData", "Value": str(empty).lower()}
    made["Option"] = [*options, flag]
    return made


def report(head: Row, columns: list[Row], rows: list[Row]) -> Row:
    """Return a whole report; without data it has no rows at all."""
    return {
        "Header": head,
        "Columns": {"Column": columns},
        "Rows": {"Row": rows} if rows else {},
    }
