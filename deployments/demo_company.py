"""The demo's people: what happened on both sides since the last sync.

The person in QuickBooks uses its API with a token of their own; the person on the platform uses its
tables. Everything here is ordinary work: new records each way, two edits of one record, a payment,
an approved expense, and one record that cannot go as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import requests
from sqlalchemy import Connection, Engine, insert, select, update

from models.errors import SyncError
from models.tables import platform as tables

TIMEOUT_SECONDS = 10


@dataclass
class PersonInQuickBooks:
    """Somebody who works in QuickBooks while the sync is not looking."""

    base_url: str
    realm_id: str
    token: str

    @classmethod
    def sign_in(cls, base_url: str, realm_id: str) -> PersonInQuickBooks:
        """A person of the emulated company."""
        answer = requests.post(
            f"{base_url}/_emulator/token",
            json={"realm_id": realm_id, "who": "Rosa Lindqvist"},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return cls(base_url, realm_id, str(answer.json()["access_token"]))

    def save(self, entity: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create or update a record."""
        answer = self._send("POST", f"/{entity.lower()}", json=body)
        return dict(answer[entity])

    def find(self, entity: str, condition: str) -> dict[str, Any]:
        """The one record that fits a condition."""
        statement = f"SELECT * FROM {entity} WHERE {condition}"  # noqa: S608 - our own words
        answer = self._send("GET", "/query", params={"query": statement})
        found = answer["QueryResponse"].get(entity, [])
        if len(found) != 1:
            raise SyncError(f"the demo company has {len(found)} {entity} with {condition}")
        return dict(found[0])

    def _send(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = requests.request(
            method,
            f"{self.base_url}/v3/company/{self.realm_id}{path}",
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
            timeout=TIMEOUT_SECONDS,
            **options,
        )
        if answer.status_code != requests.codes.ok:
            raise SyncError(f"the emulator refused the demo's own work: {answer.text[:300]}")
        return dict(answer.json())

    def work(self) -> None:
        """A morning's bookkeeping."""
        self.save("Account", {"Name": "Client Gifts", "AccountType": "Expense"})
        customer = self.save("Customer", {"DisplayName": "Pemaquid Boatworks"})
        item = self.find("Item", "Name = 'Strategy Consulting'")
        self.save(
            "Invoice",
            {
                "CustomerRef": {"value": customer["Id"]},
                "TxnDate": "2026-11-20",
                "Line": [
                    {
                        "Amount": 1500,
                        "Description": "Harbour study",
                        "DetailType": "SalesItemLineDetail",
                        "SalesItemLineDetail": {
                            "ItemRef": {"value": item["Id"]},
                            "Qty": 10,
                            "UnitPrice": 150,
                        },
                    }
                ],
            },
        )
        self._take_part_payment()
        self._edit_shared_records()
        self._buy_software()

    def stumble(self) -> None:
        """QuickBooks is busy when the platform's invoice arrives: three answers are errors."""
        rule = {"entity": "Invoice", "verb": "create", "match": "1042", "kind": "status"}
        answer = requests.post(
            f"{self.base_url}/_emulator/faults",
            json={**rule, "status": 503, "count": 3},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()

    def _take_part_payment(self) -> None:
        invoice = self.find("Invoice", "DocNumber = '1004'")
        self.save(
            "Payment",
            {
                "CustomerRef": invoice["CustomerRef"],
                "TotalAmt": 1000,
                "TxnDate": "2026-11-20",
                "PaymentRefNum": "88213",
                "Line": [
                    {
                        "Amount": 1000,
                        "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}],
                    }
                ],
            },
        )

    def _edit_shared_records(self) -> None:
        """Edits to records that the person on the platform edits as well."""
        customer = self.find("Customer", "DisplayName = 'Northlight Clinics'")
        self._patch("Customer", customer, {"PrimaryPhone": {"FreeFormNumber": "207-555-0188"}})
        invoice = self.find("Invoice", "DocNumber = '1009'")
        self._patch("Invoice", invoice, {"PrivateNote": "Rosa: promised for December 5"})

    def _patch(self, entity: str, record: dict[str, Any], changes: dict[str, Any]) -> None:
        key = {"Id": record["Id"], "SyncToken": record["SyncToken"], "sparse": True}
        self.save(entity, {**key, **changes})

    def _buy_software(self) -> None:
        card = self.find("Account", "Name = 'Pine Visa'")
        category = self.find("Account", "Name = 'Software & Subscriptions'")
        vendor = self.find("Vendor", "DisplayName = 'Cloudkey Software'")
        self.save(
            "Purchase",
            {
                "PaymentType": "CreditCard",
                "AccountRef": {"value": card["Id"]},
                "EntityRef": {"value": vendor["Id"], "type": "Vendor"},
                "TxnDate": "2026-11-19",
                "Line": [
                    {
                        "Amount": 84,
                        "DetailType": "AccountBasedExpenseLineDetail",
                        "AccountBasedExpenseLineDetail": {"AccountRef": {"value": category["Id"]}},
                    }
                ],
            },
        )


@dataclass
class PersonOnPlatform:
    """Somebody who works on the platform while the sync is not looking."""

    engine: Engine
    company_id: int

    def work(self) -> None:
        """A morning's spending and invoicing."""
        with self.engine.begin() as transaction:
            retreat = self._add(
                transaction, tables.accounts, name="Team Retreat", type="Expense", active=True
            )
            self._invoice(transaction)
            self._expenses(transaction, retreat)
            self._edit_shared_records(transaction)
            # A colon is not allowed in a name in QuickBooks: this one waits for a person.
            self._add(transaction, tables.vendors, name="Acme: Marine Supply", active=True)

    def _add(self, transaction: Connection, table: Any, **values: Any) -> int:
        row_id: int = transaction.execute(
            insert(table).values(company_id=self.company_id, **values).returning(table.c.id)
        ).scalar_one()
        return row_id

    def _id(self, transaction: Connection, table: Any, name: str) -> int:
        row_id: int = transaction.execute(
            select(table.c.id).where(table.c.company_id == self.company_id, table.c.name == name)
        ).scalar_one()
        return row_id

    def _invoice(self, transaction: Connection) -> None:
        customer = self._add(transaction, tables.customers, name="Monhegan Ferry Line", active=True)
        workshop = self._id(transaction, tables.items, "On-site Workshop")
        invoice = self._add(
            transaction,
            tables.invoices,
            number="1042",
            customer_id=customer,
            issued_on=date(2026, 11, 20),
            terms="Net 30",
            memo="Agreed by phone",
        )
        lines: list[dict[str, Any]] = [
            {"kind": "item", "item_id": workshop, "description": "Crew workshop, two days"}
            | {"quantity": Decimal(2), "unit_price": Decimal(900), "amount": Decimal(1800)},
            {"kind": "description", "item_id": None, "description": "Travel at cost follows"}
            | {"quantity": None, "unit_price": None, "amount": None},
        ]
        transaction.execute(
            insert(tables.invoice_lines),
            [
                {"invoice_id": invoice, "position": position, **line}
                for position, line in enumerate(lines, start=1)
            ],
        )

    def _expenses(self, transaction: Connection, category: int) -> None:
        card = self._id(transaction, tables.accounts, "Pine Visa")
        vendor = self._id(transaction, tables.vendors, "Dirigo Office Supply")
        for status, amount, memo in (
            ("approved", Decimal("236.40"), "Flip charts for the retreat"),
            ("submitted", Decimal("58.00"), "Waits for approval, so it stays here"),
        ):
            expense = self._add(
                transaction,
                tables.expenses,
                payee_vendor_id=vendor,
                payment_account_id=card,
                payment_method="credit_card",
                spent_on=date(2026, 11, 19),
                memo=memo,
                total=amount,
                status=status,
            )
            transaction.execute(
                insert(tables.expense_lines).values(
                    expense_id=expense,
                    position=1,
                    kind="account",
                    account_id=category,
                    description=memo,
                    amount=amount,
                )
            )

    def _edit_shared_records(self, transaction: Connection) -> None:
        """Edits to records that the person in QuickBooks edits as well."""
        customers, invoices = tables.customers, tables.invoices
        transaction.execute(
            update(customers)
            .where(customers.c.company_id == self.company_id)
            .where(customers.c.name == "Northlight Clinics")
            .values(email="billing@northlight.example")
        )
        transaction.execute(
            update(invoices)
            .where(invoices.c.company_id == self.company_id, invoices.c.number == "1009")
            .values(memo="Jo: send a reminder on Monday")
        )
