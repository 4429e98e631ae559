"""Names: composing, uniqueness, full paths, and the mark of the inactive.

Source: dossier sections 3.5 (deactivation), 10.1 and 10.3 (what a name may be, who shares a space),
8.1 (6180, 6220, 6240); notes on recorded data ("Deactivated names end in (deleted)").
"""

from __future__ import annotations

import re
import uuid
from itertools import count

from emulator import faults
from emulator.company import Company, Record, name_space
from emulator.writing.draft import Draft, amount, reference

_NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_MARK = re.compile(r" \(deleted(?: \d+)?\)$")
_DEPTH_MAX = 5
_CHILD_FLAGS = {
    "Account": "SubAccount",
    "Customer": "Job",
    "Item": "SubItem",
    "Class": "SubClass",
    "Department": "SubDepartment",
}
_OWNERS = {
    "Customer": "customer",
    "Vendor": "vendor",
    "Employee": "employee",
}


def compose_name(draft: Draft) -> None:
    """Build DisplayName from the name's parts, and PrintOnCheckName from what there is."""
    after = draft.after
    parts = [str(after[part]) for part in _NAME_PARTS if after.get(part)]
    if not after.get("DisplayName"):
        if not parts:
            raise faults.missing("DisplayName")
        after["DisplayName"] = " ".join(parts)
    short = " ".join(str(after[part]) for part in ("GivenName", "FamilyName") if after.get(part))
    draft.default("PrintOnCheckName", after.get("CompanyName") or short or after["DisplayName"])
    if draft.entity.name != "Employee":
        draft.default("V4IDPseudonym", f"002098{uuid.uuid4().hex}")
    if draft.entity.name == "Customer":
        draft.default("IsProject", value=False)
        draft.default("ClientEntityId", "0")


def deactivate(draft: Draft) -> None:
    """Mark the name of a record that goes inactive, and take the mark off one that comes back."""
    field = draft.entity.name_field
    assert field is not None, "only name lists can be inactive"
    name = str(draft.after.get(field, ""))
    was_active = draft.old("Active") is not False
    if draft.after.get("Active", True):
        if not was_active and name == draft.old(field):
            draft.after[field] = _MARK.sub("", name)
        return
    if was_active and draft.before is not None:
        _refuse_balance(draft, name)
    if draft.entity.name == "Item" and draft.after.get("Type") == "Category":
        raise faults.business("Categories cannot be made inactive.")
    if was_active or not _MARK.search(name):
        draft.after[field] = _free_deleted_name(draft, name)


def _refuse_balance(draft: Draft, name: str) -> None:
    before = draft.before or {}
    if draft.entity.name in {"Customer", "Vendor"} and amount(before, "Balance") != 0:
        raise faults.has_balance(name)


def _free_deleted_name(draft: Draft, name: str) -> str:
    for number in count():
        candidate = f"{name} (deleted)" if number == 0 else f"{name} (deleted {number})"
        if not _others(draft, _qualified(draft, candidate)):
            return candidate
    raise AssertionError("the numbers do not run out")


def unique_name(draft: Draft) -> None:
    """Refuse a name that another record of the same space has."""
    field = draft.entity.name_field
    assert field is not None, "only name lists have names"
    name = str(draft.after.get(field, ""))
    others = _others(draft, _qualified(draft, name))
    if not others:
        return
    kind = others[0][0]
    noun = _OWNERS.get(kind, draft.entity.title)
    raise faults.duplicate_name(
        f"Another {noun} is already using this name. Please use a different name."
    )


def _others(draft: Draft, key: str) -> list[tuple[str, str]]:
    own = (draft.entity.name, str(draft.after.get("Id", "")))
    held = draft.company.holders(name_space(draft.entity.name), key)
    return [holder for holder in held if holder != own]


def _qualified(draft: Draft, name: str) -> str:
    """Return what must be unique: the path for lists with paths, the plain name for the others."""
    if draft.entity.name not in _CHILD_FLAGS or draft.entity.name == "Customer":
        return name
    return ":".join([*_path(draft), name])


def _path(draft: Draft) -> list[str]:
    """Return the names above this record, topmost first."""
    flag = _CHILD_FLAGS.get(draft.entity.name)
    field = draft.entity.name_field or "Name"
    if flag is None or draft.sent.get(flag) is False:
        return []
    names: list[str] = []
    seen = {str(draft.after.get("Id", ""))}
    parent_id = reference(draft.after, "ParentRef")
    while parent_id:
        if parent_id in seen:
            raise faults.business("A record cannot be its own parent.", "ParentRef")
        seen.add(parent_id)
        parent = draft.company.get(draft.entity.name, parent_id) or {}
        names.insert(0, str(parent.get(field, parent_id)))
        parent_id = reference(parent, "ParentRef")
    return names


def qualified_name(draft: Draft) -> None:
    """Derive FullyQualifiedName, the child flag and the level from ParentRef."""
    flag = _CHILD_FLAGS.get(draft.entity.name)
    field = draft.entity.name_field or "Name"
    path = _path(draft)
    if len(path) >= _DEPTH_MAX:
        raise _too_deep()
    if "FullyQualifiedName" in draft.entity.fields:
        draft.after["FullyQualifiedName"] = ":".join([*path, str(draft.after[field])])
    if flag is None:
        return
    if path and len(path) + _height(draft.company, draft.entity.name, draft.after) > _DEPTH_MAX:
        raise _too_deep()
    if path:
        draft.after[flag] = True
    else:
        draft.after.pop("ParentRef", None)
        if flag in draft.entity.defaults or flag in draft.after:
            draft.after[flag] = False
    if "Level" in draft.entity.fields:
        draft.after.pop("Level", None)
        if path:
            draft.after["Level"] = len(path)


def _too_deep() -> faults.QuickBooksFault:
    return faults.QuickBooksFault(
        "6180",
        "Maximum Nesting Depth Exceeded",
        f"The record would be nested deeper than {_DEPTH_MAX} levels.",
        "ParentRef",
    )


def _height(company: Company, entity: str, record: Record) -> int:
    """Return how many levels a record and what is nested under it take up."""
    if str(record.get("Id", "")) not in company.records[entity]:
        return 1
    children = [child for child in company.all(entity) if _is_child(child, str(record["Id"]))]
    return 1 + max((_height(company, entity, child) for child in children), default=0)


def _is_child(record: Record, parent_id: str) -> bool:
    return reference(record, "ParentRef") == parent_id


def carry_path(company: Company, entity: str, record: Record) -> None:
    """Give the children of a renamed record their new full path."""
    for child in company.all(entity):
        if reference(child, "ParentRef") == record["Id"] and "FullyQualifiedName" in child:
            own = str(child["FullyQualifiedName"]).rpartition(":")[2]
            path = f"{record['FullyQualifiedName']}:{own}"
            if path != child["FullyQualifiedName"]:
                company.amend(entity, child["Id"], FullyQualifiedName=path)
                carry_path(company, entity, company.records[entity][child["Id"]])
