"""What people enter on payments: which documents they settle, and which credits help."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from models.records import Content, reference
from models.words import Side
from tests.simulation.draws import PEOPLE

if TYPE_CHECKING:
    from tests.simulation.world import World


class Settled(NamedTuple):
    """What a kind of payment settles, by record type."""

    document: str
    credit: str
    #: Field of the party, which they all have.
    party: str


class Open(NamedTuple):
    """Where a document says what is open of it, and whose it is."""

    party: str
    #: Its field of what is open.
    left: str


class OpenDocument(NamedTuple):
    """A document that is not settled yet."""

    id: str
    party_id: str
    left: Decimal


SETTLED = {
    "payment": Settled("invoice", "credit_memo", "customer"),
    "bill_payment": Settled("bill", "vendor_credit", "vendor"),
}
OPEN = {
    "invoice": Open("customer", "balance"),
    "credit_memo": Open("customer", "remaining"),
    "bill": Open("vendor", "balance"),
    "vendor_credit": Open("vendor", "remaining"),
    # a payment is open in so far as a deposit may take it, as a whole
    "payment": Open("customer", "amount"),
}


def applications(
    world: World, side: Side, record_type: str, content: Content
) -> tuple[dict[str, Any], ...]:
    """One open document and now and then a credit, or nothing; the payment is made to fit."""
    settled = SETTLED[record_type]
    documents = _open(world, side, settled.document, content, settled.party)
    if record_type == "bill_payment" and not documents:
        # somebody is owed something mostly: then that vendor is paid
        documents = world.open_documents(side, settled.document)
    if not documents or world.draws.chance(PEOPLE, "unapplied", 0.2):
        return ()
    chosen = documents[world.draws.pick(PEOPLE, "pays", len(documents))]
    amount = min(chosen.left, content.get("amount") or chosen.left)
    lines = [_line(settled.document, chosen, amount)]
    if record_type == "bill_payment":
        content.update({settled.party: reference(settled.party, int(chosen.party_id))})
        content["amount"] = amount
    else:
        content["amount"] = max(amount, content.get("amount") or amount)
    credits_open = _open(world, side, settled.credit, content, settled.party)
    if credits_open and world.draws.chance(PEOPLE, "credit_used", 0.4):
        credit = credits_open[world.draws.pick(PEOPLE, "credit", len(credits_open))]
        used = min(credit.left, amount)
        lines.append(_line(settled.credit, credit, used))
        content["amount"] = amount - used
    return tuple(lines)


def _open(
    world: World, side: Side, record_type: str, content: Content, party: str
) -> list[OpenDocument]:
    """What is open between the company and the party of a payment."""
    party_id = str(content.get(party) or "").partition(":")[2]
    return [each for each in world.open_documents(side, record_type) if each.party_id == party_id]


def _line(kind: str, document: OpenDocument, amount: Decimal) -> dict[str, Any]:
    return {"kind": kind, kind: reference(kind, int(document.id)), "amount": amount}
