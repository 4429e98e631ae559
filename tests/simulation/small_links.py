"""Payments and what they pay: both sides move together.

A payment's lines say how much goes where; what is paid, and the credit that helps paying, carry a
link back and what is left open. Creating, changing, voiding and deleting a payment are one step:
the difference between what it applied before and applies now. Source: the reference, sections 3.1,
3.4, 10.4 and 10.5, and the emulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from emulator import faults
from tests.simulation.small_documents import amount
from tests.simulation.small_fields import ZERO
from tests.simulation.small_rules import reference

if TYPE_CHECKING:
    from tests.simulation.small_keeping import Keeping
    from tests.simulation.small_state import Key, Record

#: Whoever links others by its lines, and the TxnType of the link back.
HOLDERS = {"Payment": "Payment", "BillPayment": "BillPaymentCheck"}
#: TxnType of a link -> entity, where it is another word.
_LINKED_AS = {"Expense": "Purchase", "Check": "Purchase", "CreditCardCredit": "Purchase"}
#: Links that lend money to a payment rather than take it.
CREDITS = frozenset({"CreditMemo", "VendorCredit", "CreditCardCredit"})
#: What is open of a document.
_OPEN_FIELDS = {
    "Invoice": ("Balance",),
    "Bill": ("Balance",),
    "CreditMemo": ("Balance", "RemainingCredit"),
    "VendorCredit": ("Balance",),
}
_ALLOWED = {
    "Payment": {"Invoice", "CreditMemo", "JournalEntry", "Purchase", "Deposit"},
    "BillPayment": {"Bill", "VendorCredit", "JournalEntry", "Deposit"},
}
#: What may come to less than is applied to it: its payments then hold the rest unapplied.
_RELEASING = frozenset({"Invoice", "Bill"})
_PARTIES = {"Payment": "CustomerRef", "BillPayment": "VendorRef"}


class Change(NamedTuple):
    """New fields of a record that is linked."""

    entity: str
    id: str
    values: Record


def applied(record: Record | None) -> dict[Key, Decimal]:
    """How much a payment applies to each document."""
    held: dict[Key, Decimal] = {}
    for line in (record or {}).get("Line") or ():
        link = line["LinkedTxn"][0]
        kind = str(link["TxnType"])
        key = (_LINKED_AS.get(kind, kind), str(link["TxnId"]))
        held[key] = held.get(key, ZERO) + line["Amount"]
    return held


def planned(
    books: Keeping, entity: str, before: Record | None, after: Record | None
) -> list[Change]:
    """What a payment changes in others; nothing is stored yet.

    Raises:
        QuickBooksFault: a document is missing, is somebody else's, or has less left open.
    """
    if entity not in HOLDERS:
        return []
    old, new = applied(before), applied(after)
    if old == new:
        return []
    holder = after or before or {}
    keys = [*old, *(each for each in new if each not in old)]
    return [
        change
        for key in keys
        if old.get(key) != new.get(key)
        for change in _changed(books, (entity, holder), key, old.get(key), new.get(key))
    ]


def _changed(
    books: Keeping,
    holder: tuple[str, Record],
    key: Key,
    old: Decimal | None,
    new: Decimal | None,
) -> Iterator[Change]:
    """The new fields of one document; none where it is gone and no longer meant."""
    entity, record = holder
    held = books.state.records.get(key[0])
    target = held.get(key[1]) if held else None
    if target is None:
        if new is not None:
            raise faults.invalid_reference(f"Transaction element id {key[1]} not found", "TxnId")
        return
    if new is not None:
        _check_target(books, entity, record, key[0], target)
    values: Record = {}
    for name in _OPEN_FIELDS.get(key[0], ()):
        left = amount(target, name) - (new or ZERO) + (old or ZERO)
        if left < 0:
            raise faults.business(
                f"The amount applied to {key[0]} {target.get('DocNumber', key[1])} "
                "is more than its open balance.",
                "Line.Amount",
            )
        values[name] = left
    if key[0] != "CreditMemo":
        back = _without_link(target, str(record["Id"]))
        if new is not None:
            back = [*back, {"TxnId": record["Id"], "TxnType": HOLDERS[entity]}]
        values["LinkedTxn"] = back
    yield Change(key[0], key[1], values)


def _check_target(
    books: Keeping, entity: str, holder: Record, target_entity: str, target: Record
) -> None:
    if target_entity not in _ALLOWED[entity]:
        raise faults.bad_choice("LinkedTxn.TxnType", target_entity)
    party = _PARTIES[entity]
    if party not in target:
        return
    if len({_root(books, party, reference(each, party)) for each in (holder, target)}) > 1:
        number = target.get("DocNumber", target["Id"])
        raise faults.business(f"{target_entity} {number} belongs to somebody else.", "Line")
    if reference(holder, "CurrencyRef") != reference(target, "CurrencyRef"):
        raise faults.business("The currencies of the linked transactions differ.", "CurrencyRef")


def _root(books: Keeping, party: str, party_id: str) -> str:
    """The customer above all; a vendor is nobody's."""
    customer = books.get("Customer", party_id) if party == "CustomerRef" else None
    parent = reference(customer or {}, "ParentRef")
    return _root(books, party, parent) if parent else party_id


