"""What changed since an instant, by one change-data-capture call.

QuickBooks answers at most 1,000 objects, without pages and without saying whether the cap is per
kind or for all; either way a full answer may be incomplete, and is marked so. Blocks are found by
their entity key, not by place. Source: reference quickbooks-api, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.ports import Changes, Payload
from connectors.quickbooks.faults import local_error
from connectors.quickbooks.queries import entity_rows, server_time
from connectors.quickbooks.transport import Call

ROWS_MAX = 1_000


def changes_call(entities: Sequence[str], since: datetime) -> Call:
    """Build the call; the time is sent in UTC with its offset, cut to whole seconds."""
    assert since.utcoffset() is not None, "a time without an offset means nothing to QuickBooks"
    assert entities, "ask for one entity at least"
    assert all(name.isalpha() for name in entities), entities
    params = {
        "entities": ",".join(entities),
        "changedSince": since.astimezone(UTC).isoformat(timespec="seconds"),
    }
    return Call("cdc", "GET", "cdc", params, content_type="text/plain")


def read_changes(answer: Mapping[str, Any], entities: Sequence[str]) -> Changes:
    """Read the answer of a change-data-capture call."""
    records: dict[str, list[Payload]] = {entity: [] for entity in entities}
    deleted: dict[str, list[str]] = {entity: [] for entity in entities}
    overflowed: set[str] = set()
    count = 0
    for block in _blocks(answer):
        for entity in entities:
            rows = entity_rows(block, entity)
            count += len(rows)
            if len(rows) >= ROWS_MAX or _more_than_told(block, entity, len(rows)):
                overflowed.add(entity)
            for row in rows:
                if row.get("status") == "Deleted":
                    deleted[entity].append(str(row.get("Id")))
                else:
                    records[entity].append(row)
    if count >= ROWS_MAX:
        overflowed.update(entities)
    return Changes(
        records=records,
        deleted=deleted,
        server_time=server_time(answer),
        overflowed=frozenset(overflowed),
    )


def _blocks(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the QueryResponse blocks, one per entity; an entity without changes has {}."""
    responses = answer.get("CDCResponse")
    if not isinstance(responses, list):
        raise local_error("incomplete", "no CDCResponse", write=False)
    for response in responses:
        blocks = response.get("QueryResponse", []) if isinstance(response, Mapping) else []
        for block in blocks if isinstance(blocks, list) else [blocks]:
            if not isinstance(block, Mapping):
                raise local_error("incomplete", "a block is not an object", write=False)
            yield block


def _more_than_told(block: Mapping[str, Any], entity: str, count: int) -> bool:
    """Tell whether a block says that there are more rows than it holds."""
    total = block.get("totalCount")
    return entity in block and isinstance(total, int) and total > count
