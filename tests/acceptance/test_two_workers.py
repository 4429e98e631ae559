"""Two real processes of one company: at once, and one that was paused for longer than its lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.kill_checks import Memory, audit_against_journal, broken_chain
from tests.acceptance.kill_process import Child, Launcher
from tests.fixtures.company import Office

#: How often two are started at once.
ROUNDS = 8
FLIGHT_SECONDS = 1.2
#: More commits than a cycle with one invoice has before it is done.
PAUSES = (3, 14, 17, 20, 23)
_STOP_SECONDS_MAX = 10


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """Starts processes quickly; a process of its own, because this one has threads."""
    made = Launcher(spawned=True)
    yield made
    made.close()


def settings(office: Office) -> dict[str, str]:
    """A short flight, so that a lease is soon over."""
    return {
        **office.environment(),
        "QBSYNC_FLIGHT_SECONDS": str(FLIGHT_SECONDS),
        "QBSYNC_READ_TIMEOUT_SECONDS": "0.5",
    }


def add_invoices(office: Office, count: int) -> list[int]:
    """New invoices on the platform."""
    of = office.platform.id_of
    line = {"kind": "item", "item_id": of("Item", "2")}
    return [
        office.platform.add(
            "invoice",
            customer_id=of("Customer", "5"),
            issued_on=date(2026, 11, 1),
            lines=[{**line, "amount": Decimal(9 + number)}],
        )
        for number in range(count)
    ]


def assert_one_each(office: Office, rows: list[int]) -> None:
    """Each invoice was made once, and the audit log explains each write."""
    creates = [write for write in office.books.written() if write[0] == "create"]
    ids = {office.platform.quickbooks_id("invoice", row) for row in rows}
    assert None not in ids
    assert (len(creates), len(ids)) == (len(rows), len(rows))
    with office.emulator.emulator.lock:
        journal = [line for line in office.emulator.company.journal if line.client]
    assert audit_against_journal(Memory.of(office), journal) == []
    assert broken_chain(office) == []
    assert office.platform.open_intents() == 0
    office.parked(0)
    office.assert_equal()


@pytest.mark.parametrize("database_kind", ON_BOTH)
def test_two_processes_at_once_many_times(
    office: Office, launcher: Launcher, tmp_path: Path
) -> None:
    """Goal: two syncs of one company started together, again and again: one works, the other is
    told so or finds nothing left; nothing is written twice."""
    rows: list[int] = []
    codes = []
    for _ in range(ROUNDS):
        rows += add_invoices(office, 3)
        pair = [launcher.start(tmp_path, settings(office), "sync", "--json") for _ in range(2)]
        ends = sorted(child.wait() for child in pair)
        assert ends in ([0, 0], [0, 4]), [child.text() for child in pair]
        codes += ends
    assert 4 in codes, "no two of them ever met"
    office.sync()
    assert_one_each(office, rows)


@pytest.mark.parametrize("database_kind", ON_BOTH)
def test_a_worker_that_was_paused_for_longer_than_its_lease(
    office: Office, launcher: Launcher, tmp_path: Path
) -> None:
    """Goal: a process is stopped (SIGSTOP) after one of its commits for longer than its lease, and
    another one does the work: the zombie commits nothing more and sends nothing more."""
    rows: list[int] = []
    met = 0
    for pause_at in PAUSES:
        rows += add_invoices(office, 1)
        zombie = launcher.start(tmp_path, settings(office), "sync", "--json", pause_at=pause_at)
        if not stopped(zombie):
            continue
        time.sleep(FLIGHT_SECONDS + 0.05)
        # What the zombie had recorded as sent is waited for, once
        for _ in range(2):
            other = launcher.start(tmp_path, settings(office), "sync", "--json")
            assert other.wait() in (0, 3), other.text()
            time.sleep(0 if office.platform.open_intents() == 0 else FLIGHT_SECONDS)
        written = office.books.mark()
        entries = audit_count(office)
        zombie.go_on()
        assert zombie.wait() in (0, 4), zombie.text()
        met += "has lost" in zombie.text()
        assert office.books.written(written) == [], zombie.text()
        assert audit_count(office) == entries, zombie.text()
    office.sync()
    assert met >= 3, "the zombie was hardly ever in the middle of something"
    assert_one_each(office, rows)


def stopped(child: Child) -> bool:
    """Wait until a child has stopped itself; False where it has ended instead."""
    deadline = time.monotonic() + _STOP_SECONDS_MAX
    while time.monotonic() < deadline:
        if child.is_paused:
            return True
        if child.code is not None:
            return False
        time.sleep(0.005)
    pytest.fail(f"the process neither stopped nor ended: {child.doing}")


def audit_count(office: Office) -> int:
    """Entries about writes so far."""
    return len(Memory.of(office).entries)
