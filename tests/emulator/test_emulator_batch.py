"""Batches and request ids: what is done once, what is replayed, what is refused as a whole."""

from __future__ import annotations

from typing import Any

from emulator_books import Client, invoice, payment, purchase, refusal, unwrap

from emulator.testing import RunningEmulator


def item(number: int | str, operation: str, entity: str, body: Any, **more: Any) -> dict[str, Any]:
    return {"bId": str(number), "operation": operation, entity: body, **more}


def test_a_mixed_batch(client: Client) -> None:
    paid = client.save("Payment", payment("4", 5, ("7", 5)))
    spent = client.save("Purchase", purchase())
    token = client.read("Invoice", "7")["SyncToken"]
    note = {"Id": "7", "SyncToken": token, "sparse": True, "PrivateNote": "x"}
    answers = client.batch(
        item(1, "create", "Invoice", invoice()),
        item(2, "update", "Invoice", note),
        item(3, "delete", "Purchase", {"Id": spent["Id"], "SyncToken": "0"}),
        {"bId": "4", "Query": "select count(*) from Term"},
        item(
            5,
            "update",
            "Payment",
            {"Id": paid["Id"], "SyncToken": "0", "sparse": True},
            optionsData="void",
        ),
        item(6, "create", "Customer", {"DisplayName": "Skyline Air"}),
        {"bId": "7", "Query": "select * from Nothing"},
        item(8, "create", "Unicorn", {}),
    )
    assert [answer["bId"] for answer in answers] == [str(number) for number in range(1, 9)]
    assert answers[0]["Invoice"]["TotalAmt"] == 100
    assert answers[1]["Invoice"]["PrivateNote"] == "x"
    assert answers[2]["Purchase"]["status"] == "Deleted"
    assert answers[3]["QueryResponse"] == {"totalCount": 5}
    assert answers[4]["Payment"]["TotalAmt"] == 0
    assert answers[5]["Fault"]["Error"][0]["code"] == "6240"
    assert answers[6]["Fault"]["Error"][0]["code"] == "4001"
    assert answers[7]["Fault"]["Error"][0]["code"] == "500"


def test_thirty_is_the_most(client: Client) -> None:
    queries = [{"bId": str(number), "Query": "select count(*) from Term"} for number in range(31)]
    assert len(client.batch(*queries[:30])) == 30
    response = client.post("batch", {"BatchItemRequest": queries})
    assert response.status_code == 400
    assert "30" in refusal(response)["Detail"]
    assert refusal(client.post("batch", {"items": []}))["code"] == "2010"


def test_a_batch_is_replayed_by_request_id_and_item_id(client: Client) -> None:
    long_id = "b" * 11
    items = [
        item("a", "create", "Invoice", invoice()),
        item(long_id, "create", "Invoice", invoice()),
    ]
    first = client.batch(*items, requestid="batch-1")
    again = client.batch(*items, requestid="batch-1")
    assert again[0] == first[0]
    assert again[1] != first[1], "a bId of more than ten characters is not remembered"
    other = client.batch(items[0], requestid="batch-2")
    assert other[0] != first[0]
    without = client.batch(items[0])
    assert without[0]["Invoice"]["Id"] not in {first[0]["Invoice"]["Id"], other[0]["Invoice"]["Id"]}
    too_long = client.post("batch", {"BatchItemRequest": items}, requestid="r" * 37)
    assert refusal(too_long)["code"] == "2050"


def test_a_failed_item_is_executed_again(client: Client) -> None:
    body = {"DisplayName": "Skyline Air"}
    request = item("a", "create", "Customer", body)
    assert "Fault" in client.batch(request, requestid="r")[0]
    client.edit("Vendor", "6", DisplayName="Skyline")
    assert "Customer" in client.batch(request, requestid="r")[0]


def test_a_write_is_replayed_by_its_request_id(client: Client) -> None:
    first = client.post("invoice", invoice(), requestid="once")
    again = client.post("invoice", invoice(amount=999), requestid="once")
    assert again.content == first.content, "the first answer, without executing, whatever the body"
    assert client.query("select count(*) from Invoice") == {"totalCount": 15}
    assert len(client.running.company.journal) == 1
    assert client.running.company.journal[0].request_id == "once"


def test_request_ids_can_be_ignored_and_forgotten(client: Client) -> None:
    client.save("Invoice", invoice(), requestid="once")
    client.running.emulator.forget_request_ids()
    client.save("Invoice", invoice(), requestid="once")
    client.running.emulator.options.honour_request_ids = False
    client.save("Invoice", invoice(), requestid="once")
    assert client.query("select count(*) from Invoice") == {"totalCount": 17}


def test_a_refusal_is_not_replayed_unless_asked_for() -> None:
    for replayed in (False, True):
        with RunningEmulator(replay_faults=replayed) as running:
            client = Client(running, running.connection_token())
            taken = {"DisplayName": "Skyline Air"}
            assert refusal(client.post("customer", taken, requestid="r"))["code"] == "6240"
            running.save("Vendor", {**running.get("Vendor", "6"), "DisplayName": "Skyline"})
            second = client.post("customer", taken, requestid="r")
            assert second.is_success is not replayed
            client.http.close()


def test_a_request_id_has_fifty_characters_at_most(client: Client) -> None:
    assert client.post("invoice", invoice(), requestid="r" * 50).is_success
    assert refusal(client.post("invoice", invoice(), requestid="r" * 51))["code"] == "2050"


def test_deletes_are_replayed_too(client: Client) -> None:
    made = client.save("Invoice", invoice())
    body = {"Id": made["Id"], "SyncToken": "0"}
    first = unwrap(client.post("invoice", body, operation="delete", requestid="gone"))
    again = unwrap(client.post("invoice", body, operation="delete", requestid="gone"))
    assert again == first
