"""Balances: what each transaction does to accounts, customers and vendors.

Balances are moved by the difference between what a transaction posted before and posts now, never
recomputed, so that loaded books keep their recorded balances. Moves shift LastUpdatedTime and leave
the SyncToken alone. Accounts are kept debit-positive, as the recorded company shows them (a card
debt is negative); income and expense accounts carry no balance.
Source: notes on recorded data, "Change tracking" and "Signs"; dossier section 3.1.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from emulator.account_types import BALANCE_SHEET
from emulator.writing.draft import ZERO, amount, cents, reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.company import Company, Record


def _counter() -> dict[str, Decimal]:
    return defaultdict(lambda: ZERO)


@dataclass
class Postings:
    """What one transaction adds to each balance; accounts debit-positive."""

    accounts: dict[str, Decimal] = field(default_factory=_counter)
    customers: dict[str, Decimal] = field(default_factory=_counter)
    vendors: dict[str, Decimal] = field(default_factory=_counter)


def post(company: Company, entity: str, before: Record | None, after: Record | None) -> None:
    """Move every balance by the difference that a write makes."""
    old, new = _postings(company, entity, before), _postings(company, entity, after)
    for account_id, delta in _difference(old.accounts, new.accounts).items():
        _move_account(company, account_id, delta)
    for customer_id, delta in _difference(old.customers, new.customers).items():
        _move_customer(company, customer_id, delta)
    for vendor_id, delta in _difference(old.vendors, new.vendors).items():
        vendor = company.get("Vendor", vendor_id)
        if vendor is not None:
            company.change("Vendor", vendor_id, Balance=amount(vendor, "Balance") + delta)


def _difference(old: dict[str, Decimal], new: dict[str, Decimal]) -> dict[str, Decimal]:
    moves = {key: cents(new.get(key, ZERO) - old.get(key, ZERO)) for key in {**old, **new}}
    return {key: delta for key, delta in moves.items() if delta and key}


def _move_account(company: Company, account_id: str, delta: Decimal) -> None:
    account = company.get("Account", account_id)
    if account is None or account.get("Classification") not in BALANCE_SHEET:
        return
    both = {
        "CurrentBalance": amount(account, "CurrentBalance") + delta,
        "CurrentBalanceWithSubAccounts": amount(account, "CurrentBalanceWithSubAccounts") + delta,
    }
    company.change("Account", account_id, **both)
    parent_id = reference(account, "ParentRef")
    for _ in range(5):
        parent = company.get("Account", parent_id)
        if parent is None:
            break
        total = amount(parent, "CurrentBalanceWithSubAccounts") + delta
        company.change("Account", parent_id, CurrentBalanceWithSubAccounts=total)
        parent_id = reference(parent, "ParentRef")


def _move_customer(company: Company, customer_id: str, delta: Decimal) -> None:
    customer = company.get("Customer", customer_id)
    if customer is None:
        return
    company.change(
        "Customer",
        customer_id,
        Balance=amount(customer, "Balance") + delta,
        BalanceWithJobs=amount(customer, "BalanceWithJobs") + delta,
    )
    parent_id = reference(customer, "ParentRef")
    for _ in range(5):
        parent = company.get("Customer", parent_id)
        if parent is None:
            break
        total = amount(parent, "BalanceWithJobs") + delta
        company.change("Customer", parent_id, BalanceWithJobs=total)
        parent_id = reference(parent, "ParentRef")


class _Ledger:
    """Collects the postings of one transaction."""

    def __init__(self, company: Company, record: Record) -> None:
        self.company = company
        self.record = record
        self.currency = reference(record, "CurrencyRef") or company.home_currency
        self.rate = amount(record, "ExchangeRate") or Decimal(1)
        self.postings = Postings()

    def debit(self, account_id: str | None, value: Decimal) -> None:
        """Add to an account, in the account's own currency."""
        if not account_id:
            return
        account = self.company.get("Account", account_id) or {}
        held = reference(account, "CurrencyRef") or self.company.home_currency
        self.postings.accounts[account_id] += (
            value if held == self.currency else cents(value * self.rate)
        )

    def credit(self, account_id: str | None, value: Decimal) -> None:
        """Take from an account."""
        self.debit(account_id, -value)

    def receivable(self) -> str | None:
        """Return the receivables account of the transaction."""
        own = reference(self.record, "ARAccountRef")
        return own or self.company.account_by_subtype("AccountsReceivable", self.currency)

    def payable(self) -> str | None:
        """Return the payables account of the transaction."""
        own = reference(self.record, "APAccountRef")
        return own or self.company.account_by_subtype("AccountsPayable", self.currency)

    def expense_lines(self, sign: int) -> None:
        """Debit the accounts of expense lines, or credit them."""
        for line in self.record.get("Line") or []:
            detail = line.get("AccountBasedExpenseLineDetail") or {}
            self.debit(reference(detail, "AccountRef"), sign * amount(line, "Amount"))


