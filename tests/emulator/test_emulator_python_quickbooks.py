"""Every class of python-quickbooks that maps to an entity: create, read, query, update, remove.

Goal: what the library sends (empty strings, zero rates, `sparse: false`, echoes of whole records)
is taken as QuickBooks takes it. Method: one line per class in the table, one test for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from quickbooks import QuickBooks
from quickbooks.exceptions import ObjectNotFoundException, UnsupportedException
from quickbooks.objects import (
    Account,
    Attachable,
    Bill,
    BillPayment,
    Budget,
    Class,
    CompanyInfo,
    CreditMemo,
    Customer,
    Department,
    Deposit,
    Employee,
    Estimate,
    Invoice,
    Item,
    JournalEntry,
    Payment,
    PaymentMethod,
    Preferences,
    Purchase,
    PurchaseOrder,
    RefundReceipt,
    SalesReceipt,
    TaxAgency,
    TaxCode,
    TaxRate,
    TaxRateDetails,
    TaxService,
    Term,
    TimeActivity,
    Transfer,
    Vendor,
    VendorCredit,
)
from quickbooks.objects.companycurrency import CompanyCurrency
from quickbooks.objects.creditcardpayment_entity import CreditCardPayment
from quickbooks.objects.exchangerate import ExchangeRate

from emulator.entities import ENTITIES
from emulator.testing import RunningEmulator

DELETE, VOID, DEACTIVATE, KEEP = "delete", "void", "deactivate", "keep"
CHECKING, SAVINGS, CARD, EXPENSE = "1", "2", "12", "31"


def ref(value: str, kind: str = "") -> dict[str, str]:
    return {"value": value, "type": kind} if kind else {"value": value}


def sales(**more: Any) -> dict[str, Any]:
    detail = {"ItemRef": ref("2")}
    line = {"Amount": 100, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    return {"CustomerRef": ref("1"), "Line": [line], **more}


def buying(**more: Any) -> dict[str, Any]:
    kind = "AccountBasedExpenseLineDetail"
    return {
        "Line": [{"Amount": 40, "DetailType": kind, kind: {"AccountRef": ref(EXPENSE)}}],
        **more,
    }


def journal() -> dict[str, Any]:
    kind = "JournalEntryLineDetail"
    return {
        "Line": [
            {
                "Amount": 9,
                "DetailType": kind,
                kind: {"PostingType": side, "AccountRef": ref(account)},
            }
            for side, account in (("Debit", EXPENSE), ("Credit", CHECKING))
        ]
    }


def deposit() -> dict[str, Any]:
    kind = "DepositLineDetail"
    line = {"Amount": 7, "DetailType": kind, kind: {"AccountRef": ref(SAVINGS)}}
    return {"DepositToAccountRef": ref(CHECKING), "Line": [line]}


def bill_payment() -> dict[str, Any]:
    link = {"TxnId": "20", "TxnType": "Bill"}
    return {
        "VendorRef": ref("4"),
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": ref(CHECKING)},
        "TotalAmt": 10,
        "Line": [{"Amount": 10, "LinkedTxn": [link]}],
    }


@dataclass
class Case:
    """One class: what makes one, what is changed afterwards, how it ends, what finds it."""

    kind: Any
    body: Callable[[], dict[str, Any]]
    change: tuple[str, Any]
    end: str
    name: str = ""


CASES = [
    Case(Invoice, sales, ("PrivateNote", "n"), DELETE),
    Case(Invoice, sales, ("PrivateNote", "n"), VOID),
    Case(SalesReceipt, sales, ("PrivateNote", "n"), DELETE),
    Case(SalesReceipt, sales, ("PrivateNote", "n"), VOID),
    Case(Estimate, sales, ("PrivateNote", "n"), DELETE),
    Case(CreditMemo, sales, ("PrivateNote", "n"), DELETE),
    Case(
        RefundReceipt,
        lambda: sales(DepositToAccountRef=ref(CHECKING)),
        ("PrivateNote", "n"),
        DELETE,
    ),
    Case(Payment, lambda: {"CustomerRef": ref("1"), "TotalAmt": 5}, ("PrivateNote", "n"), DELETE),
    Case(Payment, lambda: {"CustomerRef": ref("1"), "TotalAmt": 5}, ("PrivateNote", "n"), VOID),
    Case(Bill, lambda: buying(VendorRef=ref("3")), ("PrivateNote", "n"), DELETE),
    Case(VendorCredit, lambda: buying(VendorRef=ref("3")), ("PrivateNote", "n"), DELETE),
    Case(PurchaseOrder, lambda: buying(VendorRef=ref("3")), ("PrivateNote", "n"), DELETE),
    Case(BillPayment, bill_payment, ("PrivateNote", "n"), DELETE),
    Case(BillPayment, bill_payment, ("PrivateNote", "n"), VOID),
    Case(
        Purchase,
        lambda: buying(PaymentType="Cash", AccountRef=ref(CHECKING)),
        ("PrivateNote", "n"),
        DELETE,
    ),
    Case(JournalEntry, journal, ("PrivateNote", "n"), DELETE),
    Case(
        Transfer,
        lambda: {"FromAccountRef": ref(CHECKING), "ToAccountRef": ref(SAVINGS), "Amount": 3},
        ("PrivateNote", "n"),
        DELETE,
    ),
    Case(Deposit, deposit, ("PrivateNote", "n"), DELETE),
    Case(
        CreditCardPayment,
        lambda: {"BankAccountRef": ref(CHECKING), "CreditCardAccountRef": ref(CARD), "Amount": 4},
        ("PrivateNote", "n"),
        DELETE,
    ),
    Case(
        TimeActivity,
        lambda: {"NameOf": "Employee", "EmployeeRef": ref("1"), "Hours": 2, "Minutes": 30},
        ("Description", "n"),
        DELETE,
    ),
    Case(Attachable, lambda: {"Note": "receipt"}, ("Note", "n"), DELETE),
    Case(Customer, lambda: {"DisplayName": "Q1"}, ("CompanyName", "n"), DEACTIVATE, "DisplayName"),
    Case(Vendor, lambda: {"DisplayName": "Q2"}, ("CompanyName", "n"), DEACTIVATE, "DisplayName"),
    Case(Employee, lambda: {"DisplayName": "Q3"}, ("GivenName", "n"), DEACTIVATE, "DisplayName"),
    Case(
        Account,
        lambda: {"Name": "Q4", "AccountType": "Expense"},
        ("Description", "n"),
        DEACTIVATE,
        "Name",
    ),
    Case(
        Item,
        lambda: {"Name": "Q5", "Type": "Service", "IncomeAccountRef": ref("19")},
        ("Description", "n"),
        DEACTIVATE,
        "Name",
    ),
    Case(Class, lambda: {"Name": "Q6"}, ("Name", "Q6b"), DEACTIVATE, "Name"),
    Case(Department, lambda: {"Name": "Q7"}, ("Name", "Q7b"), DEACTIVATE, "Name"),
    Case(Term, lambda: {"Name": "Q8", "DueDays": 3}, ("Name", "Q8b"), DEACTIVATE),
    Case(PaymentMethod, lambda: {"Name": "Q9"}, ("Name", "Q9b"), DEACTIVATE, "Name"),
    Case(TaxAgency, lambda: {"DisplayName": "Q10"}, ("", None), KEEP),
]


def make(case: Case) -> Any:
    made = case.kind()
    for name, value in case.body().items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind.__name__}-{case.end}")
def test_a_class_from_first_to_last(
    library: QuickBooks, running: RunningEmulator, case: Case
) -> None:
    made = make(case).save(qb=library)
    read = case.kind.get(made.Id, qb=library)
    assert (read.Id, read.SyncToken) == (made.Id, "0")
    found = case.kind.filter(Id=made.Id, qb=library)
    assert [row.Id for row in found] == [made.Id]
    assert case.kind.count(f"Id = '{made.Id}'", qb=library) == 1
    if case.end == KEEP:
        with pytest.raises(UnsupportedException):
            read.save(qb=library)
        return
    field, value = case.change
    setattr(read, field, value)
    changed = read.save(qb=library)
    assert (getattr(changed, field), changed.SyncToken) == (value, "1")
    finish(case, changed, library)


def finish(case: Case, changed: Any, library: QuickBooks) -> None:
    if case.end == DELETE:
        changed.delete(qb=library)
        with pytest.raises(ObjectNotFoundException):
            case.kind.get(changed.Id, qb=library)
    elif case.end == VOID:
        changed.void(qb=library)
        voided = case.kind.get(changed.Id, qb=library)
        assert voided.TotalAmt == 0
        assert voided.PrivateNote.startswith("Voided")
    else:
        changed.Active = False
        gone = changed.save(qb=library)
        assert gone.Active is False
        if case.name:
            assert getattr(gone, case.name).endswith(" (deleted)")
        assert case.kind.filter(Id=changed.Id, qb=library) == []


def test_every_entity_has_its_class(running: RunningEmulator) -> None:
    driven = {case.kind.qbo_object_name for case in CASES}
    driven |= {"CompanyInfo", "Preferences", "TaxCode", "TaxRate", "CompanyCurrency"}
    driven |= {"ExchangeRate", "Budget"}
    assert driven == set(ENTITIES)


def test_classes_that_only_read(library: QuickBooks, running: RunningEmulator) -> None:
    assert CompanyInfo.get("1", qb=library).Country == "US"
    assert CompanyInfo.all(qb=library)[0].Id == "1"
    preferences = Preferences.get(qb=library)
    preferences.SalesFormsPrefs.CustomTxnNumbers = True
    assert preferences.save(qb=library).SalesFormsPrefs.CustomTxnNumbers is True
    assert TaxCode.get("2", qb=library).Name == "Maine"
    assert TaxRate.all(qb=library)[0].RateValue == 5.5
    budget = {"Id": "1", "SyncToken": "0", "Name": "2026", "Active": True, "BudgetDetail": []}
    running.company.put("Budget", budget)
    assert Budget.filter(Name="2026", qb=library)[0].Id == "1"


def test_the_tax_service(library: QuickBooks) -> None:
    agency = make(CASES[-1]).save(qb=library)
    assert (agency.TaxTrackedOnSales, agency.TaxTrackedOnPurchases) == (True, False)
    rate = TaxRateDetails()
    rate.TaxRateName, rate.RateValue, rate.TaxAgencyId = "County", "2.5", agency.Id
    service = TaxService()
    service.TaxCode = "County"
    service.TaxRateDetails.append(rate)
    made = service.save(qb=library)
    assert made.TaxCode == "County"
    code = TaxCode.filter(Name="County", qb=library)[0]
    entry = code.SalesTaxRateList.TaxRateDetail[0]
    assert TaxRate.get(entry.TaxRateRef.value, qb=library).RateValue == 2.5


def test_currencies_and_their_rates(library: QuickBooks, running: RunningEmulator) -> None:
    prefs = {"Id": "1", "SyncToken": "0", "sparse": True}
    running.save("Preferences", {**prefs, "CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    euro = CompanyCurrency()
    euro.Code = "EUR"
    saved = euro.save(qb=library)
    assert saved.Name == "Euro"
    rate = ExchangeRate()
    rate.SourceCurrencyCode, rate.AsOfDate, rate.Rate = "EUR", "2026-11-01", "1.0845"
    assert rate.save(qb=library).TargetCurrencyCode == "USD"
    rate.Rate = "1.09"
    assert rate.save(qb=library).Rate == 1.09, "the day's rate is replaced"
    found = ExchangeRate.where("SourceCurrencyCode = 'EUR'", qb=library)
    assert [(row.AsOfDate, row.Rate) for row in found] == [("2026-11-01", 1.09)]
    assert not hasattr(found[0], "Id")
    saved.Active = False
    assert saved.save(qb=library).Active is False


def test_forms_are_printed_and_sent(library: QuickBooks, running: RunningEmulator) -> None:
    made = make(CASES[0]).save(qb=library)
    assert made.download_pdf(qb=library).startswith(b"%PDF")
    made.send(qb=library, send_to="ann+1@example.com")
    sent = Invoice.get(made.Id, qb=library)
    assert (sent.EmailStatus, sent.BillEmail.Address) == ("EmailSent", "ann+1@example.com")
    assert sent.DeliveryInfo.DeliveryType == "Email"
    assert running.company.journal[-1].operation == "email"


def test_skus_may_have_to_be_asked_for(library: QuickBooks, running: RunningEmulator) -> None:
    assert Item.get("2", qb=library).Sku == "CON-STR"
    running.emulator.options.sku_on_request = True
    assert Item.filter(Id="2", qb=library)[0].Sku is None
    assert {row.Sku for row in Item.all(qb=library)} > {"CON-STR"}
