"""Random bookkeeping: whatever is written, refused, voided or deleted, the books agree.

Goal: links and balances are moved by differences, so a mistake in one difference stays for ever.
Method: hundreds of random writes from a fixed seed, and the whole of the books checked at the end
against sums made from the documents alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from emulator_books import expense_line, invoice, payment, sales_line

from emulator.faults import QuickBooksFault
from emulator.testing import RunningEmulator

CUSTOMERS = ["1", "2", "4", "7"]
VENDORS = ["1", "3", "5"]


class Bookkeeper:
    """Somebody who writes at random and does not mind being refused."""

    def __init__(self, running: RunningEmulator, seed: int) -> None:
        self.running = running
        self.random = random.Random(seed)
        self.refused: dict[str, int] = {}

    def money(self) -> Decimal:
        return Decimal(self.random.randrange(1, 50_000)) / 100

    def pick(self, entity: str) -> dict[str, Any] | None:
        rows = self.running.company.all(entity)
        return self.random.choice(rows) if rows else None

    def attempt(self, action: Callable[..., Any], entity: str, body: dict[str, Any]) -> None:
        try:
            action(entity, body)
        except QuickBooksFault as refusal:
            self.refused[refusal.code] = self.refused.get(refusal.code, 0) + 1

    def lines_for(self, entity: str) -> list[dict[str, Any]]:
        count = self.random.randrange(1, 4)
        make = sales_line if entity in {"Invoice", "CreditMemo"} else expense_line
        return [make(self.money()) for _ in range(count)]

    def step(self) -> None:
        entity = self.random.choice(["Invoice", "CreditMemo", "Payment", "Bill", "BillPayment"])
        move = self.random.choice(["create", "create", "edit", "void", "delete"])
        if move == "create":
            self.attempt(self.running.save, entity, self.new(entity))
            return
        record = self.pick(entity)
        if record is None:
            return
        body = {"Id": record["Id"], "SyncToken": record["SyncToken"]}
        if move == "edit":
            sparse = {**self.new(entity), **body, "sparse": True}
            for fixed in ("CustomerRef", "VendorRef"):
                if fixed in record:
                    sparse[fixed] = record[fixed]
            self.attempt(self.running.save, entity, sparse)
        else:
            action = self.running.void if move == "void" else self.running.delete
            self.attempt(action, entity, body)

    def new(self, entity: str) -> dict[str, Any]:
        if entity in {"Invoice", "CreditMemo"}:
            customer = self.random.choice(CUSTOMERS)
            return invoice(customer) | {"Line": self.lines_for(entity)}
        if entity == "Bill":
            return {
                "VendorRef": {"value": self.random.choice(VENDORS)},
                "Line": self.lines_for(entity),
            }
        return self.new_payment() if entity == "Payment" else self.new_bill_payment()

    def new_payment(self) -> dict[str, Any]:
        customer = self.random.choice(CUSTOMERS)
        mine = [
            row
            for row in self.running.company.all("Invoice")
            if row["CustomerRef"]["value"] == customer
        ]
        chosen = self.random.sample(mine, min(len(mine), self.random.randrange(3)))
        links = [(row["Id"], min(self.money(), Decimal(row["Balance"]))) for row in chosen]
        total = sum((amount for _, amount in links), Decimal(0)) + self.random.choice([0, 25])
        return payment(customer, total, *links)

    def new_bill_payment(self) -> dict[str, Any]:
        bill = self.pick("Bill")
        assert bill is not None, "the demo company has bills"
        amount = min(self.money(), Decimal(bill["Balance"]))
        link = {"TxnId": bill["Id"], "TxnType": "Bill"}
        return {
            "VendorRef": bill["VendorRef"],
            "PayType": "Check",
            "CheckPayment": {"BankAccountRef": {"value": "1"}},
            "TotalAmt": amount,
            "Line": [{"Amount": amount, "LinkedTxn": [link]}],
        }


def applied(running: RunningEmulator, holder: str, target_type: str) -> dict[str, Decimal]:
    """Return how much the payments apply to each document, by their own lines."""
    sums: dict[str, Decimal] = {}
    for row in running.company.all(holder):
        for line in row["Line"]:
            link = line["LinkedTxn"][0]
            if link["TxnType"] == target_type:
                held = sums.get(link["TxnId"], Decimal(0))
                sums[link["TxnId"]] = held + Decimal(line["Amount"])
    return sums


def by_party(running: RunningEmulator, entity: str, field: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in running.company.all(entity):
        party = row[field]["value"]
        sums[party] = sums.get(party, Decimal(0)) + Decimal(row["TotalAmt"])
    return sums


@pytest.mark.parametrize("seed", range(6))
def test_the_books_agree_after_random_work(seed: int) -> None:
    with RunningEmulator() as running:
        bookkeeper = Bookkeeper(running, seed)
        for _ in range(600):
            bookkeeper.step()
        assert len(running.company.journal) > 250
        assert sum(bookkeeper.refused.values()) > 20, "some of it must be refused"
        check_documents(running)
        check_parties(running)


def check_documents(running: RunningEmulator) -> None:
    for holder, target in (("Payment", "Invoice"), ("BillPayment", "Bill")):
        sums = applied(running, holder, target)
        for row in running.company.all(target):
            assert row["Balance"] == row["TotalAmt"] - sums.pop(row["Id"], Decimal(0)), row
            payers = [link for link in row.get("LinkedTxn", []) if "Payment" in link["TxnType"]]
            for link in payers:
                assert running.get(holder, link["TxnId"]) is not None
        assert not {key for key, value in sums.items() if value}, "nothing pays what is not there"
    for row in running.company.all("Payment"):
        used = sum((Decimal(line["Amount"]) for line in row["Line"]), Decimal(0))
        assert row["UnappliedAmt"] == row["TotalAmt"] - used


def check_parties(running: RunningEmulator) -> None:
    charged = by_party(running, "Invoice", "CustomerRef")
    credited = by_party(running, "CreditMemo", "CustomerRef")
    paid = by_party(running, "Payment", "CustomerRef")
    total = Decimal(0)
    for row in running.company.all("Customer"):
        key = row["Id"]
        owed = charged.get(key, 0) - credited.get(key, 0) - paid.get(key, 0)
        assert row["Balance"] == owed
        total += owed
    assert running.get("Account", "4")["CurrentBalance"] == total
    billed = by_party(running, "Bill", "VendorRef")
    settled = by_party(running, "BillPayment", "VendorRef")
    owing = Decimal(0)
    for row in running.company.all("Vendor"):
        due = billed.get(row["Id"], 0) - settled.get(row["Id"], 0)
        assert row["Balance"] == due
        owing += due
    assert running.get("Account", "11")["CurrentBalance"] == -owing
