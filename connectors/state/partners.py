"""Links that one side only has, in SQL: what a person can give a partner, and what can be one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Row, Select, or_, select

from connectors.database import reading
from models.tables import sync as tables
from models.words import Side

#: Records to choose from that are shown at once; a search narrows them.
SHOWN_MAX: Final = 25


@dataclass(frozen=True)
class Half:
    """A live record that one side has, and the other has not, as far as is known."""

    link: int
    record_type: str
    label: str
    side: Side
    side_id: str
    #: Why it is set aside itself; "" where it is not.
    reason: str


def half_among(engine: Engine, connection_id: int, link_ids: Collection[int]) -> dict[int, Half]:
    """Those of these links that one side only has."""
    return {each.link: each for each in _found(engine, _halves(connection_id, link_ids))}


def halves_called(
    engine: Engine, connection_id: int, record_types: Collection[str], label: str
) -> list[Half]:
    """Records of these types that one side only has, and that are called so."""
    links = tables.links.c
    query = _halves(connection_id).where(
        links.record_type.in_(list(record_types)), links.label == label
    )
    return _found(engine, query.order_by(links.id).limit(SHOWN_MAX))


def unlinked(
    engine: Engine, connection_id: int, record_type: str, side: Side, search: str
) -> tuple[list[Half], bool]:
    """Records of a type that this side only has, by name, and whether there are more.

    search is a part of the name; "" for all.
    """
    links = tables.links.c
    own = links.quickbooks_id if side is Side.QUICKBOOKS else links.platform_id
    query = _halves(connection_id).where(links.record_type == record_type, own.is_not(None))
    if search:
        query = query.where(
            or_(
                links.label.contains(search, autoescape=True),
                links.label.icontains(search, autoescape=True),
            )
        )
    found = _found(engine, query.order_by(links.label, links.id).limit(SHOWN_MAX + 1))
    return found[:SHOWN_MAX], len(found) > SHOWN_MAX


def _halves(connection_id: int, link_ids: Collection[int] | None = None) -> Select[Any]:
    """Live links with one side; the index of such links finds them."""
    links, parked = tables.links, tables.parked
    mine: list[ColumnElement[bool]] = [links.c.connection_id == connection_id, tables.IS_HALF]
    if link_ids is not None:
        mine.append(links.c.id.in_(list(link_ids)))
    return (
        select(
            links.c.id,
            links.c.record_type,
            links.c.label,
            links.c.quickbooks_id,
            links.c.platform_id,
            parked.c.message,
        )
        .join_from(links, parked, parked.c.link_id == links.c.id, isouter=True)
        .where(*mine)
    )


def _found(engine: Engine, query: Select[Any]) -> list[Half]:
    with reading(engine).connect() as connection:
        return [_half(row) for row in connection.execute(query)]


def _half(row: Row[Any]) -> Half:
    side = Side.PLATFORM if row.quickbooks_id is None else Side.QUICKBOOKS
    side_id = row.platform_id if side is Side.PLATFORM else row.quickbooks_id
    return Half(row.id, row.record_type, row.label, side, side_id, row.message or "")
