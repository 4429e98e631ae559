"""Records and the audit log for who looks through them: page by page, newest first, by key.

A page is read by an index, and as many rows as it shows; nothing is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, Engine, Select, false, or_, select, union

from connectors.database import reading
from connectors.state.audit_export import Wanted, conditions
from connectors.state.queries import some
from models.audit import COLUMNS
from models.numbers import number_in
from models.record_type import catalog
from models.tables import sync as tables

#: Rows of one page.
PAGE_ROWS: Final = 50
#: Records that a label may stand for where the log is searched by it.
LABELLED_MAX: Final = 50
#: Records whose names are looked up at once.
LABELS_MAX: Final = 500
#: Runs that are looked up at once: one for each row of the longest list.
FLOW_RUNS_MAX: Final = 1_000
#: How far the order of the entries and their times may differ: no transaction is that long.
_OUT_OF_ORDER: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Page:
    """Some rows, and where the next page begins."""

    rows: list[dict[str, Any]]
    #: The key before which the next page begins; None on the last one.
    next_before: int | None


def _page(engine: Engine, query: Select[Any], key: str) -> Page:
    rows, more = some(engine, query, PAGE_ROWS)
    return Page(rows, rows[-1][key] if more else None)


# -- records --


def records(
    engine: Engine,
    connection_id: int,
    *,
    text: str = "",
    record_type: str = "",
    before: int | None = None,
) -> Page:
    """Records, newest link first.

    Args:
        engine: the database.
        connection_id: whose records.
        text: a part of what people call it, a link's number, or an id on either side; "" for all.
        record_type: only of this type; "" for all.
        before: only links with a smaller number.
    """
    links = tables.links.c
    narrowed = [links.record_type == record_type] if record_type else []
    if before is not None:
        narrowed.append(links.id < before)
    if text:
        types = [record_type] if record_type else list(catalog())
        narrowed.append(or_(_called(text), links.id.in_(_numbered(connection_id, text, types))))
    found = _links(connection_id).where(*narrowed).order_by(links.id.desc())
    return _page(engine, _with_particulars(found.limit(PAGE_ROWS + 1)), "link")


def exactly(
    engine: Engine, connection_id: int, *, text: str, record_type: str = ""
) -> list[dict[str, Any]]:
    """Records that are called so, or have this number or id: what is meant most often."""
    links = tables.links.c
    types = [record_type] if record_type else list(catalog())
    narrowed = [links.record_type == record_type] if record_type else []
    is_it = or_(links.label == text, links.id.in_(_numbered(connection_id, text, types)))
    found = _links(connection_id).where(is_it, *narrowed).order_by(links.id.desc())
    return _page(engine, _with_particulars(found.limit(PAGE_ROWS)), "link").rows


def labelled(engine: Engine, connection_id: int, text: str) -> tuple[int, ...]:
    """Links with this number or label, or else the newest whose label has this in it."""
    links = tables.links.c
    number = number_in(text)
    is_it = or_(links.label == text, false() if number is None else links.id == number)
    for condition in (is_it, _called(text)):
        query = _links(connection_id).where(condition).order_by(links.id.desc())
        with reading(engine).connect() as connection:
            found = tuple(connection.scalars(query.limit(LABELLED_MAX)))
        if found:
            return found
    return ()


def _links(connection_id: int) -> Select[Any]:
    """Links by what the index holds of them, so that their content is not read."""
    return select(tables.links.c.id).where(tables.links.c.connection_id == connection_id)


def _called(text: str) -> ColumnElement[bool]:
    """The label has this in it; SQLite lowers ASCII only, so the label as it is counts, too."""
    label = tables.links.c.label
    return or_(label.contains(text, autoescape=True), label.icontains(text, autoescape=True))


def _numbered(connection_id: int, text: str, types: Sequence[str]) -> CompoundSelect[Any]:
    """Links with this number, or with this id on a side."""
    links = tables.links.c
    of_types = _links(connection_id).where(links.record_type.in_(types))
    number = number_in(text)
    return union(
        of_types.where(false() if number is None else links.id == number),
        of_types.where(links.quickbooks_id == text),
        of_types.where(links.platform_id == text),
    )


def _with_particulars(found: Select[Any]) -> Select[Any]:
    """The rows of these links as they are shown, with why they are set aside, if they are."""
    links, parked = tables.links, tables.parked
    return (
        select(
            links.c.id.label("link"),
            links.c.record_type,
            links.c.label.label("record"),
            links.c.quickbooks_id,
            links.c.platform_id,
            links.c.deleted_at,
            links.c.updated_at,
            parked.c.message.label("parked"),
        )
        .join_from(links, parked, parked.c.link_id == links.c.id, isouter=True)
        .where(links.c.id.in_(found.subquery().select()))
        .order_by(links.c.id.desc())
    )


# -- the audit log --


def entries(engine: Engine, wanted: Wanted, before: int | None = None) -> Page:
    """Entries of one connection, newest first; their bodies are JSON.

    Args:
        engine: the database.
        wanted: which; it names the connection.
        before: only entries with a smaller number.
    """
    assert wanted.connection_id is not None, "numbers are of one connection's chain"
    table = tables.audit_entries.c
    narrowed = [*conditions(wanted), *_near(engine, wanted)]
    if before is not None:
        narrowed.append(table.number < before)
    query = select(
        table.number, table.at, table.kind, table.actor, table.run_id, table.record_type,
        table.link_id.label("link"), table.body,
    )  # fmt: skip
    # of several records: found by their index and then sorted, or SQLite reads the log through
    is_sorted = wanted.links is not None and len(wanted.links) > 1
    newest = (table.number + 0 if is_sorted else table.number).desc()
    page = _page(engine, query.where(*narrowed).order_by(newest), "number")
    names = labels(engine, wanted.connection_id, {row["link"] for row in page.rows} - {None})
    rows = [{**row, "record": names.get(row["link"], "")} for row in page.rows]
    return Page(rows, page.next_before)


def _near(engine: Engine, wanted: Wanted) -> list[ColumnElement[bool]]:
    """Bounds of the numbers of a span of time, so that the log is not read through for it."""
    table = tables.audit_entries.c
    number = select(table.number).where(table.connection_id == wanted.connection_id).limit(1)
    found: list[ColumnElement[bool]] = []
    with reading(engine).connect() as connection:
        for at, shift in ((wanted.since, -_OUT_OF_ORDER), (wanted.until, _OUT_OF_ORDER)):
            edge = _moved(at, shift)
            if not edge:
                continue
            is_first = shift < timedelta()
            outside = number.where(table.at < edge if is_first else table.at >= edge)
            order = table.at.desc() if is_first else table.at
            last = connection.scalar(outside.order_by(order))
            if last is not None:
                found.append(table.number > last if is_first else table.number < last)
    return found


def _moved(at: str, shift: timedelta) -> str:
    """An instant as entries have it, some time before or after; "" where there is none."""
    try:
        moved = datetime.fromisoformat(at) + shift if at else None
    except OverflowError:
        moved = None  # before or after all time
    return moved.isoformat(timespec="microseconds") if moved else ""


def labels(engine: Engine, connection_id: int, link_ids: Collection[int]) -> dict[int, str]:
    """Link -> what people call its record, for at most `LABELS_MAX` of them."""
    links = tables.links.c
    query = select(links.id, links.label).where(
        links.connection_id == connection_id, links.id.in_(sorted(link_ids)[:LABELS_MAX])
    )
    with reading(engine).connect() as connection:
        return {row.id: row.label for row in connection.execute(query)}


def entry(engine: Engine, connection_id: int, number: int) -> dict[str, Any] | None:
    """One entry with all its columns and its record's label; None where there is none."""
    table = tables.audit_entries.c
    query = select(*(table[name] for name in COLUMNS)).where(
        table.connection_id == connection_id, table.number == number
    )
    with reading(engine).connect() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    names = labels(engine, connection_id, {row["link_id"]} - {None})
    return {**row, "record": names.get(row["link_id"], "")}


def flow_runs(engine: Engine, run_ids: Collection[str]) -> dict[str, str]:
    """Run -> what Prefect calls its flow run, where it was part of one."""
    runs = tables.runs.c
    wanted = runs.id.in_(sorted(run_ids)[:FLOW_RUNS_MAX])
    query = select(runs.id, runs.flow_run_id).where(wanted, runs.flow_run_id.is_not(None))
    with reading(engine).connect() as connection:
        return {row.id: row.flow_run_id for row in connection.execute(query)}
