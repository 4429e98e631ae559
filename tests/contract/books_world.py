"""The world of the books' contract: a port, the people behind it, and sample records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.ports import RemoteWrite
from models.record_type import catalog
from models.words import Operation

if TYPE_CHECKING:
    from connectors.ports import Payload, QuickBooksPort
    from tests.fixtures.fake_clock import FakeClock
    from tests.simulation.books import Books

ENTITIES = tuple(each.entity for each in catalog().values())
LISTS = tuple(each.entity for each in catalog().values() if each.is_list)
TRANSACTIONS = tuple(each for each in ENTITIES if each not in LISTS)
VOIDABLE = ("Invoice", "Payment")
NAME_FIELDS = {
    "Customer": "DisplayName",
    "Vendor": "DisplayName",
    "Account": "Name",
    "Item": "Name",
}
#: A text of each entity that nothing else depends on.
NOTES = {
    "Account": "Description",
    "Item": "Description",
    "Customer": "Notes",
    "Vendor": "Notes",
    "Invoice": "PrivateNote",
    "Payment": "PrivateNote",
    "Purchase": "PrivateNote",
}


@dataclass
class BooksWorld:
    """One implementation: the port, and the company behind it."""

    kind: str
    port: QuickBooksPort
    people: Books
    clock: FakeClock
    writes: int = 0
    #: Records that samples refer to, by what they are for.
    made: dict[str, str] | None = None

    @property
    def realm_id(self) -> str:
        """The company."""
        return self.people.realm_id

    # -- as `port_contract.World` --

    def person_saves(self, entity: str, body: dict[str, Any]) -> Payload:
        """By hand in QuickBooks."""
        fields = {name: each for name, each in body.items() if name not in ("Id", "SyncToken")}
        fields.pop("sparse", None)
        if "Id" in body:
            return self.people.update(entity, str(body["Id"]), **fields)
        return self.people.create(entity, fields)

    def person_deletes(self, entity: str, record: Payload) -> None:
        """By hand in QuickBooks."""
        self.people.delete(entity, str(record["Id"]))

    def books(self, entity: str) -> list[Payload]:
        """As they stand."""
        return list[Any](self.people.all(entity))

    def now(self) -> datetime:
        """The far side's clock."""
        return self.clock.now()

    # -- writes of the application --

    def write(
        self, operation: Operation, entity: str, body: Mapping[str, Any], request_id: str = ""
    ) -> RemoteWrite:
        """A write with a request id of its own."""
        self.writes += 1
        return RemoteWrite(entity, operation, body, request_id or f"request-{self.writes}")

    def create(self, entity: str, body: Mapping[str, Any]) -> Payload:
        """Create; it must go well."""
        answer = self.port.post(self.write(Operation.CREATE, entity, body))
        assert answer.error is None, answer.error
        assert answer.record is not None
        return answer.record

    def change(self, entity: str, record: Payload, **fields: Any) -> Payload:
        """Update; it must go well."""
        body = {**key(record), **always_sent(record), **fields}
        answer = self.port.post(self.write(Operation.UPDATE, entity, body))
        assert answer.error is None, answer.error
        assert answer.record is not None
        return answer.record

    def refusal(
        self, operation: Operation, entity: str, body: Mapping[str, Any]
    ) -> tuple[str, str]:
        """The error's class and the fault's code; nothing may have changed."""
        journal = len(self.people.journal)
        answer = self.port.post(self.write(operation, entity, body))
        assert answer.error is not None, answer.record
        assert answer.record is None
        assert len(self.people.journal) == journal
        return type(answer.error).__name__, answer.error.fault.code

    def refused_create(self, entity: str, body: Mapping[str, Any]) -> tuple[str, str]:
        """As `refusal`, of a create."""
        return self.refusal(Operation.CREATE, entity, body)

    def get(self, entity: str, record: Payload) -> Payload:
        """A record as the port reads it now."""
        found = self.port.read(entity, str(record["Id"]))
        assert found is not None
        return found

    # -- samples --

    def ref(self, purpose: str) -> dict[str, str]:
        """A reference to a record that samples need, made once."""
        if self.made is None:
            self.made = {}
        if purpose not in self.made:
            entity, body = self._needed(purpose)
            self.made[purpose] = str(self.people.create(entity, body)["Id"])
        return {"value": self.made[purpose]}

    def _needed(self, purpose: str) -> tuple[str, dict[str, Any]]:
        kinds = {
            "bank": ("Bank", "Checking"),
            "card": ("Credit Card", "CreditCard"),
            "expense": ("Expense", "Travel"),
            "income": ("Income", "ServiceFeeIncome"),
            "undeposited": ("Other Current Asset", "UndepositedFunds"),
            "receivable": ("Accounts Receivable", "AccountsReceivable"),
        }
        if purpose in kinds:
            kind, subtype = kinds[purpose]
            body = {"Name": purpose, "AccountType": kind, "AccountSubType": subtype}
            return "Account", body
        if purpose == "item":
            income = self.ref("income")
            return "Item", {"Name": "hours", "Type": "Service", "IncomeAccountRef": income}
        entity = "Vendor" if purpose == "vendor" else "Customer"
        return entity, {"DisplayName": purpose}

    def sample(self, entity: str, number: int = 1) -> dict[str, Any]:
        """A body that creates a record."""
        if entity == "Account":
            return {"Name": f"Account {number}", "AccountType": "Expense"}
        if entity == "Item":
            income = self.ref("income")
            return {"Name": f"Item {number}", "Type": "Service", "IncomeAccountRef": income}
        if entity in ("Customer", "Vendor"):
            return {"DisplayName": f"{entity} {number}"}
        if entity == "Invoice":
            return self.invoice("10.10", DocNumber=f"S-{number}")
        if entity == "Payment":
            return self.payment("5.00", PaymentRefNum=f"P-{number}")
        return self.purchase("7.77", DocNumber=f"E-{number}")

    def invoice(self, *amounts: str, customer: str = "customer", **fields: Any) -> dict[str, Any]:
        """An invoice over these amounts."""
        lines = [
            {
                "Amount": Decimal(each),
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": self.ref("item")},
            }
            for each in amounts
        ]
        body = {"CustomerRef": self.ref(customer), "TxnDate": "2026-09-15", "Line": lines}
        return {**body, **fields}

    def payment(
        self, total: str, *applied: tuple[Payload, str], customer: str = "customer", **fields: Any
    ) -> dict[str, Any]:
        """A payment that settles these invoices."""
        lines = [applied_line(invoice, amount) for invoice, amount in applied]
        body = {
            "CustomerRef": self.ref(customer),
            "TxnDate": "2026-09-20",
            "TotalAmt": Decimal(total),
            "Line": lines,
        }
        return {**body, **fields}

    def purchase(self, *amounts: str, **fields: Any) -> dict[str, Any]:
        """Money spent from the bank on these amounts."""
        lines = [
            {
                "Amount": Decimal(each),
                "DetailType": "AccountBasedExpenseLineDetail",
                "AccountBasedExpenseLineDetail": {"AccountRef": self.ref("expense")},
            }
            for each in amounts
        ]
        body = {"PaymentType": "Cash", "AccountRef": self.ref("bank"), "TxnDate": "2026-09-10"}
        return {**body, "Line": lines, **fields}


def key(record: Payload) -> dict[str, Any]:
    """What names a version of a record."""
    return {"Id": record["Id"], "SyncToken": record["SyncToken"]}


def always_sent(record: Payload) -> dict[str, Any]:
    """What an update of this record must repeat (section 3.2)."""
    return {"PaymentType": record["PaymentType"]} if "PaymentType" in record else {}


def applied_line(invoice: Payload, amount: str) -> dict[str, Any]:
    """A payment's line."""
    link = {"TxnId": invoice["Id"], "TxnType": "Invoice"}
    return {"Amount": Decimal(amount), "LinkedTxn": [link]}


def instant(record: Payload, name: str = "LastUpdatedTime") -> datetime:
    """A time of a record."""
    return datetime.fromisoformat(record["MetaData"][name])
