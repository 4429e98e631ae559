"""Fetch: the files of receipts that are new in QuickBooks, after all records are settled.

The record of a file comes with the sync; the file itself is fetched here, each one once, a bounded
number and for a bounded time in each cycle. What cannot be fetched is set aside with the reason and
tried again in later cycles, after growing waits. It never holds up anything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from connectors.state.platform_port import Row, StaleRowError
from connectors.state.port import LinkUpdate, Parked
from models.audit import AuditNote
from models.errors import DisconnectedError, RecordError, RemoteError, SyncError
from models.file_rules import FileRules, size_error
from models.plan import Link
from models.record_type import RecordType
from models.words import Side
from tasks.context import Cycle
from tasks.files import sha256_of
from tasks.record import FILE_NOT_FETCHED, note_parked, reason_of, with_attempts

#: Files that one cycle asks for, and the seconds after which it asks for no more.
FILES_MAX = 500
SECONDS_MAX = 300.0


def fetch_files(cycle: Cycle, record_types: Sequence[RecordType]) -> int:
    """Fetch files that the platform lacks; how many arrived.

    Raises:
        DisconnectedError: no call can work.
    """
    fetched = 0
    started = cycle.clock.monotonic()
    for record_type in record_types:
        rules = record_type.file
        wanted = rules is not None and cycle.own(record_type)
        if rules is None or not wanted or not cycle.may_write(record_type, Side.PLATFORM):
            continue
        waiting = _waiting(cycle, record_type)
        if waiting:
            cycle.progress(f"fetching files of {record_type.plural}: {len(waiting)}")
        for link in waiting[:FILES_MAX]:
            if cycle.clock.monotonic() - started > SECONDS_MAX:
                break
            cycle.renew_lease()
            fetched += _fetch(cycle, record_type, rules, link)
    return fetched


def _waiting(cycle: Cycle, record_type: RecordType) -> list[Link]:
    """Links of rows without a file that QuickBooks has, and that nothing else holds up."""
    with cycle.state.begin() as unit:
        links = unit.links_of(
            record_type.name, Side.PLATFORM, unit.platform.without_file(record_type)
        )
        parked = {each.link_id: each for each in unit.parked([record_type.name])}
        return [
            each
            for each in links.values()
            if each.quickbooks_id is not None
            and each.deleted_at is None
            and (each.id not in parked or _is_due(parked[each.id], unit.now))
        ]


def _is_due(parked: Parked, now: datetime) -> bool:
    due = parked.next_attempt_at
    return parked.code == FILE_NOT_FETCHED and due is not None and due <= now


def _fetch(cycle: Cycle, record_type: RecordType, rules: FileRules, link: Link) -> bool:
    """Fetch one file and store it; False where it did not come."""
    assert link.quickbooks_id is not None
    assert link.platform_id is not None
    bytes_max = cycle.connection.settings.receipt_bytes_max
    with cycle.state.begin() as unit:
        row = unit.platform.rows(record_type, [link.platform_id]).get(link.platform_id)
    if row is None:
        return False
    said = row.values.get(record_type.by_name[rules.size].column)
    size = int(said) if isinstance(said, int | Decimal) else None
    try:
        if size is not None and (error := size_error(size, bytes_max)) is not None:
            raise error
        content = cycle.quickbooks.download(link.quickbooks_id, bytes_max=bytes_max)
        _check_received(size, content)
    except DisconnectedError:
        raise
    except (RemoteError, RecordError) as error:
        _set_aside(cycle, record_type, link, error)
        return False
    return _store(cycle, record_type, rules, link, content)


def _check_received(size: int | None, content: bytes) -> None:
    if size is not None and len(content) != size:
        raise RecordError(
            f"QuickBooks says that the file has {size:,} bytes, and {len(content):,} came",
            code=FILE_NOT_FETCHED,
            field="size",
            value=len(content),
            fix="Nothing to do: it is fetched again. If it stays so, attach the file anew.",
        )


def _store(
    cycle: Cycle, record_type: RecordType, rules: FileRules, link: Link, content: bytes
) -> bool:
    """Store a file with its SHA-256, unless the row has got one or is gone meanwhile."""
    sha256 = hashlib.sha256(content).hexdigest()
    assert link.platform_id is not None
    try:
        with cycle.state.begin() as unit:
            row = unit.platform.rows(record_type, [link.platform_id]).get(link.platform_id)
            if row is None or not row.live or sha256_of(row, rules):
                return False
            version = unit.platform.put_file(record_type, row.id, row.version, content, sha256)
            known = unit.links({link.id})[link.id]
            if row.version == known.platform_version:  # our own write is no news
                unit.save_links([LinkUpdate(link.id, platform_version=version)])
            unit.unpark([link.id])
            unit.audit([_note(link, row, content, sha256)])
    except StaleRowError:
        return False  # somebody edits the row right now: the next cycle fetches it
    return True


def _note(link: Link, row: Row, content: bytes, sha256: str) -> AuditNote:
    body: dict[str, object] = {
        "label": link.label,
        "row": row.id,
        "bytes": len(content),
        "sha256": sha256,
    }
    return AuditNote("file.fetched", body, record_type=link.record_type, link_id=link.id)


def _set_aside(cycle: Cycle, record_type: RecordType, link: Link, error: SyncError) -> None:
    """Note why a file did not come, where people look for what waits."""
    _, field, value, fix = reason_of(error)
    with cycle.state.begin() as unit:
        known = unit.parked_record(link.id)
        parked = Parked(
            link_id=link.id,
            record_type=record_type.name,
            side=Side.QUICKBOOKS,
            code=FILE_NOT_FETCHED,
            field=field,
            value=value,
            message=f"its file could not be fetched: {error}",
            fix=fix,
            attempts=1,
            since=unit.now,
            next_attempt_at=unit.now,
        )
        parked = with_attempts(parked, known)
        unit.park(parked)
        if known is None or known.message != parked.message:
            note_parked(unit, parked, label=link.label)
    cycle.tally.parked(
        {
            "record_type": record_type.name,
            "record": link.label,
            "link": str(link.id),
            "side": parked.side,
            "code": parked.code,
            "field": parked.field,
            "value": parked.value,
            "message": parked.message,
            "fix": parked.fix,
        }
    )
