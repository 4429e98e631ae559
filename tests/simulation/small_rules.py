"""What QuickBooks does to a list record on its way into the books: names, types, nesting.

One tuple of rules per entity, in the order in which QuickBooks' faults take precedence; a rule
reads and changes the draft. Documents have theirs in `small_documents`. Source: the reference,
sections 3.5 and 10.3, and the emulator, which these rules follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.account_types import CLASSIFICATIONS, DEFAULT_SUBTYPES, TYPE_OF_SUBTYPE, UNNESTABLE
from emulator.countries import iso_country
from emulator.entities import ENTITIES
from tests.simulation.small_fields import ZERO

if TYPE_CHECKING:
    from tests.simulation.small_keeping import Keeping
    from tests.simulation.small_state import Record

NAME_FIELDS = {
    "Customer": "DisplayName",
    "Vendor": "DisplayName",
    "Account": "Name",
    "Item": "Name",
    "Class": "Name",
    "Department": "Name",
}
#: Lists whose records may stand below another, and the flag that says so.
CHILD_FLAGS = {
    "Account": "SubAccount",
    "Customer": "Job",
    "Class": "SubClass",
    "Department": "SubDepartment",
}
_PEOPLE = frozenset({"Customer", "Vendor"})
_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_MARK = re.compile(r" \(deleted(?: \d+)?\)$")
_DEPTH_MAX = 5
_ITEM_ACCOUNTS = {
    "IncomeAccountRef": {"Income", "Other Income", "Expense", "Cost of Goods Sold"},
    "ExpenseAccountRef": {"Expense", "Cost of Goods Sold", "Other Expense", "Income"},
    "AssetAccountRef": {"Other Current Asset", "Fixed Asset", "Other Asset"},
}
_INVENTORY_NEEDS = ("AssetAccountRef", "ExpenseAccountRef", "InvStartDate", "QtyOnHand")


@dataclass(slots=True)
class Draft:
    """A create or a sparse update on its way into the books."""

    books: Keeping
    entity: str
    #: The stored version; None for a create.
    before: Record | None
    #: What was sent, cleaned; None means "empty this field".
    sent: Record
    #: What will be stored.
    after: Record
    #: Whether a person writes in QuickBooks itself, not an application.
    person: bool

    def gave(self, *names: str) -> bool:
        """Whether any of these was sent with a value."""
        sent = self.sent
        for name in names:  # noqa: SIM110 - half the time of any()
            if sent.get(name) is not None:
                return True
        return False

    def touched(self, *names: str) -> bool:
        """Whether any of these must be derived again."""
        return self.before is None or not self.sent.keys().isdisjoint(names)

    def old(self, name: str) -> Any:
        """The stored value."""
        return None if self.before is None else self.before.get(name)


Rule = Callable[[Draft], None]


def reference(record: Record, name: str) -> str:
    """The id that a reference holds, or ""."""
    value = record.get(name)
    return str(value["value"]) if value else ""


def name_key(entity: str, record: Record, name: str | None = None) -> tuple[str, ...]:
    """What must be unique: people share one space; lists with paths are told apart by parent."""
    plain = (name if name is not None else str(record[NAME_FIELDS[entity]])).lower()
    if entity in _PEOPLE:
        return ("people", plain)
    return (entity, reference(record, "ParentRef"), plain)


# -- rules --


def number_addresses(draft: Draft) -> None:
    """Give each address that was sent an id, and its country the three letters."""
    for name in draft.books.table(draft.entity).addresses.intersection(draft.sent):
        address = draft.after.get(name)
        if address:
            known = (draft.old(name) or {}).get("Id")
            numbered = {"Id": known or draft.books.draw("addresses"), **address}
            if address.get("Country"):
                numbered["Country"] = iso_country(str(address["Country"]))
            draft.after[name] = numbered


def compose_name(draft: Draft) -> None:
    """Build DisplayName from its parts where it was not given."""
    after = draft.after
    if not after.get("DisplayName"):
        parts = [str(after[part]) for part in _NAME_PARTS if after.get(part)]
        if not parts:
            raise faults.missing("DisplayName")
        after["DisplayName"] = " ".join(parts)


def deactivate(draft: Draft) -> None:
    """Mark the name of a record that goes inactive; take the mark off one that comes back."""
    field = NAME_FIELDS[draft.entity]
    name, was_active = str(draft.after[field]), draft.old("Active") is not False
    if draft.after.get("Active", True):
        if not was_active and name == draft.old(field):
            draft.after[field] = _MARK.sub("", name)
        return
    if was_active and draft.before is not None and draft.before.get("Balance"):
        raise faults.has_balance(name)
    if draft.after.get("Type") == "Category":
        raise faults.business("Categories cannot be made inactive.")
    if was_active or not _MARK.search(name):
        candidates = (f"{name} (deleted{f' {n}' if n else ''})" for n in count())
        draft.after[field] = next(each for each in candidates if not _holder(draft, each))


def unique_name(draft: Draft) -> None:
    """Refuse a name that another record of the same space has."""
    holder = _holder(draft, str(draft.after[NAME_FIELDS[draft.entity]]))
    if holder:
        noun = holder.lower() if holder in _PEOPLE else ENTITIES[holder].title
        raise faults.duplicate_name(
            f"Another {noun} is already using this name. Please use a different name."
        )


def _holder(draft: Draft, name: str) -> str:
    """The entity of another record that has this name, or ""."""
    record = draft.after
    if draft.sent.get(CHILD_FLAGS.get(draft.entity, "")) is False:
        record = {**record, "ParentRef": None}  # it leaves its parent
    held = draft.books.state.names.get(name_key(draft.entity, record, name))
    return "" if held in (None, (draft.entity, draft.after["Id"])) else held[0]


def nesting(draft: Draft) -> None:
    """Derive the child flag from ParentRef, and refuse circles and too many levels."""
    flag = CHILD_FLAGS[draft.entity]
    records = draft.books.state.records[draft.entity]
    levels, parent_id, own_id = 0, "", draft.after["Id"]
    if draft.sent.get(flag) is not False:
        parent_id = reference(draft.after, "ParentRef")
    while parent_id:
        if parent_id == own_id or levels > len(records):
            raise faults.business("A record cannot be its own parent.", "ParentRef")
        levels += 1
        parent_id = reference(records.get(parent_id, {}), "ParentRef")
    if levels and levels + _height(draft) > _DEPTH_MAX:
        detail = f"The record would be nested deeper than {_DEPTH_MAX} levels."
        name = "Maximum Nesting Depth Exceeded"
        raise faults.QuickBooksFault("6180", name, detail, "ParentRef")
    if levels:
        draft.after[flag] = True
    else:
        draft.after.pop("ParentRef", None)
        draft.after[flag] = False


def _height(draft: Draft) -> int:
    """How many levels the record and what is below it take up."""
    if draft.before is None or "ParentRef" not in draft.sent:
        return 1
    rows = draft.books.state.records[draft.entity].values()
    level, height = {draft.after["Id"]}, 0
    while level:
        height += 1
        level = {each["Id"] for each in rows if reference(each, "ParentRef") in level}
    return height


def classify_account(draft: Draft) -> None:
    """Derive type and detail type from each other, and the classification from both."""
    after = draft.after
    if '"' in str(draft.sent.get("Name") or ""):
        raise faults.bad_name("Name")
    gave_type, gave_subtype = draft.gave("AccountType"), draft.gave("AccountSubType")
    kind, subtype = after.get("AccountType"), after.get("AccountSubType")
    if gave_type and kind not in CLASSIFICATIONS:
        raise faults.bad_choice("AccountType", kind)
    if gave_subtype and subtype not in TYPE_OF_SUBTYPE:
        raise faults.bad_choice("AccountSubType", subtype)
    if draft.before is None and not gave_type and not gave_subtype:
        raise faults.missing("AccountType")
    if gave_type and not gave_subtype:
        if TYPE_OF_SUBTYPE.get(str(subtype)) != kind:
            subtype = DEFAULT_SUBTYPES[str(kind)]
    elif gave_subtype:
        if gave_type and TYPE_OF_SUBTYPE[str(subtype)] != kind:
            sentence = f"The detail type {subtype} does not belong to the account type {kind}."
            raise faults.business(sentence, "AccountSubType")
        kind = TYPE_OF_SUBTYPE[str(subtype)]
    after.update(
        AccountType=kind, AccountSubType=subtype, Classification=CLASSIFICATIONS[str(kind)]
    )
    _check_parent_account(draft)


def _check_parent_account(draft: Draft) -> None:
    parent = draft.books.get("Account", reference(draft.after, "ParentRef"))
    if parent is None or not draft.touched("ParentRef", "AccountType", "AccountSubType"):
        return
    if parent["AccountType"] != draft.after["AccountType"]:
        sentence = "The account type of a sub-account must be the same as that of its parent."
        raise faults.business(sentence, "ParentRef")
    if UNNESTABLE & {parent["AccountSubType"], draft.after["AccountSubType"]}:
        raise faults.business("This account cannot have a parent or sub-accounts.", "ParentRef")


def account_start(draft: Draft) -> None:
    """Give a new account its currency and a zero balance."""
    if draft.before is None:
        list_currency(draft)
        draft.after["CurrentBalance"] = ZERO


def party_start(draft: Draft) -> None:
    """Give a new customer or vendor its currency and a zero balance."""
    if draft.before is None:
        list_currency(draft)
        draft.after["Balance"] = ZERO


def list_currency(draft: Draft) -> None:
    """The home currency where none was given; a foreign one only where several are kept."""
    home = draft.books.home_currency
    if (reference(draft.after, "CurrencyRef") or home) != home:
        require_multicurrency(draft)
    draft.after.setdefault("CurrencyRef", {"value": home})


def require_multicurrency(draft: Draft) -> None:
    """Refuse a foreign currency in a company that keeps only one."""
    if not draft.books.multi_currency:
        raise faults.business(
            "Multi Currency should be enabled to perform this operation.", "CurrencyRef"
        )


def check_item(draft: Draft) -> None:
    """Check that an item has the accounts that its type needs."""
    after, kind = draft.after, draft.after.get("Type")
    if kind is None:
        raise faults.missing("Type")
    if kind == "Group":
        if draft.before is None and not draft.person:
            raise faults.unsupported("create Group item")
        return
    if kind == "Category":
        for name in ("UnitPrice", "PurchaseCost", "TrackQtyOnHand", "Taxable"):
            after.pop(name, None)
        return
    _require_item_fields(draft, str(kind))
    if draft.old("TrackQtyOnHand") and not after.get("TrackQtyOnHand"):
        raise faults.business("Quantity tracking cannot be turned off.", "TrackQtyOnHand")
    for name, allowed in _ITEM_ACCOUNTS.items():
        if draft.gave(name):
            check_account_type(draft, name, allowed)


def _require_item_fields(draft: Draft, kind: str) -> None:
    after = draft.after
    buys_only = kind == "NonInventory" and after.get("ExpenseAccountRef")
    if not after.get("IncomeAccountRef") and not buys_only:
        raise faults.missing("IncomeAccountRef")
    if kind == "Inventory" and draft.before is None:
        for name in _INVENTORY_NEEDS:
            if after.get(name) is None:
                raise faults.missing(name)
        if after.get("TrackQtyOnHand") is not True:
            raise faults.missing("TrackQtyOnHand")


def check_account_type(draft: Draft, name: str, allowed: set[str]) -> None:
    """Refuse an account whose type does not fit its place (6430)."""
    account = draft.books.get("Account", reference(draft.after, name)) or {}
    kind = account.get("AccountType")
    if kind not in allowed:
        detail = f"Invalid account type : {kind} account cannot be used for {name}"
        raise faults.QuickBooksFault("6430", "Invalid account type used", detail, name)


_PERSON_RULES = (number_addresses, compose_name, deactivate, unique_name)
RULES: dict[str, tuple[Rule, ...]] = {
    "Account": (classify_account, deactivate, unique_name, nesting, account_start),
    "Customer": (*_PERSON_RULES, nesting, party_start),
    "Item": (check_item, deactivate, unique_name),
    "Class": (deactivate, unique_name, nesting),
    "Department": (number_addresses, deactivate, unique_name, nesting),
    "Vendor": (*_PERSON_RULES, party_start),
}
