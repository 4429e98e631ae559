"""Which balances a document moves, and by how much.

A posting is remembered with its document, so that taking it back takes back exactly that. What is
left out stands in `tests/contract/differences.py`. Source: the reference, section 3.1, and the
emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from emulator.account_types import BALANCE_SHEET
from tests.simulation.small_documents import amount
from tests.simulation.small_fields import ZERO
from tests.simulation.small_rules import reference
from tests.simulation.small_state import Key, Record

if TYPE_CHECKING:
    from tests.simulation.small_keeping import Keeping

Moves = dict[Key, Decimal]


def effects(books: Keeping, entity: str, record: Record) -> Moves:
    """The balances that a document moves, and by how much: debits are positive."""
    posting = POSTINGS.get(entity)
    if posting is None:
        return {}
    moves: Moves = {}
    posting(books, record, moves)
    accounts = books.state.records["Account"]
    return {
        key: value
        for key, value in moves.items()
        if key[0] != "Account" or accounts[key[1]]["Classification"] in BALANCE_SHEET
    }


def _post_invoice(books: Keeping, record: Record, moves: Moves) -> None:
    total = amount(record, "TotalAmt")
    _add(moves, ("Customer", reference(record, "CustomerRef")), total)
    _add(moves, ("Account", books.account_of("AccountsReceivable")), total)
    tax = amount(record.get("TxnTaxDetail") or {}, "TotalTax")
    _add(moves, ("Account", books.account_of("SalesTaxPayable")), -tax)


def _post_payment(books: Keeping, record: Record, moves: Moves) -> None:
    total = amount(record, "TotalAmt")
    deposit = reference(record, "DepositToAccountRef")
    _add(moves, ("Customer", reference(record, "CustomerRef")), -total)
    _add(moves, ("Account", books.account_of("AccountsReceivable")), -total)
    _add(moves, ("Account", deposit or books.account_of("UndepositedFunds")), total)


def _post_purchase(_books: Keeping, record: Record, moves: Moves) -> None:
    sign = -1 if record.get("Credit") else 1
    _add(moves, ("Account", reference(record, "AccountRef")), -sign * amount(record, "TotalAmt"))
    for line in record["Line"]:
        detail = line.get("AccountBasedExpenseLineDetail")
        account = reference(detail, "AccountRef") if detail else ""
        _add(moves, ("Account", account), sign * amount(line, "Amount"))


def _add(moves: Moves, key: Key, value: Decimal) -> None:
    if key[1] and value:
        moves[key] = moves.get(key, ZERO) + value


#: What each kind of document moves; one without an entry moves nothing.
POSTINGS: dict[str, Callable[[Keeping, Record, Moves], None]] = {
    "Invoice": _post_invoice,
    "Payment": _post_payment,
    "Purchase": _post_purchase,
}
