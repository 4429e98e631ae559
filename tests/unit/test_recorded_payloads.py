"""Real answers of real companies are read without a loss and written back untouched.

The recordings are no part of the repository; QBSYNC_PAYLOADS names their folder.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connectors.quickbooks import exact_json
from models.codecs import decode, parents_of, platform_row, sync_token_of, update_body
from models.errors import FieldError
from models.fields import Money, Number, value_at
from models.record_type import RecordType, catalog
from models.sales_lines import BundleAmount
from models.words import Side
from tests.fixtures.records import PAYLOADS, KnownReferences, recorded

pytestmark = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the recorded payloads are not here; set QBSYNC_PAYLOADS"
)
RECORD_TYPES = [pytest.param(each, id=name) for name, each in catalog().items()]
#: How many records there are at least: a test that reads none would prove nothing.
RECORDS_MIN = {
    "account": 90,
    "customer": 30,
    "vendor": 30,
    "item": 20,
    "invoice": 35,
    "payment": 15,
    "expense": 30,
    "bill": 15,
    "bill_payment": 10,
    "class": 1,
    "company": 1,
    "credit_memo": 9,
    "department": 1,
    "deposit": 13,
    "journal_entry": 13,
    "receipt": 0,
    "refund_receipt": 1,
    "transfer": 1,
    "vendor_credit": 1,
}


def all_recorded(record_type: RecordType) -> list[tuple[str, dict[str, Any], KnownReferences]]:
    """Every recording with references that know all that it refers to."""
    records = recorded(record_type.entity)
    return [(name, raw, KnownReferences()) for name, raw in records if record_type.takes(raw)]


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_every_recording_is_read(record_type: RecordType) -> None:
    """No recording has an error, and its parents and version can be read."""
    errors = []
    records = all_recorded(record_type)
    assert len(records) >= RECORDS_MIN[record_type.name]
    for name, raw, references in records:
        decoded = decode(record_type, Side.QUICKBOOKS, raw, references)
        errors += [(name, each.field, each.code) for each in decoded.errors]
        assert parents_of(record_type, Side.QUICKBOOKS, raw) is not None
        assert sync_token_of(raw).partition("|")[0] == str(raw.get("SyncToken", ""))
    assert errors == []


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_numbers_are_as_exact_as_they_were_written(record_type: RecordType) -> None:
    """Every amount, quantity and rate equals the literal in the recording, digit by digit."""
    count = 0
    for _, raw, references in all_recorded(record_type):
        content = decode(record_type, Side.QUICKBOOKS, raw, references).content
        for each in record_type.fields:
            if isinstance(each, Number | Money) and value_at(raw, each.quickbooks) is not None:
                literal = value_at(raw, each.quickbooks)
                assert not isinstance(literal, float)
                assert content[each.name] == Decimal(literal)
                count += 1
        if record_type.lines is not None:
            shaped = record_type.lines.mapped_lines(raw)
            for (shape, line), read in zip(shaped, content["lines"], strict=True):
                for each in shape.fields:
                    literal = value_at(line, each.quickbooks)
                    is_figure = isinstance(each, Number | Money)
                    if isinstance(each, BundleAmount):
                        continue  # QuickBooks writes zero there
                    if is_figure and literal is not None:
                        assert read[each.name] == Decimal(literal)
                        count += 1
    has_figures = record_type.lines or any(
        isinstance(each, Number | Money) for each in record_type.fields
    )
    assert count or not has_figures or not RECORDS_MIN[record_type.name]


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_the_platform_holds_all_of_it(record_type: RecordType) -> None:
    """QuickBooks -> row -> content is what QuickBooks said."""
    for name, raw, references in all_recorded(record_type):
        content = decode(record_type, Side.QUICKBOOKS, raw, references).content
        for link_id in list(references.links.values()):
            references.links |= {
                (kind, Side.PLATFORM, str(link_id)): known
                for (kind, _, _), known in references.links.items()
                if known == link_id
            }
        row = platform_row(record_type, content, set(record_type.by_name), references)
        decoded = decode(record_type, Side.PLATFORM, row, references)
        assert not decoded.errors, name
        assert decoded.content == content, name


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_an_edited_text_changes_nothing_else(record_type: RecordType) -> None:
    """A sparse update of one text sends that text and its own object, and no other value moves."""
    texts = [
        each for each in record_type.fields if each.kind == "text" and each.sent and each.quickbooks
    ]
    for name, raw, references in all_recorded(record_type):
        content = decode(record_type, Side.QUICKBOOKS, raw, references).content
        before = exact_json.encode(raw)
        for each in texts:
            edited = {**content, each.name: "edited"}
            held = {"SyncToken": "0", **raw}
            body = update_body(record_type, edited, {each.name}, held, references)
            assert body.pop("sparse") is not record_type.full_updates
            demanded = {"Id", "SyncToken", *record_type.always_sent} & set(held)
            assert set(body) == demanded | {each.root}
            for part in demanded - {each.root}:
                assert exact_json.encode(body[part]) == exact_json.encode(held[part])
            now = decode(record_type, Side.QUICKBOOKS, {**raw, **body}, references).content
            if each.root == "PrivateNote" and content.get("status") == "voided":
                continue  # the note is what says that an invoice is void
            assert now == edited, name
            if isinstance(raw.get(each.root), dict):
                held_parts = {k: v for k, v in raw[each.root].items() if k in body[each.root]}
                assert set(held_parts) == set(raw[each.root]), "parts we do not map go out too"
        assert exact_json.encode(raw) == before, "what was observed is never altered"


WITH_LINES = [pytest.param(each, id=name) for name, each in catalog().items() if each.lines]


@pytest.mark.parametrize("record_type", WITH_LINES)
def test_an_edited_line_changes_no_other(record_type: RecordType) -> None:
    """One amount is changed: the other lines go out byte for byte, this one keeps what it had."""
    assert record_type.lines is not None
    edited_lines = 0
    for name, raw, references in all_recorded(record_type):
        content = decode(record_type, Side.QUICKBOOKS, raw, references).content
        held = [line for _, line in record_type.lines.mapped_lines(raw)]
        for number, line in enumerate(content["lines"]):
            shape = record_type.lines.shape_of(line["kind"])
            computed = (line["kind"], "amount") in record_type.lines.computed
            if "amount" not in line or computed:
                continue
            lines = list(content["lines"])
            lines[number] = {**line, "amount": line["amount"] + 1}
            edited = {**content, "lines": tuple(lines)}
            body_of = (record_type, edited, {"lines"}, {"SyncToken": "0", **raw}, references)
            if not shape.writable:
                with pytest.raises(FieldError, match="can only be edited in QuickBooks"):
                    update_body(*body_of)
                continue
            sent = update_body(*body_of)["Line"]
            assert len(sent) == len(held)
            for place, (now, was) in enumerate(zip(sent, held, strict=True)):
                if place != number:
                    assert exact_json.encode(now) == exact_json.encode(was), name
            assert sent[number] == {**held[number], "Amount": line["amount"] + 1}, name
            edited_lines += 1
    assert edited_lines > min(10, RECORDS_MIN[record_type.name] // 2)
