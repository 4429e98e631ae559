"""Lines are laid over those QuickBooks holds, and nothing of it that is not ours gets lost."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.quickbooks import exact_json
from models.codecs import create_body
from models.errors import FieldError
from models.fields import put_at
from models.lines import Lines, pair_lines
from models.record_type import RecordType, catalog
from models.records import canonical_json
from tests.fixtures.records import KnownReferences, lines_of

WITH_LINES = [pytest.param(each, id=name) for name, each in catalog().items() if each.lines]
#: Few different lines, so that equal ones are common.
SMALL = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from("ab"), "amount": st.integers(1, 2)}), max_size=6
)


@given(SMALL, SMALL)
def test_pairs_use_each_held_line_once_and_all_equal_ones(
    wanted: list[dict[str, Any]], held: list[dict[str, Any]]
) -> None:
    """One partner per wanted line, of its kind, none twice; as many equal pairs as there can be."""
    partners = pair_lines(wanted, held)
    assert len(partners) == len(wanted)
    used = [each for each in partners if each is not None]
    assert len(used) == len(set(used))
    equal = 0
    for line, partner in zip(wanted, partners, strict=True):
        if partner is not None:
            assert held[partner]["kind"] == line["kind"]
            equal += held[partner] == line
    possible = Counter(map(canonical_json, wanted)) & Counter(map(canonical_json, held))
    assert equal == possible.total()
    for kind in "ab":
        there = sum(line["kind"] == kind for line in held)
        here = sum(line["kind"] == kind for line in wanted)
        paired = sum(held[each]["kind"] == kind for each in used)
        assert paired == min(there, here), "a line is new only when no held one of its kind is left"


@given(SMALL)
def test_unchanged_lines_pair_with_themselves(lines: list[dict[str, Any]]) -> None:
    """What did not change stays in its place, so that no line gets another one's Id."""
    assert pair_lines(lines, lines) == list(range(len(lines)))


def field_of(record_type: RecordType) -> Lines:
    """The lines field."""
    assert record_type.lines is not None
    return record_type.lines


def held_body(
    record_type: RecordType, value: Any, references: KnownReferences, currency: str
) -> dict[str, Any]:
    """What QuickBooks holds for these lines: with Ids and with parts that we do not map."""
    content = {"currency": currency, record_type.lines and record_type.lines.name: value}
    body = create_body(record_type, content, references)
    for number, line in enumerate(body.get("Line", []), start=1):
        line.update(Id=str(number), CustomExtensions=[{"kept": number}])
        for part in line.values():
            if isinstance(part, dict):
                part["Unmapped"] = {"value": f"kept {number}"}
    return body


@pytest.mark.parametrize("record_type", WITH_LINES)
@given(data=st.data(), currency=st.sampled_from(["USD", "JPY", "KWD"]))
def test_overlaid_lines_keep_ids_and_unmapped_parts(
    record_type: RecordType, data: st.DataObject, currency: str
) -> None:
    """Unchanged lines go out byte for byte; changed ones keep their Id and what we do not map."""
    lines = field_of(record_type)
    references = KnownReferences()
    before = data.draw(lines_of(lines, currency, writable=True))
    after = data.draw(st.permutations(before).map(tuple)) + data.draw(
        lines_of(lines, currency, writable=True)
    )
    after = after[data.draw(st.integers(0, 1)) :]
    for value in (before, after):
        references.know_all(record_type, {lines.name: value})
    held = held_body(record_type, before, references, currency)
    frozen = copy.deepcopy(held)
    written = lines.overlay(after, held, references, currency)
    assert held == frozen, "what was observed is never altered"

    assert len(written) == len(after)
    ids = [line["Id"] for line in written if "Id" in line]
    assert len(ids) == len(set(ids)), "no Id is sent twice"
    by_id = {line["Id"]: line for line in held.get("Line", [])}
    for line in written:
        if "Id" in line:
            assert line["CustomExtensions"] == by_id[line["Id"]]["CustomExtensions"]
        else:
            assert "CustomExtensions" not in line
    kept = Counter(map(canonical_json, before)) & Counter(map(canonical_json, after))
    same = sum(
        exact_json.encode(line) in map(exact_json.encode, by_id.values()) for line in written
    )
    assert same >= kept.total(), "a line that did not change is sent as QuickBooks holds it"
    answer = exact_json.decode(exact_json.encode({"Line": written}))
    assert lines.from_quickbooks(answer, references, currency) == after


READ_ONLY = [
    pytest.param(each, id=name)
    for name, each in catalog().items()
    if each.lines and not all(shape.writable for shape in each.lines.shapes)
]


@pytest.mark.parametrize("record_type", READ_ONLY)
def test_lines_that_only_quickbooks_can_edit(record_type: RecordType) -> None:
    """They pass through untouched, can be left out, and cannot be changed or added."""
    lines = field_of(record_type)
    references = KnownReferences()
    line: dict[str, Any] = {"Id": "4", "Amount": 5}
    put_at(line, lines.marker_path, "NewKindOfLine")
    held = {"Line": [line]}
    (read,) = lines.from_quickbooks(held, references, "USD")
    assert lines.overlay((read,), held, references, "USD") == [line]
    assert lines.overlay((), held, references, "USD") == []
    for wanted in ({**read, "amount": read["amount"] + 1}, read):
        with pytest.raises(FieldError) as caught:
            lines.overlay((read, wanted), held, references, "USD")
        assert caught.value.code == "line_read_only"
        assert caught.value.field == "lines[2]"
