"""Reading the whole lists of several entities in few calls, for a first read.

A query of its own for each entity costs a metered call even where there is nothing, and a call for
each thousand records. Here one batch counts, and pages of several lists share further batches.
Pages overlap by a record as those of `queries` do; whatever is not certain, a fault, a page that is
missing, a list that changes meanwhile, is read again by a query of its own. Source: reference
quickbooks-api, sections 4, 6 and 11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from connectors.quickbooks import exact_json
from connectors.quickbooks.queries import (
    NAME_LISTS,
    PAGES_MAX,
    ROWS_PER_PAGE,
    count_statement,
    entity_rows,
    read_count,
    server_time,
    statement,
)
from connectors.quickbooks.transport import Call
from connectors.quickbooks.writes import BATCH_WRITES_MAX
from models.errors import RejectedError, RemoteError, RetryLaterError

if TYPE_CHECKING:
    from connectors.ports import Payload

#: Records that one call is asked for, so that its answer stays within its size and time.
ROWS_PER_CALL: Final = 4_000
#: Read by queries of their own: a query in a batch was once seen to leave out inactive entries of
#: name lists (section 3.5), and there is one company.
_BY_THEMSELVES: Final = NAME_LISTS | {"CompanyInfo"}

#: One statement's part of an answer; None where there is none, or a fault.
Part = Mapping[str, Any] | None
#: Sends statements in one call: a part for each, and QuickBooks's clock.
AskSeveral = Callable[[Sequence[str]], tuple[list[Part], datetime]]
#: One list by a query of its own.
Query = Callable[[str], tuple[list["Payload"], datetime]]
#: An entity and the number of one of its pages, from 0.
_Page = tuple[str, int]


def read_lists(
    entities: Sequence[str], ask: AskSeveral, query: Query
) -> Iterator[tuple[str, list[Payload], datetime]]:
    """Each entity with all its records and QuickBooks's clock before they were read.

    Raises:
        RetryLaterError, DisconnectedError: as the query of an entity does.
    """
    shared = [each for each in entities if each not in _BY_THEMSELVES]
    counted = _counted(shared, ask) if len(shared) > 1 else {}
    pages: dict[str, list[list[Payload]]] = {entity: [] for entity in counted}
    for some in _calls({entity: count for entity, (count, _) in counted.items()}):
        _read_pages(some, ask, pages)
    for entity in entities:
        count, counted_at = counted.get(entity, (0, None))
        found = _joined(pages.pop(entity, []), count)
        if found is None or counted_at is None:
            yield entity, *query(entity)
        else:
            yield entity, found, counted_at


def several_call(statements: Sequence[str]) -> Call:
    """The call that sends statements in one batch; it reads only."""
    items = [{"bId": str(place), "Query": each} for place, each in enumerate(statements)]
    return Call("batch", "POST", "batch", body=exact_json.encode({"BatchItemRequest": items}))


def read_several(answer: Mapping[str, Any], count: int) -> tuple[list[Part], datetime]:
    """What such a call said of each statement, in their order."""
    listed = answer.get("BatchItemResponse")
    by_place: dict[str, Part] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, Mapping) and isinstance(item.get("QueryResponse"), Mapping):
            by_place[str(item.get("bId"))] = item
    return [by_place.get(str(place)) for place in range(count)], server_time(answer)


def _counted(entities: Sequence[str], ask: AskSeveral) -> dict[str, tuple[int, datetime]]:
    """How many records each entity has, and when; those left out that QuickBooks did not count."""
    counted: dict[str, tuple[int, datetime]] = {}
    for start in range(0, len(entities), BATCH_WRITES_MAX):
        some = entities[start : start + BATCH_WRITES_MAX]
        try:
            parts, at = ask([count_statement(each) for each in some])
            for entity, part in zip(some, parts, strict=True):
                if part is not None:
                    counted[entity] = (read_count(part), at)
        except (RejectedError, RetryLaterError):
            break  # each is read by a query of its own
    return counted


def _calls(counts: Mapping[str, int]) -> Iterator[list[_Page]]:
    """All pages, as many to a call as it can bear."""
    some: list[_Page] = []
    rows = 0
    for entity, count in counts.items():
        number_of_pages = _pages_of(count)
        if number_of_pages > PAGES_MAX:
            continue  # the query of its own says that it is too long
        for number in range(number_of_pages):
            expected = min(ROWS_PER_PAGE, count - number * (ROWS_PER_PAGE - 1))
            if some and (rows + expected > ROWS_PER_CALL or len(some) == BATCH_WRITES_MAX):
                yield some
                some, rows = [], 0
            some.append((entity, number))
            rows += expected
    if some:
        yield some


def _pages_of(count: int) -> int:
    """Pages of a list, the first record of each being the last one of the page before."""
    return 1 + (count - 1) // (ROWS_PER_PAGE - 1) if count else 0


def _read_pages(
    some: Sequence[_Page], ask: AskSeveral, pages: dict[str, list[list[Payload]]]
) -> None:
    """Read some pages; one that is not there is an empty one, which joins to nothing."""
    try:
        parts, _ = ask([_page_statement(*each) for each in some])
    except (RejectedError, RetryLaterError):
        parts = [None] * len(some)
    for (entity, _), part in zip(some, parts, strict=True):
        try:
            rows = [] if part is None else entity_rows(part.get("QueryResponse"), entity)
        except RemoteError:
            rows = []
        pages[entity].append(rows)


def _page_statement(entity: str, number: int) -> str:
    position = 1 + number * (ROWS_PER_PAGE - 1)
    query = statement(entity, "", "Id", all_states=True)
    return f"{query} STARTPOSITION {position} MAXRESULTS {ROWS_PER_PAGE}"


def _joined(pages: Sequence[list[Payload]], count: int) -> list[Payload] | None:
    """All records of a list's pages, or None where they do not follow each other to the end."""
    found: dict[str, Payload] = {}
    last: str | None = None
    for rows in pages:
        if last is not None and (not rows or str(rows[0].get("Id")) != last):
            return None
        found.update((str(row.get("Id")), row) for row in rows)
        last = str(rows[-1].get("Id")) if rows else ""
    return list(found.values()) if len(found) == count else None
