"""Verifying an audit log of 1,000,000 entries with its checkpoints, on SQLite and one core.

The limit in the same run is SHA-256 alone over the same texts, from memory: no database, no JSON.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, insert

from connectors.clock import SystemClock
from connectors.database import create_database_engine, migrate
from connectors.state.audit_verify import verify
from connectors.state.checkpoints import CheckpointLog
from connectors.state.signing import Signer, Verifier
from models.audit import (
    BEGINNING,
    COLUMNS,
    HASH,
    NUMBER,
    AuditNote,
    Row,
    chained,
    hashed_text,
    row_of,
)
from models.tables.sync import audit_entries, audit_heads

ENTRIES, AT_ONCE, ROUNDS = 1_000_000, 10_000, 3


def run(entries: int = ENTRIES) -> dict[str, Any]:
    """The figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = create_database_engine(f"sqlite:///{folder}/audit.sqlite3")
        migrate(engine)
        signer = Signer(Ed25519PrivateKey.generate())
        log = CheckpointLog(
            engine, SystemClock(), folder / "checkpoints", Verifier([signer.public_key]), signer
        )
        sample = _write(engine, log, entries)
        before = _memory_bytes()
        ours, limit = [], []
        for _ in range(ROUNDS):
            ours.append(_verify(engine, log, entries))
            limit.append(_hash_only(sample, entries))
        grown = _memory_bytes() - before
        engine.dispose()
    seconds, limit_seconds = statistics.median(ours), statistics.median(limit)
    return {
        "name": "audit",
        "entries": entries,
        "seconds": round(seconds, 3),
        "entries_per_second": round(entries / seconds),
        "spread_seconds": [round(min(ours), 3), round(max(ours), 3)],
        "memory_grown_megabytes": round(grown / 2**20, 1),
        "against": "SHA-256 alone over the same texts, in memory",
        "against_seconds": round(limit_seconds, 3),
        "ratio": round(seconds / limit_seconds, 2),
    }


def _write(engine: Engine, log: CheckpointLog, entries: int) -> list[Row]:
    """A log as a year of cycles would leave it; some of its entries."""
    place, rows = BEGINNING, []
    for start in range(0, entries, AT_ONCE):
        count = min(AT_ONCE, entries - start)
        notes = itertools.islice(_notes(start), count)
        rows = [
            row_of(each)
            for each in chained(
                notes,
                connection_id=1,
                after_number=place[0],
                after_hash=place[1],
                at="2026-11-22T13:07:12.123456+00:00",
                run_id="0123456789abcdef0123456789abcdef",
            )
        ]
        place = (rows[-1][NUMBER], rows[-1][HASH])
        with engine.begin() as connection:
            _insert(connection, rows, is_first=start == 0)
        log.seal()
    return rows


def _insert(connection: Connection, rows: list[Row], *, is_first: bool) -> None:
    connection.execute(
        insert(audit_entries), [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    )
    head = {"number": rows[-1][NUMBER], "hash": rows[-1][HASH]}
    if is_first:
        connection.execute(insert(audit_heads).values(connection_id=1, **head))
    else:
        connection.execute(audit_heads.update().values(head))


def _notes(start: int) -> Iterator[AuditNote]:
    """Writes of invoices, each with what it changed."""
    for number in itertools.count(start):
        body = {
            "label": f"Invoice {number}",
            "operation": "update",
            "intent": f"{number:032x}",
            "changed": {"memo": ["as it was", "as it is now"], "total": ["10.50", f"{number}.25"]},
        }
        yield AuditNote("write.quickbooks", body, record_type="invoice", link_id=number)


def _verify(engine: Engine, log: CheckpointLog, entries: int) -> float:
    started = time.perf_counter()
    verdict = verify(engine, log)
    seconds = time.perf_counter() - started
    assert verdict.entries == entries
    assert not verdict.findings, verdict.findings[:3]
    assert verdict.checkpoints == -(-entries // AT_ONCE)
    return seconds


def _hash_only(sample: list[Row], entries: int) -> float:
    texts = [hashed_text(row).encode() for row in sample]
    started = time.perf_counter()
    for text in itertools.islice(itertools.cycle(texts), entries):
        hashlib.sha256(text).hexdigest()
    return time.perf_counter() - started


def _memory_bytes() -> int:
    """The most that this process ever used; Linux counts kilobytes, macOS bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
