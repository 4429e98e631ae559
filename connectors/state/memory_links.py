"""Links and bases in memory: which record is which, and what both sides last agreed on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache

from connectors.state.memory_store import ConstraintError, MemoryRows, undo_to
from connectors.state.port import LinkUpdate, NewLink
from models.errors import CorruptStateError
from models.plan import Link
from models.record_type import catalog
from models.records import Content, canonical_json
from models.tables import sync as tables
from models.words import Side

#: What the tables hold, by column.
_LENGTHS = {
    name: tables.links.c[name].type.length  # type: ignore[attr-defined]
    for name in ("label", "record_type", "quickbooks_id", "platform_id", "quickbooks_version")
}
_LABEL_MAX: int = _LENGTHS["label"]


class MemoryLinks(MemoryRows):
    """The part of a unit that keeps links."""

    __slots__ = ()

    def links_of(self, record_type: str, side: Side, side_ids: Collection[str]) -> dict[str, Link]:
        """Links by a side's record ids, in order of id."""
        ids, links = self._ids_on(side), self._db.links
        found: dict[str, Link] = {}
        for side_id in sorted(side_ids) if len(side_ids) > 1 else side_ids:
            link_id = ids.get((record_type, side_id))
            if link_id is not None:
                found[side_id] = links[link_id]
        return found

    def links(self, link_ids: Collection[int]) -> dict[int, Link]:
        """Links by id, in order of id."""
        links = self._db.links
        wanted = sorted(link_ids) if len(link_ids) > 1 else link_ids
        return {each: links[each] for each in wanted if each in links}

    def half_links(self, record_type: str, side: Side) -> list[Link]:
        """Live links that know only this side."""
        return sorted(
            (
                link
                for link in self._db.links.values()
                if link.record_type == record_type
                and link.deleted_at is None
                and link.side_id(side) is not None
                and link.side_id(side.other) is None
            ),
            key=lambda link: link.id,
        )

    def links_referring(self, references: Collection[str], after: int, limit: int) -> list[Link]:
        """Live links whose base refers to one of these, at most limit, by id."""
        quoted = [f'"{each}"' for each in references]
        found: list[Link] = []
        for link_id in sorted(each for each in self._db.links if each > after):
            link = self._db.links[link_id]
            text = canonical_json(link.base) if link.base and link.deleted_at is None else ""
            if len(found) < limit and any(each in text for each in quoted):
                found.append(link)
        return found

    def live_ids(self, record_type: str, side: Side) -> set[str]:
        """A side's ids of all live links."""
        links = self._db.links
        return {
            side_id
            for (name, side_id), link_id in self._ids_on(side).items()
            if name == record_type and links[link_id].deleted_at is None
        }

    def linked_counts(self) -> dict[str, int]:
        """Record type -> live links whose sides have been merged."""
        counts: dict[str, int] = {}
        for link in self._db.links.values():
            known = link.quickbooks_id is not None and link.platform_id is not None
            merged = link.quickbooks_version is not None
            if known and merged and link.deleted_at is None:
                counts[link.record_type] = counts.get(link.record_type, 0) + 1
        return counts

    def add_links(self, new: Sequence[NewLink]) -> list[Link]:
        """Store links for records seen for the first time."""
        mark = len(self._undo)
        try:
            return [self._add_link(each) for each in new]
        except ConstraintError:
            undo_to(self._undo, mark)
            raise

    def _add_link(self, new: NewLink) -> Link:
        in_quickbooks = new.side is Side.QUICKBOOKS
        _check_length("record_type", new.record_type)
        link = Link(
            id=self._next_id("links"),
            record_type=new.record_type,
            quickbooks_id=new.side_id if in_quickbooks else None,
            platform_id=None if in_quickbooks else new.side_id,
            label=new.label[:_LABEL_MAX],
            base=None,
            quickbooks_version=None,
            platform_version=None,
        )
        self._claim(link, new.side, new.side_id)
        self._put(self._db.links, link.id, link)
        return link

    def complete_link(self, link_id: int, side: Side, side_id: str) -> None:
        """Note the other side's record of a half link."""
        link = self._db.links.get(link_id)
        if link is None or link.side_id(side) is not None:
            return
        self._claim(link, side, side_id)
        in_quickbooks = side is Side.QUICKBOOKS
        completed = Link(
            link.id,
            link.record_type,
            side_id if in_quickbooks else link.quickbooks_id,
            link.platform_id if in_quickbooks else side_id,
            link.label,
            link.base,
            link.quickbooks_version,
            link.platform_version,
            link.deleted_at,
        )
        self._put(self._db.links, link_id, completed)

    def save_links(self, updates: Sequence[LinkUpdate]) -> None:
        """Store what links know now."""
        for each in updates:
            link = self._db.links.get(each.link_id)
            if link is None:
                raise CorruptStateError(f"link {each.link_id} is gone")
            self._save(link, each)

    def _save(self, link: Link, each: LinkUpdate) -> None:
        mark = len(self._undo)
        try:
            self._move(link, Side.QUICKBOOKS, each.quickbooks_id)
            self._move(link, Side.PLATFORM, each.platform_id)
            _check_length("quickbooks_version", each.quickbooks_version)
        except ConstraintError:
            undo_to(self._undo, mark)
            raise
        version = each.quickbooks_version
        saved = Link(
            link.id,
            link.record_type,
            link.quickbooks_id if each.quickbooks_id is None else each.quickbooks_id,
            link.platform_id if each.platform_id is None else each.platform_id,
            each.label[:_LABEL_MAX] if each.label else link.label,
            link.base if each.base is None else _canonical(link.record_type, each.base),
            link.quickbooks_version if version is None else version,
            link.platform_version if each.platform_version is None else each.platform_version,
            self.now if each.deleted else link.deleted_at,
        )
        self._put(self._db.links, link.id, saved)

    def separate_link(self, link_id: int, side: Side) -> None:
        """Forget a side's record and all that was agreed with it."""
        link = self._known(link_id)
        held = link.side_id(side)
        if held is not None:
            self._drop(self._ids_on(side), (link.record_type, held))
        in_quickbooks = side is Side.QUICKBOOKS
        apart = replace(
            link,
            quickbooks_id=None if in_quickbooks else link.quickbooks_id,
            platform_id=link.platform_id if in_quickbooks else None,
            base=None,
            quickbooks_version=None,
            platform_version=None,
            deleted_at=None,
        )
        self._put(self._db.links, link_id, apart)

    def revive_link(self, link_id: int) -> None:
        """Forget that both sides had agreed that the record is gone."""
        self._put(self._db.links, link_id, replace(self._known(link_id), deleted_at=None))

    def _known(self, link_id: int) -> Link:
        link = self._db.links.get(link_id)
        if link is None:
            raise CorruptStateError(f"link {link_id} is gone")
        return link

    def _move(self, link: Link, side: Side, side_id: str | None) -> None:
        """Give a link another record on a side."""
        held = link.side_id(side)
        if side_id is None or side_id == held:
            return
        self._claim(link, side, side_id)
        if held is not None:
            self._drop(self._ids_on(side), (link.record_type, held))

    def _claim(self, link: Link, side: Side, side_id: str) -> None:
        """Note whose a side's record is: never two links'."""
        _check_length(f"{side.value}_id", side_id)
        ids, key = self._ids_on(side), (link.record_type, side_id)
        if key in ids:
            raise ConstraintError(f"{link.record_type} {side_id} in {side} has link {ids[key]}")
        self._put(ids, key, link.id)

    def _ids_on(self, side: Side) -> dict[tuple[str, str], int]:
        db = self._db
        return db.links_in_quickbooks if side is Side.QUICKBOOKS else db.links_on_platform


def _check_length(column: str, value: str | None) -> None:
    if value is not None and len(value) > _LENGTHS[column]:
        raise ConstraintError(f"links.{column} takes at most {_LENGTHS[column]} characters")


@cache
def _field_names(record_type: str) -> tuple[str, ...]:
    return tuple(field.name for field in catalog()[record_type].fields)


def _canonical(record_type: str, base: Content) -> Content:
    """A base as it would come back from its JSON: the record type's fields, in their order."""
    return {name: base[name] for name in _field_names(record_type) if name in base}
