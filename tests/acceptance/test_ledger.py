"""The company, classes, departments, journal entries, transfers and deposits travel both ways."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from models.tables.record_tables import RECORD_TABLES
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, RefusedError, note_of, payment, reference

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
JOURNAL, DEPOSIT = "JournalEntryLineDetail", "DepositLineDetail"
CHECKING, SAVINGS, RECEIVABLES, UNDEPOSITED, PAYABLES = "1", "2", "4", "5", "11"
LIST_TYPES = [("class", "Class", "SubClass"), ("department", "Department", "SubDepartment")]
lists = pytest.mark.parametrize(("record_type", "entity", "flag"), LIST_TYPES)


def account(office: Office, quickbooks_id: str) -> int:
    """The platform's id of an account."""
    return office.platform.id_of("Account", quickbooks_id)


def entry(side: str, account_id: int, amount: str, **more: Any) -> dict[str, Any]:
    """A line of a journal entry on the platform."""
    return {
        "kind": "entry",
        "posting": side,
        "account_id": account_id,
        "amount": Decimal(amount),
        **more,
    }


def journal_line(side: str, account_id: str, amount: str, **detail: Any) -> dict[str, Any]:
    """A line of a journal entry in QuickBooks."""
    posted = {"PostingType": side, "AccountRef": reference(account_id), **detail}
    return {"Amount": Decimal(amount), "DetailType": JOURNAL, JOURNAL: posted}


def taken(paid: dict[str, Any]) -> dict[str, Any]:
    """A line of a deposit in QuickBooks that takes a payment along."""
    link = {"TxnId": paid["Id"], "TxnType": "Payment", "TxnLineId": "0"}
    return {"Amount": paid["TotalAmt"], "LinkedTxn": [link]}


def from_account(account_id: str, amount: str, **detail: Any) -> dict[str, Any]:
    """A line of a deposit in QuickBooks with money from elsewhere."""
    detail = {"AccountRef": reference(account_id), **detail}
    return {"Amount": Decimal(amount), "DetailType": DEPOSIT, DEPOSIT: detail}


# --- the company ----------------------------------------------------------------------------------


@on_both
def test_the_company_arrives_and_follows_quickbooks(office: Office) -> None:
    """Goal: the company's name and address stand on the platform, and an edit there comes over."""
    (row,) = office.platform.rows("company")
    assert (row["name"], row["legal_name"]) == (
        "Harbor & Pine Consulting",
        "Harbor & Pine Consulting LLC",
    )
    assert (row["address_city"], row["country"], row["currency"]) == ("Portland", "US", "USD")
    office.books.update("CompanyInfo", "1", CompanyName="Harbor & Oak", Email={"Address": "a@b.c"})
    office.sync()
    (row,) = office.platform.rows("company")
    assert (row["name"], row["email"]) == ("Harbor & Oak", "a@b.c")
    assert row["address_city"] == "Portland"
    assert office.books.written() == []
    office.settled()


@on_both
def test_an_edit_of_the_company_on_the_platform_is_undone_and_named(office: Office) -> None:
    """Goal: QuickBooks leads; what the platform entered is the named loser of a conflict."""
    (row,) = office.platform.rows("company")
    office.platform.edit("company", row["id"], name="Harbour", address_city="Bath")
    office.sync()
    (after,) = office.platform.rows("company")
    assert (after["name"], after["address_city"]) == ("Harbor & Pine Consulting", "Portland")
    lost = {each["field"]: (each["platform"], each["winner"]) for each in office.conflicts()}
    assert lost == {"name": ("Harbour", "quickbooks"), "address_city": ("Bath", "quickbooks")}
    assert office.books.written() == []
    office.settled()


@pytest.mark.parametrize("name", ["Second company", None])
def test_a_company_made_on_the_platform_waits(office: Office, name: str | None) -> None:
    """Goal: it is never sent; the person is told, whatever else is wrong with it, and it ends."""
    second = office.platform.add("company", name=name, currency="EUR")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "read_only"
    assert "kept in QuickBooks" in parked["fix"]
    assert office.books.written() == []
    office.settled(code=3)
    office.platform.sql("DELETE FROM company_information WHERE id = :id", id=second)
    office.sync()
    office.parked(0)


