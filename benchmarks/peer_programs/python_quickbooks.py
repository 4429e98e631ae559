"""python-quickbooks reads, asks for changes or writes, as its users do: `... JSON`."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

#: Records in one batch.
BATCH = 30


def main() -> None:
    """Do what is asked; print what it took."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    work = {"read": _read, "changes": _changes, "batch": _batch, "save": _save}[asked["work"]]
    print(json.dumps(work(asked)))


def _auth(asked: dict[str, Any]) -> Any:
    from intuitlib.client import AuthClient

    return AuthClient(
        asked["client_id"],
        asked["client_secret"],
        "http://localhost/callback",
        environment=f"{asked['base_url']}/.well-known/openid_sandbox_configuration",
        access_token=asked["bearer"],
    )


def _client(asked: dict[str, Any], auth: Any) -> Any:
    from quickbooks import QuickBooks

    client = QuickBooks(auth_client=auth, company_id=asked["realm_id"], minorversion=75)
    client.api_url_v3 = f"{asked['base_url']}/v3"
    return client


def _kinds(asked: dict[str, Any]) -> list[Any]:
    import quickbooks.objects

    return [getattr(quickbooks.objects, name) for name in asked["entities"]]


def _read(asked: dict[str, Any]) -> dict[str, float]:
    client, kinds, records = _client(asked, _auth(asked)), _kinds(asked), 0
    started, used = time.perf_counter(), time.process_time()
    for kind in kinds:
        position = 1
        while page := kind.filter(
            start_position=str(position), max_results=1000, qb=client, order_by="Id"
        ):
            position += len(page)
            records += len(page)
            if len(page) < 1000:
                break
    return {**_taken(started, used), "records": records}


def _changes(asked: dict[str, Any]) -> dict[str, float]:
    """One CDC call again and again: with a client of its own, and with one that is kept."""
    from quickbooks.cdc import change_data_capture

    auth, kinds = _auth(asked), _kinds(asked)
    since = datetime.now(UTC)
    change_data_capture(kinds, since, qb=_client(asked, auth))
    taken: dict[str, float] = {}
    kept = _client(asked, auth)
    for name in ("fresh", "kept"):
        started, used = time.perf_counter(), time.process_time()
        for _ in range(asked["times"]):
            client = kept if name == "kept" else _client(asked, auth)
            change_data_capture(kinds, since, qb=client)
        taken |= {f"{name}_{each}": value for each, value in _taken(started, used).items()}
    return taken


def _invoice(asked: dict[str, Any], number: int) -> Any:
    from quickbooks.objects import Invoice, SalesItemLine, SalesItemLineDetail
    from quickbooks.objects.base import Ref

    invoice, detail, line = Invoice(), SalesItemLineDetail(), SalesItemLine()
    invoice.CustomerRef, detail.ItemRef = Ref(), Ref()
    invoice.CustomerRef.value = str(number % asked["customers"] + 1)
    detail.ItemRef.value = str(number % asked["items"] + 1)
    detail.Qty, detail.UnitPrice = 1, 30
    line.Amount, line.SalesItemLineDetail = 30, detail
    invoice.Line = [line]
    invoice.DocNumber = f"{asked['prefix']}{number}"
    invoice.TxnDate, invoice.DueDate = "2026-06-01", "2026-07-01"
    return invoice


def _batch(asked: dict[str, Any]) -> dict[str, float]:
    from quickbooks.batch import batch_create

    client = _client(asked, _auth(asked))
    invoices = [_invoice(asked, number) for number in range(asked["records"])]
    started, used = time.perf_counter(), time.process_time()
    written = 0
    for start in range(0, len(invoices), BATCH):
        answer = batch_create(invoices[start : start + BATCH], qb=client)
        assert not answer.faults, answer.faults[0].Error[0].Detail
        written += len(answer.successes)
    return {**_taken(started, used), "records": written}


def _save(asked: dict[str, Any]) -> dict[str, float]:
    client = _client(asked, _auth(asked))
    invoices = [_invoice(asked, number) for number in range(asked["records"])]
    started, used = time.perf_counter(), time.process_time()
    for invoice in invoices:
        invoice.save(qb=client)
    return {**_taken(started, used), "records": len(invoices)}


def _taken(started: float, used: float) -> dict[str, float]:
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - used,
    }


main()
