"""Expenses that employees paid: posted as bills where the company wants it, and reimbursed.

Ada, an employee, is a vendor of the company with her e-mail address.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, update

from models.tables.platform import receipt_files, receipts
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, purchase, reference

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
ADA = "ada@harborpine.example"
SPENT_ON = date(2026, 11, 10)


@pytest.fixture
def reimbursing(office: Office) -> Office:
    """The company posts expenses as bills, and Ada is a vendor."""
    choose(office, "bill")
    office.books.create(
        "Vendor", {"DisplayName": "Ada Byron", "PrimaryEmailAddr": {"Address": ADA}}
    )
    office.sync()
    return office


def choose(office: Office, posting: str) -> None:
    """Choose how expenses are posted, as on the Integrations page."""
    office.platform.choose(expense_posting=posting)


def spend(office: Office, amount: str = "40", **row: Any) -> int:
    """An approved expense of Ada's with one line; its id."""
    line = {
        "kind": "account",
        "account_id": office.platform.id_of("Account", "31"),
        "description": "Train",
        "amount": Decimal(amount),
    }
    values = {
        "payment_method": "cash",
        "spent_on": SPENT_ON,
        "status": "approved",
        "submitted_by": ADA.upper(),
        "memo": "Trip to Bangor",
        **row,
    }
    return office.platform.add("expense", lines=[line], **values)


def billed(office: Office, expense_id: int) -> tuple[int, str]:
    """The bill that an expense was posted as: its row and its id in QuickBooks."""
    bill_id = office.platform.row("expense", expense_id)["bill_id"]
    assert bill_id is not None
    return bill_id, str(office.platform.quickbooks_id("bill", bill_id))


def pay(office: Office, bill_id: str, amount: str = "40") -> str:
    """Somebody pays a bill in QuickBooks by check; the payment's id."""
    vendor = office.books.read("Bill", bill_id)["VendorRef"]["value"]
    linked = [{"TxnId": bill_id, "TxnType": "Bill"}]
    paid = office.books.create(
        "BillPayment",
        {
            "VendorRef": reference(vendor),
            "PayType": "Check",
            "CheckPayment": {"BankAccountRef": reference("1")},
            "TotalAmt": Decimal(amount),
            "Line": [{"Amount": Decimal(amount), "LinkedTxn": linked}],
        },
    )
    return str(paid["Id"])


def synced(office: Office) -> None:
    """Two cycles: one hears of QuickBooks's figures, the next one lets the expense follow them."""
    office.sync()
    office.sync()


@on_both
def test_an_approved_expense_becomes_a_bill_of_the_employee(reimbursing: Office) -> None:
    """Goal: one cycle makes the bill and brings it to QuickBooks, once, with the lines, the day and
    the memo; no Purchase is made of it, and what is not approved stays."""
    office = reimbursing
    row_id = spend(office)
    waiting = spend(office, status="submitted")
    mark = office.books.mark()
    office.sync()
    assert [entity for _, entity, _ in office.books.written(mark)] == ["Bill"]
    bill_id, booked = billed(office, row_id)
    theirs = office.books.read("Bill", booked)
    assert theirs["VendorRef"]["name"] == "Ada Byron"
    assert (theirs["TxnDate"], theirs["TotalAmt"]) == ("2026-11-10", 40)
    (line,) = theirs["Line"]
    assert line["Description"] == "Train"
    assert line["AccountBasedExpenseLineDetail"]["AccountRef"]["value"] == "31"
    ours = office.platform.row("expense", row_id)
    assert (ours["status"], ours["billed_version"]) == ("posted", ours["version"])
    assert office.platform.row("bill", bill_id)["memo"] == "Trip to Bangor"
    assert office.platform.row("expense", waiting)["bill_id"] is None
    office.parked(0)
    office.settled()
    assert len(office.platform.rows("bill", memo="Trip to Bangor")) == 1
    assert len(office.platform.audit("expense.billed")) == 1


@on_both
def test_the_expense_follows_the_payment(reimbursing: Office) -> None:
    """Goal: paid in QuickBooks: reimbursed; paid in part or the payment deleted: posted again."""
    office = reimbursing
    row_id = spend(office)
    synced(office)
    _, booked = billed(office, row_id)
    first = pay(office, booked, "15")
    synced(office)
    assert office.platform.row("expense", row_id)["status"] == "posted"
    rest = pay(office, booked, "25")
    synced(office)
    assert office.platform.row("expense", row_id)["status"] == "reimbursed"
    office.settled()
    office.books.delete("BillPayment", rest)
    synced(office)
    assert office.platform.row("expense", row_id)["status"] == "posted"
    office.books.delete("BillPayment", first)
    synced(office)
    assert office.platform.row("expense", row_id)["status"] == "posted"
    office.parked(0)
    office.settled()