@pytest.mark.parametrize("edited", [False, True])
def test_a_company_deleted_on_the_platform_waits(office: Office, *, edited: bool) -> None:
    """Goal: QuickBooks keeps it; once the row is restored, both sides agree again."""
    (row,) = office.platform.rows("company")
    office.platform.edit("company", row["id"], deleted_at=office.clock_now())
    if edited:
        office.books.update("CompanyInfo", "1", CompanyName="Harbor & Oak")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "read_only"
    assert "kept in QuickBooks" in parked["fix"]
    assert office.books.written() == []
    office.platform.edit("company", row["id"], deleted_at=None)
    office.sync()
    (after,) = office.platform.rows("company")
    assert after["name"] == office.books.read("CompanyInfo", "1")["CompanyName"]
    office.settled()


# --- classes and departments ----------------------------------------------------------------------


@on_both
@lists
def test_a_tree_goes_each_way(office: Office, record_type: str, entity: str, flag: str) -> None:
    """Goal: an entry below another one is created both ways, renamed, moved and left inactive."""
    top = office.platform.add(record_type, name="North", active=True)
    below = office.platform.add(record_type, name="Harbour", parent_id=top, active=True)
    theirs = office.books.create(entity, {"Name": "South"})
    deeper = {"Name": "Harbour", flag: True, "ParentRef": reference(theirs["Id"])}
    office.books.create(entity, deeper)
    office.sync()
    made = office.books.one(entity, "FullyQualifiedName = 'North:Harbour'")
    assert made[flag] is True
    parent = office.platform.of(entity, theirs["Id"])
    assert [row["name"] for row in office.platform.rows(record_type, parent_id=parent["id"])] == [
        "Harbour"
    ]
    office.settled()

    office.platform.edit(record_type, below, name="Port", parent_id=None)
    office.books.update(entity, theirs["Id"], Name="Far South")
    office.sync()
    moved = office.books.read(entity, made["Id"])
    assert (moved["Name"], moved[flag], moved.get("ParentRef")) == ("Port", False, None)
    assert office.platform.row(record_type, parent["id"])["name"] == "Far South"
    office.settled()

    office.platform.sql(f"DELETE FROM {_table(record_type)} WHERE id = :id", id=below)
    office.books.update(entity, office.platform.quickbooks_id(record_type, top) or "", Active=False)
    office.sync()
    assert office.books.read(entity, made["Id"])["Active"] is False
    row = office.platform.row(record_type, top)
    assert (row["name"], row["active"]) == ("North", False)
    office.settled()


def _table(record_type: str) -> str:
    return {"class": "classes", "department": "departments"}[record_type]


# --- journal entries ------------------------------------------------------------------------------


