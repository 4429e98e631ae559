"""A company of any size in the emulator's form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TIMES: Final = {
    "CreateTime": "2026-06-01T08:00:00-07:00",
    "LastUpdatedTime": "2026-06-01T08:00:00-07:00",
}
#: The account that items sell into, and the one that invoices are owed to.
SALES, RECEIVABLE = "1", "2"
#: Lines of an invoice.
LINES: Final = 3
_LISTS: Final = ("Account", "Customer", "Vendor", "Item")


@dataclass(frozen=True)
class Size:
    """How many records a company has."""

    invoices: int
    customers: int = 1_000
    accounts: int = 200
    vendors: int = 180
    items: int = 19

    @property
    def records(self) -> int:
        """All records, with the one that says who the company is."""
        return self.invoices + self.customers + self.accounts + self.vendors + self.items + 1


#: 10,000 invoices, and 11,400 records in all.
FIRST_SYNC: Final = Size(10_000)


def of(records: int) -> Size:
    """A company of so many records: nine of ten are invoices, as far as the lists allow."""
    lists = max(40, records // 10)
    counts = {
        "customers": lists * 7 // 10,
        "accounts": lists // 10,
        "vendors": lists // 10,
        "items": lists // 10,
    }
    return Size(records - sum(counts.values()) - 1, **counts)


def write(folder: Path, size: Size) -> Path:
    """Write a company; its folder."""
    folder.mkdir()
    accounts: list[dict[str, Any]] = [
        {"Id": SALES, "Name": "Sales", "AccountType": "Income"},
        {
            "Id": RECEIVABLE,
            "Name": "Accounts Receivable (A/R)",
            "AccountType": "Accounts Receivable",
        },
    ]
    accounts += [
        {"Id": str(n), "Name": f"Account {n}", "AccountType": "Expense"}
        for n in range(3, size.accounts + 1)
    ]
    items: list[dict[str, Any]] = [
        {"Id": str(n), "Name": f"Item {n}", "Type": "Service", "IncomeAccountRef": {"value": SALES}}
        for n in range(1, size.items + 1)
    ]
    people: dict[str, list[dict[str, Any]]] = {
        name: [{"Id": str(n), "DisplayName": f"{name} {n}"} for n in range(start, end)]
        for name, start, end in (
            ("Customer", 1, size.customers + 1),
            ("Vendor", size.customers + 1, size.customers + size.vendors + 1),
        )
    }
    invoices = [_invoice(n, size) for n in range(1, size.invoices + 1)]
    kinds: dict[str, list[dict[str, Any]]] = {
        "Account": accounts,
        "Item": items,
        "Invoice": invoices,
        **people,
    }
    for name, rows in kinds.items():
        frame: dict[str, Any] = {"domain": "QBO", "sparse": False, "SyncToken": "0"}
        frame |= {"MetaData": TIMES} | ({"Active": True} if name in _LISTS else {})
        (folder / f"{name}.json").write_text(json.dumps([frame | row for row in rows]))
    return folder


def _invoice(number: int, size: Size) -> dict[str, Any]:
    """An invoice as QuickBooks would have kept it."""
    lines = [
        {
            "Id": str(place),
            "LineNum": place,
            "Amount": 30 * place,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {
                "ItemRef": {"value": str((number + place) % size.items + 1)},
                "Qty": place,
                "UnitPrice": 30,
            },
        }
        for place in range(1, LINES + 1)
    ]
    total = sum(30 * place for place in range(1, LINES + 1))
    return {
        "Id": str(number),
        "DocNumber": str(1000 + number),
        "CustomerRef": {"value": str(number % size.customers + 1)},
        "TxnDate": "2026-06-01",
        "DueDate": "2026-07-01",
        "CurrencyRef": {"value": "USD"},
        "Line": lines,
        "TotalAmt": total,
        "Balance": total,
    }
