"""Faults on order, as a client sees them, and what stands in the books afterwards."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from emulator_books import Client, invoice, plain_post, purchase, refusal

from emulator.testing import RunningEmulator


def invoices(client: Client) -> int:
    return len(client.running.company.records["Invoice"])


def test_refused_before_the_effect(client: Client) -> None:
    client.running.faults(kind="refuse_before", verb="create", entity="Invoice")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("invoice", invoice())
    assert invoices(client) == 14
    assert client.post("invoice", invoice()).is_success, "the rule strikes once"


def test_the_answer_is_lost(client: Client) -> None:
    client.running.faults(kind="answer_lost", verb="create")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("invoice", invoice(), requestid="r1")
    assert invoices(client) == 15
    assert client.post("invoice", invoice(), requestid="r1").is_success
    assert invoices(client) == 15, "the request id protects the second try"


def test_the_answer_comes_too_late(client: Client) -> None:
    client.running.faults(kind="timeout", verb="create", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(f"{client.company_url}/invoice", json=invoice_json(), timeout=0.2)
    assert invoices(client) == 15


def invoice_json() -> dict[str, Any]:
    return json.loads(json.dumps(invoice(), default=int))


def test_a_held_up_call_does_not_hold_up_others(client: Client, accountant: Client) -> None:
    client.running.faults(kind="late", entity="Term", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        client.http.get(f"{client.company_url}/term/1", timeout=0.1)
    started = time.monotonic()
    assert accountant.get("term/1").is_success
    assert time.monotonic() - started < 1


def test_late_means_after_the_pause(client: Client) -> None:
    client.running.faults(kind="late", seconds=0.05, verb="create")
    started = time.monotonic()
    assert client.post("invoice", invoice()).is_success
    assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_proxy_answers_in_html(client: Client, *, after_commit: bool) -> None:
    client.running.faults(kind="status", status=502, after_commit=after_commit)
    response = client.post("invoice", invoice())
    assert response.status_code == 502
    assert response.headers["content-type"] == "text/html;charset=UTF-8"
    assert "Bad Gateway" in response.text
    assert invoices(client) == 14 + after_commit


def test_throttled_in_xml(client: Client) -> None:
    client.running.faults(kind="throttle")
    response = client.post("invoice", invoice())
    assert response.status_code == 429
    assert response.text.startswith("<?xml")
    assert invoices(client) == 14


def test_saved_but_6000(client: Client) -> None:
    client.running.faults(kind="saved_but_6000", verb="create")
    error = refusal(client.post("invoice", invoice()))
    assert error["code"] == "6000"
    assert "Please wait a few minutes" in error["Detail"]
    assert invoices(client) == 15


def test_a_chosen_fault(client: Client) -> None:
    client.running.faults(
        kind="fault", code="6190", message="Invalid Company Status", detail="d", type="SystemFault"
    )
    error = refusal(client.post("invoice", invoice()))
    assert (error["code"], error["Message"], error["type"]) == (
        "6190",
        "Invalid Company Status",
        "SystemFault",
    )
    assert invoices(client) == 14


def test_a_fault_inside_200(client: Client) -> None:
    client.running.faults(kind="fault_in_200")
    response = client.post("invoice", invoice())
    assert (response.status_code, "Fault" in response.json()) == (200, True)
    assert invoices(client) == 14


def test_half_an_answer(client: Client) -> None:
    client.running.faults(kind="truncated", verb="create")
    response = client.post("invoice", invoice())
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        response.json()
    assert invoices(client) == 15


def test_tokens_expire_at_once(client: Client) -> None:
    client.running.faults(kind="expire_tokens")
    assert client.get("term/1").status_code == 401
    assert client.get("term/1").status_code == 401
    client.http.headers["Authorization"] = f"Bearer {client.running.connection_token()}"
    assert client.get("term/1").is_success


def test_request_ids_are_ignored(client: Client) -> None:
    client.save("Invoice", invoice(), requestid="r")
    client.running.faults(kind="ignore_request_ids")
    client.save("Invoice", invoice(), requestid="r")
    assert invoices(client) == 16


def create(number: int) -> dict[str, Any]:
    return {"bId": str(number), "operation": "create", "Invoice": invoice(PrivateNote=f"n{number}")}


def test_items_of_a_batch_are_struck_one_by_one(client: Client) -> None:
    client.running.faults(
        {"kind": "batch_drop_item", "match": "n2"},
        {"kind": "saved_but_6000", "entity": "Invoice", "verb": "create", "match": "n3"},
        {"kind": "fault", "verb": "create", "match": "n4", "code": "3001"},
    )
    answers = {answer["bId"]: answer for answer in client.batch(*map(create, range(1, 6)))}
    assert set(answers) == {"1", "3", "4", "5"}
    assert answers["3"]["Fault"]["Error"][0]["code"] == "6000"
    assert answers["4"]["Fault"]["Error"][0]["code"] == "3001"
    notes = {row.get("PrivateNote") for row in client.running.company.all("Invoice")}
    assert {"n1", "n2", "n3", "n5"} <= notes
    assert "n4" not in notes


def test_a_batch_is_struck_as_a_whole(client: Client) -> None:
    client.running.faults(kind="answer_lost", verb="batch")
    with pytest.raises(httpx.RemoteProtocolError):
        client.batch(create(1), create(2))
    assert invoices(client) == 16
    client.running.faults(kind="refuse_before", entity="Invoice", verb="create")
    with pytest.raises(httpx.RemoteProtocolError):
        client.batch(create(3))
    assert invoices(client) == 16


def test_rules_wait_for_what_they_name(client: Client) -> None:
    client.running.faults(kind="throttle", entity="purchase", verb="create", match="taxi", count=2)
    assert client.post("invoice", invoice(PrivateNote="taxi")).is_success
    assert client.post("purchase", purchase()).is_success
    taxi = purchase(PrivateNote="taxi")
    statuses = [client.post("purchase", taxi).status_code for _ in range(3)]
    assert statuses == [429, 429, 200]


def test_a_rule_may_strike_for_ever(client: Client) -> None:
    (rule,) = client.running.faults(kind="throttle", verb="query", count=None)
    statuses = {client.get("query", query="select * from Term").status_code for _ in range(5)}
    assert statuses == {429}
    assert rule.struck == 5
    client.running.clear_faults()
    assert client.get("query", query="select * from Term").is_success


def test_a_query_is_matched_by_its_statement(client: Client) -> None:
    client.running.faults(kind="throttle", verb="query", match="from Item")
    assert client.get("query", query="select * from Term").is_success
    assert client.get("query", query="select * from Item").status_code == 429


def refresh(running: RunningEmulator) -> httpx.Response:
    return plain_post(
        f"{running.base_url}/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": running.refresh_token},
        auth=(running.client_id, running.client_secret),
    )


def test_the_token_endpoint_has_bad_days_too(running: RunningEmulator) -> None:
    running.faults(kind="throttle")
    assert refresh(running).is_success, "tokens are spoilt only by a rule that names them"
    running.faults(kind="fault", verb="token", code="invalid_grant")
    assert (refresh(running).status_code, refresh(running).status_code) == (400, 200)
    running.faults(kind="status", verb="token", status=503)
    assert refresh(running).status_code == 503
    running.clock.advance(86_400)
    running.faults(kind="answer_lost", verb="token")
    with pytest.raises(httpx.RemoteProtocolError):
        refresh(running)
    assert refresh(running).status_code == 400, "the rotated value went with the answer"
