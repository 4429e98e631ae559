"""Bundles: a group line that is sent without its parts gets those of the group item.

Each part's quantity is the group's times its own, its amount that times the part's price. Lines
that are sent inside the group are kept as they are.
Source: dossier section 10.4 (GroupLineDetail); the recorded invoice with a bundle.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from emulator import faults
from emulator.writing.draft import Draft, amount, cents, reference

if TYPE_CHECKING:
    from emulator.company import Company, Record


def expand_bundles(draft: Draft) -> None:
    """Write out the parts of every group line that came without them."""
    if not draft.gave("Line"):
        return
    for line in draft.after["Line"]:
        group = line.get("GroupLineDetail")
        if line.get("DetailType") != "GroupLineDetail" or not group:
            continue
        item = draft.company.get("Item", reference(group, "GroupItemRef")) or {}
        if not item:
            raise faults.missing("Line.GroupLineDetail.GroupItemRef")
        group.setdefault("Quantity", 1)
        if not group.get("Line"):
            group["Line"] = _parts(draft.company, item, Decimal(group["Quantity"]))


def _parts(company: Company, bundle: Record, times: Decimal) -> list[Record]:
    lines = []
    for part in (bundle.get("ItemGroupDetail") or {}).get("ItemGroupLine") or []:
        item = company.get("Item", reference(part, "ItemRef")) or {}
        quantity = amount(part, "Qty") * times
        price = amount(item, "UnitPrice")
        detail = {
            "ItemRef": {"value": item.get("Id"), "name": item.get("FullyQualifiedName")},
            "UnitPrice": price,
            "Qty": quantity,
        }
        line: Record = {"Amount": cents(quantity * price), "DetailType": "SalesItemLineDetail"}
        if item.get("Description"):
            line["Description"] = item["Description"]
        lines.append({**line, "SalesItemLineDetail": detail})
    return lines
