"""Default accounts: what stands in where a record that is entered on the platform names no account.

QuickBooks does not take some records without an account. A company chooses accounts for such gaps;
one stands in when the record is first made in QuickBooks, and is the record's own from then on.
Nothing is read or written here: a row, its content and the choices in; a whole row out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from models.account_choices import BY_NUMBER, DEFAULT_ACCOUNTS, Account, wanted_types
from models.errors import FieldError
from models.fields import Raw
from models.purchase_lines import PURCHASE_SHAPES
from models.record_type import RecordType, catalog
from models.records import Content
from models.words import DefaultAccount

#: Code of a record whose default account cannot stand in.
DEFAULT_ACCOUNT: Final = "default_account"
#: Codes of records that another choice of default accounts may let go on.
WAITS_FOR_DEFAULT: Final = ("missing", DEFAULT_ACCOUNT)

# -- gaps --


@dataclass(frozen=True)
class Gap:
    """An account that a record lacks, and which default can stand in."""

    #: Name of the field, of the record or of its line.
    name: str
    setting: DefaultAccount
    #: Number of the line, from 1; 0 for the record itself.
    line: int = 0

    def path(self, record_type: RecordType) -> str:
        """The field as messages name it, such as "lines[2].account"."""
        return f"{self.root(record_type)}[{self.line}].{self.name}" if self.line else self.name

    def root(self, record_type: RecordType) -> str:
        """The record's field that it stands in."""
        if not self.line:
            return self.name
        assert record_type.lines is not None, "what has a line has lines"
        return record_type.lines.name


@dataclass(frozen=True)
class Fill:
    """A gap, and the account that stands in there."""

    gap: Gap
    account: Account


def _by_way(
    field: str, settings: Mapping[str, DefaultAccount]
) -> Callable[[Content], DefaultAccount | None]:
    """The default for the way in which something is paid."""
    return lambda content: settings.get(content.get(field) or "")


def _item_income(content: Content) -> DefaultAccount | None:
    """QuickBooks asks for what a service earns, and of goods that are not only bought (10.3)."""
    kind = content.get("kind")
    only_bought = kind == "non_inventory" and content.get("expense_account") is not None
    earns = kind in ("service", "non_inventory") and not only_bought
    return DefaultAccount.ITEM_INCOME if earns else None


#: Record type -> field -> the default that stands in for a record with this content.
_FIELDS: Final[Mapping[str, Mapping[str, Callable[[Content], DefaultAccount | None]]]] = {
    "expense": {
        "payment_account": _by_way(
            "payment_method",
            {
                "cash": DefaultAccount.EXPENSE_BANK,
                "check": DefaultAccount.EXPENSE_BANK,
                "credit_card": DefaultAccount.EXPENSE_CARD,
            },
        )
    },
    "bill_payment": {
        "bank_account": _by_way("method", {"check": DefaultAccount.BILL_PAYMENT_BANK}),
        "card_account": _by_way("method", {"credit_card": DefaultAccount.BILL_PAYMENT_CARD}),
    },
    "refund_receipt": {"payment_account": lambda _content: DefaultAccount.REFUND},
    "item": {"income_account": _item_income},
}


def has_defaults(record_type: RecordType) -> bool:
    """Whether any default account can stand in for something of such records."""
    return record_type.name in _FIELDS or _has_purchase_lines(record_type)


def names_with_defaults() -> list[str]:
    """Record types that default accounts can stand in for something of."""
    return [name for name, each in catalog().items() if has_defaults(each)]


def _has_purchase_lines(record_type: RecordType) -> bool:
    return record_type.lines is not None and record_type.lines.shapes is PURCHASE_SHAPES


def gaps_in(record_type: RecordType, content: Content, row: Raw) -> tuple[Gap, ...]:
    """The accounts that QuickBooks requires and a platform's row does not name.

    content is what could be read of the row: a field that could not be is no gap.
    """
    return (*_gaps_of_fields(record_type, content, row), *_gaps_of_lines(record_type, row))


def _gaps_of_fields(record_type: RecordType, content: Content, row: Raw) -> Iterator[Gap]:
    for name, setting_for in _FIELDS.get(record_type.name, {}).items():
        is_empty = row.get(record_type.by_name[name].column) is None
        setting = setting_for(content) if is_empty else None
        if setting is not None:
            yield Gap(name, setting)


def _gaps_of_lines(record_type: RecordType, row: Raw) -> Iterator[Gap]:
    if not _has_purchase_lines(record_type):
        return
    for number, line in enumerate(row.get("lines") or (), start=1):
        named = (line.get("account_id"), line.get("item_id"))
        if line.get("kind") == "account" and named == (None, None):
            yield Gap("account", DefaultAccount.PURCHASE_LINE, number)


def filled(record_type: RecordType, row: Raw, fills: Iterable[Fill]) -> dict[str, Any]:
    """The row with accounts in its gaps."""
    whole = dict(row)
    if "lines" in row:
        whole["lines"] = [dict(line) for line in row["lines"] or ()]
    for each in fills:
        if each.gap.line:
            whole["lines"][each.gap.line - 1]["account_id"] = each.account.id
        else:
            whole[record_type.by_name[each.gap.name].column] = each.account.id
    return whole


# -- why nothing stands in --


def missing(record_type: RecordType, gap: Gap) -> FieldError:
    """The error for a gap that no default account was chosen for."""
    path = gap.path(record_type)
    label = DEFAULT_ACCOUNTS[gap.setting].label
    return FieldError(
        f"{path} is missing",
        code="missing",
        field=path,
        fix=f"Enter {path}, or choose a default account in the settings: {label} "
        f"(default_accounts, {gap.setting}).",
    )


def unfit(
    record_type: RecordType, gap: Gap, account_id: int, account: Account | None, reason: str
) -> FieldError:
    """The error for a gap whose default account cannot stand in."""
    path = gap.path(record_type)
    name = account.label if account else f"{BY_NUMBER}{account_id}"
    return FieldError(
        f"{path} is missing, and the default account for it, {name}, {reason}",
        code=DEFAULT_ACCOUNT,
        field=path,
        value=name,
        fix=f"Enter {path}; or put that account right, or choose another one in the settings "
        f"(default_accounts, {gap.setting}: {wanted_types(gap.setting)}), then retry this record.",
    )


def unwritable(record_type: RecordType, fill: Fill) -> FieldError:
    """The error for a gap whose default account may not be written to the platform."""
    path = fill.gap.path(record_type)
    return FieldError(
        f"{path} is missing, and the default account for it, {fill.account.label}, would have to "
        "be written to the platform, too, which is switched off",
        code=DEFAULT_ACCOUNT,
        field=path,
        value=fill.account.label,
        fix=f"Enter {path}, or switch on writing to the platform.",
    )


def may_be_known(record_type: RecordType, gap: Gap) -> FieldError:
    """The error for a gap in a record that QuickBooks may hold already."""
    path = gap.path(record_type)
    return FieldError(
        f"{path} is missing, so nobody can tell whether QuickBooks holds this "
        f"{record_type.name} already",
        code="missing",
        field=path,
        fix=f"Enter {path}. If QuickBooks does not hold it, retry this record: then the default "
        "account stands in.",
    )
