"""Voiding: a transaction stays in the books with nothing on it.

The API voids what Intuit gives it a way to void. People void more in QuickBooks's own pages
(`void_by_hand`): the transactions that Intuit's webhooks tell as voided, bills by Intuit's help,
and vendor credits, whose page is that of a bill (our reading). No source shows a void of journal
entries or deposits.
Source: dossier section 3.4; Intuit's developer blog of 2017-05-11 (the void operation in webhooks);
Intuit's help, "Void or delete an invoice or other transactions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.writing.draft import amount
from emulator.writing.lines import void_lines

if TYPE_CHECKING:
    from emulator.company import Author, Record
    from emulator.entities.declaration import Entity

#: The links that other transactions put on this one.
SERVER_LINKS = frozenset({"Payment", "Deposit", "BillPaymentCheck", "BillPaymentCreditCard"})
_BY_API = frozenset({"void", "void_by_update"})
_BY_HAND = "void_by_hand"
#: What a transaction comes to: a transfer has no total.
_TOTALS = ("TotalAmt", "Amount")
#: Amounts of a voided transaction that are no line's.
_ZEROED = (
    *_TOTALS,
    "Balance",
    "UnappliedAmt",
    "RemainingCredit",
    "Deposit",
    "HomeTotalAmt",
    "HomeBalance",
)


def is_by_hand_only(entity: Entity) -> bool:
    """Say whether only people can void such a transaction."""
    return _BY_HAND in entity.verbs


def may_void(entity: Entity, author: Author) -> bool:
    """Say whether this person, or this application, can void such a transaction."""
    is_person = not author.client_id
    return bool(entity.verbs & _BY_API) or (is_person and is_by_hand_only(entity))


def is_void(record: Record) -> bool:
    """Say whether a transaction was voided: nothing tells it but its note and its total."""
    is_noted = str(record.get("PrivateNote", "")).startswith("Voided")
    return is_noted and not any(amount(record, name) for name in _TOTALS)


def voided(entity: Entity, before: Record) -> Record:
    """Return a transaction with nothing on it."""
    after = dict(before)
    for name in _ZEROED:
        if name in after:
            after[name] = 0
    if "Line" in after:
        pays = entity.name in {"Payment", "BillPayment"}
        after["Line"] = [] if pays else void_lines(after["Line"])
    if after.get("TxnTaxDetail"):
        kept = {name: value for name, value in after["TxnTaxDetail"].items() if name != "TaxLine"}
        after["TxnTaxDetail"] = {**kept, "TotalTax": 0}
    if "LinkedTxn" in after:
        links = after["LinkedTxn"] or []
        after["LinkedTxn"] = [link for link in links if link.get("TxnType") not in SERVER_LINKS]
    note = before.get("PrivateNote")
    after["PrivateNote"] = f"Voided - {note}" if note else "Voided"
    return after
