"""Loading companies, the demo company's own consistency, and the command line."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from emulator_books import Client, payment, plain_post

from emulator import exact_json
from emulator.__main__ import main
from emulator.entities import ENTITIES
from emulator.faults import QuickBooksFault
from emulator.loading import CompanyFolderError
from emulator.testing import RunningEmulator

REPOSITORY = Path(__file__).parents[2]


def test_recorded_books_read_back_number_by_number(payloads: Path) -> None:
    """Every record of the recorded company comes back over HTTP as it was recorded."""
    folder = payloads / "company"
    with RunningEmulator(company=folder) as running:
        client = Client(running, running.connection_token())
        compared = 0
        for path in sorted(folder.glob("*.json")):
            entity = path.stem
            recorded = exact_json.loads(path.read_text(encoding="utf-8"))
            condition = "where Active in (true, false) " if ENTITIES[entity].group == "list" else ""
            statement = f"select * from {entity} {condition}orderby Id maxresults 1000"
            served = {row["Id"]: row for row in client.query(statement)[entity]}
            for record in recorded:
                assert served[record["Id"]] == record
                assert json.dumps(served[record["Id"]], default=str, sort_keys=True) == json.dumps(
                    record, default=str, sort_keys=True
                ), "not even the kind of number differs"
                compared += 1
        client.http.close()
    assert compared > 300


#: Recordings that are no record of an entity, and why.
NOT_RECORDS = {
    "Attachable/intuitjava_JSONSerializerTest_210.json": "an upload reply that holds only faults",
}


def recorded(path: Path) -> list[dict[str, Any]]:
    """Return the records of one recording, out of the envelope of a read or an upload."""
    content = exact_json.loads(path.read_text(encoding="utf-8"))
    if "AttachableResponse" in content:
        return [row["Attachable"] for row in content["AttachableResponse"] if "Attachable" in row]
    entity = ENTITIES[path.parent.name]
    return [content[entity.key]]


def test_single_recordings_read_back_key_by_key(payloads: Path, tmp_path: Path) -> None:
    """Every single recording, raw or converted, is served as it was recorded."""
    paths = sorted((payloads / "records").glob("*/*.json"))
    compared = 0
    with RunningEmulator() as running:
        client = Client(running, running.connection_token())
        for number, path in enumerate(paths):
            name = f"{path.parent.name}/{path.name}"
            records = recorded(path)
            assert bool(records) == (name not in NOT_RECORDS), name
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / f"{path.parent.name}.json").write_bytes(exact_json.dumps(records))
            with running.emulator.lock:
                running.emulator.add_company(running.realm_id, folder)
            for record in records:
                expected = {"Id": "1", "SyncToken": "0", **record}
                record_id = (
                    running.realm_id if path.parent.name == "CompanyInfo" else expected["Id"]
                )
                response = client.get(f"{path.parent.name.lower()}/{record_id}")
                served = exact_json.loads(response.content)[ENTITIES[path.parent.name].key]
                assert served == expected, name
                assert exact_json.dumps(served) == exact_json.dumps(
                    {key: expected[key] for key in served}
                ), f"{name}: not even the spelling of a number differs"
                compared += 1
        client.http.close()
    assert compared >= 48


def test_an_echo_of_recorded_books_changes_nothing(payloads: Path) -> None:
    """Sending a recorded record back sparsely is a no-op: nothing is derived differently."""
    with RunningEmulator(company=payloads / "company") as running:
        differing = {}
        writable = [name for name, entity in ENTITIES.items() if "update" in entity.verbs]
        for entity in writable:
            for record in running.company.all(entity):
                body = {**record, "sparse": True}
                try:
                    if running.save(entity, body) != record:
                        differing[entity, record["Id"]] = "changed"
                except QuickBooksFault as refusal:
                    differing[entity, record["Id"]] = refusal.code
    frozen = {
        ("Payment", number): "6540" for number in ("31", "32", "94", "97", "98", "101", "116")
    }
    # a statement charge has one subtotal and no line of its own
    assert differing == {**frozen, ("Invoice", "42"): "2020"}


def test_recorded_balances_move_from_where_they_were(payloads: Path) -> None:
    with RunningEmulator(company=payloads / "company") as running:
        before = running.get("Customer", "9")["Balance"]
        running.save("Payment", payment("9", "1.25", ("13", "1.25")))
        assert running.get("Invoice", "13")["Balance"] == Decimal("2.75")
        assert running.get("Customer", "9")["Balance"] == before - Decimal("1.25")


def test_placeholders_stand_in_and_are_told_of_once(
    payloads: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), RunningEmulator(company=payloads / "company") as running:
        assert running.get("TaxCode", "2")["Name"] == "TaxCode 2"
    told = [message for message in caplog.messages if "TaxCode 2" in message]
    assert len(told) == 1
    assert "a placeholder stands in" in told[0]


def write(folder: Path, name: str, content: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def test_small_folders_get_what_every_company_has(tmp_path: Path) -> None:
    bill = {
        "Id": "5",
        "SyncToken": "0",
        "TotalAmt": 1,
        "Balance": 1,
        "VendorRef": {"value": "3", "name": "Ann & Co"},
        "APAccountRef": {"value": "9", "name": "Payables"},
        "Line": [],
    }
    write(tmp_path, "Bill", {"QueryResponse": {"Bill": [bill]}})
    with RunningEmulator(company=tmp_path) as running:
        assert running.get("Vendor", "3")["DisplayName"] == "Ann & Co"
        assert running.get("Account", "9")["AccountType"] == "Accounts Payable"
        assert len(running.company.all("Term")) == 5
        assert running.company.home_currency == "USD"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not valid JSON"),
        ('"x"', "should hold a list of Bill records"),
        ("[{}]", "Record 1 of the file"),
        ("[NaN]", "is not valid JSON"),
    ],
)
def test_a_bad_folder_is_explained(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "Bill.json").write_text(content, encoding="utf-8")
    with pytest.raises(CompanyFolderError, match=words):
        RunningEmulator(company=tmp_path)


def test_the_demo_company_adds_up(running: RunningEmulator) -> None:
    """Balances of customers, invoices, payments and accounts agree with each other."""
    company = running.company

    def total(entity: str, field: str) -> Decimal:
        return sum((Decimal(row.get(field, 0)) for row in company.all(entity)), Decimal(0))

    owed = total("Customer", "Balance")
    assert owed == total("Invoice", "Balance") - total("Payment", "UnappliedAmt")
    accounts = {row["AccountType"]: row for row in company.all("Account")}
    assert accounts["Accounts Receivable"]["CurrentBalance"] == owed
    assert accounts["Accounts Payable"]["CurrentBalance"] == -total("Vendor", "Balance")
    assert total("Vendor", "Balance") == total("Bill", "Balance")
    for row in company.all("Invoice"):
        applied = sum(
            (
                Decimal(line["Amount"])
                for paid in company.all("Payment")
                for line in paid["Line"]
                if line["LinkedTxn"][0]["TxnId"] == row["Id"]
            ),
            Decimal(0),
        )
        assert row["TotalAmt"] - applied == row["Balance"]


def test_the_demo_company_has_what_was_promised(running: RunningEmulator) -> None:
    company = running.company
    purchases = company.all("Purchase")
    assert {row["PaymentType"] for row in purchases} == {"Cash", "Check", "CreditCard"}
    assert any(row.get("Credit") for row in purchases)
    kinds = {line["DetailType"] for row in company.all("Invoice") for line in row["Line"]}
    assert {"DiscountLineDetail", "DescriptionOnly"} <= kinds
    assert len(company.all("Account")) >= 35
    assert len(company.all("Invoice")) == 14
    assert len(purchases) == 10


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "emulator", *arguments],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_line(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready"
    process = start("--port", "0", "--refresh-token", "seed", "--ready-file", str(ready))
    try:
        deadline = time.monotonic() + 10
        while not ready.exists() or not ready.read_text().strip():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        url = ready.read_text().strip()
        response = plain_post(
            f"{url}/oauth2/v1/tokens/bearer",
            data={"grant_type": "refresh_token", "refresh_token": "seed"},
            auth=("emulator-client", "emulator-secret"),
        )
        assert response.json()["refresh_token"] == "seed"
    finally:
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert f"QuickBooks emulator at {url}\n" in errors
    assert "--refresh-token seed " in errors


def test_mistakes_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        mistakes = [
            (["--company", str(tmp_path / "nowhere")], "does not exist"),
            (["--port", port], "is in use"),
            (["--port", "99999999"], "cannot be used"),
            (["--port", "0", "--ready-file", str(tmp_path / "no" / "file")], "cannot be written"),
        ]
        for arguments, words in mistakes:
            assert main([*arguments, "--quiet"]) == 2
            errors = capsys.readouterr().err
            assert len(errors.splitlines()) == 1
            assert words in errors


def test_the_recordings_are_found_by_their_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "company").mkdir()
    monkeypatch.setenv("QBSYNC_PAYLOADS", str(tmp_path))
    assert request.getfixturevalue("payloads") == tmp_path
    assert os.environ["QBSYNC_PAYLOADS"] == str(tmp_path)