@on_both
def test_a_journal_entry_of_the_platform_arrives_with_parties_and_dimensions(
    office: Office,
) -> None:
    """Goal: debits, credits, customer, vendor, class and department are the same in QuickBooks."""
    customer = office.platform.id_of("Customer", "2")
    vendor = office.platform.id_of("Vendor", "4")
    strategy = office.platform.id_of("Class", "1")
    inland = office.platform.id_of("Department", "2")
    row_id = office.platform.add(
        "journal_entry",
        number="ADJ-1",
        entered_on=date(2026, 11, 5),
        memo="accrual",
        is_adjustment=True,
        lines=[
            entry("debit", account(office, RECEIVABLES), "120.50", customer_id=customer),
            entry("credit", account(office, PAYABLES), "20.50", vendor_id=vendor),
            entry(
                "credit",
                account(office, "19"),
                "100.00",
                description="October",
                class_id=strategy,
                department_id=inland,
            ),
        ],
    )
    owed = office.books.read("Customer", "2")["Balance"]
    office.sync()
    booked = office.books.read(
        "JournalEntry", str(office.platform.quickbooks_id("journal_entry", row_id))
    )
    assert (booked["DocNumber"], booked["TxnDate"], booked["Adjustment"]) == (
        "ADJ-1",
        "2026-11-05",
        True,
    )
    assert note_of(booked) == "accrual"
    assert [line["Id"] for line in booked["Line"]] == ["0", "1", "2"]
    details = [line[JOURNAL] for line in booked["Line"]]
    assert [each["PostingType"] for each in details] == ["Debit", "Credit", "Credit"]
    parties = [each.get("Entity", {}).get("Type") for each in details]
    assert parties == ["Customer", "Vendor", None]
    assert (details[2]["ClassRef"]["value"], details[2]["DepartmentRef"]["value"]) == ("1", "2")
    assert office.books.read("Customer", "2")["Balance"] == owed + Decimal("120.50")
    office.settled()

    # another party on a line, and another amount on two
    other = office.platform.id_of("Customer", "5")
    office.platform.sql(
        "UPDATE journal_entry_lines SET customer_id = :other"
        " WHERE journal_entry_id = :id AND position = 1",
        other=other,
        id=row_id,
    )
    office.sync()
    after = office.books.read("JournalEntry", booked["Id"])
    assert after["Line"][0][JOURNAL]["Entity"]["EntityRef"]["value"] == "5"
    assert after["Line"][1:] == booked["Line"][1:]
    assert office.books.read("Customer", "2")["Balance"] == owed
    office.settled()

    office.platform.sql("DELETE FROM journal_entries WHERE id = :id", id=row_id)
    office.sync()
    assert office.books.is_gone("JournalEntry", booked["Id"])
    office.settled()


@on_both
def test_a_journal_entry_of_quickbooks_arrives_and_goes(office: Office) -> None:
    """Goal: lines with parties and dimensions, an edit of them, and a delete come over."""
    who = {"Type": "Vendor", "EntityRef": reference("3")}
    lines = [
        journal_line("Debit", "31", "40.00", ClassRef=reference("2"), Entity=who),
        {"DetailType": "DescriptionOnly", "Description": "as agreed"},
        journal_line("Credit", CHECKING, "40.00"),
    ]
    body = {"TxnDate": "2026-11-06", "DocNumber": "JE-9", "Line": lines}
    booked = office.books.create("JournalEntry", body)
    office.sync()
    row = office.platform.of("JournalEntry", booked["Id"])
    assert (row["number"], row["entered_on"], row["currency"]) == ("JE-9", date(2026, 11, 6), "USD")
    assert [line["kind"] for line in row["lines"]] == ["entry", "description", "entry"]
    first = row["lines"][0]
    assert first["vendor_id"] == office.platform.id_of("Vendor", "3")
    assert first["class_id"] == office.platform.id_of("Class", "2")
    assert (first["posting"], first["amount"]) == ("debit", Decimal(40))
    office.settled()

    kept = [booked["Line"][0], booked["Line"][2]]
    lines = [{**each, "Amount": Decimal("41.00")} for each in kept]
    office.books.update("JournalEntry", booked["Id"], Line=lines)
    office.sync()
    row = office.platform.of("JournalEntry", booked["Id"])
    assert [line["amount"] for line in row["lines"]] == [Decimal(41), Decimal(41)]
    office.books.delete("JournalEntry", booked["Id"])
    office.sync()
    assert office.platform.rows("journal_entry", number="JE-9") == []
    office.settled()


@pytest.mark.parametrize(
    ("account_id", "amount", "code"),
    [("31", "9.99", "unbalanced"), (RECEIVABLES, "10.00", "fault_6000")],
)
def test_a_journal_entry_that_does_not_hold_waits(
    office: Office, account_id: str, amount: str, code: str
) -> None:
    """Goal: one that is out of balance is not sent; a receivable of nobody is refused, and told."""
    lines = [
        entry("debit", account(office, account_id), "10.00"),
        entry("credit", account(office, CHECKING), amount),
    ]
    office.platform.add("journal_entry", entered_on=date(2026, 11, 5), lines=lines)
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == code
    office.settled(code=3)


# --- transfers ------------------------------------------------------------------------------------