@on_both
def test_a_voided_payment_takes_the_reimbursement_back(reimbursing: Office) -> None:
    """Goal: a void, which keeps the payment, counts as much as its deletion."""
    office = reimbursing
    row_id = spend(office)
    synced(office)
    payment = pay(office, billed(office, row_id)[1])
    synced(office)
    assert office.platform.row("expense", row_id)["status"] == "reimbursed"
    paid = office.platform.id_of("BillPayment", payment)
    office.platform.edit("bill_payment", paid, status="voided")
    synced(office)
    synced(office)
    assert office.platform.row("expense", row_id)["status"] == "posted"
    office.settled()


def delete_bill(office: Office, booked: str) -> None:
    office.books.delete("Bill", booked)


def void_bill(office: Office, booked: str) -> None:
    """As people can, in QuickBooks's own pages."""
    office.books.void("Bill", booked)


@on_both
@pytest.mark.parametrize("remove", [delete_bill, void_bill])
def test_a_bill_that_is_removed_is_a_question_for_a_person(
    reimbursing: Office, remove: Any
) -> None:
    """Goal: nothing is decided silently; posting it again or deleting the expense settles it."""
    office = reimbursing
    again, dropped = spend(office, number="R-1"), spend(office, number="R-2", memo="Lunch")
    synced(office)
    old, _ = billed(office, again)
    for row_id in (again, dropped):
        remove(office, billed(office, row_id)[1])
    office.sync()
    office.sync(code=3)
    parked = office.parked(2)
    assert {each["code"] for each in parked} == {"bill_removed"}
    assert office.platform.row("expense", again)["status"] == "posted"
    office.platform.edit("expense", again, bill_id=None, status="approved")
    office.platform.edit("expense", dropped, deleted_at=datetime.now(UTC))
    office.sync()
    office.parked(0)
    new, booked = billed(office, again)
    assert new != old
    assert office.books.read("Bill", booked)["TotalAmt"] == 40
    office.settled()


@on_both
def test_an_edit_goes_to_the_bill_while_it_is_unpaid(reimbursing: Office) -> None:
    """Goal: memo, day and lines follow the expense; what the accountant changed in the bill stays;
    after the payment an edit waits for a person, and goes on when the payment is gone."""
    office = reimbursing
    row_id = spend(office)
    synced(office)
    bill_id, booked = billed(office, row_id)
    office.books.update(
        "Bill",
        booked,
        VendorRef=office.books.read("Bill", booked)["VendorRef"],
        DueDate="2026-12-24",
    )
    office.sync()
    office.platform.edit("expense", row_id, memo="Trip to Bangor and back")
    office.platform.edit_lines("expense", row_id, amount=Decimal(44))
    office.platform.edit("expense", row_id, total=Decimal(44))
    office.sync()
    theirs = office.books.read("Bill", booked)
    assert (theirs["TotalAmt"], theirs["DueDate"]) == (44, "2026-12-24")
    assert theirs["PrivateNote"].startswith("Trip to Bangor and back")
    office.parked(0)
    assert office.conflicts() == []
    office.settled()

    payment = pay(office, booked, "44")
    synced(office)
    office.platform.edit("expense", row_id, memo="Trip to Boston")
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("edited_after_payment", "memo")
    assert office.platform.row("bill", bill_id)["memo"] == "Trip to Bangor and back"
    office.books.delete("BillPayment", payment)
    office.sync(code=3)
    synced(office)
    office.parked(0)
    assert office.platform.row("bill", bill_id)["memo"] == "Trip to Boston"
    assert office.platform.row("expense", row_id)["status"] == "posted"
    office.settled()


@on_both
def test_what_was_edited_in_the_bill_too_is_not_overwritten(reimbursing: Office) -> None:
    """Goal: the accountant and the employee change the memo differently: neither loses unseen."""
    office = reimbursing
    row_id = spend(office)
    synced(office)
    bill_id, booked = billed(office, row_id)
    vendor = office.books.read("Bill", booked)["VendorRef"]
    office.books.update("Bill", booked, VendorRef=vendor, PrivateNote="project 7")
    office.sync()
    office.platform.edit("expense", row_id, memo="project 8")
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("edited_on_both", "memo")
    assert office.platform.row("bill", bill_id)["memo"] == "project 7"
    office.platform.edit("expense", row_id, memo="project 7")
    office.sync()
    office.parked(0)
    office.settled()


