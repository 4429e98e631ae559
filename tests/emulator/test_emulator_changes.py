"""Change data capture: what shows, in which order, and where it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from emulator_books import Client, invoice, payment, purchase, refusal

from emulator.clock import stamp
from emulator.testing import RunningEmulator


def now(client: Client) -> str:
    return stamp(client.running.clock.now())


def test_one_block_for_each_entity_in_the_order_asked(client: Client) -> None:
    client.running.clock.advance(10)
    since = now(client)
    made = client.save("Purchase", purchase())
    blocks = client.changes("Invoice,Purchase,Customer,Account", since)
    assert blocks[0] == {}
    assert [row["Id"] for row in blocks[1]["Purchase"]] == [made["Id"]]
    assert (blocks[1]["startPosition"], blocks[1]["maxResults"]) == (1, 1)
    assert blocks[2] == {}
    assert [row["Id"] for row in blocks[3]["Account"]] == ["1"], "its balance moved"
    assert blocks[1]["Purchase"][0] == client.read("Purchase", made["Id"])


def test_a_payment_shows_all_that_it_touched(client: Client) -> None:
    client.running.clock.advance(10)
    since = now(client)
    client.save("Payment", payment("4", 5, ("7", 5)))
    blocks = client.changes("invoice,payment,customer,account", since)
    touched = [[row["Id"] for row in next(iter(block.values()))] for block in blocks]
    assert touched[0] == ["7"]
    assert touched[2] == ["4"]
    assert sorted(touched[3]) == ["4", "5"]


def test_deletions_are_short_rows(client: Client) -> None:
    made = client.save("Invoice", invoice())
    client.running.clock.advance(10)
    since = now(client)
    client.delete("Invoice", made["Id"])
    (block,) = client.changes("Invoice", since)
    (row,) = block["Invoice"]
    assert {**row, "MetaData": {}} == {
        "domain": "QBO",
        "status": "Deleted",
        "Id": made["Id"],
        "MetaData": {},
    }
    assert set(row["MetaData"]) == {"LastUpdatedTime"}


def test_inactive_names_are_ordinary_rows(client: Client) -> None:
    client.running.clock.advance(10)
    since = now(client)
    client.edit("Class", "1", Active=False)
    assert client.changes("Class", since)[0]["Class"][0]["Active"] is False


def test_the_second_asked_for_is_included(client: Client) -> None:
    client.running.clock.advance(5)
    made = client.save("Invoice", invoice())
    exact = made["MetaData"]["LastUpdatedTime"]
    assert client.changes("Invoice", exact)[0]["Invoice"][0]["Id"] == made["Id"]
    with_fraction = exact[:19] + ".900" + exact[19:]
    assert client.changes("Invoice", with_fraction)[0] != {}, "granularity is one second"
    client.running.clock.advance(2)
    assert client.changes("Invoice", now(client)) == [{}]


def test_an_offset_free_time_is_pacific(client: Client) -> None:
    client.running.clock.advance(5)
    made = client.save("Invoice", invoice())
    local = made["MetaData"]["LastUpdatedTime"][:19]
    assert client.changes("Invoice", local)[0]["Invoice"][0]["Id"] == made["Id"]


def test_the_look_back_ends_after_thirty_days(client: Client) -> None:
    moment = client.running.clock.now() - timedelta(days=30, minutes=1)
    response = client.get("cdc", entities="Invoice", changedSince=moment.isoformat())
    error = refusal(response)
    assert response.status_code == 400
    assert "Operation cdc with changedSince date {" in error["Detail"]
    assert "which is older than fixed days is not supported." in error["Detail"]
    inside = client.running.clock.now() - timedelta(days=29, hours=23)
    assert client.get("cdc", entities="Invoice", changedSince=inside.isoformat()).is_success


REFUSED = [
    ("TaxCode", "2026-11-20T00:00:00Z", "500"),
    ("TaxRate", "2026-11-20T00:00:00Z", "500"),
    ("Unicorn", "2026-11-20T00:00:00Z", "4001"),
    ("", "2026-11-20T00:00:00Z", "2020"),
    ("Invoice", "", "2020"),
    # a plus sign that was not encoded arrives as a blank
    ("Invoice", "2026-11-20T00:00:00 01:00", "2090"),
]


@pytest.mark.parametrize(("entities", "since", "code"), REFUSED)
def test_a_question_is_refused(client: Client, entities: str, since: str, code: str) -> None:
    assert refusal(client.get("cdc", entities=entities, changedSince=since))["code"] == code


@pytest.mark.parametrize(("per_entity", "expected"), [(False, [5, 0]), (True, [5, 4])])
def test_the_cap_cuts_the_newest_off(*, per_entity: bool, expected: list[int]) -> None:
    with RunningEmulator(cdc_cap=5, cdc_cap_per_entity=per_entity) as running:
        running.clock.advance(10)
        client = Client(running, running.connection_token())
        since = now(client)
        made = []
        for number in range(7):
            made.append(running.save("Class", {"Name": f"Class {number}"})["Id"])
            running.clock.advance(1)
        for number in range(4):
            running.save("Department", {"Name": f"Department {number}"})
        blocks = client.changes("Class,Department", since)
        assert [block.get("maxResults", 0) for block in blocks] == expected
        assert [row["Id"] for row in blocks[0]["Class"]] == made[:5]
        client.http.close()
