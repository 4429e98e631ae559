"""The file of signed checkpoints: a line for each chain that has grown, written after each cycle.

The file only ever grows, so it may live where nothing can be overwritten. Writers queue by a lock
on it; what is written is on the disk before the database remembers it. A writer that is stopped in
the middle of a line leaves a piece that the next line accounts for.

A checkpoint is signed only after the entries since the last one were verified, and only if the file
still ends with what the database remembers: a log or a file that was tampered with is not vouched
for, an alert says so instead.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, Engine, insert, select, update

from connectors.database import reading
from connectors.ports import Clock
from connectors.state import audit_log
from connectors.state.audit_export import keep_name
from connectors.state.signing import SIGNING_SETTING, Signer, Verifier
from models.audit import BEGINNING, Place, verify_rows
from models.checkpoint import (
    CHECKPOINT,
    FIRST_PREVIOUS,
    FORM_VERSION,
    LINE_BYTES_MAX,
    Checkpoint,
    Proven,
    Remembered,
    line_hash,
    line_of,
    parsed_line,
    proven,
    signed_bytes,
    torn_hash,
)
from models.errors import AuditError, UsageError
from models.tables.audit import audit_checkpoints

FILE_SETTING: Final = "QBSYNC_AUDIT_CHECKPOINTS"
#: How long to wait for another writer of the file, and how often to look.
LOCK_WAIT_SECONDS_MAX: Final = 30
LOCK_LOOK_SECONDS: Final = 0.1
#: Enough of the file's end to hold a whole line and what two stopped writers left.
_END_BYTES: Final = 4 * LINE_BYTES_MAX
_ASK: Final = (
    "Run `quickbooks-sync audit verify`, which names what is wrong, and find out who did it."
)


@dataclass(frozen=True)
class Draft:
    """What is to be signed, before it has a place in the file."""

    kind: str
    connection_id: int
    place: Place
    body: str = "{}"


@dataclass(frozen=True)
class End:
    """Where the file ends."""

    sequence: int = 0
    hash: str = FIRST_PREVIOUS
    #: What stopped writers left after the last line.
    torn: list[bytes] = field(default_factory=list)
    is_whole: bool = True


@dataclass(frozen=True)
class CheckpointLog:
    """The file of checkpoints of one installation, and the rows that remember it."""

    engine: Engine
    clock: Clock
    path: Path
    verifier: Verifier
    #: None where this process may only verify.
    signer: Signer | None

    def seal(self) -> list[Checkpoint]:
        """Sign the end of every chain that has grown since its last checkpoint.

        Raises:
            AuditError: the log or the file is not what was written, or cannot be written.
            UsageError: there is no key to sign with.
        """
        with reading(self.engine).connect() as connection:
            is_known = bool(remembered_in(connection))
            grown = self._grown(connection)
        if is_known and not self.path.exists():
            raise self._gone()
        if not grown:
            return []
        with self.locked() as file:
            end = self.checked_end(file)
            with audit_log.snapshot(self.engine) as connection:
                grown = self._grown(connection)
                for connection_id, place in grown.items():
                    self._check_growth(connection, connection_id, place)
            drafts = [Draft(CHECKPOINT, *each) for each in sorted(grown.items())]
            return self.append(file, end, drafts)

    def behind(self) -> str:
        """Which chain no longer has what was signed, as after a restore; "" for none.

        Raises:
            AuditError: the file is not what was written.
        """
        if not self.path.exists():
            return ""
        with self._opened(os.O_RDONLY) as file, self._waited(file, fcntl.LOCK_SH):
            end = self.end_of(file)
            with reading(self.engine).connect() as connection:
                remembered = remembered_in(connection)
                if end.sequence == (remembered[-1].sequence if remembered else 0):
                    return ""
                return self._behind(connection, self.proven_in(file, remembered))

    def _grown(self, connection: Connection) -> dict[int, Place]:
        """Chains whose end is not the one that was signed last."""
        signed = audit_log.places_in(connection, "audit_checkpoints")
        heads = audit_log.places_in(connection, "audit_heads")
        return {key: place for key, place in heads.items() if signed.get(key) != place}

    def _check_growth(self, connection: Connection, connection_id: int, head: Place) -> None:
        """What is new in a chain goes on from what was signed before."""
        anchor = audit_log.places_in(connection, "audit_anchors").get(connection_id, BEGINNING)
        signed = audit_log.places_in(connection, "audit_checkpoints").get(connection_id, BEGINNING)
        start = max(anchor, signed)
        rows = audit_log.rows_of(connection, connection_id, after=start[0], until=head[0])
        found = verify_rows(rows, connection_id=connection_id, start=start, head=head)
        # Read to the end, so that nothing stays open on the server
        wrong = [each.message for each in audit_log.bounded(found, connection_id)]
        if head[0] < start[0]:
            wrong = [f"it ends at entry {head[0]}, but entry {start[0]} was signed"]
        if wrong:
            raise AuditError(
                f"the audit log was changed, no checkpoint is signed for it: {wrong[0]}",
                fix=f"{_ASK} After a restore from a backup run `quickbooks-sync audit restored`.",
            )

    # -- the file --

    def proven(self, connection: Connection) -> Proven:
        """What the file proves, compared with what the database remembers of it.

        The caller begins the connection's transaction before any other statement in it; nothing is
        appended while the file is read.
        """
        if not self.path.exists():
            remembered = remembered_in(connection)
            if not (remembered and self.path.exists()):
                return proven(tuple, self.verifier.check, remembered)
            connection.rollback()  # the first checkpoint was being written just now
        with self._opened(os.O_RDONLY) as file, self._waited(file, fcntl.LOCK_SH):
            return self.proven_in(file, remembered_in(connection))

    def proven_in(self, file: IO[bytes], remembered: Sequence[Remembered] = ()) -> Proven:
        """What a locked file proves, compared with the lines that are remembered."""
        return proven(lambda: _lines(file), self.verifier.check, remembered)

    @contextmanager
    def locked(self, *, may_begin: bool = False) -> Iterator[IO[bytes]]:
        """The file, open for one writer; made where no checkpoint was ever written.

        Raises:
            AuditError: it cannot be opened, or is gone; a new one is begun only if the caller may.
        """
        with reading(self.engine).connect() as connection:
            is_first = may_begin or not remembered_in(connection)
        if not is_first and not self.path.exists():
            raise self._gone()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with self._opened(flags) as file, self._waited(file, fcntl.LOCK_EX):
            yield file

    def _gone(self) -> AuditError:
        return AuditError(
            f"the file of checkpoints {self.path} is gone",
            fix=f"Put it back, or correct {FILE_SETTING}. If it is lost for good, begin another "
            "one with `quickbooks-sync audit restored`.",
        )

    def append(self, file: IO[bytes], end: End, drafts: Sequence[Draft]) -> list[Checkpoint]:
        """Sign drafts and write them after the end of the locked file, all or (to a reader) none.

        Raises:
            AuditError: they cannot be written.
            UsageError: there is no key to sign with.
        """
        if not drafts:
            return []
        made: list[tuple[Checkpoint, str]] = []
        text = b"" if end.is_whole else b"\n"
        for draft in drafts:
            checkpoint = self._signed(draft, end)
            line = line_of(checkpoint)
            assert len(line) <= LINE_BYTES_MAX, "a body that long must be refused earlier"
            text += line + b"\n"
            end = End(checkpoint.sequence, line_hash(line))
            made.append((checkpoint, end.hash))
        try:
            _write(file, text)
        except OSError as error:
            raise AuditError(
                f"the file of checkpoints {self.path} cannot be written ({error.strerror})",
                fix="Make room or correct its permissions; the next cycle writes the checkpoint.",
            ) from error
        with self.engine.begin() as connection:
            for checkpoint, hash_ in made:
                _remember(connection, checkpoint, hash_)
        return [checkpoint for checkpoint, _ in made]

    def _signed(self, draft: Draft, end: End) -> Checkpoint:
        if self.signer is None:
            raise UsageError(f"{SIGNING_SETTING} is not set; it signs the checkpoints")
        number, hash_ = draft.place
        return self.signer.signed(
            Checkpoint(
                v=FORM_VERSION,
                sequence=end.sequence + 1,
                kind=draft.kind,
                connection_id=draft.connection_id,
                number=number,
                hash=hash_,
                at=self.clock.now().isoformat(timespec="microseconds"),
                body=draft.body,
                previous=end.hash,
                torn=torn_hash(end.torn),
                key="",
                signature="",
            )
        )

    def checked_end(self, file: IO[bytes]) -> End:
        """Where the locked file ends, if it is where the database remembers, or after that.

        Raises:
            AuditError: the file, or the log, is not what was written.
        """
        end = self.end_of(file)
        with reading(self.engine).connect() as connection:
            remembered = remembered_in(connection)
        last = remembered[-1] if remembered else None
        if end.sequence == (last.sequence if last else 0) and end.hash == (
            last.line_hash if last else FIRST_PREVIOUS
        ):
            return end
        # A writer was stopped after the file and before the database; or one of them was changed
        found = self.proven_in(file, remembered)
        with audit_log.snapshot(self.engine) as connection:
            behind = self._behind(connection, found)
        if found.findings or behind:
            message = found.findings[0].message if found.findings else behind
            raise AuditError(
                f"no checkpoint is signed: {message}",
                fix=f"{_ASK} After a restore from a backup run `quickbooks-sync audit restored`.",
            )
        return end

    @staticmethod
    def _behind(connection: Connection, found: Proven) -> str:
        """Which chain no longer has what was signed; "" for none."""
        heads = audit_log.places_in(connection, "audit_heads")
        for connection_id in found.signed:
            signed, head = found.signed_last(connection_id), heads.get(connection_id, BEGINNING)
            if signed is not None and signed[0] > head[0]:
                return f"the log ends at entry {head[0]}, but entry {signed[0]} was signed"
        return ""

    def end_of(self, file: IO[bytes]) -> End:
        """Where the file ends; its last line must be signed by a key that is trusted.

        Raises:
            AuditError: it ends with something else.
        """
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END_BYTES))
        text = file.read(_END_BYTES)
        is_whole = not text or text.endswith(b"\n")
        lines = text.removesuffix(b"\n").split(b"\n") if text else []
        torn: list[bytes] = []
        for line in reversed(lines):
            try:
                last = parsed_line(line)
            except ValueError:
                torn.insert(0, line)
                continue
            if self.verifier.check(last.key, signed_bytes(last), last.signature):
                return End(last.sequence, line_hash(line), torn, is_whole)
            break
        if len(torn) == len(lines) and size <= _END_BYTES and not (lines and is_whole):
            return End(torn=torn, is_whole=is_whole)  # empty, or its very first line is unfinished
        raise AuditError(
            f"the file of checkpoints {self.path} does not end with a line of ours", fix=_ASK
        )

    @contextmanager
    def _opened(self, flags: int) -> Iterator[IO[bytes]]:
        is_new = not self.path.exists()
        try:
            descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise AuditError(
                f"the file of checkpoints {self.path} cannot be opened ({error.strerror})",
                fix=f"Make its folder and let this user write there, or correct {FILE_SETTING}.",
            ) from error
        mode = "rb" if flags == os.O_RDONLY else "r+b"
        with os.fdopen(descriptor, mode) as file:
            if is_new:
                keep_name(self.path)
            yield file

    @contextmanager
    def _waited(self, file: IO[bytes], kind: int) -> Iterator[None]:
        """The lock on the file, once whoever has it has finished."""
        looks = round(LOCK_WAIT_SECONDS_MAX / LOCK_LOOK_SECONDS)
        for _ in range(looks):
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                self.clock.sleep(LOCK_LOOK_SECONDS)
        else:
            raise AuditError(
                f"another process has kept {self.path} locked for {LOCK_WAIT_SECONDS_MAX} s",
                fix="Wait until it has finished, and end it if it hangs.",
            )
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def remembered_in(connection: Connection) -> list[Remembered]:
    """The lines of the file that the database remembers, first to last."""
    table = audit_checkpoints.c
    rows = connection.execute(
        select(*(table[name] for name in Remembered._fields)).order_by(table.sequence)
    )
    return [Remembered(*row) for row in rows]


def _remember(connection: Connection, checkpoint: Checkpoint, hash_: str) -> None:
    """Note the last line of a chain."""
    table = audit_checkpoints
    values = {
        "number": checkpoint.number,
        "hash": checkpoint.hash,
        "sequence": checkpoint.sequence,
        "line_hash": hash_,
    }
    mine = table.c.connection_id == checkpoint.connection_id
    done = connection.execute(update(table).where(mine).values(values))
    if done.rowcount == 0:
        row: Mapping[str, object] = {"connection_id": checkpoint.connection_id, **values}
        connection.execute(insert(table).values(row))


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """All lines with their ends; one that is too long comes in pieces, none of which is a line."""
    file.seek(0)
    while line := file.readline(LINE_BYTES_MAX + 2):
        yield line


def _write(file: IO[bytes], text: bytes) -> None:
    """Append past the buffer, which would try again on closing, and wait for the disk."""
    left = memoryview(text)
    while left:
        left = left[os.write(file.fileno(), left) :]
    os.fsync(file.fileno())
