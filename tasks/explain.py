"""Explain: all that is known of one record, and what the next cycle will do with it, and why.

Reads both sides afresh (QuickBooks by one metered call) and the state; writes to neither side.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from connectors.ports import Payload
from connectors.state import queries
from connectors.state.platform_port import Row
from connectors.state.port import Parked, State
from models.errors import RemoteError
from models.merge import Conflict
from models.plan import Link, RecordPlan
from models.record_type import RecordType, record_type_named
from models.records import Content, Observed, canonical_json
from models.retry_queue import DONE_BY_HAND, SKIPPED
from models.words import IntentState, Side
from tasks.candidate import Candidate
from tasks.context import Cycle
from tasks.default_accounts import STOOD_IN, words_of
from tasks.extract import PlatformExtract, QuickBooksExtract
from tasks.names import learn_names
from tasks.pair import is_known
from tasks.plan import plan
from tasks.reads import is_outdated, read_many

#: Kinds of audit entries that tell of a decision.
DECISIONS = (
    "conflict", "parked", "unparked", "retry", SKIPPED, DONE_BY_HAND, "override", STOOD_IN,
)  # fmt: skip
#: What the next cycle does, where that is not known yet.
_UNDECIDED: dict[str, Any] = {
    "takes_up": False,
    "because": "",
    "outcome": None,
    "writes": [],
    "conflicts": [],
    "default_accounts": "",
    "parks": None,
}
_OPEN = (IntentState.PLANNED, IntentState.SENT, IntentState.UNKNOWN)


# -- the record now --


@dataclass(frozen=True)
class _Now:
    """What both sides hold at this moment."""

    link: Link
    parked: Parked | None
    quickbooks: Payload | None
    row: Row | None
    #: Why QuickBooks could not be read; "" where it was.
    unread: str


def explain(cycle: Cycle, engine: Engine, link_id: int) -> dict[str, Any]:
    """Everything about a link's record, as plain data with a stable shape."""
    now = _read(cycle, link_id)
    record_type = record_type_named(now.link.record_type)
    planned = None if now.unread else _planned(cycle, record_type, now)
    story = _story(engine, cycle.connection.id, record_type, now, planned)
    following = _next_cycle(cycle, record_type, now, planned, story["requests"])
    return {**story, "next_cycle": following}


def explain_stored(state: State, engine: Engine, link_id: int, why: str) -> dict[str, Any]:
    """The same as far as it is stored, where QuickBooks is not asked; `why` says for what reason.

    What the next cycle does cannot be said then.
    """
    now = _stored(state, link_id, why)
    record_type = record_type_named(now.link.record_type)
    story = _story(engine, state.connection.id, record_type, now, None)
    return {**story, "next_cycle": {**_UNDECIDED, "takes_up": False, "because": why}}


def _story(
    engine: Engine,
    connection_id: int,
    record_type: RecordType,
    now: _Now,
    planned: RecordPlan | None,
) -> dict[str, Any]:
    """What is and what was; what comes next is said apart."""
    link_id = now.link.id
    log = [_entry(each) for each in queries.audit_of(engine, connection_id, link_id)]
    return {
        "record": {
            "link": link_id,
            "record_type": record_type.name,
            "record": now.link.label,
            "quickbooks_id": now.link.quickbooks_id,
            "platform_id": now.link.platform_id,
            "deleted_at": now.link.deleted_at,
        },
        "quickbooks": _side(planned.quickbooks if planned else None, now, Side.QUICKBOOKS),
        "platform": _side(planned.platform if planned else None, now, Side.PLATFORM),
        "base": _plain(now.link.base),
        "fields": _fields(record_type, now.link.base, planned),
        "parked": _parked(now.parked),
        "conflicts": [_conflict_row(each) for each in queries.conflicts_of(engine, link_id)],
        "decisions": [each for each in log if each["kind"].startswith(DECISIONS)],
        "requests": [_request(each) for each in queries.requests_of(engine, link_id)],
        "log": log,
    }


def _stored(state: State, link_id: int, unread: str = "") -> _Now:
    """What the database knows of the record."""
    with state.begin() as unit:
        link = unit.links([link_id])[link_id]
        record_type = record_type_named(link.record_type)
        parked = unit.parked_record(link_id)
        rows = unit.platform.rows(record_type, [link.platform_id] if link.platform_id else [])
    return _Now(link, parked, None, rows.get(link.platform_id or ""), unread)


