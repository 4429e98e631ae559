"""The status of a document that is paid bit by bit: QuickBooks's figures say it, nobody infers it.

A voided document carries no flag: its total is zero and its note begins with "Voided" (3.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.money import DECIMALS_MAX, exact_decimal

#: What a void writes before the private note.
VOID_WORD = "Voided"


def status_of_document(raw: Mapping[str, Any]) -> str:
    """What TotalAmt and Balance say: open, partially_paid, paid or voided."""
    if is_voided(raw):
        return "voided"
    total, balance = (
        exact_decimal(raw.get(name) or 0, field="status", decimals_max=DECIMALS_MAX)
        for name in ("TotalAmt", "Balance")
    )
    if balance == 0:
        return "paid" if total != 0 else "open"
    return "open" if balance >= total else "partially_paid"


def is_voided(raw: Mapping[str, Any], total: str = "TotalAmt") -> bool:
    """Whether QuickBooks's record is void: nothing says so but a zero total and its note (3.4)."""
    amount = exact_decimal(raw.get(total) or 0, field="status", decimals_max=DECIMALS_MAX)
    return amount == 0 and str(raw.get("PrivateNote") or "").startswith(VOID_WORD)
