"""Faults that strike from outside a call, each kind as a client sees it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from emulator_books import Client, expense_line, invoice, payment, refusal

from emulator.clock import stamp
from emulator.injection import (
    ITEM_KINDS,
    KINDS,
    OUTER_KINDS,
    WRITE_KINDS,
    BadRuleError,
    parse_rule,
)
from emulator.testing import RunningEmulator

INNER = {"refuse_before", "answer_lost", "timeout", "late", "status", "throttle"}
INNER |= {"truncated", "fault_in_200", "expire_tokens"}


def count(client: Client, entity: str = "Invoice") -> int:
    return int(client.query(f"select count(*) from {entity}")["totalCount"])


def since(client: Client) -> str:
    return stamp(client.running.clock.now() - timedelta(seconds=1))


def test_every_kind_is_in_one_group() -> None:
    groups = [INNER, set(ITEM_KINDS), set(OUTER_KINDS), set(WRITE_KINDS)]
    assert set(KINDS) == set().union(*groups)
    assert len(KINDS) == sum(map(len, groups))


def test_a_request_id_is_forgotten(client: Client) -> None:
    client.running.faults(kind="forget_request_ids", verb="create")
    first = client.save("Invoice", invoice(), requestid="r")
    second = client.save("Invoice", invoice(), requestid="r")
    assert first["Id"] != second["Id"]
    assert client.save("Invoice", invoice(), requestid="r")["Id"] == second["Id"]


def test_the_request_id_of_a_batch_is_forgotten(client: Client) -> None:
    item = {"bId": "1", "operation": "create", "Invoice": invoice()}
    client.running.faults(kind="forget_request_ids", verb="batch")
    ids = [client.batch(item, requestid="r")[0]["Invoice"]["Id"] for _ in range(3)]
    assert (ids[0] == ids[1], ids[1] == ids[2]) == (False, True)


def test_a_batch_answers_in_another_order(client: Client) -> None:
    items = [{"bId": str(number), "Query": "select * from Term"} for number in range(5)]
    client.running.faults(kind="batch_reorder")
    answers = client.batch(*items)
    found = [answer["bId"] for answer in answers]
    assert sorted(found) == ["0", "1", "2", "3", "4"]
    assert found != sorted(found)
    assert [answer["bId"] for answer in client.batch(*items)] == sorted(found)
    client.running.faults(kind="batch_reorder")
    assert [answer["bId"] for answer in client.batch(*items[:2])] == ["1", "0"]


def test_a_write_lands_late(client: Client) -> None:
    before = count(client)
    client.running.faults(kind="late_landing", verb="create", seconds=90)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("invoice", invoice(), requestid="r")
    assert count(client) == before
    client.running.clock.advance(80)
    assert count(client) == before
    client.running.clock.advance(20)
    assert count(client) == before + 1
    again = client.save("Invoice", invoice(), requestid="r")
    assert count(client) == before + 1, "the request id protects what landed"
    assert client.running.company.journal[-1].id == again["Id"]
    assert [line.struck for line in client.running.emulator.log if line.struck] == ["late_landing"]


def test_a_late_write_may_meet_the_second_try(client: Client) -> None:
    """The retry comes first, and the late one is the replay; without request ids there are two."""
    for honoured, more in ((True, 1), (False, 2)):
        before = count(client)
        client.running.emulator.options.honour_request_ids = honoured
        client.running.faults(kind="late_landing", verb="create", seconds=30)
        request_id = f"r{honoured}"
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("invoice", invoice(), requestid=request_id)
        client.save("Invoice", invoice(), requestid=request_id)
        client.running.clock.advance(31)
        assert count(client) == before + more


def test_a_late_write_lands_though_its_token_is_dead_and_nobody_calls(client: Client) -> None:
    before = len(client.running.company.records["Invoice"])
    client.running.faults(kind="late_landing", verb="create", seconds=7200)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("invoice", invoice())
    client.running.clock.advance(7201)
    deadline = time.monotonic() + 5
    while len(client.running.company.records["Invoice"]) == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_answer_trickles_in(client: Client) -> None:
    client.running.faults(kind="slow", verb="create", seconds=0.3)
    started = time.monotonic()
    made = client.save("Invoice", invoice())
    assert time.monotonic() - started >= 0.25
    assert made["TotalAmt"] == 100
    client.running.faults(kind="slow", verb="create", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(
            f"{client.company_url}/term", json={"Name": "N9", "DueDays": 9}, timeout=0.1
        )
    assert client.ids("select * from Term where Name = 'N9'"), "the effect is kept"


def test_a_payment_keeps_no_links(client: Client) -> None:
    balance = client.read("Invoice", "7")["Balance"]
    client.running.faults(kind="drop_links", entity="Payment")
    body = payment("4", 10, ("7", 10))
    paid = client.save("Payment", body, requestid="r")
    assert (paid["TotalAmt"], paid["UnappliedAmt"], paid["Line"]) == (10, 10, [])
    assert client.read("Payment", paid["Id"]) == paid
    assert client.save("Payment", body, requestid="r") == paid, "the replay says the same"
    settled = client.read("Invoice", "7")
    assert settled["Balance"] == balance
    assert not [link for link in settled["LinkedTxn"] if link["TxnId"] == paid["Id"]]
    assert client.save("Payment", body)["UnappliedAmt"] == 0, "the rule strikes once"


def test_a_bill_payment_in_a_batch_keeps_no_links(client: Client) -> None:
    bill = client.save("Bill", {"VendorRef": {"value": "3"}, "Line": [expense_line(50)]})
    body = {
        "VendorRef": {"value": "3"},
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": "1"}},
        "TotalAmt": 50,
        "Line": [{"Amount": 50, "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}],
    }
    client.running.faults(kind="drop_links", entity="BillPayment", verb="create")
    answers = client.batch(
        {"bId": "1", "operation": "create", "BillPayment": body},
        {"bId": "2", "operation": "create", "Invoice": invoice()},
    )
    assert answers[0]["BillPayment"]["Line"] == []
    assert answers[0]["BillPayment"]["TotalAmt"] == 50
    assert len(answers[1]["Invoice"]["Line"]) == 2
    assert client.read("Bill", bill["Id"])["Balance"] == 50


def test_a_change_shows_late_in_cdc(client: Client) -> None:
    start = since(client)
    client.running.faults(kind="late_cdc", entity="Invoice", seconds=120)
    hidden = client.save("Invoice", invoice())
    shown = client.save("Invoice", invoice())
    (block,) = client.changes("Invoice", start)
    assert ([row["Id"] for row in block["Invoice"]], block["maxResults"]) == ([shown["Id"]], 1)
    client.running.clock.advance(121)
    (block,) = client.changes("Invoice", start)
    assert {row["Id"] for row in block["Invoice"]} == {hidden["Id"], shown["Id"]}


def test_a_deletion_of_a_person_shows_late_in_cdc(client: Client) -> None:
    made = client.save("Invoice", invoice())
    client.running.clock.advance(5)
    start = stamp(client.running.clock.now())
    client.running.faults(kind="late_cdc", verb="delete", seconds=60)
    body = {"Id": made["Id"], "SyncToken": "0"}
    client.running.delete("Invoice", body, who="accountant")
    assert client.changes("Invoice", start) == [{}]
    client.running.clock.advance(61)
    (block,) = client.changes("Invoice", start)
    assert block["Invoice"][0]["status"] == "Deleted"


def test_cdc_says_deleted_of_what_lives(client: Client) -> None:
    start = since(client)
    client.running.faults(kind="cdc_wrong_deleted", verb="create")
    made = client.save("Invoice", invoice())
    (row,) = client.changes("Invoice", start)[0]["Invoice"]
    assert (row["status"], row["Id"]) == ("Deleted", made["Id"])
    assert set(row) == {"domain", "status", "Id", "MetaData"}
    assert client.read("Invoice", made["Id"]) == made, "a read tells the truth"
    client.edit("Invoice", made["Id"], PrivateNote="x")
    (row,) = client.changes("Invoice", start)[0]["Invoice"]
    assert row["PrivateNote"] == "x"


@pytest.mark.parametrize("seconds", [300, -300.5])
def test_the_servers_clock_is_off(client: Client, seconds: float) -> None:
    client.running.faults(kind="clock_skew", seconds=seconds, verb="create")
    body = client.post("invoice", invoice()).json()
    stored = client.read("Invoice", body["Invoice"]["Id"])
    off = instant(body["Invoice"]["MetaData"]["CreateTime"]) - instant(
        stored["MetaData"]["CreateTime"]
    )
    assert abs(off.total_seconds() - seconds) <= 1
    ahead = instant(body["time"]) - client.running.clock.now()
    assert abs(ahead.total_seconds() - seconds) < 5


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_several_outer_rules_strike_one_call(client: Client) -> None:
    client.running.faults(
        {"kind": "slow", "seconds": 0.05}, {"kind": "clock_skew", "seconds": 3600}
    )
    body = client.post("invoice", invoice()).json()
    assert instant(body["time"]) - client.running.clock.now() > timedelta(minutes=50)
    assert client.running.emulator.log[-1].struck == "slow clock_skew"


def test_a_refusal_stays_as_it_is(client: Client) -> None:
    client.running.faults(
        {"kind": "drop_links"}, {"kind": "clock_skew", "seconds": 9}, {"kind": "batch_reorder"}
    )
    assert refusal(client.post("invoice", {}))["code"] == "2020"


def statuses(seed: int, calls: int = 40) -> list[int]:
    with RunningEmulator() as running:
        client = Client(running, running.connection_token())
        running.faults(kind="throttle", probability=0.3, seed=seed, count=None)
        found = [client.get("term/1").status_code for _ in range(calls)]
        client.http.close()
        return found


def test_chance_is_repeatable() -> None:
    first = statuses(seed=1)
    assert first == statuses(seed=1)
    assert first != statuses(seed=2)
    assert 4 <= first.count(429) <= 20


def test_chance_and_count_together(client: Client) -> None:
    (rule,) = client.running.faults(kind="throttle", probability=0.5, count=2, seed=3)
    found = [client.get("term/1").status_code for _ in range(30)]
    assert found.count(429) == 2
    assert (rule.count, rule.struck) == (0, 2)
    client.running.faults(kind="throttle", probability=0, count=None)
    assert {client.get("term/1").status_code for _ in range(20)} == {200}


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"probability": 1.5}, ["probability", "1.5", "0 to 1"]),
    ({"probability": True}, ["probability", "True"]),
    ({"seconds": -1}, ["seconds", "-1"]),
    ({"status": 42}, ["status", "42", "200 to 599"]),
    ({"seed": 1.5}, ["seed", "int"]),
    ({"verb": None, "code": None}, ["code", "None"]),
]


@pytest.mark.parametrize(("fields", "words"), BAD)
def test_bad_rules_are_explained(fields: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BadRuleError) as error:
        parse_rule({"kind": "throttle", **fields})
    assert all(word in str(error.value) for word in words), str(error.value)
