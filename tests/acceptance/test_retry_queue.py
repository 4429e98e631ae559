"""The retry queue: what is set aside is tried again, skipped or settled by hand, and seen.

Method: the demo company with one refused write; everything by the command line, on both databases.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from models.retry_queue import ATTEMPTS_MAX
from models.tables import sync as sync_tables
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office

REFUSED = {"kind": "fault_in_200", "verb": "create", "count": None, "detail": "No such thing."}


def refused(office: Office) -> tuple[int, int]:
    """An invoice that QuickBooks refuses: its row and its link."""
    customer = office.platform.id_of("Customer", "5")
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(9)}
    row_id = office.platform.add(
        "invoice", customer_id=customer, issued_on=date(2026, 11, 1), lines=[line]
    )
    office.emulator.faults(REFUSED)
    office.sync(code=3)
    (parked,) = office.parked()
    return row_id, parked["link"]


def queue(office: Office, *options: str) -> list[dict[str, Any]]:
    """The queue."""
    rows: list[dict[str, Any]] = office.run("queue", "--json", *options).json["queue"]
    return rows


def tried(office: Office, attempts: int) -> None:
    """As if it had been tried so often, and were due now."""
    values = {"attempts": attempts, "next_attempt_at": datetime(2026, 1, 1, tzinfo=UTC)}
    with office.platform.engine.begin() as connection:
        connection.execute(update(sync_tables.parked).values(**values))


@pytest.mark.parametrize("database_kind", ON_BOTH)
@pytest.mark.parametrize(
    ("option", "state", "kind"),
    [("--skip", "skipped", "skipped"), ("--done", "done", "done_by_hand")],
)
def test_what_a_person_leaves_alone_is_not_tried_until_a_person_retries_it(
    office: Office, option: str, state: str, kind: str
) -> None:
    """Goal: an edit, a full read and a retry of everything leave it alone; nothing is written."""
    row_id, link = refused(office)
    (before,) = queue(office)
    assert (before["state"], before["attempts"]) == ("given_up", 1)
    assert office.run("retry", str(link), option, "--why", "sent by post").code == 0
    office.emulator.clear_faults()
    office.platform.edit("invoice", row_id, memo="edited since")
    office.sync(code=None)
    office.run("retry")
    office.run("backfill", "--since", "2026-10-30", "--until", "2026-11-05", code=None)
    office.sync(code=None)
    assert office.books.written() == []
    assert office.platform.quickbooks_id("invoice", row_id) is None
    assert (office.status()["parked"], office.status()["alerts"]) == ([], [])
    (row,) = queue(office, "--state", state)
    assert (row["link"], row["code"]) == (link, kind)
    assert "sent by post" in row["message"]
    assert "No such thing." in row["message"], "what was wrong is still told"
    (entry,) = office.platform.audit(kind)
    assert entry["why"] == "sent by post"
    assert str(before["code"]) == entry["was"]
    assert "Before: " in office.run("explain", str(link)).stdout
    assert office.run("retry", str(link), "--json").json == {"released": 1}
    office.sync()
    assert [write[:2] for write in office.books.written()] == [("create", "Invoice")]
    office.settled()


def test_a_skipped_record_goes_with_its_row(office: Office) -> None:
    """Goal: what was skipped and then deleted, where it was the only one, waits for nobody."""
    row_id, link = refused(office)
    office.run("retry", str(link), "--skip")
    office.platform.edit("invoice", row_id, deleted_at=office.emulator.emulator.clock.now())
    office.emulator.clear_faults()
    office.sync()
    assert [row for row in queue(office) if row["state"] != "done"] == []
    assert office.books.written() == []
    office.settled()


def test_what_was_applied_is_done_in_the_queue(office: Office) -> None:
    """Goal: the queue names what was set aside and is applied now, and why it was set aside."""
    _, link = refused(office)
    office.emulator.clear_faults()
    assert queue(office, "--state", "retrying") == []
    office.run("retry", "--code", str(queue(office)[0]["code"]))
    assert [row["link"] for row in queue(office, "--state", "retrying")] == [link]
    office.sync()
    (row,) = queue(office)
    assert (row["state"], row["link"]) == ("done", link)
    assert "No such thing." in row["message"]
    office.settled()


def test_a_reason_that_never_passes_is_given_up_in_the_end(own_office: Office) -> None:
    """Goal: a file that never comes is not waited for for ever; a retry waits anew."""
    office = own_office
    office.connect()
    office.sync()
    customer = office.platform.id_of("Customer", "5")
    office.platform.edit("customer", customer, notes="work")
    office.emulator.faults({"kind": "throttle", "verb": "update", "count": None})
    office.sync(code=3)
    (first,) = queue(office)
    assert (first["state"], first["attempts"]) == ("retrying", 1)
    for attempts, state in ((ATTEMPTS_MAX - 2, "waiting"), (ATTEMPTS_MAX - 1, "given_up")):
        tried(office, attempts)
        office.sync(code=3)
        (row,) = queue(office)
        assert (row["state"], row["attempts"]) == (state, attempts + 1)
    assert f"tried {ATTEMPTS_MAX} times" in row["fix"]
    assert f"retry {first['link']}" in row["fix"]
    office.run("retry", str(first["link"]))
    office.sync(code=3)
    (row,) = queue(office)
    assert (row["state"], row["attempts"]) == ("waiting", 1)
    office.emulator.clear_faults()
    office.run("retry")
    office.sync()
    office.settled()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["retry", "--skip"], "name the records"),
        (["retry", "999", "--skip"], "link 999 is not parked"),
        (["retry", "--skip", "--done", "1"], "give one of them"),
        (["retry", "1", "--why", "because"], "--why goes with"),
        (["retry", "--code", "none", "--done"], "no record is parked for 'none'"),
        (["queue", "--state", "lost"], "--state is 'lost': use one of waiting, retrying"),
        (["queue", "--record-type", "invoyce"], "invoyce"),
    ],
)
def test_what_cannot_be_meant_is_refused(office: Office, arguments: list[str], words: str) -> None:
    """Goal: a message that names what was given and what would be right; nothing changes."""
    outcome = office.run(*arguments, code=2)
    assert words in outcome.stderr
    assert queue(office) == []


def test_what_waits_for_a_decision_is_not_skipped(office: Office) -> None:
    """Goal: a delete against an edit is decided by an override; skipping it would hide it."""
    invoice = office.books.one("Invoice", "DocNumber = '1009'")
    row_id = office.platform.id_of("Invoice", invoice["Id"])
    office.books.delete("Invoice", invoice["Id"])
    office.platform.edit("invoice", row_id, memo="edited")
    office.sync(code=3)
    (parked,) = office.parked()
    for option in ("--skip", "--done"):
        outcome = office.run("retry", str(parked["link"]), option, code=2)
        assert "quickbooks-sync override" in outcome.stderr
    assert office.parked() == [parked]
