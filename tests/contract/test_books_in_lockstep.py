"""The small books and the emulator go through the same random histories and end alike.

Method: one history of writes by the application and by people, drawn from a seed, is played to
both. After each step the outcome is compared, and at the end every record as the product reads it,
with its version and times, the changes and the journal. What only one of them keeps and the product
does not read (names of references, full names) is thereby left out.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from connectors.ports import RemoteWrite
from models.codecs import decode
from models.errors import RemoteError
from models.record_type import catalog
from models.words import Operation, Side
from tests.contract.books_world import LISTS, NAME_FIELDS, NOTES, TRANSACTIONS
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.records import KnownReferences
from tests.simulation.emulator_port import EmulatorBooks, EmulatorQuickBooks
from tests.simulation.small_books import SmallBooks
from tests.simulation.small_quickbooks import SmallQuickBooks

if TYPE_CHECKING:
    from connectors.ports import Payload, QuickBooksPort
    from tests.simulation.books import Books

STEPS = 60


class History:
    """One history, drawn from a seed and played to both books."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = FakeClock()
        numbers = self.random.random() < 0.7
        small = SmallBooks(self.clock, custom_numbers=numbers)
        true = EmulatorBooks(self.clock, custom_numbers=numbers)
        self.ports: tuple[QuickBooksPort, ...] = (SmallQuickBooks(small), EmulatorQuickBooks(true))
        self.people: tuple[Books, Books] = (small, true)
        self.told: list[str] = []
        for body in (
            {"Name": "Bank", "AccountType": "Bank"},
            {"Name": "Card", "AccountType": "Credit Card"},
            {"Name": "Sales", "AccountType": "Income"},
            {"Name": "Travel", "AccountType": "Expense"},
            {"Name": "Undeposited", "AccountSubType": "UndepositedFunds"},
            {"Name": "Debtors", "AccountType": "Accounts Receivable"},
        ):
            self._both("Account", body)
        for name in ("First", "Second"):
            self._both("Customer", {"DisplayName": name})
            sold_at = {"IncomeAccountRef": {"value": "3"}}
            self._both("Item", {"Name": name, "Type": "Service", **sold_at})

    def _both(self, entity: str, body: dict[str, Any]) -> None:
        for each in self.people:
            each.create(entity, body)

    def play(self) -> None:
        """Some steps, each with the same outcome on both."""
        for number in range(STEPS):
            if self.random.random() < 0.5:
                self.clock.sleep(self.random.choice([0.4, 1, 30, 4_000]))
            if self.random.random() < 0.03:
                day = self.random.choice(["", "2026-09-05", "2026-09-12"])
                for each in self.people:
                    each.book_close_date = day
            self._step(number)

    def _step(self, number: int) -> None:
        entity = self.random.choice([*LISTS, *TRANSACTIONS * 2])
        operation = self.random.choice([Operation.CREATE, *Operation])
        if operation is Operation.CREATE:
            body = self._body(entity)
        elif self.people[0].all(entity):
            body = self._change(entity, operation)
        else:
            return
        if self.random.random() < 0.6:
            write = RemoteWrite(entity, operation, body, f"r-{number}")
            outcomes = [_outcome(port.post(write)) for port in self.ports]
        else:
            outcomes = [by_hand(each, operation, entity, body) for each in self.people]
        self.told.append(f"{number}: {operation} {entity} {body} -> {outcomes}")
        assert outcomes[0] == outcomes[1], "\n".join(self.told[-4:])

    def _ref(self, entity: str) -> dict[str, Any]:
        ids = [each["Id"] for each in self.people[0].all(entity)]
        return {"value": self.random.choice([*ids, "999"] if len(ids) < 2 else ids)}

    def _amount(self) -> Decimal:
        return Decimal(self.random.choice(["0.01", "5.00", "10.00", "99.99", "1000"]))

    def _body(self, entity: str) -> dict[str, Any]:
        name = f"{self.random.choice('ABCDEFGHIJ')} {entity}"
        if entity == "Account":
            kind = self.random.choice(["Bank", "Expense", "Income", "Credit Card"])
            return {"Name": name, "AccountType": kind, **self._parent(entity)}
        if entity == "Item":
            kind = self.random.choice(["Service", "NonInventory", "Category"])
            return {"Name": name, "Type": kind, "IncomeAccountRef": {"value": "3"}}
        if entity in NAME_FIELDS:
            shared = self.random.choice([name, name[:1]])
            return {"DisplayName": shared, **(self._parent(entity) if entity == "Customer" else {})}
        day = f"2026-09-{self.random.randint(1, 20):02}"
        head: dict[str, Any] = {"TxnDate": day}
        if self.random.random() < 0.4 and entity != "Payment":
            head["DocNumber"] = str(self.random.randint(1, 15))
        if entity == "Purchase":
            kind, account = self.random.choice([("Cash", "1"), ("Check", "1"), ("CreditCard", "2")])
            head.update(PaymentType=kind, AccountRef={"value": account}, Line=self._spent())
            if self.random.random() < 0.3:
                head["Credit"] = True
            if self.random.random() < 0.5:
                payee = self.random.choice(["Vendor", "Customer"])
                head["EntityRef"] = {**self._ref(payee), "type": payee}
            return head
        head["CustomerRef"] = self._ref("Customer")
        if entity == "Invoice":
            return {**head, "Line": self._sold()}
        return {**head, "TotalAmt": self._amount(), "Line": self._applied()}

    def _parent(self, entity: str) -> dict[str, Any]:
        if self.random.random() < 0.7:
            return {}
        flag = {"Account": "SubAccount", "Customer": "Job"}[entity]
        return {"ParentRef": self._ref(entity), flag: True}

    def _sold(self) -> list[dict[str, Any]]:
        kind = "SalesItemLineDetail"
        lines: list[dict[str, Any]] = [
            {"Amount": self._amount(), "DetailType": kind, kind: {"ItemRef": self._ref("Item")}}
            for _ in range(self.random.randint(1, 3))
        ]
        if self.random.random() < 0.3:
            detail = {"PercentBased": True, "DiscountPercent": Decimal("7.5")}
            lines.append({"DetailType": "DiscountLineDetail", "DiscountLineDetail": detail})
        return lines

    def _spent(self) -> list[dict[str, Any]]:
        kind = "AccountBasedExpenseLineDetail"
        account = {"AccountRef": {"value": self.random.choice(["1", "4"])}}
        return [{"Amount": self._amount(), "DetailType": kind, kind: account}]

    def _applied(self) -> list[dict[str, Any]]:
        invoices = self.people[0].all("Invoice")
        some = self.random.sample(invoices, k=min(len(invoices), self.random.randint(0, 2)))
        return [
            {"Amount": self._amount(), "LinkedTxn": [{"TxnId": each["Id"], "TxnType": "Invoice"}]}
            for each in some
        ]

    def _change(self, entity: str, operation: Operation) -> dict[str, Any]:
        record = self.random.choice(self.people[0].all(entity))
        body: dict[str, Any] = {"Id": record["Id"], "SyncToken": record["SyncToken"]}
        if self.random.random() < 0.1:
            body["SyncToken"] = "77"
        if operation is not Operation.UPDATE:
            return body
        if "PaymentType" in record:
            body["PaymentType"] = record["PaymentType"]
        fresh = self._body(entity)
        fresh.pop("PaymentType", None)
        # accounts keep their type: what other records posted to them would be another balance
        fresh.pop("AccountType", None)
        names = self.random.sample(sorted(fresh), k=min(len(fresh), 2))
        body.update((name, fresh[name]) for name in names if name not in ("AccountRef", "Credit"))
        body[NOTES[entity]] = self.random.choice(["a", "b", ""])
        if entity in NAME_FIELDS and self.random.random() < 0.15:
            body["Active"] = self.random.random() < 0.5
        return body


