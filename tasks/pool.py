"""Pool: what both sides hold unlinked, and what a cycle knows of records that may be the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.ports import Payload
from connectors.state.platform_port import Row
from models.matching import Proposal, Unlinked
from models.plan import Link
from models.record_type import RecordType
from models.words import Side


@dataclass
class Pool:
    """What both sides hold unlinked of one record type, by link."""

    record_type: RecordType
    links: dict[int, Link] = field(default_factory=dict)
    quickbooks: dict[int, Payload] = field(default_factory=dict)
    platform: dict[int, Row] = field(default_factory=dict)
    #: In canonical form, as it was last decoded.
    contents: dict[int, Unlinked] = field(default_factory=dict)

    def add(self, link: Link, raw: Payload | Row) -> None:
        """Add a record."""
        self.links[link.id] = link
        if isinstance(raw, Row):
            self.platform[link.id] = raw
        else:
            self.quickbooks[link.id] = raw

    def drop(self, link_id: int) -> None:
        """Take a record out: it is linked."""
        for each in (self.links, self.quickbooks, self.platform, self.contents):
            each.pop(link_id, None)

    def side_of(self, link_id: int) -> Side:
        """The side that holds the record."""
        return Side.QUICKBOOKS if link_id in self.quickbooks else Side.PLATFORM

    def id_of(self, link_id: int) -> str:
        """The record's id on its side."""
        return self.links[link_id].side_id(self.side_of(link_id)) or ""


@dataclass
class Matching:
    """What both sides may hold both, as far as it is known in a cycle."""

    #: Record types that no cycle has synced yet.
    first: frozenset[str] = frozenset()
    #: Links of records that wait for a person to say whether they are the same -> their names.
    doubts: dict[int, str] = field(default_factory=dict)
    #: Links of which a person has said that they are new.
    decided: set[int] = field(default_factory=set)
    #: Links that may be the same; what refers to one may refer to the others.
    groups: list[tuple[int, ...]] = field(default_factory=list)
    #: Record type -> QuickBooks ids of half-known records whose parents may be there by now.
    waiting: dict[str, list[str]] = field(default_factory=dict)
    #: Record type -> what was compared in this cycle, and link -> what was proposed.
    pools: dict[str, Pool] = field(default_factory=dict)
    proposals: dict[str, dict[int, Proposal]] = field(default_factory=dict)
