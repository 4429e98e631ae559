"""Links and bases in SQL: which record is which, and what both sides last agreed on."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, false, func, insert, or_, select, update

from connectors.database import reserved_ids
from connectors.platform.sql import chunks
from connectors.state.port import LinkUpdate, NewLink
from connectors.state.scope import Rows
from models.codecs import load_content
from models.errors import CorruptStateError
from models.plan import Link, fit_together
from models.record_type import catalog
from models.records import canonical_json
from models.tables import sync as tables
from models.words import Side

#: Longest label that the tables hold.
LABEL_LENGTH_MAX = 200


class LinkRows(Rows):
    """The part of a unit that keeps links."""

    def links_of(self, record_type: str, side: Side, side_ids: Collection[str]) -> dict[str, Link]:
        """Links by a side's record ids."""
        links = tables.links
        column = _side_column(side)
        found: dict[str, Link] = {}
        for some in chunks(side_ids):
            rows = self._sql.execute(
                select(links).where(
                    links.c.connection_id == self._id,
                    links.c.record_type == record_type,
                    column.in_(some),
                )
            )
            for row in rows:
                link = _link(row)
                found[link.side_id(side) or ""] = link
        return found

    def links(self, link_ids: Collection[int]) -> dict[int, Link]:
        """Links by id."""
        links = tables.links
        found: dict[int, Link] = {}
        for some in chunks(link_ids):
            rows = self._sql.execute(
                select(links).where(links.c.connection_id == self._id, links.c.id.in_(some))
            )
            found.update((row.id, _link(row)) for row in rows)
        return found

    def half_links(self, record_type: str, side: Side) -> list[Link]:
        """Live links that know only this side."""
        links = tables.links
        rows = self._sql.execute(
            select(links)
            .where(
                links.c.connection_id == self._id,
                links.c.record_type == record_type,
                _side_column(side).is_not(None),
                _side_column(side.other).is_(None),
                links.c.deleted_at.is_(None),
            )
            .order_by(links.c.id)
        )
        return [_link(row) for row in rows]

    def links_referring(self, references: Collection[str], after: int, limit: int) -> list[Link]:
        """Live links whose base refers to one of these, at most limit, by id."""
        links = tables.links
        named = [links.c.base.contains(f'"{each}"', autoescape=True) for each in references]
        rows = self._sql.execute(
            select(links)
            .where(
                links.c.connection_id == self._id,
                links.c.id > after,
                links.c.deleted_at.is_(None),
                or_(false(), *named),
            )
            .order_by(links.c.id)
            .limit(limit)
        )
        return [_link(row) for row in rows]

    def live_ids(self, record_type: str, side: Side) -> set[str]:
        """A side's ids of all live links."""
        links = tables.links
        column = _side_column(side)
        return set(
            self._sql.scalars(
                select(column).where(
                    links.c.connection_id == self._id,
                    links.c.record_type == record_type,
                    column.is_not(None),
                    links.c.deleted_at.is_(None),
                )
            )
        )

    def linked_counts(self) -> dict[str, int]:
        """Record type -> live links whose sides have been merged."""
        links = tables.links
        rows = self._sql.execute(
            select(links.c.record_type, func.count())
            .where(
                links.c.connection_id == self._id,
                links.c.quickbooks_id.is_not(None),
                links.c.platform_id.is_not(None),
                links.c.deleted_at.is_(None),
                links.c.quickbooks_version.is_not(None),
            )
            .group_by(links.c.record_type)
        )
        return {row[0]: row[1] for row in rows}

    def add_links(self, new: Sequence[NewLink]) -> list[Link]:
        """Store links for records seen for the first time."""
        if not new:
            return []
        links = tables.links
        values: list[dict[str, object]] = [
            {
                "connection_id": self._id,
                "record_type": each.record_type,
                "quickbooks_id": each.side_id if each.side is Side.QUICKBOOKS else None,
                "platform_id": each.side_id if each.side is Side.PLATFORM else None,
                "label": each.label[:LABEL_LENGTH_MAX],
                "created_at": self._now,
                "updated_at": self._now,
            }
            for each in new
        ]
        ids = reserved_ids(self._sql, links, len(values))
        if ids is None:
            made = insert(links).returning(links, sort_by_parameter_order=True)
            return [_link(row) for row in self._sql.execute(made, values)]
        self._sql.execute(
            insert(links),
            [{"id": number, **each} for number, each in zip(ids, values, strict=True)],
        )
        rows = select(links).where(links.c.id.between(ids[0], ids[-1])).order_by(links.c.id)
        return [_link(row) for row in self._sql.execute(rows)]

    def complete_link(self, link_id: int, side: Side, side_id: str) -> None:
        """Note the other side's record of a half link."""
        self._sql.execute(
            update(tables.links)
            .where(
                tables.links.c.id == link_id,
                tables.links.c.connection_id == self._id,
                _side_column(side).is_(None),
            )
            .values({_side_column(side).name: side_id, "updated_at": self._now})
        )

    def join_links(self, kept: int, dropped: int) -> Link:
        """Make one link of two half links; what was noted about the other goes over to it."""
        found = self.links([kept, dropped])
        first, second = found.get(kept), found.get(dropped)
        if first is None or second is None or not fit_together(first, second):
            raise CorruptStateError(f"links {kept} and {dropped} are no two halves of one record")
        if self._sql.scalar(
            select(tables.intents.c.id).where(
                tables.intents.c.link_id == dropped,
                tables.intents.c.state.in_(tables.INTENT_STATES_OPEN),
            )
        ):
            raise CorruptStateError(f"a write of link {dropped} is not settled")
        self._move_notes(kept, dropped)
        side = Side.PLATFORM if first.platform_id is None else Side.QUICKBOOKS
        self._sql.execute(
            delete(tables.links).where(
                tables.links.c.id == dropped, tables.links.c.connection_id == self._id
            )
        )
        self.complete_link(kept, side, second.side_id(side) or "")
        return self.links([kept])[kept]

    def _move_notes(self, kept: int, dropped: int) -> None:
        """Let all that refers to one link refer to another one."""
        alerts = tables.alerts
        self._sql.execute(delete(tables.parked).where(tables.parked.c.link_id == dropped))
        self._sql.execute(
            update(alerts)
            .where(alerts.c.link_id == dropped, alerts.c.closed_at.is_(None))
            .values(closed_at=self._now)
        )
        self._sql.execute(
            update(alerts)
            .where(alerts.c.link_id == dropped)
            .values(link_id=kept, subject=tables.alert_subject(self._id, kept))
        )
        for table in (tables.conflicts, tables.intents, tables.revisions):
            self._sql.execute(update(table).where(table.c.link_id == dropped).values(link_id=kept))

    def save_links(self, updates: Sequence[LinkUpdate]) -> None:
        """Store what links know now; those that come to know the same columns in one statement."""
        links = tables.links
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for each in updates:
            known = self._known(each)
            alike.setdefault(tuple(known), []).append({"of": each.link_id, **known})
        mine = and_(links.c.id == bindparam("of"), links.c.connection_id == self._id)
        saved = update(links).where(mine).values(updated_at=self._now)
        for rows in alike.values():
            done = self._sql.execute(saved, rows)
            if done.rowcount != len(rows):
                found = self.links([each["of"] for each in rows])
                gone = next(each["of"] for each in rows if each["of"] not in found)
                raise CorruptStateError(f"link {gone} is gone")

    def _known(self, of: LinkUpdate) -> dict[str, Any]:
        """Column -> value, of what a link comes to know."""
        values: dict[str, Any] = {
            "label": of.label[:LABEL_LENGTH_MAX] if of.label else None,
            "quickbooks_id": of.quickbooks_id,
            "platform_id": of.platform_id,
            "base": None if of.base is None else canonical_json(of.base),
            "quickbooks_version": of.quickbooks_version,
            "platform_version": of.platform_version,
            "deleted_at": self._now if of.deleted else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def separate_link(self, link_id: int, side: Side) -> None:
        """Forget a side's record and all that was agreed with it."""
        forgotten = ("base", "quickbooks_version", "platform_version", "deleted_at")
        self._forget(link_id, [_side_column(side).name, *forgotten])

    def revive_link(self, link_id: int) -> None:
        """Forget that both sides had agreed that the record is gone."""
        self._forget(link_id, ["deleted_at"])

    def _forget(self, link_id: int, columns: Sequence[str]) -> None:
        done = self._sql.execute(
            update(tables.links)
            .where(tables.links.c.id == link_id, tables.links.c.connection_id == self._id)
            .values(**dict.fromkeys(columns), updated_at=self._now)
        )
        if done.rowcount != 1:
            raise CorruptStateError(f"link {link_id} is gone")


def _side_column(side: Side) -> Any:
    links = tables.links
    return links.c.quickbooks_id if side is Side.QUICKBOOKS else links.c.platform_id


def _link(row: Row[Any]) -> Link:
    base = None
    if row.base is not None:
        base = load_content(catalog()[row.record_type], json.loads(row.base))
    return Link(
        id=row.id,
        record_type=row.record_type,
        quickbooks_id=row.quickbooks_id,
        platform_id=row.platform_id,
        label=row.label,
        base=base,
        quickbooks_version=row.quickbooks_version,
        platform_version=row.platform_version,
        deleted_at=row.deleted_at,
    )
