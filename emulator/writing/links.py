"""Links between transactions: a payment and what it pays, a deposit and what it holds.

The holder of the amounts is the payment's Line; the target carries a link back and a lower open
balance. Links are applied as the difference between what the holder said before and says now, so
creating, editing, voiding and deleting a payment are one and the same step.
Source: dossier sections 3.1 (a payment bumps what it pays), 3.4, 10.4 to 10.6; the recorded company
for the names of the links back (a card-paid bill too is linked as BillPaymentCheck).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator import faults
from emulator.writing.draft import ZERO, amount, cents, reference

if TYPE_CHECKING:
    from decimal import Decimal

    from emulator.company import Company, Record

#: TxnType as written in a link, and the entity it names.
_LINK_ENTITIES = {
    "Invoice": "Invoice",
    "CreditMemo": "CreditMemo",
    "Estimate": "Estimate",
    "SalesReceipt": "SalesReceipt",
    "RefundReceipt": "RefundReceipt",
    "Payment": "Payment",
    "Bill": "Bill",
    "VendorCredit": "VendorCredit",
    "JournalEntry": "JournalEntry",
    "Expense": "Purchase",
    "Purchase": "Purchase",
    "Check": "Purchase",
    "CreditCardCredit": "Purchase",
    "Deposit": "Deposit",
    "PurchaseOrder": "PurchaseOrder",
    "TimeActivity": "TimeActivity",
}
#: What a document is made from, by the document: the property that says whether it is used up, and
#: its value before and after.
_SOURCES = {
    "Invoice": {
        "Estimate": ("TxnStatus", "Pending", "Closed"),
        "TimeActivity": ("BillableStatus", "Billable", "HasBeenBilled"),
    },
    "Bill": {"PurchaseOrder": ("POStatus", "Open", "Closed")},
    "Purchase": {"PurchaseOrder": ("POStatus", "Open", "Closed")},
}
#: Targets that lend money to the payment rather than take it.
CREDITS = frozenset({"CreditMemo", "VendorCredit", "CreditCardCredit"})
_OPEN_FIELDS = {
    "Invoice": ("Balance",),
    "Bill": ("Balance",),
    "CreditMemo": ("Balance", "RemainingCredit"),
    "VendorCredit": ("Balance",),
}
_BACK_LINKS = {"Payment": "Payment", "BillPayment": "BillPaymentCheck", "Deposit": "Deposit"}
_ALLOWED = {
    "Payment": {"Invoice", "CreditMemo", "JournalEntry", "Purchase", "Deposit"},
    "BillPayment": {"Bill", "VendorCredit", "JournalEntry", "Deposit"},
    "Deposit": {"Payment", "SalesReceipt", "RefundReceipt", "JournalEntry", "Purchase"},
}

Key = tuple[str, str]


def find_target(company: Company, link: Record) -> tuple[str, Record | None]:
    """Return the entity a link names and the record, None if there is none."""
    entity = _LINK_ENTITIES.get(str(link.get("TxnType")), "")
    if not entity:
        return "", None
    return entity, company.get(entity, str(link.get("TxnId")))


def _held(entity: str, record: Record | None) -> dict[Key, Decimal]:
    """Return how much a holder applies to each target."""
    held: dict[Key, Decimal] = {}
    if record is None or entity not in _BACK_LINKS:
        return held
    for line in record.get("Line") or []:
        for link in line.get("LinkedTxn") or []:
            target = _LINK_ENTITIES.get(str(link.get("TxnType")), str(link.get("TxnType")))
            key = (target, str(link.get("TxnId")))
            held[key] = held.get(key, ZERO) + amount(line, "Amount")
    return held


def relink(company: Company, entity: str, before: Record | None, after: Record | None) -> None:
    """Carry the change of a holder's links into its targets."""
    old, new = _held(entity, before), _held(entity, after)
    holder = after if after is not None else before
    assert holder is not None, "a write has a before or an after"
    for key in [*old, *(key for key in new if key not in old)]:
        if old.get(key) != new.get(key):
            _relink_one(company, (entity, holder), key, old.get(key), new.get(key))
    _relink_sources(company, entity, before, after)


def _relink_one(
    company: Company,
    holder: tuple[str, Record],
    key: Key,
    old: Decimal | None,
    new: Decimal | None,
) -> None:
    entity, holder_record = holder
    target_entity, target_id = key
    target = company.get(target_entity, target_id) if target_entity in company.records else None
    if target is None:
        if new is None:
            return
        raise faults.invalid_reference(f"Transaction element id {target_id} not found", "TxnId")
    if new is not None:
        _check_target(company, entity, holder_record, target_entity, target)
    changes: Record = {}
    delta = (new or ZERO) - (old or ZERO)
    if entity != "Deposit":
        for field in _OPEN_FIELDS.get(target_entity, ()):
            open_amount = cents(amount(target, field) - delta)
            if open_amount < 0:
                raise faults.business(
                    f"The amount applied to {target_entity} {target.get('DocNumber', target_id)} "
                    "is more than its open balance.",
                    "Line.Amount",
                )
            changes[field] = open_amount
        changes |= _home_balance(target, changes)
    if target_entity != "CreditMemo":
        changes["LinkedTxn"] = _links_back(
            target, entity, holder_record["Id"], present=new is not None
        )
    if company.options.payment_bumps_sync_token:
        company.bump(target_entity, target_id, **changes)
    else:
        company.change(target_entity, target_id, **changes)


