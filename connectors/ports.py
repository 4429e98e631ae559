"""The boundary to the world: what the steps ask of QuickBooks and of the clock.

The steps in `tasks/` know these protocols and nothing behind them, so that a simulator can stand
in for the world. Errors are those of `models.errors`; nothing else may come through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from models.errors import RemoteError
from models.words import Operation

#: A QuickBooks record as parsed JSON: numbers are Decimal or int, never float.
Payload = Mapping[str, Any]


class Clock(Protocol):
    """Time, so that tests and the simulator can move it."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True)
class CompanyFacts:
    """Who is behind a connection, and the preferences that decide how we may write.

    Source: CompanyInfo and Preferences (reference quickbooks-api, section 10.2).
    """

    realm_id: str
    name: str
    country: str
    #: ISO code of the home currency.
    home_currency: str
    multi_currency: bool
    #: True: the company numbers its sales forms itself; False: QuickBooks does.
    custom_numbers: bool
    #: Books are closed up to and including this day (ISO date), or "".
    book_close_date: str = ""


@dataclass(frozen=True)
class Changes:
    """What QuickBooks says has changed."""

    #: Entity name -> full current records.
    records: Mapping[str, Sequence[Payload]]
    #: Entity name -> ids that the answer marks as deleted (to be confirmed by a read).
    deleted: Mapping[str, Sequence[str]]
    #: The far side's own clock when it answered.
    server_time: datetime
    #: Entities whose block was full, so that the answer may be incomplete.
    overflowed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class RemoteFile:
    """A file that is uploaded together with the record that tells of it."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class RemoteWrite:
    """One write to QuickBooks, ready to be sent."""

    #: Entity name, such as "Invoice".
    entity: str
    operation: Operation
    #: The body: a full record for create, a sparse one with Id and SyncToken otherwise.
    body: Payload
    #: At most 36 characters, unique per company and intent; the same id is the same write.
    request_id: str
    #: Second of the clock's `monotonic` after which it must not leave any more; None: at any time.
    #: Somebody else may have taken the company over by then.
    deadline: float | None = None
    #: What a create uploads; such a write is never part of a batch.
    file: RemoteFile | None = None


@dataclass(frozen=True)
class RemoteAnswer:
    """What came back for one write: a record, or an error."""

    #: The record as QuickBooks now holds it (for a delete: Id and status only).
    record: Payload | None = None
    error: RemoteError | None = None
    intuit_tid: str = ""


@dataclass
class Meter:
    """Calls made, by class: writes are free, everything else is metered (section 7)."""

    free: int = 0
    metered: int = 0
    #: Kind of call ("query", "cdc", "batch", "create" ...) -> calls.
    by_kind: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All calls."""
        return self.free + self.metered

    def count(self, kind: str, *, metered: bool) -> None:
        """Note one call."""
        self.by_kind[kind] = self.by_kind.get(kind, 0) + 1
        if metered:
            self.metered += 1
        else:
            self.free += 1


class QuickBooksPort(Protocol):
    """One connected QuickBooks company.

    Reads raise RetryLaterError or DisconnectedError; an absent record is None, never an error.
    """

    meter: Meter

    def company(self) -> CompanyFacts:
        """Who is behind the token."""
        ...

    def changes(self, entities: Sequence[str], since: datetime) -> Changes:
        """All changes of these entities since an instant, by one CDC call (section 5)."""
        ...

    def query(
        self, entity: str, where: str = "", *, order_by: str = "Id", all_states: bool = True
    ) -> tuple[list[Payload], datetime]:
        """All records of an entity by ordered pages of 1,000, with the first answer's time.

        where is a QuickBooks condition without the word WHERE; use `quote` for values.
        all_states adds inactive records of name lists.
        """
        ...

    def query_all(self, entities: Sequence[str]) -> Iterator[tuple[str, list[Payload], datetime]]:
        """All records of several entities, each as by `query`, in as few calls as are safe.

        Each entity comes with QuickBooks's clock at an instant before its records were read.
        """
        ...

    def read(self, entity: str, record_id: str) -> Payload | None:
        """One record by id, or None when it is deleted (fault 610)."""
        ...

    def download(self, record_id: str, *, bytes_max: int) -> bytes:
        """The file of an attachment.

        Raises:
            GoneError: QuickBooks has no such file.
            RejectedError: it is larger than that, or lies where no file of QuickBooks can lie.
        """
        ...

    def post(self, write: RemoteWrite) -> RemoteAnswer:
        """Send one write. Never raises for a fault of the record: it is in the answer."""
        ...

    def batch(self, writes: Sequence[RemoteWrite], request_id: str) -> list[RemoteAnswer]:
        """Send at most 30 writes in one call; answers in the order of the writes.

        A missing item or a call without an answer is an OutcomeUnknownError in its place. The same
        writes with the same request_id are the same batch: QuickBooks replays its answer.
        """
        ...


@dataclass(frozen=True)
class Cell:
    """One cell of a report: its text, and the id of what it names."""

    value: str = ""
    id: str = ""


@dataclass(frozen=True)
class ReportRow:
    """One row of a report, out of whatever sections it was nested in."""

    #: Column key -> cell.
    cells: Mapping[str, Cell]
    #: First cells of the headings above it, outermost first.
    sections: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Report:
    """One of QuickBooks's reports as plain rows; rows of totals are left out."""

    name: str
    #: ISO code of the currency of its amounts.
    currency: str
    #: Column keys in order; a column without a key goes by its title, the first one by "".
    columns: tuple[str, ...]
    rows: tuple[ReportRow, ...]


class ReportsPort(Protocol):
    """What QuickBooks itself computes from its books: for comparing, never for syncing.

    Raises RetryLaterError, DisconnectedError or RejectedError.
    """

    def report(self, name: str, params: Mapping[str, str]) -> Report:
        """A report by its name, such as "TrialBalance": one metered call."""
        ...

    def count(self, entity: str) -> int:
        """How many records of an entity there are: one metered call."""
        ...
