"""The audit log's hashed form and its exports hold whatever a record may hold."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.audit import COLUMNS, Row, hashed_text, row_hash
from models.audit_export import (
    PREFIX_CHARACTERS,
    csv_cells,
    json_line,
    plain_cell,
    row_of_line,
    safe_cell,
)
from models.records import canonical_json

#: What a column may hold, and what a forger may put there.
ANYTHING = st.one_of(st.none(), st.integers(), st.text(), st.floats(allow_nan=False))
NATURAL = st.integers(0, 2**31)
TEXT = st.text()
ROWS = st.tuples(
    *(NATURAL, NATURAL, NATURAL, TEXT, TEXT, TEXT),
    *(st.one_of(st.none(), TEXT), st.one_of(st.none(), TEXT), st.one_of(st.none(), NATURAL)),
    *(TEXT, TEXT, st.text("0123456789abcdef", min_size=64, max_size=64)),
)


def canonical(row: Row) -> str:
    """The hashed form by its definition."""
    return canonical_json(dict(zip(COLUMNS[:-1], row, strict=False)))


@given(ROWS)
@settings(max_examples=300)
def test_the_hashed_text_is_canonical_json(row: Row) -> None:
    """Built by hand for speed, it is what the definition says, character for character."""
    assert hashed_text(row) == canonical(row)
    assert row_hash(row) == hashlib.sha256(canonical(row).encode()).hexdigest()


@given(st.tuples(*[ANYTHING] * len(COLUMNS)))
@settings(max_examples=300)
def test_values_of_any_kind_are_hashed_as_what_they_are(row: Row) -> None:
    """The number 1, the text "1" and 1.0 never look the same, in any column."""
    assert hashed_text(row) == canonical(row)


@given(ROWS)
def test_what_has_no_json_has_no_hash(row: Row) -> None:
    """Bytes, or half a character, are no reason to fail: no entry was ever written with them."""
    for odd in (b"bytes", "half \ud800"):
        for place in range(3, len(COLUMNS) - 1):
            assert row_hash((*row[:place], odd, *row[place + 1 :])) == ""


@given(ROWS)
@settings(max_examples=300)
def test_a_line_of_json_proves_itself(row: Row) -> None:
    """It comes back as it was, and its hash is that of the rest of the line as it stands."""
    line = json_line(row)
    assert "\n" not in line
    assert row_of_line(line) == row
    assert json.loads(line) == dict(zip(COLUMNS, row, strict=True))
    assert hashlib.sha256(f"{{{line[PREFIX_CHARACTERS:]}".encode()).hexdigest() == row_hash(row)


#: What begins a formula in a spreadsheet, and what may stand before it.
STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"
BLANKS = ["", " ", "\t", "\r", "\n", "\u00a0", "\u3000", "\ufeff", "\u200b", "\x0b", " \t "]


@given(st.text(alphabet=st.sampled_from([*STARTS, *"' \t\r\n\ufeff\"';,1a"]), max_size=6))
@example("'")
@example("''=1")
@settings(max_examples=500)
def test_no_cell_is_a_formula_and_every_cell_comes_back(text: str) -> None:
    cell = safe_cell(text)
    assert plain_cell(cell) == text
    assert not is_formula(cell)


def test_every_start_of_a_formula_after_any_blank_is_made_safe() -> None:
    for blank in BLANKS:
        for start in STARTS:
            assert is_formula(f"{blank}{start}1+1")
            assert safe_cell(f"{blank}{start}1+1") == f"'{blank}{start}1+1"
    for harmless in ("", "a=1", "Net 30", "{}", "2026-01-31", "sync", "a\tb"):
        assert safe_cell(harmless) == harmless


def is_formula(cell: str) -> bool:
    """As a suspicious spreadsheet would say."""
    visible = cell.translate(dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\x00")))
    return visible.strip()[:1] in tuple(STARTS) or cell[:1] in ("\t", "\r", "\n")


@given(st.lists(ROWS, max_size=5))
def test_a_file_of_csv_comes_back_cell_by_cell(rows: list[Row]) -> None:
    """Line breaks, quotes and separators within a cell do not move the others."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(csv_cells(row) for row in rows)
    back = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert [[plain_cell(cell) for cell in row] for row in back] == [
        [as_text(value) for value in row] for row in rows
    ]


def as_text(value: Any) -> str:
    return "" if value is None else str(value)
