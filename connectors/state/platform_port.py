"""What the steps ask of the platform's tables, as a protocol, and the rows that go through it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from models.errors import RecordError
from models.record_type import RecordType
from models.words import Operation


@dataclass(frozen=True)
class Row:
    """A platform record as stored: columns with their raw values, lines under "lines"."""

    record_type: str
    id: str
    version: int
    updated_at: datetime | None
    #: False where the row is gone or marked as deleted.
    live: bool
    values: Mapping[str, Any]


@dataclass(frozen=True)
class PlatformChanges:
    """Ids that the change log names after a position, and the position reached."""

    #: Record type -> ids, each once, in order of first change.
    ids: Mapping[str, Sequence[str]]
    position: str


@dataclass(frozen=True)
class PlatformWrite:
    """One write to the platform; the row must still have the expected version."""

    record_type: RecordType
    operation: Operation
    id: str | None
    expected_version: int | None
    #: Column values, lines under "lines".
    values: Mapping[str, Any] = field(default_factory=dict)


#: A row that was written: its id and its new version.
Written = tuple[str, int]


class StaleRowError(RecordError):
    """The platform row was changed since it was read."""


class BusyRowError(RecordError):
    """Somebody else held the platform's row for longer than is waited: it is tried again."""


def outcome_of(
    write: Callable[[PlatformWrite], Written], given: PlatformWrite
) -> Written | RecordError:
    """What a write comes to, with a refusal as a value."""
    try:
        return write(given)
    except RecordError as error:
        return error


class PlatformPort(Protocol):
    """The platform's tables, for one company, within a transaction."""

    def position(self) -> str:
        """The end of the change log now."""
        ...

    def knows(self, position: str) -> bool:
        """Whether a position is one of this database, and not of one that it was copied from."""
        ...

    def changes(self, record_types: Collection[str], after: str) -> PlatformChanges:
        """What the change log says after a position."""
        ...

    def ids(self, record_type: RecordType) -> list[str]:
        """Ids of all live rows."""
        ...

    def booked(self, record_type: RecordType, since: date, until: date) -> list[str]:
        """Ids of live rows that count on a day of a range, both ends included."""
        ...

    def rows(self, record_type: RecordType, ids: Collection[str]) -> dict[str, Row]:
        """Rows with their lines; ids without a row are left out."""
        ...

    def taken(
        self, record_type: RecordType, column: str, values: Collection[str]
    ) -> dict[str, list[str]]:
        """For each of the values, compared without case: ids of live rows that have it."""
        ...

    def referring(self, record_type: RecordType, column: str, ids: Collection[str]) -> list[str]:
        """Ids of all rows, deleted ones too, whose column names one of these rows."""
        ...

    def write(self, write: PlatformWrite) -> Written:
        """Apply one write and return the row's id and new version.

        Raises:
            StaleRowError: the row has another version than expected.
            RecordError: the database refuses the values.
        """
        ...

    def write_all(self, writes: Sequence[PlatformWrite]) -> list[Written | RecordError]:
        """Apply many writes in their order; for each the row's id and new version, or why not.

        A refused one leaves the rest standing.
        """
        ...

    def without_file(self, record_type: RecordType) -> list[str]:
        """Ids of live rows that have no file yet, by their empty SHA-256."""
        ...

    def file_size(self, record_type: RecordType, row_id: str) -> int | None:
        """Bytes of a row's file as stored; None where none is stored."""
        ...

    def file_of(self, record_type: RecordType, row_id: str) -> bytes | None:
        """A row's file; None where none is stored.

        Raises:
            RecordError: what is stored is no file.
        """
        ...

    def put_file(
        self,
        record_type: RecordType,
        row_id: str,
        expected_version: int,
        content: bytes,
        sha256: str,
    ) -> int:
        """Store a row's file in place of what was there, and its SHA-256; the row's new version.

        Raises:
            StaleRowError: the row has another version than expected.
        """
        ...
