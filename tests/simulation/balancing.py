"""What people enter on journal entries and deposits: lines that balance, and payments to bank."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from models.lines import Lines
from models.record_type import RecordType
from models.records import Content, reference
from models.words import Side
from tests.simulation.draws import PEOPLE

if TYPE_CHECKING:
    from tests.simulation.people import People
    from tests.simulation.settling import OpenDocument
    from tests.simulation.world import World

Lined = tuple[dict[str, Any], ...]


def balanced(hands: People, side: Side, record_type: RecordType, field: Lines) -> Lined:
    """A debit and a credit over the same amount, now and then with a text between them."""
    shape = field.shape_of("entry")
    debit, credit = (hands.line(side, record_type, shape) for _ in range(2))
    if debit is None or credit is None:
        return ()
    credit.update(posting="credit", amount=debit["amount"])
    if not hands.world.draws.chance(PEOPLE, "explained", 0.2):
        return (debit, credit)
    text = hands.line(side, record_type, field.shape_of("description"))
    return (debit, text or {}, credit)


def brought(
    hands: People, side: Side, record_type: RecordType, field: Lines, content: Content
) -> Lined:
    """A payment that is not in the bank yet, money from an account, a refund; some or all."""
    world, lines = hands.world, []
    if not (content.get("cash_back_amount") and content.get("cash_back_account")):
        for name in ("cash_back_account", "cash_back_amount", "cash_back_memo"):
            content.pop(name, None)
    payments = _undeposited(world, side)
    if payments and world.draws.chance(PEOPLE, "deposited", 0.7):
        chosen = payments[world.draws.pick(PEOPLE, "payment", len(payments))]
        paid = reference("payment", int(chosen.id))
        lines.append({"kind": "payment", "payment": paid, "amount": chosen.left})
    if not lines or world.draws.chance(PEOPLE, "from_account", 0.4):
        line = hands.line(side, record_type, field.shape_of("account"))
        lines += [line] if line else []
    refunds = _paid_back(world, side)
    if refunds and world.draws.chance(PEOPLE, "refund_taken", 0.5):
        refund, total = refunds[world.draws.pick(PEOPLE, "refund", len(refunds))]
        paid = reference("refund_receipt", int(refund))
        lines.append({"kind": "refund_receipt", "refund_receipt": paid, "amount": -total})
    return tuple(lines)


def _paid_back(world: World, side: Side) -> list[tuple[str, Decimal]]:
    """Refund receipts out of Undeposited Funds that no deposit holds, and what they come to."""
    undeposited = set(world.referable(side, "account", ("Other Current Asset",)))
    if side is Side.QUICKBOOKS:
        return [
            (each["Id"], each["TotalAmt"])
            for each in world.books.all("RefundReceipt")
            if each["DepositToAccountRef"]["value"] in undeposited and not each.get("LinkedTxn")
        ]
    rows = (row for row in world.people.all("deposit") if row.live)
    held = {line["refund_receipt_id"] for row in rows for line in row.values["lines"]}
    return [
        (row.id, row.values["total"] or Decimal(0))
        for row in world.people.all("refund_receipt")
        if row.live
        and str(row.values["payment_account_id"]) in undeposited
        and int(row.id) not in held
    ]


def _undeposited(world: World, side: Side) -> list[OpenDocument]:
    """Payments that no deposit holds."""
    if side is Side.QUICKBOOKS:
        lines = (line for each in world.books.all("Deposit") for line in each["Line"])
        held = {link["TxnId"] for line in lines for link in line.get("LinkedTxn") or ()}
    else:
        rows = (row for row in world.people.all("deposit") if row.live)
        held = {str(line["payment_id"]) for row in rows for line in row.values["lines"]}
    return [each for each in world.open_documents(side, "payment") if each.id not in held]
