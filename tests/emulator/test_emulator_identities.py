"""Accounting identities under random valid work.

Goal: whatever is created, edited, voided and deleted, the trial balance stays zero, receivables are
what customers owe and what invoices less credits and unapplied payments come to, and payables
likewise. Method: hypothesis draws plans of work; the sums are made from the documents alone.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from emulator_books import expense_line, invoice, payment, sales_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.clock import Clock
from emulator.emulator import DEFAULT_REALM, Emulator
from emulator.entities import ENTITIES
from emulator.faults import QuickBooksFault
from emulator.oauth.tokens import person
from emulator.reports import run_report
from emulator.reports.journal import brought_forward, postings
from emulator.writing import pipeline
from emulator.writing.pipeline import WriteContext

CUSTOMERS, VENDORS = ["1", "2", "4"], ["1", "3", "5"]
MONEY = st.integers(1, 90_000).map(lambda cents: Decimal(cents) / 100)
KINDS = [
    "Invoice",
    "CreditMemo",
    "SalesReceipt",
    "RefundReceipt",
    "Payment",
    "Bill",
    "VendorCredit",
    "BillPayment",
    "Purchase",
    "JournalEntry",
    "Deposit",
    "Transfer",
    "CreditCardPayment",
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "create", "edit", "void", "delete"]),
        st.sampled_from(KINDS),
        MONEY,
        st.integers(0, 20),
    ),
    min_size=10,
    max_size=40,
)


class Books:
    """The demo company, written to in process."""

    def __init__(self) -> None:
        self.emulator = Emulator(clock=Clock())
        self.company = self.emulator.add_company(DEFAULT_REALM)
        self.context = WriteContext(person("accountant"))
        self.refused: set[str] = set()

    def attempt(self, step: tuple[str, str, Decimal, int]) -> None:
        move, kind, money, pick = step
        records = self.company.all(kind)
        try:
            if move == "create":
                pipeline.save(
                    self.company, ENTITIES[kind], self.new(kind, money, pick), self.context
                )
            elif records:
                self.change(move, kind, records[pick % len(records)], self.new(kind, money, pick))
        except QuickBooksFault as refusal:
            self.refused.add(refusal.code)

    def change(self, move: str, kind: str, record: dict[str, Any], body: dict[str, Any]) -> None:
        own = {"Id": record["Id"], "SyncToken": record["SyncToken"]}
        if move == "edit":
            held = {key: record[key] for key in ("CustomerRef", "VendorRef") if key in record}
            body = {**body, **held, **own, "sparse": True}
            pipeline.save(self.company, ENTITIES[kind], body, self.context)
        else:
            action = pipeline.void if move == "void" else pipeline.delete
            action(self.company, ENTITIES[kind], own, self.context)

    def new(self, kind: str, money: Decimal, pick: int) -> dict[str, Any]:
        customer, vendor = CUSTOMERS[pick % 3], VENDORS[pick % 3]
        bank, card = {"value": "1"}, {"value": "12"}
        bodies: dict[str, Callable[[], dict[str, Any]]] = {
            "Bill": lambda: {"VendorRef": {"value": vendor}, "Line": [expense_line(money)]},
            "Payment": lambda: self.paying("Invoice", "CustomerRef", customer, money, pick),
            "BillPayment": lambda: self.paying("Bill", "VendorRef", vendor, money, pick),
            "Purchase": lambda: {
                "PaymentType": "CreditCard",
                "AccountRef": card,
                "Credit": pick > 10,
                "Line": [expense_line(money)],
            },
            "JournalEntry": lambda: self.journal(money, pick, customer, vendor),
            "Deposit": lambda: self.deposit(money, pick, customer),
            "Transfer": lambda: {
                "FromAccountRef": bank,
                "ToAccountRef": {"value": "2"},
                "Amount": money,
            },
            "CreditCardPayment": lambda: {
                "BankAccountRef": bank,
                "CreditCardAccountRef": card,
                "Amount": money,
            },
        }
        bodies["VendorCredit"] = bodies["Bill"]
        return bodies.get(kind, lambda: self.sales(money, pick, customer))()

    def sales(self, money: Decimal, pick: int, customer: str) -> dict[str, Any]:
        discount = {"PercentBased": True, "DiscountPercent": Decimal(pick)}
        lines = [sales_line(money, TaxCodeRef={"value": "TAX"}), sales_line("0.07")]
        kind = "DiscountLineDetail"
        lines.append({"Amount": 0, "DetailType": kind, kind: discount})
        body = invoice(customer) | {"Line": lines, "DepositToAccountRef": {"value": "1"}}
        return body | {"TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}}

    def paying(
        self, target: str, field: str, party: str, money: Decimal, pick: int
    ) -> dict[str, Any]:
        """Pay one or two documents of a party, with a credit of theirs if there is one."""
        mine = [row for row in self.company.all(target) if row[field]["value"] == party]
        chosen = [row for row in mine if row["Balance"]][: 1 + pick % 2]
        parts = [(target, row, min(money, Decimal(row["Balance"]))) for row in chosen]
        total = sum((part for _, _, part in parts), Decimal(0))
        kind = "CreditMemo" if target == "Invoice" else "VendorCredit"
        for credit in self.company.all(kind):
            if pick > 10 and credit[field]["value"] == party and credit["Balance"]:
                used = min(total, Decimal(credit["Balance"]))
                parts.append((kind, credit, used))
                total -= used
                break
        lines = [
            {"Amount": part, "LinkedTxn": [{"TxnId": row["Id"], "TxnType": what}]}
            for what, row, part in parts
        ]
        if target == "Invoice":
            return payment(party, total + pick % 4) | {"Line": lines}
        source = {"PayType": "Check", "CheckPayment": {"BankAccountRef": {"value": "1"}}}
        return {"VendorRef": {"value": party}, "TotalAmt": total, "Line": lines, **source}

    def journal(self, money: Decimal, pick: int, customer: str, vendor: str) -> dict[str, Any]:
        owed = {"Type": "Customer", "EntityRef": {"value": customer}}
        owing = {"Type": "Vendor", "EntityRef": {"value": vendor}}
        sides = [("4", owed), ("11", owing), ("1", None)]
        first, second = sides[pick % 3], sides[(pick + 1) % 3]
        lines = []
        for side, (account, who) in (("Debit", first), ("Credit", second)):
            detail: dict[str, Any] = {"PostingType": side, "AccountRef": {"value": account}}
            if who is not None:
                detail["Entity"] = who
            kind = "JournalEntryLineDetail"
            lines.append({"Amount": money, "DetailType": kind, kind: detail})
        return {"Line": lines}

    def deposit(self, money: Decimal, pick: int, customer: str) -> dict[str, Any]:
        detail: dict[str, Any] = {"AccountRef": {"value": "19"}}
        if pick % 2:
            who = {"value": customer, "type": "Customer"}
            detail = {"AccountRef": {"value": "4"}, "Entity": who}
        kind = "DepositLineDetail"
        line = {"Amount": money, "DetailType": kind, kind: detail}
        return {"DepositToAccountRef": {"value": "1"}, "Line": [line]}

    def sum_of(self, entity: str, *fields: str) -> Decimal:
        rows = self.company.all(entity)
        return sum((Decimal(row.get(field) or 0) for row in rows for field in fields), Decimal(0))

    def overpaid_bills(self) -> Decimal:
        """Return what bill payments hold beyond what they apply, once a bill was lowered."""
        total = self.sum_of("BillPayment", "TotalAmt")
        for row in self.company.all("BillPayment"):
            for line in row["Line"]:
                lent = line["LinkedTxn"][0]["TxnType"] == "VendorCredit"
                total += Decimal(line["Amount"]) if lent else -Decimal(line["Amount"])
        return total

    def lines_on(self, account: str) -> Decimal:
        """Return what journal entries and deposits put on an account, debit-positive."""
        total = Decimal(0)
        for row in self.company.all("JournalEntry"):
            for line in row["Line"]:
                detail = line["JournalEntryLineDetail"]
                sign = 1 if detail["PostingType"] == "Debit" else -1
                if detail["AccountRef"]["value"] == account:
                    total += sign * Decimal(line["Amount"])
        for row in self.company.all("Deposit"):
            for line in row["Line"]:
                detail = line.get("DepositLineDetail") or {}
                if detail.get("AccountRef", {}).get("value") == account:
                    total -= Decimal(line["Amount"])
        return total


def check(books: Books) -> None:
    found = postings(books.company)
    by_transaction: dict[str, Decimal] = {}
    for posted in found:
        key = posted.record["Id"]
        by_transaction[key] = by_transaction.get(key, Decimal(0)) + posted.entry.home
        assert not posted.entry.account.startswith("@"), "everything has its account"
    assert not {key for key, value in by_transaction.items() if value}
    trial = run_report(books.company, "TrialBalance", {"date_macro": "All"})["Rows"]["Row"][-1]
    _, debit, credit = (cell["value"] for cell in trial["Summary"]["ColData"])
    assert debit == credit
    open_invoices = books.sum_of("Invoice", "Balance")
    credits_left = books.sum_of("CreditMemo", "RemainingCredit")
    unapplied = books.sum_of("Payment", "UnappliedAmt")
    receivable = Decimal(books.company.get("Account", "4")["CurrentBalance"])
    assert receivable == books.sum_of("Customer", "Balance")
    assert receivable == open_invoices - credits_left - unapplied + books.lines_on("4")
    payable = -Decimal(books.company.get("Account", "11")["CurrentBalance"])
    assert payable == books.sum_of("Vendor", "Balance")
    open_bills = books.sum_of("Bill", "Balance") - books.sum_of("VendorCredit", "Balance")
    assert payable == open_bills - books.overpaid_bills() - books.lines_on("11")
    for name, owed in (("AgedReceivables", receivable), ("AgedPayables", payable)):
        rows = run_report(books.company, name, {})["Rows"].get("Row", [])
        aged = rows[-1]["Summary"]["ColData"][-1]["value"] if rows else "0"
        assert Decimal(aged) == owed


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_books_agree_whatever_is_done(steps: list[tuple[str, str, Decimal, int]]) -> None:
    books = Books()
    start = [(line.entry.account, line.entry.value) for line in _forward(books)]
    for step in steps:
        books.attempt(step)
    assert books.refused <= {"500", "6000", "6540", "2290", "2020"}
    check(books)
    assert [(line.entry.account, line.entry.value) for line in _forward(books)] == start


def _forward(books: Books) -> list[Any]:
    return brought_forward(books.company, postings(books.company))
