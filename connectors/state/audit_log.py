"""The audit log in SQL: appending under the head's lock, and verifying every chain.

A chain per connection, so that companies never wait for each other. The head row is locked while
entries are appended: two writers cannot fork the chain.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, Engine, insert, select, union, update

from connectors.database import reading, upsert
from models.audit import (
    BEGINNING,
    COLUMNS,
    GENESIS,
    AuditFinding,
    AuditNote,
    Place,
    Row,
    chained,
)
from models.checkpoint import Proven, verify_against
from models.tables.audit import audit_anchors, audit_checkpoints
from models.tables.sync import audit_entries, audit_heads

_COLUMNS = [audit_entries.c[name] for name in COLUMNS]
#: Rows held in memory at a time while verifying.
ROWS_AT_ONCE = 1_000
#: Findings of one chain that are listed; a log written by somebody else has one for each entry.
FINDINGS_MAX = 1_000


def append_notes(
    connection: Connection,
    notes: Sequence[AuditNote],
    *,
    connection_id: int,
    at: datetime,
    run_id: str | None,
) -> list[int]:
    """Append notes to a connection's chain, in the caller's transaction; the entries' numbers."""
    if not notes:
        return []
    head = lock_head(connection, connection_id)
    entries = chained(
        notes,
        connection_id=connection_id,
        after_number=head[0] if head else 0,
        after_hash=head[1] if head else GENESIS,
        at=at.isoformat(timespec="microseconds"),
        run_id=run_id,
    )
    connection.execute(insert(audit_entries), [vars(each) for each in entries])
    last = {"number": entries[-1].number, "hash": entries[-1].hash}
    if head is None:
        connection.execute(insert(audit_heads).values(connection_id=connection_id, **last))
    else:
        mine = audit_heads.c.connection_id == connection_id
        connection.execute(update(audit_heads).where(mine).values(**last))
    return [each.number for each in entries]


def lock_head(connection: Connection, connection_id: int) -> Place | None:
    """The end of a chain, which nobody else can move until the transaction ends; None if new."""
    heads = audit_heads.c
    mine = heads.connection_id == connection_id
    head = connection.execute(
        select(heads.number, heads.hash).where(mine).with_for_update()
    ).first()
    return (head.number, head.hash) if head else None


def lock_chain(connection: Connection, connection_id: int) -> Place:
    """As `lock_head`, also where the chain begins now: whoever begins it, too, waits as well."""
    head = lock_head(connection, connection_id)
    if head is not None:
        return head
    first = upsert(connection, audit_heads).values(
        connection_id=connection_id, number=BEGINNING[0], hash=BEGINNING[1]
    )
    connection.execute(first.on_conflict_do_nothing())
    head = lock_head(connection, connection_id)
    assert head is not None, "the head was there, or was made just now"
    return head


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads, and sees one state of the log however long it takes."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with reading(engine).connect() as connection:
        yield connection


def verify(engine: Engine) -> tuple[int, list[AuditFinding]]:
    """Check every chain in itself; the number of entries read, and all that is wrong.

    What only signed checkpoints show, such as a log that was written anew as a whole, is found by
    `audit_verify.verify`.
    """
    with snapshot(engine) as connection:
        return verify_chains(connection, Proven(), trust_anchors=True)


def verify_chains(
    connection: Connection,
    proven: Proven,
    *,
    trust_anchors: bool = False,
    only: Collection[int] = (),
) -> tuple[int, list[AuditFinding]]:
    """Check chains against what checkpoints prove; entries read, and all that is wrong.

    Unless anchors are trusted as they stand in the database, each must have been signed.

    Args:
        connection: a transaction that sees one state of the log.
        proven: what the file of checkpoints proves.
        trust_anchors: take anchors as they are.
        only: connections whose chains are checked; empty for all.
    """
    findings: list[AuditFinding] = []
    count = 0
    anchors = places_in(connection, "audit_anchors")
    heads = places_in(connection, "audit_heads")
    for connection_id in only or _chain_ids(connection, proven):
        if not isinstance(connection_id, int):
            message = f"entries belong to {str(connection_id)[:40]!a}, which is no connection"
            findings.append(AuditFinding(0, 0, message))
            continue
        counted = _Counted(rows_of(connection, connection_id))
        found = verify_against(
            proven,
            counted,
            connection_id=connection_id,
            head=heads.get(connection_id),
            anchor=anchors.get(connection_id),
            trust_anchor=trust_anchors,
        )
        findings.extend(bounded(found, connection_id))
        count += counted.count
    return count, findings


def bounded(found: Iterator[AuditFinding], connection_id: int) -> Iterator[AuditFinding]:
    """The first findings, and how many more there are."""
    yield from islice(found, FINDINGS_MAX)
    more = sum(1 for _ in found)
    if more:
        yield AuditFinding(connection_id, 0, f"{more} more findings are not listed")


def _chain_ids(connection: Connection, proven: Proven) -> list[object]:
    """All connections that have, had or should have entries; on SQLite a forger's may be text."""
    tables = (audit_entries, audit_heads, audit_checkpoints, audit_anchors)
    ids = set(connection.scalars(union(*(select(each.c.connection_id) for each in tables))))
    return sorted(ids | set(proven.signed), key=str)


def places_in(connection: Connection, table_name: str) -> dict[int, Place]:
    """Connection -> place, from audit_heads, audit_anchors or audit_checkpoints."""
    tables = (audit_heads, audit_anchors, audit_checkpoints)
    (table,) = (each for each in tables if each.name == table_name)
    rows = connection.execute(select(table.c.connection_id, table.c.number, table.c.hash))
    return {row.connection_id: (row.number, row.hash) for row in rows}


def rows_of(
    connection: Connection,
    connection_id: int,
    *,
    after: int | None = None,
    until: int | None = None,
) -> Generator[Row, None, None]:
    """Entries of a chain in order, those after one number and until another; bounded memory."""
    query = select(*_COLUMNS).where(audit_entries.c.connection_id == connection_id)
    if after is not None:
        query = query.where(audit_entries.c.number > after)
    if until is not None:
        query = query.where(audit_entries.c.number <= until)
    with connection.execute(
        query.order_by(audit_entries.c.number), execution_options={"yield_per": ROWS_AT_ONCE}
    ) as rows:
        yield from rows


class _Counted:
    """An iterator that remembers how many it gave."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row
