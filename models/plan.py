"""What a cycle is going to do, as data, before anything is written.

A RecordPlan holds the merge of one record and the writes it leads to; a Plan holds them all, with
parents before children. Plans are compared, printed, approved and tested without touching a side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from models.default_accounts import Fill
from models.errors import RecordError
from models.merge import Merge, Outcome
from models.record_type import DeleteMeans, RecordType, catalog
from models.records import Content, Observed, link_in
from models.referring import references_in
from models.words import Operation, Side


@dataclass(frozen=True)
class Link:
    """The pairing of a QuickBooks record with a platform record, as stored.

    A link may know only one side yet; its id is then the record's name within the sync.
    """

    id: int
    record_type: str
    quickbooks_id: str | None
    platform_id: str | None
    label: str
    #: The content both sides last agreed on.
    base: Content | None
    quickbooks_version: str | None
    platform_version: int | None
    deleted_at: datetime | None = None

    def side_id(self, side: Side) -> str | None:
        """The record's id on a side."""
        return self.quickbooks_id if side is Side.QUICKBOOKS else self.platform_id


def fit_together(one: Link, other: Link) -> bool:
    """Whether two links are a live half each of what may be one record."""
    sides = {side for each in (one, other) for side in Side if each.side_id(side) is not None}
    halves = all(
        each.deleted_at is None and (each.quickbooks_id is None) != (each.platform_id is None)
        for each in (one, other)
    )
    return one.record_type == other.record_type and halves and len(sides) == len(Side)


@dataclass(frozen=True)
class RecordPlan:
    """One record's merge, and the writes it leads to."""

    record_type: RecordType
    link: Link
    merge: Merge
    quickbooks: Observed | None
    platform: Observed | None
    #: Sides whose change made us look at the record.
    read_from: frozenset[Side]
    #: Why nothing can be done for it now; the merge then does not count.
    parked: RecordError | None = None
    #: Why the record was parked before this cycle; None where it was not.
    parked_before: str | None = None
    #: Default accounts that stand in; the platform's row takes them before anything is sent.
    fills: tuple[Fill, ...] = ()

    @property
    def label(self) -> str:
        """What people call the record."""
        content = self.merge.content or self.link.base
        return self.record_type.label_of(content, self.link.label)

    @property
    def quickbooks_operation(self) -> Operation | None:
        """What is to be written to QuickBooks, if anything."""
        if self.parked is not None or self.record_type.read_only:
            return None
        if self.merge.outcome is Outcome.CREATE_IN_QUICKBOOKS:
            return Operation.CREATE
        if self.merge.outcome is Outcome.REMOVE_IN_QUICKBOOKS:
            if self.record_type.delete_means is DeleteMeans.DELETE:
                return Operation.DELETE
            return None if self._is_inactive else Operation.UPDATE
        if not self.merge.to_quickbooks:
            return None
        return Operation.VOID if self._voids else Operation.UPDATE

    @property
    def deletes_in_quickbooks(self) -> bool:
        """Whether a transaction is to be deleted in QuickBooks for good."""
        return self.quickbooks_operation is Operation.DELETE

    @property
    def _is_inactive(self) -> bool:
        """Whether QuickBooks's entry of a name list is inactive already."""
        content = self.quickbooks.content if self.quickbooks else None
        return content is not None and content.get("active") is False

    @property
    def _voids(self) -> bool:
        """Whether the write takes the record to void; a voided one can still be edited."""
        content = self.merge.content or {}
        word = self.record_type.void_status
        return bool(word) and content.get("status") == word and "status" in self.merge.to_quickbooks

    @property
    def platform_operation(self) -> Operation | None:
        """What is to be written to the platform, if anything."""
        if self.parked is not None:
            return None
        if self.merge.outcome is Outcome.CREATE_ON_PLATFORM:
            return Operation.CREATE
        if self.merge.outcome is Outcome.REMOVE_ON_PLATFORM:
            return Operation.DELETE
        return Operation.UPDATE if self.merge.to_platform else None


@dataclass(frozen=True)
class Plan:
    """All record plans of a cycle, parents before children."""

    records: tuple[RecordPlan, ...] = field(default=())

    def among(self, record_types: Iterable[RecordType]) -> list[RecordType]:
        """Those of these record types that it has plans for."""
        return [each for each in record_types if each.name in self._by_type]

    def of(self, record_type: RecordType) -> list[RecordPlan]:
        """The plans for one record type."""
        return self._by_type.get(record_type.name, [])

    @cached_property
    def _by_type(self) -> dict[str, list[RecordPlan]]:
        found: dict[str, list[RecordPlan]] = {}
        for each in self.records:
            found.setdefault(each.record_type.name, []).append(each)
        return found


def parents_first(plans: Sequence[RecordPlan]) -> list[RecordPlan]:
    """Plans of one record type in an order in which a parent comes before its children."""
    by_link = {each.link.id: each for each in plans}
    ordered: dict[int, RecordPlan] = {}
    for each in plans:
        chain: list[RecordPlan] = []
        current: RecordPlan | None = each
        while current and current.link.id not in ordered and current not in chain:
            chain.append(current)
            current = by_link.get(_own_parent(current) or 0)
        for waiting in reversed(chain):
            ordered[waiting.link.id] = waiting
    return list(ordered.values())


def generations(plans: Sequence[RecordPlan]) -> list[list[RecordPlan]]:
    """Plans of one record type in groups, each group needing only earlier ones."""
    depth: dict[int, int] = {}
    groups: list[list[RecordPlan]] = []
    for each in parents_first(plans):
        level = depth.get(_own_parent(each) or 0, -1) + 1
        depth[each.link.id] = level
        groups.extend([] for _ in range(level + 1 - len(groups)))
        groups[level].append(each)
    return groups


def _own_parent(plan: RecordPlan) -> int | None:
    """The link of the parent of the same record type, such as a sub-account's account."""
    content = plan.merge.content or {}
    for name in plan.record_type.own_parent:
        value = content.get(name)
        if value:
            return link_in(value)[1]
    return None


def referring(references: Collection[str], links: Iterable[Link]) -> dict[str, list[Link]]:
    """Canonical reference -> those links whose base has it; others are left out."""
    wanted = set(references)
    found: dict[str, list[Link]] = {}
    for link in links:
        if link.base is None:
            continue
        held = {value for _, value in references_in(catalog()[link.record_type], link.base)}
        for each in held & wanted:
            found.setdefault(each, []).append(link)
    return found
