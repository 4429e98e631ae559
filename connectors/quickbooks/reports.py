"""Reports of QuickBooks: from nested sections of text to plain rows.

A report has Header, Columns and Rows. A row is data (ColData), or a section with a Header, Rows of
its own and a Summary, to any depth. The Header of a section may carry amounts of its own: those of
a parent customer or account whose children stand below it. Summaries repeat what stands above them
and are left out. Source: Intuit's Report.xsd; reference quickbooks-api, sections 2 and 12.17.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.ports import Cell, Report, ReportRow
from connectors.quickbooks.faults import local_error

#: Sections within sections: accounts and customers nest five deep, groups around them a few more.
DEPTH_MAX = 20


def read_report(answer: Mapping[str, Any]) -> Report:
    """Read a report.

    Raises:
        RetryLaterError: the answer is no report, or is nested beyond sense.
    """
    header = _object(answer.get("Header"))
    columns = _list(_object(answer.get("Columns")).get("Column"))
    if not header.get("ReportName") or not columns:
        raise local_error("incomplete", "no Header or Columns in the report", write=False)
    keys = tuple(_key(_object(each)) for each in columns)
    rows = tuple(_rows(_object(answer.get("Rows")), keys, ()))
    return Report(str(header["ReportName"]), str(header.get("Currency", "")), keys, rows)


def _rows(
    block: Mapping[str, Any], keys: tuple[str, ...], sections: tuple[Cell, ...]
) -> Iterator[ReportRow]:
    if len(sections) > DEPTH_MAX:
        raise local_error("incomplete", f"sections nest over {DEPTH_MAX} deep", write=False)
    for each in _list(block.get("Row")):
        row = _object(each)
        if "ColData" in row:
            yield ReportRow(_cells(row, keys), sections)
            continue
        heading = _cells(_object(row.get("Header")), keys)
        first = heading.get(keys[0], Cell())
        if any(cell.value for key, cell in heading.items() if key != keys[0]):
            yield ReportRow(heading, sections)
        yield from _rows(_object(row.get("Rows")), keys, (*sections, first))


def _cells(row: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Cell]:
    """The cells of a row by column; a row may end early."""
    data = [_object(each) for each in _list(row.get("ColData"))]
    return {
        key: Cell(str(each.get("value") or ""), str(each.get("id") or ""))
        for key, each in zip(keys, data, strict=False)
    }


def _key(column: Mapping[str, Any]) -> str:
    """What a column is called by programs, or its title."""
    for each in _list(column.get("MetaData")):
        if _object(each).get("Name") == "ColKey":
            return str(_object(each).get("Value") or "")
    return str(column.get("ColTitle") or "")


def _object(value: object) -> Mapping[str, Any]:
    """Return an object; anything else is an empty one."""
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    """Return a list; anything else is an empty one."""
    return value if isinstance(value, list) else []
