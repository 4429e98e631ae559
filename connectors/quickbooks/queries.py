"""Reading whole lists by QuickBooks' query language: statements, quoting and safe paging.

Paging is by position, so a record that goes or comes while pages are read shifts all later ones
and one could be missed. Each page therefore begins with the last record of the page before; when
that is not the same record any more, reading starts again. Source: reference quickbooks-api,
section 4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connectors.quickbooks.faults import local_error

if TYPE_CHECKING:
    from connectors.ports import Payload

ROWS_PER_PAGE = 1_000
PAGES_MAX = 500
_RESTARTS_MAX = 3

#: Entities that a query shows without their inactive records unless asked.
NAME_LISTS = frozenset(
    {
        "Account",
        "Class",
        "Customer",
        "Department",
        "Employee",
        "Item",
        "PaymentMethod",
        "TaxCode",
        "TaxRate",
        "Term",
        "Vendor",
    }
)

_NAME = re.compile(r"[A-Za-z]+(\.[A-Za-z]+)*( (ASC|DESC))?")


def quote(value: str) -> str:
    """Write text as a literal of the query language, with backslash and apostrophe escaped."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def statement(entity: str, where: str, order_by: str, *, all_states: bool) -> str:
    """Build a query without its page."""
    assert _NAME.fullmatch(entity), f"not an entity name: {entity!r}"
    assert _NAME.fullmatch(order_by), f"not a field name: {order_by!r}"
    conditions = [where] if where.strip() else []
    if all_states and entity in NAME_LISTS and not re.search(r"(?i)\bactive\b", where):
        conditions.append("Active IN (true,false)")
    clause = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT * FROM {entity}{clause} ORDERBY {order_by}"  # noqa: S608 - names are checked


def count_statement(entity: str) -> str:
    """Build the query that counts an entity's records."""
    assert _NAME.fullmatch(entity), f"not an entity name: {entity!r}"
    return f"SELECT COUNT(*) FROM {entity}"  # noqa: S608 - the name is checked


def read_count(answer: Mapping[str, Any]) -> int:
    """Read the answer to a counting query."""
    block = answer.get("QueryResponse")
    count = block.get("totalCount") if isinstance(block, Mapping) else None
    if not isinstance(count, int):
        raise local_error("incomplete", "no totalCount in the answer", write=False)
    return count


def read_pages(
    entity: str, query: str, ask: Callable[[str], Mapping[str, Any]]
) -> tuple[list[Payload], datetime]:
    """Read all pages of a query; ask sends one statement and returns its answer.

    Raises:
        RetryLaterError: the list kept changing, or has more pages than are read at once.
    """
    found: dict[str, Payload] = {}
    started: datetime | None = None
    for _ in range(_RESTARTS_MAX):
        found.clear()
        position, last = 1, ""
        for _ in range(PAGES_MAX):
            answer = ask(f"{query} STARTPOSITION {position} MAXRESULTS {ROWS_PER_PAGE}")
            started = started or server_time(answer)
            rows = entity_rows(answer.get("QueryResponse"), entity)
            if last and (not rows or str(rows[0].get("Id")) != last):
                break
            found.update((str(row.get("Id")), row) for row in rows)
            if len(rows) < ROWS_PER_PAGE:
                return list(found.values()), started
            last = str(rows[-1].get("Id"))
            # the next page begins with the last record of this one
            position += len(rows) - 1
    raise local_error("incomplete", f"the list of {entity} kept changing", write=False)


def entity_rows(response: object, entity: str) -> list[Payload]:
    """Return the rows of one QueryResponse block; an empty block is no rows."""
    if not isinstance(response, Mapping):
        raise local_error("incomplete", "no QueryResponse", write=False)
    rows = response.get(entity, [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise local_error("incomplete", f"{entity} is not a list", write=False)
    return rows


def server_time(answer: Mapping[str, Any]) -> datetime:
    """Return QuickBooks' own clock when it answered, in UTC."""
    stated = answer.get("time")
    try:
        if isinstance(stated, int) and not isinstance(stated, bool):
            return datetime.fromtimestamp(stated / 1000, UTC)
        instant = datetime.fromisoformat(str(stated))
    except (ValueError, OverflowError, OSError):
        raise local_error("incomplete", "the answer has no time", write=False) from None
    if instant.utcoffset() is None:
        raise local_error("incomplete", "the answer's time has no offset", write=False)
    return instant.astimezone(UTC)