def _read(cycle: Cycle, link_id: int) -> _Now:
    stored = _stored(cycle.state, link_id)
    link = stored.link
    cycle.references.learn([link])
    ids = [link.quickbooks_id] if link.quickbooks_id else []
    try:
        found = read_many(cycle, record_type_named(link.record_type), ids)
    except RemoteError as error:
        return replace(stored, unread=str(error))
    return replace(stored, quickbooks=found.get(link.quickbooks_id or ""))


def _planned(cycle: Cycle, record_type: RecordType, now: _Now) -> RecordPlan:
    """What a cycle would decide on the record, by the same steps."""
    learn_names(
        cycle,
        QuickBooksExtract({record_type.name: [now.quickbooks] if now.quickbooks else []}, {}, {}),
        PlatformExtract({record_type.name: [now.row] if now.row else []}),
    )
    candidate = Candidate(
        record_type,
        now.link,
        quickbooks=now.quickbooks,
        gone_in_quickbooks=now.link.quickbooks_id is not None and now.quickbooks is None,
        platform=now.row,
        gone_on_platform=now.link.platform_id is not None and now.row is None,
        read_from=frozenset(Side),
        parked=now.parked,
    )
    (planned,) = plan(cycle, [record_type], [candidate]).records
    return planned


def _side(observed: Observed | None, now: _Now, side: Side) -> dict[str, Any]:
    """One side as it is: absent, gone, unread, or its content."""
    side_id = now.link.side_id(side)
    there = (
        now.quickbooks is not None if side is Side.QUICKBOOKS else bool(now.row and now.row.live)
    )
    state = "there" if there else ("gone" if side_id else "not yet")
    if side is Side.QUICKBOOKS and now.unread:
        state = "not read"
    return {
        "id": side_id,
        "state": state,
        "error": now.unread if side is Side.QUICKBOOKS else "",
        "version": observed.version if observed else None,
        "edited_at": observed.edited_at if observed else None,
        "content": _plain(observed.content if observed else None),
    }


def _fields(
    record_type: RecordType, base: Content | None, planned: RecordPlan | None
) -> list[dict[str, Any]]:
    """A row per field that has a value anywhere, with who differs from the base."""
    quickbooks = planned.quickbooks.content if planned and planned.quickbooks else None
    platform = planned.platform.content if planned and planned.platform else None
    rows = []
    for field in record_type.fields:
        values = [each.get(field.name) if each else None for each in (base, quickbooks, platform)]
        if all(value in (None, ()) for value in values):
            continue
        rows.append(
            {
                "field": field.name,
                "base": _plain(values[0]),
                "quickbooks": _plain(values[1]),
                "platform": _plain(values[2]),
                "difference": _difference(base, quickbooks, platform, field.name),
            }
        )
    return rows


def _difference(
    base: Content | None, quickbooks: Content | None, platform: Content | None, name: str
) -> str:
    """Who differs, in words; "" where all that are there agree."""
    sides = {
        Side.QUICKBOOKS: quickbooks.get(name) if quickbooks is not None else None,
        Side.PLATFORM: platform.get(name) if platform is not None else None,
    }
    there = [
        side
        for side, content in ((Side.QUICKBOOKS, quickbooks), (Side.PLATFORM, platform))
        if content is not None
    ]
    if base is None:
        differ = len(there) == len(Side) and sides[Side.QUICKBOOKS] != sides[Side.PLATFORM]
        return "the sides differ" if differ else ""
    changed = [side for side in there if sides[side] != base.get(name)]
    if len(changed) == len(Side):
        alike = sides[Side.QUICKBOOKS] == sides[Side.PLATFORM]
        return "both changed it alike" if alike else "both changed it differently"
    return f"{changed[0]} changed it" if changed else ""


# -- its history --


def _request(row: dict[str, Any]) -> dict[str, Any]:
    fault = row["fault"]
    return {**row, "fields": json.loads(row["fields"]), "fault": _json_or_text(fault)}


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "body": json.loads(row["body"])}


def _conflict_row(row: dict[str, Any]) -> dict[str, Any]:
    versions = {name: _json_or_text(row[name]) for name in ("base", "quickbooks", "platform")}
    return {**row, **versions}


def _json_or_text(text: str | None) -> Any:
    """Stored JSON as data; words of QuickBooks stay words."""
    if not text:
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _parked(parked: Parked | None) -> dict[str, Any] | None:
    if parked is None:
        return None
    return {
        "side": parked.side.value,
        "code": parked.code,
        "field": parked.field,
        "value": parked.value,
        "message": parked.message,
        "fix": parked.fix,
        "attempts": parked.attempts,
        "since": parked.since,
        "next_attempt_at": parked.next_attempt_at,
    }


# -- what comes next --


