"""Keeping books: snapshots, a store that survives, several companies, clock, command line."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulator_books import Client, invoice, payment, plain_get, plain_post, purchase
from hypothesis import given, settings
from hypothesis import strategies as st
from test_emulator_admin import admin
from test_emulator_attachments import content, upload
from webhook_endpoint import VERIFIER, Endpoint

from emulator.__main__ import _companies, _parser, main
from emulator.company import Author
from emulator.loading import CompanyFolderError
from emulator.saving.codec import UnreadableStateError, decode, encode
from emulator.saving.store import Store, StoreError
from emulator.testing import RunningEmulator


def books(client: Client) -> dict[str, Any]:
    """Return everything a client can read of transactions and balances."""
    found = {}
    for entity in ("Account", "Customer", "Invoice", "Payment", "Purchase"):
        found[entity] = client.query(f"select * from {entity} orderby Id maxresults 1000")
    return found


def work(client: Client) -> None:
    client.save("Payment", payment("4", 10, ("7", 10)))
    spent = client.save("Purchase", purchase())
    client.delete("Purchase", spent["Id"])
    client.edit("Customer", "1", DisplayName="Renamed", Notes="ä €")


def test_a_snapshot_is_restored(client: Client) -> None:
    client.save("Invoice", invoice(), requestid="before")
    first = books(client)
    shown = admin(client.running, "POST", "snapshots", {"name": "a"}).json()["snapshots"]
    assert shown[0]["name"] == "a"
    assert shown[0]["records"][client.running.realm_id] > 100
    work(client)
    assert books(client) != first
    admin(client.running, "POST", "restore", {"name": "a"})
    assert books(client) == first
    client.save("Invoice", invoice(), requestid="before")
    assert books(client) == first, "the request id is remembered as it was"
    after = client.save("Invoice", invoice())
    work(client)
    admin(client.running, "POST", "restore", {"name": "a"})
    assert books(client) == first, "a snapshot can be restored again"
    assert client.save("Invoice", invoice())["Id"] == after["Id"], "sequences go back as well"
    journal = admin(client.running, "GET", "journal").json()["journal"]
    assert [line["operation"] for line in journal] == ["create", "create"]


def test_a_restored_company_still_listens(client: Client) -> None:
    """CDC rules and balances work on restored books as on the first ones."""
    admin(client.running, "POST", "snapshots", {"name": "a"})
    admin(client.running, "POST", "restore", {"name": "a"})
    balance = client.read("Invoice", "7")["Balance"]
    paid = client.save("Payment", payment("4", 10, ("7", 10)))
    assert client.read("Invoice", "7")["Balance"] == balance - 10
    client.delete("Payment", paid["Id"])
    assert client.read("Invoice", "7")["Balance"] == balance


def test_a_snapshot_travels_in_a_file(client: Client, tmp_path: Path) -> None:
    work(client)
    first = books(client)
    file = tmp_path / "books.json"
    admin(client.running, "POST", "snapshots", {"file": str(file)})
    with RunningEmulator() as other:
        second = Client(other, other.connection_token())
        assert books(second) != first
        answer = admin(other, "POST", "restore", {"file": str(file)})
        assert answer.status_code == 200, answer.text
        assert books(second) == first
        work_again = second.save("Invoice", invoice())
        assert work_again["DocNumber"]
        second.http.close()


def test_snapshots_are_listed_and_dropped(running: RunningEmulator) -> None:
    for name in ("a", "b"):
        admin(running, "POST", "snapshots", {"name": name})
    assert len(admin(running, "GET", "snapshots").json()["snapshots"]) == 2
    assert len(admin(running, "DELETE", "snapshots?name=a").json()["snapshots"]) == 1
    assert admin(running, "DELETE", "snapshots").json() == {"snapshots": []}


def test_companies_come_and_go(running: RunningEmulator, tmp_path: Path) -> None:
    body = {"realm_id": "77", "folder": "demo"}
    made = admin(running, "POST", "companies", body).json()
    assert made["name"] == "Harbor & Pine Consulting"
    token = plain_post(
        f"{running.base_url}/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": made["refresh_token"]},
        auth=(running.client_id, running.client_secret),
    ).json()["access_token"]
    client = Client(running, token)
    client.company_url = f"{running.base_url}/v3/company/77"
    assert client.save("Invoice", invoice())["Id"]
    (tmp_path / "CompanyInfo.json").write_text('[{"CompanyName": "Small"}]')
    small = {"realm_id": "78", "folder": str(tmp_path)}
    assert admin(running, "POST", "companies", small).json()["name"] == "Small"
    admin(running, "POST", "reset")
    assert len(admin(running, "GET", "companies").json()["companies"]) == 3
    assert client.query("select count(*) from Invoice") == {"totalCount": 14}
    left = admin(running, "DELETE", "companies?realm_id=77").json()["companies"]
    assert [company["realm_id"] for company in left] == [running.realm_id, "78"]
    assert client.get("term/1").status_code == 403
    client.http.close()


def test_the_clock_moves_to_an_instant_and_at_a_speed(running: RunningEmulator) -> None:
    to = "2031-03-09T12:00:00-07:00"
    assert admin(running, "POST", "clock", {"to": to}).json()["time"] == to
    assert admin(running, "POST", "clock", {"speed": 0}).json()["speed"] == 0
    first = admin(running, "GET", "clock").json()["time"]
    time.sleep(0.02)
    assert running.clock.now() == running.clock.now()
    admin(running, "POST", "clock", {"speed": 100_000, "advance_seconds": 60})
    time.sleep(0.05)
    left = datetime.fromisoformat(admin(running, "GET", "clock").json()["time"])
    assert (left - datetime.fromisoformat(first)).total_seconds() > 1000
    with pytest.raises(ValueError, match="forward"):
        running.clock.run_at(-1)
    with pytest.raises(ValueError, match="forward"):
        running.clock.move_to(datetime(2020, 1, 1, tzinfo=UTC))


def test_switches_by_http(client: Client) -> None:
    shown = admin(client.running, "POST", "options", {"page_cap": 3, "strict_refresh": False})
    assert shown.json()["options"]["page_cap"] == 3
    assert len(client.ids("select * from Account")) == 3
    assert admin(client.running, "GET", "options").json() == shown.json()


def test_requests_are_forgotten_on_request(client: Client) -> None:
    client.get("term/1")
    admin(client.running, "DELETE", "requests")
    client.get("term/2")
    found = admin(client.running, "GET", "requests").json()
    assert found["counts"] == {"read": 1}
    assert len(found["requests"]) == 1
    meter = admin(client.running, "GET", "meter").json()
    assert meter["by_status"] == {"200": 1}


BAD: list[tuple[str, str, Any, list[str]]] = [
    ("POST", "snapshots", {"name": "../x"}, ["name", "'../x'", "letters"]),
    ("POST", "snapshots", {}, ["name", "missing"]),
    ("POST", "snapshots", {"file": "/nowhere/x"}, ["/nowhere/x", "written"]),
    ("POST", "snapshots", {"colour": 1}, ["colour", "1", "name"]),
    ("POST", "restore", {"name": "never"}, ["name", "'never'"]),
    ("POST", "restore", {"file": "/nowhere/x"}, ["/nowhere/x", "read"]),
    ("POST", "restore", {"file": "a\x00b"}, ["file", "path"]),
    ("DELETE", "snapshots?name=x", None, ["name", "'x'"]),
    ("POST", "companies", {}, ["realm_id", "None"]),
    ("POST", "companies", {"realm_id": "a b"}, ["realm_id", "'a b'"]),
    ("POST", "companies", {"realm_id": "9341450000000042"}, ["realm_id", "taken"]),
    ("POST", "companies", {"realm_id": "5", "folder": "/nowhere"}, ["/nowhere", "folder"]),
    ("POST", "companies", {"realm_id": "5", "client_id": 5}, ["client_id", "5"]),
    ("DELETE", "companies", None, ["realm_id", "missing"]),
    ("DELETE", "companies?realm_id=x", None, ["realm_id", "'x'", "use one of"]),
    ("POST", "clock", {"to": "yesterday"}, ["to", "'yesterday'", "after"]),
    ("POST", "clock", {"to": "2020-01-01"}, ["to", "after"]),
    ("POST", "clock", {"speed": -1}, ["speed", "-1"]),
    ("POST", "clock", {"advance_seconds": True}, ["advance_seconds", "True"]),
    ("POST", "clock", {"advance_seconds": 1e12}, ["advance_seconds"]),
    ("POST", "clock", [], ["object", "speed"]),
    ("POST", "options", {"cdc_cap": "x"}, ["cdc_cap", "'x'"]),
    ("POST", "options", {"cdc_cap": 1.5}, ["cdc_cap", "1.5", "whole"]),
    ("POST", "options", {"limits": 1}, ["limits", "1", "true or false"]),
    ("POST", "options", {"limits": None}, ["limits", "None"]),
    ("POST", "options", {"colour": 1}, ["colour", "strict_refresh"]),
    ("POST", "merge", {"entity": "Invoice"}, ["winner", "None"]),
    ("POST", "merge", {"entity": "Invoice", "winner": "7", "loser": "8"}, ["entity", "Customer"]),
    ("POST", "merge", {"entity": "Customer", "winner": "1", "loser": "1"}, ["loser", "'1'"]),
    ("POST", "merge", {"entity": "Customer", "winner": "x", "loser": "1"}, ["winner", "'x'"]),
    ("POST", "merge", {"entity": []}, ["entity", "[]"]),
]


@pytest.fixture(scope="module")
def resting() -> Iterator[RunningEmulator]:
    """An emulator for tests that change nothing."""
    with RunningEmulator() as emulator:
        yield emulator


@pytest.mark.parametrize(("method", "name", "body", "words"), BAD)
def test_bad_input_is_explained(
    resting: RunningEmulator, method: str, name: str, body: Any, words: list[str]
) -> None:
    response = admin(resting, method, name, body)
    assert response.status_code == 400, response.text
    sentence = response.json()["error"]
    assert all(word in sentence for word in words), sentence


# The store


def test_the_books_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "books.sqlite3"
    with RunningEmulator(store=file, refresh_token="seed", companies={"77": None}) as first:
        client = Client(first, first.connection_token())
        work(client)
        first.save("Vendor", {"DisplayName": "Kept"}, who="Robin")
        first.clock.advance(86_400)
        token = first.connection_token()
        rotated = first.emulator.tokens.open_connection(first.client_id, first.realm_id)
        before, seen = books_again(client, token), first.clock.now()
        journal = first.company.journal
        client.http.close()
    with RunningEmulator(store=file, refresh_token="seed", companies={"77": None}) as second:
        assert list(second.emulator.companies) == [second.realm_id, "77"]
        assert second.refresh_token == rotated.refresh_token != "seed"
        client = Client(second, token)
        assert books(client) == before
        assert second.company.journal == journal
        assert second.company.name == "Harbor & Pine Consulting"
        assert second.clock.now() >= seen
        deleted = client.changes("Purchase", "2026-11-01")[0]
        client.save("Invoice", invoice())
        work(client)
        assert deleted is not None
        client.http.close()


def books_again(client: Client, token: str) -> dict[str, Any]:
    client.http.headers["Authorization"] = f"Bearer {token}"
    return books(client)


def test_a_deletion_survives_for_cdc(tmp_path: Path) -> None:
    file = tmp_path / "books.sqlite3"
    with RunningEmulator(store=file) as first:
        client = Client(first, first.connection_token())
        spent = client.save("Purchase", purchase())
        client.delete("Purchase", spent["Id"])
        start = spent["MetaData"]["CreateTime"]
        client.http.close()
    with RunningEmulator(store=file) as second:
        client = Client(second, second.connection_token())
        (block,) = client.changes("Purchase", start)
        assert (block["Purchase"][0]["Id"], block["Purchase"][0]["status"]) == (
            spent["Id"],
            "Deleted",
        )
        client.http.close()


def test_an_attached_file_survives(tmp_path: Path) -> None:
    file = tmp_path / "books.sqlite3"
    with RunningEmulator(store=file) as first:
        client = Client(first, first.connection_token())
        made = upload(client, content("01", "a.pdf")).json()["AttachableResponse"][0]["Attachable"]
        bytes_of_file = dict(first.company.files)
        expected = client.read("Attachable", made["Id"])
        client.http.close()
    with RunningEmulator(store=file) as second:
        client = Client(second, second.connection_token())
        kept = client.read("Attachable", made["Id"])
        assert kept["Size"] == expected["Size"]
        assert second.company.files == bytes_of_file != {}
        assert client.get(f"download/{made['Id']}").is_success
        client.http.close()


def test_reset_and_restore_reach_the_store(tmp_path: Path) -> None:
    file = tmp_path / "books.sqlite3"
    with RunningEmulator(store=file) as first:
        client = Client(first, first.connection_token())
        first.emulator.keep_snapshot("start")
        work(client)
        client.save("Invoice", invoice())
        first.emulator.restore(first.emulator.snapshots["start"])
        expected = books(client)
        client.save("Term", {"Name": "Net 4", "DueDays": 4})
        client.http.close()
    with RunningEmulator(store=file) as second:
        client = Client(second, second.connection_token())
        assert books(client) == expected
        assert client.ids("select * from Term where Name = 'Net 4'")
        second.emulator.reset()
        client.http.close()
    with RunningEmulator(store=file) as third:
        client = Client(third, third.connection_token())
        assert not client.ids("select * from Term where Name = 'Net 4'")
        admin(third, "POST", "companies", {"realm_id": "9"})
        admin(third, "DELETE", "companies?realm_id=9")
        client.http.close()
    store = Store(file)
    assert store.realms() == [third.realm_id]
    store.close()


def test_a_refused_write_leaves_the_store_alone(tmp_path: Path) -> None:
    file = tmp_path / "books.sqlite3"
    with RunningEmulator(store=file) as running:
        client = Client(running, running.connection_token())
        client.post("payment", payment("4", 10, ("7", 9999)))
        expected = books(client)
        client.http.close()
    with RunningEmulator(store=file) as running:
        client = Client(running, running.connection_token())
        assert books(client) == expected
        client.http.close()


def test_a_store_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    file.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match=r"x\.sqlite3"):
        Store(file)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "nowhere" / "x")
    good = tmp_path / "good.sqlite3"
    held = Store(good)
    with pytest.raises(StoreError, match="open"):
        Store(good)
    held.close()


def test_a_store_with_nonsense_in_it(tmp_path: Path) -> None:
    file = tmp_path / "books.sqlite3"
    with RunningEmulator(store=file):
        pass
    with sqlite3.connect(file) as database:
        database.execute("UPDATE records SET body = '{' WHERE entity = 'Account'")
    database.close()
    with pytest.raises(StoreError, match="cannot be read"):
        RunningEmulator(store=file)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
    | st.dates(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.tuples(st.text(), st.text()), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(PLAIN)
def test_plain_data_comes_back(value: Any) -> None:
    assert decode(encode(value)) == value
    assert repr(decode(encode(value))) == repr(value), "digits and kinds too"


def test_the_emulators_own_records_come_back() -> None:
    value = {"$": Author("a", "1"), ("a", 1): frozenset({"x"}), "d": {Decimal("1.50"), date.max}}
    assert decode(encode(value)) == value


@pytest.mark.parametrize("text", ["{", '{"$":"x","is":1}', '{"$":"decimal","is":"x"}', '{"$":1}'])
def test_what_is_no_state(text: str) -> None:
    with pytest.raises(UnreadableStateError):
        decode(text)


def test_what_has_no_place_in_a_state() -> None:
    with pytest.raises(TypeError, match="object"):
        encode(object())


# The command line


def serve(*arguments: str, ready: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "emulator", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not ready.exists() or not ready.read_text().endswith("\n"):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def finish(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    process.send_signal(number)
    _, text = process.communicate(timeout=10)
    return text


def test_the_command_line_says_how_to_connect(tmp_path: Path) -> None:
    ready, store = tmp_path / "ready", tmp_path / "books.sqlite3"
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "CompanyInfo.json").write_text('[{"CompanyName": "Small"}]')
    arguments = ["--store", str(store), "--refresh-token", "seed"]
    arguments += ["--company", "demo", "--company", f"78={tmp_path / 'small'}"]
    process = serve(*arguments, ready=ready)
    base_url = ready.read_text().strip()
    spoken = plain_get(f"{base_url}/_emulator/companies").json()["companies"]
    assert [each["name"] for each in spoken] == ["Harbor & Pine Consulting", "Small"]
    text = finish(process, signal.SIGKILL)
    assert f"export QBSYNC_QUICKBOOKS_API_URL={base_url}\n" in text
    assert "export QBSYNC_INTUIT_CLIENT_ID=emulator-client\n" in text
    assert "export QBSYNC_INTUIT_CLIENT_SECRET=emulator-secret\n" in text
    words = "quickbooks-sync connect --realm-id 9341450000000042 --refresh-token seed"
    assert f"{words}  # Harbor" in text
    assert "quickbooks-sync connect --realm-id 78 --refresh-token AB11" in text
    ready.unlink()
    again = finish(serve(*arguments, ready=ready))
    line = next(line for line in text.splitlines() if "--realm-id 78" in line)
    assert line in again, "a killed emulator finds its connections again"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--company", "1=demo", "--company", "1=demo"], "realm id 1"),
        (["--company", "1=/nowhere"], "/nowhere"),
        (["--store", "/nowhere/x"], "/nowhere/x"),
        (["--webhook-url", "http://example.com/"], "this machine"),
    ],
)
def test_the_command_line_refuses(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--port", "0", *arguments]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert len(errors.splitlines()) == 1


def test_webhooks_from_the_command_line(tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        arguments = ["--webhook-url", endpoint.url, "--webhook-verifier", VERIFIER]
        ready = tmp_path / "ready"
        process = serve(*arguments, "--webhook-shape", "classic", "--quiet", ready=ready)
        base_url = ready.read_text().strip()
        token = plain_post(f"{base_url}/_emulator/token", json={"who": "Robin"}).json()
        response = httpx.post(
            f"{base_url}/v3/company/9341450000000042/term",
            json={"Name": "Net 4", "DueDays": 4},
            headers={"Authorization": f"Bearer {token['access_token']}"},
            verify=False,
        )
        assert response.is_success
        (body,) = endpoint.wait(1)
        assert body["eventNotifications"][0]["realmId"] == "9341450000000042"
        assert endpoint.all_signed()
        assert finish(process) == ""


def test_the_folder_of_a_company_may_have_an_equals_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "1=x"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    chosen = _parser().parse_args(["--company", "1=x", "--realm-id", "5"])
    assert _companies(chosen) == {"5": Path("1=x")}
    twice = _parser().parse_args(["--company", "demo", "--company", "demo"])
    with pytest.raises(CompanyFolderError, match="different"):
        _companies(twice)


# The fixture for others

OTHERS = """
def test_one(quickbooks):
    quickbooks.save("Term", {"Name": "Net 4", "DueDays": 4})
    assert quickbooks.base_url.startswith("http://127.0.0.1:")

def test_two(shared_quickbooks):
    assert len(shared_quickbooks.company.journal) == 0
    shared_quickbooks.save("Term", {"Name": "Net 4", "DueDays": 4})

def test_three(shared_quickbooks):
    assert len(shared_quickbooks.company.journal) == 0
    assert shared_quickbooks.company.name == "Small"
"""


def test_the_pytest_fixtures(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["emulator.pytest_plugin"]\n')
    (tmp_path / "test_others.py").write_text(OTHERS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nquickbooks_company = books\n")
    (tmp_path / "books").mkdir()
    small = [{"CompanyName": "Small"}]
    (tmp_path / "books" / "CompanyInfo.json").write_text(json.dumps(small))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
