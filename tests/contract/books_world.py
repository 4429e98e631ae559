"""The world of the books' contract: a port, the people behind it, and sample records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.ports import RemoteWrite
from emulator.entities import ENTITIES as DECLARED
from models.record_type import catalog
from models.words import Operation

if TYPE_CHECKING:
    from connectors.ports import Payload, QuickBooksPort
    from tests.fixtures.fake_clock import FakeClock
    from tests.simulation.books import Books

#: Those that records are made of; the company's one record is there from the beginning.
ENTITIES = tuple(
    each.entity for each in catalog().values() if DECLARED[each.entity].group != "single"
)
LISTS = tuple(each.entity for each in catalog().values() if each.is_list)
TRANSACTIONS = tuple(each for each in ENTITIES if DECLARED[each].is_transaction)
#: What can be deleted.
DELETABLE = tuple(each for each in ENTITIES if "delete" in DECLARED[each].verbs)
VOIDABLE = ("Invoice", "Payment", "BillPayment")
#: What only people can void, in QuickBooks's own pages.
VOIDED_BY_HAND = (
    "Bill",
    "CreditMemo",
    "Purchase",
    "RefundReceipt",
    "Transfer",
    "VendorCredit",
)
NAME_FIELDS = {
    "Customer": "DisplayName",
    "Vendor": "DisplayName",
    "Account": "Name",
    "Item": "Name",
    "Class": "Name",
    "Department": "Name",
}
#: A text of each entity that nothing else depends on; some have nothing but their name.
NOTES = {
    "Class": "Name",
    "Department": "Name",
    "JournalEntry": "PrivateNote",
    "Transfer": "PrivateNote",
    "Deposit": "PrivateNote",
    "Attachable": "Note",
    "Account": "Description",
    "Item": "Description",
    "Customer": "Notes",
    "Vendor": "Notes",
    "Invoice": "PrivateNote",
    "Payment": "PrivateNote",
    "Purchase": "PrivateNote",
    "CreditMemo": "PrivateNote",
    "RefundReceipt": "PrivateNote",
    "Bill": "PrivateNote",
    "BillPayment": "PrivateNote",
    "VendorCredit": "PrivateNote",
}
#: What an update must repeat (section 3.2), where an entity has it; of an attachment it is all.
ALWAYS_SENT = ("PaymentType", "VendorRef", "FileName", "ContentType", "Note", "AttachableRef")


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
            "payable": ("Accounts Payable", "AccountsPayable"),
            "savings": ("Bank", "Savings"),
            "equity": ("Equity", "OpeningBalanceEquity"),
            "tax": ("Other Current Liability", "SalesTaxPayable"),
        }
        if purpose in kinds:
            kind, subtype = kinds[purpose]
            body = {"Name": purpose, "AccountType": kind, "AccountSubType": subtype}
            return "Account", body
        if purpose == "item":
            income = self.ref("income")
            return "Item", {"Name": "hours", "Type": "Service", "IncomeAccountRef": income}
        if purpose in ("class", "department"):
            return purpose.title(), {"Name": purpose}
        if purpose == "purchase":
            return "Purchase", self.purchase("4.00")
        if purpose == "bill":
            return "Bill", self.bill("1000.00", TxnDate="2026-12-01")
        entity = "Vendor" if "vendor" in purpose else "Customer"
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
        if entity in LEDGER_SAMPLES:
            return LEDGER_SAMPLES[entity](self, number)
        return self._sample_document(entity, number)

    def _sample_document(self, entity: str, number: int) -> dict[str, Any]:
        if entity == "Payment":
            return self.payment("5.00", PaymentRefNum=f"P-{number}")
        own = {"DocNumber": f"{entity}-{number}"}
        if entity in ("Invoice", "CreditMemo", "RefundReceipt"):
            return self.sold(entity, "10.10", **own)
        if entity == "BillPayment":
            bill = {"Id": self.ref("bill")["value"]}
            return self.bill_payment("5.00", (bill, "5.00"), **own)
        if entity in ("Bill", "VendorCredit"):
            return self.bill("8.88", **own)
        assert entity == "Purchase", f"no sample of a {entity}"
        return self.purchase("7.77", **own)

    def invoice(self, *amounts: str, customer: str = "customer", **fields: Any) -> dict[str, Any]:
        """An invoice, or a credit memo, over these amounts."""
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

    def sold(self, entity: str, *amounts: str, **fields: Any) -> dict[str, Any]:
        """A sales form over these amounts; what is paid back says out of which account."""
        paid_back = {"DepositToAccountRef": self.ref("bank")} if entity == "RefundReceipt" else {}
        return self.invoice(*amounts, **{**paid_back, **fields})

    def payment(
        self, total: str, *applied: tuple[Payload, str], customer: str = "customer", **fields: Any
    ) -> dict[str, Any]:
        """A payment that settles these invoices; `credits` come as (credit memo, amount)."""
        lines = [applied_line(invoice, amount) for invoice, amount in applied]
        lines += [
            applied_line(memo, each, "CreditMemo") for memo, each in fields.pop("credits", ())
        ]
        body = {
            "CustomerRef": self.ref(customer),
            "TxnDate": "2026-09-20",
            "TotalAmt": Decimal(total),
            "Line": lines,
        }
        return {**body, **fields}

    def purchase(self, *amounts: str, **fields: Any) -> dict[str, Any]:
        """Money spent from the bank on these amounts."""
        body = {"PaymentType": "Cash", "AccountRef": self.ref("bank"), "TxnDate": "2026-09-10"}
        return {**body, "Line": self.spent(*amounts), **fields}

    def spent(self, *amounts: str, **detail: Any) -> list[dict[str, Any]]:
        """Lines over these amounts of an expense account."""
        kind = "AccountBasedExpenseLineDetail"
        account = {"AccountRef": self.ref("expense"), **detail}
        return [
            {"Amount": Decimal(each), "DetailType": kind, kind: dict(account)} for each in amounts
        ]

    def bill(self, *amounts: str, vendor: str = "vendor", **fields: Any) -> dict[str, Any]:
        """A bill, or a vendor credit, over these amounts."""
        body = {"VendorRef": self.ref(vendor), "TxnDate": "2026-09-12"}
        return {**body, "Line": self.spent(*amounts), **fields}

    def bill_payment(
        self, total: str, *applied: tuple[Payload, str], vendor: str = "vendor", **fields: Any
    ) -> dict[str, Any]:
        """A check that settles these bills; `credits` come as (vendor credit, amount)."""
        lines = [applied_line(bill, each, "Bill") for bill, each in applied]
        used = fields.pop("credits", ())
        lines += [applied_line(credit, each, "VendorCredit") for credit, each in used]
        body = {
            "VendorRef": self.ref(vendor),
            "TxnDate": "2026-09-22",
            "PayType": "Check",
            "CheckPayment": {"BankAccountRef": self.ref("bank")},
            "TotalAmt": Decimal(total),
            "Line": lines,
        }
        return {**body, **fields}


def key(record: Payload) -> dict[str, Any]:
    """What names a version of a record."""
    return {"Id": record["Id"], "SyncToken": record["SyncToken"]}


def always_sent(record: Payload) -> dict[str, Any]:
    """What an update of this record must repeat (section 3.2)."""
    return {name: record[name] for name in ALWAYS_SENT if name in record}


def applied_line(document: Payload, amount: str, kind: str = "Invoice") -> dict[str, Any]:
    """A payment's line."""
    link = {"TxnId": document["Id"], "TxnType": kind}
    return {"Amount": Decimal(amount), "LinkedTxn": [link]}