def _next_cycle(
    cycle: Cycle,
    record_type: RecordType,
    now: _Now,
    planned: RecordPlan | None,
    requests: list[dict[str, Any]],
) -> dict[str, Any]:
    """Whether the next cycle looks at the record, why, and what it then does."""
    waiting = next((each for each in requests if each["state"] in _OPEN), None)
    takes_up, because = _looked_at(cycle, record_type, now, waiting)
    if planned is None or waiting is not None:
        return {**_UNDECIDED, "takes_up": takes_up, "because": because}
    parks = planned.parked
    return {
        "takes_up": takes_up,
        "because": because,
        "outcome": planned.merge.outcome.value if parks is None else "parked",
        "writes": _writes(planned) if takes_up else [],
        "conflicts": [_conflict(each) for each in planned.merge.conflicts],
        "default_accounts": words_of(record_type, planned.fills)
        if takes_up and parks is None
        else "",
        "parks": {
            "code": parks.code,
            "field": parks.field,
            "value": parks.value,
            "message": str(parks),
            "fix": parks.fix,
        }
        if parks
        else None,
    }


def _looked_at(
    cycle: Cycle, record_type: RecordType, now: _Now, waiting: dict[str, Any] | None
) -> tuple[bool, str]:
    """Whether the next cycle takes the record up, and why or why not."""
    if record_type not in cycle.record_types:
        return False, f"{record_type.data_type} is switched off for this connection"
    if waiting is not None:
        return True, _waiting_words(cycle, waiting)
    if now.unread:
        return False, f"QuickBooks could not be read: {now.unread}"
    changed = [side.value for side in Side if _has_news(cycle, record_type, now, side)]
    if changed:
        return True, f"it has changed on {' and '.join(changed)} since both sides last agreed"
    return _due(cycle, now.parked)


def _due(cycle: Cycle, parked: Parked | None) -> tuple[bool, str]:
    """Whether a record that nobody changed comes up again by itself."""
    if parked is None:
        return False, "neither side has changed since both last agreed: nothing to do"
    if parked.is_left_alone:
        return False, "a person wants it left alone, until `retry` releases it"
    if parked.next_attempt_at is None:
        return False, "it is parked until somebody edits it, or `retry` releases it"
    due = parked.next_attempt_at <= cycle.clock.now()
    words = "it is parked, and due to be tried again"
    return due, words if due else f"{words} from {parked.next_attempt_at.isoformat()} on"


def _waiting_words(cycle: Cycle, waiting: dict[str, Any]) -> str:
    operation, sent_at = waiting["operation"], waiting["last_sent_at"]
    if not isinstance(sent_at, datetime):
        return f"a {operation} was planned and not sent: it is dropped and planned anew"
    due = sent_at + cycle.flight
    left = max(due - cycle.clock.now(), timedelta(0))
    until = f"it may still land until {due.isoformat()}" if left else "it can no longer land"
    return (
        f"a {operation} was sent and its outcome is not known: QuickBooks is looked at for it "
        f"first, and nothing is sent twice; {until}"
    )


def _has_news(cycle: Cycle, record_type: RecordType, now: _Now, side: Side) -> bool:
    """Whether a side holds something else than the sync last knew of it."""
    link = now.link
    if side is Side.PLATFORM:
        row = now.row
        if link.platform_id is None:
            return False
        if row is None or link.deleted_at is not None:
            return (row is not None and row.live) or link.deleted_at is None
        return row.version != link.platform_version
    record = now.quickbooks
    if link.quickbooks_id is None:
        return False
    if record is None or link.deleted_at is not None:
        return (record is not None and record.get("Active") is not False) or (
            link.deleted_at is None
        )
    return not is_outdated(link, record) and not is_known(cycle, record_type, link, record)


def _writes(planned: RecordPlan) -> list[dict[str, Any]]:
    sides = (
        (Side.QUICKBOOKS, planned.quickbooks_operation, planned.merge.to_quickbooks),
        (Side.PLATFORM, planned.platform_operation, planned.merge.to_platform),
    )
    return [
        {"side": side.value, "operation": operation.value, "fields": sorted(fields)}
        for side, operation, fields in sides
        if operation is not None
    ]


def _conflict(conflict: Conflict) -> dict[str, Any]:
    winner = conflict.verdict.winner
    return {
        "field": conflict.field,
        "base": _plain(conflict.base),
        "quickbooks": _plain(conflict.quickbooks),
        "platform": _plain(conflict.platform),
        "winner": winner.value if winner else "person",
        "rule": conflict.verdict.reason,
    }


def _plain(value: Any) -> Any:
    """A canonical value as JSON has it; amounts are text, so that no digit is lost."""
    return json.loads(canonical_json(value))
