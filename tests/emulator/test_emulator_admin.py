"""The admin API: what happened, what is to go wrong, and what it says to bad input."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from emulator_books import Client, invoice, payment, plain_post, plain_request

from emulator.testing import RunningEmulator


def admin(running: RunningEmulator, method: str, name: str, body: Any = None) -> httpx.Response:
    return plain_request(method, f"{running.base_url}/_emulator/{name}", json=body)


def test_health_and_companies(running: RunningEmulator) -> None:
    assert admin(running, "GET", "health").json()["status"] == "ok"
    (company,) = admin(running, "GET", "companies").json()["companies"]
    assert (company["realm_id"], company["name"]) == (
        running.realm_id,
        "Harbor & Pine Consulting",
    )
    assert company["records"]["Invoice"] == 14


def test_the_request_log(client: Client) -> None:
    client.save("Invoice", invoice(), requestid="r1")
    client.get("term/99")
    found = admin(client.running, "GET", "requests").json()
    write, read = found["requests"]
    assert (write["verb"], write["entity"], write["status"]) == ("create", "Invoice", 200)
    assert (write["request_id"], write["who"]) == ("r1", "application")
    assert write["path"] == f"/v3/company/{client.running.realm_id}/invoice"
    assert (read["verb"], read["status"]) == ("read", 400)
    assert found["counts"] == {"create": 1, "read": 1}
    later = admin(client.running, "GET", "requests?after=1").json()["requests"]
    assert [line["sequence"] for line in later] == [2]


def test_the_journal_says_who_wrote_what(client: Client, accountant: Client) -> None:
    made = client.save("Invoice", invoice(), requestid="r1")
    accountant.edit("Invoice", made["Id"], PrivateNote="mine")
    accountant.delete("Invoice", made["Id"])
    lines = admin(client.running, "GET", "journal").json()["journal"]
    assert [(line["who"], line["operation"]) for line in lines] == [
        ("application", "create"),
        ("accountant", "update"),
        ("accountant", "delete"),
    ]
    assert lines[0]["client"] == client.running.client_id
    assert lines[0]["request_id"] == "r1"
    assert lines[0]["body"]["CustomerRef"] == {"value": "1"}
    assert lines[1]["client"] == ""


def test_a_person_in_quickbooks(client: Client) -> None:
    made = client.save("Invoice", invoice())
    body = {"realm_id": client.running.realm_id, "who": "Robin"}
    found = admin(client.running, "POST", "token", body).json()
    robin = Client(client.running, found["access_token"])
    edited = robin.edit("Invoice", made["Id"], PrivateNote="x")
    assert edited["MetaData"]["LastModifiedByRef"] == {"value": found["user_id"]}
    assert made["MetaData"]["LastModifiedByRef"] != edited["MetaData"]["LastModifiedByRef"]
    paid = robin.save("Payment", payment("1", 1))
    assert "LastModifiedByRef" not in paid["MetaData"], "recorded on three entities only"
    robin.http.close()


def test_the_clock_moves_forward(client: Client) -> None:
    first = client.save("Invoice", invoice())["MetaData"]["CreateTime"]
    admin(client.running, "POST", "clock", {"advance_seconds": 86400})
    client.http.headers["Authorization"] = f"Bearer {client.running.connection_token()}"
    second = client.save("Invoice", invoice())["MetaData"]["CreateTime"]
    assert second[:10] > first[:10]


def test_faults_by_http(client: Client) -> None:
    rules = [{"kind": "throttle", "verb": "read"}, {"kind": "late", "seconds": 0.5, "count": None}]
    shown = admin(client.running, "POST", "faults", rules).json()["faults"]
    assert [rule["kind"] for rule in shown] == ["throttle", "late"]
    assert client.get("term/1").status_code == 429
    listed = admin(client.running, "GET", "faults").json()["faults"]
    assert (listed[0]["count"], listed[0]["struck"]) == (0, 1)
    assert admin(client.running, "DELETE", "faults").json() == {"faults": []}


def test_request_ids_by_http(client: Client) -> None:
    client.save("Invoice", invoice(), requestid="r")
    forgotten = admin(client.running, "POST", "request-ids", {"forget": True}).json()
    assert forgotten == {"honour": True, "remembered": 0}
    assert admin(client.running, "POST", "request-ids", {"honour": False}).json()["honour"] is False


def test_reset_brings_the_first_day_back(client: Client) -> None:
    client.save("Invoice", invoice(), requestid="r")
    admin(client.running, "POST", "faults", {"kind": "throttle"})
    admin(client.running, "POST", "reset")
    assert client.query("select count(*) from Invoice") == {"totalCount": 14}
    assert admin(client.running, "GET", "journal").json() == {"journal": []}
    assert admin(client.running, "GET", "faults").json() == {"faults": []}
    assert client.post("invoice", invoice(), requestid="r").is_success


BAD: list[tuple[str, Any, list[str]]] = [
    # (where, what, the words of the answer)
    ("faults", {"kind": "earthquake"}, ["kind", "'earthquake'", "refuse_before"]),
    ("faults", {"kind": "throttle", "verb": "burn"}, ["verb", "'burn'", "create"]),
    ("faults", {"kind": "throttle", "colour": 1}, ["colour", "1", "entity"]),
    ("faults", {"kind": "throttle", "count": 0}, ["count", "0", "1 or more"]),
    ("faults", {"kind": "throttle", "count": "2"}, ["count", "'2'", "int"]),
    ("faults", [3], ["3", "object"]),
    ("clock", {"advance_seconds": -1}, ["advance_seconds", "-1", "0 or more"]),
    ("clock", {}, ["advance_seconds", "None"]),
    ("token", {"realm_id": "1", "who": "x"}, ["realm_id", "'1'", "use one of"]),
    ("token", {"who": ""}, ["who", "''", "name"]),
    ("request-ids", {"honour": "yes"}, ["honour", "'yes'", "true or false"]),
]


@pytest.mark.parametrize(("name", "body", "words"), BAD)
def test_bad_input_is_explained(
    running: RunningEmulator, name: str, body: Any, words: list[str]
) -> None:
    response = admin(running, "POST", name, body)
    assert response.status_code == 400
    sentence = response.json()["error"]
    assert all(word in sentence for word in words), sentence


def test_unreadable_and_unknown(running: RunningEmulator) -> None:
    broken = plain_post(f"{running.base_url}/_emulator/clock", content=b"{")
    assert broken.status_code == 400
    assert "not JSON" in broken.json()["error"]
    unknown = admin(running, "GET", "unicorn")
    assert unknown.status_code == 404
    assert "GET journal" in unknown.json()["error"]
    assert admin(running, "GET", "journal?after=x").status_code == 400
