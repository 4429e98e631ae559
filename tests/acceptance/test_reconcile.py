"""reconcile: every difference is named by account, by party and by record; nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tasks.differences import Difference, Kind, Part
from tasks.reconcile import Reconciliation
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_other_records import spend
from tests.fixtures.company import Office, invoice, payment, reference, sales_line

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)

#: Every key of the answer: scripts count on them.
SHAPE = {
    "connection", "as_of", "currency", "clean", "compared", "differences", "outside", "not_synced",
}  # fmt: skip
DIFFERENCE_SHAPE = {
    "kind", "subject", "field", "quickbooks", "platform", "difference", "reason", "record_type",
    "link", "records",
}  # fmt: skip
#: Before everything that the tests enter.
DAY = "2026-11-12"


def reconciled(office: Office, *options: str, code: int = 0) -> dict[str, Any]:
    """What reconcile says, as data; nothing is written to either side by asking."""
    mark = office.books.mark()
    facts = office.run("reconcile", "--json", *options, code=code).json
    assert set(facts) == SHAPE
    assert all(set(each) == DIFFERENCE_SHAPE for each in facts["differences"])
    assert facts["clean"] is (code == 0)
    assert office.books.written(mark) == []
    return facts


def of_kind(facts: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The differences of a kind."""
    return [each for each in facts["differences"] if each["kind"] == kind]


def by_subject(facts: dict[str, Any], kind: str) -> dict[str, str]:
    """Subject -> difference."""
    found = of_kind(facts, kind)
    assert len({each["subject"] for each in found}) == len(found)
    return {each["subject"]: each["difference"] for each in found}


def outside(facts: dict[str, Any], what: str) -> dict[str, str]:
    """Where -> amount of one kind of thing outside of the sync."""
    return {each["where"]: each["amount"] for each in facts["outside"] if each["what"] == what}


def minor(office: Office, amount: str) -> Any:
    """An amount as raw SQL stores it."""
    exact = Decimal(amount)
    return exact if office.engine.dialect.name == "postgresql" else int(exact * 10**5)


@on_both
def test_a_synced_company_is_clean(office: Office) -> None:
    """Goal: after a sync nothing differs, and the opening balances are named, not hidden."""
    facts = reconciled(office)
    assert facts["differences"] == []
    assert facts["compared"]["accounts"] >= 20
    assert facts["compared"]["customers"] >= 5
    opening = outside(facts, "opening balance")
    assert opening == {"Sales Tax Payable": "58.72", "Opening Balance Equity": "-58.72"}
    assert "No differences." in office.run("reconcile").stdout


@on_both
def test_an_amount_planted_by_raw_sql_is_named_by_record(office: Office) -> None:
    """Goal: a payment of another amount shows in both accounts, at the customer and by itself,
    each time with its name and the same 10.25."""
    booked = office.books.create("Invoice", invoice("5", 100, TxnDate=DAY))
    paid = office.books.create("Payment", payment("5", 60, booked["Id"], TxnDate=DAY))
    office.sync()
    row_id = office.platform.id_of("Payment", paid["Id"])
    label = office.platform.links("payment")
    link = next(each for each, (_, row) in label.items() if row == row_id)
    office.platform.sql(
        "UPDATE payments SET amount = :amount WHERE id = :id",
        amount=minor(office, "49.75"),
        id=row_id,
    )
    facts = reconciled(office, code=3)
    accounts = by_subject(facts, "account")
    assert accounts == {"Accounts Receivable (A/R)": "-10.25", "Undeposited Funds": "10.25"}
    assert by_subject(facts, "receivable") == {"Saltmarsh Brewing": "-10.25"}
    for each in (*of_kind(facts, "account"), *of_kind(facts, "receivable")):
        (part,) = each["records"]
        assert (part["record_type"], part["link"]) == ("payment", link)
        assert part["difference"] == each["difference"]
    assert {each["field"] for each in of_kind(facts, "account")} == {"2026-11"}
    (figure,) = of_kind(facts, "figure")
    assert (figure["field"], figure["link"]) == ("amount", link)
    assert (figure["quickbooks"], figure["platform"]) == ("60", "49.75")
    assert figure["reason"] == "the platform has changed it since the last cycle"
    text = office.run("reconcile", code=3).stdout
    assert "Records that make them up" in text


