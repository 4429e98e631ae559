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
from tests.contract.books_world import ALWAYS_SENT, LISTS, NAME_FIELDS, NOTES, TRANSACTIONS
from tests.contract.drawn_documents import Drawing
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.records import KnownReferences
from tests.simulation.emulator_port import EmulatorBooks, EmulatorQuickBooks
from tests.simulation.small_books import SmallBooks
from tests.simulation.small_quickbooks import SmallQuickBooks
from tests.simulation.small_rules import CHILD_FLAGS

if TYPE_CHECKING:
    from connectors.ports import Payload, QuickBooksPort
    from tests.simulation.books import Books

STEPS = 60
#: What is neither a list nor a transaction; nobody but people writes the company.
SINGLES = ("Attachable", "CompanyInfo")


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
        self.drawing = Drawing(self.random, small)
        for body in (
            {"Name": "Bank", "AccountType": "Bank"},
            {"Name": "Card", "AccountType": "Credit Card"},
            {"Name": "Sales", "AccountType": "Income"},
            {"Name": "Travel", "AccountType": "Expense"},
            {"Name": "Undeposited", "AccountSubType": "UndepositedFunds"},
            {"Name": "Debtors", "AccountType": "Accounts Receivable"},
            {"Name": "Creditors", "AccountType": "Accounts Payable"},
            {"Name": "Tax", "AccountSubType": "SalesTaxPayable"},
        ):
            self._both("Account", body)
        for name in ("First", "Second"):
            self._both("Customer", {"DisplayName": name})
            sold_at = {"IncomeAccountRef": {"value": "3"}}
            self._both("Vendor", {"DisplayName": f"{name} vendor"})
            for tree in ("Class", "Department"):
                self._both(tree, {"Name": f"{name} {tree}"})
            priced = {"UnitPrice": Decimal("3.333"), "Description": name, **sold_at}
            self._both("Item", {"Name": name, "Type": "Service", **priced})
        parts = [{"ItemRef": {"value": part}, "Qty": Decimal(part)} for part in "12"]
        bundle = {"ItemGroupDetail": {"ItemGroupLine": parts}}
        self._both("Item", {"Name": "Bundle", "Type": "Group", **bundle})

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
        entity = self.random.choice([*LISTS, *TRANSACTIONS * 2, *SINGLES])
        operation = self.random.choice([Operation.CREATE, *Operation])
        if operation is Operation.CREATE:
            body = self._body(entity)
        elif self.people[0].all(entity):
            body = self._change(entity, operation)
        else:
            return
        if self.random.random() < 0.6 and entity != "CompanyInfo":
            write = RemoteWrite(entity, operation, body, f"r-{number}")
            outcomes = [_outcome(port.post(write)) for port in self.ports]
        else:
            outcomes = [by_hand(each, operation, entity, body) for each in self.people]
        self.told.append(f"{number}: {operation} {entity} {body} -> {outcomes}")
        assert outcomes[0] == outcomes[1], "\n".join(self.told[-4:])

    def _body(self, entity: str) -> dict[str, Any]:
        name = f"{self.random.choice('ABCDEFGHIJ')} {entity}"
        if entity == "Account":
            kind = self.random.choice(["Bank", "Expense", "Income", "Credit Card"])
            return {"Name": name, "AccountType": kind, **self._parent(entity)}
        if entity == "Item":
            kind = self.random.choice(["Service", "NonInventory", "Category"])
            return {"Name": name, "Type": kind, "IncomeAccountRef": {"value": "3"}}
        if entity in ("Class", "Department"):
            return {"Name": name, **self._parent(entity)}
        if entity in NAME_FIELDS:
            shared = self.random.choice([name, name[:1]])
            return {"DisplayName": shared, **(self._parent(entity) if entity == "Customer" else {})}
        return self.drawing.document(entity)

    def _parent(self, entity: str) -> dict[str, Any]:
        if self.random.random() < 0.7:
            return {}
        # one that leaves its parent may still name it
        below = self.random.random() < 0.8
        return {"ParentRef": self.drawing.reference(entity), CHILD_FLAGS[entity]: below}

    def _change(self, entity: str, operation: Operation) -> dict[str, Any]:
        record = self.random.choice(self.people[0].all(entity))
        body: dict[str, Any] = {"Id": record["Id"], "SyncToken": record["SyncToken"]}
        if self.random.random() < 0.1:
            body["SyncToken"] = "77"
        if operation is not Operation.UPDATE:
            return body
        body.update((name, record[name]) for name in ALWAYS_SENT if name in record)
        fresh = self._body(entity)
        # a payment keeps its way of being paid: another one needs its account with it
        for name in (*ALWAYS_SENT, "PayType", "CheckPayment", "CreditCardPayment"):
            fresh.pop(name, None)
        # accounts keep their type: what other records posted to them would be another balance
        fresh.pop("AccountType", None)
        names = self.random.sample(sorted(fresh), k=min(len(fresh), 2))
        body.update((name, fresh[name]) for name in names if name not in ("AccountRef", "Credit"))
        if NOTES.get(entity, "Name") != "Name":
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
    # as the product learns them; the small books serve references without names
    names = {
        (entity, each["Id"]): each["Name"]
        for entity in ("Term", "PaymentMethod")
        for each in small.all(entity)
    }
    known = KnownReferences(names=names)
    for entity in (*LISTS, *TRANSACTIONS, *SINGLES):
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
