"""Prefect stops a flow in the middle, or tries a task again while its first try still runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL

from models.plan import RecordPlan
from tasks import bootstrap
from tasks.context import Cycle
from tasks.cycle import run_cycle
from tasks.load import Failed
from tasks.steps import PLAIN
from tests.fixtures.company import REPOSITORY, Office

_SECONDS_MAX = 60
FLIGHT_SECONDS = 2


def assert_one_each(office: Office, names: list[str]) -> None:
    """Each vendor stands once in QuickBooks, linked to its row."""
    created = [write for write in office.books.written() if write[0] == "create"]
    assert len(created) == len(names)
    for name in names:
        booked = office.books.one("Vendor", f"DisplayName = '{name}'")
        assert office.platform.of("Vendor", booked["Id"])["name"] == name
    office.parked(0)
    office.settled()


@pytest.mark.prefect
@pytest.mark.xdist_group("prefect")
def test_a_flow_that_is_cancelled_in_the_middle(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """Goal: Prefect cancels a flow run by SIGTERM to its process, here while QuickBooks holds the
    answer to a write back: the next sync finds what was made and does the rest, once."""
    office.emulator.emulator.options.honour_request_ids = False
    names = ["Cancelled 1", "Cancelled 2"]
    for name in names:
        office.platform.add("vendor", name=name)
    office.emulator.faults({"kind": "timeout", "seconds": 30, "verb": "batch"})
    code = "from flows.expenses import sync_expenses; sync_expenses()"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=REPOSITORY,
        env={
            **os.environ,
            **office.environment(),
            "QBSYNC_READ_TIMEOUT_SECONDS": "30",
            "QBSYNC_FLIGHT_SECONDS": str(FLIGHT_SECONDS),
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + _SECONDS_MAX
    while not office.books.written():
        assert time.monotonic() < deadline, "the flow never wrote"
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=_SECONDS_MAX)
    assert process.returncode != 0, output
    time.sleep(FLIGHT_SECONDS)  # its lease, unless it could give it back
    office.sync()
    assert_one_each(office, names)


def test_a_task_that_is_tried_again_while_its_first_try_still_runs(office: Office) -> None:
    """Goal: a batch is loaded again by a second try while QuickBooks has not answered the first:
    one of them is refused by the database, and every record is made once."""
    office.emulator.emulator.options.honour_request_ids = False
    names = ["Retried 1", "Retried 2", "Retried 3"]
    for name in names:
        office.platform.add("vendor", name=name)
    office.emulator.faults({"kind": "late", "seconds": 0.6, "verb": "batch"})
    refused: list[Exception] = []

    def loaded_twice(cycle: Cycle, plans: Sequence[RecordPlan]) -> list[Failed]:
        failed: list[Failed] = []
        first = threading.Thread(target=lambda: failed.extend(PLAIN.load_batch(cycle, plans)))
        first.start()
        time.sleep(0.2)
        try:
            PLAIN.load_batch(cycle, plans)
        except Exception as error:  # noqa: BLE001 - which one it is, is asserted below
            refused.append(error)
        first.join(timeout=_SECONDS_MAX)
        assert not first.is_alive()
        return failed

    with bootstrap.installation() as place, bootstrap.open_cycle(place) as cycle:
        run_cycle(cycle, "sync", replace(PLAIN, load_batch=loaded_twice))
    assert len(refused) == 1, "the second try was let in"
    assert "uq_intents_open" in str(refused[0]) or "intents.link_id" in str(refused[0])
    assert_one_each(office, names)