@on_both
@pytest.mark.parametrize("how", ["marked", "removed", "marked and moved"])
def test_deleting_the_expense_deletes_the_bill(reimbursing: Office, how: str) -> None:
    """Goal: also where another program removes the row for good, and where the database is moved
    by a dump at that time; a paid one waits for a person."""
    office = reimbursing
    row_id, paid = spend(office), spend(office, memo="Hotel")
    synced(office)
    _, booked = billed(office, row_id)
    _, kept = billed(office, paid)
    payment = pay(office, kept)
    synced(office)
    for each in (row_id, paid):
        if how == "removed":
            office.platform.sql("DELETE FROM expenses WHERE id = :id", id=each)
        else:
            office.platform.edit("expense", each, deleted_at=datetime.now(UTC))
    if how == "marked and moved":
        office.platform.sql("UPDATE cursors SET position = '5000000:1' WHERE side = 'platform'")
    office.sync(code=3)
    assert office.books.is_gone("Bill", booked)
    (parked,) = office.parked()
    assert parked["code"] == "deleted_after_payment"
    assert office.books.read("Bill", kept)["Balance"] == 0
    office.books.delete("BillPayment", payment)
    office.sync(code=3)
    synced(office)
    assert office.books.is_gone("Bill", kept)
    office.parked(0)
    office.settled()


def nobody(office: Office) -> None:
    """Takes Ada's address away from her vendor."""
    (vendor,) = office.platform.rows("vendor", name="Ada Byron")
    office.platform.edit("vendor", vendor["id"], email="other@harborpine.example")


def two(office: Office) -> None:
    """Gives Ada's address to a second vendor."""
    office.platform.add("vendor", name="Ada B.", email=ADA)


def anonymous(office: Office) -> None:
    """Changes no vendor; the expense has no address."""


@on_both
@pytest.mark.parametrize(
    ("prepare", "row", "code"),
    [
        (nobody, {}, "no_vendor"),
        (two, {}, "several_vendors"),
        (anonymous, {"submitted_by": None}, "no_submitter"),
        (anonymous, {"submitted_by": "  "}, "no_submitter"),
        (anonymous, {"is_refund": True}, "refund_not_billed"),
        (anonymous, {"spent_on": None}, "missing"),
    ],
)
def test_what_cannot_be_posted_waits_with_the_way_out(
    reimbursing: Office, prepare: Any, row: dict[str, Any], code: str
) -> None:
    """Goal: nothing is posted, neither as a bill nor as a Purchase, until it is put right."""
    office = reimbursing
    prepare(office)
    row_id = spend(office, **row)
    mark = office.books.mark()
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == code
    assert office.platform.row("expense", row_id)["bill_id"] is None
    office.sync(code=3)
    assert len(office.platform.audit("parked")) == 1
    assert not {entity for _, entity, _ in office.books.written(mark)} & {"Bill", "Purchase"}

    if prepare is nobody:
        (vendor,) = office.platform.rows("vendor", name="Ada Byron")
        office.platform.edit("vendor", vendor["id"], email=ADA)
    elif prepare is two:
        (vendor,) = office.platform.rows("vendor", name="Ada B.")
        office.platform.edit("vendor", vendor["id"], active=False)
    else:
        office.platform.edit(
            "expense", row_id, submitted_by=ADA, is_refund=False, spent_on=SPENT_ON
        )
    office.sync()
    office.parked(0)
    billed(office, row_id)
    office.settled()


@on_both
def test_an_expense_that_is_taken_back_waits(reimbursing: Office) -> None:
    """Goal: rejected after it was posted: nothing is deleted by that, a person is asked."""
    office = reimbursing
    row_id = spend(office)
    synced(office)
    office.platform.edit("expense", row_id, status="rejected")
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["value"]) == ("withdrawn", "rejected")
    office.platform.edit("expense", row_id, status="posted")
    office.sync()
    office.parked(0)
    office.settled()


@on_both
def test_cards_of_quickbooks_are_never_touched(reimbursing: Office) -> None:
    """Goal: what came from QuickBooks stays a Purchase, whatever somebody edits on the platform."""
    office = reimbursing
    card = office.books.create("Purchase", purchase("9.90", kind="CreditCard", account="12"))
    office.sync()
    row_id = office.platform.id_of("Purchase", card["Id"])
    office.platform.edit("expense", row_id, status="approved", submitted_by=ADA, memo="taxi")
    office.sync()
    row = office.platform.row("expense", row_id)
    assert (row["bill_id"], row["billed_version"]) == (None, None)
    assert office.books.read("Purchase", card["Id"])["PrivateNote"] == "taxi"
    office.settled()


