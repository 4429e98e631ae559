"""Voids by hand: what people void in QuickBooks's own pages and applications cannot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from emulator_books import Client, expense_line, invoice, payment, purchase, refusal, unwrap
from webhook_endpoint import VERIFIER, Endpoint

TRANSFER = {"FromAccountRef": {"value": "1"}, "ToAccountRef": {"value": "2"}, "Amount": 30}
VENDOR_FORM = {"VendorRef": {"value": "1"}, "Line": [expense_line(30)]}
BODIES: dict[str, dict[str, Any]] = {
    "Bill": VENDOR_FORM,
    "CreditMemo": invoice("1", 30),
    "Purchase": purchase(amount=30),
    "RefundReceipt": {**invoice("1", 30), "DepositToAccountRef": {"value": "1"}},
    "Transfer": TRANSFER,
    "VendorCredit": VENDOR_FORM,
}
FIGURES = ("TotalAmt", "Amount", "Balance", "RemainingCredit")
every_kind = pytest.mark.parametrize("entity", BODIES)


def own_key(record: dict[str, Any]) -> dict[str, Any]:
    return {"Id": record["Id"], "SyncToken": record["SyncToken"]}


def void(client: Client, entity: str, record: dict[str, Any]) -> Any:
    return client.post(entity.lower(), own_key(record), operation="void")


def balances(client: Client) -> list[Any]:
    """What every account, customer and vendor holds."""
    company = client.running.company
    held = [(row["Id"], row["CurrentBalance"]) for row in company.all("Account")]
    owed = [
        (row["Id"], row["Balance"]) for kind in ("Customer", "Vendor") for row in company.all(kind)
    ]
    return [*held, *owed]


@every_kind
def test_a_person_voids_it_and_nothing_of_it_counts(accountant: Client, entity: str) -> None:
    before = balances(accountant)
    made = accountant.save(entity, {**BODIES[entity], "PrivateNote": "as agreed"})
    assert balances(accountant) != before
    voided = unwrap(void(accountant, entity, made))[entity]
    assert not any(voided[name] for name in FIGURES if name in made)
    assert not any(line.get("Amount") for line in voided.get("Line", ()))
    assert (voided["PrivateNote"], voided["SyncToken"]) == ("Voided - as agreed", "1")
    assert accountant.read(entity, made["Id"]) == voided
    assert balances(accountant) == before
    assert unwrap(void(accountant, entity, voided))[entity] == voided


@every_kind
def test_an_application_cannot(client: Client, entity: str) -> None:
    made = client.save(entity, BODIES[entity])
    assert refusal(void(client, entity, made))["code"] == "500"
    item = {"bId": "1", "operation": "update", "optionsData": "void", entity: own_key(made)}
    assert client.batch(item)[0]["Fault"]["Error"][0]["code"] == "500"
    assert client.read(entity, made["Id"]) == made


@pytest.mark.parametrize("entity", ["JournalEntry", "Deposit", "Estimate", "PurchaseOrder"])
def test_some_are_voided_by_nobody(accountant: Client, entity: str) -> None:
    record = {"Id": "1", "SyncToken": "0"}
    assert refusal(void(accountant, entity, record))["code"] == "500"


def test_what_is_paid_or_used_is_not_voided_by_hand(accountant: Client) -> None:
    bill = accountant.save("Bill", VENDOR_FORM)
    link = {"TxnId": bill["Id"], "TxnType": "Bill"}
    accountant.save(
        "BillPayment",
        {
            "VendorRef": VENDOR_FORM["VendorRef"],
            "PayType": "Check",
            "CheckPayment": {"BankAccountRef": {"value": "1"}},
            "TotalAmt": 30,
            "Line": [{"Amount": 30, "LinkedTxn": [link]}],
        },
    )
    owed, credit = (accountant.save(kind, invoice("1", 30)) for kind in ("Invoice", "CreditMemo"))
    settling = payment("1", 0, (owed["Id"], 30))
    used = {"TxnId": credit["Id"], "TxnType": "CreditMemo"}
    settling["Line"].append({"Amount": 30, "LinkedTxn": [used]})
    accountant.save("Payment", settling)
    for entity, record in (("Bill", bill), ("CreditMemo", credit)):
        held = accountant.read(entity, record["Id"])
        refused = refusal(void(accountant, entity, held))
        assert (refused["code"], "before you void it" in refused["Detail"]) == ("6000", True)
        assert accountant.read(entity, record["Id"]) == held


def test_amounts_with_their_tax_go_too(accountant: Client) -> None:
    line = expense_line(30)
    line["AccountBasedExpenseLineDetail"]["TaxInclusiveAmt"] = Decimal("33.00")
    made = accountant.save("Bill", {**VENDOR_FORM, "Line": [line]})
    assert made["Line"][0]["AccountBasedExpenseLineDetail"]["TaxInclusiveAmt"] == 33
    voided = unwrap(void(accountant, "Bill", made))["Bill"]
    assert voided["Line"][0]["AccountBasedExpenseLineDetail"]["TaxInclusiveAmt"] == 0


def test_a_voided_transfer_can_be_edited_and_a_new_one_of_nothing_cannot(
    accountant: Client,
) -> None:
    made = accountant.save("Transfer", TRANSFER)
    void(accountant, "Transfer", made)
    for note in ("entered twice", "a mistake"):
        assert accountant.edit("Transfer", made["Id"], PrivateNote=note)["PrivateNote"] == note
    assert accountant.edit("Transfer", made["Id"], Amount=5)["Amount"] == 5
    empty = accountant.post("transfer", {**TRANSFER, "Amount": 0})
    assert refusal(empty)["code"] == "2290"


def test_webhooks_tell_a_void_or_an_update(accountant: Client, endpoint: Endpoint) -> None:
    made = {entity: accountant.save(entity, body) for entity, body in BODIES.items()}
    settings = {"url": endpoint.url, "verifier": VERIFIER, "events_per_body": 1}
    accountant.running.webhook(**settings)
    for entity, record in made.items():
        unwrap(void(accountant, entity, record))
    told = [event["type"] for (event,) in endpoint.wait(len(made))]
    assert told == [
        "qbo.bill.updated.v1",
        "qbo.creditmemo.voided.v1",
        "qbo.purchase.voided.v1",
        "qbo.refundreceipt.voided.v1",
        "qbo.transfer.voided.v1",
        "qbo.vendorcredit.updated.v1",
    ]