@on_both
def test_a_transfer_each_way(office: Office) -> None:
    """Goal: money moved between accounts is moved once on the other side, edited and deleted."""
    row_id = office.platform.add(
        "transfer",
        from_account_id=account(office, CHECKING),
        to_account_id=account(office, SAVINGS),
        amount=Decimal("250.00"),
        transferred_on=date(2026, 11, 5),
        memo="reserve",
        class_id=office.platform.id_of("Class", "1"),
    )
    sides = {"FromAccountRef": reference(SAVINGS), "ToAccountRef": reference(CHECKING)}
    theirs = office.books.create("Transfer", {**sides, "Amount": 75, "TxnDate": "2026-11-06"})
    saved = office.books.read("Account", SAVINGS)["CurrentBalance"]
    office.sync()
    quickbooks_id = str(office.platform.quickbooks_id("transfer", row_id))
    made = office.books.read("Transfer", quickbooks_id)
    assert (made["FromAccountRef"]["value"], made["ToAccountRef"]["value"]) == (CHECKING, SAVINGS)
    assert (made["Amount"], made["ClassRef"]["value"], note_of(made)) == (250, "1", "reserve")
    assert office.books.read("Account", SAVINGS)["CurrentBalance"] == saved + 250
    row = office.platform.of("Transfer", theirs["Id"])
    assert (row["amount"], row["transferred_on"]) == (Decimal(75), date(2026, 11, 6))
    office.settled()

    office.platform.edit("transfer", row_id, amount=Decimal("300.00"))
    office.books.update("Transfer", theirs["Id"], PrivateNote="back", **sides, Amount=80)
    office.sync()
    assert office.books.read("Transfer", quickbooks_id)["Amount"] == 300
    row = office.platform.of("Transfer", theirs["Id"])
    assert (row["amount"], row["memo"]) == (Decimal(80), "back")
    office.settled()

    office.platform.sql("DELETE FROM transfers WHERE id = :id", id=row_id)
    office.books.delete("Transfer", theirs["Id"])
    office.sync()
    assert office.books.is_gone("Transfer", quickbooks_id)
    assert office.platform.rows("transfer", id=row["id"]) == []
    office.settled()


# --- deposits -------------------------------------------------------------------------------------


@on_both
def test_a_deposit_of_the_platform_takes_payments_to_the_bank(office: Office) -> None:
    """Goal: payments on the deposit leave Undeposited Funds and are frozen, until it is deleted."""
    first = office.platform.of("Payment", "29")
    paid = office.platform.add(
        "payment",
        customer_id=office.platform.id_of("Customer", "3"),
        received_on=date(2026, 11, 5),
        amount=Decimal("10.00"),
    )
    row_id = office.platform.add(
        "deposit",
        deposit_account_id=account(office, CHECKING),
        deposited_on=date(2026, 11, 6),
        memo="Friday",
        cash_back_account_id=account(office, "3"),
        cash_back_amount=Decimal("20.00"),
        cash_back_memo="till",
        lines=[
            {"kind": "payment", "payment_id": first["id"], "amount": first["amount"]},
            {"kind": "payment", "payment_id": paid, "amount": Decimal("10.00")},
            {
                "kind": "account",
                "account_id": account(office, "38"),
                "description": "interest",
                "amount": Decimal("1.50"),
                "customer_id": office.platform.id_of("Customer", "2"),
                "class_id": office.platform.id_of("Class", "2"),
                "method": "Check",
                "check_number": "77",
            },
        ],
    )
    undeposited = office.books.read("Account", UNDEPOSITED)["CurrentBalance"]
    office.sync()
    booked = office.books.read("Deposit", str(office.platform.quickbooks_id("deposit", row_id)))
    assert booked["TotalAmt"] == first["amount"] + Decimal("10.00") + Decimal("1.50") - 20
    assert booked["Line"][0]["LinkedTxn"][0]["TxnId"] == "29"
    detail = booked["Line"][2][DEPOSIT]
    assert (detail["Entity"]["value"], detail["ClassRef"]["value"]) == ("2", "2")
    assert (detail["PaymentMethodRef"]["value"], detail["CheckNum"]) == ("2", "77")
    assert booked["CashBack"]["Amount"] == 20
    held = office.books.read("Payment", "29")
    assert held["LinkedTxn"][-1] == {"TxnId": booked["Id"], "TxnType": "Deposit"}
    left = office.books.read("Account", UNDEPOSITED)["CurrentBalance"]
    assert left == undeposited - first["amount"]
    with pytest.raises(RefusedError, match="6540"):
        office.books.update("Payment", "29", PrivateNote="too late")
    office.settled()
    assert office.platform.row("deposit", row_id)["total"] == booked["TotalAmt"]

    # what the platform enters on a frozen payment waits, and goes on when the deposit is gone
    office.platform.edit("payment", paid, memo="checked")
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "fault_6540"
    office.platform.sql("DELETE FROM deposits WHERE id = :id", id=row_id)
    for _ in range(2):
        office.sync(code=None)
    office.settled()
    assert office.books.is_gone("Deposit", booked["Id"])
    free = office.books.read("Payment", str(office.platform.quickbooks_id("payment", paid)))
    assert note_of(free) == "checked"
    assert free["LinkedTxn"] == []


