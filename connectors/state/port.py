"""What the steps ask of the sync's own memory and of the platform, as protocols.

A `Unit` is one transaction. Whatever is done in it happens whole or not at all: a platform write,
its link, its base, its intent and its audit entry commit together (design, section 3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Protocol

from connectors.ports import CompanyFacts
from connectors.state.platform_port import PlatformPort
from models.approval import Approval, ApprovalState
from models.audit import AuditEntry, AuditNote
from models.errors import BrakeError
from models.intent import Attempt, Intent
from models.merge import Conflict
from models.plan import Link
from models.records import Content
from models.retry_queue import LEFT_ALONE
from models.revision import ConflictState, Revision, RevisionState, StoredConflict
from models.settings import ConnectionSettings
from models.words import IntentState, Side

#: Among the cursors: when the company behind the token was last seen to be the connected one; no
#: record type has such a name.
COMPANY_CURSOR = "company checked"


@cache
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

    @property
    def is_left_alone(self) -> bool:
        """Whether a person wants it not to be tried, and nobody has retried it since."""
        return self.code in LEFT_ALONE and self.next_attempt_at is None


class Unit(Protocol):
    """One transaction over the state of a connection and its company's platform tables."""

    #: The time of this transaction, by the state's own clock: workers' clocks may differ.
    now: datetime

    @property
    def platform(self) -> PlatformPort:
        """The platform's tables within it."""
        ...

    def links_of(self, record_type: str, side: Side, side_ids: Collection[str]) -> dict[str, Link]:
        """Links by a side's record ids."""
        ...

    def links(self, link_ids: Collection[int]) -> dict[int, Link]:
        """Links by id."""
        ...

    def half_links(self, record_type: str, side: Side) -> list[Link]:
        """Live links that know only this side."""
        ...

    def links_referring(self, references: Collection[str], after: int, limit: int) -> list[Link]:
        """Live links whose base refers to one of these ("vendor:12"), at most limit, by id.

        after is the last link of the page before, 0 for the first one. A link whose base has just
        that text somewhere else is named too.
        """
        ...

    def live_ids(self, record_type: str, side: Side) -> set[str]:
        """A side's ids of all live links."""
        ...

    def linked_counts(self) -> dict[str, int]:
        """Record type -> live links that know both sides, and that a cycle has merged."""
        ...

    def add_links(self, new: Sequence[NewLink]) -> list[Link]:
        """Store links for records seen for the first time, in the given order."""
        ...

    def complete_link(self, link_id: int, side: Side, side_id: str) -> None:
        """Note the other side's record of a half link that was matched."""
        ...

    def join_links(self, kept: int, dropped: int) -> Link:
        """Make one link of two half links that are the same record; the one that is kept.

        What was noted about the other one goes over to it. The other one's number is never given
        out again.

        Raises:
            CorruptStateError: they are not a live half link of each side of one record type, or a
                write of the other one is not settled.
        """
        ...

    def save_links(self, updates: Sequence[LinkUpdate]) -> None:
        """Store what links know now."""
        ...

    def separate_link(self, link_id: int, side: Side) -> None:
        """Forget a side's record and all that was agreed with it; the other side's lives on."""
        ...

    def revive_link(self, link_id: int) -> None:
        """Forget that both sides had agreed that the record is gone."""
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

    def close_intents(self, ends: Sequence[tuple[str, IntentState, Attempt]]) -> None:
        """Record how several sends ended, as `close_intent` does: intent, state, and attempt.

        Raises:
            CorruptStateError: one of the intents is closed already.
        """
        ...

    def open_intents(self) -> list[Intent]:
        """Intents that are neither acknowledged nor rejected, oldest first."""
        ...

    def intents_marked(self, markers: Collection[str]) -> dict[str, Intent]:
        """The newest create of each of these markers, open or closed."""
        ...

    def park(self, parked: Parked) -> None:
        """Set a record aside, with an alert where no person has decided it."""
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
        self,
        link: Link,
        conflicts: Sequence[Conflict],
        edited_at: Mapping[Side, datetime | None],
        entries: Sequence[int] = (),
    ) -> None:
        """Keep conflicts with all three versions, and the audit entries that tell of them."""
        ...

    def conflict(self, number: int) -> StoredConflict | None:
        """The conflict that people name by a number."""
        ...

    def conflicts_of(self, link_id: int) -> list[StoredConflict]:
        """All conflicts of a record, oldest first."""
        ...

    def set_conflict_state(self, number: int, state: ConflictState) -> None:
        """Note who decided a conflict: the policy, a person, or nobody yet."""
        ...

    def add_revision(self, revision: Revision) -> Revision:
        """Store what a person wants; the same with its number."""
        ...

    def revisions(self, link_ids: Collection[int], *states: RevisionState) -> list[Revision]:
        """Revisions of these records that are in one of the states (any, where none is named)."""
        ...

    def revisions_undoing(self, entries: Collection[int]) -> list[Revision]:
        """Revisions that take back what these audit entries tell of, oldest first."""
        ...

    def end_revision(self, number: int, state: RevisionState) -> None:
        """Move a pending revision to its end.

        Raises:
            CorruptStateError: it is not pending any more.
        """
        ...

    def cursors(self) -> Mapping[tuple[str, Side], str]:
        """How far each side was read, by record type and side."""
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

    def audit(self, notes: Sequence[AuditNote]) -> list[int]:
        """Append to the audit log; the entries' numbers."""
        ...

    def entries_of_run(self, run_id: str) -> list[AuditEntry]:
        """What a run has logged, oldest first; without what was archived since."""
        ...

    def has_run(self, run_id: str) -> bool:
        """Whether there was such a run."""
        ...

    def start_run(self, flow: str) -> None:
        """Note that this run has begun."""
        ...

    def finish_run(self, state: str, summary: Mapping[str, object], error: str | None) -> None:
        """Note how this run ended; the summary is kept as JSON."""
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