@on_both
def test_a_deleted_platform_row_is_missing_and_its_accounts_say_how_much(office: Office) -> None:
    """Goal: a row that another program deleted is named as gone, with its amount per account."""
    spent = spend(office, "41.30", number="GONE-1", spent_on=date.fromisoformat(DAY))
    office.sync()
    office.platform.sql("DELETE FROM expenses WHERE id = :id", id=spent)
    facts = reconciled(office, code=3)
    (missing,) = of_kind(facts, "missing")
    assert (missing["subject"], missing["quickbooks"]) == ("expense GONE-1", "41.3")
    assert missing["reason"].startswith("gone from the platform")
    assert by_subject(facts, "account") == {
        "Petty Cash": "-41.30",
        "Office Supplies": "40.30",
        "Software & Subscriptions": "1.00",
    }
    for each in of_kind(facts, "account"):
        assert [part["record"] for part in each["records"]] == ["GONE-1"]
        assert each["records"][0]["platform"] == "0.00"


@on_both
def test_what_one_side_has_not_seen_yet_is_named(office: Office) -> None:
    """Goal: an invoice that no cycle has seen, and an expense that is parked, with their reasons;
    an expense that nobody approved is not for the books."""
    office.books.create("Invoice", invoice("5", 80, TxnDate=DAY, DocNumber="NEW-1"))
    parked = spend(office, "12", number="BAD-1", tax_calculation="odd")
    spend(office, "7", status="submitted")
    office.run("sync", "--data-type", "expenses", code=3)
    facts = reconciled(office, code=3)
    missing = {each["subject"]: each for each in of_kind(facts, "missing")}
    assert missing["invoice NEW-1"]["reason"].startswith("not in the platform: no cycle")
    assert by_subject(facts, "receivable") == {"Saltmarsh Brewing": "80.00"}
    assert facts["compared"]["not_ready"] == 1
    link = next(
        each for each, (_, row) in office.platform.links("expense").items() if row == parked
    )
    assert any(each["link"] == link and "parked" in each["reason"] for each in missing.values())


@on_both
def test_types_that_the_sync_does_not_know_are_outside_by_name_and_amount(office: Office) -> None:
    """Goal: a sales receipt is no difference, and is not hidden either."""
    line = sales_line(45, "2")
    office.books.emulator.save(
        "SalesReceipt", {"CustomerRef": reference("5"), "Line": [line], "TxnDate": DAY}
    )
    office.books.emulator.save("Estimate", {"CustomerRef": reference("5"), "Line": [line]})
    office.sync()
    facts = reconciled(office)
    assert facts["not_synced"] == {"SalesReceipt": 1, "Estimate": 1}
    receipts = outside(facts, "Sales Receipt")
    assert sorted(receipts.values()) == ["-45.00", "45.00"]
    assert receipts["Undeposited Funds"] == "45.00"


@on_both
def test_an_application_that_vanished_is_named(office: Office) -> None:
    """Goal: an invoice's total less its balance is what the platform applies to it, or it is
    named with what does."""
    booked = office.books.create("Invoice", invoice("5", 100, TxnDate=DAY, DocNumber="APP-1"))
    office.books.create("Payment", payment("5", 60, booked["Id"], TxnDate=DAY))
    office.sync()
    row_id = office.platform.id_of("Invoice", booked["Id"])
    office.platform.sql("DELETE FROM payment_applications WHERE invoice_id = :id", id=row_id)
    facts = reconciled(office, code=3)
    (applied,) = of_kind(facts, "applied")
    assert applied["subject"] == "invoice APP-1"
    assert (applied["quickbooks"], applied["platform"], applied["difference"]) == ("60", "0", "60")


