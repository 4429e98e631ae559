"""Faults of the call, of the connection and of the person who types: a clear end, nothing lost."""

from __future__ import annotations

import json
import socket
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.quickbooks.oauth import IntuitOAuth, TokenSet
from emulator.testing import RunningEmulator
from models.record_type import catalog
from tests.fixtures.company import Books, Office, invoice, opened

#: Nothing happened in QuickBooks, and another attempt works.
PASSING: dict[str, dict[str, Any]] = {
    "429": {"kind": "throttle"},
    "503_html": {"kind": "status", "status": 503},
    "dropped": {"kind": "refuse_before"},
    "10000_in_200": {
        "kind": "fault_in_200",
        "code": "10000",
        "message": "An application error has occurred while processing your request",
        "type": "SystemFault",
    },
}


def waiting_work(office: Office) -> dict[str, int]:
    """Something to do on both sides: an invoice to create, a memo to update, one to read."""
    customer = office.platform.id_of("Customer", "5")
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(9)}
    created = office.platform.add(
        "invoice", customer_id=customer, issued_on=date(2026, 11, 1), lines=[line]
    )
    updated = office.platform.id_of("Invoice", "7")
    office.platform.edit("invoice", updated, memo="work")
    office.books.create("Invoice", invoice("4", 77, PrivateNote="theirs"))
    return {"created": created, "updated": updated}


def assert_done(office: Office, work: dict[str, int]) -> None:
    """All of the waiting work is done, once."""
    writes = sorted(operation for operation, _, _ in office.books.written())
    assert writes == ["create", "update"]
    assert office.books.read("Invoice", "7")["PrivateNote"] == "work"
    assert office.platform.row("invoice", work["created"])["number"] is not None
    assert len(office.platform.rows("invoice", memo="theirs")) == 1
    office.parked(0)
    office.settled()


@pytest.mark.parametrize(
    ("fault", "verb"),
    [
        ("429", "create"),
        ("429", "cdc"),
        ("503_html", "update"),
        ("503_html", "cdc"),
        ("dropped", "create"),
        ("10000_in_200", "update"),
    ],
)
def test_a_passing_fault_is_tried_again(office: Office, fault: str, verb: str) -> None:
    """Goal: throttles, outages and dropped connections cost time, not records."""
    work = waiting_work(office)
    # What may have taken effect is sent again only once: after the longest flight.
    count = 1 if fault == "dropped" else 2
    (rule,) = office.emulator.faults({**PASSING[fault], "verb": verb, "count": count})
    office.sync()
    assert rule.struck == count
    assert_done(office, work)


@pytest.mark.parametrize("fault", ["429", "503_html"])
def test_a_batch_that_is_refused_is_tried_again(office: Office, fault: str) -> None:
    """Goal: the same for a batch of several creates."""
    customer = office.platform.id_of("Customer", "5")
    for number in range(4):
        line = {"kind": "description", "description": f"draft {number}"}
        office.platform.add(
            "invoice", customer_id=customer, issued_on=date(2026, 11, 1), lines=[line]
        )
    office.emulator.faults({**PASSING[fault], "verb": "batch"})
    office.sync()
    assert [write[:2] for write in office.books.written()] == [("create", "Invoice")] * 4
    office.settled()


def test_a_fault_that_does_not_pass_parks_the_record(office: Office) -> None:
    """Goal: a refusal, also one inside HTTP 200, is not repeated: the record is parked with
    QuickBooks's words, and `retry` lets it go on."""
    work = waiting_work(office)
    office.emulator.faults(
        {"kind": "fault_in_200", "verb": "create", "count": None, "detail": "No such thing."}
    )
    office.sync(code=3)
    assert [write[0] for write in office.books.written()] == ["update"]
    (parked,) = office.parked()
    assert "No such thing." in parked["message"]
    office.emulator.clear_faults()
    assert office.run("retry", "--json").json == {"released": 1}
    office.sync()
    assert_done(office, work)


