"""Documents and what is open of them: deposits, shipping, used credits, voided checks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from emulator_books import Client, expense_line, invoice, payment, refusal, sales_line, unwrap

from emulator.writing.references import SHIPPING_ITEM

CHECKING, RECEIVABLE, UNDEPOSITED = "1", "4", "5"


def balance(client: Client, account: str) -> Decimal:
    return Decimal(client.read("Account", account)["CurrentBalance"])


def bill(amount: str | int, vendor: str = "3") -> dict[str, Any]:
    return {"VendorRef": {"value": vendor}, "Line": [expense_line(amount)]}


def check(total: str | int, *links: tuple[str, str, str | int]) -> dict[str, Any]:
    """Return the body of a bill payment; links are (TxnType, id, amount)."""
    return {
        "VendorRef": {"value": "3"},
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": CHECKING}},
        "TotalAmt": Decimal(total),
        "Line": [
            {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": target, "TxnType": kind}]}
            for kind, target, amount in links
        ],
    }


def test_a_deposit_is_taken_off_what_an_invoice_leaves_open(client: Client) -> None:
    before = {account: balance(client, account) for account in (RECEIVABLE, UNDEPOSITED)}
    owed = client.read("Customer", "1")["Balance"]
    made = client.save("Invoice", invoice("1", 100, Deposit=30))
    assert (made["TotalAmt"], made["Deposit"], made["Balance"]) == (100, 30, 70)
    assert client.read("Customer", "1")["Balance"] == owed + 70
    assert balance(client, RECEIVABLE) == before[RECEIVABLE] + 70
    assert balance(client, UNDEPOSITED) == before[UNDEPOSITED] + 30
    paid = client.save("Payment", payment("1", 60, (made["Id"], 60)))
    raised = client.edit("Invoice", made["Id"], Deposit=50)
    assert raised["Balance"] == 0
    assert client.read("Payment", paid["Id"])["UnappliedAmt"] == 10
    token = client.read("Invoice", made["Id"])["SyncToken"]
    body = {"Id": made["Id"], "SyncToken": token}
    voided = unwrap(client.post("invoice", body, operation="void"))["Invoice"]
    assert (voided["TotalAmt"], voided["Deposit"], voided["Balance"]) == (0, 0, 0)
    assert balance(client, UNDEPOSITED) == before[UNDEPOSITED] + 60


@pytest.mark.parametrize(("deposit", "code"), [(101, "6000"), (-1, "2290")])
def test_a_deposit_is_part_of_the_total(client: Client, deposit: int, code: str) -> None:
    response = client.post("invoice", invoice("1", 100, Deposit=deposit))
    assert refusal(response)["code"] == code


@pytest.mark.parametrize("entity", ["Invoice", "CreditMemo"])
def test_shipping_is_a_line_of_an_item_that_no_list_shows(client: Client, entity: str) -> None:
    body = invoice("1", 100)
    body["Line"].append(sales_line("7.50", SHIPPING_ITEM))
    made = client.save(entity, body)
    assert made["TotalAmt"] == Decimal("107.5")
    detail = made["Line"][1]["SalesItemLineDetail"]
    assert detail["ItemRef"] == {"value": SHIPPING_ITEM}
    assert refusal(client.get(f"item/{SHIPPING_ITEM}"))["code"] == "2030"
    again = client.edit(entity, made["Id"], Line=made["Line"][:2])
    assert again["SyncToken"] == "0"


@pytest.mark.parametrize("entity", ["CreditMemo", "VendorCredit"])
def test_a_credit_cannot_come_to_less_than_what_is_used_of_it(client: Client, entity: str) -> None:
    if entity == "CreditMemo":
        credit = client.save(entity, invoice("4", 50))
        body = payment("4", 0, ("7", 30))
        link = {"TxnId": credit["Id"], "TxnType": entity}
        body["Line"].append({"Amount": 30, "LinkedTxn": [link]})
        client.save("Payment", body)
        lines = [[sales_line(29)], [sales_line(40)]]
    else:
        credit = client.save(entity, bill(50))
        owed = client.save("Bill", bill(100))
        client.save("BillPayment", check(0, ("Bill", owed["Id"], 30), (entity, credit["Id"], 30)))
        lines = [[expense_line(29)], [expense_line(40)]]
    stored = client.read(entity, credit["Id"])
    body = {"Id": credit["Id"], "SyncToken": stored["SyncToken"], "sparse": True}
    if entity == "VendorCredit":
        body["VendorRef"] = {"value": "3"}
    assert refusal(client.post(entity.lower(), body | {"Line": lines[0]}))["code"] == "6000"
    assert client.read(entity, credit["Id"]) == stored
    assert client.save(entity, body | {"Line": lines[1]})["Balance"] == 10


def test_a_bill_payment_is_edited_although_its_bill_was_lowered_or_it_was_voided(
    client: Client,
) -> None:
    owed = client.save("Bill", bill(100))
    paid = client.save("BillPayment", check(80, ("Bill", owed["Id"], 80)))
    client.edit("Bill", owed["Id"], VendorRef={"value": "3"}, Line=[expense_line(50)])
    body = check(80) | {"PrivateNote": "lowered"}
    del body["Line"]
    edited = client.edit("BillPayment", paid["Id"], **body)
    assert (edited["PrivateNote"], edited["Line"][0]["Amount"]) == ("lowered", 50)
    body = {"Id": paid["Id"], "SyncToken": edited["SyncToken"], "sparse": True}
    voided = unwrap(client.post("billpayment", body, operation="update", include="void"))
    assert voided["BillPayment"]["TotalAmt"] == 0
    later = client.edit("BillPayment", paid["Id"], PrivateNote="Voided, by mistake")
    assert later["PrivateNote"] == "Voided, by mistake"
    token = later["SyncToken"]
    short = {"Id": paid["Id"], "SyncToken": token, "sparse": True, **check(60)}
    assert refusal(client.post("billpayment", short))["code"] == "2020"
    short["Line"] = check(0, ("Bill", owed["Id"], 50))["Line"]
    assert refusal(client.post("billpayment", short))["code"] == "6000"
