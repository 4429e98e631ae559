"""The behaviours an entity's declaration may name, by name.

An entity lists its behaviours in order; each is a plain function that reads and changes the draft
of a write. This table is the only place where the words of the declarations meet the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.writing import (
    auto_credits,
    bundles,
    documents,
    lines,
    lists,
    names,
    payments,
    small_entities,
    totals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.writing.draft import Draft

BEHAVIOURS: dict[str, Callable[[Draft], None]] = {
    function.__name__: function
    for function in (
        bundles.expand_bundles,
        auto_credits.auto_apply,
        lists.quantity_on_hand,
        small_entities.attachable,
        small_entities.check_card_payment,
        small_entities.exchange_rate,
        small_entities.mask_tax_id,
        small_entities.time_worked,
        documents.auto_number,
        documents.closed_books,
        documents.currency,
        documents.customer_defaults,
        documents.deposit_account,
        documents.deposited,
        documents.due_date,
        documents.duplicate_number,
        documents.duplicate_purchase_number,
        documents.email_address,
        documents.transaction_date,
        documents.vendor_defaults,
        lines.check_lines,
        lines.number_lines,
        lists.account_currency,
        lists.check_item,
        lists.check_term,
        lists.classify_account,
        lists.name_currency,
        lists.needs_class_tracking,
        lists.needs_department_tracking,
        lists.opening_balance,
        lists.party_currency,
        names.compose_name,
        names.deactivate,
        names.qualified_name,
        names.unique_name,
        payments.bill_payment_account,
        payments.payment_lines,
        payments.payment_total,
        payments.purchase_kind,
        totals.check_transfer,
        totals.deposit_totals,
        totals.journal_balance,
        totals.open_balance,
        totals.purchase_totals,
        totals.sales_totals,
        totals.zero_balance,
    )
}
