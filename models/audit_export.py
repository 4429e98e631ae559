"""The audit log for others: lines of JSON that prove themselves, CSV that no spreadsheet runs.

A line of JSON begins with the entry's hash; what follows is the hashed text itself, so that anybody
can check a line with SHA-256 alone: replace its first 75 characters by "{" and hash the rest.
"""

from __future__ import annotations

import json
from typing import Any, Final

from models.audit import COLUMNS, HASH, Row, hashed_text

_PREFIX: Final = '{"hash":"'
#: Characters before the hashed text, which begins with "{" instead.
PREFIX_CHARACTERS: Final = len(_PREFIX) + 64 + len('",')
#: A longer line is none of ours: the largest record with its three versions is far smaller.
LINE_BYTES_MAX: Final = 2**24

#: What makes a spreadsheet take a cell for a formula, also in full width; and our own mark.
_FORMULA_STARTS: Final = frozenset("=+-@\uff1d\uff0b\uff0d\uff20'")
#: Invisible characters that spreadsheets skip like white space.
_INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u2060\x00"
_BREAKS: Final = frozenset("\t\r\n")
_MARK: Final = "'"


def json_line(row: Row) -> str:
    """An entry as a line of JSON, without its end.

    Raises:
        TypeError: the entry holds what was never written by us; `audit verify` names it.
    """
    return f'{_PREFIX}{row[HASH]}",{hashed_text(row)[1:]}'


def row_of_line(line: str) -> Row:
    """The entry in a line of JSON.

    Raises:
        ValueError: it is not a line as `json_line` writes it.
    """
    try:
        columns = json.loads(line)
        row = tuple(columns[name] for name in COLUMNS)
        is_ours = len(columns) == len(COLUMNS) and json_line(row) == line
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("is no audit entry") from error
    if not is_ours:
        raise ValueError("is not written as an audit entry is")
    return row


def csv_cells(row: Row) -> list[str]:
    """An entry as cells of CSV; nothing is an empty cell."""
    return [safe_cell(value) for value in row]


def safe_cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula; `plain_cell` undoes it.

    An apostrophe goes before what a spreadsheet might run: = + - @ also in full width and after
    white space, and before a tab or a line break at the beginning. It goes before an apostrophe
    too, so that taking one away is always right.
    Source: OWASP, CSV Injection.
    """
    text = "" if value is None else str(value)
    first = next((each for each in text if not (each.isspace() or each in _INVISIBLE)), "")
    is_risky = first in _FORMULA_STARTS or text[:1] in _BREAKS
    return f"{_MARK}{text}" if is_risky else text


def plain_cell(cell: str) -> str:
    """What a cell was before `safe_cell`."""
    return cell.removeprefix(_MARK)
