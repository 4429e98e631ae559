"""A run is undone: both sides hold what they held before, and what stands against it is told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_conflicts import INVOICE
from tests.fixtures.company import FLIGHT_SECONDS, Office, invoice, note_of, payment

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


def last_run(office: Office) -> str:
    """The run of the last sync; times of runs are no order where tests make waits cheap."""
    return office.last_run


def undo(office: Office, run: str, *more: str, code: int = 0) -> dict[str, Any]:
    """Run the command."""
    return office.run("undo", run, *more, "--json", code=code).json


def close_books(office: Office, day: str) -> None:
    """Close QuickBooks's books up to and including a day."""
    with office.emulator.emulator.lock:
        preferences = office.emulator.company.single("Preferences")
        closed = {**preferences["AccountingInfoPrefs"], "BookCloseDate": day}
        office.emulator.company.amend("Preferences", preferences["Id"], AccountingInfoPrefs=closed)


def only(told: dict[str, Any]) -> dict[str, Any]:
    """The one record that undoing is about; figures that QuickBooks computes follow."""
    (record,) = [each for each in told["records"] if each["state"] != "nothing"]
    return record


@on_both
@pytest.mark.parametrize("edited", ["quickbooks", "platform"])
def test_edits_go_back_on_both_sides(office: Office, edited: str) -> None:
    """Goal: the preview writes nothing; applied, both sides hold the earlier values, the log names
    what was undone, and a second time does nothing."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.platform.edit("invoice", row_id, memo="as it was")
    office.sync()
    office.settled()
    if edited == "quickbooks":
        office.books.update("Invoice", INVOICE, PrivateNote="by mistake")
    else:
        office.platform.edit("invoice", row_id, memo="by mistake")
    office.sync()
    run = last_run(office)
    mark, version = office.books.mark(), office.platform.row("invoice", row_id)["version"]
    runs = office.status()["last_runs"]
    told = only(undo(office, run))
    assert (told["does"], told["state"]) == ("put back", "planned")
    for side in ("quickbooks", "platform"):
        assert told[side] == {
            "operation": "update",
            "fields": {"memo": ["by mistake", "as it was"]},
        }
    assert office.books.written(mark) == []
    assert office.status()["last_runs"] == runs

    assert only(undo(office, run, "--apply"))["state"] == "done"
    assert office.platform.row("invoice", row_id)["memo"] == "as it was"
    assert note_of(office.books.read("Invoice", INVOICE)) == "as it was"
    assert office.books.written(mark) == [("update", "Invoice", INVOICE)]
    assert office.platform.row("invoice", row_id)["version"] == version + 1
    office.parked(0)
    office.settled()
    (entry,) = office.platform.audit("undo")
    assert (entry["run"], entry["changed"]) == (run, {"memo": ["by mistake", "as it was"]})

    mark = office.books.mark()
    assert only(undo(office, run, "--apply"))["state"] == "undone before"
    assert office.books.written(mark) == []
    assert len(office.platform.audit("undo")) == 1
    office.settled()
    assert office.run("audit", "verify", "--json").json["findings"] == []


@on_both
@pytest.mark.parametrize("side", ["quickbooks", "platform"])
def test_what_a_run_made_goes_again_and_a_retry_makes_it_anew(office: Office, side: str) -> None:
    """Goal: the record goes where the run made it; the other one waits, parked as undone, whatever
    is edited, until a person retries it."""
    if side == "quickbooks":
        customer = office.platform.id_of("Customer", "5")
        row_id = office.platform.add(
            "invoice",
            customer_id=customer,
            issued_on=date(2026, 11, 1),
            currency="USD",
            lines=[{"kind": "item", "amount": 50, "item_id": office.platform.id_of("Item", "2")}],
        )
        office.sync()
        quickbooks_id = str(office.platform.quickbooks_id("invoice", row_id))
    else:
        quickbooks_id = office.books.create("Invoice", invoice("5", 120))["Id"]
        office.sync()
        row_id = office.platform.id_of("Invoice", quickbooks_id)
    run = last_run(office)
    told = only(undo(office, run, "--apply"))
    assert (told["does"], told["state"]) == ("remove", "done")
    assert office.books.is_gone("Invoice", quickbooks_id) == (side == "quickbooks")
    deleted_at = office.platform.row("invoice", row_id)["deleted_at"]
    assert (deleted_at is None) == (side == "quickbooks")
    (parked,) = office.parked()
    assert parked["code"] == "undone"

    if side == "quickbooks":
        office.platform.edit("invoice", row_id, memo="edited meanwhile")
    else:
        office.books.update("Invoice", quickbooks_id, PrivateNote="edited meanwhile")
    mark = office.books.mark()
    office.sync(code=3)
    office.sync(code=3)
    assert office.books.written(mark) == []
    assert office.parked()[0]["code"] == "undone"

    office.run("retry", str(parked["link"]))
    office.sync()
    office.parked(0)
    there, here = office.platform.links("invoice")[parked["link"]]
    assert there is not None
    assert here is not None
    assert (there == quickbooks_id, here == row_id) == (side == "platform", side == "quickbooks")
    assert note_of(office.books.read("Invoice", there)) == "edited meanwhile"
    office.settled()


@on_both
def test_a_customer_that_a_run_made_becomes_inactive_and_active_again(office: Office) -> None:
    """Goal: QuickBooks keeps names, so undoing makes it inactive, and a retry active again."""
    row_id = office.platform.add("customer", name="Made By Mistake")
    office.sync()
    quickbooks_id = str(office.platform.quickbooks_id("customer", row_id))
    assert only(undo(office, last_run(office), "--apply"))["state"] == "done"
    assert office.books.read("Customer", quickbooks_id)["Active"] is False
    (parked,) = office.parked()
    assert parked["code"] == "undone"
    office.sync(code=3)
    office.sync(code=3)
    row = office.platform.row("customer", row_id)
    assert (row["active"], row["deleted_at"]) == (True, None)
    office.run("retry", str(parked["link"]))
    office.sync()
    assert office.books.read("Customer", quickbooks_id)["Active"] is True
    office.settled()


@on_both
def test_what_a_run_deleted_on_the_platform_lives_again(office: Office) -> None:
    """Goal: deleted_at is cleared; QuickBooks's record is gone for good, so the row waits."""
    quickbooks_id = office.books.create("Invoice", invoice("5", 120))["Id"]
    office.sync()
    row_id = office.platform.id_of("Invoice", quickbooks_id)
    office.books.delete("Invoice", quickbooks_id)
    office.sync()
    told = only(undo(office, last_run(office), "--apply"))
    assert (told["does"], told["state"]) == ("bring back", "done")
    assert office.platform.row("invoice", row_id)["deleted_at"] is None
    (parked,) = office.parked()
    assert parked["code"] == "undone"
    office.sync(code=3)
    office.run("retry")
    office.sync()
    made = office.platform.quickbooks_id("invoice", row_id)
    assert made not in (None, quickbooks_id)
    office.settled()


