"""Expenses, accounts, customers, vendors and items travel both ways."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, note_of, purchase, reference

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)

#: payment_method, is_refund -> PaymentType, Credit, the paying account in QuickBooks.
WAYS_TO_PAY = [
    ("cash", False, "Cash", False, "3"),
    ("check", False, "Check", False, "1"),
    ("credit_card", False, "CreditCard", False, "12"),
    ("credit_card", True, "CreditCard", True, "12"),
]


def spend(office: Office, amount: str, *, account: str = "3", **row: Any) -> int:
    """Enter an expense on the platform: two lines, a vendor, an account that paid."""
    whole = Decimal(amount)
    lines = [
        {
            "kind": "account",
            "account_id": office.platform.id_of("Account", "31"),
            "description": "Paper",
            "amount": whole - 1,
        },
        {
            "kind": "account",
            "account_id": office.platform.id_of("Account", "33"),
            "amount": Decimal(1),
        },
    ]
    values = {
        "payment_method": "cash",
        "payment_account_id": office.platform.id_of("Account", account),
        "payee_vendor_id": office.platform.id_of("Vendor", "3"),
        "spent_on": date(2026, 11, 5),
        "memo": "for the workshop",
        "status": "approved",
        **row,
    }
    return office.platform.add("expense", lines=lines, **values)


@on_both
def test_an_approved_expense_arrives_as_a_purchase(office: Office) -> None:
    """Goal: each way to pay becomes the right kind of Purchase, and the expense becomes posted."""
    rows = {
        way: spend(
            office,
            f"4{number}.10",
            account=way[4],
            number=f"EXP-{number}",
            payment_method=way[0],
            is_refund=way[1],
        )
        for number, way in enumerate(WAYS_TO_PAY)
    }
    cycle = office.sync()
    assert cycle["data_types"]["expenses"]["to_quickbooks"]["created"] == len(rows)
    for number, (way, row_id) in enumerate(rows.items()):
        quickbooks_id = office.platform.quickbooks_id("expense", row_id)
        assert quickbooks_id is not None
        booked = office.books.read("Purchase", quickbooks_id)
        assert booked["PaymentType"] == way[2]
        assert booked.get("Credit", False) is way[3]
        assert booked["AccountRef"]["value"] == way[4]
        assert (booked["EntityRef"]["value"], booked["EntityRef"]["type"]) == ("3", "Vendor")
        assert booked["DocNumber"] == f"EXP-{number}"
        assert booked["TxnDate"] == "2026-11-05"
        assert note_of(booked) == "for the workshop"
        assert booked["TotalAmt"] == Decimal(f"4{number}.10")
        details = [line["AccountBasedExpenseLineDetail"] for line in booked["Line"]]
        assert [each["AccountRef"]["value"] for each in details] == ["31", "33"]
        assert [line["Amount"] for line in booked["Line"]] == [booked["TotalAmt"] - 1, 1]
        row = office.platform.row("expense", row_id)
        assert (row["status"], row["total"]) == ("posted", booked["TotalAmt"])
        assert row["payee_name"] == "Dirigo Office Supply"
    office.settled()


@on_both
def test_only_approved_expenses_go_to_quickbooks(office: Office) -> None:
    """Goal: submitted and rejected expenses stay on the platform; an approval forwards one."""
    submitted = spend(office, "10", status="submitted")
    rejected = spend(office, "11", status="rejected")
    office.sync()
    assert office.books.written() == []
    assert office.platform.quickbooks_id("expense", submitted) is None

    office.platform.edit("expense", submitted, status="approved")
    office.sync()
    assert [write[:2] for write in office.books.written()] == [("create", "Purchase")]
    assert office.platform.row("expense", submitted)["status"] == "posted"
    assert office.platform.row("expense", rejected)["status"] == "rejected"
    office.settled()


@on_both
def test_a_purchase_made_in_quickbooks_arrives_as_a_posted_expense(office: Office) -> None:
    """Goal: a Purchase and a card refund entered in QuickBooks stand on the platform, posted."""
    vendor = {"value": "6", "type": "Vendor"}
    card = {"kind": "CreditCard", "account": "12"}
    bought = office.books.create(
        "Purchase", purchase("61.20", **card, EntityRef=vendor, DocNumber="SKY-1")
    )
    refund = office.books.create("Purchase", purchase("21.20", **card, Credit=True))
    office.sync()
    row = office.platform.of("Purchase", bought["Id"])
    assert (row["status"], row["payment_method"], row["is_refund"]) == (
        "posted",
        "credit_card",
        False,
    )
    assert (row["number"], row["total"]) == ("SKY-1", Decimal("61.20"))
    assert row["payee_vendor_id"] == office.platform.id_of("Vendor", "6")
    assert row["payee_name"] == "Skyline Air"
    assert row["lines"][0]["account_id"] == office.platform.id_of("Account", "31")
    row = office.platform.of("Purchase", refund["Id"])
    assert (row["is_refund"], row["total"], row["status"]) == (True, Decimal("21.20"), "posted")
    office.settled()


def test_an_edit_of_a_card_refund_keeps_it_a_refund(office: Office) -> None:
    """Goal: a sparse update never turns a refund into a charge (Credit true stays)."""
    card = {"kind": "CreditCard", "account": "12"}
    refund = office.books.create("Purchase", purchase("21.20", **card, Credit=True))
    office.sync()
    row = office.platform.of("Purchase", refund["Id"])
    office.platform.edit("expense", row["id"], memo="checked")
    office.sync()
    booked = office.books.read("Purchase", refund["Id"])
    assert (booked["Credit"], booked["PrivateNote"]) == (True, "checked")
    office.settled()


@on_both
def test_an_account_each_way(office: Office) -> None:
    """Goal: accounts, with a sub-account below a new one, go both ways."""
    parent = office.platform.add(
        "account", name="Training", type="Expense", number="6500", description="Courses"
    )
    child = office.platform.add("account", name="Online", type="Expense", parent_id=parent)
    booked = office.books.create("Account", {"Name": "Donations", "AccountType": "Expense"})
    office.sync()
    made = office.books.one("Account", "Name = 'Training'")
    assert (made["AcctNum"], made["Description"]) == ("6500", "Courses")
    below = office.books.one("Account", "Name = 'Online'")
    assert (below["SubAccount"], below["ParentRef"]["value"]) == (True, made["Id"])
    assert below["FullyQualifiedName"] == "Training:Online"
    assert office.platform.quickbooks_id("account", child) == below["Id"]
    assert office.platform.row("account", parent)["subtype"] == made["AccountSubType"]
    row = office.platform.of("Account", booked["Id"])
    assert (row["name"], row["type"], row["active"]) == ("Donations", "Expense", True)
    office.settled()


@on_both
def test_a_customer_and_a_vendor_each_way(office: Office) -> None:
    """Goal: parties go both ways with their addresses, and a job below its customer."""
    customer = office.platform.add(
        "customer",
        name="O'Brien & Søns",
        given_name="Siobhán",
        email="s@obrien.example",
        billing_line1="1 Quay",
        billing_city="Portland",
        billing_region="ME",
        billing_postal_code="04101",
    )
    office.platform.add("customer", name="O'Brien — Pier", parent_id=customer)
    vendor = office.platform.add("vendor", name="Zoë's Prints", account_number="H&P 7")
    theirs = office.books.create(
        "Customer",
        {
            "DisplayName": "Quarry 9",
            "PrimaryPhone": {"FreeFormNumber": "207 555 0100"},
            "BillAddr": {"Line1": "9 Hill", "City": "Bangor"},
        },
    )
    paid = office.books.create("Vendor", {"DisplayName": "Ferry Line", "AcctNum": "77"})
    office.sync()
    made = office.books.one("Customer", "DisplayName = 'O\\'Brien & Søns'")
    assert made["BillAddr"]["City"] == "Portland"
    assert made["PrimaryEmailAddr"]["Address"] == "s@obrien.example"
    job = office.books.one("Customer", "DisplayName = 'O\\'Brien — Pier'")
    assert (job["Job"], job["ParentRef"]["value"]) == (True, made["Id"])
    assert (
        office.books.read("Vendor", str(office.platform.quickbooks_id("vendor", vendor)))["AcctNum"]
        == "H&P 7"
    )
    row = office.platform.of("Customer", theirs["Id"])
    assert (row["phone"], row["billing_line1"], row["billing_city"]) == (
        "207 555 0100",
        "9 Hill",
        "Bangor",
    )
    assert office.platform.of("Vendor", paid["Id"])["account_number"] == "77"
    office.settled()


@on_both
def test_an_item_each_way(office: Office) -> None:
    """Goal: items go both ways with price, cost and accounts."""
    row = office.platform.add(
        "item",
        name="Coaching",
        kind="service",
        unit_price=Decimal("187.5055"),
        income_account_id=office.platform.id_of("Account", "19"),
        description="An hour",
    )
    theirs = office.books.create(
        "Item",
        {
            "Name": "Poster",
            "Type": "NonInventory",
            "UnitPrice": Decimal("12.5"),
            "PurchaseCost": Decimal("4.75"),
            "IncomeAccountRef": reference("22"),
            "ExpenseAccountRef": reference("25"),
            "Sku": "P-1",
        },
    )
    office.sync()
    made = office.books.read("Item", str(office.platform.quickbooks_id("item", row)))
    assert (made["Type"], made["UnitPrice"]) == ("Service", Decimal("187.5055"))
    assert made["IncomeAccountRef"]["value"] == "19"
    seen = office.platform.of("Item", theirs["Id"])
    assert (seen["kind"], seen["sku"]) == ("non_inventory", "P-1")
    assert (seen["unit_price"], seen["purchase_cost"]) == (Decimal("12.5"), Decimal("4.75"))
    assert seen["income_account_id"] == office.platform.id_of("Account", "22")
    assert seen["expense_account_id"] == office.platform.id_of("Account", "25")
    office.settled()


def test_a_new_customer_with_invoice_and_payment_goes_in_one_cycle(office: Office) -> None:
    """Goal: records that refer to each other and are all new arrive in one cycle, parents first."""
    customer = office.platform.add("customer", name="Newcomer")
    account = office.platform.add("account", name="Coaching Income", type="Income")
    item = office.platform.add("item", name="Advice", kind="service", income_account_id=account)
    line = {"kind": "item", "item_id": item, "amount": Decimal(75)}
    invoice = office.platform.add(
        "invoice", customer_id=customer, issued_on=date(2026, 11, 6), lines=[line]
    )
    applied = {"kind": "invoice", "invoice_id": invoice, "amount": Decimal(75)}
    office.platform.add(
        "payment",
        customer_id=customer,
        received_on=date(2026, 11, 7),
        amount=Decimal(75),
        lines=[applied],
    )
    office.sync()
    entities = [entity for _, entity, _ in office.books.written()]
    assert entities == ["Account", "Customer", "Item", "Invoice", "Payment"]
    office.settled()
    assert office.platform.row("invoice", invoice)["status"] == "paid"
    assert office.platform.row("invoice", invoice)["balance"] == 0


def test_data_types_can_be_synced_one_at_a_time(office: Office) -> None:
    """Goal: --data-type leaves the other data types' records for later, and loses none.

    What others refer to, such as customers, comes along from QuickBooks and is not sent there.
    """
    office.platform.add("account", name="Training", type="Expense")
    office.platform.add("customer", name="Later")
    office.books.create("Customer", {"DisplayName": "Waiting"})
    office.sync("--data-type", "financials")
    assert [entity for _, entity, _ in office.books.written()] == ["Account"]
    assert len(office.platform.rows("customer", name="Waiting")) == 1
    office.sync("--data-type", "invoices")
    assert [entity for _, entity, _ in office.books.written()] == ["Account", "Customer"]
    assert len(office.platform.rows("customer", name="Waiting")) == 1
    office.settled()