def test_an_unreachable_api(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: exit 1 with a clear message, an alert, nothing lost; the next sync does the work."""
    work = waiting_work(office)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("QBSYNC_QUICKBOOKS_API_URL", f"http://127.0.0.1:{port}")
    outcome = office.run("sync", "--json", code=1)
    assert "No connection to QuickBooks" in outcome.stderr
    assert "internet access" in outcome.stderr
    assert outcome.stdout == ""
    monkeypatch.setenv("QBSYNC_QUICKBOOKS_API_URL", office.emulator.base_url)
    (alert,) = office.status()["alerts"]
    assert "No connection to QuickBooks" in alert["message"]
    office.sync()
    assert_done(office, work)


def test_an_outage_that_lasts(office: Office) -> None:
    """Goal: QuickBooks is down for the whole cycle: exit 1, cursors stay, nothing is lost."""
    work = waiting_work(office)
    office.emulator.faults({"kind": "status", "status": 503, "count": None})
    outcome = office.run("sync", code=1)
    assert "HTTP 503" in outcome.stderr
    office.emulator.clear_faults()
    office.sync()
    assert_done(office, work)


def test_an_outage_in_the_middle(office: Office) -> None:
    """Goal: QuickBooks goes down between two record types: what is written stays written, the rest
    waits, nothing twice."""
    work = waiting_work(office)
    office.platform.add("account", name="Training", type="Expense")
    office.emulator.faults(
        {"kind": "status", "status": 503, "verb": "create", "entity": "Invoice", "count": None},
        {"kind": "status", "status": 503, "verb": "update", "count": None},
        {"kind": "status", "status": 503, "verb": "batch", "count": None},
    )
    office.sync(code=3)
    assert [write[:2] for write in office.books.written()] == [("create", "Account")]
    office.emulator.clear_faults()
    office.wait_for_flights()
    office.sync()
    writes = sorted(write[:2] for write in office.books.written())
    assert writes == [("create", "Account"), ("create", "Invoice"), ("update", "Invoice")]
    assert office.books.read("Invoice", "7")["PrivateNote"] == "work"
    assert office.platform.row("invoice", work["created"])["number"] is not None
    office.parked(0)
    office.settled()


def test_a_token_that_expires_in_the_middle(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: 401 in the middle of a cycle renews the permission once and goes on."""
    office = own_office
    office.connect()
    office.sync()
    renewals = []
    refresh = IntuitOAuth.refresh

    def counted(self: IntuitOAuth, refresh_token: str) -> TokenSet:
        renewals.append(refresh_token)
        return refresh(self, refresh_token)

    monkeypatch.setattr(IntuitOAuth, "refresh", counted)
    work = waiting_work(office)
    office.emulator.faults({"kind": "expire_tokens", "verb": "create"})
    office.sync()
    assert len(renewals) == 1
    office.books.close()
    office.books = Books(office.emulator)  # the accountant's token expired as well
    assert_done(office, work)


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_permission_that_has_ended(own_office: Office, how: str) -> None:
    """Goal: exit 1, told to reconnect, an alert; after reconnecting nothing is lost."""
    office, emulator = own_office, own_office.emulator
    office.connect()
    office.sync()
    work = waiting_work(office)
    with emulator.emulator.lock:
        if how == "revoked":
            emulator.emulator.tokens.revoke(emulator.refresh_token)
        else:
            emulator.clock.advance(101 * 24 * 3600)
    outcome = office.run("sync", "--json", code=1)
    assert "Reconnect" in outcome.stderr
    assert outcome.stdout == ""
    (alert,) = office.status()["alerts"]
    assert (alert["cause"], "Reconnect" in alert["fix"]) == ("disconnected", True)

    with emulator.emulator.lock:
        fresh = emulator.emulator.tokens.connect(emulator.client_id, emulator.realm_id)
    office.books.close()
    office.books = Books(emulator)
    office.connect(refresh_token=fresh.refresh_token)
    office.sync()
    assert office.status()["alerts"] == []
    assert_done(office, work)


def test_credentials_that_are_wrong(fresh_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: wrong app keys or a wrong refresh token: exit 1, say which, store nothing."""
    office = fresh_office
    outcome = office.connect(refresh_token="AB11" + "x" * 40, code=1)
    assert "refresh token is not accepted" in outcome.stderr
    monkeypatch.setenv("QBSYNC_INTUIT_CLIENT_SECRET", "wrong")
    outcome = office.connect(code=1)
    assert "QBSYNC_INTUIT_CLIENT_SECRET" in outcome.stderr
    monkeypatch.setenv("QBSYNC_INTUIT_CLIENT_SECRET", "")
    outcome = office.connect(code=2)
    assert "QBSYNC_INTUIT_CLIENT_SECRET" in outcome.stderr
    assert "not connected" not in outcome.stdout
    assert "no company is connected" in office.run("sync", code=2).stderr


def test_another_quickbooks_company(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Goal: a platform company is never paired with a second QuickBooks company, and a token of
    another company opens nothing."""
    other = "9341450000000099"
    path = tmp_path / "sync.db"
    with (
        RunningEmulator(companies={other: None}) as emulator,
        opened(emulator, f"sqlite:///{path}", monkeypatch, tmp_path) as office,
    ):
        with emulator.emulator.lock:
            foreign = emulator.emulator.tokens.connect(emulator.client_id, other)
        outcome = office.connect(refresh_token=foreign.refresh_token, code=1)
        assert "another QuickBooks company" in outcome.stderr
        office.connect()
        office.sync()
        outcome = office.connect(realm_id=other, refresh_token=foreign.refresh_token, code=2)
        assert "is connected with QuickBooks company" in outcome.stderr
        assert emulator.realm_id in outcome.stderr
        assert office.status()["realm_id"] == emulator.realm_id
        office.settled()


def test_words_that_are_not_known(office: Office) -> None:
    """Goal: an unknown connection, data type or link: exit 2, and what to use instead."""
    outcome = office.run("sync", "--connection", "Acme", code=2)
    assert "'Acme' is not known" in outcome.stderr
    assert "Harbor & Pine" in outcome.stderr
    outcome = office.run("sync", "--data-type", "payroll", code=2)
    assert "'payroll' is not known" in outcome.stderr
    assert "invoices" in outcome.stderr
    for command in ("plan", "status", "conflicts"):
        outcome = office.run(command, "--record-type", "tractor", code=2)
        assert "'tractor' is not known" in outcome.stderr
        assert "invoice" in outcome.stderr
    assert office.run("conflicts", "--record-type", "invoice", "--json").json == {"conflicts": []}
    outcome = office.run("retry", "999", code=2)
    assert "999" in outcome.stderr
    assert office.run("sync", "--cycles", "0", code=2).stdout == ""
    office.platform.choose(data_types=["invoices"])
    outcome = office.run("sync", "--data-type", "expenses", code=2)
    assert "expenses" in outcome.stderr
    assert "switched off" in outcome.stderr


@pytest.mark.parametrize("command", [("sync",), ("plan",), ("conflicts",), ("status",), ("retry",)])
def test_no_connection_yet(fresh_office: Office, command: tuple[str, ...]) -> None:
    """Goal: every command says that nothing is connected, and how to connect: exit 2."""
    outcome = fresh_office.run(*command, "--json", code=2)
    assert "quickbooks-sync connect" in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QBSYNC_READ_TIMEOUT_SECONDS", "soon"),
        ("QBSYNC_DATABASE_URL", "mysql://host/db"),
        ("QBSYNC_DATABASE_URL", "sqlite:///no/such/folder/sync.db"),
        ("QBSYNC_ENCRYPTION_KEYS", "not-a-key"),
        ("QBSYNC_QUICKBOOKS_API_URL", "http://quickbooks.example"),
    ],
)
def test_settings_that_are_wrong(
    office: Office, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Goal: a setting that cannot be used is named, with what to do: exit 2, nothing on stdout."""
    monkeypatch.setenv(name, value)
    outcome = office.run("sync", "--json", code=2)
    assert name in outcome.stderr or value in outcome.stderr
    assert outcome.stdout == ""


def test_a_data_type_that_is_switched_off_is_not_written(office: Office) -> None:
    """Goal: with invoices switched off, neither side's invoices move; switched on, both do."""
    office.platform.choose(data_types=["financials", "expenses"])
    work = waiting_work(office)
    office.sync()
    assert office.books.written() == []
    assert office.platform.rows("invoice", memo="theirs") == []
    office.platform.choose()
    office.sync()
    assert_done(office, work)


def test_a_side_that_may_not_be_written(office: Office) -> None:
    """Goal: with writing to QuickBooks switched off, the difference waits visibly, then goes."""
    office.platform.choose(write_to=["platform"])
    work = waiting_work(office)
    office.sync(code=3)
    assert office.books.written() == []
    codes = {each["code"] for each in office.parked(2)}
    assert codes == {"not_written"}
    assert len(office.platform.rows("invoice", memo="theirs")) == 1
    office.platform.choose()
    office.run("retry")
    office.sync()
    assert_done(office, work)


def test_json_is_one_object(office: Office) -> None:
    """Goal: --json prints exactly one JSON object on standard output, in the documented shape."""
    waiting_work(office)
    outcome = office.run("sync", "--json", "--cycles", "2")
    assert outcome.stdout.count("\n") == 1
    parsed = json.loads(outcome.stdout)
    assert len(parsed["cycles"]) == 2
    for cycle in parsed["cycles"]:
        assert set(cycle["data_types"]) == {"financials", "invoices", "expenses"}
        for directions in cycle["data_types"].values():
            assert list(directions) == ["to_quickbooks", "to_platform"]
            for counts in directions.values():
                assert list(counts) == ["created", "updated", "unchanged", "conflicts", "parked"]
        assert isinstance(cycle["requests"], int)
        assert isinstance(cycle["seconds"], float)
        assert set(cycle["read"]) == set(catalog())
    first = parsed["cycles"][0]["data_types"]["invoices"]
    assert first["to_quickbooks"]["created"] == 1
    assert first["to_quickbooks"]["updated"] == 1
    assert first["to_platform"]["created"] == 1
    for command in (("plan",), ("status",), ("conflicts",), ("retry",), ("audit", "verify")):
        printed = office.run(*command, "--json").stdout
        assert isinstance(json.loads(printed), dict)
        assert printed.count("\n") == 1


def test_a_plan_writes_nothing(office: Office) -> None:
    """Goal: `plan` shows what a cycle would do; neither side, nor what is remembered, moves."""
    work = waiting_work(office)
    for _ in range(2):
        rows = office.run("plan", "--json").json["plan"]
        planned = sorted((row["record_type"], row["side"], row["operation"]) for row in rows)
        assert ("invoice", "quickbooks", "create") in planned
        assert ("invoice", "quickbooks", "update") in planned
        assert ("invoice", "platform", "create") in planned
    assert office.books.written() == []
    assert office.platform.rows("invoice", memo="theirs") == []
    assert "Plan" in office.run("plan").stdout
    office.sync()
    assert_done(office, work)
