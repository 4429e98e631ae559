"""What the steps ask of the sync's own memory and of the platform, as protocols.

A `Unit` is one transaction. Whatever is done in it happens whole or not at all: a platform write,
its link, its base, its intent and its audit entry commit together (design, section 3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from connectors.ports import CompanyFacts
from models.approval import Approval, ApprovalState
from models.audit import AuditNote
from models.errors import BrakeError, RecordError
from models.intent import Attempt, Intent
from models.merge import Conflict
from models.plan import Link
from models.record_type import RecordType
from models.records import Content
from models.settings import ConnectionSettings
from models.words import IntentState, Operation, Side

#: Among the cursors: when the company behind the token was last seen to be the connected one.
COMPANY_CURSOR = "company"


def restored_cursor(record_type: str) -> str:
    """Among the cursors: set by a person after the database was restored from a backup.

    It stays until a cycle that syncs the record type has gone through.
    """
    return f"{record_type} restored"


def lease_busy(name: str, holder: str, expires_at: datetime) -> BrakeError:
    """The error of a worker that comes while another one has the company."""
    return BrakeError(
        f"another run works on {name}: {holder}, at most until {expires_at:%H:%M:%S} UTC",
        brake="lease",
        fix="Wait until it has finished; two runs of one company never overlap.",
    )


def lease_lost(name: str) -> BrakeError:
    """The error of a worker whose company another one has taken over."""
    return BrakeError(
        f"this run has lost {name} to another one",
        brake="lease",
        fix="Nothing to do: the other run goes on, and this one wrote nothing more.",
    )


@dataclass(frozen=True)
class Connection:
    """One company paired with one QuickBooks company."""

    id: int
    company_id: int
    name: str
    environment: str
    realm_id: str
    status: str
    settings: ConnectionSettings
    home_currency: str


@dataclass(frozen=True)
class NewLink:
    """A record that was seen for the first time, on one side."""

    record_type: str
    side: Side
    side_id: str
    label: str


@dataclass(frozen=True)
class LinkUpdate:
    """What a link knows after a record was settled; None fields stay as they are."""

    link_id: int
    label: str | None = None
    quickbooks_id: str | None = None
    platform_id: str | None = None
    base: Content | None = None
    quickbooks_version: str | None = None
    platform_version: int | None = None
    #: Both sides have agreed that the record is gone.
    deleted: bool = False


@dataclass(frozen=True)
class Parked:
    """A record set aside, with the reason and the way out."""

    link_id: int
    record_type: str
    side: Side
    code: str
    field: str
    value: str
    message: str
    fix: str
    attempts: int
    since: datetime
    #: When it is tried again by itself; None: only after a change, or by a person.
    next_attempt_at: datetime | None


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


class StaleRowError(RecordError):
    """The platform row was changed since it was read."""


class PlatformPort(Protocol):
    """The platform's tables, for one company, within a transaction."""

    def position(self) -> str:
        """The end of the change log now."""
        ...

    def changes(self, record_types: Collection[str], after: str) -> PlatformChanges:
        """What the change log says after a position."""
        ...

    def ids(self, record_type: RecordType) -> list[str]:
        """Ids of all live rows."""
        ...

    def rows(self, record_type: RecordType, ids: Collection[str]) -> dict[str, Row]:
        """Rows with their lines; ids without a row are left out."""
        ...

    def taken(
        self, record_type: RecordType, column: str, values: Collection[str]
    ) -> dict[str, list[str]]:
        """For each of the values, compared without case: ids of live rows that have it."""
        ...

    def write(self, write: PlatformWrite) -> tuple[str, int]:
        """Apply one write and return the row's id and new version.

        Raises:
            StaleRowError: the row has another version than expected.
            RecordError: the database refuses the values.
        """
        ...


