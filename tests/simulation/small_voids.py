"""Voids in the small books: a document stays with nothing on it (the reference, section 3.4).

People void more than the application can: what `void_by_hand` says in `emulator/entities`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.entities import ENTITIES
from tests.simulation import small_links as links
from tests.simulation.small_documents import amount
from tests.simulation.small_fields import ZERO

if TYPE_CHECKING:
    from tests.simulation.small_state import Record

_BY_API = frozenset({"void", "void_by_update"})
_TOTALS = ("TotalAmt", "Amount")
_ZEROED = (*_TOTALS, "Balance", "UnappliedAmt", "RemainingCredit", "Deposit")
_ZEROED_PARTS = ("Qty", "TaxInclusiveAmt")


def is_by_hand_only(entity: str) -> bool:
    """Whether only people can void such a document."""
    return "void_by_hand" in ENTITIES[entity].verbs


def may_void(entity: str, *, person: bool) -> bool:
    """Whether a person, or the application, can void such a document."""
    return bool(ENTITIES[entity].verbs & _BY_API) or (person and is_by_hand_only(entity))


def is_void(record: Record) -> bool:
    """Whether it was voided before."""
    noted = str(record.get("PrivateNote") or "").startswith("Voided")
    return noted and not any(amount(record, name) for name in _TOTALS)


def voided(entity: str, before: Record) -> Record:
    """The document with nothing on it."""
    note = before.get("PrivateNote")
    after = {**before, "PrivateNote": f"Voided - {note}" if note else "Voided"}
    after.update((name, ZERO) for name in _ZEROED if name in before)
    if entity in links.HOLDERS:
        after["Line"] = []
        return after
    if "Line" in before:
        after["Line"] = [_voided_line(each) for each in before["Line"]]
    if before.get("TxnTaxDetail"):
        tax = {name: each for name, each in before["TxnTaxDetail"].items() if name != "TaxLine"}
        after["TxnTaxDetail"] = {**tax, "TotalTax": ZERO}
    if "LinkedTxn" in before:
        after["LinkedTxn"] = []
    return after


def _voided_line(line: Record) -> Record:
    """A line without amounts and quantities."""
    copied = dict(line)
    if "Amount" in copied:
        copied["Amount"] = ZERO
    for name, member in line.items():
        zeros = [each for each in _ZEROED_PARTS if isinstance(member, dict) and each in member]
        if zeros:
            copied[name] = {**member, **dict.fromkeys(zeros, ZERO)}
    group = line.get("GroupLineDetail")
    if group and group.get("Line"):
        copied["GroupLineDetail"] = {
            **group,
            "Line": [_voided_line(each) for each in group["Line"]],
        }
    return copied
