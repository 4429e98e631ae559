"""Signed checkpoints of the audit log: what each says, and what a file of them proves.

A hash chain does not show that its end was cut off, nor that somebody who can write the table made
all hashes anew (reliability 5.4). A checkpoint is a signed note "entry n of this connection has
this hash", kept in a file outside of the database, with a key that the database does not hold.

Each line of the file is one signed JSON object. It carries its own place in the file and the hash
of the line before, so that a line that is taken out, moved or repeated is found. There are three
kinds:

checkpoint  the entry `number` of the connection's chain has this `hash`
anchor      the same, and the entries up to it were archived: the chain may go on from here
restored    the same, and a person says that what was signed before is lost: `body` has the reason,
            who said so, and which entries or lines are gone. Nothing is ever lost silently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple

from models.audit import (
    BEGINNING,
    GENESIS,
    NOTHING_SIGNED,
    AuditFinding,
    Place,
    Row,
    verify_rows,
)
from models.records import canonical_json

#: Version of the signed form.
FORM_VERSION: Final = 1
#: What is signed begins with this, so that the key's signatures mean nothing elsewhere.
PURPOSE: Final = b"quickbooks-sync audit checkpoint\n"
CHECKPOINT, ANCHOR, RESTORED = KINDS = ("checkpoint", "anchor", "restored")
#: How each line begins.
_START: Final = b'{"at":"'
#: A longer line is none of ours.
LINE_BYTES_MAX: Final = 8_192
#: What stands before the first line.
FIRST_PREVIOUS: Final = GENESIS

#: Whether a key (by its id) signed a message: (key id, message, signature in hexadecimal).
SignatureCheck = Callable[[str, bytes, str], bool]


@dataclass(frozen=True)
class Checkpoint:
    """One line of the file."""

    v: int
    #: 1 for the first line, without gaps.
    sequence: int
    #: One of KINDS.
    kind: str
    connection_id: int
    #: The entry that is vouched for; 0 for the beginning of a chain without entries.
    number: int
    hash: str
    #: When it was signed: ISO instant in UTC.
    at: str
    #: Canonical JSON with the particulars of an anchor or a restore.
    body: str
    #: SHA-256 of the line before.
    previous: str
    #: SHA-256 of what a writer that was stopped left between that line and this; "" for nothing.
    torn: str
    #: Which key signed: the beginning of the SHA-256 of its public half.
    key: str
    #: Ed25519, in hexadecimal, over `signed_bytes`.
    signature: str

    @property
    def particulars(self) -> dict[str, Any]:
        """What the body says."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


class Remembered(NamedTuple):
    """What the database remembers of a line of the file."""

    sequence: int
    line_hash: str
    connection_id: int
    number: int
    hash: str


_TYPES: Final = {each.name: int if each.type == "int" else str for each in fields(Checkpoint)}


def signed_bytes(checkpoint: Checkpoint) -> bytes:
    """What the signature covers: everything but itself."""
    columns = {**vars(checkpoint)}
    del columns["signature"]
    return PURPOSE + canonical_json(columns).encode()


