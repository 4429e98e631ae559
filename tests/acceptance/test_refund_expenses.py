"""Customers are paid back by an expense on receivables, which a payment is linked with (10.4)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_reconcile import minor, reconciled
from tests.acceptance.test_refunds import (
    CHECKING,
    DAY,
    ELMWOOD,
    RECEIVABLES,
    SALTMARSH,
    UNDEPOSITED,
    owed,
    refund,
    refunded,
)
from tests.fixtures.company import (
    Office,
    invoice,
    note_of,
    payment,
    purchase,
    reference,
)

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


def paid_back(office: Office, amount: str, **row: Any) -> int:
    """An expense on the platform: receivables go up by what the customer gets back."""
    line = {
        "kind": "account",
        "account_id": office.platform.id_of("Account", RECEIVABLES),
        "description": "overpaid",
        "amount": Decimal(amount),
    }
    values = {
        "payment_method": "check",
        "payment_account_id": office.platform.id_of("Account", CHECKING),
        "payee_customer_id": office.platform.id_of("Customer", SALTMARSH),
        "spent_on": date(2026, 11, 12),
        "status": "approved",
        **row,
    }
    return office.platform.add("expense", lines=[line], **values)


def applied(booked: dict[str, Any], kind: str, amount: str) -> dict[str, Any]:
    """A line of a payment in QuickBooks."""
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": booked["Id"], "TxnType": kind}]}


@on_both
def test_an_overpayment_is_refunded_by_an_expense_that_the_payment_is_linked_with(
    office: Office,
) -> None:
    """Goal: the expense goes to QuickBooks, the accountant links it there, and the payment's line
    stands on the platform: nothing is unapplied, nobody owes anything more, the books agree."""
    owing = owed(office)
    sold = office.books.create("Invoice", invoice(SALTMARSH, 100, TxnDate=DAY))
    total = Decimal(sold["TotalAmt"])
    line = applied(sold, "Invoice", str(total))
    body = payment(SALTMARSH, str(total + 30), TxnDate=DAY, Line=[line])
    paid = office.books.create("Payment", body)
    assert paid["UnappliedAmt"] == 30
    expense = paid_back(office, "30")
    office.sync()
    assert owed(office)[0] == owing[0]
    check = office.books.read("Purchase", str(office.platform.quickbooks_id("expense", expense)))
    assert (check["EntityRef"]["value"], check["EntityRef"]["type"]) == (SALTMARSH, "Customer")
    assert check["Line"][0]["AccountBasedExpenseLineDetail"]["AccountRef"]["value"] == RECEIVABLES
    assert office.platform.of("Payment", paid["Id"])["unapplied_amount"] == 30

    lines = [*paid["Line"], applied(check, "Check", "30")]
    office.books.update("Payment", paid["Id"], Line=lines)
    office.sync()
    row = office.platform.of("Payment", paid["Id"])
    assert (row["unapplied_amount"], row["amount"]) == (0, total + 30)
    kinds = [(each["kind"], each["reference"], each["amount"]) for each in row["lines"]]
    assert kinds == [("invoice", None, total), ("other", check["Id"], Decimal(30))]
    office.settled()
    assert owed(office) == owing
    facts = reconciled(office)
    assert facts["differences"] == []
    assert "RefundReceipt" not in facts["not_synced"]


def test_a_payment_that_is_linked_with_an_expense_is_edited_on_the_platform(
    office: Office,
) -> None:
    """Goal: its other fields and lines can be edited and the link stays; the link itself cannot be
    changed there, and that waits with what to do."""
    sold = office.books.create("Invoice", invoice(SALTMARSH, 100, TxnDate=DAY))
    back = office.books.create("Purchase", refund_expense("30"))
    lines = [applied(sold, "Invoice", "50"), applied(back, "Expense", "30")]
    paid = office.books.create("Payment", payment(SALTMARSH, "80", TxnDate=DAY, Line=lines))
    office.sync()
    row_id = office.platform.id_of("Payment", paid["Id"])
    office.platform.edit("payment", row_id, memo="paid back by check")
    office.platform.sql(
        "UPDATE payment_applications SET amount = :amount"
        " WHERE payment_id = :id AND kind = 'invoice'",
        amount=minor(office, "45"),
        id=row_id,
    )
    office.sync()
    after = office.books.read("Payment", paid["Id"])
    assert note_of(after) == "paid back by check"
    assert [(each["Amount"], each["LinkedTxn"][0]["TxnType"]) for each in after["Line"]] == [
        (45, "Invoice"),
        (30, "Expense"),
    ]
    assert after["UnappliedAmt"] == 5
    office.settled()

    change = "UPDATE payment_applications SET amount = :amount WHERE kind = 'other'"
    office.platform.sql(change, amount=minor(office, "25"))
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "line_read_only"
    office.platform.sql(change, amount=minor(office, "30"))
    office.sync()
    office.settled()
    assert reconciled(office)["differences"] == []


def refund_expense(amount: str, kind: str = "Check", **more: Any) -> dict[str, Any]:
    """An expense in QuickBooks that pays a customer back."""
    body = purchase(amount, kind, CHECKING, TxnDate=DAY, **more)
    detail = {"AccountRef": reference(RECEIVABLES)}
    body["Line"][0]["AccountBasedExpenseLineDetail"] = detail
    return {**body, "EntityRef": {"value": SALTMARSH, "type": "Customer"}}


@pytest.mark.parametrize("kind", ["Check", "Cash"])
def test_a_credit_memo_is_paid_out_by_an_expense(office: Office, kind: str) -> None:
    """Goal: a payment of nothing links the two; the credit is used up, and receivables agree."""
    owing = owed(office)
    body = invoice(SALTMARSH, 40, TxnDate=DAY, DocNumber="CM-9")
    memo = office.books.create("CreditMemo", body)
    back = office.books.create("Purchase", refund_expense(str(memo["TotalAmt"]), kind))
    office.sync()
    assert reconciled(office)["differences"] == []
    total = str(memo["TotalAmt"])
    word = "Check" if kind == "Check" else "Expense"
    lines = [applied(back, word, total), applied(memo, "CreditMemo", total)]
    paid = office.books.create("Payment", payment(SALTMARSH, 0, TxnDate=DAY, Line=lines))
    office.sync()
    row = office.platform.of("Payment", paid["Id"])
    assert [each["kind"] for each in row["lines"]] == ["other", "credit_memo"]
    assert row["lines"][0]["reference"] == back["Id"]
    credit = office.platform.of("CreditMemo", memo["Id"])
    assert (credit["remaining"], credit["status"]) == (0, "applied")
    office.settled()
    assert owed(office) == owing
    assert reconciled(office)["differences"] == []

    office.books.delete("Payment", paid["Id"])
    office.sync()
    assert office.platform.of("CreditMemo", memo["Id"])["status"] == "open"
    office.settled()
    assert reconciled(office)["differences"] == []


@on_both
def test_receivables_agree_after_all_kinds_of_refunds(office: Office) -> None:
    """Goal: receipts, a paid-out credit and a returned overpayment together leave no difference,
    and receivables are what QuickBooks's report says, customer by customer."""
    sold = office.books.create("Invoice", invoice(ELMWOOD, 200, TxnDate=DAY))
    total = str(sold["TotalAmt"])
    line = applied(sold, "Invoice", total)
    over = str(Decimal(total) + 15)
    paid = office.books.create("Payment", payment(ELMWOOD, over, TxnDate=DAY, Line=[line]))
    whom = {"value": ELMWOOD, "type": "Customer"}
    back = office.books.create("Purchase", {**refund_expense("15"), "EntityRef": whom})
    office.books.update("Payment", paid["Id"], Line=[line, applied(back, "Check", "15")])
    memo = office.books.create("CreditMemo", invoice(SALTMARSH, 40, TxnDate=DAY))
    owed_back = str(memo["TotalAmt"])
    cash = office.books.create("Purchase", refund_expense(owed_back, "Cash"))
    linked = [applied(cash, "Expense", owed_back), applied(memo, "CreditMemo", owed_back)]
    office.books.create("Payment", payment(SALTMARSH, 0, TxnDate=DAY, Line=linked))
    refunded(office, "70")
    office.books.create("RefundReceipt", refund("9.99", UNDEPOSITED))
    office.sync()
    office.settled()
    facts = reconciled(office)
    assert facts["differences"] == []
    assert facts["compared"]["customers"] >= 5
    for customer in (ELMWOOD, SALTMARSH):
        theirs, ours = owed(office, customer)
        assert theirs == ours
