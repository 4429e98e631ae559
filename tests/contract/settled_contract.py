"""What the books do with credits, bills and what settles them, and with the parts of sales forms.

As `sales_contract`. Customers and vendors are settled alike, so each promise is asked of both: a
payment with its invoices and credit memos, a bill payment with its bills and vendor credits.
Source: reference quickbooks-api, sections 3.1, 3.4, 10.4 and 10.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from emulator.writing.references import SHIPPING_ITEM
from models.errors import RejectedError
from models.words import Operation
from tests.contract.books_world import BooksWorld, always_sent, applied_line, instant, key
from tests.contract.sales_contract import account_balance

if TYPE_CHECKING:
    from connectors.ports import Payload

ITEM_LINE = "SalesItemLineDetail"
EXPENSE_LINE = "AccountBasedExpenseLineDetail"


@dataclass(frozen=True)
class Settling:
    """One side of the business: who pays what, and how its bodies are made."""

    payment: str
    document: str
    credit: str
    party: str
    #: What the link back on a settled document is called.
    link_back: str
    body: Callable[..., dict[str, Any]]
    pay: Callable[..., dict[str, Any]]

    def owed(self, world: BooksWorld, *amounts: str, entity: str = "", **fields: Any) -> Payload:
        """A document, or a credit, over these amounts."""
        return world.create(entity or self.document, self.body(world, *amounts, **fields))

    def lent(self, world: BooksWorld, *amounts: str) -> Payload:
        """A credit over these amounts."""
        return self.owed(world, *amounts, entity=self.credit)

    def balance(self, world: BooksWorld) -> Decimal:
        """What is open between the company and the party."""
        found = world.port.read(self.party.title(), world.ref(self.party)["value"])
        assert found is not None
        return Decimal(found["Balance"])


SALES = Settling(
    "Payment",
    "Invoice",
    "CreditMemo",
    "customer",
    "Payment",
    BooksWorld.invoice,
    BooksWorld.payment,
)
PURCHASES = Settling(
    "BillPayment",
    "Bill",
    "VendorCredit",
    "vendor",
    "BillPaymentCheck",
    BooksWorld.bill,
    BooksWorld.bill_payment,
)
both = pytest.mark.parametrize("side", [SALES, PURCHASES], ids=lambda side: side.payment)
sales_forms = pytest.mark.parametrize("entity", ["Invoice", "CreditMemo", "RefundReceipt"])
vendor_forms = pytest.mark.parametrize("entity", ["Bill", "VendorCredit"])


class SettledContract:
    """The promises; a subclass gives the fixture `world`, new for each test."""

    # --- settling ---------------------------------------------------------------------------------

    @both
    def test_a_payment_settles_documents_with_the_help_of_a_credit(
        self, world: BooksWorld, side: Settling
    ) -> None:
        one, two = (side.owed(world, each) for each in ("10.00", "20.00"))
        credit = side.lent(world, "4.00")
        assert side.balance(world) == 26
        world.clock.sleep(60)
        body = side.pay(world, "12.00", (one, "10.00"), (two, "5.00"), credits=[(credit, "3.00")])
        paid = world.create(side.payment, body)
        assert side.balance(world) == 14
        for document, left in ((one, "0.00"), (two, "15.00")):
            after = world.get(side.document, document)
            assert (after["Balance"], after["SyncToken"]) == (Decimal(left), "1")
            assert instant(after) == world.now()
            assert after["LinkedTxn"] == [{"TxnId": paid["Id"], "TxnType": side.link_back}]
        used = world.get(side.credit, credit)
        assert (used["Balance"], used["SyncToken"]) == (1, "1")
        if side is SALES:
            assert (used["RemainingCredit"], paid["UnappliedAmt"]) == (1, 0)

    @both
    @pytest.mark.parametrize("way", [Operation.DELETE, Operation.VOID])
    def test_a_payment_that_goes_gives_all_back(
        self, world: BooksWorld, side: Settling, way: Operation
    ) -> None:
        owed, credit = side.owed(world, "10.00"), side.lent(world, "4.00")
        body = side.pay(world, "6.00", (owed, "10.00"), credits=[(credit, "4.00")])
        paid = world.create(side.payment, body)
        assert world.port.post(world.write(way, side.payment, key(paid))).error is None
        again = world.get(side.document, owed)
        assert (again["Balance"], again["SyncToken"], again["LinkedTxn"]) == (10, "2", [])
        assert world.get(side.credit, credit)["Balance"] == 4
        assert side.balance(world) == 6
        left = world.port.read(side.payment, paid["Id"])
        assert (left is None) == (way is Operation.DELETE)
        if left is not None:
            assert (left["TotalAmt"], left["Line"]) == (0, [])
            note = {**always_sent(left), "PrivateNote": "Voided: a mistake"}
            assert world.change(side.payment, left, **note)["SyncToken"] == "2"

    @both
    def test_a_used_credit_is_not_voided_by_hand(self, world: BooksWorld, side: Settling) -> None:
        owed, credit = side.owed(world, "10.00"), side.lent(world, "4.00")
        body = side.pay(world, "6.00", (owed, "10.00"), credits=[(credit, "4.00")])
        paid = world.create(side.payment, body)
        with pytest.raises(RejectedError):
            world.people.void(side.credit, credit["Id"])
        world.people.delete(side.payment, paid["Id"])
        assert world.people.void(side.credit, credit["Id"])["Balance"] == 0
        assert side.balance(world) == 10

    def test_a_paid_bill_is_not_voided_by_hand(self, world: BooksWorld) -> None:
        bill = world.create("Bill", world.bill("8.00"))
        paid = world.create("BillPayment", world.bill_payment("8.00", (bill, "8.00")))
        with pytest.raises(RejectedError):
            world.people.void("Bill", bill["Id"])
        world.people.void("BillPayment", paid["Id"])
        assert world.people.void("Bill", bill["Id"])["TotalAmt"] == 0

    @both
    def test_a_payment_is_applied_anew_by_its_lines(
        self, world: BooksWorld, side: Settling
    ) -> None:
        one, two = (side.owed(world, "10.00") for _ in range(2))
        paid = world.create(side.payment, side.pay(world, "10.00", (one, "10.00")))
        moved = applied_line(two, "10.00", side.document)
        world.change(side.payment, paid, Line=[moved])
        left = [world.get(side.document, each)["Balance"] for each in (one, two)]
        assert left == [10, 0]

    @both
    @pytest.mark.parametrize(
        ("total", "applied", "credit", "code"),
        [
            ("5.00", "6.00", "0", "6000"),
            ("10.00", "11.00", "0", "6000"),
            ("2.00", "10.00", "5.00", "6000"),
            ("0.00", "-1.00", "0", "2290"),
        ],
        ids=["more than the payment", "more than is open", "more than the credit", "negative"],
    )
    def test_more_than_there_is_cannot_be_applied(
        self, world: BooksWorld, side: Settling, total: str, applied: str, credit: str, code: str
    ) -> None:
        owed, lent = side.owed(world, "10.00"), side.lent(world, "4.00")
        used = [(lent, credit)] if Decimal(credit) else []
        body = side.pay(world, total, (owed, applied), credits=used)
        assert world.refused_create(side.payment, body) == ("RejectedError", code)
        assert world.get(side.document, owed) == owed
        assert world.get(side.credit, lent) == lent

    @both
    def test_a_payment_fits_what_it_settles(self, world: BooksWorld, side: Settling) -> None:
        owed = side.owed(world, "10.00")
        other = {side.party: f"another {side.party}"}
        stranger = side.pay(world, "5.00", (owed, "5.00"), **other)
        assert world.refused_create(side.payment, stranger) == ("RejectedError", "6000")
        missing = side.pay(world, "5.00", ({"Id": "98765"}, "5.00"))
        assert world.refused_create(side.payment, missing) == ("RejectedError", "2500")
        wrong = PURCHASES if side is SALES else SALES
        foreign = side.pay(world, "5.00")
        document = wrong.owed(world, "5.00")
        foreign["Line"] = [applied_line(document, "5.00", wrong.document)]
        assert world.refused_create(side.payment, foreign)[0] == "RejectedError"

    @both
    @pytest.mark.parametrize("what", ["document", "credit"])
    def test_what_is_settled_cannot_be_deleted(
        self, world: BooksWorld, side: Settling, what: str
    ) -> None:
        owed, credit = side.owed(world, "10.00"), side.lent(world, "4.00")
        body = side.pay(world, "6.00", (owed, "10.00"), credits=[(credit, "4.00")])
        paid = world.create(side.payment, body)
        entity, record = {
            "document": (side.document, owed),
            "credit": (side.credit, credit),
        }[what]
        held = key(world.get(entity, record))
        assert world.refusal(Operation.DELETE, entity, held) == ("RejectedError", "6000")
        world.people.delete(side.payment, paid["Id"])
        world.people.delete(entity, record["Id"])
        assert world.port.read(entity, record["Id"]) is None

    @both
    def test_a_document_below_what_is_paid_frees_the_difference(
        self, world: BooksWorld, side: Settling
    ) -> None:
        owed = side.owed(world, "10.00")
        paid = world.create(side.payment, side.pay(world, "10.00", (owed, "10.00")))
        lines = side.body(world, "3.00")["Line"]
        lowered = world.change(side.document, world.get(side.document, owed), Line=lines)
        assert (lowered["TotalAmt"], lowered["Balance"]) == (3, 0)
        freed = world.get(side.payment, paid)
        assert [each["Amount"] for each in freed["Line"]] == [3]
        assert (freed["TotalAmt"], freed["SyncToken"]) == (10, "1")
        note = {**always_sent(freed), "TotalAmt": freed["TotalAmt"], "PrivateNote": "x"}
        assert world.change(side.payment, freed, **note)["Line"] == freed["Line"]

    @both
    @pytest.mark.parametrize(("total", "left"), [("2.99", None), ("3.00", 0), ("9.00", 6)])
    def test_a_credit_holds_what_is_used_of_it(
        self, world: BooksWorld, side: Settling, total: str, left: int | None
    ) -> None:
        owed, credit = side.owed(world, "10.00"), side.lent(world, "4.00")
        body = side.pay(world, "0.00", (owed, "3.00"), credits=[(credit, "3.00")])
        world.create(side.payment, body)
        used = world.get(side.credit, credit)
        lines = side.body(world, total)["Line"]
        if left is None:
            change = {**key(used), **always_sent(used), "Line": lines}
            refused = world.refusal(Operation.UPDATE, side.credit, change)
            assert refused == ("RejectedError", "6000")
        else:
            assert world.change(side.credit, used, Line=lines)["Balance"] == left

    @both
    def test_who_is_owed_money_stays_active(self, world: BooksWorld, side: Settling) -> None:
        side.owed(world, "10.00")
        party = world.port.read(side.party.title(), world.ref(side.party)["value"])
        assert party is not None
        body = {**key(party), "Active": False}
        refused = world.refusal(Operation.UPDATE, side.party.title(), body)
        assert refused == ("RejectedError", "6220")

    # --- sales forms ------------------------------------------------------------------------------

    @sales_forms
    def test_shipping_is_a_line_of_an_item_that_no_list_shows(
        self, world: BooksWorld, entity: str
    ) -> None:
        body = world.sold(entity, "10.00", "2.50")
        body["Line"][1][ITEM_LINE] = {"ItemRef": {"value": SHIPPING_ITEM}}
        made = world.create(entity, body)
        assert made["TotalAmt"] == Decimal("12.5")
        assert made["Line"][1][ITEM_LINE]["ItemRef"] == {"value": SHIPPING_ITEM}
        found, _ = world.port.query("Item")
        assert SHIPPING_ITEM not in [each["Id"] for each in found]

    @sales_forms
    def test_a_bundle_expands_into_its_parts(self, world: BooksWorld, entity: str) -> None:
        priced = {"Type": "Service", "IncomeAccountRef": world.ref("income")}
        parts = [
            world.create("Item", {"Name": name, "UnitPrice": Decimal(price), **priced})
            for name, price in (("First", "1.25"), ("Second", "3.333"))
        ]
        detail = [{"ItemRef": {"value": each["Id"]}, "Qty": Decimal(2)} for each in parts]
        bundle = {"Name": "Both", "Type": "Group", "ItemGroupDetail": {"ItemGroupLine": detail}}
        assert world.refused_create("Item", bundle) == ("RejectedError", "500")
        made = world.people.create("Item", bundle)
        group = {"GroupItemRef": {"value": made["Id"]}, "Quantity": Decimal(3)}
        body = world.sold(entity, "10.00")
        body["Line"].insert(0, {"DetailType": "GroupLineDetail", "GroupLineDetail": group})
        document = world.create(entity, body)
        held = document["Line"][0]["GroupLineDetail"]["Line"]
        assert [each["Amount"] for each in held] == [Decimal("7.50"), Decimal("20.00")]
        assert [each[ITEM_LINE]["Qty"] for each in held] == [6, 6]
        assert document["Line"][0]["Amount"] == Decimal("27.50")
        assert document["TotalAmt"] == Decimal("37.50")
        ids = [document["Line"][0]["Id"], *(each["Id"] for each in held), document["Line"][1]["Id"]]
        assert ids == ["1", "2", "3", "4"]
        # what is sent with its parts keeps them
        kept = world.change(entity, document, Line=document["Line"][:2])
        assert kept["SyncToken"] == "0"

    def test_a_deposit_is_taken_off_the_balance(self, world: BooksWorld) -> None:
        for purpose in ("undeposited", "receivable"):
            world.ref(purpose)
        made = world.create("Invoice", world.invoice("10.00", Deposit=Decimal("4.00")))
        assert (made["TotalAmt"], made["Balance"]) == (10, 6)
        assert SALES.balance(world) == 6
        assert account_balance(world, "undeposited") == 4
        assert account_balance(world, "receivable") == 6
        paid = world.create("Payment", world.payment("6.00", (made, "6.00")))
        more = world.change("Invoice", world.get("Invoice", made), Deposit=Decimal("5.00"))
        assert more["Balance"] == 0
        assert world.get("Payment", paid)["UnappliedAmt"] == 1
        for deposit, code in (("10.01", "6000"), ("-1.00", "2290")):
            body = {**key(more), "Deposit": Decimal(deposit)}
            assert world.refusal(Operation.UPDATE, "Invoice", body) == ("RejectedError", code)
        answer = world.port.post(world.write(Operation.VOID, "Invoice", key(more)))
        assert answer.record is not None
        assert (answer.record["Deposit"], answer.record["Balance"]) == (0, 0)
        assert SALES.balance(world) == -6

    def test_sales_forms_share_their_numbers(self, world: BooksWorld) -> None:
        world.create("Invoice", world.invoice("1.00", DocNumber="S-1"))
        for entity in ("CreditMemo", "RefundReceipt"):
            taken = world.sold(entity, "1.00", DocNumber="s-1")
            assert world.refused_create(entity, taken) == ("RejectedError", "6140")
        world.people.custom_numbers = False
        forms = ("Invoice", "CreditMemo", "RefundReceipt", "Invoice")
        numbers = [world.create(each, world.sold(each, "1.00"))["DocNumber"] for each in forms]
        assert numbers == ["1001", "1002", "1003", "1004"]

    def test_a_credit_memo_takes_back_what_an_invoice_gave(self, world: BooksWorld) -> None:
        accounts = ("receivable", "tax")
        for purpose in accounts:
            world.ref(purpose)
        body = world.invoice("10.00", TxnTaxDetail={"TotalTax": Decimal("0.80")})
        made = world.create("CreditMemo", body)
        assert made["TotalAmt"] == made["RemainingCredit"] == Decimal("10.80")
        held = [account_balance(world, each) for each in accounts]
        assert held == [Decimal("-10.80"), Decimal("0.80")]
        world.create("Invoice", body)
        assert [account_balance(world, each) for each in accounts] == [0, 0]

    def test_a_refund_receipt_pays_back_and_nobody_owes_more(self, world: BooksWorld) -> None:
        accounts = ("bank", "tax", "receivable")
        for purpose in accounts:
            world.ref(purpose)
        body = world.sold("RefundReceipt", "10.00", TxnTaxDetail={"TotalTax": Decimal("0.80")})
        made = world.create("RefundReceipt", body)
        assert (made["TotalAmt"], made["Balance"]) == (Decimal("10.80"), 0)
        held = [account_balance(world, each) for each in accounts]
        assert held == [Decimal("-10.80"), Decimal("0.80"), 0]
        assert SALES.balance(world) == 0
        less = world.change("RefundReceipt", made, Line=world.invoice("4.00")["Line"])
        assert less["TotalAmt"] == Decimal("4.80")
        other = world.change("RefundReceipt", less, DepositToAccountRef=world.ref("savings"))
        assert [account_balance(world, each) for each in ("bank", "savings")] == [
            0,
            Decimal("-4.80"),
        ]
        world.people.delete("RefundReceipt", other["Id"])
        assert [account_balance(world, each) for each in ("savings", "tax")] == [0, 0]

    def test_a_refund_receipt_names_no_customer_if_need_be(self, world: BooksWorld) -> None:
        body = world.sold("RefundReceipt", "10.00")
        del body["CustomerRef"]
        assert "CustomerRef" not in world.create("RefundReceipt", body)

    # --- purchases --------------------------------------------------------------------------------

    @vendor_forms
    def test_a_form_of_a_vendor_is_its_lines_and_tax(self, world: BooksWorld, entity: str) -> None:
        accounts = ("payable", "tax")
        for purpose in accounts:
            world.ref(purpose)
        sign = 1 if entity == "Bill" else -1
        body = world.bill("10.00", "2.00", TxnTaxDetail={"TotalTax": Decimal("0.80")})
        made = world.create(entity, body)
        assert made["TotalAmt"] == made["Balance"] == Decimal("12.80")
        assert made["APAccountRef"]["value"] == world.ref("payable")["value"]
        assert PURCHASES.balance(world) == sign * Decimal("12.80")
        held = [account_balance(world, each) for each in accounts]
        assert held == [sign * Decimal("-12.80"), sign * Decimal("0.80")]
        world.change(entity, made, Line=world.bill("1.00")["Line"])
        assert PURCHASES.balance(world) == sign * Decimal("1.80")
        world.people.delete(entity, made["Id"])
        assert PURCHASES.balance(world) == 0
        wrong = world.bill("1.00", APAccountRef=world.ref("expense"))
        assert world.refused_create(entity, wrong) == ("RejectedError", "6430")

    def test_a_bill_without_terms_is_due_at_once(self, world: BooksWorld) -> None:
        terms = {each["Name"]: each["Id"] for each in world.port.query("Term")[0]}
        assert world.create("Bill", world.bill("1.00"))["DueDate"] == "2026-09-12"
        own = world.bill("1.00", SalesTermRef={"value": terms["Net 15"]})
        assert world.create("Bill", own)["DueDate"] == "2026-09-27"

    @pytest.mark.parametrize(("entity", "code"), [("Bill", "6140"), ("VendorCredit", "")])
    def test_numbers_of_bills_are_had_once(self, world: BooksWorld, entity: str, code: str) -> None:
        body = world.bill("1.00", DocNumber="B-1")
        world.create(entity, body)
        if code:
            assert world.refused_create(entity, body) == ("RejectedError", code)
        else:
            assert world.create(entity, body)["DocNumber"] == "B-1"

    def test_a_check_of_a_bill_payment_has_its_number_once(self, world: BooksWorld) -> None:
        world.create("BillPayment", {**world.sample("BillPayment"), "DocNumber": "77"})
        check = world.purchase("1.00", DocNumber="77", PaymentType="Check")
        assert world.refused_create("Purchase", check) == ("RejectedError", "6140")
        world.create("Purchase", world.purchase("1.00", DocNumber="77"))

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"TotalAmt": Decimal("9.00")}, "6000"),
            ({"PayType": "CreditCard"}, "2020"),
            ({"CheckPayment": {"PrintStatus": "NotSet"}}, "2020"),
            ({"Line": []}, "2020"),
        ],
        ids=["leaves something over", "no card", "no account", "no lines"],
    )
    def test_a_bill_payment_says_what_it_pays_and_from_where(
        self, world: BooksWorld, change: dict[str, Any], code: str
    ) -> None:
        world.ref("payable")
        bill = world.create("Bill", world.bill("8.00"))
        body = world.bill_payment("8.00", (bill, "8.00"))
        assert world.refused_create("BillPayment", {**body, **change}) == ("RejectedError", code)
        world.create("BillPayment", body)
        assert account_balance(world, "bank") == -8
        assert account_balance(world, "payable") == 0

    def test_a_bill_is_paid_by_card(self, world: BooksWorld) -> None:
        bill = world.create("Bill", world.bill("8.00"))
        body = world.bill_payment("8.00", (bill, "8.00"), PayType="CreditCard")
        del body["CheckPayment"]
        card = {"CreditCardPayment": {"CCAccountRef": world.ref("card")}}
        paid = world.create("BillPayment", {**body, **card})
        assert "CheckPayment" not in paid
        assert account_balance(world, "card") == -8
        world.people.void("BillPayment", paid["Id"])
        assert account_balance(world, "card") == 0

    @pytest.mark.parametrize("entity", ["Purchase", "Bill", "VendorCredit"])
    def test_a_cost_of_a_customer_is_billable(self, world: BooksWorld, entity: str) -> None:
        body = world.purchase() if entity == "Purchase" else world.bill()
        own = world.spent("1.00")
        theirs = world.spent("2.00", CustomerRef=world.ref("customer"))
        settled = world.spent("3.00", CustomerRef=world.ref("customer"), BillableStatus="Billable")
        body["Line"] = [*own, *theirs, *settled]
        made = world.create(entity, body)
        held = [each[EXPENSE_LINE]["BillableStatus"] for each in made["Line"]]
        assert held == ["NotBillable", "Billable", "Billable"]