class Unit(Protocol):
    """One transaction over the state of a connection and its company's platform tables."""

    platform: PlatformPort
    #: The time of this transaction, by the state's own clock: workers' clocks may differ.
    now: datetime

    def links_of(self, record_type: str, side: Side, side_ids: Collection[str]) -> dict[str, Link]:
        """Links by a side's record ids."""
        ...

    def links(self, link_ids: Collection[int]) -> dict[int, Link]:
        """Links by id."""
        ...

    def half_links(self, record_type: str, side: Side) -> list[Link]:
        """Live links that know only this side."""
        ...

    def live_ids(self, record_type: str, side: Side) -> set[str]:
        """A side's ids of all live links."""
        ...

    def linked_counts(self) -> dict[str, int]:
        """Record type -> live links that know both sides."""
        ...

    def add_links(self, new: Sequence[NewLink]) -> list[Link]:
        """Store links for records seen for the first time, in the given order."""
        ...

    def complete_link(self, link_id: int, side: Side, side_id: str) -> None:
        """Note the other side's record of a half link that was matched."""
        ...

    def save_links(self, updates: Sequence[LinkUpdate]) -> None:
        """Store what links know now."""
        ...

    def add_intents(self, intents: Sequence[Intent], planned: Mapping[str, str]) -> None:
        """Store intents before anything is sent; planned maps intent id to the version used."""
        ...

    def mark_sent(self, intents: Sequence[Intent]) -> list[Intent]:
        """Record a send before it leaves; the intents with their attempt and its time.

        Raises:
            CorruptStateError: an intent is closed, or was sent by somebody else meanwhile.
        """
        ...

    def close_intent(self, intent_id: str, state: IntentState, attempt: Attempt) -> None:
        """Record how a send ended; unknown and planned keep the intent open.

        Raises:
            CorruptStateError: the intent is closed already.
        """
        ...

    def open_intents(self) -> list[Intent]:
        """Intents that are neither acknowledged nor rejected, oldest first."""
        ...

    def intents_marked(self, markers: Collection[str]) -> dict[str, Intent]:
        """The newest create of each of these markers, open or closed."""
        ...

    def park(self, parked: Parked) -> None:
        """Set a record aside, with an alert."""
        ...

    def unpark(self, link_ids: Collection[int]) -> None:
        """Take records back in, and close their alerts."""
        ...

    def parked(self, record_types: Collection[str]) -> list[Parked]:
        """Records set aside."""
        ...

    def parked_record(self, link_id: int) -> Parked | None:
        """Why and since when one record is set aside; None where it is not."""
        ...

    def release(self, link_ids: Collection[int] | None) -> int:
        """Let parked records (all where None) be tried in the next cycle; how many there were."""
        ...

    def add_conflicts(
        self, link: Link, conflicts: Sequence[Conflict], edited_at: Mapping[Side, datetime | None]
    ) -> None:
        """Keep conflicts with all three versions."""
        ...

    def cursor(self, record_type: str, side: Side) -> str | None:
        """How far a side was read."""
        ...

    def set_cursors(self, positions: Mapping[tuple[str, Side], str]) -> None:
        """Note how far sides were read; the last thing a cycle does."""
        ...

    def approvals(self, states: Collection[ApprovalState]) -> list[Approval]:
        """Plans that a brake stopped and that are in one of these states, oldest first."""
        ...

    def add_approval(self, approval: Approval) -> Approval:
        """Store a plan that waits for a person; the same with its number."""
        ...

    def set_approval(
        self, number: int, expected: ApprovalState, state: ApprovalState, actor: str
    ) -> None:
        """Move a stored plan on.

        Raises:
            UsageError: it is not in the expected state any more, so somebody else was faster.
        """
        ...

    def save_facts(self, facts: CompanyFacts) -> None:
        """Remember what QuickBooks says about the company."""
        ...

    def named_references(self) -> dict[str, dict[str, str]]:
        """Entity -> id -> name of QuickBooks list entries that are not synced themselves."""
        ...

    def save_named_references(self, entity: str, names: Mapping[str, str]) -> None:
        """Replace the names of an entity."""
        ...

    def alert(self, cause: str, title: str, message: str, fix: str) -> None:
        """Open an alert about the connection, or count another occurrence."""
        ...

    def close_alerts(self, causes: Collection[str]) -> None:
        """Close the connection's alerts of these causes."""
        ...

    def audit(self, notes: Sequence[AuditNote]) -> None:
        """Append to the audit log."""
        ...

    def start_run(self, flow: str) -> None:
        """Note that this run has begun."""
        ...

    def finish_run(self, state: str, summary: str, error: str | None) -> None:
        """Note how this run ended."""
        ...


class State(Protocol):
    """Opens transactions for one connection and one run."""

    connection: Connection
    run_id: str

    def begin(self) -> AbstractContextManager[Unit]:
        """One transaction: committed at the end of the block, rolled back on an exception."""
        ...

    def take_lease(self, duration: timedelta) -> None:
        """Become the only worker of this connection, or keep being it.

        Raises:
            BrakeError: another worker has it.
        """
        ...

    def release_lease(self) -> None:
        """Let another worker have the connection."""
        ...
