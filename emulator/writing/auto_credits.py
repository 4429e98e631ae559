"""Credits that QuickBooks applies by itself.

Where the company wants it (a preference, or the emulator's switch), a new credit memo is applied to
the customer's oldest open invoices, and a new invoice takes the open credit memos, by a payment of
nothing that nobody asked for: "Created by QB Online to link credits to charges."
Source: dossier sections 10.4 and 12.16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.writing.draft import ZERO, Draft, amount, reference

if TYPE_CHECKING:
    from decimal import Decimal

    from emulator.company import Record

LINKING_NOTE = "Created by QB Online to link credits to charges."
_MATCHES = {"CreditMemo": ("Invoice", "Balance"), "Invoice": ("CreditMemo", "RemainingCredit")}


def auto_apply(draft: Draft) -> None:
    """Order the payment that links a new credit memo or invoice to its counterparts."""
    company = draft.company
    wanted = company.preference("SalesFormsPrefs", "AutoApplyCredit")
    if not draft.creating or not (wanted or company.options.auto_apply_credits):
        return
    other_entity, field = _MATCHES[draft.entity.name]
    left = amount(draft.after, "TotalAmt")
    lines: list[Record] = []
    for other in _open(draft, other_entity, field):
        part = min(left, amount(other, field))
        if part <= 0:
            break
        left -= part
        lines.append(_line(part, other_entity, str(other["Id"])))
    used = sum((amount(line, "Amount") for line in lines), ZERO)
    if not used:
        return
    lines.append(_line(used, draft.entity.name, str(draft.after["Id"])))
    body = {
        "CustomerRef": {"value": reference(draft.after, "CustomerRef")},
        "CurrencyRef": {"value": reference(draft.after, "CurrencyRef")},
        "TxnDate": draft.after["TxnDate"],
        "TotalAmt": 0,
        "PrivateNote": LINKING_NOTE,
        "Line": lines,
    }
    draft.followers.append(("Payment", body))


def _open(draft: Draft, entity: str, field: str) -> list[Record]:
    """Return the customer's open documents, oldest first."""
    customer = reference(draft.after, "CustomerRef")
    code = reference(draft.after, "CurrencyRef")
    found = [
        record
        for record in draft.company.records[entity].values()
        if reference(record, "CustomerRef") == customer
        and amount(record, field) > 0
        and reference(record, "CurrencyRef") in {"", code}
    ]
    return sorted(found, key=lambda record: (str(record.get("TxnDate", "")), int(record["Id"])))


def _line(part: Decimal, entity: str, record_id: str) -> Record:
    return {"Amount": part, "LinkedTxn": [{"TxnId": record_id, "TxnType": entity}]}
