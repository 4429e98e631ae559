"""The audit log in SQL: appending under the head's lock, and verifying every chain.

A chain per connection, so that companies never wait for each other. The head row is locked while
entries are appended: two writers cannot fork the chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, union, update

from connectors.database import reading
from models.audit import GENESIS, AuditEntry, AuditFinding, AuditNote, chained, verify_chain
from models.tables.sync import audit_entries, audit_heads

_COLUMNS = [audit_entries.c[each.name] for each in fields(AuditEntry)]
#: Rows held in memory at a time while verifying.
_ROWS_AT_ONCE = 1_000


def append_notes(
    connection: Connection,
    notes: Sequence[AuditNote],
    *,
    connection_id: int,
    at: datetime,
    run_id: str | None,
) -> None:
    """Append notes to a connection's chain, in the caller's transaction."""
    if not notes:
        return
    mine = audit_heads.c.connection_id == connection_id
    head = connection.execute(select(audit_heads).where(mine).with_for_update()).first()
    entries = chained(
        notes,
        connection_id=connection_id,
        after_number=head.number if head else 0,
        after_hash=head.hash if head else GENESIS,
        at=at.isoformat(timespec="microseconds"),
        run_id=run_id,
    )
    connection.execute(insert(audit_entries), [asdict(each) for each in entries])
    last = {"number": entries[-1].number, "hash": entries[-1].hash}
    if head is None:
        connection.execute(insert(audit_heads).values(connection_id=connection_id, **last))
    else:
        connection.execute(update(audit_heads).where(mine).values(**last))


def verify(engine: Engine) -> tuple[int, list[AuditFinding]]:
    """Check every chain; the number of entries read, and all that is wrong, with the entry."""
    findings: list[AuditFinding] = []
    count = 0
    with reading(engine).connect() as connection:
        chain_ids = union(
            select(audit_entries.c.connection_id), select(audit_heads.c.connection_id)
        )
        for (connection_id,) in connection.execute(chain_ids).all():
            counted = _Counted(entries_of(connection, connection_id))
            head = connection.execute(
                select(audit_heads.c.number, audit_heads.c.hash).where(
                    audit_heads.c.connection_id == connection_id
                )
            ).first()
            recorded = (head.number, head.hash) if head else None
            findings.extend(verify_chain(counted, connection_id=connection_id, head=recorded))
            count += counted.count
    return count, findings


def entries_of(
    connection: Connection, connection_id: int, link_id: int | None = None
) -> Iterator[AuditEntry]:
    """Entries of a chain in order, or those about one link."""
    query = select(*_COLUMNS).where(audit_entries.c.connection_id == connection_id)
    if link_id is not None:
        query = query.where(audit_entries.c.link_id == link_id)
    rows = connection.execute(
        query.order_by(audit_entries.c.number), execution_options={"yield_per": _ROWS_AT_ONCE}
    )
    for row in rows.mappings():
        yield AuditEntry(**row)


class _Counted:
    """An iterator that remembers how many it gave."""

    def __init__(self, entries: Iterator[AuditEntry]) -> None:
        self._entries = entries
        self.count = 0

    def __iter__(self) -> Iterator[AuditEntry]:
        for entry in self._entries:
            self.count += 1
            yield entry