@on_both
def test_switching_concerns_new_expenses_only(office: Office) -> None:
    """Goal: what was posted as a Purchase stays one, what was posted as a bill follows it on;
    what waited for a vendor goes the new way."""
    office.platform.add("vendor", name="Ada Byron", email=ADA)
    cash = office.platform.id_of("Account", "3")
    as_purchase = spend(office, number="S-1", payment_account_id=cash)
    office.sync()
    choose(office, "bill")
    as_bill = spend(office, number="S-2", payment_account_id=cash)
    stuck = spend(office, number="S-3", payment_account_id=cash, submitted_by="x@y.example")
    office.sync(code=3)
    office.platform.edit("expense", as_purchase, memo="still a purchase")
    office.sync(code=3)
    bought = str(office.platform.quickbooks_id("expense", as_purchase))
    assert office.books.read("Purchase", bought)["PrivateNote"].startswith("still a purchase")
    assert office.platform.row("expense", as_purchase)["bill_id"] is None

    choose(office, "purchase")
    later = spend(office, number="S-4", payment_account_id=cash)
    office.sync()
    for row_id in (later, stuck):
        assert office.platform.row("expense", row_id)["bill_id"] is None
        assert office.platform.quickbooks_id("expense", row_id)
    office.parked(0)
    pay(office, billed(office, as_bill)[1])
    synced(office)
    assert office.platform.row("expense", as_bill)["status"] == "reimbursed"
    assert office.platform.quickbooks_id("expense", as_bill) is None
    office.settled()


def test_a_crash_between_bill_and_expense_leaves_neither(
    reimbursing: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: one transaction: a worker that dies after making the bill has made none."""
    from tasks import billing

    office = reimbursing
    row_id = spend(office)

    def dies(*_given: object) -> int:
        raise RuntimeError("the worker dies")

    with monkeypatch.context() as patched:
        patched.setattr(billing, "save", dies)
        with pytest.raises(RuntimeError, match="the worker dies"):
            office.run("sync", "--json", code=None)
    assert office.platform.rows("bill", memo="Trip to Bangor") == []
    assert office.platform.row("expense", row_id)["bill_id"] is None
    office.sync()
    assert len(office.platform.rows("bill", memo="Trip to Bangor")) == 1
    office.settled()


def test_a_new_account_is_waited_for(reimbursing: Office) -> None:
    """Goal: an expense on an account that was made just now is posted once that one is known."""
    office = reimbursing
    account = office.platform.add("account", name="Trains", type="Expense")
    line = {"kind": "account", "account_id": account, "amount": Decimal(5)}
    row_id = office.platform.add(
        "expense",
        lines=[line],
        payment_method="cash",
        spent_on=SPENT_ON,
        status="approved",
        submitted_by=ADA,
    )
    office.sync(code=3)
    office.sync()
    billed(office, row_id)
    office.parked(0)
    office.settled()


def test_a_flow_of_other_data_types_posts_nothing(reimbursing: Office) -> None:
    """Goal: it is the flow of expenses that posts them."""
    office = reimbursing
    row_id = spend(office)
    office.sync("--data-type", "invoices")
    assert office.platform.row("expense", row_id)["bill_id"] is None
    office.sync("--data-type", "expenses")
    billed(office, row_id)


def attach(office: Office, expense_id: int, content: bytes) -> int:
    """A receipt of an expense, with its file."""
    receipt_id = office.platform.add("receipt", file_name="train.png", expense_id=expense_id)
    with office.engine.begin() as connection:
        connection.execute(insert(receipt_files).values(receipt_id=receipt_id, content=content))
        digest = hashlib.sha256(content).hexdigest()
        wanted = receipts.c.id == receipt_id
        connection.execute(update(receipts).where(wanted).values(sha256=digest))
    return receipt_id


@on_both
def test_receipts_go_with_the_bill(reimbursing: Office) -> None:
    """Goal: the receipts of an expense that is posted as a bill hang on that bill in QuickBooks, a
    late one too, and still on the expense on the platform."""
    office = reimbursing
    expense_id = spend(office)
    made = [attach(office, expense_id, b"first")]
    office.sync()
    _, bill = billed(office, expense_id)
    made.append(attach(office, expense_id, b"second"))
    office.sync()
    for receipt_id in made:
        attached = office.platform.quickbooks_id("receipt", receipt_id)
        assert attached is not None
        held = office.books.read("Attachable", attached)["AttachableRef"][0]["EntityRef"]
        assert (held["type"], held["value"]) == ("Bill", bill)
        assert office.platform.row("receipt", receipt_id)["expense_id"] == expense_id
    office.settled()
