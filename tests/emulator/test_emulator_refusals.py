"""What a create is refused for: code, status, element and words, case by case."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_books import Client, expense_line, invoice, payment, purchase, refusal, sales_line

CHECKING = "1"

REFUSED: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    # (what, entity, body, code, element, words)
    ("no customer", "Invoice", {"Line": [sales_line()]}, "2020", "CustomerRef", "CustomerRef"),
    ("no line", "Invoice", {"CustomerRef": {"value": "1"}}, "2020", "Line", "Required parameter"),
    ("empty lines", "Invoice", {"CustomerRef": {"value": "1"}, "Line": []}, "2020", "Line", "Line"),
    ("unknown property", "Invoice", invoice(Colour="red"), "2010", "Colour", '"CustomerMemo"'),
    ("unknown nested", "Invoice", invoice(BillAddr={"Planet": "x"}), "2010", "Planet", "Address"),
    ("long number", "Invoice", invoice(DocNumber="9" * 22), "2050", "DocNumber", "Max:21"),
    ("long note", "Invoice", invoice(PrivateNote="n" * 4001), "2050", "PrivateNote", "Max:4000"),
    ("unknown customer", "Invoice", invoice("99"), "2500", "CustomerRef", "Names element id 99"),
    ("unknown item", "Invoice", invoice(item="99"), "2500", "ItemRef", "Item element id 99"),
    ("unknown term", "Invoice", invoice(SalesTermRef={"value": "9"}), "2500", "SalesTermRef", "9"),
    (
        "wrong product",
        "Invoice",
        {"CustomerRef": {"value": "1"}, "Line": [sales_line(100, Qty=3, UnitPrice=33)]},
        "6070",
        "Line.Amount",
        "Amount is not equal to UnitPrice * Qty. Supplied value:100",
    ),
    (
        "bad line kind",
        "Purchase",
        {**purchase(), "Line": [sales_line()]},
        "2170",
        "Line.DetailType",
        "",
    ),
    ("bad status", "Invoice", invoice(EmailStatus="Sent"), "2170", "EmailStatus", "Sent"),
    ("to be mailed", "Invoice", invoice(EmailStatus="NeedToSend"), "2020", "BillEmail", ""),
    ("bad date", "Invoice", invoice(TxnDate="tomorrow"), "2090", "TxnDate", "tomorrow"),
    ("negative total", "Invoice", invoice(amount=-5), "2290", "TotalAmt", ""),
    ("no total", "Payment", {"CustomerRef": {"value": "1"}}, "6000", "TotalAmt", "amount"),
    ("overpaid", "Payment", payment("4", 3000, ("7", 2611)), "6000", "Line.Amount", "open balance"),
    (
        "too much",
        "Payment",
        payment("4", 10, ("7", 11)),
        "6000",
        "TotalAmt",
        "more than the amount",
    ),
    (
        "not theirs",
        "Payment",
        payment("1", 10, ("7", 10)),
        "6000",
        "Line.LinkedTxn",
        "somebody else",
    ),
    ("no such invoice", "Payment", payment("1", 10, ("999", 10)), "2500", "TxnId", "999"),
    ("no kind", "Purchase", {"AccountRef": {"value": "1"}, "Line": []}, "2020", "PaymentType", ""),
    (
        "no account",
        "Purchase",
        {"PaymentType": "Cash", "Line": [expense_line()]},
        "2020",
        "AccountRef",
        "",
    ),
    ("cash credit", "Purchase", purchase(Credit=True), "6000", "Credit", "credit card"),
    ("card from bank", "Purchase", purchase("CreditCard"), "6430", "AccountRef", "Bank account"),
    ("taken number", "Purchase", purchase(DocNumber="EFT-1019"), "6140", "DocNumber", "TxnId=23"),
    ("colon", "Customer", {"DisplayName": "A:B"}, "2180", "DisplayName", "colon"),
    ("tab", "Vendor", {"DisplayName": "A\tB"}, "2180", "DisplayName", ""),
    ("no name", "Customer", {"CompanyName": "X"}, "2020", "DisplayName", ""),
    ("taken name", "Customer", {"DisplayName": "tidewater AQUACULTURE"}, "6240", "", "customer"),
    ("a vendor's name", "Customer", {"DisplayName": "Skyline Air"}, "6240", "", "vendor"),
    ("an employee's", "Vendor", {"DisplayName": "Dana Whitlock"}, "6240", "", "employee"),
    ("no account type", "Account", {"Name": "X"}, "2020", "AccountType", ""),
    (
        "bad account type",
        "Account",
        {"Name": "X", "AccountType": "Money"},
        "2170",
        "AccountType",
        "",
    ),
    (
        "types disagree",
        "Account",
        {"Name": "X", "AccountType": "Bank", "AccountSubType": "Travel"},
        "6000",
        "AccountSubType",
        "does not belong",
    ),
    (
        "another type above",
        "Account",
        {"Name": "X", "AccountType": "Bank", "SubAccount": True, "ParentRef": {"value": "34"}},
        "6000",
        "ParentRef",
        "same as that of its parent",
    ),
    ("taken account", "Account", {"Name": "Rent", "AccountType": "Expense"}, "6240", "", "account"),
    ("a quote", "Account", {"Name": 'A "B"', "AccountType": "Bank"}, "2180", "Name", ""),
    ("no item type", "Item", {"Name": "X"}, "2020", "Type", ""),
    ("no income", "Item", {"Name": "X", "Type": "Service"}, "2020", "IncomeAccountRef", ""),
    (
        "income to a bank",
        "Item",
        {"Name": "X", "Type": "Service", "IncomeAccountRef": {"value": "1"}},
        "6430",
        "IncomeAccountRef",
        "",
    ),
    ("no days", "Term", {"Name": "Soon"}, "2020", "DueDays", ""),
    ("taken term", "Term", {"Name": "Net 30", "DueDays": 3}, "6240", "", "already exists"),
    ("taken class", "Class", {"Name": "Strategy"}, "6240", "", ""),
    (
        "foreign money",
        "Invoice",
        invoice(CurrencyRef={"value": "EUR"}),
        "6000",
        "CurrencyRef",
        "Multi",
    ),
    (
        "tax codes are read only",
        "TaxCode",
        {"Name": "X"},
        "500",
        "",
        "Create TaxCode is not supported",
    ),
]


@pytest.mark.parametrize(
    ("entity", "body", "code", "element", "words"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_a_create_is_refused(
    client: Client, entity: str, body: dict[str, Any], code: str, element: str, words: str
) -> None:
    before = client.running.emulator.companies[client.running.realm_id].journal
    response = client.post(entity.lower(), body)
    error = refusal(response)
    assert (response.status_code, error["code"], error["element"]) == (400, code, element)
    assert words in error["Detail"]
    assert not before, "a refused write leaves no trace"


def deposit(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"DepositToAccountRef": {"value": CHECKING}, "Line": list(lines)}


def held(payment_id: str, amount: int, **link: str) -> dict[str, Any]:
    return {"Amount": amount, "LinkedTxn": [{"TxnId": payment_id, "TxnType": "Payment", **link}]}


DEPOSITS = [
    ("no line id", held("29", 3000), "2020", "TxnLineId"),
    ("not the whole", held("29", 10, TxnLineId="0"), "6000", "whole of the payment"),
    ("held already", held("15", 2437, TxnLineId="0"), "6540", "deposited"),
    ("in the bank", held("10", 2400, TxnLineId="0"), "6000", "not in Undeposited Funds"),
    ("nothing", held("999", 5, TxnLineId="0"), "2500", "999"),
]


@pytest.mark.parametrize(
    ("line", "code", "words"), [case[1:] for case in DEPOSITS], ids=[case[0] for case in DEPOSITS]
)
def test_a_deposit_is_refused(client: Client, line: dict[str, Any], code: str, words: str) -> None:
    error = refusal(client.post("deposit", deposit(line)))
    assert error["code"] == code
    assert words in error["Detail"]
