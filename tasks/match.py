"""Match: which record that is new in QuickBooks is one that the platform holds unlinked.

A record that carries the marker of an unlinked platform record was made from it: the link was lost,
as in a database that was restored from a backup. Else only one of each with the same key is a
match; two alike are left to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.ports import Payload
from connectors.state.port import Row, Unit
from models.codecs import decode
from models.fields import value_at
from models.marker import marker_of
from models.plan import Link
from models.record_type import RecordType
from models.records import Content
from models.words import Side
from tasks.context import Cycle
from tasks.parents import load_parents
from tasks.times import parse_time

#: QuickBooks's clock and the platform's may differ by this much.
CLOCKS_DIFFER_MAX = timedelta(minutes=10)
#: A record type that refers to itself nests at most this deep (sub-accounts, fault 6180).
NESTING_MAX = 5


def match(
    cycle: Cycle, unit: Unit, record_type: RecordType, records: Sequence[Payload]
) -> dict[str, Link]:
    """QuickBooks id -> the half link of the one platform record that is the same.

    A record type that refers to itself is matched level by level, because a sub-account is the
    same only if its parent is.
    """
    half_links = unit.half_links(record_type.name, Side.PLATFORM) if records else []
    if not half_links:
        return {}
    rows = unit.platform.rows(
        record_type, [each.platform_id for each in half_links if each.platform_id]
    )
    by_row = {each.platform_id: each for each in half_links}
    load_parents(cycle, unit, record_type, records, [row.values for row in rows.values()])
    matched: dict[str, Link] = {}

    def note(pairs: Mapping[str, str]) -> None:
        for side_id, row_id in pairs.items():
            half = by_row[row_id]
            unit.complete_link(half.id, Side.QUICKBOOKS, side_id)
            link = replace(half, quickbooks_id=side_id)
            matched[side_id] = link
            cycle.references.learn([link])

    note(_by_marker(cycle, record_type, records, rows))
    for _level in range(NESTING_MAX):
        fresh = _match_once(cycle, record_type, records, rows, matched)
        note(fresh)
        if not fresh:
            break
    return matched


def _by_marker(
    cycle: Cycle, record_type: RecordType, records: Sequence[Payload], rows: Mapping[str, Row]
) -> dict[str, str]:
    """QuickBooks id -> id of the row that its marker names, where both name only each other.

    Ids are given out again in a database that was restored, so the row must not be younger.
    """
    marked: dict[str, list[Payload]] = {}
    for record in records:
        marker = record_type.marker_in(record)
        if marker is not None:
            marked.setdefault(marker, []).append(record)
    if not marked:
        return {}
    found: dict[str, str] = {}
    for row_id, row in rows.items():
        same = marked.get(marker_of(cycle.origin, record_type.name, row_id), [])
        if len(same) == 1 and not _is_younger(row, same[0]):
            found[str(same[0]["Id"])] = row_id
    return found


def _is_younger(row: Row, record: Payload) -> bool:
    made_at = parse_time(value_at(record, "MetaData.CreateTime"))
    created_at = row.values.get("created_at")
    if made_at is None or not isinstance(created_at, datetime):
        return True
    return created_at > made_at + CLOCKS_DIFFER_MAX


def _match_once(
    cycle: Cycle,
    record_type: RecordType,
    records: Sequence[Payload],
    rows: Mapping[str, Row],
    matched: Mapping[str, Link],
) -> dict[str, str]:
    taken = {link.platform_id for link in matched.values()}
    found: dict[str, str] = {}
    for fields in record_type.match_keys:
        in_quickbooks = _by_key(
            cycle,
            record_type,
            Side.QUICKBOOKS,
            fields,
            {str(each["Id"]): each for each in records if str(each["Id"]) not in matched},
        )
        on_platform = _by_key(
            cycle,
            record_type,
            Side.PLATFORM,
            fields,
            {row_id: row.values for row_id, row in rows.items() if row_id not in taken},
        )
        for key, side_ids in in_quickbooks.items():
            row_ids = on_platform.get(key, [])
            if len(side_ids) == 1 and len(row_ids) == 1 and side_ids[0] not in found:
                found[side_ids[0]] = row_ids[0]
    return found


def _by_key(
    cycle: Cycle,
    record_type: RecordType,
    side: Side,
    fields: tuple[str, ...],
    raws: Mapping[str, Payload],
) -> dict[tuple[object, ...], list[str]]:
    keys: dict[tuple[object, ...], list[str]] = {}
    for side_id, raw in raws.items():
        decoded = decode(record_type, side, raw, cycle.references)
        key = _key(decoded.content, fields)
        if key is not None and not decoded.errors:
            keys.setdefault(key, []).append(side_id)
    return keys


def _key(content: Content, fields: tuple[str, ...]) -> tuple[object, ...] | None:
    """The values of the key's fields without case; None where the first one is empty."""
    if not content.get(fields[0]):
        return None
    values = (content.get(name) for name in fields)
    return tuple(each.casefold() if isinstance(each, str) else each for each in values)
