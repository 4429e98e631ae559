"""Balances and links: every write moves them by exactly its difference."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from emulator_books import Client, expense_line, invoice, payment, purchase, sales_line, unwrap

from emulator.clock import parse_instant
from emulator.testing import RunningEmulator

CHECKING, SAVINGS, RECEIVABLE, UNDEPOSITED, PAYABLE, CARD = "1", "2", "4", "5", "11", "12"


def balance(client: Client, account: str) -> Decimal:
    return Decimal(client.read("Account", account)["CurrentBalance"])


def owed(client: Client, customer: str) -> Decimal:
    return Decimal(client.read("Customer", customer)["Balance"])


def test_a_payment_lowers_the_invoice_and_the_customer(client: Client) -> None:
    before = client.read("Invoice", "7")
    customer, receivable = owed(client, "4"), balance(client, RECEIVABLE)
    undeposited = balance(client, UNDEPOSITED)
    paid = client.save("Payment", payment("4", "700.10", ("7", "600.10")))
    after = client.read("Invoice", "7")
    assert paid["UnappliedAmt"] == 100
    assert paid["DepositToAccountRef"] == {"value": UNDEPOSITED}
    assert after["Balance"] == before["Balance"] - Decimal("600.10")
    assert after["LinkedTxn"] == [{"TxnId": paid["Id"], "TxnType": "Payment"}]
    assert int(after["SyncToken"]) == int(before["SyncToken"]) + 1
    assert owed(client, "4") == customer - Decimal("700.10")
    assert balance(client, RECEIVABLE) == receivable - Decimal("700.10")
    assert balance(client, UNDEPOSITED) == undeposited + Decimal("700.10")


def test_the_line_of_a_payment_tells_the_open_balance(client: Client) -> None:
    paid = client.save("Payment", payment("5", 79, ("8", 79)))
    pairs = [entry["value"] for entry in paid["Line"][0]["LineEx"]["any"]]
    assert pairs == [
        {"Name": "txnId", "Value": "8"},
        {"Name": "txnOpenBalance", "Value": "279.01"},
        {"Name": "txnReferenceNumber", "Value": "1005"},
    ]


def test_editing_a_payment_moves_only_the_difference(client: Client) -> None:
    paid = client.save("Payment", payment("4", 100, ("7", 100)))
    client.edit("Payment", paid["Id"], **payment("4", 130, ("7", 120), ("33", 10)))
    assert client.read("Invoice", "7")["Balance"] == 2490
    assert client.read("Invoice", "33")["Balance"] == 1958
    unlinked = client.edit("Payment", paid["Id"], Line=[])
    assert (unlinked["Line"], unlinked["UnappliedAmt"]) == ([], 130)
    assert client.read("Invoice", "7")["Balance"] == 2610
    assert client.read("Invoice", "7")["LinkedTxn"] == []
    client.delete("Payment", paid["Id"])
    assert owed(client, "4") == 4578


def test_moved_balances_shift_the_time_and_not_the_token(client: Client) -> None:
    before = {name: client.read(name, key) for name, key in (("Customer", "4"), ("Account", "4"))}
    client.running.clock.advance(60)
    client.save("Payment", payment("4", 5, ("7", 5)))
    for name, old in before.items():
        new = client.read(name, old["Id"])
        assert new["SyncToken"] == old["SyncToken"]
        times = [parse_instant(record["MetaData"]["LastUpdatedTime"]) for record in (old, new)]
        assert times[0] < times[1]


def test_a_payment_may_leave_the_token_alone() -> None:
    with RunningEmulator(payment_bumps_sync_token=False) as running:
        token = running.get("Invoice", "7")["SyncToken"]
        running.save("Payment", payment("4", 5, ("7", 5)))
        assert running.get("Invoice", "7")["SyncToken"] == token
        assert running.get("Invoice", "7")["Balance"] == 2605


def test_a_job_counts_in_its_parent(client: Client) -> None:
    client.save("Invoice", invoice("7", 10))
    assert owed(client, "7") == Decimal("3856.25")
    parent = client.read("Customer", "2")
    assert (parent["Balance"], parent["BalanceWithJobs"]) == (4800, Decimal("8656.25"))
    # a parent may pay its job's invoice
    client.save("Payment", payment("2", 10, ("13", 10)))
    assert client.read("Invoice", "13")["Balance"] == Decimal("3836.25")


def test_a_raised_and_a_lowered_invoice(client: Client) -> None:
    made = client.save("Invoice", invoice("1", 100))
    paid = client.save("Payment", payment("1", 60, (made["Id"], 60)))
    raised = client.edit("Invoice", made["Id"], Line=[sales_line(150)])
    assert (raised["TotalAmt"], raised["Balance"]) == (150, 90)
    lowered = client.edit("Invoice", made["Id"], Line=[sales_line(40)])
    assert (lowered["TotalAmt"], lowered["Balance"]) == (40, 0)
    freed = client.read("Payment", paid["Id"])
    assert (freed["UnappliedAmt"], freed["Line"][0]["Amount"]) == (20, 40)


def test_a_credit_memo_is_used_by_a_payment(client: Client) -> None:
    credit = client.save("CreditMemo", invoice("4", 50))
    assert (credit["RemainingCredit"], credit["Balance"]) == (50, 50)
    assert owed(client, "4") == 4528
    body = payment("4", 0, ("7", 50))
    body["Line"].append(
        {"Amount": 50, "LinkedTxn": [{"TxnId": credit["Id"], "TxnType": "CreditMemo"}]}
    )
    paid = client.save("Payment", body)
    assert (paid["TotalAmt"], paid["UnappliedAmt"]) == (0, 0)
    assert client.read("Invoice", "7")["Balance"] == 2560
    assert client.read("CreditMemo", credit["Id"])["RemainingCredit"] == 0
    assert owed(client, "4") == 4528


def test_bills_and_their_payments(client: Client) -> None:
    payable, checking = balance(client, PAYABLE), balance(client, CHECKING)
    bill = client.save("Bill", {"VendorRef": {"value": "3"}, "Line": [expense_line("80.5")]})
    assert (bill["TotalAmt"], bill["Balance"]) == (Decimal("80.5"), Decimal("80.5"))
    assert bill["APAccountRef"] == {"value": PAYABLE, "name": "Accounts Payable (A/P)"}
    assert client.read("Vendor", "3")["Balance"] == Decimal("80.5")
    assert balance(client, PAYABLE) == payable - Decimal("80.5")
    body = {
        "VendorRef": {"value": "3"},
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": CHECKING}},
        "TotalAmt": Decimal("30.5"),
        "Line": [
            {"Amount": Decimal("30.5"), "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}
        ],
    }
    paid = client.save("BillPayment", body)
    stored = client.read("Bill", bill["Id"])
    assert stored["Balance"] == 50
    assert stored["LinkedTxn"] == [{"TxnId": paid["Id"], "TxnType": "BillPaymentCheck"}]
    assert client.read("Vendor", "3")["Balance"] == 50
    assert balance(client, CHECKING) == checking - Decimal("30.5")
    body = {"Id": paid["Id"], "SyncToken": "0", "sparse": True}
    voided = unwrap(client.post("billpayment", body, operation="update", include="void"))
    assert voided["BillPayment"]["Line"] == []
    assert client.read("Bill", bill["Id"])["Balance"] == Decimal("80.5")
    assert balance(client, CHECKING) == checking


MOVES: list[tuple[str, str, dict[str, Any], dict[str, int]]] = [
    # (what, entity, body, what it moves)
    ("cash", "Purchase", purchase(amount=40), {CHECKING: -40}),
    ("a charge", "Purchase", purchase("CreditCard", CARD, 40), {CARD: -40}),
    ("a refund", "Purchase", purchase("CreditCard", CARD, 40, Credit=True), {CARD: 40}),
    (
        "paying a card off",
        "Purchase",
        purchase("CreditCard", CARD, 40, Credit=True) | {"Line": [expense_line(40, CHECKING)]},
        {CARD: 40, CHECKING: -40},
    ),
    (
        "a transfer",
        "Transfer",
        {"FromAccountRef": {"value": CHECKING}, "ToAccountRef": {"value": SAVINGS}, "Amount": 40},
        {CHECKING: -40, SAVINGS: 40},
    ),
    (
        "a sales receipt",
        "SalesReceipt",
        invoice(amount=40, DepositToAccountRef={"value": CHECKING}),
        {CHECKING: 40, RECEIVABLE: 0},
    ),
    (
        "a refund receipt",
        "RefundReceipt",
        invoice(amount=40, DepositToAccountRef={"value": CHECKING}),
        {CHECKING: -40},
    ),
    (
        "a deposit",
        "Deposit",
        {
            "DepositToAccountRef": {"value": CHECKING},
            "Line": [
                {
                    "Amount": 40,
                    "DetailType": "DepositLineDetail",
                    "DepositLineDetail": {"AccountRef": {"value": SAVINGS}},
                }
            ],
        },
        {CHECKING: 40, SAVINGS: -40},
    ),
    (
        "a vendor credit",
        "VendorCredit",
        {"VendorRef": {"value": "4"}, "Line": [expense_line(40)]},
        {PAYABLE: 40},
    ),
    ("an estimate", "Estimate", invoice(), {RECEIVABLE: 0}),
    (
        "an order",
        "PurchaseOrder",
        {"VendorRef": {"value": "4"}, "Line": [expense_line(40)]},
        {PAYABLE: 0},
    ),
]


@pytest.mark.parametrize(
    ("entity", "body", "moves"), [case[1:] for case in MOVES], ids=[case[0] for case in MOVES]
)
def test_accounts_move_and_move_back(
    client: Client, entity: str, body: dict[str, Any], moves: dict[str, int]
) -> None:
    before = {account: balance(client, account) for account in moves}
    made = client.save(entity, body)
    for account, delta in moves.items():
        assert balance(client, account) == before[account] + delta
    client.delete(entity, made["Id"])
    for account, start in before.items():
        assert balance(client, account) == start


def test_a_deposit_freezes_what_it_holds(client: Client) -> None:
    undeposited = balance(client, UNDEPOSITED)
    body = {
        "DepositToAccountRef": {"value": CHECKING},
        "Line": [
            {
                "Amount": 3000,
                "LinkedTxn": [{"TxnId": "29", "TxnType": "Payment", "TxnLineId": "0"}],
            }
        ],
    }
    made = client.save("Deposit", body)
    assert made["TotalAmt"] == 3000
    assert balance(client, UNDEPOSITED) == undeposited - 3000
    held = client.read("Payment", "29")
    assert held["LinkedTxn"] == [{"TxnId": made["Id"], "TxnType": "Deposit"}]


def test_sub_accounts_count_in_their_parents(client: Client) -> None:
    sub = {"Name": "Vault", "AccountType": "Bank", "SubAccount": True}
    child = client.save("Account", {**sub, "ParentRef": {"value": SAVINGS}})
    total = client.read("Account", SAVINGS)["CurrentBalanceWithSubAccounts"]
    client.save(
        "Transfer",
        {
            "FromAccountRef": {"value": CHECKING},
            "ToAccountRef": {"value": child["Id"]},
            "Amount": 25,
        },
    )
    assert balance(client, child["Id"]) == 25
    assert client.read("Account", SAVINGS)["CurrentBalanceWithSubAccounts"] == total + 25


def test_an_invoice_closes_its_estimate(client: Client) -> None:
    estimate = client.save("Estimate", invoice("1", 10))
    link = [{"TxnId": estimate["Id"], "TxnType": "Estimate"}]
    made = client.save("Invoice", invoice("1", 10, LinkedTxn=link))
    closed = client.read("Estimate", estimate["Id"])
    assert closed["TxnStatus"] == "Closed"
    assert closed["LinkedTxn"] == [{"TxnId": made["Id"], "TxnType": "Invoice"}]
    assert made["LinkedTxn"] == link