def _without_link(target: Record, holder_id: str) -> list[Record]:
    return [each for each in target.get("LinkedTxn") or () if each["TxnId"] != holder_id]


def payers(target: Record) -> list[Key]:
    """The payments of a document, oldest first."""
    kinds = {kind: entity for entity, kind in HOLDERS.items()}
    links = target.get("LinkedTxn") or ()
    return [
        (kinds[each["TxnType"]], str(each["TxnId"])) for each in links if each["TxnType"] in kinds
    ]


def refuse_linked(entity: str, record: Record) -> None:
    """Refuse to delete what is paid, or a credit that is used."""
    paid = entity in {"Invoice", "Bill", "VendorCredit"} and payers(record)
    used = entity == "CreditMemo" and record["RemainingCredit"] != record["TotalAmt"]
    if paid or used:
        raise faults.business(
            "This transaction is linked to others. Unlink them before you delete it."
        )


def excess(entity: str, before: Record | None, after: Record) -> Decimal:
    """By how much more is applied to a document than it comes to now."""
    if before is None or entity not in _RELEASING:
        return ZERO
    held = to_pay(before) - amount(before, "Balance")
    return max(ZERO, held - to_pay(after))


def to_pay(record: Record) -> Decimal:
    """What is to be paid of a document after it was issued."""
    return amount(record, "TotalAmt") - amount(record, "Deposit")


def release(books: Keeping, entity: str, target: Record, wanted: Decimal | None) -> None:
    """Take an amount (all of it if None) off the payments of a document, newest first.

    What a payment no longer applies becomes its unapplied amount.
    """
    left, key = wanted, (entity, str(target["Id"]))
    for payer_entity, payer_id in reversed(payers(target)):
        payer = books.get(payer_entity, payer_id)
        if payer is None or left == ZERO:
            continue
        lines, freed = _without(payer["Line"], key, left)
        values: Record = {"Line": lines}
        if payer_entity == "Payment":
            values["UnappliedAmt"] = amount(payer, "UnappliedAmt") + freed
        books.bump(payer_entity, payer_id, **values)
        left = None if left is None else left - freed
        if key not in applied({"Line": lines}):
            stored = books.state.records[entity][key[1]]
            books.amend(entity, key[1], LinkedTxn=_without_link(stored, payer_id))


def _without(
    lines: list[Record], target: Key, wanted: Decimal | None
) -> tuple[list[Record], Decimal]:
    kept, freed = [], ZERO
    for line in lines:
        link = line["LinkedTxn"][0]
        if (link["TxnType"], link["TxnId"]) != target:
            kept.append(line)
            continue
        taken = line["Amount"] if wanted is None else min(line["Amount"], wanted - freed)
        freed += taken
        if taken < line["Amount"]:
            kept.append({**line, "Amount": line["Amount"] - taken})
    return kept, freed
