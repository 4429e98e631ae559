"""Balances: moved by the difference between what a transaction posted before and posts now.

They are never recomputed, so that loaded books keep their recorded balances. What was posted is
remembered, so that taking it back takes back exactly that, whatever became of rates, items and
accounts meanwhile. Moves shift LastUpdatedTime and leave the SyncToken alone. Accounts are kept
debit-positive, as the recorded company shows them (a card debt is negative); income and expense
accounts carry no balance.
Source: notes on recorded data, "Change tracking" and "Signs"; dossier section 3.1.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.account_types import BALANCE_SHEET
from emulator.writing.draft import ZERO, amount, cents, reference
from emulator.writing.entries import RULES, Entry, entries_of

if TYPE_CHECKING:
    from decimal import Decimal

    from emulator.company import Company, Record


def _counter() -> dict[str, Decimal]:
    return defaultdict(lambda: ZERO)


@dataclass
class _Sums:
    """What a set of entries adds to each balance."""

    accounts: dict[str, Decimal] = field(default_factory=_counter)
    customers: dict[str, Decimal] = field(default_factory=_counter)
    vendors: dict[str, Decimal] = field(default_factory=_counter)
    items: dict[str, Decimal] = field(default_factory=_counter)

    def add(self, entries: tuple[Entry, ...], sign: int) -> None:
        for entry in entries:
            self.accounts[entry.account] += sign * entry.value
            self.customers[entry.customer] += sign * entry.foreign
            self.vendors[entry.vendor] -= sign * entry.foreign
            self.items[entry.item] += sign * entry.quantity


def ledger_of(company: Company, entity: str, record: Record) -> tuple[Entry, ...]:
    """Return what a stored transaction posted; a loaded one as it would post now."""
    remembered = company.ledger.get(company, str(record["Id"]))
    return entries_of(company, entity, record) if remembered is None else remembered


def post(company: Company, entity: str, before: Record | None, after: Record | None) -> None:
    """Move every balance by the difference that a write makes."""
    if entity not in RULES:
        return
    old = ledger_of(company, entity, before) if before is not None else ()
    new = entries_of(company, entity, after)
    key = str((after or before or {})["Id"])
    company.ledger.book(company, key, new)
    move(company, old, new)


def move(company: Company, old: tuple[Entry, ...], new: tuple[Entry, ...]) -> None:
    """Move every balance from what was posted to what is posted now."""
    sums = _Sums()
    sums.add(old, -1)
    sums.add(new, 1)
    for account_id, delta in _moves(sums.accounts):
        _move_account(company, account_id, cents(delta))
    for customer_id, delta in _moves(sums.customers):
        _move_customer(company, customer_id, cents(delta))
    for vendor_id, delta in _moves(sums.vendors):
        vendor = company.get("Vendor", vendor_id)
        if vendor is not None:
            balance = amount(vendor, "Balance") + cents(delta)
            company.change("Vendor", vendor_id, Balance=balance)
    for item_id, delta in _moves(sums.items):
        item = company.get("Item", item_id)
        if item is not None:
            company.change("Item", item_id, QtyOnHand=amount(item, "QtyOnHand") + delta)


def _moves(sums: dict[str, Decimal]) -> list[tuple[str, Decimal]]:
    return [(key, delta) for key, delta in sums.items() if key and delta]


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
