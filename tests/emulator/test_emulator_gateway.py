"""What the gateway says: who may come in, how fast, and in which language."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree as ET

import pytest
from emulator_books import Client, invoice, purchase

from emulator.testing import RunningEmulator

FINANCE = "{http://schema.intuit.com/finance/v3}"


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        (None, "Missing bearer token"),
        ("Basic abc", "Missing bearer token"),
        ("Bearer short", "Malformed bearer token: too short or too long"),
        ("Bearer " + "x" * 5000, "Malformed bearer token: too short or too long"),
        ("Bearer " + "x" * 100, "Token revoked or unknown"),
    ],
)
def test_without_a_good_token(client: Client, authorization: str | None, detail: str) -> None:
    client.http.headers.pop("Authorization")
    headers = {} if authorization is None else {"Authorization": authorization}
    response = client.http.get(f"{client.company_url}/companyinfo/1", headers=headers)
    body = response.json()
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'
    assert body["fault"]["type"] == "AUTHENTICATION"
    assert body["fault"]["error"] == [
        {
            "message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
            "detail": detail,
            "code": "3200",
            "element": None,
        }
    ]
    assert isinstance(body["time"], int)
    assert (body["warnings"], body["cdcresponse"]) == (None, [])


def test_a_token_lives_an_hour(client: Client) -> None:
    client.running.clock.advance(3599)
    assert client.get("term/1").is_success
    client.running.clock.advance(2)
    response = client.get("term/1")
    assert response.status_code == 401
    assert response.json()["fault"]["error"][0]["detail"].startswith("Token expired: eyJ")


def test_a_token_of_another_realm() -> None:
    with RunningEmulator(companies={"77": "demo"}) as running:
        client = Client(running, running.token("somebody", realm_id="77"))
        response = client.get("term/1")
        error = response.json()["fault"]
        assert response.status_code == 403
        assert (error["type"], error["error"][0]["code"]) == ("SERVICE", "3100")
        assert "ApplicationAuthorizationFailed" in error["error"][0]["message"]
        client.company_url = f"{running.base_url}/v3/company/77"
        assert client.get("term/1").is_success
        client.http.close()


def test_companies_do_not_see_each_other() -> None:
    with RunningEmulator(companies={"77": "demo"}) as running:
        one = Client(running, running.connection_token())
        made = one.save("Invoice", invoice(), requestid="same")
        other = Client(running, running.token("somebody", realm_id="77"))
        other.company_url = f"{running.base_url}/v3/company/77"
        assert other.save("Invoice", invoice(amount=7), requestid="same")["TotalAmt"] == 7
        assert running.emulator.companies["77"].get("Invoice", made["Id"])["TotalAmt"] == 7
        one.http.close()
        other.http.close()


def test_xml_where_json_was_not_asked_for(client: Client) -> None:
    client.http.headers["Accept"] = "*/*"
    response = client.get("invoice/7")
    root = ET.fromstring(response.text)
    assert response.headers["content-type"] == "application/xml;charset=UTF-8"
    record = root.find(f"{FINANCE}Invoice")
    assert record.get("domain") == "QBO"
    assert record.find(f"{FINANCE}CustomerRef").get("name") == "Elmwood School District"
    assert record.find(f"{FINANCE}TotalAmt").text == "2610"
    fault = ET.fromstring(client.get("invoice/999").text).find(f"{FINANCE}Fault")
    assert fault.find(f"{FINANCE}Error").get("code") == "610"
    client.http.headers.pop("Authorization")
    denied = ET.fromstring(client.get("invoice/7").text).find(f"{FINANCE}Fault")
    assert denied.get("type") == "AUTHENTICATION"


def test_query_answers_in_xml(client: Client) -> None:
    client.http.headers["Accept"] = "application/xml"
    root = ET.fromstring(client.get("query", query="select * from Term").text)
    answer = root.find(f"{FINANCE}QueryResponse")
    assert answer.get("maxResults") == "5"
    assert len(answer.findall(f"{FINANCE}Term")) == 5


def test_ten_a_second_and_five_hundred_a_minute() -> None:
    with RunningEmulator(limits=True) as running:
        client = Client(running, running.connection_token())
        statuses = [client.get("term/1").status_code for _ in range(12)]
        assert statuses == [200] * 10 + [429] * 2
        throttled = client.get("term/1")
        assert throttled.headers["content-type"] == "application/xml;charset=UTF-8"
        assert 'Error code="3001"' in throttled.text
        assert "message=ThrottleExceeded; errorCode=003001; statusCode=429" in throttled.text
        for _ in range(48):
            running.clock.advance(1.1)
            assert [client.get("term/1").status_code for _ in range(10)] == [200] * 10
        running.clock.advance(1.1)
        assert [client.get("term/1").status_code for _ in range(11)][-1] == 429
        running.clock.advance(60)
        assert client.get("term/1").status_code == 200
        client.http.close()


def test_forty_batches_a_minute() -> None:
    with RunningEmulator(limits=True) as running:
        client = Client(running, running.connection_token())
        query = {"BatchItemRequest": [{"bId": "1", "Query": "select count(*) from Term"}]}
        statuses = []
        for _ in range(41):
            running.clock.advance(0.2)
            statuses.append(client.post("batch", query).status_code)
        assert statuses == [200] * 40 + [429]
        client.http.close()


def test_the_meter_bills_reads_and_not_writes(client: Client) -> None:
    client.save("Purchase", purchase())
    client.get("term/1")
    client.query("select * from Term")
    client.get("invoice/999")
    client.batch({"bId": "1", "Query": "select * from Term"})
    meter = client.http.get(f"{client.running.base_url}/_emulator/meter").json()
    assert (meter["metered"], meter["free"]) == (3, 1)
    assert meter["by_class"] == {"create": 1, "read": 2, "query": 1, "batch": 1}


def test_every_answer_can_be_traced(client: Client) -> None:
    one, two = client.get("term/1"), client.get("term/2")
    assert one.headers["intuit_tid"] != two.headers["intuit_tid"]
    assert one.headers["QBO-Version"]


def test_path_names_in_any_case(client: Client) -> None:
    assert client.get("SalesReceipt/9").status_code == 400
    assert client.get("JOURNALENTRY/1").json()["JournalEntry"]["Id"] == "1"


def test_ten_at_once() -> None:
    """Ten calls that are being answered leave no room for an eleventh of the same application."""
    with RunningEmulator(limits=True) as running, ThreadPoolExecutor(10) as pool:
        client = Client(running, running.connection_token())
        other = Client(running, running.token("Robin"))
        running.faults(kind="late", seconds=30, count=None, entity="Term")
        held_up = [pool.submit(client.get, "term/1") for _ in range(10)]
        deadline = time.monotonic() + 5
        while at_once(running) < 10:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        running.clock.advance(5)
        answer = client.get("account/1")
        assert (answer.status_code, answer.headers["content-type"][:15]) == (429, "application/xml")
        assert other.get("account/1").status_code == 200, "another application has its own ten"
        running.emulator.stopping = True
        assert all(call.exception(timeout=5) for call in held_up), "the connections dropped"
        running.emulator.stopping = False
        assert (client.get("account/1").status_code, at_once(running)) == (200, 0)
        client.http.close()
        other.http.close()


def at_once(running: RunningEmulator) -> int:
    limits = running.emulator.application_limits.get((running.realm_id, running.client_id))
    return 0 if limits is None else limits.at_once


def test_limits_are_counted_for_each_application() -> None:
    with RunningEmulator(limits=True) as running:
        one = Client(running, running.connection_token())
        two = Client(running, running.token("Robin"))
        running.clock.run_at(0)
        assert [one.get("term/1").status_code for _ in range(11)] == [200] * 10 + [429]
        assert [two.get("term/1").status_code for _ in range(11)] == [200] * 10 + [429]
        one.http.close()
        two.http.close()


def test_a_hundred_and_twenty_batches_a_minute_in_all() -> None:
    with RunningEmulator(limits=True) as running:
        running.clock.run_at(0)
        people = [Client(running, running.token(f"person {number}")) for number in range(4)]
        query = {"BatchItemRequest": [{"bId": "1", "Query": "select count(*) from Term"}]}
        statuses = []
        for person in people:
            for _ in range(40 if person is not people[3] else 1):
                running.clock.advance(0.2)
                statuses.append(person.post("batch", query).status_code)
            person.http.close()
        assert statuses == [200] * 120 + [429]


def test_a_throttled_call_is_in_the_log_and_not_on_the_bill() -> None:
    with RunningEmulator(limits=True) as running:
        running.clock.run_at(0)
        client = Client(running, running.connection_token())
        for _ in range(12):
            client.get("term/1")
        meter = running.emulator.meter
        assert (meter.metered, dict(meter.by_status)) == (10, {200: 10, 429: 2})
        assert [line.status for line in running.emulator.log][-2:] == [429, 429]
        client.http.close()


def test_a_token_for_user_data_only_does_not_open_the_books(running: RunningEmulator) -> None:
    with running.emulator.lock:
        tokens = running.emulator.tokens
        held = tokens.connect(running.client_id, running.realm_id, ("openid", "profile"))
        value = tokens.refresh(running.client_id, held.refresh_token).value
    client = Client(running, value)
    assert client.get("term/1").status_code == 403
    assert client.get("term/1").json()["fault"]["error"][0]["code"] == "3100"
    client.http.close()