@on_both
def test_foreign_documents_count_at_quickbooks_rate(office: Office) -> None:
    """Goal: an invoice in euros, paid at another rate: receivables, bank and the exchange gain
    agree to the cent; another rate on the platform is a difference by name."""
    emulator = office.emulator
    preferences = emulator.get("Preferences", "1") or {}
    currencies = {"CurrencyPrefs": {**preferences["CurrencyPrefs"], "MultiCurrencyEnabled": True}}
    emulator.save("Preferences", {**preferences, **currencies}, "accountant")
    emulator.save("CompanyCurrency", {"Code": "EUR"}, "accountant")
    office.connect()
    euros = {"CurrencyRef": reference("EUR")}
    buyer = office.books.create("Customer", {"DisplayName": "Café Lisboa", **euros})["Id"]
    sold = office.books.create(
        "Invoice",
        invoice(
            buyer, "133.33", TxnDate=DAY, ExchangeRate=Decimal("1.0837"), DocNumber="EUR-1", **euros
        ),
    )
    office.books.create(
        "Payment",
        payment(buyer, "100", sold["Id"], TxnDate=DAY, ExchangeRate=Decimal("1.1"), **euros),
    )
    office.sync()
    facts = reconciled(office)
    assert facts["differences"] == []
    row_id = office.platform.id_of("Invoice", sold["Id"])
    assert office.platform.row("invoice", row_id)["exchange_rate"] == Decimal("1.0837")
    rate = Decimal("1.2")
    scaled = rate if office.engine.dialect.name == "postgresql" else int(rate * 10**7)
    office.platform.sql(
        "UPDATE invoices SET exchange_rate = :rate WHERE id = :id", rate=scaled, id=row_id
    )
    facts = reconciled(office, code=3)
    # what the payment settled is booked at the invoice's rate on both sides: 33.33 are open
    off = Decimal("33.33") * Decimal("1.0837") - Decimal("33.33") * rate
    (owed,) = of_kind(facts, "receivable")
    assert owed["subject"] == "Café Lisboa"
    assert abs(Decimal(owed["difference"]) - off) <= Decimal("0.02")
    assert any(part["record"] == "EUR-1" for part in owed["records"])
    assert {each["subject"] for each in of_kind(facts, "account")} >= {
        "Accounts Receivable (A/R) - EUR"
    }


def test_an_earlier_day(office: Office) -> None:
    """Goal: what was entered after the day asked for does not count on either side."""
    row_id = spend(office, "41.30", spent_on=date.fromisoformat(DAY))
    office.sync()
    office.platform.edit("expense", row_id, spent_on=date(2026, 11, 13))
    assert of_kind(reconciled(office, "--as-of", "2026-10-31", code=3), "account") == []
    facts = reconciled(office, "--as-of", DAY, code=3)
    assert by_subject(facts, "account")["Petty Cash"] == "-41.30"
    wrong = office.run("reconcile", "--as-of", "yesterday", code=2).stderr
    assert "--as-of is 'yesterday'" in wrong


def test_a_report_that_fails_is_no_clean_bill(office: Office) -> None:
    """Goal: where QuickBooks cannot be asked, the command fails and says so."""
    office.emulator.faults(kind="status", status=503, count=None, verb="reports")
    outcome = office.run("reconcile", "--json", code=1)
    assert outcome.stdout == ""
    assert outcome.stderr


@pytest.mark.prefect
@pytest.mark.xdist_group("prefect")
def test_the_flow_shows_differences_as_an_artifact(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """Goal: the run is named after what it found, and its artifact has each record by name."""
    from flows.reconcile import reconcile_books
    from tests.acceptance.test_flows import artifacts

    clean = reconcile_books(return_state=True)
    assert clean.name == "Completed"
    spent = spend(office, "41.30", number="GONE-1", spent_on=date.fromisoformat(DAY))
    office.sync()
    office.platform.sql("DELETE FROM expenses WHERE id = :id", id=spent)
    state = reconcile_books(return_state=True)
    assert state.name == "CompletedWithDifferences"
    shown = artifacts(prefect_server, state.state_details.flow_run_id)
    assert {"reconciliation", "differences", "outside"} <= set(shown)
    rows = json.loads(shown["differences"].data)
    assert {row["kind"] for row in rows} == {"account", "missing", "figure"}
    (figure,) = [row for row in rows if row["kind"] == "figure"]
    # the balance that QuickBooks computed after our write arrives with the next cycle
    assert figure["subject"] == "account Petty Cash"
    assert figure["reason"].endswith("the next one brings it")
    assert {row["record"] for row in rows if row["kind"] == "account"} == {"", "GONE-1"}


def test_an_artifact_has_a_bound() -> None:
    """Goal: however much differs, Prefect's database gets at most 1,000 rows."""
    from flows.reconcile import difference_rows

    part = Part("invoice", "1", 1, Decimal(1), Decimal(0), "differs")
    one = Difference(Kind.ACCOUNT, "Bank", "2026-11", "1", "0", "1", "", records=(part,) * 100)
    found = Reconciliation("c", date(2026, 11, 30), "USD", (one,) * 30, (), {}, {})
    assert len(difference_rows(found)) == 1_000
