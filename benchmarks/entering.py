"""What people enter on the platform, many at a time, as another program writes its tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from sqlalchemy import insert, select, update

from models.tables import sync as tables
from models.tables.platform import invoice_lines, invoices
from tasks.bootstrap import Installation

#: What the one line of an invoice comes to.
AMOUNT: Final = Decimal(30)
_AT_ONCE: Final = 1_000


def enter_invoices(place: Installation, count: int, prefix: str) -> None:
    """New invoices of customers and items that both sides have."""
    with place.engine.begin() as transaction:
        links, kinds = tables.links, ("customer", "item")
        found = transaction.execute(
            select(links.c.record_type, links.c.platform_id)
            .where(links.c.record_type.in_(kinds), links.c.platform_id.is_not(None))
            .order_by(links.c.id)
        ).all()
        customers, items = ([int(key) for name, key in found if name == kind] for kind in kinds)
        company = transaction.execute(select(invoices.c.company_id).limit(1)).scalar_one()
        for start in range(0, count, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, count))
            made = transaction.execute(
                insert(invoices).returning(invoices.c.id, sort_by_parameter_order=True),
                [
                    {
                        "company_id": company,
                        "number": f"{prefix}{number}",
                        "customer_id": customers[number % len(customers)],
                        "issued_on": date(2026, 6, 1),
                        "due_on": date(2026, 7, 1),
                        "currency": "USD",
                        "total": AMOUNT,
                    }
                    for number in numbers
                ],
            )
            transaction.execute(
                insert(invoice_lines),
                [
                    {
                        "invoice_id": invoice,
                        "position": 1,
                        "kind": "item",
                        "item_id": items[number % len(items)],
                        "quantity": Decimal(1),
                        "unit_price": AMOUNT,
                        "amount": AMOUNT,
                    }
                    for number, invoice in zip(numbers, made.scalars(), strict=True)
                ],
            )


def edit_invoice(place: Installation, platform_id: int, memo: str) -> None:
    """Somebody writes another memo on an invoice."""
    with place.engine.begin() as transaction:
        changed = update(invoices).where(invoices.c.id == platform_id).values(memo=memo)
        assert transaction.execute(changed).rowcount == 1
