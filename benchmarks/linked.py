"""A database in which many records are linked, made from one that was really synced.

The rows of the synced invoices, with their lines, links and bases, are copied inside the database
until there are as many as wanted. Triggers rest meanwhile: nobody has changed anything.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Table, cast, func, select

from models.tables import sync as tables
from models.tables.platform import invoice_lines, invoices
from models.tables.triggers import install, remove
from tasks.bootstrap import Installation


def multiply(place: Installation, records: int) -> int:
    """Copy invoices until so many records are linked; how many there are."""
    with place.engine.begin() as transaction:
        remove(transaction)
        linked = _count(transaction, tables.links)
        ids = list(transaction.scalars(select(invoices.c.id).order_by(invoices.c.id)))
        offset = 0
        while linked < records:
            offset += ids[-1]
            some = ids[: records - linked]
            _copy(transaction, offset, some[-1])
            linked += len(some)
        install(transaction)
        transaction.exec_driver_sql("ANALYZE")
        return _count(transaction, tables.links)


def _count(transaction: Connection, table: Table) -> int:
    return transaction.scalar(select(func.count()).select_from(table)) or 0


def _copy(transaction: Connection, offset: int, last: int) -> None:
    """Copy the invoices up to one, with ids and numbers of their own."""
    lines, links, tag = invoice_lines, tables.links, f"-{offset}"
    platform_id = cast(links.c.platform_id, Integer)
    _insert(
        transaction,
        invoices,
        {"id": invoices.c.id + offset, "number": invoices.c.number + tag},
        invoices.c.id <= last,
    )
    _insert(
        transaction, lines, {"invoice_id": lines.c.invoice_id + offset}, lines.c.invoice_id <= last
    )
    _insert(
        transaction,
        links,
        {
            "platform_id": platform_id + offset,
            "quickbooks_id": links.c.quickbooks_id + tag,
            "label": links.c.label + tag,
        },
        (links.c.record_type == "invoice") & (platform_id <= last),
    )


def _insert(
    transaction: Connection, table: Table, changed: dict[str, Any], where: ColumnElement[bool]
) -> None:
    """Copy rows; an id that is not given is the next one."""
    names = [each.name for each in table.c if each.name != "id" or "id" in changed]
    columns = [changed.get(name, table.c[name]) for name in names]
    transaction.execute(table.insert().from_select(names, select(*columns).where(where)))
