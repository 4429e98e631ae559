"""References: do they exist, are they active, and what are they called.

Only the `value` of a reference counts; its `name` is filled in by the server, as the full path for
accounts, items, classes and departments and as the display name for people. A few references are
served bare. An unknown id is 2500, an inactive one 610, unless the record already held it. Codes
and items that need no record are taken as they are: TAX, NON and the shipping item.
Source: dossier sections 3.5, 8.1 and 10.1; the recorded company for names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.entities import ENTITIES
from emulator.entities.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.company import Company, Record
    from emulator.entities.declaration import Field

CURRENCY_NAMES = {
    "USD": "United States Dollar",
    "CAD": "Canadian Dollar",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "AUD": "Australian Dollar",
    "NZD": "New Zealand Dollar",
    "JPY": "Japanese Yen",
    "CHF": "Swiss Franc",
    "MXN": "Mexican Peso",
    "INR": "Indian Rupee",
    "SGD": "Singapore Dollar",
    "HKD": "Hong Kong Dollar",
    "SEK": "Swedish Krona",
    "NOK": "Norwegian Krone",
    "DKK": "Danish Krone",
    "ZAR": "South African Rand",
    "BRL": "Brazilian Real",
    "CNY": "Chinese Yuan Renminbi",
    "BHD": "Bahraini Dinar",
    "IQD": "Iraqi Dinar",
    "JOD": "Jordanian Dinar",
    "KWD": "Kuwaiti Dinar",
    "LYD": "Libyan Dinar",
    "OMR": "Omani Rial",
    "TND": "Tunisian Dinar",
}
#: US pseudo codes on lines: taxable and not; they need no record.
PSEUDO_TAX_CODES = frozenset({"TAX", "NON"})
#: QuickBooks's own item that shipping charges are lines of; no list shows it, so it has no record.
SHIPPING_ITEM = "SHIPPING_ITEM_ID"
_FULL_PATH = frozenset({"Account", "Item", "Class", "Department"})


def display_name(entity: str, record: Record) -> str:
    """Return the name under which other records refer to this one."""
    if entity in _FULL_PATH:
        return str(record.get("FullyQualifiedName") or record.get("Name", ""))
    return str(record.get(ENTITIES[entity].name_field or "Name", ""))


def currency_reference(code: str) -> Record:
    """Return a currency reference with its name."""
    return {"value": code, "name": CURRENCY_NAMES.get(code, code)}


def walk(fields: Mapping[str, Field], value: Record) -> Iterator[tuple[Field, Record, str]]:
    """Yield every reference in a record as (declaration, holder, key), nested ones too."""
    for name, member in value.items():
        declared = fields.get(name)
        if declared is None or member is None:
            continue
        if declared.kind in {"ref", "currency"} and isinstance(member, dict):
            yield declared, value, name
        elif declared.kind == "shape" and isinstance(member, dict):
            yield from walk(SHAPES[declared.shape], member)
        elif declared.kind == "list" and isinstance(member, list):
            for item in member:
                yield from walk(SHAPES[declared.shape], item)


def resolve(
    company: Company, fields: Mapping[str, Field], sent: Record, before: Record | None
) -> None:
    """Check every reference of a cleaned body and give it its name, in place."""
    for declared, holder, key in walk(fields, sent):
        if declared.kind == "currency":
            holder[key] = currency_reference(holder[key]["value"].upper())
            continue
        holder[key] = _of_kind(declared, holder, holder[key])
        target, found = find_target(company, declared, holder[key])
        if found is None:
            own = _without_record(declared, str(holder[key]["value"]))
            if own:
                holder[key] = {"value": own}
                continue
            plural = ENTITIES[declared.choices[0]].plural
            value = holder[key]["value"]
            raise faults.invalid_reference(f"{plural} element id {value} not found", key)
        if found.get("Active") is False and not _held(fields, before, target, holder[key]["value"]):
            raise faults.not_found(key)
        holder[key] = _named(declared, target, found, holder[key])
        if "Type" in holder and len(declared.choices) > 1:
            # the kind stands beside the reference already
            holder[key].pop("type", None)


def _of_kind(declared: Field, holder: Record, value: Record) -> Record:
    """Return a reference with the kind of party that stands beside it, as on a journal line."""
    kind = holder.get("Type") if len(declared.choices) > 1 else None
    return {**value, "type": kind} if kind else value


def _without_record(declared: Field, value: str) -> str:
    """Return the id of what a reference may mean although no list shows it, or ""."""
    if "TaxCode" in declared.choices and value.upper() in PSEUDO_TAX_CODES:
        return value.upper()
    return value if "Item" in declared.choices and value == SHIPPING_ITEM else ""


def find_target(company: Company, declared: Field, value: Record) -> tuple[str, Record | None]:
    """Return which entity a reference means and the record, None if there is none."""
    wanted = str(value.get("type", "")).lower()
    for target in declared.choices:
        if not wanted or target.lower() == wanted:
            found = company.get(target, str(value.get("value", "")))
            if found is not None:
                return target, found
    return declared.choices[0], None


def _named(declared: Field, target: str, found: Record, value: Record) -> Record:
    named: Record = {"value": str(found["Id"])}
    if "bare" not in declared.flags:
        named["name"] = display_name(target, found)
    if len(declared.choices) > 1 and (declared.name == "EntityRef" or value.get("type")):
        named["type"] = value["type"] if declared.name == "Entity" else target
    return named


def _held(fields: Mapping[str, Field], before: Record | None, target: str, value: str) -> bool:
    """Say whether the stored record already refers to that target."""
    if before is None:
        return False
    held = walk(fields, before)
    return any(
        target in declared.choices and holder[key].get("value") == value
        for declared, holder, key in held
    )


def rename(company: Company, entity: str, record: Record) -> None:
    """Carry a new name into every record that refers to this one, as a join on read would."""
    name = display_name(entity, record)
    for other, declared_entity in ENTITIES.items():
        for holder in company.all(other):
            changed = renamed(declared_entity.fields, holder, entity, str(record["Id"]), name)
            if changed is not holder:
                company.put(other, changed)


def renamed(
    fields: Mapping[str, Field], record: Record, entity: str, target_id: str, name: str
) -> Record:
    """Return the record with every reference to the target carrying the new name."""
    changes: Record = {}
    for key, member in record.items():
        declared = fields.get(key)
        if declared is None or _is_other_kind(declared, record, entity):
            continue
        new = _renamed_member(declared, member, entity, target_id, name)
        if new is not member:
            changes[key] = new
    return {**record, **changes} if changes else record


def _is_other_kind(declared: Field, holder: Record, entity: str) -> bool:
    """Say whether a journal line's party is of another kind than the entity."""
    beside = str(holder.get("Type", entity)).lower()
    return declared.kind == "ref" and len(declared.choices) > 1 and beside != entity.lower()


def _renamed_member(declared: Field, member: Any, entity: str, target_id: str, name: str) -> Any:
    if declared.kind == "ref" and isinstance(member, dict):
        means_target = member.get("value") == target_id and entity in declared.choices
        if means_target and len(declared.choices) > 1:
            means_target = str(member.get("type", entity)).lower() == entity.lower()
        if means_target and member.get("name") not in (None, name):
            return {**member, "name": name}
    elif declared.kind == "shape" and isinstance(member, dict):
        return renamed(SHAPES[declared.shape], member, entity, target_id, name)
    elif declared.kind == "list" and isinstance(member, list):
        fields = SHAPES[declared.shape]
        lines = [renamed(fields, line, entity, target_id, name) for line in member]
        if any(new is not old for new, old in zip(lines, member, strict=True)):
            return lines
    return member