def test_what_a_run_deleted_in_quickbooks_cannot_come_back(office: Office) -> None:
    """Goal: it is told, and nothing is written."""
    quickbooks_id = office.books.create("Invoice", invoice("5", 120))["Id"]
    office.sync()
    row_id = office.platform.id_of("Invoice", quickbooks_id)
    office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))
    office.sync()
    mark = office.books.mark()
    told = only(undo(office, last_run(office), "--apply", code=3))
    assert (told["state"], told["code"]) == ("blocked", "impossible")
    assert "cannot bring back" in told["reason"]
    assert office.books.written(mark) == []
    office.settled()


@pytest.mark.parametrize("changed", ["quickbooks", "platform"])
def test_what_was_changed_since_is_left_alone(office: Office, changed: str) -> None:
    """Goal: nobody's later edit is lost."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.platform.edit("invoice", row_id, memo="by mistake")
    office.sync()
    run = last_run(office)
    if changed == "quickbooks":
        office.books.update("Invoice", INVOICE, PrivateNote="later")
    else:
        office.platform.edit("invoice", row_id, memo="later")
    told = only(undo(office, run, "--apply", code=3))
    assert (told["state"], told["code"]) == ("blocked", "changed_since")
    assert "memo" in told["reason"]
    office.sync()
    assert office.platform.row("invoice", row_id)["memo"] == "later"
    office.settled()


def test_closed_periods_deposits_and_what_others_need_block(office: Office) -> None:
    """Goal: what QuickBooks would refuse, and what others refer to, is told before it is tried."""
    customer = office.books.create("Customer", {"DisplayName": "Needed"})["Id"]
    office.sync()
    first = last_run(office)
    booked = office.books.create("Invoice", invoice(customer, 80))
    office.sync()
    told = only(undo(office, first))
    assert (told["state"], told["code"]) == ("blocked", "referred")
    assert "invoice" in told["reason"]

    row_id = office.platform.id_of("Invoice", booked["Id"])
    office.platform.edit("invoice", row_id, memo="in a closed period")
    office.sync()
    run = last_run(office)
    close_books(office, "2030-01-31")
    told = only(undo(office, run))
    assert (told["state"], told["code"]) == ("blocked", "closed_period")


def test_a_deposited_payment_is_left_alone(office: Office) -> None:
    """Goal: QuickBooks freezes deposited payments (6540): that is told before it is tried."""
    undeposited = office.books.one("Account", "AccountSubType = 'UndepositedFunds'")["Id"]
    body = payment("5", 35, DepositToAccountRef={"value": undeposited})
    paid = office.books.create("Payment", body)["Id"]
    office.sync()
    row_id = office.platform.id_of("Payment", paid)
    office.platform.edit("payment", row_id, memo="by mistake")
    office.sync()
    run = last_run(office)
    bank = office.books.find("Account", "AccountType = 'Bank'")[0]["Id"]
    linked = [{"TxnId": paid, "TxnType": "Payment", "TxnLineId": "0"}]
    office.books.create(
        "Deposit",
        {
            "DepositToAccountRef": {"value": bank},
            "Line": [{"Amount": 35, "LinkedTxn": linked}],
        },
    )
    office.sync()
    told = only(undo(office, run))
    assert (told["state"], told["code"]) == ("blocked", "deposited")
    assert "6540" in told["reason"]


def test_many_removals_need_the_printed_number(office: Office) -> None:
    """Goal: more deletions than usual are a brake here, too; the number is good once."""
    for number in range(60):
        office.books.create("Invoice", invoice("5", 10 + number))
    office.sync()
    run = last_run(office)
    preview = undo(office, run)
    number = preview["confirm"]
    assert preview["brakes"][0]["brake"] == "mass_delete"
    office.sync()
    assert undo(office, run)["confirm"] == number, "a cycle has nothing to say about it"
    assert office.run("plan", "--json").json["waiting_for_approval"] == []
    refused = office.run("undo", run, "--apply", code=1)
    assert f"--confirm {number}" in refused.stderr
    office.run("undo", run, "--apply", "--confirm", str(number + 7), code=1)
    assert {each["state"] for each in preview["records"]} >= {"planned"}
    told = undo(office, run, "--apply", "--confirm", str(number))
    done = [each for each in told["records"] if each["does"] == "remove"]
    assert {each["state"] for each in done} == {"done"}
    assert len(done) == 60
    assert {each["code"] for each in office.status()["parked"]} == {"undone"}


@on_both
@pytest.mark.parametrize("kind", ["answer_lost", "late_landing", "refuse_before"])
@pytest.mark.parametrize("does", ["edit", "create"])
def test_a_lost_answer_never_turns_it_around(office: Office, kind: str, does: str) -> None:
    """Goal: whatever becomes of the write, the record ends as it was before the run, and the
    other side's record is never removed with it."""
    if does == "edit":
        row_id = office.platform.id_of("Invoice", INVOICE)
        office.platform.edit("invoice", row_id, memo="by mistake")
    else:
        row_id = office.platform.add("customer", name="Made By Mistake")
    office.sync()
    run = last_run(office)
    fault = {"kind": kind, "seconds": FLIGHT_SECONDS / 2, "verb": "update", "count": 20}
    office.emulator.faults(fault)
    office.run("undo", run, "--apply", code=None)
    office.emulator.clear_faults()
    office.wait_for_flights()
    code = 0 if does == "edit" else 3
    office.sync(code=code)
    office.sync(code=code)
    if does == "edit":
        assert office.platform.row("invoice", row_id)["memo"] is None
        assert note_of(office.books.read("Invoice", INVOICE)) == ""
    else:
        quickbooks_id = str(office.platform.quickbooks_id("customer", row_id))
        assert office.books.read("Customer", quickbooks_id)["Active"] is False
        row = office.platform.row("customer", row_id)
        assert (row["active"], row["deleted_at"]) == (True, None)
        assert office.parked()[0]["code"] == "undone"
    assert office.platform.open_intents() == 0


def test_a_run_that_is_none_is_refused(office: Office) -> None:
    """Goal: the message says where to find the number."""
    assert "status" in office.run("undo", "no-such-run", code=2).stderr