def instant(record: Payload, name: str = "LastUpdatedTime") -> datetime:
    """A time of a record."""
    return datetime.fromisoformat(record["MetaData"][name])


# -- journal entries, transfers, deposits, attachments --


def journal_entry(world: BooksWorld, *sides: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    """A journal entry of these debits and credits: side, purpose of the account, amount."""
    kind = "JournalEntryLineDetail"
    lines = [
        {
            "Amount": Decimal(amount),
            "DetailType": kind,
            kind: {"PostingType": side, "AccountRef": world.ref(purpose)},
        }
        for side, purpose, amount in sides
    ]
    return {"TxnDate": "2026-09-14", "Line": lines, **fields}


def transfer(world: BooksWorld, amount: str, **fields: Any) -> dict[str, Any]:
    """Money moved from the bank to savings."""
    sides = {"FromAccountRef": world.ref("bank"), "ToAccountRef": world.ref("savings")}
    return {**sides, "Amount": Decimal(amount), "TxnDate": "2026-09-16", **fields}


def deposit(world: BooksWorld, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """These lines, brought to the bank."""
    to = {"DepositToAccountRef": world.ref("bank"), "TxnDate": "2026-09-25"}
    return {**to, "Line": list(lines), **fields}


def deposited_money(world: BooksWorld, amount: str, **detail: Any) -> dict[str, Any]:
    """A line of a deposit with money of the owners."""
    kind = "DepositLineDetail"
    detail = {"AccountRef": world.ref("equity"), **detail}
    return {"Amount": Decimal(amount), "DetailType": kind, kind: detail}


def deposited_payment(payment: Payload, amount: str, **link: Any) -> dict[str, Any]:
    """A line of a deposit that takes a payment along; see also `deposited_refund`."""
    linked = {"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0", **link}
    return {"Amount": Decimal(amount), "LinkedTxn": [linked]}


def deposited_refund(refund: Payload, amount: str) -> dict[str, Any]:
    """A line of a deposit that takes a refund receipt along."""
    return deposited_payment(refund, amount, TxnType="RefundReceipt")


def attachment(world: BooksWorld, name: str, **fields: Any) -> dict[str, Any]:
    """A file of an expense."""
    owner = {"EntityRef": {"type": "Purchase", "value": world.ref("purchase")["value"]}}
    return {"FileName": name, "ContentType": "image/png", "AttachableRef": [owner], **fields}


LEDGER_SAMPLES: dict[str, Callable[[BooksWorld, int], dict[str, Any]]] = {
    "Class": lambda _world, number: {"Name": f"Class {number}"},
    "Department": lambda _world, number: {"Name": f"Department {number}"},
    "JournalEntry": lambda world, number: journal_entry(
        world, ("Debit", "expense", "6.50"), ("Credit", "bank", "6.50"), DocNumber=f"J-{number}"
    ),
    "Transfer": lambda world, _number: transfer(world, "9.00"),
    "Deposit": lambda world, _number: deposit(world, deposited_money(world, "3.30")),
    "Attachable": lambda world, number: attachment(world, f"receipt-{number}.png"),
}
