"""The interface, as a program uses it: it reads what the office has, and what it does counts."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from connectors.clock import SystemClock
from connectors.state.api_tokens import make_token
from connectors.state.connections import connection_named
from connectors.state.people import add_user, all_users
from models.people import Actor, Role
from models.tables.sync import audit_entries
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office
from tests.fixtures.guarded import addresses
from tests.fixtures.pages import BY, PASSWORD, Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
ROOT = "/api/v1/companies"


def program(pages: Pages, role: Role = Role.ADMIN) -> TestClient:
    """A program with a token of somebody with this role."""
    engine = pages.place.engine
    actor = Actor("a test", SystemClock().now())
    add_user(engine, f"ann-{role}", PASSWORD, role, actor=actor)
    _, token = make_token(engine, f"ann-{role}", "test", role, 1, actor=actor)
    client = pages.client()
    client.headers["authorization"] = f"Bearer {token}"
    return client


def get(client: TestClient, path: str, status: int = 200) -> Any:
    """What is answered."""
    answer = client.get(f"{ROOT}{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


@on_both
def test_a_program_reads_what_there_is(pages: Pages) -> None:
    """Company, overview, and every list; a list part by part is the list as a whole."""
    client = program(pages, Role.VIEWER)
    company = connection_named(pages.place.engine)
    (found,) = get(client, "")
    assert (found["company_id"], found["name"]) == (company.id, company.name)
    here = f"/{company.id}"
    assert get(client, f"{here}/overview")["health"] in ("in sync", "needs attention")
    for name in ("alerts", "conflicts", "queue", "plans"):
        assert set(get(client, f"{here}/{name}")) == {"items", "next"}
    for name, key in (("records", "link"), ("audit", "number")):
        whole = get(client, f"{here}/{name}?limit=200")["items"][:40]
        parts: list[Any] = []
        after = ""
        while len(parts) < 40:
            part = get(client, f"{here}/{name}?limit=7{after}")
            assert len(part["items"]) == 7
            parts += part["items"]
            after = f"&after={part['next']}"
        assert parts[:40] == whole
        assert [each[key] for each in whole] == sorted((e[key] for e in whole), reverse=True)
    record = whole and get(client, f"{here}/records?record_type=invoice&limit=1")["items"][0]
    assert get(client, f"{here}/records?label={record['record']}")["items"]
    story = get(client, f"{here}/records/{record['link']}")
    assert story["record"] == record
    assert story["log"]
    assert get(client, f"{here}/audit/verify") == {"is_whole": True, "findings": []}
    assert get(client, f"{here}/records/99999", 404)["error"] == "this company has no such record"


def test_what_it_chooses_is_logged_under_its_name(pages: Pages) -> None:
    """Settings and policies as a whole; what is not right is said and not stored."""
    client = program(pages)
    here = f"{ROOT}/{connection_named(pages.place.engine).id}"
    settings = client.get(f"{here}/settings").json()
    wanted = {**settings, "frequency_minutes": 7, "approval_amount_max": "1250.50"}
    assert client.put(f"{here}/settings", json=wanted).json() == wanted
    for wrong in ({**wanted, "frequency_minutes": 0}, {"frequency_minutes": 5}, {**wanted, "x": 1}):
        assert client.put(f"{here}/settings", json=wrong).status_code == 422
    assert client.get(f"{here}/settings").json() == wanted
    policy = client.get(f"{here}/policy").json()
    chosen = {"version": policy["version"], "rules": {"invoice.memo": "platform"}}
    after = client.put(f"{here}/policy", json=chosen).json()
    assert after["rules"] == chosen["rules"]
    again = client.put(f"{here}/policy", json=chosen)
    assert again.status_code == 409
    assert again.json()["fix"] == "Read them again, then set yours."
    entries = client.get(f"{here}/audit?limit=2").json()["items"]
    assert [each["kind"] for each in entries] == ["policy.changed", "settings.changed"]
    assert {each["actor"] for each in entries} == {"ann-admin by token 1"}


def test_what_waits_is_read_and_decided(office: Office, pages: Pages) -> None:
    """An alert and its record, which is skipped and then retried; and a conflict, which is decided
    otherwise; all under the name of whoever the program acts for."""
    client = program(pages, Role.OPERATOR)
    here = f"/{connection_named(pages.place.engine).id}"
    office.emulator.faults(
        entity="Vendor", verb="create", kind="fault", code="2050", message="too long", count=None
    )
    office.platform.add("vendor", name="Refused Ltd")
    row_id = office.platform.id_of("Invoice", "7")
    office.books.update("Invoice", "7", PrivateNote="books")
    office.platform.edit("invoice", row_id, memo="platform")
    office.run("sync", code=None)

    (alert,) = get(client, f"{here}/alerts")["items"]
    assert "Refused Ltd" in alert["title"]
    (parked,) = get(client, f"{here}/queue")["items"]
    assert (parked["record"], parked["code"], parked["state"]) == (
        "Refused Ltd",
        "fault_2050",
        "given_up",
    )
    chosen = {"links": [parked["link"]]}
    for action, more, state in (("skip", {"why": "a test"}, "skipped"), ("retry", {}, "retrying")):
        answer = client.post(f"{ROOT}{here}/queue/{action}", json={**chosen, **more})
        assert answer.json() == {"records": 1}
        assert [each["state"] for each in get(client, f"{here}/queue")["items"]] == [state]
    office.emulator.clear_faults()
    office.sync()
    assert office.books.find("Vendor", "DisplayName = 'Refused Ltd'")
    assert get(client, f"{here}/queue")["items"] == get(client, f"{here}/alerts")["items"] == []

    (conflict,) = get(client, f"{here}/conflicts")["items"]
    versions = {"quickbooks": "books", "platform": "platform"}
    assert {side: conflict[side] for side in versions} == versions
    (other,) = set(versions) - {conflict["winner"]}
    number = conflict["id"]
    done = client.post(f"{ROOT}{here}/conflicts/{number}/decide", json={"take": other}).json()
    assert (done["done"], done["conflicts"]) == (True, {str(number): other})
    assert office.platform.row("invoice", row_id)["memo"] == versions[other]
    assert office.books.read("Invoice", "7")["PrivateNote"] == versions[other]
    actors = {each["kind"]: each["actor"] for each in get(client, f"{here}/audit")["items"]}
    assert actors["override"] == actors["retry"] == "ann-operator by token 1"


def test_what_it_does_counts(office: Office, pages: Pages) -> None:
    """It lets the company be due, explains a record, and is told what it cannot do."""
    client = program(pages, Role.OPERATOR)
    company = connection_named(pages.place.engine)
    here = f"{ROOT}/{company.id}"
    assert client.post(f"{here}/sync").json() == {
        "data_types": ["expenses", "financials", "invoices"]
    }
    assert pages.woken == [1]
    link = client.get(f"{here}/records?record_type=invoice&limit=1").json()["items"][0]["link"]
    told = client.post(f"{here}/records/{link}/explain").json()
    assert told["record"]["link"] == link
    assert told["quickbooks"]["state"] == told["platform"]["state"]
    for path, body in (
        ("queue/skip", {"links": [link]}),
        ("queue/skip", {}),
        ("queue/retry", {"code": "nothing"}),
    ):
        answer = client.post(f"{here}/{path}", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]
    for path in ("plans/1/approve", "conflicts/99999/decide"):
        answer = client.post(f"{here}/{path}", json={"take": "platform"})
        assert answer.status_code == 404
    assert office.sync()


def test_the_description_names_every_address(pages: Pages) -> None:
    """And what each takes and gives, for programs that make clients from it."""
    client = program(pages, Role.VIEWER)
    told = client.get("/api/v1/openapi.json").json()
    here = {each.path for each in addresses(pages.app) if each.is_api}
    assert set(told["paths"]) == here - {"/api/v1/openapi.json"}
    assert told["security"] == [{"token": []}]
    for path, methods in told["paths"].items():
        for each in methods.values():
            assert {"401", "403", "404", "422"} <= set(each["responses"]), path
            assert each["description"]


@on_both
def test_a_program_adds_and_changes_people(pages: Pages) -> None:
    """Up to operators, with companies that are the token's person's; each is logged."""
    client = program(pages)
    company = connection_named(pages.place.engine).id
    mine = client.get("/api/v1/users").json()["items"][0]
    wanted = {"name": "bea", "role": "operator", "companies": [company]}
    answer = client.post("/api/v1/users", json=wanted)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    bea = f"/api/v1/users/{made['user_id']}"
    expected = {"user_id": made["user_id"], **wanted, "active": True}
    assert made == client.get(bea).json() == expected
    assert client.get("/api/v1/users?limit=1").json() == {"items": [mine], "next": mine["user_id"]}
    after = client.get(f"/api/v1/users?after={mine['user_id']}").json()
    assert after == {"items": [made], "next": None}

    for change, result in (
        ({"active": False}, {"active": False}),
        ({"role": "viewer"}, {"active": False, "role": "viewer"}),
        ({"companies": None, "active": True}, {"role": "viewer", "companies": None}),
    ):
        assert client.patch(bea, json=change).json() == {**expected, **result}
    refused = [
        ("PATCH", bea, {}, 422),
        ("PATCH", bea, {"role": "admin"}, 422),
        ("PATCH", bea, {"companies": []}, 422),
        ("PATCH", bea, {"password": "x" * 20}, 422),
        ("PATCH", f"/api/v1/users/{mine['user_id']}", {"active": False}, 409),
        ("PATCH", "/api/v1/users/999", {"active": False}, 404),
        ("POST", "/api/v1/users", {**wanted, "name": "new", "role": "admin"}, 422),
        ("POST", "/api/v1/users", {**wanted, "name": "new", "companies": [99]}, 422),
        ("POST", "/api/v1/users", {"name": "new"}, 422),
        ("POST", "/api/v1/users", wanted, 422),
    ]
    boss = add_user(pages.place.engine, "boss", PASSWORD, Role.ADMIN, actor=BY)
    refused.append(("PATCH", f"/api/v1/users/{boss.id}", {"active": False}, 409))
    before = all_users(pages.place.engine)
    for method, path, body, status in refused:
        answer = client.request(method, path, json=body)
        assert answer.status_code == status, (method, path, body, answer.text)
        assert answer.json()["error"]
    assert all_users(pages.place.engine) == before
    assert program(pages, Role.OPERATOR).get("/api/v1/users").status_code == 403

    table = audit_entries.c
    query = select(table.kind, table.body).where(table.actor == "ann-admin by token 1")
    with pages.place.engine.connect() as connection:
        told = connection.execute(query.order_by(table.number)).all()
    assert [row.kind for row in told] == ["user.added", *["user.changed"] * 3]
