"""Lines are one field, but QuickBooks's own parts of unchanged lines stay."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, reference, sales_line

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


def three_lines(office: Office) -> tuple[str, int]:
    """An invoice with three lines that carry a class, on both sides; its two ids."""
    body = {
        "CustomerRef": reference("5"),
        "Line": [
            sales_line(amount, ClassRef=reference(kind), TaxCodeRef=reference("NON"))
            for amount, kind in ((100, "1"), (200, "2"), (300, "1"))
        ],
    }
    booked = office.books.create("Invoice", body)
    office.sync()
    return booked["Id"], office.platform.id_of("Invoice", booked["Id"])


def sold(office: Office, quickbooks_id: str) -> list[dict[str, Any]]:
    """The invoice's sales lines."""
    lines = office.books.read("Invoice", quickbooks_id)["Line"]
    return [line for line in lines if line["DetailType"] == "SalesItemLineDetail"]


def parts(line: dict[str, Any]) -> tuple[str, Decimal, str | None]:
    """Id, amount and class of a line."""
    detail = line["SalesItemLineDetail"]
    return line["Id"], line["Amount"], detail.get("ClassRef", {}).get("value")


@on_both
def test_a_raw_sql_update_of_a_record_is_synced(office: Office) -> None:
    """Goal: another program's SQL is a change like any other."""
    done = office.platform.sql("UPDATE invoices SET memo = 'by SQL' WHERE number = '1004'")
    assert done == 1
    office.sync()
    assert office.books.one("Invoice", "DocNumber = '1004'")["PrivateNote"] == "by SQL"
    office.settled()


@on_both
def test_a_raw_sql_update_of_a_line_is_synced(office: Office) -> None:
    """Goal: a line changed by SQL changes the invoice in QuickBooks, its new total comes back, and
    the other lines keep their ids and classes."""
    quickbooks_id, row_id = three_lines(office)
    before = [parts(line) for line in sold(office, quickbooks_id)]
    amount = 250 if office.engine.dialect.name == "postgresql" else 250 * 10**5
    done = office.platform.sql(
        "UPDATE invoice_lines SET amount = :amount WHERE invoice_id = :id AND position = 2",
        amount=amount,
        id=row_id,
    )
    assert done == 1
    # The total of the platform's row is QuickBooks's to compute; it must not stand in the way.
    office.sync()
    after = [parts(line) for line in sold(office, quickbooks_id)]
    assert after == [before[0], (before[1][0], Decimal(250), "2"), before[2]]
    assert office.books.read("Invoice", quickbooks_id)["TotalAmt"] == 650
    row = office.platform.row("invoice", row_id)
    assert (row["total"], row["balance"]) == (650, 650)
    office.settled()


def test_a_line_added_by_the_platform_leaves_the_others_alone(office: Office) -> None:
    """Goal: adding a line keeps the ids and unmapped parts of the lines that are there."""
    quickbooks_id, row_id = three_lines(office)
    before = [parts(line) for line in sold(office, quickbooks_id)]
    item = office.platform.id_of("Item", "3")
    amount = 50 if office.engine.dialect.name == "postgresql" else 50 * 10**5
    office.platform.sql(
        "INSERT INTO invoice_lines (invoice_id, position, kind, item_id, amount) "
        "VALUES (:id, 4, 'item', :item, :amount)",
        id=row_id,
        item=item,
        amount=amount,
    )
    office.sync()
    after = [parts(line) for line in sold(office, quickbooks_id)]
    assert after[:3] == before
    assert after[3][1:] == (50, None)
    assert after[3][0] not in {line[0] for line in before}
    assert office.platform.row("invoice", row_id)["total"] == 650
    office.settled()


def test_a_line_removed_by_the_platform_leaves_the_others_alone(office: Office) -> None:
    """Goal: removing a line in the middle keeps the ids and unmapped parts of the others."""
    quickbooks_id, row_id = three_lines(office)
    before = [parts(line) for line in sold(office, quickbooks_id)]
    office.platform.sql(
        "DELETE FROM invoice_lines WHERE invoice_id = :id AND position = 2", id=row_id
    )
    office.sync()
    assert [parts(line) for line in sold(office, quickbooks_id)] == [before[0], before[2]]
    assert office.platform.row("invoice", row_id)["total"] == 400
    office.settled()


def test_lines_edited_in_quickbooks_replace_those_on_the_platform(office: Office) -> None:
    """Goal: lines added, changed and removed in QuickBooks arrive in their order."""
    quickbooks_id, row_id = three_lines(office)
    first, _, last = sold(office, quickbooks_id)
    last["Amount"] = Decimal(310)
    words = {"DetailType": "DescriptionOnly", "Description": "as agreed"}
    office.books.update("Invoice", quickbooks_id, Line=[words, last, first])
    office.sync()
    row = office.platform.row("invoice", row_id)
    assert [(line["kind"], line["amount"]) for line in row["lines"]] == [
        ("description", None),
        ("item", 310),
        ("item", 100),
    ]
    assert row["total"] == 410
    office.settled()


def test_a_memo_edited_by_the_platform_does_not_touch_the_lines(office: Office) -> None:
    """Goal: a sparse update sends what changed, so lines that the platform cannot express stay."""
    quickbooks_id, row_id = three_lines(office)
    before = office.books.read("Invoice", quickbooks_id)["Line"]
    office.platform.edit("invoice", row_id, memo="only this")
    office.sync()
    booked = office.books.read("Invoice", quickbooks_id)
    assert booked["PrivateNote"] == "only this"
    assert booked["Line"] == before
    office.settled()


def test_lines_changed_on_both_sides_are_one_conflict(office: Office) -> None:
    """Goal: lines are one field: changed on both sides, one side's lines win as a whole and the
    other's are kept in the conflict."""
    quickbooks_id, row_id = three_lines(office)
    office.platform.choose(policy={"invoice.lines": "platform"})
    first, second, third = sold(office, quickbooks_id)
    first["Amount"] = Decimal(111)
    office.books.update("Invoice", quickbooks_id, Line=[first, second, third])
    office.platform.sql(
        "DELETE FROM invoice_lines WHERE invoice_id = :i AND position = 3", i=row_id
    )
    office.sync()
    assert [line["Amount"] for line in sold(office, quickbooks_id)] == [100, 200]
    (conflict,) = office.conflicts()
    assert conflict["field"] == "lines"
    assert [line["amount"] for line in conflict["quickbooks"]] == ["111", "200", "300"]
    assert [line["amount"] for line in conflict["platform"]] == ["100", "200"]
    assert [line["amount"] for line in conflict["base"]] == ["100", "200", "300"]
    office.settled()


def test_an_expense_line_changed_on_the_platform_keeps_its_parts(office: Office) -> None:
    """Goal: an expense's lines keep class and billable status when another field changes."""
    row = office.platform.of("Purchase", "11")
    before = office.books.read("Purchase", "11")["Line"]
    changed = row["lines"][0]["amount"] + 1
    amount = changed if office.engine.dialect.name == "postgresql" else int(changed * 10**5)
    office.platform.sql(
        "UPDATE expense_lines SET amount = :amount WHERE expense_id = :id AND position = 1",
        amount=amount,
        id=row["id"],
    )
    office.sync()
    after = office.books.read("Purchase", "11")["Line"]
    assert after[0] == {**before[0], "Amount": changed}
    assert after[1:] == before[1:]
    office.settled()
