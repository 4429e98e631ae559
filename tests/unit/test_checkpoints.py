"""Checkpoints: what a line is, what a file of them proves, and what it tells a reader."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from connectors.state.signing import Verifier, signer_of
from models.audit import HASH, NUMBER
from models.checkpoint import (
    ANCHOR,
    LINE_BYTES_MAX,
    RESTORED,
    Proven,
    line_hash,
    line_of,
    parsed_line,
    proven,
    proven_by_line,
    signed_bytes,
    verify_against,
)
from models.errors import UsageError
from models.records import canonical_json
from tests.fixtures.audit_forgery import AT, OURS, VERIFIER, Writer, place_of, rows_for

ROWS = rows_for(1, 10)
PLACES = [place_of(row) for row in ROWS]
KEY = "q3mWfGkGm0QvJm0wqk3i0Hh0a0H9vXbQm7o5s1dJ2xk="


def written(*numbers: int) -> Writer:
    """A file with checkpoints of these entries."""
    writer = Writer()
    for number in numbers:
        writer.sign(1, PLACES[number - 1])
    return writer


def read(lines: list[bytes], **more: Any) -> Proven:
    found = proven(lambda: lines, VERIFIER.check, **more)
    assert found == proven_by_line(lines, VERIFIER.check, **more), "quick and slow agree"
    return found


def messages(found: Proven) -> list[str]:
    return [each.message for each in found.findings]


# -- lines --


def test_the_signed_form_never_changes() -> None:
    """Another form would make every file that was ever written look forged."""
    line = Writer().sign(1, (7, "a" * 64))
    assert json.loads(line) == {
        "at": AT,
        "body": "{}",
        "connection_id": 1,
        "hash": "a" * 64,
        "key": "e577275f191892ed",
        "kind": "checkpoint",
        "number": 7,
        "previous": "0" * 64,
        "sequence": 1,
        "signature": parsed_line(line).signature,
        "torn": "",
        "v": 1,
    }
    assert line_hash(line) == "862ed7ddc6902c6a446c8a9ac33e6e268a313679eba836a44e075d1eb730d99f"


def test_a_line_comes_back_as_it_was_written() -> None:
    line = Writer().sign(1, PLACES[0], RESTORED, body=canonical_json({"reason": "Zoë\n☕"}))
    checkpoint = parsed_line(line)
    assert line_of(checkpoint) == line
    assert checkpoint.particulars == {"reason": "Zoë\n☕"}
    assert VERIFIER.check(checkpoint.key, signed_bytes(checkpoint), checkpoint.signature)


GOOD = asdict(parsed_line(Writer().sign(1, PLACES[0])))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 5_000, "no JSON"),
        (b"[]", "no checkpoint"),
        (b"{}", "no checkpoint"),
        (canonical_json({**GOOD, "more": 1}).encode(), "no checkpoint"),
        (canonical_json({**GOOD, "number": "1"}).encode(), "no usable number"),
        (canonical_json({**GOOD, "number": True}).encode(), "no usable number"),
        (canonical_json({**GOOD, "hash": None}).encode(), "no usable hash"),
        (json.dumps(GOOD).encode(), "not written as"),
        (canonical_json(GOOD).replace('"v":1', '"v":1,"v":1').encode(), "not written as"),
        (json.dumps({**GOOD, "body": "\ud800"}).encode(), "not written as"),
        (canonical_json(GOOD).encode() + b" ", "not written as"),
        (b"x" * (LINE_BYTES_MAX + 1), "longer than"),
    ],
)
def test_what_is_no_line_is_refused(line: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parsed_line(line)


def test_each_part_of_a_line_is_covered_by_the_signature() -> None:
    checkpoint = parsed_line(Writer().sign(1, PLACES[0]))
    for name, value in asdict(checkpoint).items():
        other = value + 1 if isinstance(value, int) else f"{value}0"
        changed = replace(checkpoint, **{name: other})
        assert not VERIFIER.check(changed.key, signed_bytes(changed), changed.signature), name


def test_a_signature_has_one_form() -> None:
    """Capitals or spaces in the hexadecimal would be places to hide changes."""
    checkpoint = parsed_line(Writer().sign(1, PLACES[0]))
    message = signed_bytes(checkpoint)
    for other in (checkpoint.signature.upper(), f" {checkpoint.signature}", "", "zz"):
        assert not VERIFIER.check(checkpoint.key, message, other)


# -- files --


def test_a_file_proves_what_was_signed() -> None:
    writer = written(3, 7, 10)
    found = read(writer.lines, remembered=[*writer.remembered.values()])
    assert messages(found) == []
    assert found.notes == []
    assert found.count == 3
    assert found.signed == {1: {number: PLACES[number - 1][1] for number in (3, 7, 10)}}
    assert found.signed_last(1) == PLACES[9]
    assert found.signed_last(2) is None
    assert found.last == parsed_line(writer.lines[-1].rstrip())
    assert read([]).findings == []


def test_keys_may_change_while_old_lines_stay_good() -> None:
    """The public half of the earlier key goes on verifying what it signed."""
    later = signer_of(KEY)
    writer = written(3)
    writer.signer = later
    writer.sign(1, PLACES[6])
    both = Verifier([OURS.public_key, later.public_key])
    assert proven_by_line(writer.lines, both.check).findings == []
    only = proven_by_line(writer.lines, Verifier([later.public_key]).check)
    assert messages(only) == [
        "checkpoint file: line 1 has no good signature of a key that is trusted"
    ]
    # The newest line's signature covers the earlier lines, whoever signed them
    lines = writer.lines
    assert proven(lambda: lines, Verifier([later.public_key]).check).findings == []
    assert proven(lambda: lines, Verifier([OURS.public_key]).check).findings


def test_a_last_line_without_its_end_is_whole() -> None:
    lines = written(3, 7).lines
    found = read([lines[0], lines[1].rstrip()])
    assert (messages(found), found.count, found.ends_whole) == ([], 2, False)


def test_a_writer_that_was_stopped_hides_nothing() -> None:
    """Its piece is a note, before and after the next line; what it says is not lost on a reader."""
    writer = written(3)
    piece = written(3, 7).lines[1][:100]
    found = read([*writer.lines, piece])
    assert messages(found) == []
    assert "incomplete" in found.notes[0]
    writer.sign(1, PLACES[6], torn=line_hash(piece))
    later = read([writer.lines[0], piece + b"\n", writer.lines[1]])
    assert messages(later) == []
    assert later.notes == [
        "a writer of the checkpoint file was stopped before line 2; nothing is missing"
    ]
    # Another piece than the one that the next line accounts for
    forged = read([writer.lines[0], piece[:-1] + b"x\n", writer.lines[1]])
    assert messages(forged)
    gone = read(writer.lines)
    assert messages(gone)


def test_the_database_remembers_what_a_file_must_hold() -> None:
    writer = written(3, 7)
    remembered = [*writer.remembered.values()]
    assert messages(read(writer.lines[:1], remembered=remembered)) == [
        "checkpoint file: line 2, as the database remembers it, is not in the file"
    ]
    other = [remembered[0]._replace(number=3)]
    assert messages(read(writer.lines, remembered=other))
    # The database may be a step behind: a writer was stopped between the two
    writer.sign(1, PLACES[9])
    assert messages(read(writer.lines, remembered=remembered)) == []


def test_checkpoints_do_not_go_back_and_do_not_contradict() -> None:
    assert messages(read(written(7, 3).lines)) == ["checkpoint file: line 2 goes back from entry 7"]
    writer = written(7)
    writer.sign(1, (7, "f" * 64))
    assert "says another hash of entry 7" in messages(read(writer.lines))[0]


def test_a_restore_is_signed_and_stays_visible() -> None:
    """What was lost proves nothing any more; what was not lost still does."""
    writer = written(3, 7, 10)
    other = rows_for(1, 3, PLACES[4])
    body = {"lost_after": 3, "lost_until": 10, "reason": "disk", "actor": "ann"}
    writer.sign(1, place_of(other[-1]), RESTORED, body=canonical_json(body))
    found = read(writer.lines)
    assert messages(found) == []
    assert found.notes == [
        f"connection 1: entries 4 to 10 as they were once signed are lost: 'disk', said ann at {AT}"
    ]
    log = [*ROWS[:5], *other]
    head = place_of(log[-1])
    assert [*verify_against(found, log, connection_id=1, head=head, anchor=None)] == []
    forged = [*rows_for(1, 1), *log[1:]]
    forged[1] = (*forged[1][:NUMBER], 2, *forged[1][NUMBER + 1 : HASH], "0" * 64)
    assert [*verify_against(found, forged, connection_id=1, head=head, anchor=None)]


def test_lost_lines_are_forgiven_only_by_a_signed_word() -> None:
    writer = written(3, 7, 10)
    remembered = [*writer.remembered.values()]
    writer.lines.clear()
    body = canonical_json({"lost_lines": 3, "reason": "disk", "actor": "ann"})
    writer.sign(1, PLACES[9], RESTORED, body=body)
    found = read(writer.lines, remembered=remembered)
    assert messages(found) == []
    assert found.notes == [
        f"lines 1 to 3 of the checkpoint file are lost: 'disk', said ann at {AT}"
    ]
    plain = Writer(sequence=3, previous=remembered[0].line_hash)
    plain.sign(1, PLACES[9])
    assert messages(read(plain.lines, remembered=remembered))


def test_an_archived_beginning_must_be_signed() -> None:
    writer = written(10)
    rows, head = ROWS[4:], PLACES[9]
    unsigned = verify_against(
        read(writer.lines), rows, connection_id=1, head=head, anchor=PLACES[3]
    )
    assert "nobody signed their archive" in next(unsigned).message
    writer.sign(1, PLACES[3], ANCHOR)
    found = read(writer.lines)
    assert messages(found) == []
    assert [*verify_against(found, rows, connection_id=1, head=head, anchor=PLACES[3])] == []


# -- keys --


@pytest.mark.parametrize("key", ["", "x", "=" * 44, KEY[:-5], f"{KEY}{KEY}", "Zoë"])
def test_what_is_no_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        signer_of(key)
    message = str(caught.value)
    assert message.startswith("QBSYNC_AUDIT_SIGNING_KEY is a text of ")
    assert "python -c" in message
    assert not key or len(key) < 4 or key not in message


def test_what_is_no_public_key_is_named() -> None:
    with pytest.raises(UsageError, match="QBSYNC_AUDIT_PUBLIC_KEYS is 'abc'"):
        Verifier(["abc"])


def test_a_signer_does_not_show_its_key() -> None:
    signer = signer_of(KEY)
    assert KEY not in f"{signer!r}{signer}{vars(signer)}"
    assert signer.key_id in repr(signer)
