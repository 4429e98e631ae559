"""The recorded company: a real set of books, synced into an empty platform and worked on."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from emulator.testing import RunningEmulator
from tests.fixtures.company import (
    REPOSITORY,
    Office,
    invoice,
    moved,
    opened,
    payment,
    purchase,
)

ENTITIES = {
    "account": "Account",
    "customer": "Customer",
    "vendor": "Vendor",
    "item": "Item",
    "invoice": "Invoice",
    "payment": "Payment",
    "expense": "Purchase",
    "bill": "Bill",
    "bill_payment": "BillPayment",
    "credit_memo": "CreditMemo",
    "deposit": "Deposit",
    "journal_entry": "JournalEntry",
}


@pytest.fixture(scope="module")
def recorded() -> Path:
    """The folder of the recorded company, beside the repository or where QBSYNC_PAYLOADS says."""
    given = os.environ.get("QBSYNC_PAYLOADS")
    payloads = Path(given) if given else REPOSITORY.parent / "shared" / "payloads"
    if not (payloads / "company").is_dir():
        pytest.skip("the recorded company is not here; QBSYNC_PAYLOADS can name its folder")
    return payloads / "company"


@pytest.fixture
def recorded_office(
    recorded: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Office]:
    """The recorded company in QuickBooks, an empty platform, connected."""
    with (
        RunningEmulator(recorded) as emulator,
        opened(emulator, database_url, monkeypatch, tmp_path) as office,
    ):
        office.connect()
        yield office


def records(folder: Path, entity: str) -> list[dict[str, Any]]:
    """The recorded records of an entity."""
    text = (folder / f"{entity}.json").read_text(encoding="utf-8")
    return json.loads(text, parse_float=Decimal)


def assert_balances(office: Office, invoices: list[dict[str, Any]]) -> None:
    """The platform's invoice balances per customer add up to QuickBooks's, to the cent."""
    expected: dict[int, Decimal] = defaultdict(Decimal)
    for each in invoices:
        customer = office.platform.id_of("Customer", each["CustomerRef"]["value"])
        expected[customer] += Decimal(each["Balance"])
    found: dict[int, Decimal] = defaultdict(Decimal)
    for row in office.platform.rows("invoice"):
        found[row["customer_id"]] += row["balance"]
    assert dict(found) == dict(expected)


def test_the_recorded_company(recorded_office: Office, recorded: Path) -> None:
    """Goal: all that was recorded arrives whole, balances to the cent; a second cycle writes
    nothing; then ten edits on each side end as they should, each looked at."""
    office = recorded_office
    first = office.sync()
    for record_type, entity in ENTITIES.items():
        expected = len(records(recorded, entity))
        read = first["read"][record_type]
        assert read["quickbooks"] == read["records"] == expected
        assert read["applied"] + read["unchanged"] + read["parked"] == expected
        assert len(office.platform.rows(record_type)) == read["applied"]
    assert all(each["message"] and each["fix"] for each in first["parked"])
    assert first["parked"] == []
    assert_balances(office, records(recorded, "Invoice"))
    totals = sum(row["total"] for row in office.platform.rows("expense"))
    assert totals == sum(each["TotalAmt"] for each in records(recorded, "Purchase"))
    amounts = sum(row["amount"] for row in office.platform.rows("payment"))
    assert amounts == sum(each["TotalAmt"] for each in records(recorded, "Payment"))

    second = office.sync()
    assert moved(second) == 0
    assert office.books.written() == []
    third = office.sync()
    assert (moved(third), third["requests"]) == (0, 1)
    # the company itself is as new as this test, and what is so new is read again
    third["read"].pop("company")
    assert all(read["records"] == 0 for read in third["read"].values())
    office.assert_equal()

    edit_twenty(office)


def edit_twenty(office: Office) -> None:
    """Ten edits by a person on each side, one sync, and what became of each."""
    books, platform = office.books, office.platform
    row_of = platform.of

    # Ten in QuickBooks
    books.update("Invoice", "34", PrivateNote="theirs")
    books.update("Invoice", "39", DueDate="2027-01-31")
    created = books.create("Invoice", invoice("29", "412.35", DocNumber="2001"))
    paid = books.create("Payment", payment("25", 80, "64"))
    books.delete("Invoice", "60")
    books.void("Invoice", "145")
    phoned = books.update("Customer", "3", PrimaryPhone={"FreeFormNumber": "207 555 0111"})
    books.update("Vendor", "63", Active=False)
    books.update("Item", "4", UnitPrice=Decimal("77.25"))
    bought = books.create("Purchase", purchase("31.10", "Cash", "35", DocNumber="K-1"))

    # Ten on the platform
    platform.edit("invoice", row_of("Invoice", "34")["id"], customer_message="ours")
    at = datetime.fromisoformat(phoned["MetaData"]["LastUpdatedTime"]).astimezone(UTC)
    later = at + timedelta(seconds=60)
    platform.edit("customer", row_of("Customer", "3")["id"], phone="207 555 0222", updated_at=later)
    customer = platform.add("customer", name="Twenty Edits Ltd")
    item = platform.id_of("Item", "2")
    line = {"kind": "item", "item_id": item, "amount": Decimal("55.50")}
    billed = platform.add(
        "invoice", customer_id=customer, issued_on=date(2026, 11, 2), lines=[line]
    )
    settled = platform.id_of("Invoice", "65")
    applied = {"kind": "invoice", "invoice_id": settled, "amount": Decimal("30.05")}
    received = platform.add(
        "payment",
        customer_id=row_of("Invoice", "65")["customer_id"],
        received_on=date(2026, 11, 3),
        amount=Decimal("30.05"),
        lines=[applied],
    )
    deleted = platform.sql(
        "DELETE FROM expenses WHERE id = :id", id=platform.id_of("Purchase", "144")
    )
    scaled = 120 if office.engine.dialect.name == "postgresql" else 120 * 10**5
    platform.sql(
        "UPDATE invoice_lines SET amount = :amount, quantity = NULL, unit_price = NULL "
        "WHERE invoice_id = :id AND position = 1",
        amount=scaled,
        id=platform.id_of("Invoice", "146"),
    )
    spent = platform.add(
        "expense",
        payment_method="check",
        payment_account_id=platform.id_of("Account", "35"),
        spent_on=date(2026, 11, 4),
        status="approved",
        number="EXP-77",
        lines=[
            {
                "kind": "account",
                "account_id": platform.id_of("Account", "15"),
                "amount": Decimal("18.80"),
            }
        ],
    )
    platform.edit("account", platform.id_of("Account", "7"), description="Print and radio")
    bad = platform.add(
        "invoice",
        customer_id=row_of("Invoice", "34")["customer_id"],
        issued_on=date(2026, 11, 2),
        terms="Net 999",
        lines=[line],
    )
    assert deleted == 1
    mark = books.mark()
    cycle = office.sync(code=3)

    # The ten of QuickBooks, on the platform
    assert row_of("Invoice", "34")["memo"] == "theirs"
    assert row_of("Invoice", "39")["due_on"] == date(2027, 1, 31)
    assert row_of("Invoice", created["Id"])["balance"] == Decimal("412.35")
    assert row_of("Payment", paid["Id"])["lines"][0]["invoice_id"] == platform.id_of(
        "Invoice", "64"
    )
    assert (row_of("Invoice", "64")["status"], row_of("Invoice", "64")["balance"]) == ("paid", 0)
    assert row_of("Invoice", "60")["deleted_at"] is not None
    assert (row_of("Invoice", "145")["status"], row_of("Invoice", "145")["balance"]) == (
        "voided",
        0,
    )
    assert row_of("Vendor", "63")["active"] is False
    assert row_of("Item", "4")["unit_price"] == Decimal("77.25")
    assert (row_of("Purchase", bought["Id"])["status"]) == "posted"

    # The ten of the platform, in QuickBooks
    assert books.read("Invoice", "34")["CustomerMemo"]["value"] == "ours"
    assert books.read("Customer", "3")["PrimaryPhone"]["FreeFormNumber"] == "207 555 0222"
    (conflict,) = office.conflicts()
    assert (conflict["field"], conflict["winner"]) == ("phone", "platform")
    assert conflict["quickbooks"] == "207 555 0111"
    made = books.one("Customer", "DisplayName = 'Twenty Edits Ltd'")
    sale = books.read("Invoice", str(platform.quickbooks_id("invoice", billed)))
    assert (sale["CustomerRef"]["value"], sale["TotalAmt"]) == (made["Id"], Decimal("55.5"))
    receipt = books.read("Payment", str(platform.quickbooks_id("payment", received)))
    assert receipt["Line"][0]["LinkedTxn"][0]["TxnId"] == "65"
    assert books.read("Invoice", "65")["Balance"] == Decimal("49.95")
    assert books.is_gone("Purchase", "144")
    assert books.read("Invoice", "146")["TotalAmt"] == 120
    cost = books.read("Purchase", str(platform.quickbooks_id("expense", spent)))
    assert (cost["PaymentType"], cost["TotalAmt"]) == ("Check", Decimal("18.8"))
    assert books.read("Account", "7")["Description"] == "Print and radio"
    (parked,) = cycle["parked"]
    assert (parked["field"], parked["code"]) == ("terms", "unknown_name")
    assert platform.quickbooks_id("invoice", bad) is None

    # Nothing else was written, and both sides are equal to the cent
    writes = sorted((operation, entity) for operation, entity, _ in books.written(mark))
    assert writes == [
        ("create", "Customer"),
        ("create", "Invoice"),
        ("create", "Payment"),
        ("create", "Purchase"),
        ("delete", "Purchase"),
        ("update", "Account"),
        ("update", "Customer"),
        ("update", "Invoice"),
        ("update", "Invoice"),
    ]
    office.settled(code=3)
    platform.edit("invoice", bad, terms="Net 30")
    office.sync()
    office.settled()
    assert_balances(office, books.find("Invoice"))
    office.run("audit", "verify")


#: What the recording's accounts held before its first transaction, or lost to other entities.
OPENING_BALANCES = {
    "Retained Earnings": "1300.00",
    "Accounts Payable (A/P)": "-600.00",
    "Opening Balance Equity": "-2832.50",
    "Checking": "398.10",
    "Undeposited Funds": "218.75",
    "Inventory Asset": "1438.75",
    "Arizona Dept. of Revenue Payable": "447.84",
    "Board of Equalization Payable": "-370.94",
}


def test_the_recorded_company_reconciles(recorded_office: Office) -> None:
    """Goal: after one sync no account, customer, vendor or record differs, and what the recording
    lacks is named: opening balances per account, the cost of goods, types that are not synced."""
    office = recorded_office
    office.sync()
    facts = office.run("reconcile", "--json").json
    assert facts["differences"] == []
    assert facts["compared"]["months"] == 12
    assert facts["compared"]["customers"] >= 15
    outside: dict[str, dict[str, str]] = defaultdict(dict)
    for each in facts["outside"]:
        outside[each["what"]][each["where"]] = each["amount"]
    assert outside["opening balance"] == OPENING_BALANCES
    goods = outside["cost of goods, which QuickBooks values"]
    assert goods == {"Cost of Goods Sold": "1276.25", "Inventory Asset": "-1276.25"}
    # the accounts of lines as they were booked, where the items say another one today
    moved_lines = next(each for name, each in outside.items() if name.startswith("booked by"))
    assert sum(Decimal(each) for each in moved_lines.values()) == 0
    # a statement charge: an invoice of 75.00 without a line
    assert outside["its parts do not add up to its total"] == {
        "Uncategorized Expense (not in the accounts)": "-75.00"
    }
    assert len(outside) == 4
    assert facts["not_synced"] == {"Estimate": 8, "PurchaseOrder": 9}


def test_both_sides_hold_the_same_names_at_the_first_sync(fresh_office: Office) -> None:
    """Goal: a chart of accounts, parties and items that both sides hold already are matched by
    name, none is made twice, and what only one side says about them goes to the other."""
    office = fresh_office
    office.platform.sql("INSERT INTO companies (name, currency) VALUES ('Harbor', 'USD')")
    add = office.platform.add
    accounts: dict[str, int] = {}
    booked = sorted(office.books.find("Account"), key=lambda each: "ParentRef" in each)
    for each in booked:
        parent = accounts.get(each.get("ParentRef", {}).get("value", ""))
        accounts[each["Id"]] = add(
            "account",
            name=each["Name"].upper(),
            type=each["AccountType"],
            parent_id=parent,
        )
    for each in office.books.find("Customer"):
        add("customer", name=each["DisplayName"], notes="a good customer")
    for each in office.books.find("Vendor"):
        add("vendor", name=each["DisplayName"])
    for each in office.books.find("Item"):
        add("item", name=each["Name"], kind=_kind(each))
    ours = add("customer", name="Only Here")
    counts = {name: len(office.platform.rows(name)) for name in ("account", "vendor", "item")}

    office.connect()
    office.sync()
    creates = [write for write in office.books.written() if write[0] == "create"]
    assert [entity for _, entity, _ in creates] == ["Customer"]
    assert office.platform.quickbooks_id("customer", ours) == creates[0][2]
    for name, count in counts.items():
        assert len(office.platform.rows(name)) == count
    assert len(office.platform.rows("customer")) == len(office.books.find("Customer"))
    tide = office.books.one("Customer", "DisplayName = 'Tidewater Aquaculture'")
    assert tide["Notes"] == "a good customer"
    assert (
        office.platform.of("Customer", tide["Id"])["email"] == tide["PrimaryEmailAddr"]["Address"]
    )
    links = office.platform.links("account")
    assert sorted(links.values()) == sorted((each, row) for each, row in accounts.items())
    office.settled()


def _kind(item: dict[str, Any]) -> str:
    return {"Service": "service", "NonInventory": "non_inventory", "Inventory": "inventory"}[
        item["Type"]
    ]


def test_documents_that_both_sides_hold_are_matched_by_number(fresh_office: Office) -> None:
    """Goal: an invoice that was entered on both sides before they were connected is one invoice."""
    office = fresh_office
    office.platform.sql("INSERT INTO companies (name, currency) VALUES ('Harbor', 'USD')")
    booked = office.books.one("Invoice", "DocNumber = '1004'")
    customer = office.platform.add("customer", name="Elmwood School District")
    item = office.platform.add("item", name="On-site Workshop", kind="service")
    discount = {"kind": "discount", "amount": Decimal(290), "discount_percent": Decimal(10)}
    row = office.platform.add(
        "invoice",
        number="1004",
        customer_id=customer,
        issued_on=date.fromisoformat(booked["TxnDate"]),
        total=Decimal(2610),
        lines=[{"kind": "item", "item_id": item, "amount": Decimal(2900)}, discount],
    )
    office.connect()
    office.sync()
    assert office.platform.quickbooks_id("invoice", row) == booked["Id"]
    assert [write for write in office.books.written() if write[0] == "create"] == []
    assert len(office.platform.rows("invoice", number="1004")) == 1
    assert office.books.read("Invoice", booked["Id"])["TotalAmt"] == 2610
    office.settled()
