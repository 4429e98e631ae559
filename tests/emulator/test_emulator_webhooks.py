"""Webhooks: both shapes, the signature, the ladder, and all that goes wrong with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from emulator_books import Client, expense_line, invoice, payment, purchase
from quickbooks import QuickBooks
from test_emulator_admin import admin
from webhook_endpoint import VERIFIER, Endpoint

from emulator.testing import RunningEmulator
from emulator.webhooks.events import Event
from emulator.webhooks.queue import WAITING_MAX, WebhookQueue
from emulator.webhooks.settings import BadWebhookError, parse_settings


def subscribe(client: Client, endpoint: Endpoint, **settings: Any) -> None:
    client.running.webhook(url=endpoint.url, verifier=VERIFIER, **settings)


def told(bodies: list[Any]) -> list[str]:
    return [event["intuitentityid"] for body in bodies for event in body]


def state(client: Client) -> dict[str, Any]:
    return admin(client.running, "GET", "webhooks").json()["webhooks"]


def acknowledged(client: Client, count: int) -> dict[str, Any]:
    """Return the state of the queue once so many events are acknowledged."""
    deadline = time.monotonic() + 5
    while (found := state(client))["acknowledged"] < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def test_a_cloud_event(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint)
    made = client.save("Invoice", invoice())
    ((event,),) = endpoint.wait(1)
    assert event["type"] == "qbo.invoice.created.v1"
    assert (event["specversion"], event["datacontenttype"]) == ("1.0", "application/json")
    assert event["source"].startswith("intuit.")
    assert event["intuitentityid"] == made["Id"]
    assert event["intuitaccountid"] == client.running.realm_id
    assert event["data"] == {}
    assert event["time"].endswith("000Z"), "nanoseconds"
    at = datetime.fromisoformat(event["time"][:26]).replace(tzinfo=UTC)
    assert abs(at - client.running.clock.now()) < timedelta(minutes=1)


def test_a_classic_notification(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint, shape="classic")
    made = client.save("Invoice", invoice())
    (body,) = endpoint.wait(1)
    (notification,) = body["eventNotifications"]
    assert notification["realmId"] == client.running.realm_id
    (entity,) = notification["dataChangeEvent"]["entities"]
    assert (entity["name"], entity["id"], entity["operation"]) == ("Invoice", made["Id"], "Create")
    assert entity["lastUpdated"][-5:] in {"-0700", "-0800"}


def test_the_signature_is_over_the_raw_body(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint)
    client.save("Invoice", invoice())
    endpoint.wait(1)
    digest = hmac.new(VERIFIER.encode(), endpoint.bodies[0], hashlib.sha256).digest()
    assert endpoint.signatures == [base64.b64encode(digest).decode()]
    library = object.__new__(QuickBooks)
    library.verifier_token = VERIFIER
    text = endpoint.bodies[0].decode()
    assert library.validate_webhook_signature(text, endpoint.signatures[0])


def test_one_event_for_each_kind_of_write(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint, events_per_body=1)
    client.running.save("Customer", {"DisplayName": "New"}, who="accountant")
    paid = client.save("Payment", payment("4", 1))
    spent = client.save("Purchase", purchase())
    client.delete("Purchase", spent["Id"])
    void = {"Id": paid["Id"], "SyncToken": "0", "sparse": True}
    client.save("Payment", void, operation="update", include="void")
    client.edit("Customer", "1", Notes="x")
    client.batch({"bId": "1", "operation": "create", "Term": {"Name": "Net 9", "DueDays": 9}})
    mailed = client.http.post(f"{client.company_url}/invoice/7/send?sendTo=a@example.com")
    assert mailed.is_success, mailed.text
    kinds = [event["type"] for (event,) in endpoint.wait(8)]
    assert kinds == [
        "qbo.customer.created.v1",
        "qbo.payment.created.v1",
        "qbo.purchase.created.v1",
        "qbo.purchase.deleted.v1",
        "qbo.payment.voided.v1",
        "qbo.customer.updated.v1",
        "qbo.term.created.v1",
        "qbo.invoice.emailed.v1",
    ]
    assert endpoint.all_signed()


def test_what_is_not_told(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint)
    client.post("invoice", {})
    client.edit("Invoice", "7")
    info = client.read("CompanyInfo", client.running.realm_id)
    client.save(
        "CompanyInfo", {"Id": "1", "SyncToken": info["SyncToken"], "sparse": True, "LegalName": "L"}
    )
    endpoint.never(0)
    client.save("Invoice", invoice())
    assert len(endpoint.wait(1)) == 1


@pytest.mark.parametrize("shape", ["classic", "cloudevents"])
def test_a_merge_names_the_deleted(client: Client, endpoint: Endpoint, shape: str) -> None:
    made = client.save("Invoice", invoice(customer="2"))
    subscribe(client, endpoint, shape=shape)
    rows = {row["Id"]: row for row in client.query("select * from Customer")["Customer"]}
    body = {"entity": "Customer", "winner": "1", "loser": "2", "who": "Robin"}
    kept = admin(client.running, "POST", "merge", body).json()["Customer"]
    assert kept["Balance"] == float(rows["1"]["Balance"] + rows["2"]["Balance"])
    turned = client.read("Invoice", made["Id"])
    assert turned["CustomerRef"] == {"value": "1", "name": kept["DisplayName"]}
    assert turned["SyncToken"] == "0"
    assert client.get("customer/2").status_code == 400
    (told_of,) = endpoint.wait(1)
    if shape == "classic":
        (entity,) = told_of["eventNotifications"][0]["dataChangeEvent"]["entities"]
        assert (entity["operation"], entity["id"], entity["deletedId"]) == ("Merge", "1", "2")
    else:
        assert told_of[0]["type"] == "qbo.customer.merged.v1"
        assert told_of[0]["data"] == {"deletedid": "2"}


def test_bodies_hold_a_hundred_events(client: Client, endpoint: Endpoint) -> None:
    endpoint.pause = 0.1
    subscribe(client, endpoint)
    for _ in range(105):
        client.running.save("Invoice", invoice())
    acknowledged(client, 105)
    sizes = [len(body) for body in endpoint.wait(2)]
    assert (sum(sizes), max(sizes) <= 100) == (105, True)


def test_the_ladder_of_retries(client: Client, endpoint: Endpoint) -> None:
    endpoint.statuses = [500] * 10
    subscribe(client, endpoint)
    made = client.save("Invoice", invoice())
    for attempt, wait in enumerate([10, 20, 30, 300, 1200, 7200, 14400, 21600, 21600, 21600], 1):
        endpoint.wait(attempt)
        eventually_blocked(client, attempt)
        client.running.clock.advance(wait - 2)
        endpoint.never(attempt, 0.05)
        client.running.clock.advance(2)
    bodies = endpoint.wait(11)
    assert set(told(bodies)) == {made["Id"]}
    assert len(set(endpoint.bodies)) == 1, "the same body, with the same event id"
    found = acknowledged(client, 1)
    assert [row["problem"] for row in found["attempts"]] == ["status 500"] * 10 + [""]
    assert (found["blocked"], found["waiting"]) == (False, 0)


def eventually_blocked(client: Client, attempts: int) -> None:
    deadline = time.monotonic() + 5
    while len(state(client)["attempts"]) < attempts:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert state(client)["blocked"]


def test_the_oldest_holds_up_the_rest(client: Client, endpoint: Endpoint) -> None:
    endpoint.statuses = [404]
    subscribe(client, endpoint)
    first = client.save("Invoice", invoice())
    eventually_blocked(client, 1)
    second = client.save("Invoice", invoice())
    endpoint.never(1)
    assert state(client)["waiting"] == 2
    client.running.clock.advance(11)
    assert told(endpoint.wait(3)) == [first["Id"], first["Id"], second["Id"]]


def test_an_answer_after_three_seconds_is_none(client: Client, endpoint: Endpoint) -> None:
    assert parse_settings({"url": endpoint.url}).answer_seconds == 3
    endpoint.pause = 0.4
    subscribe(client, endpoint, answer_seconds=0.1)
    client.save("Invoice", invoice())
    eventually_blocked(client, 1)
    endpoint.pause = 0
    client.running.clock.advance(11)
    found = acknowledged(client, 1)
    assert [row["problem"] for row in found["attempts"]] == ["no answer within 0.1 s", ""]


@pytest.mark.parametrize("status", [201, 204, 302, 400])
def test_only_200_counts(client: Client, endpoint: Endpoint, status: int) -> None:
    endpoint.statuses = [status]
    subscribe(client, endpoint)
    client.save("Invoice", invoice())
    eventually_blocked(client, 1)


def test_nobody_listens(client: Client) -> None:
    client.running.webhook(url="http://127.0.0.1:9/hooks")
    client.save("Invoice", invoice())
    eventually_blocked(client, 1)
    assert state(client)["attempts"][0]["problem"].startswith("no connection")


def test_events_are_told_again(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint, duplicates=1)
    made = client.save("Invoice", invoice())
    bodies = endpoint.wait(2)
    assert bodies[0] == bodies[1]
    assert told(bodies) == [made["Id"]] * 2
    endpoint.never(2)
    assert [row["repeated"] for row in state(client)["attempts"]] == [False, True]


def test_events_are_told_in_another_order(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint, reordering=1, delay_seconds=60, events_per_body=2, seed=4)
    ids = [client.save("Invoice", invoice())["Id"] for _ in range(8)]
    endpoint.never(0)
    client.running.clock.advance(61)
    found = told(endpoint.wait(4))
    assert sorted(found, key=int) == ids
    assert found != ids


def test_events_come_late(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint, delay_seconds=300)
    client.save("Invoice", invoice())
    client.running.clock.advance(290)
    endpoint.never(0)
    client.running.clock.advance(11)
    endpoint.wait(1)


@pytest.mark.parametrize(("mixed", "bodies"), [(False, 2), (True, 1)])
def test_several_companies(endpoint: Endpoint, mixed: bool, bodies: int) -> None:
    with RunningEmulator(companies={"77": "demo"}) as running:
        one = Client(running, running.connection_token())
        two = Client(running, running.token("robin", realm_id="77"))
        two.company_url = f"{running.base_url}/v3/company/77"
        subscribe(one, endpoint, shape="classic", delay_seconds=9, mixed_realms=mixed)
        one.save("Invoice", invoice())
        two.save("Invoice", invoice())
        running.clock.advance(10)
        notifications = [body["eventNotifications"] for body in endpoint.wait(bodies)]
        realms = [each["realmId"] for found in notifications for each in found]
        assert realms == [running.realm_id, "77"]
        one.http.close()
        two.http.close()


def test_the_admin_api_subscribes(client: Client, endpoint: Endpoint) -> None:
    settings = {"url": endpoint.url, "verifier": VERIFIER, "shape": "classic"}
    shown = admin(client.running, "POST", "webhooks", settings).json()["webhooks"]
    assert shown["settings"]["url"] == endpoint.url
    client.save("Bill", {"VendorRef": {"value": "3"}, "Line": [expense_line(5)]})
    endpoint.wait(1)
    assert endpoint.all_signed()
    assert admin(client.running, "DELETE", "webhooks").json()["webhooks"]["settings"] is None
    client.save("Invoice", invoice())
    endpoint.never(1)


def test_a_reset_forgets_what_was_to_be_told(client: Client, endpoint: Endpoint) -> None:
    subscribe(client, endpoint, delay_seconds=60)
    client.save("Invoice", invoice())
    client.running.emulator.reset()
    client.running.clock.advance(61)
    endpoint.never(0)
    client.save("Invoice", invoice())
    client.running.clock.advance(61)
    assert len(endpoint.wait(1)) == 1, "the endpoint stays"


def test_the_queue_is_bounded() -> None:
    queue = WebhookQueue()
    queue.configure(parse_settings({"url": "http://127.0.0.1:1/"}))
    event = Event("e", "1", "Invoice", "1", "create", datetime.now(UTC))
    for _ in range(WAITING_MAX + 3):
        queue.publish(event)
    assert queue.describe(datetime.now(UTC))["waiting"] == WAITING_MAX
    assert queue.lost == 3


BAD: list[tuple[Any, list[str]]] = [
    ([], ["object", "url"]),
    ({}, ["url", "missing"]),
    ({"url": "https://127.0.0.1/x"}, ["url", "https://127.0.0.1/x", "http"]),
    ({"url": "http://example.com/"}, ["url", "example.com", "this machine"]),
    ({"url": "http://10.0.0.1/"}, ["this machine"]),
    ({"url": "http://127.0.0.1@example.com/"}, ["this machine"]),
    ({"url": "http://u@127.0.0.1/"}, ["this machine"]),
    ({"url": "http://127.0.0.1:99999/"}, ["this machine"]),
    ({"url": "http://127.0.0.1/\r\nX: y"}, ["this machine"]),
    ({"url": "http://[::1"}, ["this machine"]),
    ({"url": 3}, ["url", "3", "str"]),
    ({"url": "http://127.0.0.1/", "shape": "xml"}, ["shape", "'xml'", "classic"]),
    ({"url": "http://127.0.0.1/", "duplicates": 2}, ["duplicates", "2", "0 to 1"]),
    ({"url": "http://127.0.0.1/", "delay_seconds": -1}, ["delay_seconds", "-1"]),
    ({"url": "http://127.0.0.1/", "delay_seconds": True}, ["delay_seconds", "True"]),
    ({"url": "http://127.0.0.1/", "events_per_body": 101}, ["events_per_body", "101"]),
    ({"url": "http://127.0.0.1/", "verifier": ""}, ["verifier", "''"]),
    ({"url": "http://127.0.0.1/", "colour": 1}, ["colour", "1", "verifier"]),
]


@pytest.mark.parametrize(("body", "words"), BAD)
def test_bad_settings_are_explained(body: Any, words: list[str]) -> None:
    with pytest.raises(BadWebhookError) as error:
        parse_settings(body)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_bad_settings_by_http(running: RunningEmulator) -> None:
    response = admin(running, "POST", "webhooks", {"url": "http://example.com/"})
    assert response.status_code == 400
    assert "this machine" in response.json()["error"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_addresses_of_this_machine(host: str) -> None:
    assert parse_settings({"url": f"http://{host}:80/x"}).url