@on_both
def test_a_deposit_of_quickbooks_arrives_with_its_payments(office: Office) -> None:
    """Goal: payments and other money stand as lines of the deposit; edits and a delete follow."""
    paid = office.books.create("Payment", payment("4", "15"))
    lines = [taken(paid), from_account("16", "2.00", CheckNum="9")]
    to = {"DepositToAccountRef": reference(SAVINGS), "TxnDate": "2026-11-06"}
    booked = office.books.create("Deposit", {**to, "Line": lines, "DepartmentRef": reference("1")})
    office.sync()
    row = office.platform.of("Deposit", booked["Id"])
    assert (row["total"], row["deposited_on"]) == (Decimal(17), date(2026, 11, 6))
    assert row["deposit_account_id"] == account(office, SAVINGS)
    assert row["department_id"] == office.platform.id_of("Department", "1")
    kinds = [(line["kind"], line["payment_id"], line["amount"]) for line in row["lines"]]
    assert kinds == [
        ("payment", office.platform.id_of("Payment", paid["Id"]), Decimal(15)),
        ("account", None, Decimal(2)),
    ]
    office.settled()

    # the other money is corrected on the platform; the payment stays where it is
    table = RECORD_TABLES["deposit"].lines
    assert table is not None
    second = (table.c.deposit_id == row["id"]) & (table.c.position == 2)
    with office.engine.begin() as connection:
        connection.execute(update(table).where(second).values(amount=Decimal(3)))
    office.sync()
    after = office.books.read("Deposit", booked["Id"])
    assert (after["TotalAmt"], after["Line"][0]["LinkedTxn"][0]["TxnId"]) == (18, paid["Id"])
    assert after["Line"][1]["Id"] == booked["Line"][1]["Id"]
    office.settled()

    office.books.delete("Deposit", booked["Id"])
    office.sync()
    assert office.platform.rows("deposit", id=row["id"]) == []
    office.settled()


def test_a_payment_and_the_deposit_that_holds_it_go_in_one_cycle(office: Office) -> None:
    """Goal: both are deleted on the platform at once; QuickBooks wants the deposit gone first."""
    paid = office.books.create("Payment", payment("4", "15"))
    to = {"DepositToAccountRef": reference(SAVINGS), "TxnDate": "2026-11-06"}
    booked = office.books.create("Deposit", {**to, "Line": [taken(paid)]})
    office.sync()
    row = office.platform.of("Deposit", booked["Id"])
    office.platform.sql("DELETE FROM deposits WHERE id = :id", id=row["id"])
    row_id = office.platform.id_of("Payment", paid["Id"])
    office.platform.edit("payment", row_id, deleted_at=office.clock_now())
    for _ in range(2):
        office.sync(code=None)
    assert office.books.is_gone("Deposit", booked["Id"])
    assert office.books.is_gone("Payment", paid["Id"])
    office.settled()
