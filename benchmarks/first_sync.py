"""First sync of a company into an empty platform, beside python-quickbooks merely reading it.

Ours validates, merges, stores, links and audits every record; the peer parses pages into objects
and throws them away. Both read the same emulator, in turn, medians of three.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from pydantic import SecretStr

from connectors.settings import Settings
from emulator.testing import RunningEmulator
from tasks.bootstrap import connect_company, installation, open_cycle
from tasks.cycle import run_cycle

INVOICES, CUSTOMERS, ITEMS, ROUNDS = 1_000, 100, 20, 3
TIMES = {
    "CreateTime": "2026-06-01T08:00:00-07:00",
    "LastUpdatedTime": "2026-06-01T08:00:00-07:00",
}


def run() -> dict[str, Any]:
    """The figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records = _write_company(folder)
        with RunningEmulator(company=folder) as emulator:
            ours, peer = [], []
            for number in range(ROUNDS):
                ours.append(_first_sync(emulator, folder / f"{number}.sqlite3", records))
                peer.append(_read_only(emulator))
    seconds, peer_seconds = statistics.median(ours), statistics.median(peer)
    return {
        "name": "first_sync",
        "records": records,
        "seconds": round(seconds, 3),
        "records_per_second": round(records / seconds),
        "spread_seconds": [round(min(ours), 3), round(max(ours), 3)],
        "against": "python-quickbooks reading the same records",
        "against_seconds": round(peer_seconds, 3),
        "ratio": round(seconds / peer_seconds, 2),
    }


def _first_sync(emulator: RunningEmulator, database: Path, records: int) -> float:
    settings = Settings(
        database_url=f"sqlite:///{database}",
        quickbooks_api_url=emulator.base_url,
        intuit_client_id=emulator.client_id,
        intuit_client_secret=SecretStr(emulator.client_secret),
        encryption_keys=SecretStr(Fernet.generate_key().decode()),
        audit_signing_key=SecretStr(Fernet.generate_key().decode()),
        audit_checkpoints=f"{database}.checkpoints",
    )
    with installation(settings) as place:
        connect_company(place, realm_id=emulator.realm_id, refresh_token=emulator.refresh_token)
        started = time.perf_counter()
        with open_cycle(place) as cycle:
            report = run_cycle(cycle, "benchmark")
        seconds = time.perf_counter() - started
    applied = sum(row["applied"] for row in report.read.values())
    assert applied == records, f"{applied} of {records} applied: {report.parked[:3]}"
    return seconds


def _read_only(emulator: RunningEmulator) -> float:
    from intuitlib.client import AuthClient
    from quickbooks import QuickBooks
    from quickbooks.objects import Account, Customer, Invoice, Item

    auth = AuthClient(
        emulator.client_id,
        emulator.client_secret,
        "http://localhost/callback",
        environment=emulator.discovery_url,
        access_token=emulator.connection_token(),
    )
    client = QuickBooks(auth_client=auth, company_id=emulator.realm_id, minorversion=75)
    client.api_url_v3 = emulator.api_url
    started = time.perf_counter()
    for kind in (Account, Customer, Item, Invoice):
        position = 1
        while page := kind.filter(
            start_position=str(position), max_results=1000, qb=client, order_by="Id"
        ):
            position += len(page)
    return time.perf_counter() - started


def _write_company(folder: Path) -> int:
    """A company in the emulator's form; the number of its records."""
    accounts = [
        {"Id": "1", "Name": "Sales", "AccountType": "Income"},
        {"Id": "2", "Name": "Accounts Receivable (A/R)", "AccountType": "Accounts Receivable"},
    ]
    customers = [{"Id": str(n), "DisplayName": f"Customer {n}"} for n in range(1, CUSTOMERS + 1)]
    items = [
        {"Id": str(n), "Name": f"Item {n}", "Type": "Service", "IncomeAccountRef": {"value": "1"}}
        for n in range(1, ITEMS + 1)
    ]
    invoices = [_invoice(n) for n in range(1, INVOICES + 1)]
    for name, rows in (
        ("Account", accounts),
        ("Customer", customers),
        ("Item", items),
        ("Invoice", invoices),
    ):
        complete = [
            {"domain": "QBO", "sparse": False, "SyncToken": "0", "MetaData": TIMES}
            | ({"Active": True} if name != "Invoice" else {})
            | row
            for row in rows
        ]
        (folder / f"{name}.json").write_text(json.dumps(complete))
    return len(accounts) + len(customers) + len(items) + len(invoices)


def _invoice(number: int) -> dict[str, Any]:
    lines = [
        {
            "Id": str(place),
            "LineNum": place,
            "Amount": 30 * place,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {
                "ItemRef": {"value": str((number + place) % ITEMS + 1)},
                "Qty": place,
                "UnitPrice": 30,
            },
        }
        for place in (1, 2, 3)
    ]
    return {
        "Id": str(number),
        "DocNumber": str(1000 + number),
        "CustomerRef": {"value": str(number % CUSTOMERS + 1)},
        "TxnDate": "2026-06-01",
        "DueDate": "2026-07-01",
        "CurrencyRef": {"value": "USD"},
        "Line": lines,
        "TotalAmt": 180,
        "Balance": 180,
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