def _outcome(answer: Any) -> tuple[Any, ...]:
    if answer.error is not None:
        return (type(answer.error).__name__, answer.error.fault.code)
    return ("done", answer.record["Id"], answer.record.get("SyncToken"))


def by_hand(
    people: Books, operation: Operation, entity: str, body: dict[str, Any]
) -> tuple[Any, ...]:
    """What a write of a person comes to."""
    record_id = body.get("Id", "")
    fields = {name: each for name, each in body.items() if name not in ("Id", "SyncToken")}
    try:
        if operation is Operation.CREATE:
            made = people.create(entity, body, "bookkeeper")
            return ("done", made["Id"], made["SyncToken"])
        if operation is Operation.UPDATE:
            return ("done", people.update(entity, record_id, "bookkeeper", **fields)["SyncToken"])
        if operation is Operation.VOID:
            return ("done", people.void(entity, record_id, "bookkeeper")["SyncToken"])
        people.delete(entity, record_id, "bookkeeper")
    except RemoteError as error:
        return (type(error).__name__, error.fault.code)
    return ("done",)


def seen(record: Payload, entity: str, references: KnownReferences) -> dict[str, Any]:
    """A record as the product reads it, with its version and times."""
    record_type = next(each for each in catalog().values() if each.entity == entity)
    decoded = decode(record_type, Side.QUICKBOOKS, record, references)
    times = {name: record["MetaData"][name] for name in ("CreateTime", "LastUpdatedTime")}
    return {**decoded.content, "token": record["SyncToken"], **times}


def differing(ours: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Each field in which a record is not the same on both."""
    absent: dict[str, Any] = {}
    return [
        (record_id, name, ours.get(record_id, absent).get(name), theirs[record_id].get(name))
        for record_id in theirs
        for name in theirs[record_id]
        if ours.get(record_id, absent).get(name) != theirs[record_id][name]
    ] + [(record_id, "surplus") for record_id in ours if record_id not in theirs]


@pytest.mark.parametrize("seed", range(40))
def test_both_books_go_through_a_history_alike(seed: int) -> None:
    history = History(seed)
    history.play()
    small, true = history.people
    known = KnownReferences()
    for entity in (*LISTS, *TRANSACTIONS):
        ours = {each["Id"]: seen(each, entity, known) for each in small.all(entity)}
        theirs = {each["Id"]: seen(each, entity, known) for each in true.all(entity)}
        assert differing(ours, theirs) == [], "\n".join(history.told)
        found = [port.changes([entity], history.clock.start) for port in history.ports]
        ids = [{each["Id"] for each in one.records[entity]} for one in found]
        assert ids[0] == ids[1]
        assert {*found[0].deleted[entity]} == {*found[1].deleted[entity]}
    journals = [
        [(each.operation, each.entity, each.id, each.sync_token) for each in one.journal]
        for one in history.people
    ]
    assert journals[0] == journals[1]
