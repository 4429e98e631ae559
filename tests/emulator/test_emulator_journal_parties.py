"""The party of a journal line: its id counts only together with the kind that stands beside it.

A customer and a vendor may have the same id, since each list numbers its own records.
"""

from __future__ import annotations

from typing import Any

import pytest
from emulator_books import Client, refusal

KIND = "JournalEntryLineDetail"


def journal(account: str, kind: str, party: str) -> dict[str, Any]:
    """Five owed by or to a party, against an account."""
    who = {"Type": kind, "EntityRef": {"value": party, "type": "Employee", "name": "someone else"}}
    sides = (("Debit", {"AccountRef": {"value": account}, "Entity": who}), ("Credit", OTHER))
    lines = [
        {"Amount": 5, "DetailType": KIND, KIND: {"PostingType": side, **detail}}
        for side, detail in sides
    ]
    return {"Line": lines}


OTHER = {"AccountRef": {"value": "31"}}


def account_of(client: Client, kind: str) -> str:
    """The company's first account of a type."""
    return client.ids(f"SELECT * FROM Account WHERE AccountType = '{kind}'")[0]


def pair_with_one_id(client: Client) -> str:
    """The id that a customer and a vendor of ours have in common."""
    ids = {"Customer": 0, "Vendor": 0}
    for number in range(200):
        behind = min(ids, key=lambda entity: ids[entity])
        ids[behind] = int(client.save(behind, {"DisplayName": f"{behind} {number}"})["Id"])
        if ids["Customer"] == ids["Vendor"]:
            return str(ids["Vendor"])
    raise AssertionError("the ids of customers and vendors never met")


def test_the_kind_beside_the_id_says_whose_it_is(client: Client) -> None:
    shared = pair_with_one_id(client)
    vendor = client.read("Vendor", shared)
    payables = account_of(client, "Accounts Payable")
    made = client.save("JournalEntry", journal(payables, "Vendor", shared))
    held = made["Line"][0][KIND]["Entity"]
    assert held == {
        "Type": "Vendor",
        "EntityRef": {"value": shared, "name": vendor["DisplayName"]},
    }
    client.edit("Customer", shared, DisplayName="Renamed")
    assert client.read("JournalEntry", made["Id"])["Line"][0][KIND]["Entity"] == held
    client.edit("Vendor", shared, DisplayName="Renamed too")
    after = client.read("JournalEntry", made["Id"])["Line"][0][KIND]["Entity"]
    assert after["EntityRef"]["name"] == "Renamed too"


@pytest.mark.parametrize("entity", ["Customer", "Vendor"])
def test_only_the_party_that_is_meant_must_be_active(client: Client, entity: str) -> None:
    shared = pair_with_one_id(client)
    client.edit(entity, shared, Active=False)
    payables = account_of(client, "Accounts Payable")
    response = client.post("journalentry", journal(payables, "Vendor", shared))
    if entity == "Customer":
        assert response.status_code == 200
    else:
        assert refusal(response)["code"] == "610"


def test_a_party_of_another_kind_is_none(client: Client) -> None:
    for number in range(50):
        alone = client.save("Customer", {"DisplayName": f"Alone {number}"})["Id"]
    payables = account_of(client, "Accounts Payable")
    assert refusal(client.post("journalentry", journal(payables, "Vendor", alone)))["code"] == (
        "2500"
    )