def _home_balance(target: Record, changes: Record) -> Record:
    if "HomeBalance" not in target or "Balance" not in changes:
        return {}
    rate = amount(target, "ExchangeRate")
    return {"HomeBalance": cents(amount(changes, "Balance") * rate)}


def _links_back(target: Record, entity: str, holder_id: str, *, present: bool) -> list[Record]:
    kind = _BACK_LINKS[entity]
    links = [
        link
        for link in target.get("LinkedTxn") or []
        if not (link.get("TxnId") == holder_id and str(link.get("TxnType")).startswith(entity))
    ]
    return [*links, {"TxnId": holder_id, "TxnType": kind}] if present else links


def _check_target(
    company: Company, entity: str, holder: Record, target_entity: str, target: Record
) -> None:
    if target_entity not in _ALLOWED[entity]:
        raise faults.bad_choice("LinkedTxn.TxnType", target_entity)
    party = "CustomerRef" if entity == "Payment" else "VendorRef"
    if entity == "Deposit" or party not in target or party not in holder:
        return
    if not _same_family(company, party, reference(holder, party), reference(target, party)):
        raise faults.business(
            f"{target_entity} {target.get('DocNumber', target['Id'])} belongs to somebody else.",
            "Line.LinkedTxn",
        )
    if reference(holder, "CurrencyRef") != reference(target, "CurrencyRef"):
        raise faults.business("The currencies of the linked transactions differ.", "CurrencyRef")


def _same_family(company: Company, party: str, one: str, other: str) -> bool:
    """Say whether two parties are the same, or customer and sub-customer."""
    return one == other or (
        party == "CustomerRef" and _root_customer(company, one) == _root_customer(company, other)
    )


def _root_customer(company: Company, customer_id: str) -> str:
    for _ in range(10):
        parent = reference(company.get("Customer", customer_id) or {}, "ParentRef")
        if not parent:
            break
        customer_id = parent
    return customer_id


def _relink_sources(
    company: Company, entity: str, before: Record | None, after: Record | None
) -> None:
    """Close what a document was made from (estimate, order, time), and open it again."""
    holder_id = str((after or before or {})["Id"])
    link = {"TxnId": holder_id, "TxnType": entity}
    for source, (field, opened, closed) in _SOURCES.get(entity, {}).items():
        old, new = _made_from(before, source), _made_from(after, source)
        for source_id in sorted(old - new):
            record = company.get(source, source_id)
            if record is not None:
                links = [other for other in record.get("LinkedTxn") or [] if other != link]
                company.change(source, source_id, **{field: opened, "LinkedTxn": links})
        for source_id in sorted(new - old):
            record = company.get(source, source_id)
            if record is None:
                detail = f"{source} element id {source_id} not found"
                raise faults.invalid_reference(detail, "TxnId")
            links = [*(record.get("LinkedTxn") or []), link]
            company.change(source, source_id, **{field: closed, "LinkedTxn": links})


def _made_from(record: Record | None, source: str) -> set[str]:
    links = (record or {}).get("LinkedTxn") or []
    return {str(link.get("TxnId")) for link in links if link.get("TxnType") == source}


def payers(target: Record) -> list[Key]:
    """Return the payments that a document is linked to, oldest link first."""
    kinds = {"Payment": "Payment", "BillPaymentCheck": "BillPayment"}
    links = target.get("LinkedTxn") or []
    return [
        (kinds[str(link["TxnType"])], str(link["TxnId"]))
        for link in links
        if str(link.get("TxnType")) in kinds
    ]


def release(company: Company, entity: str, target: Record, wanted: Decimal | None) -> None:
    """Take an amount (all of it if None) off the payments of a document, newest first.

    What a payment no longer applies becomes its unapplied amount.
    """
    left = wanted
    for payer_entity, payer_id in reversed(payers(target)):
        payer = company.get(payer_entity, payer_id)
        if payer is None or left == ZERO:
            continue
        lines, freed = _without(payer["Line"], entity, str(target["Id"]), left)
        unapplied = amount(payer, "UnappliedAmt") + freed
        changes: Record = {"Line": lines}
        if payer_entity == "Payment":
            changes["UnappliedAmt"] = unapplied
        company.bump(payer_entity, payer_id, **changes)
        left = None if left is None else left - freed
        if not _held_by(payer_entity, lines, entity, str(target["Id"])):
            _drop_link(company, entity, str(target["Id"]), payer_id)


def _held_by(payer_entity: str, lines: list[Record], entity: str, target_id: str) -> bool:
    return (entity, target_id) in _held(payer_entity, {"Line": lines})


def _drop_link(company: Company, entity: str, target_id: str, payer_id: str) -> None:
    stored = company.records[entity][target_id]
    links = [link for link in stored.get("LinkedTxn") or [] if link.get("TxnId") != payer_id]
    if "LinkedTxn" in stored:
        company.amend(entity, target_id, LinkedTxn=links)


def _without(
    lines: list[Record], entity: str, target_id: str, wanted: Decimal | None
) -> tuple[list[Record], Decimal]:
    kept, freed = [], ZERO
    for line in lines:
        links = line.get("LinkedTxn") or []
        hit = any(
            _LINK_ENTITIES.get(str(link.get("TxnType"))) == entity
            and link.get("TxnId") == target_id
            for link in links
        )
        if not hit:
            kept.append(line)
            continue
        applied = amount(line, "Amount")
        taken = applied if wanted is None else min(applied, wanted - freed)
        freed += taken
        if taken < applied:
            kept.append({**line, "Amount": applied - taken})
    return kept, freed
