"""Match: which record that is new in QuickBooks is one that the platform holds unlinked.

A record that carries the marker of an unlinked platform record was made from it: the link was lost,
as in a database that was restored from a backup. Else only one of each with the same key is a
match; two alike are left to a person.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.ports import Payload
from connectors.state.platform_port import Row
from connectors.state.port import Unit
from models.account_choices import Account
from models.codecs import decode
from models.default_accounts import has_defaults
from models.fields import value_at
from models.marker import marker_of
from models.match_keys import exact_pairs
from models.plan import Link
from models.record_type import RecordType
from models.records import Content
from models.reimbursement import bill_marked
from models.words import Side
from tasks.context import Cycle
from tasks.default_accounts import accounts_now, readable
from tasks.parents import load_parents
from tasks.times import parse_time

#: QuickBooks's clock and the platform's may differ by this much.
CLOCKS_DIFFER_MAX = timedelta(minutes=10)
#: A record type that refers to itself nests at most this deep (sub-accounts, fault 6180).
NESTING_MAX = 5


@dataclass
class Matched:
    """What was found to be the same."""

    #: QuickBooks id -> the whole link.
    links: dict[str, Link] = field(default_factory=dict)
    #: QuickBooks id -> the half link of a platform record with the same key, which is in doubt.
    questioned: dict[str, Link] = field(default_factory=dict)


def match(
    cycle: Cycle,
    unit: Unit,
    record_type: RecordType,
    records: Sequence[Payload],
    waiting: Mapping[str, Link],
) -> Matched:
    """Link each record with the half link of the one platform record that is the same.

    A record type that refers to itself is matched level by level, because a sub-account is the
    same only if its parent is. In the first sync of a record type only markers count here:
    `tasks.matching` looks at all the rest.

    waiting: QuickBooks id -> half link of records that could not be created for want of a parent,
    and are looked at again.
    """
    matched = Matched()
    half_links = unit.half_links(record_type.name, Side.PLATFORM) if records else []
    half_links = [
        each
        for each in half_links
        if each.id not in cycle.matching.decided and not bill_marked(each)
    ]
    if not half_links:
        return matched
    rows = unit.platform.rows(
        record_type, [each.platform_id for each in half_links if each.platform_id]
    )
    by_row = {each.platform_id: each for each in half_links}
    load_parents(cycle, unit, record_type, records, [row.values for row in rows.values()])

    def note(pairs: Mapping[str, str]) -> None:
        for side_id, row_id in pairs.items():
            half, own = by_row[row_id], waiting.get(side_id)
            if own is not None:
                link = unit.join_links(half.id, own.id)
            else:
                unit.complete_link(half.id, Side.QUICKBOOKS, side_id)
                link = replace(half, quickbooks_id=side_id)
            matched.links[side_id] = link
            cycle.references.learn([link])

    note(_by_marker(cycle, record_type, records, rows))
    if record_type.name in cycle.matching.first:
        return matched
    accounts = accounts_now(cycle, unit) if has_defaults(record_type) else {}
    for _level in range(NESTING_MAX):
        found = _match_once(cycle, record_type, records, rows, matched, accounts)
        in_doubt = {
            side_id: by_row[row_id]
            for side_id, row_id in found.items()
            if by_row[row_id].id in cycle.matching.doubts
        }
        matched.questioned |= in_doubt
        fresh = {side_id: row_id for side_id, row_id in found.items() if side_id not in in_doubt}
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
    matched: Matched,
    accounts: Mapping[int, Account],
) -> dict[str, str]:
    known = {*matched.links, *matched.questioned}
    taken = {link.platform_id for link in (*matched.links.values(), *matched.questioned.values())}
    theirs = _readable(cycle, record_type, records, known)
    contents = {
        row_id: readable(cycle, record_type, row.values, accounts)
        for row_id, row in rows.items()
        if row_id not in taken
    }
    ours = {row_id: content for row_id, content in contents.items() if content is not None}
    found: dict[str, str] = {}
    for fields in record_type.match_keys:
        for side_id, row_id in exact_pairs(record_type, fields, theirs, ours).items():
            found[side_id] = row_id
            del theirs[side_id], ours[row_id]
    return found


def _readable(
    cycle: Cycle,
    record_type: RecordType,
    records: Sequence[Payload],
    known: Collection[str],
) -> dict[str, Content]:
    """Contents of QuickBooks's records that are not known and that can be read whole."""
    decoded = {
        str(each["Id"]): decode(record_type, Side.QUICKBOOKS, each, cycle.references)
        for each in records
        if str(each["Id"]) not in known
    }
    return {side_id: each.content for side_id, each in decoded.items() if not each.errors}
