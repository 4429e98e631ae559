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
from tests.simulation.small_ledger import post_deposit, post_journal_entry, post_transfer
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


def _post_invoice(books: Keeping, record: Record, moves: Moves, sign: int = 1) -> None:
    deposit = amount(record, "Deposit")
    owed = sign * amount(record, "TotalAmt") - deposit
    _add(moves, ("Customer", reference(record, "CustomerRef")), owed)
    _add(moves, ("Account", _own(books, record, "ARAccountRef", "AccountsReceivable")), owed)
    _add(
        moves, ("Account", _own(books, record, "DepositToAccountRef", "UndepositedFunds")), deposit
    )
    tax = sign * amount(record.get("TxnTaxDetail") or {}, "TotalTax")
    _add(moves, ("Account", _tax_account(books)), -tax)


def _post_credit_memo(books: Keeping, record: Record, moves: Moves) -> None:
    _post_invoice(books, record, moves, -1)


def _post_refund_receipt(books: Keeping, record: Record, moves: Moves) -> None:
    account = _own(books, record, "DepositToAccountRef", "UndepositedFunds")
    _add(moves, ("Account", account), -amount(record, "TotalAmt"))
    tax = amount(record.get("TxnTaxDetail") or {}, "TotalTax")
    _add(moves, ("Account", _tax_account(books)), tax)


def _own(books: Keeping, record: Record, name: str, subtype: str) -> str:
    """The account that a document names, or the company's of that kind."""
    return reference(record, name) or books.account_of(subtype)


def _tax_account(books: Keeping) -> str:
    return books.account_of("SalesTaxPayable") or books.account_of("GlobalTaxPayable")


def _post_payment(books: Keeping, record: Record, moves: Moves) -> None:
    total = amount(record, "TotalAmt")
    _add(moves, ("Customer", reference(record, "CustomerRef")), -total)
    _add(moves, ("Account", _own(books, record, "ARAccountRef", "AccountsReceivable")), -total)
    _add(moves, ("Account", _own(books, record, "DepositToAccountRef", "UndepositedFunds")), total)


def _post_purchase(books: Keeping, record: Record, moves: Moves) -> None:
    sign = -1 if record.get("Credit") else 1
    _add(moves, ("Account", reference(record, "AccountRef")), -sign * amount(record, "TotalAmt"))
    _post_expenses(books, record, moves, sign)


def _post_bill(books: Keeping, record: Record, moves: Moves, sign: int = 1) -> None:
    total = sign * amount(record, "TotalAmt")
    _add(moves, ("Vendor", reference(record, "VendorRef")), total)
    _add(moves, ("Account", _own(books, record, "APAccountRef", "AccountsPayable")), -total)
    _post_expenses(books, record, moves, sign)


def _post_vendor_credit(books: Keeping, record: Record, moves: Moves) -> None:
    _post_bill(books, record, moves, -1)


def _post_bill_payment(books: Keeping, record: Record, moves: Moves) -> None:
    total = amount(record, "TotalAmt")
    check = reference(record.get("CheckPayment") or {}, "BankAccountRef")
    card = reference(record.get("CreditCardPayment") or {}, "CCAccountRef")
    _add(moves, ("Account", check or card), -total)
    _add(moves, ("Vendor", reference(record, "VendorRef")), -total)
    _add(moves, ("Account", _own(books, record, "APAccountRef", "AccountsPayable")), total)


def _post_expenses(books: Keeping, record: Record, moves: Moves, sign: int) -> None:
    for line in record["Line"]:
        detail = line.get("AccountBasedExpenseLineDetail")
        account = reference(detail, "AccountRef") if detail else ""
        _add(moves, ("Account", account), sign * amount(line, "Amount"))
    tax = amount(record.get("TxnTaxDetail") or {}, "TotalTax")
    _add(moves, ("Account", _tax_account(books)), sign * tax)


def _add(moves: Moves, key: Key, value: Decimal) -> None:
    if key[1] and value:
        moves[key] = moves.get(key, ZERO) + value


#: What each kind of document moves; one without an entry moves nothing.
POSTINGS: dict[str, Callable[[Keeping, Record, Moves], None]] = {
    "Invoice": _post_invoice,
    "Payment": _post_payment,
    "Purchase": _post_purchase,
    "CreditMemo": _post_credit_memo,
    "RefundReceipt": _post_refund_receipt,
    "Bill": _post_bill,
    "VendorCredit": _post_vendor_credit,
    "BillPayment": _post_bill_payment,
    "Deposit": post_deposit,
    "JournalEntry": post_journal_entry,
    "Transfer": post_transfer,
}