def _postings(company: Company, entity: str, record: Record | None) -> Postings:
    rule = _RULES.get(entity)
    if record is None or rule is None:
        return Postings()
    ledger = _Ledger(company, record)
    rule(ledger, amount(record, "TotalAmt"))
    return ledger.postings


def _invoice(ledger: _Ledger, total: Decimal) -> None:
    ledger.debit(ledger.receivable(), total)
    ledger.postings.customers[reference(ledger.record, "CustomerRef")] += total


def _credit_memo(ledger: _Ledger, total: Decimal) -> None:
    _invoice(ledger, -total)


def _payment(ledger: _Ledger, total: Decimal) -> None:
    ledger.debit(reference(ledger.record, "DepositToAccountRef"), total)
    ledger.credit(ledger.receivable(), total)
    ledger.postings.customers[reference(ledger.record, "CustomerRef")] -= total


def _sales_receipt(ledger: _Ledger, total: Decimal) -> None:
    ledger.debit(reference(ledger.record, "DepositToAccountRef"), total)


def _refund_receipt(ledger: _Ledger, total: Decimal) -> None:
    ledger.credit(reference(ledger.record, "DepositToAccountRef"), total)


def _bill(ledger: _Ledger, total: Decimal) -> None:
    ledger.credit(ledger.payable(), total)
    ledger.expense_lines(1)
    ledger.postings.vendors[reference(ledger.record, "VendorRef")] += total


def _vendor_credit(ledger: _Ledger, total: Decimal) -> None:
    ledger.debit(ledger.payable(), total)
    ledger.expense_lines(-1)
    ledger.postings.vendors[reference(ledger.record, "VendorRef")] -= total


def _bill_payment(ledger: _Ledger, total: Decimal) -> None:
    check = ledger.record.get("CheckPayment") or {}
    card = ledger.record.get("CreditCardPayment") or {}
    source = reference(check, "BankAccountRef") or reference(card, "CCAccountRef")
    ledger.credit(source, total)
    ledger.debit(ledger.payable(), total)
    ledger.postings.vendors[reference(ledger.record, "VendorRef")] -= total


def _purchase(ledger: _Ledger, total: Decimal) -> None:
    sign = -1 if ledger.record.get("Credit") else 1
    ledger.credit(reference(ledger.record, "AccountRef"), sign * total)
    ledger.expense_lines(sign)


def _journal_entry(ledger: _Ledger, total: Decimal) -> None:
    del total
    for line in ledger.record.get("Line") or []:
        detail = line.get("JournalEntryLineDetail") or {}
        sign = 1 if detail.get("PostingType") == "Debit" else -1
        value = sign * amount(line, "Amount")
        account_id = reference(detail, "AccountRef")
        ledger.debit(account_id, value)
        account = ledger.company.get("Account", account_id) or {}
        party = reference(detail.get("Entity") or {}, "EntityRef")
        if account.get("AccountType") == "Accounts Receivable":
            ledger.postings.customers[party] += value
        elif account.get("AccountType") == "Accounts Payable":
            ledger.postings.vendors[party] -= value


def _transfer(ledger: _Ledger, total: Decimal) -> None:
    del total
    moved = amount(ledger.record, "Amount")
    ledger.credit(reference(ledger.record, "FromAccountRef"), moved)
    ledger.debit(reference(ledger.record, "ToAccountRef"), moved)


def _deposit(ledger: _Ledger, total: Decimal) -> None:
    ledger.debit(reference(ledger.record, "DepositToAccountRef"), total)
    cash_back = ledger.record.get("CashBack") or {}
    ledger.debit(reference(cash_back, "AccountRef"), amount(cash_back, "Amount"))
    undeposited = ledger.company.account_by_subtype("UndepositedFunds")
    for line in ledger.record.get("Line") or []:
        detail = line.get("DepositLineDetail") or {}
        linked = bool(line.get("LinkedTxn"))
        source = undeposited if linked else reference(detail, "AccountRef")
        ledger.credit(source, amount(line, "Amount"))


_RULES: dict[str, Callable[[_Ledger, Decimal], None]] = {
    "Invoice": _invoice,
    "CreditMemo": _credit_memo,
    "Payment": _payment,
    "SalesReceipt": _sales_receipt,
    "RefundReceipt": _refund_receipt,
    "Bill": _bill,
    "VendorCredit": _vendor_credit,
    "BillPayment": _bill_payment,
    "Purchase": _purchase,
    "JournalEntry": _journal_entry,
    "Transfer": _transfer,
    "Deposit": _deposit,
}
