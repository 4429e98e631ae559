"""What goes out to a side comes back as it was, for every record type of the catalog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.quickbooks import exact_json
from models.codecs import create_body, decode, load_content, parents_of, platform_row, update_body
from models.errors import RecordError
from models.fields import Field, Reader
from models.record_type import RecordType, catalog
from models.records import Content, canonical_json
from models.reference_fields import Reference
from models.words import Side
from tests.fixtures.records import KnownReferences, contents

RECORD_TYPES = [pytest.param(each, id=name) for name, each in catalog().items()]


def known(record_type: RecordType, content: Content) -> KnownReferences:
    """References that know all that the record refers to."""
    references = KnownReferences()
    references.know_all(record_type, content)
    return references


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@given(data=st.data())
def test_the_platform_gives_back_what_it_was_given(
    record_type: RecordType, data: st.DataObject
) -> None:
    """Content -> row -> content is the identity, with lines of every kind."""
    content = data.draw(contents(record_type))
    references = known(record_type, content)
    row = platform_row(record_type, content, set(record_type.by_name), references)
    decoded = decode(record_type, Side.PLATFORM, row, references)
    assert not decoded.errors
    assert decoded.content == content


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@given(data=st.data())
def test_quickbooks_gives_back_what_was_sent(record_type: RecordType, data: st.DataObject) -> None:
    """Content -> body -> bytes -> body -> content is the identity on all that a create sends."""
    content = data.draw(contents(record_type, writable=True))
    references = known(record_type, content)
    body = exact_json.decode(exact_json.encode(create_body(record_type, content, references)))
    decoded = decode(record_type, Side.QUICKBOOKS, body, references)
    sent = [each.name for each in record_type.fields if each.sent_on_create]
    assert {name: decoded.content[name] for name in sent} == {name: content[name] for name in sent}


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@given(data=st.data())
def test_an_update_turns_what_is_held_into_what_is_wanted(
    record_type: RecordType, data: st.DataObject
) -> None:
    """The sparse body laid over the held record decodes to the wanted fields and no others."""
    before = data.draw(contents(record_type, writable=True))
    after = data.draw(contents(record_type, writable=True))
    if "currency" in after:
        # a record's currency never changes, and decides how many decimals its amounts have
        after = {
            **before,
            **{n: v for n, v in after.items() if before["currency"] == after["currency"]},
        }
    references = known(record_type, before)
    references.know_all(record_type, after)
    held = {**create_body(record_type, before, references), "Id": "1", "SyncToken": "0", "Extra": 1}
    frozen = exact_json.encode(held)
    changed = {
        each.name
        for each in record_type.fields
        if each.sent and before[each.name] != after[each.name]
    }
    body = update_body(record_type, after, changed, held, references)
    assert exact_json.encode(held) == frozen, "what was observed is never altered"
    now = {**held, **body}
    for field in record_type.fields:
        # QuickBooks drops the parent of what is no longer below one
        if isinstance(field, Reference) and field.flag and now.get(field.flag) is False:
            now.pop(field.root, None)
    decoded = decode(record_type, Side.QUICKBOOKS, now, references)
    for name in changed:
        assert decoded.content[name] == after[name]
    for each in record_type.fields:
        if each.sent and each.name not in changed:
            assert decoded.content[each.name] == before[each.name]


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@given(data=st.data())
def test_a_stored_base_is_the_content_it_was(record_type: RecordType, data: st.DataObject) -> None:
    """Content -> canonical JSON -> content is the identity, and one content has one text."""
    content = data.draw(contents(record_type))
    text = canonical_json(content)
    loaded = load_content(record_type, json.loads(text))
    assert loaded == content
    assert canonical_json(dict(reversed(loaded.items()))) == text


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@given(data=st.data())
def test_a_field_without_its_key_is_none(record_type: RecordType, data: st.DataObject) -> None:
    """What decoding leaves unread for want of its key would have been read as None."""
    content = data.draw(contents(record_type, writable=True))
    references = known(record_type, content)
    whole = {
        Side.QUICKBOOKS: create_body(record_type, content, references),
        Side.PLATFORM: platform_row(record_type, content, set(record_type.by_name), references),
    }
    lines = record_type.lines
    for side, record in whole.items():
        read = list(_without_their_keys(record_type.readers[side], record))
        for shape in lines.shapes if lines else ():
            for line in record.get(lines.quickbooks if side is Side.QUICKBOOKS else "lines") or ():
                read += _without_their_keys(shape.readers[side], line)
        for field, lacking, reader in read:
            assert reader(lacking, references, "USD") is None, (side, field.name)


def _without_their_keys(
    readers: tuple[Reader, ...], record: dict[str, Any]
) -> Iterator[tuple[Field, dict[str, Any], Any]]:
    for field, key, reader in readers:
        if key is not None:
            yield field, {name: value for name, value in record.items() if name != key}, reader


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_what_a_stored_base_does_not_know_stays_unknown(record_type: RecordType) -> None:
    """A base without lines would be an agreement on none; None leaves the decision open."""
    unknown = dict.fromkeys(record_type.by_name)
    assert load_content(record_type, json.loads(canonical_json(unknown))) == unknown


# -- hostile values --

HOSTILE = [
    None,
    "",
    "\x00",
    "a\x00b",
    "☕" * 4000,
    "x" * 4001,
    '=HYPERLINK("http://x","y")',
    "+1+1|cmd",
    "<script>alert(1)</script>",
    "'; DROP TABLE invoices; --",
    "\ud800",
    "ok\udfff",
    "\u202egnp.exe",
    "Robert (deleted) (deleted)",
    " (deleted)",
    "NaN",
    "Infinity",
    "1e999999",
    "0x10",
    "\uff11\uff12",
    "20260405",
    "2026-02-30",
    "0000-00-00",
    Decimal("-0"),
    Decimal("0.005"),
    Decimal("1E+12"),
    Decimal("1E+400"),
    Decimal("1E-400"),
    Decimal("NaN"),
    Decimal("Infinity"),
    -1,
    0,
    10**12,
    10**40,
    True,
    False,
    1.5,
    float("nan"),
    b"bytes",
    [],
    {},
    [None],
    [[]],
    ["x", 1],
    {"value": None},
    {"value": {"value": "1"}},
    {"value": ["1"], "name": {"x": 1}, "type": []},
    [{"DetailType": ["x"]}],
    [{"DetailType": {}, "Amount": "x", "LinkedTxn": 5}],
    [{"LinkedTxn": [{"TxnType": "Invoice", "TxnId": {}}], "Amount": {}}],
    [{"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": 7, "Amount": 1.5}],
]
#: Any JSON, with the hostile values as leaves.
JSON = st.recursive(
    st.sampled_from(HOSTILE) | st.text(max_size=5) | st.integers() | st.booleans(),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3)
    ),
    max_leaves=6,
)


def roots(record_type: RecordType, side: Side) -> list[str]:
    """Names of the parts of a raw record that the record type reads."""
    if side is Side.PLATFORM:
        return [each.column for each in record_type.fields if each.name != "lines"]
    return sorted({each.root for each in record_type.fields if each.root})


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_a_hostile_value_in_any_field_is_a_record_error_or_a_value(
    record_type: RecordType, side: Side
) -> None:
    """Every hostile value in every field: decoding names it or takes it, and never breaks."""
    names = roots(record_type, side) + (["Line"] if side is Side.QUICKBOOKS else [])
    for name in names:
        for value in HOSTILE:
            check_hostile(record_type, side, {name: value})


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@settings(max_examples=15)
@given(data=st.data())
@example(data=None)
def test_any_json_from_quickbooks_is_a_record_error_or_a_record(
    record_type: RecordType, data: st.DataObject | None
) -> None:
    """Whole records of arbitrary JSON are decoded or refused by name."""
    if data is None:
        return
    names = [*roots(record_type, Side.QUICKBOOKS), "Line", "TotalAmt", "Balance", "PrivateNote"]
    raw = data.draw(st.dictionaries(st.sampled_from(names), JSON, max_size=6))
    check_hostile(record_type, Side.QUICKBOOKS, raw)


def check_hostile(record_type: RecordType, side: Side, raw: dict[str, Any]) -> None:
    """Decoding raises nothing, errors can be shown, and the content can be stored and hashed."""
    references = KnownReferences()
    decoded = decode(record_type, side, raw, references)
    for error in decoded.errors:
        assert isinstance(error, RecordError)
        assert error.code
        assert error.fix
        for text in (str(error), error.value):
            assert text.isprintable(), f"{text!r} cannot stand in a log or table"
    canonical_json(decoded.content).encode()
    try:
        parents_of(record_type, side, raw)
    except RecordError:
        assert decoded.errors


@pytest.mark.parametrize("record_type", RECORD_TYPES)
@settings(max_examples=15)
@given(data=st.data())
def test_decoding_is_stable(record_type: RecordType, data: st.DataObject) -> None:
    """What was read with odd spelling, written to the platform and read again is the same.

    Otherwise a record would look edited although nobody touched it.
    """
    raw: dict[str, Any] = {}
    for each in record_type.fields:
        if each.kind == "text" and each.quickbooks and "." not in each.quickbooks:
            odd = st.sampled_from(
                [" x ", "x\r\ny", "Ann (deleted)", "A  (deleted)", "B (deleted) (deleted)"]
            )
            raw[each.quickbooks] = data.draw(odd)
    references = KnownReferences()
    first = decode(record_type, Side.QUICKBOOKS, raw, references).content
    row = platform_row(record_type, first, set(first), references)
    second = decode(record_type, Side.PLATFORM, row, references).content
    names = [each.name for each in record_type.fields if each.kind == "text"]
    assert {name: second.get(name) for name in names} == {name: first.get(name) for name in names}