def line_of(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as a line of the file, without its end."""
    return canonical_json(vars(checkpoint)).encode()


def line_hash(line: bytes) -> str:
    """What the next line says of this one."""
    return hashlib.sha256(line).hexdigest()


def parsed_line(line: bytes) -> Checkpoint:
    """The checkpoint in a line.

    Raises:
        ValueError: it is none, or not written as `line_of` writes.
    """
    if len(line) > LINE_BYTES_MAX:
        raise ValueError(f"is longer than {LINE_BYTES_MAX} bytes")
    try:
        columns = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("is no JSON") from error
    if not isinstance(columns, dict) or set(columns) != set(_TYPES):
        raise ValueError("is no checkpoint")
    wrong = [name for name, kind in _TYPES.items() if type(columns[name]) is not kind]
    if wrong:
        raise ValueError(f"has no usable {wrong[0]}")
    checkpoint = Checkpoint(**columns)
    # One text for one checkpoint: spaces or names given twice would be places to hide changes
    if not _is_canonical(checkpoint, line):
        raise ValueError("is not written as checkpoints are")
    return checkpoint


def _is_canonical(checkpoint: Checkpoint, line: bytes) -> bool:
    try:
        return line_of(checkpoint) == line
    except UnicodeEncodeError:
        return False  # half a character, which no line of ours has


@dataclass
class Proven:
    """What a file of checkpoints says, line after line, and what is wrong with it."""

    #: Lines that are checkpoints of ours.
    count: int = 0
    #: The last of them, and the hash of its line.
    last: Checkpoint | None = None
    last_hash: str = FIRST_PREVIOUS
    #: Connection -> the last line of ours that is about it.
    last_of: dict[int, Checkpoint] = field(default_factory=dict)
    #: Connection -> entry -> hash: what is vouched for.
    signed: dict[int, dict[int, str]] = field(default_factory=dict)
    #: Connection -> places up to which entries were archived.
    anchors: dict[int, set[Place]] = field(default_factory=dict)
    findings: list[AuditFinding] = field(default_factory=list)
    #: What a reader must know although it is no sign of tampering.
    notes: list[str] = field(default_factory=list)
    #: Lines that a person declared lost: (first, last).
    lost_lines: list[tuple[int, int]] = field(default_factory=list)
    #: What stands after the last good line and is none.
    torn: list[bytes] = field(default_factory=list)
    #: Whether the file ends with the end of a line.
    ends_whole: bool = True

    def signed_last(self, connection_id: int) -> Place | None:
        """The last entry of a connection that is vouched for."""
        places = self.signed.get(connection_id)
        if not places:
            return None
        number = max(places)
        return number, places[number]


def verify_against(
    found: Proven,
    rows: Iterable[Row],
    *,
    connection_id: int,
    head: Place | None,
    anchor: Place | None,
    trust_anchor: bool = False,
) -> Iterator[AuditFinding]:
    """Everything wrong with one chain, seen against what checkpoints prove.

    Args:
        found: what the file of checkpoints proves.
        rows: the chain's entries in order of number, with their columns in the table's order.
        connection_id: whose chain this should be.
        head: its last entry, as it is recorded beside the log.
        anchor: its last archived entry, as the database says; it must have been signed.
        trust_anchor: take the anchor as it is, where there is nothing that signs.
    """
    is_signed = trust_anchor or anchor in found.anchors.get(connection_id, ())
    start = anchor if anchor is not None and is_signed else BEGINNING
    if anchor is not None and not is_signed:
        message = f"the entries up to {anchor[0]} are gone, and nobody signed their archive"
        yield AuditFinding(connection_id, 0, message)
    signed = found.signed.get(connection_id, NOTHING_SIGNED)
    yield from verify_rows(rows, connection_id=connection_id, head=head, start=start, signed=signed)


def torn_hash(torn: list[bytes]) -> str:
    """What the next line says of the pieces that stopped writers left before it."""
    return line_hash(b"\n".join(torn)) if torn else ""


def proven(
    read: Callable[[], Iterable[bytes]],
    check: SignatureCheck,
    remembered: Sequence[Remembered] = (),
) -> Proven:
    """Everything that a file of checkpoints proves, and everything wrong with it.

    Each line carries the hash of the one before, so the signature of the last line covers all of
    them, and where nothing else is wrong it is the only one that needs looking at. Otherwise each
    line is looked at by itself, to say which.

    Args:
        read: gives the lines with their ends, from the first one on; the last one may lack it.
        check: tells whether a key that is trusted made a signature.
        remembered: lines as the database remembers them; they must be in the file.
    """
    found = proven_by_line(read(), None, remembered)
    if found.last is not None and not found.findings and _is_signed(found.last, check):
        return found
    return proven_by_line(read(), check, remembered)


def proven_by_line(
    lines: Iterable[bytes], check: SignatureCheck | None, remembered: Iterable[Remembered] = ()
) -> Proven:
    """As `proven`, in one go.

    Args:
        lines: the lines with their ends; the last one may lack it.
        check: tells whether a key that is trusted made a signature; None to take them as good,
            which is right only if the last one is.
        remembered: lines as the database remembers them; they must be in the file.
    """
    missing = set(remembered)
    found = Proven()
    for raw in lines:
        found.ends_whole = raw.endswith(b"\n")
        line = raw.removesuffix(b"\n")
        try:
            checkpoint = parsed_line(line)
        except ValueError as error:
            found.torn.append(line)
            reason = str(error)
            continue
        _take(found, checkpoint, line, check)
        place = (checkpoint.connection_id, checkpoint.number, checkpoint.hash)
        missing.discard(Remembered(checkpoint.sequence, found.last_hash, *place))
    if found.torn:
        _note_torn_end(found, reason)
    for each in sorted(missing, key=str):
        if not any(first <= each.sequence <= last for first, last in found.lost_lines):
            message = f"line {each.sequence}, as the database remembers it, is not in the file"
            _find(found, None, message)
    return found


def _is_signed(checkpoint: Checkpoint, check: SignatureCheck) -> bool:
    return check(checkpoint.key, signed_bytes(checkpoint), checkpoint.signature)


def _take(found: Proven, checkpoint: Checkpoint, line: bytes, check: SignatureCheck | None) -> None:
    """Add one line to what is proven, or say what is wrong with it."""
    sequence, expected = checkpoint.sequence, found.last.sequence + 1 if found.last else 1
    is_signed = check is None or _is_signed(checkpoint, check)
    if not is_signed:
        _find(found, checkpoint, f"line {sequence} has no good signature of a key that is trusted")
    elif _declares_lost_lines(checkpoint, expected):
        found.lost_lines.append((expected, sequence - 1))
        gone = f"lines {expected} to {sequence - 1} of the checkpoint file are lost"
        found.notes.append(f"{gone}: {_said(checkpoint)}")
    elif sequence != expected or checkpoint.previous != found.last_hash:
        message = f"line {sequence} does not follow on line {expected - 1}"
        _find(found, checkpoint, f"{message}: lines were taken out, put in or moved")
    if checkpoint.torn != torn_hash(found.torn):
        message = f"what stands before line {sequence} is none of what a stopped writer left there"
        _find(found, checkpoint, message)
    elif found.torn:
        stopped = f"a writer of the checkpoint file was stopped before line {sequence}"
        found.notes.append(f"{stopped}; nothing is missing")
    if is_signed:
        _vouch(found, checkpoint)
        found.count += 1
    found.last, found.last_hash, found.torn = checkpoint, line_hash(line), []


def _vouch(found: Proven, checkpoint: Checkpoint) -> None:
    """Note what a signed line vouches for."""
    places = found.signed.setdefault(checkpoint.connection_id, {})
    found.last_of[checkpoint.connection_id] = checkpoint
    if checkpoint.kind == RESTORED:
        _forget_lost(found, checkpoint, places)
    elif checkpoint.kind == ANCHOR:
        place = (checkpoint.number, checkpoint.hash)
        found.anchors.setdefault(checkpoint.connection_id, set()).add(place)
    elif places and checkpoint.number < max(places):
        message = f"line {checkpoint.sequence} goes back from entry {max(places)}"
        _find(found, checkpoint, message)
    known = places.setdefault(checkpoint.number, checkpoint.hash)
    if known != checkpoint.hash:
        message = f"line {checkpoint.sequence} says another hash of entry {checkpoint.number} than"
        _find(found, checkpoint, f"{message} an earlier line: the log was written anew")


def _forget_lost(found: Proven, checkpoint: Checkpoint, places: dict[int, str]) -> None:
    """A person said that entries are lost: from there on their checkpoints prove nothing."""
    kept = int(checkpoint.particulars.get("lost_after", checkpoint.number))
    lost = [number for number in places if number > kept]
    if lost:
        gone = f"entries {kept + 1} to {max(lost)} as they were once signed are lost"
        found.notes.append(f"connection {checkpoint.connection_id}: {gone}: {_said(checkpoint)}")
    for number in lost:
        del places[number]


def _declares_lost_lines(checkpoint: Checkpoint, expected: int) -> bool:
    """Whether a person signed that the lines before this one are gone."""
    if checkpoint.kind != RESTORED or checkpoint.sequence <= expected:
        return False
    return bool(checkpoint.particulars.get("lost_lines") == checkpoint.sequence - 1)


def _said(checkpoint: Checkpoint) -> str:
    """Who said why, and when."""
    particulars = checkpoint.particulars
    return f"{particulars.get('reason')!r}, said {particulars.get('actor')} at {checkpoint.at}"


def _note_torn_end(found: Proven, reason: str) -> None:
    """What a writer that was stopped leaves begins as a line does; anything else was put there."""
    if all(each.startswith(_START) or _START.startswith(each) for each in found.torn):
        found.notes.append(
            "the last line of the checkpoint file is incomplete: its writer was stopped; the next "
            "checkpoint goes on after it"
        )
    else:
        last = found.last.sequence if found.last else 0
        _find(found, None, f"what stands after line {last} {reason}")


def _find(found: Proven, checkpoint: Checkpoint | None, message: str) -> None:
    connection_id, number = (checkpoint.connection_id, checkpoint.number) if checkpoint else (0, 0)
    found.findings.append(AuditFinding(connection_id, number, f"checkpoint file: {message}"))
