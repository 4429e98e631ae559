"""Change data capture: what changed since an instant, entity by entity.

One block per asked entity, in the order asked, `{}` when nothing changed; deletions as short rows.
Rows come oldest change first and the cap cuts off the newest, which is what makes it dangerous.
Source: dossier section 5; notes on recorded data, "Change tracking".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.clock import parse_instant, stamp
from emulator.entities import find_entity
from emulator.presenting import shown

if TYPE_CHECKING:
    from emulator.company import Company, Record
    from emulator.entities.declaration import Entity

LOOK_BACK = timedelta(days=30)


def changes(company: Company, entities_text: str, since_text: str) -> dict[str, Any]:
    """Return the body of a CDC answer."""
    if not entities_text.strip():
        raise faults.missing("entities")
    if not since_text:
        raise faults.missing("changedSince")
    since = parse_instant(since_text)
    if since is None:
        raise faults.bad_value("changedSince", since_text)
    if since < company.clock.now() - LOOK_BACK:
        raise faults.unsupported(
            f"cdc with changedSince date {{{since_text}}} which is older than fixed days"
        )
    # Times are kept to the second, so the question is asked to the second as well.
    since = since.replace(microsecond=0)
    left = company.options.cdc_cap
    blocks = []
    for name in entities_text.split(","):
        rows = _rows(company, _supported(name.strip()), since)
        cap = company.options.cdc_cap if company.options.cdc_cap_per_entity else left
        rows_shown = rows[: max(cap, 0)]
        left -= len(rows_shown)
        blocks.append(_block(company, name.strip(), rows_shown))
    return {"CDCResponse": [{"QueryResponse": blocks}]}


def _supported(name: str) -> Entity:
    entity = find_entity(name)
    if entity is None:
        raise faults.query_invalid(f"Invalid context declaration: {name}")
    if "cdc" not in entity.verbs:
        raise faults.unsupported(f"cdc {entity.name}")
    return entity


def _rows(company: Company, entity: Entity, since: datetime) -> list[Record]:
    dated: list[tuple[datetime, int, Record]] = []
    for record in company.records[entity.name].values():
        updated = parse_instant(str(record.get("MetaData", {}).get("LastUpdatedTime", "")))
        if updated is not None and updated >= since:
            dated.append((updated, len(dated), record))
    for record_id, deleted_at in company.tombstones[entity.name].items():
        if deleted_at.replace(microsecond=0) >= since:
            dated.append((deleted_at, len(dated), _deleted_row(record_id, deleted_at)))
    return [record for _, _, record in sorted(dated, key=lambda entry: entry[:2])]


def _deleted_row(record_id: str, deleted_at: datetime) -> Record:
    return {
        "domain": "QBO",
        "status": "Deleted",
        "Id": record_id,
        "MetaData": {"LastUpdatedTime": stamp(deleted_at)},
    }


def _block(company: Company, name: str, rows: list[Record]) -> dict[str, Any]:
    if not rows:
        return {}
    entity = find_entity(name)
    assert entity is not None, "the name was checked"
    return {
        entity.key: [shown(company, entity, record) for record in rows],
        "startPosition": 1,
        "maxResults": len(rows),
        "totalCount": len(rows),
    }
