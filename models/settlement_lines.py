"""The lines of what settles documents: payments, bill payments and deposits (10.4 to 10.6)."""

from __future__ import annotations

from collections.abc import Mapping

from models.fields import Money, Text
from models.lines import LineShape
from models.reference_fields import Reference

#: Path of what says which kind of document a line settles.
MARKER_PATH = "LinkedTxn.0.TxnType"
_AMOUNT = Money(name="amount", quickbooks="Amount", required=True)


def settles(record_type: str, entity: str, constant: Mapping[str, str] | None = None) -> LineShape:
    """A line that settles one document; constant is what else such a line has in QuickBooks."""
    return LineShape(
        kind=record_type,
        marker=entity,
        constant={MARKER_PATH: entity, **(constant or {})},
        fields=(
            Reference(
                name=record_type,
                quickbooks="LinkedTxn.0.TxnId",
                platform=f"{record_type}_id",
                to=(record_type,),
                bare=True,
                required=True,
            ),
            _AMOUNT,
        ),
    )


#: A line that settles what is not synced: it can be edited in QuickBooks only.
SETTLES_ANOTHER = LineShape(
    kind="other",
    marker="",
    constant={},
    writable=False,
    fields=(Text(name="reference", quickbooks="LinkedTxn.0.TxnId"), _AMOUNT),
)
