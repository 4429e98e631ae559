"""The audit chain shows every change to it: any column, any entry, any order, any end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from models.audit import (
    GENESIS,
    AuditEntry,
    AuditFinding,
    AuditNote,
    chained,
    entry_hash,
    verify_chain,
)
from models.records import canonical_json

LENGTH = 6


def chain(length: int = LENGTH, **changes: Any) -> list[AuditEntry]:
    """A chain as it is written, with all kinds of values in its notes."""
    notes = [
        AuditNote(
            "write.platform",
            {"changed": {"memo": ["old", f"new {number}"], "total": Decimal("10.50")}},
            record_type="invoice",
            link_id=number,
        )
        for number in range(length)
    ]
    given = {
        "connection_id": 3,
        "after_number": 0,
        "after_hash": GENESIS,
        "at": "2026-04-05T21:49:30.000000+00:00",
        "run_id": "run",
    }
    return chained(notes, **{**given, **changes})


ENTRIES = chain()
HEAD = (ENTRIES[-1].number, ENTRIES[-1].hash)


def findings(entries: list[AuditEntry], head: tuple[int, str] | None = HEAD) -> list[AuditFinding]:
    """What is wrong with these entries."""
    return list(verify_chain(entries, connection_id=3, head=head))


def rehashed(entries: list[AuditEntry]) -> list[AuditEntry]:
    """The entries with hashes that fit, as a forger would write them."""
    forged: list[AuditEntry] = []
    for each in entries:
        previous = forged[-1].hash if forged else GENESIS
        linked = replace(each, previous_hash=previous)
        forged.append(replace(linked, hash=entry_hash(linked)))
    return forged


def test_an_untouched_chain_is_found_good() -> None:
    """So is an empty one without a head."""
    assert findings(ENTRIES) == []
    assert findings([], None) == []
    assert [each.number for each in ENTRIES] == list(range(1, LENGTH + 1))


def test_a_chain_is_continued_where_it_ended() -> None:
    """Two appends give the chain that one append gives."""
    first = ENTRIES[:2]
    notes = chain()[2:]
    more = chained(
        [AuditNote("write.platform", {}, record_type="x")] * len(notes),
        connection_id=3,
        after_number=2,
        after_hash=first[-1].hash,
        at=ENTRIES[0].at,
        run_id=None,
    )
    assert findings([*first, *more], (more[-1].number, more[-1].hash)) == []


@pytest.mark.parametrize("number", range(LENGTH))
@pytest.mark.parametrize("column", [each.name for each in fields(AuditEntry)])
def test_one_changed_column_of_one_entry_is_found_and_named(column: str, number: int) -> None:
    """Any column, to another value of its kind, to empty, and to nothing."""
    entry = ENTRIES[number]
    value = getattr(entry, column)
    other = value + 1 if isinstance(value, int) else f"{value} "
    for changed in (other, "" if isinstance(value, str) else 0, None):
        if changed == value:
            continue
        entries = [*ENTRIES]
        entries[number] = replace(
            entry, **{column: changed or (0 if column == "number" else changed)}
        )
        found = findings(entries)
        assert found, f"{column} of entry {entry.number} was changed to {changed!r}"
        named = {each.number for each in found}
        assert named & {entry.number, entries[number].number}, "the entry is named"
        assert all(each.message and each.connection_id == 3 for each in found)


def swapped(entries: list[AuditEntry]) -> list[AuditEntry]:
    return [entries[0], entries[2], entries[1], *entries[3:]]


TAMPERED: list[tuple[str, Callable[[list[AuditEntry]], list[AuditEntry]], str]] = [
    ("the first entry removed", lambda each: each[1:], "entry 1 is missing"),
    ("one in the middle removed", lambda each: each[:2] + each[3:], "entry 3 is missing"),
    ("two swapped", swapped, "entry 2 is missing"),
    ("one twice", lambda each: [*each[:3], each[2], *each[3:]], "entry 3 does not follow"),
    ("one inserted", lambda each: [*each[:3], chain(1)[0], *each[3:]], "does not follow"),
    ("the tail cut", lambda each: each[:-2], "ends at entry 4, but its head says 6"),
    ("all removed", lambda _: [], "ends at entry 0, but its head says 6"),
    (
        "an entry changed and its own hash made to fit",
        lambda each: [
            each[0],
            replace(each[1], body="{}", hash=entry_hash(replace(each[1], body="{}"))),
            *each[2:],
        ],
        "entry 3 does not follow",
    ),
    (
        "an entry changed and all hashes from there on made to fit",
        lambda each: rehashed([*each[:2], replace(each[2], body="{}"), *each[3:]]),
        "entry 6 is the last one, but not the one that the head was written for",
    ),
    (
        "an entry removed, the others renumbered and all hashes made to fit",
        lambda each: rehashed(
            [replace(entry, number=place) for place, entry in enumerate(each[1:], start=1)]
        ),
        "ends at entry 5, but its head says 6",
    ),
    (
        "entries added with hashes that fit",
        lambda each: rehashed([*each, replace(each[-1], number=7)]),
        "ends at entry 7, but its head says 6",
    ),
]


@pytest.mark.parametrize(("says", "tamper", "message"), TAMPERED, ids=[row[0] for row in TAMPERED])
def test_a_chain_that_was_tampered_with(
    says: str, tamper: Callable[[list[AuditEntry]], list[AuditEntry]], message: str
) -> None:
    """Each way of changing the list is found, and the finding says where."""
    assert any(message in each.message for each in findings(tamper([*ENTRIES]))), says


def test_entries_of_another_connection_do_not_pass() -> None:
    """A chain copied from another company is no chain of this one."""
    foreign = chain(connection_id=4)
    found = list(verify_chain(foreign, connection_id=3, head=(6, foreign[-1].hash)))
    assert {each.message for each in found} == {"belongs to another connection"}


def test_a_chain_without_a_head_is_not_trusted() -> None:
    """Whoever cuts the tail could remove the head as well."""
    assert [each.message for each in findings(ENTRIES, None)] == [
        "the chain has entries but no head"
    ]


def test_the_hashed_form_never_changes() -> None:
    """Another form would make every log that was ever written look forged."""
    note = AuditNote(
        "conflict",
        {
            "text": 'Zoë ☕ \u2028 \x00 "quoted"',
            "amount": Decimal("0.0000001"),
            "day": date(2026, 4, 5),
            "time": datetime(2026, 4, 5, 21, 49, 30, tzinfo=UTC),
            "lines": ({"b": 1, "a": None}, {}),
        },
        actor="ann",
    )
    (entry,) = chained(
        [note],
        connection_id=1,
        after_number=41,
        after_hash="f" * 64,
        at="2026-04-05T21:49:30.000000+00:00",
        run_id=None,
    )
    assert entry.body == (
        '{"amount":"0.0000001","day":"2026-04-05","lines":[{"a":null,"b":1},{}],'
        '"text":"Zoë ☕ \u2028 \\u0000 \\"quoted\\"","time":"2026-04-05T21:49:30+00:00"}'
    )
    assert entry.hash == "e4807f094bf7f5aaca1328079e26c9276a9f9c2ee256823614dcf44eed081606"
    columns = asdict(entry)
    del columns["hash"]
    assert canonical_json(columns) == canonical_json(dict(reversed(columns.items())))
