"""A process that stops between sending a write and recording its answer leaves one record."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.quickbooks.client import QuickBooksClient
from connectors.state.sql import SqlUnit
from tests.fixtures.company import Office


class PowerCut(BaseException):
    """The process is gone; nothing of the product may catch it."""


def work(office: Office, count: int) -> list[int]:
    """New invoices on the platform."""
    customer = office.platform.id_of("Customer", "5")
    item = office.platform.id_of("Item", "2")
    return [
        office.platform.add(
            "invoice",
            customer_id=customer,
            issued_on=date(2026, 11, 1),
            lines=[{"kind": "item", "item_id": item, "amount": Decimal(9 + number)}],
        )
        for number in range(count)
    ]


def cut_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, after: bool) -> None:
    """Let the process stop at the first call of a method, before or after it did its work."""
    original: Callable[..., Any] = getattr(owner, name)

    def method(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(owner, name, original)
        if after:
            original(*arguments, **options)
        raise PowerCut

    monkeypatch.setattr(owner, name, method)


def assert_one_each(office: Office, rows: list[int]) -> None:
    """Each invoice stands once in QuickBooks, linked to its row."""
    creates = [write for write in office.books.written() if write[0] == "create"]
    assert len(creates) == len(rows)
    ids = {office.platform.quickbooks_id("invoice", row) for row in rows}
    assert len(ids) == len(rows)
    assert None not in ids
    assert office.platform.open_intents() == 0
    office.parked(0)
    office.settled()


#: Until a process that was started writes to QuickBooks, on a machine that others use too.
START_SECONDS_MAX = 120
#: Class, method, whether it did its work before the process stopped, records at once.
STOPS = [
    (SqlUnit, "add_intents", True, 1),
    (SqlUnit, "mark_sent", True, 1),
    (SqlUnit, "mark_sent", True, 3),
    (QuickBooksClient, "post", False, 1),
    (QuickBooksClient, "post", True, 1),
    (QuickBooksClient, "batch", True, 3),
    (SqlUnit, "close_intents", False, 1),
    (SqlUnit, "close_intents", False, 3),
    (SqlUnit, "save_links", True, 3),
]


@pytest.mark.parametrize("honoured", [True, False], ids=["honoured", "ignored"])
@pytest.mark.parametrize(
    ("owner", "name", "after", "count"),
    STOPS,
    ids=[f"{name}-{'after' if after else 'before'}-{count}" for _, name, after, count in STOPS],
)
@pytest.mark.asvs("2.3.3")
def test_a_process_that_stops_leaves_one_record(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    after: bool,
    count: int,
    honoured: bool,
) -> None:
    """Goal: wherever a cycle stops, the next one settles it: one record each, linked."""
    office.emulator.emulator.options.honour_request_ids = honoured
    rows = work(office, count)
    cut_once(monkeypatch, owner, name, after=after)
    with pytest.raises(PowerCut):
        office.run("sync", "--json")
    office.wait_for_flights()
    office.sync()
    assert_one_each(office, rows)


def test_a_process_that_stops_in_the_middle_of_an_update(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: an update whose answer was not recorded is seen to have happened, not done again."""
    row_id = office.platform.id_of("Invoice", "7")
    office.platform.edit("invoice", row_id, memo="once")
    cut_once(monkeypatch, SqlUnit, "close_intents", after=False)
    with pytest.raises(PowerCut):
        office.run("sync")
    office.sync()
    assert [write[0] for write in office.books.written()] == ["update"]
    assert office.books.read("Invoice", "7")["PrivateNote"] == "once"
    assert office.conflicts() == []
    office.parked(0)
    office.settled()


def test_a_process_that_is_killed(office: Office) -> None:
    """Goal: kill -9 of a real process while QuickBooks holds its answer back: the lease it held
    expires by itself, and the next sync finds the record instead of making another."""
    office.emulator.emulator.options.honour_request_ids = False
    rows = work(office, 1)
    office.emulator.faults({"kind": "timeout", "seconds": 30, "verb": "create"})
    process = office.start("sync", "--json")
    deadline = time.monotonic() + START_SECONDS_MAX
    while not office.books.written():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    busy = office.run("sync", "--json", code=4)
    assert "another run works on" in busy.stderr
    past = datetime.now(UTC) - timedelta(seconds=1)
    statement = "UPDATE leases SET expires_at = :past"
    text = past.replace(tzinfo=None).isoformat(" ", timespec="microseconds")
    assert office.platform.sql(statement, past=text) == 1
    office.sync()
    assert_one_each(office, rows)


def test_two_processes_at_once(office: Office) -> None:
    """Goal: two syncs of one company at the same time: one works, the other is told so or finds
    nothing left to do; nothing is written twice."""
    rows = work(office, 5)
    office.emulator.faults({"kind": "late", "seconds": 1, "verb": "batch"})
    processes = [office.start("sync", "--json") for _ in range(2)]
    ends = [(process.communicate(timeout=60), process.returncode) for process in processes]
    codes = sorted(code for _, code in ends)
    assert codes in ([0, 4], [0, 0]), ends
    assert_one_each(office, rows)


def test_the_command_line_as_a_process(office: Office) -> None:
    """Goal: a real process prints one JSON object on standard output and nothing else there, and
    its progress on standard error; --help needs no settings."""
    work(office, 1)
    process = office.start("sync", "--json")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert stdout.startswith('{"cycles": [{')
    assert stdout.count("\n") == 1
    assert "asking QuickBooks" in stderr
    help_process = office.start("--help", QBSYNC_DATABASE_URL="", QBSYNC_QUICKBOOKS_API_URL="")
    stdout, _ = help_process.communicate(timeout=60)
    assert help_process.returncode == 0
    assert "audit" in stdout
