"""What the books do with the company, lists, journal entries, transfers, deposits and attachments.

As `books_contract`, for what is particular to one entity. Source: reference quickbooks-api,
sections 3.4, 3.5, 8.1, 10.2, 10.3 and 10.6.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from connectors.ports import RemoteFile
from models.errors import RejectedError, RemoteError
from models.words import Operation
from tests.contract.books_world import (
    BooksWorld,
    attachment,
    deposit,
    deposited_money,
    deposited_payment,
    deposited_refund,
    journal_entry,
    key,
    transfer,
)

if TYPE_CHECKING:
    from connectors.ports import Payload

JOURNAL = "JournalEntryLineDetail"
TREES = [("Class", "SubClass"), ("Department", "SubDepartment")]
#: Sides of a journal entry: debit or credit, purpose of the account, amount.
Sides = tuple[tuple[str, str, str], ...]
UNBALANCED: list[tuple[Sides, str]] = [
    ((("Debit", "expense", "5.00"), ("Credit", "bank", "4.99")), "2300"),
    ((("Debit", "expense", "5.00"), ("Debit", "bank", "5.00")), "2300"),
    ((("Debit", "expense", "0.00"),), "6000"),
    ((("Debit", "expense", "-5.00"), ("Credit", "bank", "-5.00")), "2290"),
]
#: Account of the line, who is named on it, and the fault.
PARTIES = [
    ("receivable", "", "6000"),
    ("receivable", "Vendor", "6000"),
    ("receivable", "Customer", ""),
    ("payable", "", "6000"),
    ("payable", "Customer", "6000"),
    ("payable", "Vendor", ""),
    ("expense", "", ""),
    ("expense", "Customer", ""),
    ("expense", "Vendor", ""),
]


class LedgerContract:
    """The promises; a subclass gives the fixture `world`, new for each test."""

    # --- the company ------------------------------------------------------------------------------

    def test_the_company_is_one_record_whatever_it_is_asked_by(self, world: BooksWorld) -> None:
        (listed,), _ = world.port.query("CompanyInfo")
        assert listed["Id"] == "1"
        assert listed["CompanyName"]
        for name in ("1", world.realm_id, "98765"):
            assert world.port.read("CompanyInfo", name) == listed
        assert world.port.company().name == listed["CompanyName"]

    def test_people_edit_the_company_and_changes_tell_of_it(self, world: BooksWorld) -> None:
        (before,) = world.people.all("CompanyInfo")
        assert world.port.changes(["CompanyInfo"], world.clock.start).records["CompanyInfo"] == []
        world.clock.sleep(60)
        edited = world.people.update(
            "CompanyInfo", "1", CompanyName="Renamed", CompanyAddr={"Line1": "9 Quay"}
        )
        assert int(edited["SyncToken"]) == int(before["SyncToken"]) + 1
        assert edited["CompanyAddr"] == {**before["CompanyAddr"], "Line1": "9 Quay"}
        found = world.port.changes(["CompanyInfo"], world.now()).records["CompanyInfo"]
        assert [each["CompanyName"] for each in found] == ["Renamed"]
        assert world.port.company().name == "Renamed"
        # read-only fields are dropped without a word
        assert world.people.update("CompanyInfo", "1", Country="FR") == edited

    def test_the_company_is_neither_made_nor_deleted(self, world: BooksWorld) -> None:
        with pytest.raises(RejectedError):
            world.people.create("CompanyInfo", {"CompanyName": "Second"})
        with pytest.raises(RejectedError):
            world.people.delete("CompanyInfo", "1")
        assert len(world.people.all("CompanyInfo")) == 1

    # --- classes and departments ------------------------------------------------------------------

    @pytest.mark.parametrize(("entity", "flag"), TREES)
    def test_a_name_is_had_once_below_each_parent(
        self, world: BooksWorld, entity: str, flag: str
    ) -> None:
        one, two = (world.create(entity, {"Name": name}) for name in ("One", "Two"))
        below = {"Name": "Same", flag: True, "ParentRef": {"value": one["Id"]}}
        first = world.create(entity, below)
        assert first[flag] is True
        assert world.refused_create(entity, below) == ("RejectedError", "6240")
        second = world.create(entity, {**below, "ParentRef": {"value": two["Id"]}})
        moved = {**key(second), "ParentRef": {"value": one["Id"]}}
        assert world.refusal(Operation.UPDATE, entity, moved) == ("RejectedError", "6240")
        top = world.create(entity, {"Name": "Same"})
        assert top[flag] is False
        left = {**key(second), flag: False}
        assert world.refusal(Operation.UPDATE, entity, left) == ("RejectedError", "6240")
        world.change(entity, top, Name="Other")
        alone = world.change(entity, second, **{flag: False})
        assert (alone[flag], alone.get("ParentRef")) == (False, None)

    @pytest.mark.parametrize(("entity", "flag"), TREES)
    def test_a_tree_has_five_levels_and_no_circles(
        self, world: BooksWorld, entity: str, flag: str
    ) -> None:
        levels = [world.create(entity, {"Name": "Level 1"})]
        for number in range(2, 6):
            below = {flag: True, "ParentRef": {"value": levels[-1]["Id"]}}
            levels.append(world.create(entity, {"Name": f"Level {number}", **below}))
        deeper = {"Name": "Level 6", "ParentRef": {"value": levels[-1]["Id"]}}
        assert world.refused_create(entity, deeper) == ("RejectedError", "6180")
        circle = {**key(levels[0]), flag: True, "ParentRef": {"value": levels[1]["Id"]}}
        assert world.refusal(Operation.UPDATE, entity, circle) == ("RejectedError", "6000")

    def test_an_inactive_class_stays_where_it_is_and_is_used_no_more(
        self, world: BooksWorld
    ) -> None:
        body = transfer(world, "9.00", ClassRef=world.ref("class"))
        made = world.create("Transfer", body)
        world.people.update("Class", world.ref("class")["value"], Active=False)
        assert world.refused_create("Transfer", body) == ("GoneError", "610")
        kept = world.change("Transfer", made, ClassRef=world.ref("class"), PrivateNote="x")
        assert kept["ClassRef"]["value"] == world.ref("class")["value"]

    # --- journal entries --------------------------------------------------------------------------

    def test_journal_lines_count_from_zero_and_move_balances(self, world: BooksWorld) -> None:
        sides = (("Debit", "savings", "7.00"), ("Credit", "bank", "5.00"), ("Credit", "card", "2"))
        made = world.create("JournalEntry", journal_entry(world, *sides))
        assert made["TotalAmt"] == 0
        assert [each["Id"] for each in made["Line"]] == ["0", "1", "2"]
        assert not any("LineNum" in each for each in made["Line"])
        assert [of_account(world, each) for each in ("savings", "bank", "card")] == [7, -5, -2]
        lines = [made["Line"][0], {**made["Line"][1], "Amount": Decimal(7)}]
        lines.append({"DetailType": "DescriptionOnly", "Description": "why"})
        after = world.change("JournalEntry", made, Line=lines)
        assert [each["Id"] for each in after["Line"]] == ["0", "1", "3"]
        assert [of_account(world, each) for each in ("savings", "bank", "card")] == [7, -7, 0]
        world.people.delete("JournalEntry", made["Id"])
        assert [of_account(world, each) for each in ("savings", "bank", "card")] == [0, 0, 0]

    @pytest.mark.parametrize(("sides", "code"), UNBALANCED)
    def test_a_journal_entry_balances(self, world: BooksWorld, sides: Sides, code: str) -> None:
        body = journal_entry(world, *sides)
        assert world.refused_create("JournalEntry", body) == ("RejectedError", code)
        good = (("Debit", "expense", "5.00"), ("Credit", "bank", "5.00"))
        made = world.create("JournalEntry", journal_entry(world, *good))
        body = {**key(made), "Line": body["Line"]}
        assert world.refusal(Operation.UPDATE, "JournalEntry", body) == ("RejectedError", code)

    @pytest.mark.parametrize(("purpose", "kind", "code"), PARTIES)
    def test_who_owes_or_is_owed_stands_on_the_line(
        self, world: BooksWorld, purpose: str, kind: str, code: str
    ) -> None:
        party = world.ref(kind.lower() or "customer")
        body = journal_entry(world, ("Debit", purpose, "5.00"), ("Credit", "bank", "5.00"))
        if kind:
            body["Line"][0][JOURNAL]["Entity"] = {"Type": kind, "EntityRef": party}
        if code:
            assert world.refused_create("JournalEntry", body) == ("RejectedError", code)
            return
        made = world.create("JournalEntry", body)
        if kind:
            held = made["Line"][0][JOURNAL]["Entity"]
            assert (held["Type"], held["EntityRef"]["value"]) == (kind, party["value"])
            # what is owed to a vendor is a credit
            owed = {"receivable": 5, "payable": -5}.get(purpose, 0)
            assert world.get(kind, {"Id": party["value"]})["Balance"] == owed

    def test_a_party_is_of_the_kind_that_stands_beside_it(self, world: BooksWorld) -> None:
        customer = world.create("Customer", {"DisplayName": "buyer"})
        vendors = [world.create("Vendor", {"DisplayName": f"seller {n}"}) for n in range(2)]
        assert vendors[0]["Id"] == customer["Id"]
        body = journal_entry(world, ("Debit", "expense", "5.00"), ("Credit", "bank", "5.00"))
        entity = {"Type": "Customer", "EntityRef": {"value": vendors[1]["Id"], "type": "Vendor"}}
        body["Line"][0][JOURNAL]["Entity"] = entity
        assert world.refused_create("JournalEntry", body) == ("RejectedError", "2500")
        entity["Type"] = "Vendor"
        assert world.create("JournalEntry", body)["SyncToken"] == "0"
        # the customer of the same id is not meant
        world.people.update("Customer", customer["Id"], Active=False)
        entity["EntityRef"] = {"value": vendors[0]["Id"]}
        assert world.create("JournalEntry", body)["SyncToken"] == "0"
        entity["Type"] = "Customer"
        assert world.refused_create("JournalEntry", body) == ("GoneError", "610")

    def test_journal_lines_carry_dimensions(self, world: BooksWorld) -> None:
        body = journal_entry(world, ("Debit", "expense", "5.00"), ("Credit", "bank", "5.00"))
        own = {"ClassRef": world.ref("class"), "DepartmentRef": world.ref("department")}
        body["Line"][0][JOURNAL].update(own)
        detail = world.create("JournalEntry", body)["Line"][0][JOURNAL]
        assert {name: {"value": detail[name]["value"]} for name in own} == own
        body["Line"][0][JOURNAL]["ClassRef"] = {"value": "98765"}
        assert world.refused_create("JournalEntry", body) == ("RejectedError", "2500")

    # --- transfers --------------------------------------------------------------------------------

    def test_a_transfer_moves_money(self, world: BooksWorld) -> None:
        made = world.create("Transfer", transfer(world, "9.00"))
        assert [of_account(world, each) for each in ("bank", "savings")] == [-9, 9]
        world.change("Transfer", made, Amount=Decimal("2.50"))
        assert of_account(world, "savings") == Decimal("2.50")
        world.people.delete("Transfer", made["Id"])
        assert [of_account(world, each) for each in ("bank", "savings")] == [0, 0]

    @pytest.mark.parametrize(
        ("amount", "to", "code"),
        [
            ("0.00", "savings", "2290"),
            ("-1.00", "savings", "2290"),
            ("1.00", "bank", "6000"),
            ("1.00", "expense", "6000"),
            ("1.00", "income", "6000"),
            ("1.00", "receivable", "6000"),
            ("1.00", "payable", "6000"),
        ],
    )
    def test_what_cannot_be_transferred(
        self, world: BooksWorld, amount: str, to: str, code: str
    ) -> None:
        body = transfer(world, amount, ToAccountRef=world.ref(to))
        assert world.refused_create("Transfer", body) == ("RejectedError", code)

    # --- deposits ---------------------------------------------------------------------------------

    def test_a_deposit_is_its_lines_less_the_cash_taken_back(self, world: BooksWorld) -> None:
        back = {"AccountRef": world.ref("savings"), "Amount": Decimal("1.25"), "Memo": "till"}
        lines = [deposited_money(world, "3.00"), deposited_money(world, "2.00")]
        made = world.create("Deposit", deposit(world, *lines, CashBack=back))
        assert made["TotalAmt"] == Decimal("3.75")
        assert [(each["Id"], each["LineNum"]) for each in made["Line"]] == [("1", 1), ("2", 2)]
        balances = [of_account(world, each) for each in ("bank", "savings", "equity")]
        assert balances == [Decimal("3.75"), Decimal("1.25"), -5]
        after = world.change("Deposit", made, CashBack=None)
        assert after["TotalAmt"] == 5
        assert after.get("CashBack") is None
        below = {**back, "Amount": Decimal(6)}
        body = {**key(after), "CashBack": below}
        assert world.refusal(Operation.UPDATE, "Deposit", body) == ("RejectedError", "2290")

    def test_a_deposited_payment_is_frozen_until_it_is_let_go(self, world: BooksWorld) -> None:
        invoice, paid = _paid(world)
        world.clock.sleep(60)
        line = deposited_payment(paid, "10.00")
        made = world.create("Deposit", deposit(world, line, deposited_money(world, "1.00")))
        assert made["TotalAmt"] == 11
        assert [each.get("Id") for each in made["Line"]] == [None, "1"]
        held = world.get("Payment", paid)
        assert held["SyncToken"] == str(int(paid["SyncToken"]) + 1)
        assert held["LinkedTxn"] == [{"TxnId": made["Id"], "TxnType": "Deposit"}]
        assert of_account(world, "undeposited") == 0
        for operation in (Operation.UPDATE, Operation.VOID, Operation.DELETE):
            body = {**key(held), "PrivateNote": "x"} if operation is Operation.UPDATE else key(held)
            assert world.refusal(operation, "Payment", body) == ("RejectedError", "6540")
        with pytest.raises(RejectedError):
            world.people.update("Payment", paid["Id"], PrivateNote="by hand")
        owing = world.get("Invoice", invoice)
        assert world.refusal(Operation.VOID, "Invoice", key(owing)) == ("RejectedError", "6540")
        world.change("Deposit", made, Line=[made["Line"][1]])
        free = world.get("Payment", paid)
        assert free["LinkedTxn"] == []
        assert of_account(world, "undeposited") == 10
        assert world.change("Payment", free, PrivateNote="x")["PrivateNote"] == "x"

    def test_a_deposit_that_goes_lets_its_payments_go(self, world: BooksWorld) -> None:
        _, paid = _paid(world)
        made = world.create("Deposit", deposit(world, deposited_payment(paid, "10.00")))
        noted = world.change("Deposit", made, PrivateNote="x")
        assert world.get("Payment", paid)["SyncToken"] == str(int(paid["SyncToken"]) + 1)
        world.people.delete("Deposit", noted["Id"])
        free = world.get("Payment", paid)
        assert free["LinkedTxn"] == []
        gone = world.port.post(world.write(Operation.DELETE, "Payment", key(free)))
        assert gone.error is None

    @pytest.mark.parametrize(
        ("amount", "link", "code"),
        [
            ("9.99", {}, "6000"),
            ("10.00", {"TxnLineId": ""}, "2020"),
            ("10.00", {"TxnId": "98765"}, "2500"),
        ],
    )
    def test_a_payment_is_deposited_as_a_whole_or_not_at_all(
        self, world: BooksWorld, amount: str, link: dict[str, Any], code: str
    ) -> None:
        _, paid = _paid(world)
        body = deposit(world, deposited_payment(paid, amount, **link))
        assert world.refused_create("Deposit", body) == ("RejectedError", code)
        assert world.get("Payment", paid) == paid

    def test_a_payment_is_deposited_once(self, world: BooksWorld) -> None:
        _, paid = _paid(world)
        body = deposit(world, deposited_payment(paid, "10.00"))
        world.create("Deposit", body)
        assert world.refused_create("Deposit", body) == ("RejectedError", "6540")

    def test_what_is_in_the_bank_is_not_deposited_again(self, world: BooksWorld) -> None:
        world.ref("undeposited")
        body = world.payment("10.00", DepositToAccountRef=world.ref("bank"))
        banked = world.create("Payment", body)
        body = deposit(world, deposited_payment(banked, "10.00"))
        assert world.refused_create("Deposit", body) == ("RejectedError", "6000")

    def test_an_invoice_is_not_deposited(self, world: BooksWorld) -> None:
        sold = world.create("Invoice", world.invoice("10.00"))
        body = deposit(world, deposited_payment(sold, "10.00", TxnType="Invoice"))
        assert world.refused_create("Deposit", body) == ("RejectedError", "2170")

    def test_a_refund_receipt_lowers_the_deposit_that_takes_it_along(
        self, world: BooksWorld
    ) -> None:
        _, paid = _paid(world)
        body = world.sold("RefundReceipt", "4.00", DepositToAccountRef=world.ref("undeposited"))
        refund = world.create("RefundReceipt", body)
        assert of_account(world, "undeposited") == 6
        wrong = deposit(world, deposited_payment(paid, "10.00"), deposited_refund(refund, "4.00"))
        assert world.refused_create("Deposit", wrong) == ("RejectedError", "6000")
        lines = [deposited_payment(paid, "10.00"), deposited_refund(refund, "-4.00")]
        made = world.create("Deposit", deposit(world, *lines))
        assert made["TotalAmt"] == 6
        assert [of_account(world, each) for each in ("bank", "undeposited")] == [6, 0]
        held = world.get("RefundReceipt", refund)
        assert held["LinkedTxn"] == [{"TxnId": made["Id"], "TxnType": "Deposit"}]
        noted = {**key(held), "PrivateNote": "x"}
        assert world.refusal(Operation.UPDATE, "RefundReceipt", noted) == ("RejectedError", "6540")
        assert world.refusal(Operation.DELETE, "RefundReceipt", key(held)) == (
            "RejectedError",
            "6540",
        )
        world.change("Deposit", made, Line=[made["Line"][0]])
        free = world.get("RefundReceipt", refund)
        assert free["LinkedTxn"] == []
        assert [of_account(world, each) for each in ("bank", "undeposited")] == [10, -4]
        gone = world.port.post(world.write(Operation.DELETE, "RefundReceipt", key(free)))
        assert gone.error is None

    @pytest.mark.parametrize(
        ("purpose", "kind", "code"),
        [("receivable", "", "6000"), ("receivable", "CUSTOMER", ""), ("payable", "VENDOR", "")],
    )
    def test_a_deposit_names_who_paid_back(
        self, world: BooksWorld, purpose: str, kind: str, code: str
    ) -> None:
        detail: dict[str, Any] = {"AccountRef": world.ref(purpose)}
        if kind:
            detail["Entity"] = {**world.ref(kind.lower()), "type": kind}
        body = deposit(world, deposited_money(world, "4.00", **detail))
        if code:
            assert world.refused_create("Deposit", body) == ("RejectedError", code)
            return
        world.create("Deposit", body)
        owed = -4 if kind == "CUSTOMER" else 4
        party = {"Id": world.ref(kind.lower())["value"]}
        assert world.get(kind.title(), party)["Balance"] == owed

    # --- attachments ------------------------------------------------------------------------------

    def test_an_attachment_is_updated_as_a_whole(self, world: BooksWorld) -> None:
        made = world.create("Attachable", attachment(world, "one.png", Note="first"))
        assert int(made["Id"]) > 5 * 10**18
        (owner,) = made["AttachableRef"]
        assert owner["EntityRef"] == {"type": "Purchase", "value": world.ref("purchase")["value"]}
        body = {**key(made), "FileName": "one.png"}
        answer = world.port.post(world.write(Operation.UPDATE, "Attachable", body))
        assert answer.record is not None
        left = answer.record
        assert not left.get("AttachableRef")
        assert left.get("Note") is None
        assert left["SyncToken"] == "1"

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"FileName": "virus.exe"}, "6041"),
            ({"FileName": "none"}, "6041"),
            ({"FileName": ""}, "2020"),
            ({"AttachableRef": [{"EntityRef": {"type": "Purchase", "value": "98765"}}]}, "2500"),
            ({"AttachableRef": [{"EntityRef": {"type": "Ship", "value": "1"}}]}, "2170"),
        ],
    )
    def test_an_attachment_is_a_known_kind_of_file_on_a_record(
        self, world: BooksWorld, fields: dict[str, Any], code: str
    ) -> None:
        body = {**attachment(world, "one.png"), **fields}
        assert world.refused_create("Attachable", body) == ("RejectedError", code)

    def test_an_attachment_outlives_what_it_hangs_on(self, world: BooksWorld) -> None:
        made = world.create("Attachable", attachment(world, "one.png"))
        world.people.delete("Purchase", world.ref("purchase")["value"])
        assert world.get("Attachable", made) == made
        with pytest.raises(RemoteError):
            world.people.update("Attachable", made["Id"], Note="of what?")

    def test_a_file_is_uploaded_with_its_attachment(self, world: BooksWorld) -> None:
        content = b"%PDF\x00\xff\r\n"
        file = RemoteFile("one.png", "image/png", content)
        write = replace(
            world.write(Operation.CREATE, "Attachable", attachment(world, "one.png")), file=file
        )
        first = world.port.post(write)
        assert first.record is not None, first.error
        assert first.record["Size"] == len(content)
        made = str(first.record["Id"])
        assert world.port.download(made, bytes_max=1_000) == content
        assert world.people.file_of(made) == content

    def test_a_request_id_does_not_hold_an_upload(self, world: BooksWorld) -> None:
        write = replace(
            world.write(Operation.CREATE, "Attachable", attachment(world, "one.png")),
            file=RemoteFile("one.png", "image/png", b"bytes"),
        )
        made = [world.port.post(write).record for _ in range(2)]
        assert len({each["Id"] for each in made if each is not None}) == 2

    def test_people_attach_files(self, world: BooksWorld) -> None:
        made = world.people.attach(attachment(world, "one.png"), b"bytes")
        assert made["Size"] == len(b"bytes")
        assert world.get("Attachable", made)["Size"] == len(b"bytes")
        assert world.port.download(made["Id"], bytes_max=1_000) == b"bytes"
        world.people.delete("Attachable", made["Id"])
        assert_no_file(world, made)

    def test_there_is_no_file_where_only_an_attachment_was_entered(self, world: BooksWorld) -> None:
        made = world.create("Attachable", attachment(world, "one.png"))
        assert_no_file(world, made)

    def test_closed_books_do_not_hold_an_attachment(self, world: BooksWorld) -> None:
        made = world.create("Attachable", attachment(world, "one.png"))
        world.people.book_close_date = "2026-12-31"
        gone = world.port.post(world.write(Operation.DELETE, "Attachable", key(made)))
        assert gone.error is None
        assert world.port.read("Attachable", made["Id"]) is None


def assert_no_file(world: BooksWorld, attachment: Payload) -> None:
    """There is no file of this attachment, for people and for the port."""
    assert world.people.file_of(attachment["Id"]) is None
    with pytest.raises(RemoteError) as caught:
        world.port.download(attachment["Id"], bytes_max=1_000)
    assert caught.value.fault.code == "610"


def _paid(world: BooksWorld) -> tuple[Payload, Payload]:
    """An invoice, and the payment of it, in Undeposited Funds."""
    world.ref("undeposited")
    invoice = world.create("Invoice", world.invoice("10.00"))
    return invoice, world.create("Payment", world.payment("10.00", (invoice, "10.00")))


def of_account(world: BooksWorld, purpose: str) -> Decimal:
    """What stands on an account; debits are positive."""
    account = world.get("Account", {"Id": world.ref(purpose)["value"]})
    return Decimal(account["CurrentBalance"])
