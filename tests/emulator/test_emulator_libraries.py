"""python-quickbooks drives the emulator: create, read, query, update, delete, CDC, batch, void."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from intuitlib.client import AuthClient
from quickbooks import QuickBooks
from quickbooks.batch import batch_create
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import (
    AuthorizationException,
    ObjectNotFoundException,
    QuickbooksException,
    ValidationException,
)
from quickbooks.objects import (
    Account,
    Bill,
    CompanyInfo,
    Customer,
    Department,
    Invoice,
    Item,
    Payment,
    Preferences,
    Purchase,
    Term,
    Vendor,
)
from quickbooks.objects.base import Ref
from quickbooks.objects.detailline import (
    AccountBasedExpenseLine,
    AccountBasedExpenseLineDetail,
    SalesItemLine,
    SalesItemLineDetail,
)
from quickbooks.objects.payment import PaymentLine

from emulator.testing import RunningEmulator


def ref(value: str) -> Ref:
    made = Ref()
    made.value = value
    return made


def invoice() -> Invoice:
    line = SalesItemLine()
    line.Amount = 100
    line.Description = "Talk"
    line.SalesItemLineDetail = SalesItemLineDetail()
    line.SalesItemLineDetail.ItemRef = ref("2")
    made = Invoice()
    made.CustomerRef = ref("1")
    made.Line.append(line)
    return made


def test_an_invoice_from_first_to_last(library: QuickBooks) -> None:
    made = invoice().save(qb=library)
    assert made.TotalAmt == 100
    assert made.DocNumber == "1015"
    read = Invoice.get(made.Id, qb=library)
    assert read.Line[1].DetailType == "SubTotalLineDetail"
    read.PrivateNote = "changed"
    saved = read.save(qb=library)
    assert (saved.SyncToken, saved.PrivateNote) == ("1", "changed")
    found = Invoice.filter(DocNumber="1015", qb=library)
    assert [row.Id for row in found] == [made.Id]
    with pytest.raises(QuickbooksException) as stale:
        read.save(qb=library)
    assert stale.value.error_code == 5010
    saved.delete(qb=library)
    with pytest.raises(ObjectNotFoundException):
        Invoice.get(made.Id, qb=library)


def test_a_saved_invoice_can_be_voided(library: QuickBooks) -> None:
    made = invoice().save(qb=library)
    made.void(qb=library)
    assert Invoice.get(made.Id, qb=library).TotalAmt == 0


def test_customers_and_vendors(library: QuickBooks) -> None:
    for kind, name in ((Customer, "Quill & Co"), (Vendor, "Ink Works")):
        made = kind()
        made.DisplayName = name
        saved = made.save(qb=library)
        assert kind.get(saved.Id, qb=library).DisplayName == name
        assert kind.filter(DisplayName=name, qb=library)[0].Id == saved.Id
        saved.CompanyName = "C"
        assert saved.save(qb=library).CompanyName == "C"
    made.Id = None
    with pytest.raises(QuickbooksException) as taken:
        made.save(qb=library)
    assert taken.value.error_code == 6240


def test_lists(library: QuickBooks) -> None:
    account = Account()
    account.Name = "Stationery"
    account.AccountSubType = "SuppliesMaterials"
    account = account.save(qb=library)
    assert account.AccountType == "Expense"
    item = Item()
    item.Name = "Pen"
    item.Type = "Service"
    item.IncomeAccountRef = ref("19")
    assert item.save(qb=library).FullyQualifiedName == "Pen"
    term = Term()
    term.Name = "Net 7"
    term.DueDays = 7
    assert term.save(qb=library).Type == "STANDARD"
    place = Department()
    place.Name = "North"
    assert place.save(qb=library).Active is True
    assert Item.count(qb=library) == 9
    assert len(Account.all(max_results=1000, qb=library)) == 40


def test_purchases_and_bills(library: QuickBooks) -> None:
    for kind, fields in (
        (Purchase, {"PaymentType": "Cash", "AccountRef": ref("1")}),
        (Bill, {"VendorRef": ref("3")}),
    ):
        line = AccountBasedExpenseLine()
        line.Amount = 12.5
        line.AccountBasedExpenseLineDetail = AccountBasedExpenseLineDetail()
        line.AccountBasedExpenseLineDetail.AccountRef = ref("31")
        made: Any = kind()
        for name, value in fields.items():
            setattr(made, name, value)
        made.Line.append(line)
        saved = made.save(qb=library)
        assert saved.TotalAmt == 12.5
        saved.delete(qb=library)


def test_payments(library: QuickBooks) -> None:
    line = PaymentLine()
    line.Amount = 10
    line.LinkedTxn.append(Invoice.get("7", qb=library).to_linked_txn())
    made = Payment()
    made.CustomerRef = ref("4")
    made.TotalAmt = 10
    made.Line.append(line)
    saved = made.save(qb=library)
    assert saved.UnappliedAmt == 0
    assert Invoice.get("7", qb=library).Balance == 2600
    saved.void(qb=library)
    assert Invoice.get("7", qb=library).Balance == 2610


def test_the_company_itself(library: QuickBooks) -> None:
    info = CompanyInfo.get("1", qb=library)
    assert info.CompanyName == "Harbor & Pine Consulting"
    assert Preferences.get(qb=library).SalesFormsPrefs.CustomTxnNumbers is False


def test_changes_and_batches(library: QuickBooks, running: RunningEmulator) -> None:
    running.clock.advance(10)
    since = datetime.now(UTC) - timedelta(days=1)
    result = batch_create([invoice(), invoice()], qb=library)
    assert (len(result.successes), len(result.faults)) == (2, 0)
    result.successes[0].delete(qb=library)
    found = change_data_capture([Invoice, Customer], since.isoformat(), qb=library)
    statuses = [getattr(row, "status", None) for row in found.Invoice]
    assert statuses.count("Deleted") == 1


def test_refusals_become_the_librarys_exceptions(library: QuickBooks) -> None:
    with pytest.raises(ValidationException) as missing:
        Invoice().save(qb=library)
    assert missing.value.error_code == 2020
    library.session.token = {"access_token": "x" * 40, "token_type": "Bearer"}
    library.session._client.access_token = "x" * 40
    with pytest.raises(AuthorizationException):
        Invoice.get("7", qb=library)


def test_a_refresh_by_the_library(running: RunningEmulator, monkeypatch: Any) -> None:
    """Without an access token the library refreshes by itself and may lose the new value."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    running.clock.advance(86_400)
    auth = AuthClient(
        running.client_id,
        running.client_secret,
        "http://localhost/callback",
        environment=running.discovery_url,
    )
    quickbooks = QuickBooks(
        auth_client=auth,
        refresh_token=running.refresh_token,
        company_id=running.realm_id,
        minorversion=75,
    )
    assert quickbooks.refresh_token != running.refresh_token
    quickbooks.session.close()
    auth.close()
