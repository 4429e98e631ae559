"""Invoices travel both ways, with their lines, figures and status."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, invoice, note_of, payment, reference, sales_line

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


@on_both
def test_an_invoice_made_on_the_platform_arrives_with_its_lines(office: Office) -> None:
    """Goal: all that a person enters on the platform stands in QuickBooks, and its number, total,
    balance and status come back."""
    customer = office.platform.id_of("Customer", "4")
    consulting = office.platform.id_of("Item", "2")
    handbook = office.platform.id_of("Item", "7")
    row = office.platform.add(
        "invoice",
        customer_id=customer,
        issued_on=date(2026, 11, 2),
        due_on=date(2026, 12, 2),
        terms="Net 30",
        memo="Second half of the review",
        customer_message="Thank you — it was a pleasure.",
        email="accounts@elmwood.example",
        tax_code="Maine",
        tax_total=Decimal(11),
        lines=[
            {
                "kind": "item",
                "item_id": consulting,
                "description": "Interviews",
                "quantity": Decimal("7.5"),
                "unit_price": Decimal("160.10"),
                "amount": Decimal("1200.75"),
                "tax_code": "NON",
            },
            {
                "kind": "item",
                "item_id": handbook,
                "quantity": Decimal(5),
                "unit_price": Decimal(40),
                "amount": Decimal(200),
                "tax_code": "TAX",
                "service_on": date(2026, 10, 30),
            },
            {"kind": "description", "description": "Travel is not billed."},
            {"kind": "discount", "discount_percent": Decimal(10), "amount": Decimal("140.08")},
        ],
    )
    cycle = office.sync()
    assert cycle["data_types"]["invoices"]["to_quickbooks"]["created"] == 1

    quickbooks_id = office.platform.quickbooks_id("invoice", row)
    assert quickbooks_id is not None
    booked = office.books.read("Invoice", quickbooks_id)
    assert booked["CustomerRef"]["value"] == "4"
    assert (booked["TxnDate"], booked["DueDate"]) == ("2026-11-02", "2026-12-02")
    assert booked["SalesTermRef"]["value"] == "3"
    assert note_of(booked) == "Second half of the review"
    assert booked["CustomerMemo"]["value"] == "Thank you — it was a pleasure."
    assert booked["BillEmail"]["Address"] == "accounts@elmwood.example"
    assert booked["TxnTaxDetail"]["TotalTax"] == 11
    lines = [line for line in booked["Line"] if line["DetailType"] != "SubTotalLineDetail"]
    assert [line["DetailType"] for line in lines] == [
        "SalesItemLineDetail",
        "SalesItemLineDetail",
        "DescriptionOnly",
        "DiscountLineDetail",
    ]
    first, second, words, discount = lines
    assert first["Amount"] == Decimal("1200.75")
    assert first["Description"] == "Interviews"
    assert first["SalesItemLineDetail"]["ItemRef"]["value"] == "2"
    assert first["SalesItemLineDetail"]["Qty"] == Decimal("7.5")
    assert first["SalesItemLineDetail"]["UnitPrice"] == Decimal("160.1")
    assert first["SalesItemLineDetail"]["TaxCodeRef"]["value"] == "NON"
    assert second["SalesItemLineDetail"]["TaxCodeRef"]["value"] == "TAX"
    assert second["SalesItemLineDetail"]["ServiceDate"] == "2026-10-30"
    assert words["Description"] == "Travel is not billed."
    assert discount["Amount"] == Decimal("140.08")

    seen = office.platform.row("invoice", row)
    assert seen["number"] == booked["DocNumber"]
    assert seen["total"] == seen["balance"] == booked["TotalAmt"] == Decimal("1271.67")
    assert seen["status"] == "open"
    assert [line["kind"] for line in seen["lines"]] == ["item", "item", "description", "discount"]
    office.settled()


@on_both
def test_an_invoice_made_in_quickbooks_arrives_on_the_platform(office: Office) -> None:
    """Goal: all that a person enters in QuickBooks stands on the platform."""
    body = invoice(
        "5",
        "99.95",
        TxnDate="2026-11-03",
        SalesTermRef=reference("2"),
        PrivateNote="by phone",
        CustomerMemo={"value": "Cheers"},
        BillEmail={"Address": "tap@saltmarsh.example"},
    )
    body["Line"].append({"DetailType": "DescriptionOnly", "Description": "as agreed"})
    body["Line"].append(sales_line(80, "7", Qty=2, UnitPrice=40))
    booked = office.books.create("Invoice", body)
    cycle = office.sync()
    assert cycle["data_types"]["invoices"]["to_platform"]["created"] == 1
    assert cycle["read"]["invoice"]["quickbooks"] == 1

    row = office.platform.of("Invoice", booked["Id"])
    assert row["number"] == booked["DocNumber"]
    assert row["customer_id"] == office.platform.id_of("Customer", "5")
    assert (row["issued_on"], row["terms"]) == (date(2026, 11, 3), "Net 15")
    assert row["due_on"] == date(2026, 11, 18)
    assert (row["memo"], row["customer_message"]) == ("by phone", "Cheers")
    assert row["email"] == "tap@saltmarsh.example"
    assert (row["total"], row["balance"]) == (booked["TotalAmt"], booked["Balance"])
    assert row["status"] == "open"
    first, words, last = row["lines"]
    assert (first["kind"], first["amount"]) == ("item", Decimal("99.95"))
    assert (words["kind"], words["description"]) == ("description", "as agreed")
    assert last["item_id"] == office.platform.id_of("Item", "7")
    assert (last["quantity"], last["unit_price"]) == (2, 40)
    office.settled()


@on_both
def test_payments_recorded_in_quickbooks_move_the_status(office: Office) -> None:
    """Goal: a part payment, the rest, and a deleted payment in QuickBooks give partially_paid,
    paid and open on the platform, with the balance to the cent."""
    booked = office.books.create("Invoice", invoice("5", "250.25", TxnDate="2026-11-03"))
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    total = row["total"]
    assert (row["status"], row["balance"]) == ("open", total)

    part = office.books.create("Payment", payment("5", "100.10", booked["Id"]))
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    assert (row["status"], row["balance"]) == ("partially_paid", total - Decimal("100.10"))
    paid = office.platform.of("Payment", part["Id"])
    assert paid["amount"] == Decimal("100.10")
    assert paid["lines"][0]["invoice_id"] == row["id"]

    rest = office.books.create("Payment", payment("5", str(row["balance"]), booked["Id"]))
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    assert (row["status"], row["balance"]) == ("paid", 0)

    office.books.delete("Payment", rest["Id"])
    office.books.delete("Payment", part["Id"])
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    assert (row["status"], row["balance"]) == ("open", total)
    assert office.platform.of("Payment", part["Id"])["deleted_at"] is not None
    assert office.platform.of("Payment", rest["Id"])["deleted_at"] is not None
    office.settled()


@on_both
def test_a_payment_recorded_on_the_platform_lowers_the_balance(office: Office) -> None:
    """Goal: a payment entered on the platform is applied in QuickBooks, whose new balance and
    status come back."""
    booked = office.books.create("Invoice", invoice("5", "250.25", TxnDate="2026-11-03"))
    office.sync()
    row = office.platform.of("Invoice", booked["Id"])
    total = row["total"]

    def pay(amount: Decimal, reference_number: str) -> dict[str, object]:
        payment_row = office.platform.add(
            "payment",
            customer_id=row["customer_id"],
            received_on=date(2026, 11, 10),
            reference=reference_number,
            method="Check",
            amount=amount,
            lines=[{"kind": "invoice", "invoice_id": row["id"], "amount": amount}],
        )
        office.sync()
        office.sync()
        quickbooks_id = office.platform.quickbooks_id("payment", payment_row)
        assert quickbooks_id is not None
        return office.books.read("Payment", quickbooks_id)

    part = pay(Decimal("100.10"), "CHK-1")
    assert part["TotalAmt"] == Decimal("100.10")
    assert part["PaymentRefNum"] == "CHK-1"
    assert office.books.read("Invoice", booked["Id"])["Balance"] == total - Decimal("100.10")
    seen = office.platform.of("Invoice", booked["Id"])
    assert (seen["status"], seen["balance"]) == ("partially_paid", total - Decimal("100.10"))

    pay(total - Decimal("100.10"), "CHK-2")
    assert office.books.read("Invoice", booked["Id"])["Balance"] == 0
    seen = office.platform.of("Invoice", booked["Id"])
    assert (seen["status"], seen["balance"]) == ("paid", 0)
    office.settled()
