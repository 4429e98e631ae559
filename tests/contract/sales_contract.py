"""What the books do with invoices, payments and expenses: totals, balances, links, periods.

As `books_contract`, for what is particular to one entity. Source: reference quickbooks-api,
sections 3.1, 3.4, 8.1, 10.4 and 10.5.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from models.words import Operation
from tests.contract.books_world import (
    NOTES,
    TRANSACTIONS,
    BooksWorld,
    always_sent,
    applied_line,
    instant,
    key,
)

if TYPE_CHECKING:
    from connectors.ports import Payload

DISCOUNT = "DiscountLineDetail"


class SalesContract:
    """The promises; a subclass gives the fixture `world`, new for each test."""

    # --- invoices ---------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("discount", "expected"),
        [
            ({"PercentBased": True, "DiscountPercent": Decimal("12.5")}, "87.59"),
            ({"PercentBased": False}, "95.10"),
        ],
    )
    def test_an_invoice_is_its_lines_less_discount_plus_tax(
        self, world: BooksWorld, discount: dict[str, Any], expected: str
    ) -> None:
        body = world.invoice("100.00", "0.10", TxnTaxDetail={"TotalTax": Decimal("0.00")})
        line = {"Amount": Decimal("5.00"), "DetailType": DISCOUNT, DISCOUNT: discount}
        body["Line"].append(line)
        made = world.create("Invoice", body)
        assert made["TotalAmt"] == made["Balance"] == Decimal(expected)
        kinds = [each["DetailType"] for each in made["Line"]]
        assert kinds == ["SalesItemLineDetail"] * 2 + ["SubTotalLineDetail", DISCOUNT]
        assert [each.get("Id") for each in made["Line"]] == ["1", "2", None, None]
        taxed = world.create(
            "Invoice", world.invoice("100.00", TxnTaxDetail={"TotalTax": Decimal("8.25")})
        )
        assert taxed["TotalAmt"] == Decimal("108.25")

    def test_lines_are_replaced_as_a_whole_and_keep_known_ids(self, world: BooksWorld) -> None:
        made = world.create("Invoice", world.invoice("1.00", "2.00", "3.00"))
        lines = world.invoice("4.00", "5.00")["Line"]
        lines[0]["Id"] = made["Line"][2]["Id"]
        after = world.change("Invoice", made, Line=lines)
        assert [each.get("Id") for each in after["Line"]] == ["3", "4", None]
        assert after["TotalAmt"] == 9
        assert world.change("Invoice", after, PrivateNote="x")["Line"] == after["Line"]

    def test_an_amount_is_quantity_times_price(self, world: BooksWorld) -> None:
        body = world.invoice("10.00")
        body["Line"][0]["SalesItemLineDetail"].update(Qty=Decimal(3), UnitPrice=Decimal("3.30"))
        assert world.refused_create("Invoice", body) == ("RejectedError", "6070")
        body["Line"][0]["Amount"] = Decimal("9.90")
        detail = world.create("Invoice", body)["Line"][0]["SalesItemLineDetail"]
        assert (detail["Qty"], detail["UnitPrice"]) == (3, Decimal("3.30"))

    def test_a_negative_total_is_refused(self, world: BooksWorld) -> None:
        refused = world.refused_create("Invoice", world.invoice("-1.00"))
        assert refused == ("RejectedError", "2290")

    def test_a_due_date_follows_from_the_terms(self, world: BooksWorld) -> None:
        terms = {each["Name"]: each["Id"] for each in world.port.query("Term")[0]}
        own = world.invoice("1.00", SalesTermRef={"value": terms["Net 15"]})
        assert world.create("Invoice", own)["DueDate"] == "2026-09-30"
        made = world.create("Invoice", world.invoice("1.00"))
        assert made["DueDate"] == "2026-10-15"
        given = world.create("Invoice", world.invoice("1.00", DueDate="2026-12-24"))
        assert given["DueDate"] == "2026-12-24"

    def test_a_bare_document_is_of_today(self, world: BooksWorld) -> None:
        body = world.invoice("1.00")
        del body["TxnDate"]
        # the company's day is a Pacific one
        assert world.create("Invoice", body)["TxnDate"] == "2026-09-30"

    def test_own_numbers_are_had_once(self, world: BooksWorld) -> None:
        world.create("Invoice", world.invoice("1.00", DocNumber="A-1"))
        taken = world.invoice("1.00", DocNumber="a-1")
        assert world.refused_create("Invoice", taken) == ("RejectedError", "6140")
        bare = world.create("Invoice", world.invoice("1.00"))
        assert not bare.get("DocNumber")
        body = {**key(bare), "DocNumber": "A-1"}
        assert world.refusal(Operation.UPDATE, "Invoice", body) == ("RejectedError", "6140")

    def test_quickbooks_numbers_where_the_company_does_not(self, world: BooksWorld) -> None:
        world.people.custom_numbers = False
        numbers = [world.create("Invoice", world.invoice("1.00"))["DocNumber"] for _ in range(2)]
        assert numbers == ["1001", "1002"]
        world.create("Invoice", world.invoice("1.00", DocNumber="2000"))
        twin = world.create("Invoice", world.invoice("1.00", DocNumber="2000"))
        assert twin["DocNumber"] == "2000"
        assert world.create("Invoice", world.invoice("1.00"))["DocNumber"] == "2001"

    # --- payments ---------------------------------------------------------------------------------

    def test_a_payment_settles_invoices_and_bumps_them(self, world: BooksWorld) -> None:
        one, two = (world.create("Invoice", world.invoice(each)) for each in ("10.00", "20.00"))
        assert balance_of(world, "customer") == 30
        world.clock.sleep(60)
        paid = world.create("Payment", world.payment("25.00", (one, "10.00"), (two, "5.50")))
        assert paid["UnappliedAmt"] == Decimal("9.50")
        assert balance_of(world, "customer") == 5
        for invoice, left in ((one, "0.00"), (two, "14.50")):
            after = world.get("Invoice", invoice)
            assert (after["Balance"], after["SyncToken"]) == (Decimal(left), "1")
            assert instant(after) == world.now()
            assert after["LinkedTxn"] == [{"TxnId": paid["Id"], "TxnType": "Payment"}]
        found = world.port.changes(["Invoice", "Customer"], world.now())
        assert {each["Id"] for each in found.records["Invoice"]} == {one["Id"], two["Id"]}
        # a balance that moves is a change without a version
        customer = found.records["Customer"][0]
        assert (customer["SyncToken"], customer["Balance"]) == ("0", 5)

    @pytest.mark.parametrize("way", [Operation.DELETE, Operation.VOID])
    def test_a_payment_that_goes_opens_its_invoices_again(
        self, world: BooksWorld, way: Operation
    ) -> None:
        invoice = world.create("Invoice", world.invoice("10.00"))
        paid = world.create("Payment", world.payment("10.00", (invoice, "10.00")))
        assert world.port.post(world.write(way, "Payment", key(paid))).error is None
        after = world.get("Invoice", invoice)
        assert (after["Balance"], after["SyncToken"], after["LinkedTxn"]) == (10, "2", [])
        assert balance_of(world, "customer") == 10
        left = world.port.read("Payment", paid["Id"])
        if way is Operation.VOID:
            assert left is not None
            assert (left["TotalAmt"], left["UnappliedAmt"], left["Line"]) == (0, 0, [])

    def test_a_payment_is_applied_anew_by_its_lines(self, world: BooksWorld) -> None:
        one, two = (world.create("Invoice", world.invoice("10.00")) for _ in range(2))
        paid = world.create("Payment", world.payment("10.00", (one, "10.00")))
        moved = world.change("Payment", paid, Line=[applied_line(two, "4.00")])
        assert moved["UnappliedAmt"] == 6
        assert [world.get("Invoice", each)["Balance"] for each in (one, two)] == [10, 6]
        unlinked = world.change("Payment", moved, Line=[])
        assert unlinked["UnappliedAmt"] == 10
        assert world.get("Invoice", two)["Balance"] == 10

    def test_more_than_there_is_cannot_be_applied(self, world: BooksWorld) -> None:
        invoice = world.create("Invoice", world.invoice("10.00"))
        for body in (
            world.payment("5.00", (invoice, "6.00")),
            world.payment("20.00", (invoice, "11.00")),
        ):
            assert world.refused_create("Payment", body) == ("RejectedError", "6000")
        assert world.get("Invoice", invoice) == invoice
        assert world.port.query("Payment")[0] == []

    def test_a_payment_fits_its_invoices(self, world: BooksWorld) -> None:
        invoice = world.create("Invoice", world.invoice("10.00"))
        other = world.payment("5.00", (invoice, "5.00"), customer="somebody else")
        assert world.refused_create("Payment", other) == ("RejectedError", "6000")
        missing = world.payment("5.00", ({"Id": "98765"}, "5.00"))
        assert world.refused_create("Payment", missing) == ("RejectedError", "2500")
        negative = world.payment("-5.00")
        assert world.refused_create("Payment", negative) == ("RejectedError", "2290")

    def test_money_waits_in_undeposited_funds(self, world: BooksWorld) -> None:
        world.ref("undeposited")
        world.ref("receivable")
        world.create("Invoice", world.invoice("10.00"))
        paid = world.create("Payment", world.payment("4.00"))
        assert paid["DepositToAccountRef"]["value"] == world.ref("undeposited")["value"]
        assert account_balance(world, "undeposited") == 4
        assert account_balance(world, "receivable") == 6
        wrong = world.payment("4.00", DepositToAccountRef=world.ref("income"))
        assert world.refused_create("Payment", wrong) == ("RejectedError", "6430")

    # --- paid invoices that change ----------------------------------------------------------------

    def test_a_paid_invoice_cannot_be_deleted(self, world: BooksWorld) -> None:
        invoice, _ = paid_invoice(world)
        refused = world.refusal(Operation.DELETE, "Invoice", key(invoice))
        assert refused == ("RejectedError", "6000")

    def test_voiding_a_paid_invoice_frees_its_payment(self, world: BooksWorld) -> None:
        invoice, paid = paid_invoice(world)
        answer = world.port.post(world.write(Operation.VOID, "Invoice", key(invoice)))
        assert answer.record is not None
        assert (answer.record["Balance"], answer.record["LinkedTxn"]) == (0, [])
        freed = world.get("Payment", paid)
        assert (freed["UnappliedAmt"], freed["Line"], freed["SyncToken"]) == (10, [], "1")
        assert balance_of(world, "customer") == -10

    def test_an_invoice_below_what_is_paid_frees_the_difference(self, world: BooksWorld) -> None:
        invoice, paid = paid_invoice(world)
        lowered = world.change("Invoice", invoice, Line=world.invoice("3.00")["Line"])
        assert (lowered["TotalAmt"], lowered["Balance"]) == (3, 0)
        freed = world.get("Payment", paid)
        assert freed["UnappliedAmt"] == 7
        assert [each["Amount"] for each in freed["Line"]] == [3]
        raised = world.change(
            "Invoice", world.get("Invoice", invoice), Line=world.invoice("5.00")["Line"]
        )
        assert raised["Balance"] == 2

    def test_who_owes_money_stays_active(self, world: BooksWorld) -> None:
        world.create("Invoice", world.invoice("10.00"))
        customer = world.port.read("Customer", world.ref("customer")["value"])
        assert customer is not None
        body = {**key(customer), "Active": False}
        assert world.refusal(Operation.UPDATE, "Customer", body) == ("RejectedError", "6220")

    # --- expenses ---------------------------------------------------------------------------------

    def test_an_expense_is_its_lines_and_leaves_the_bank(self, world: BooksWorld) -> None:
        made = world.create("Purchase", world.purchase("1.25", "2.50"))
        assert made["TotalAmt"] == Decimal("3.75")
        assert account_balance(world, "bank") == Decimal("-3.75")
        world.change("Purchase", made, Line=world.purchase("1.00")["Line"])
        assert account_balance(world, "bank") == -1
        world.people.delete("Purchase", made["Id"])
        assert account_balance(world, "bank") == 0

    def test_only_a_card_takes_a_refund(self, world: BooksWorld) -> None:
        cash = world.purchase("1.00", Credit=True)
        assert world.refused_create("Purchase", cash) == ("RejectedError", "6000")
        card = {"PaymentType": "CreditCard", "AccountRef": world.ref("card")}
        made = world.create("Purchase", world.purchase("1.00", Credit=True, **card))
        assert (made["Credit"], made["TotalAmt"]) == (True, 1)
        assert account_balance(world, "card") == 1
        body = {**key(made), "PrivateNote": "x"}
        assert world.refusal(Operation.UPDATE, "Purchase", body) == ("RejectedError", "2020")

    def test_the_paying_account_fits(self, world: BooksWorld) -> None:
        body = world.purchase("1.00", AccountRef=world.ref("income"))
        assert world.refused_create("Purchase", body) == ("RejectedError", "6430")

    def test_numbers_of_expenses_are_had_once_and_checks_have_their_own(
        self, world: BooksWorld
    ) -> None:
        world.create("Purchase", world.purchase("1.00", DocNumber="77"))
        twin = world.purchase("1.00", DocNumber="77")
        assert world.refused_create("Purchase", twin) == ("RejectedError", "6140")
        check = world.purchase("1.00", DocNumber="77", PaymentType="Check")
        world.create("Purchase", check)
        assert world.refused_create("Purchase", check) == ("RejectedError", "6140")

    @pytest.mark.parametrize("kind", ["vendor", "customer"])
    def test_a_payee_keeps_its_kind_and_follows_its_name(
        self, world: BooksWorld, kind: str
    ) -> None:
        payee = {**world.ref(kind), "type": kind.title()}
        made = world.create("Purchase", world.purchase("1.00", EntityRef=payee))
        assert made["EntityRef"] == {**payee, "name": kind}
        world.people.update(kind.title(), payee["value"], DisplayName="Renamed")
        after = world.get("Purchase", made)
        assert after["EntityRef"]["name"] == "Renamed"
        assert after["SyncToken"] == "0"

    # --- periods and nesting ----------------------------------------------------------------------

    @pytest.mark.parametrize("entity", TRANSACTIONS)
    def test_closed_books_stay_as_they_are(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        world.people.book_close_date = str(made["TxnDate"])
        assert world.port.company().book_close_date == made["TxnDate"]
        note = {NOTES[entity]: "x", **always_sent(made)}
        for operation, body in (
            (Operation.CREATE, world.sample(entity, 2)),
            (Operation.UPDATE, {**key(made), **note}),
            (Operation.UPDATE, {**key(made), **note, "TxnDate": "2026-09-30"}),
            (Operation.DELETE, key(made)),
        ):
            assert world.refusal(operation, entity, body) == ("RejectedError", "6210")
        open_one = world.create(entity, {**world.sample(entity, 2), "TxnDate": "2026-09-30"})
        body = {**key(open_one), **always_sent(made), "TxnDate": made["TxnDate"]}
        assert world.refusal(Operation.UPDATE, entity, body) == ("RejectedError", "6210")

    @pytest.mark.parametrize(("entity", "flag"), [("Account", "SubAccount"), ("Customer", "Job")])
    def test_lists_nest_to_five_levels_and_in_no_circle(
        self, world: BooksWorld, entity: str, flag: str
    ) -> None:
        made: list[Payload] = []
        for number in range(5):
            parent = {"ParentRef": {"value": made[-1]["Id"]}, flag: True} if made else {}
            made.append(world.create(entity, {**world.sample(entity, number), **parent}))
        assert [each[flag] for each in made] == [False, True, True, True, True]
        deeper = {**world.sample(entity, 5), "ParentRef": {"value": made[-1]["Id"]}, flag: True}
        assert world.refused_create(entity, deeper) == ("RejectedError", "6180")
        circle = {**key(made[0]), "ParentRef": {"value": made[2]["Id"]}, flag: True}
        assert world.refusal(Operation.UPDATE, entity, circle) == ("RejectedError", "6000")
        above = world.create(entity, world.sample(entity, 6))
        lower = {**key(made[0]), "ParentRef": {"value": above["Id"]}, flag: True}
        assert world.refusal(Operation.UPDATE, entity, lower) == ("RejectedError", "6180")

    def test_accounts_below_different_parents_may_be_called_alike(self, world: BooksWorld) -> None:
        parents = [world.create("Account", world.sample("Account", number)) for number in (1, 2)]
        twins = [
            {
                "Name": "Fees",
                "AccountType": "Expense",
                "SubAccount": True,
                "ParentRef": {"value": each["Id"]},
            }
            for each in parents
        ]
        for each in twins:
            world.create("Account", each)
        assert world.refused_create("Account", twins[0]) == ("RejectedError", "6240")

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"AccountType": "Bank"}, ("Bank", "CashOnHand", "Asset")),
            ({"AccountSubType": "Travel"}, ("Expense", "Travel", "Expense")),
        ],
    )
    def test_type_and_detail_type_of_an_account_follow_from_each_other(
        self, world: BooksWorld, given: dict[str, str], expected: tuple[str, str, str]
    ) -> None:
        made = world.create("Account", {"Name": "New", **given})
        kinds = (made["AccountType"], made["AccountSubType"], made["Classification"])
        assert kinds == expected
        both = {"Name": "Other", "AccountType": "Bank", "AccountSubType": "Travel"}
        assert world.refused_create("Account", both) == ("RejectedError", "6000")

    @pytest.mark.parametrize(("entered", "kept"), [("12.345", "12.35"), ("12.344", "12.34")])
    def test_a_third_decimal_is_rounded_off_without_a_word(
        self, world: BooksWorld, entered: str, kept: str
    ) -> None:
        made = world.create("Invoice", world.invoice(entered))
        assert made["TotalAmt"] == made["Line"][0]["Amount"] == Decimal(kept)

    def test_a_foreign_currency_needs_the_preference(self, world: BooksWorld) -> None:
        body = {"DisplayName": "Abroad", "CurrencyRef": {"value": "EUR"}}
        assert world.refused_create("Customer", body) == ("RejectedError", "6000")
        assert world.create("Customer", {"DisplayName": "Here"})["CurrencyRef"]["value"] == "USD"


def paid_invoice(world: BooksWorld) -> tuple[Payload, Payload]:
    """An invoice of 10.00 as it stands after its payment, and the payment."""
    invoice = world.create("Invoice", world.invoice("10.00"))
    paid = world.create("Payment", world.payment("10.00", (invoice, "10.00")))
    return world.get("Invoice", invoice), paid


def balance_of(world: BooksWorld, purpose: str) -> Decimal:
    """What a customer owes."""
    return Decimal(world.get("Customer", {"Id": world.ref(purpose)["value"]})["Balance"])


def account_balance(world: BooksWorld, purpose: str) -> Decimal:
    """What an account holds."""
    account = world.get("Account", {"Id": world.ref(purpose)["value"]})
    return Decimal(account["CurrentBalance"])
