"""Payments and what they pay: both sides move together.

The payment's lines say how much goes where; the invoice carries a link back and what is left open.
Creating, changing, voiding and deleting a payment are one step: the difference between what it
applied before and applies now. Source: the reference, sections 3.1, 3.4 and 10.4.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from emulator import faults
from tests.simulation.small_documents import amount
from tests.simulation.small_fields import ZERO
from tests.simulation.small_rules import reference

if TYPE_CHECKING:
    from tests.simulation.small_keeping import Keeping
    from tests.simulation.small_state import Key, Record


def applied(record: Record | None) -> dict[Key, Decimal]:
    """How much a payment applies to each document."""
    held: dict[Key, Decimal] = {}
    for line in (record or {}).get("Line") or ():
        link = line["LinkedTxn"][0]
        key = (str(link["TxnType"]), str(link["TxnId"]))
        held[key] = held.get(key, ZERO) + line["Amount"]
    return held


def planned(
    books: Keeping, before: Record | None, after: Record | None
) -> list[tuple[str, Record]]:
    """The invoices that a payment changes, and their new fields; nothing is stored yet.

    Raises:
        QuickBooksFault: an invoice is missing, is somebody else's, or has less left open.
    """
    old, new = applied(before), applied(after)
    if old == new:
        return []
    holder = after or before or {}
    changes = []
    for key in [*old, *(each for each in new if each not in old)]:
        if old.get(key) == new.get(key):
            continue
        invoice = books.get("Invoice", key[1]) if key[0] == "Invoice" else None
        if invoice is None:
            if key not in new:
                continue
            raise faults.invalid_reference(f"Transaction element id {key[1]} not found", "TxnId")
        if key in new:
            _check_parties(books, holder, invoice)
        balance = amount(invoice, "Balance") - new.get(key, ZERO) + old.get(key, ZERO)
        if balance < 0:
            raise faults.business(
                f"The amount applied to Invoice {invoice.get('DocNumber', key[1])} "
                "is more than its open balance.",
                "Line.Amount",
            )
        back = _without_link(invoice, str(holder["Id"]))
        if key in new:
            back = [*back, {"TxnId": holder["Id"], "TxnType": "Payment"}]
        changes.append((key[1], {"Balance": balance, "LinkedTxn": back}))
    return changes


def _check_parties(books: Keeping, payment: Record, invoice: Record) -> None:
    roots = {_root(books, reference(each, "CustomerRef")) for each in (payment, invoice)}
    if len(roots) > 1:
        number = invoice.get("DocNumber", invoice["Id"])
        raise faults.business(f"Invoice {number} belongs to somebody else.", "Line.LinkedTxn")
    if reference(payment, "CurrencyRef") != reference(invoice, "CurrencyRef"):
        raise faults.business("The currencies of the linked transactions differ.", "CurrencyRef")


def _root(books: Keeping, customer_id: str) -> str:
    parent = reference(books.get("Customer", customer_id) or {}, "ParentRef")
    return _root(books, parent) if parent else customer_id


def _without_link(invoice: Record, payment_id: str) -> list[Record]:
    return [each for each in invoice.get("LinkedTxn") or () if each["TxnId"] != payment_id]


def payers(invoice: Record) -> list[str]:
    """The payments of an invoice, oldest first."""
    links = invoice.get("LinkedTxn") or ()
    return [str(each["TxnId"]) for each in links if each["TxnType"] == "Payment"]


def release(books: Keeping, invoice: Record, wanted: Decimal | None) -> None:
    """Take an amount (all of it if None) off the payments of an invoice, newest first.

    What a payment no longer applies becomes its unapplied amount.
    """
    left, invoice_id = wanted, str(invoice["Id"])
    for payer_id in reversed(payers(invoice)):
        payer = books.get("Payment", payer_id)
        if payer is None or left == ZERO:
            continue
        lines, freed = _without(payer["Line"], invoice_id, left)
        unapplied = amount(payer, "UnappliedAmt") + freed
        books.bump("Payment", payer_id, Line=lines, UnappliedAmt=unapplied)
        left = None if left is None else left - freed
        if ("Invoice", invoice_id) not in applied({"Line": lines}):
            stored = books.state.records["Invoice"][invoice_id]
            books.amend("Invoice", invoice_id, LinkedTxn=_without_link(stored, payer_id))


def _without(
    lines: list[Record], invoice_id: str, wanted: Decimal | None
) -> tuple[list[Record], Decimal]:
    kept, freed = [], ZERO
    for line in lines:
        link = line["LinkedTxn"][0]
        if (link["TxnType"], link["TxnId"]) != ("Invoice", invoice_id):
            kept.append(line)
            continue
        taken = line["Amount"] if wanted is None else min(line["Amount"], wanted - freed)
        freed += taken
        if taken < line["Amount"]:
            kept.append({**line, "Amount": line["Amount"] - taken})
    return kept, freed
