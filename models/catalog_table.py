"""The catalog of record types as plain data: what is synced, field by field.

Everything follows from the declarations, so that what is shown cannot differ from what is done.
"""

from __future__ import annotations

from typing import Any, Final

from models.checks import Check
from models.fields import Choice, Field, Text
from models.lines import Lines, LineShape
from models.record_type import RecordType, Workflow, catalog
from models.reference_fields import Reference
from models.removals import removal_meanings
from models.words import Owner, Side

#: Merge rule of a field -> what it means.
MERGE_RULES: Final = {
    "policy": "Either side may change it. Where both did, the company's policy decides, and the "
    "latest edit where it chose none; the loser is named in a conflict.",
    "quickbooks": "QuickBooks's value counts. An edit on the platform is undone and named in a "
    "conflict.",
    "on_create": "Taken from the side that makes the record; afterwards as `quickbooks`.",
    "void_only": "As `quickbooks`, but the platform may set the words that are named.",
    "platform": "The platform's value counts. An edit in QuickBooks is undone and named in a "
    "conflict.",
}


def catalog_table() -> list[dict[str, Any]]:
    """All record types in the catalog's order: what is referred to before what refers to it."""
    return [as_plain(each) for each in catalog().values()]


def as_plain(record_type: RecordType) -> dict[str, Any]:
    """One record type as plain dicts, lists and texts."""
    return {
        "name": record_type.name,
        "plural": record_type.plural,
        "meaning": record_type.meaning,
        "data_type": record_type.data_type.value,
        "entity": record_type.entity,
        "table": record_type.table,
        "lines_table": record_type.lines.table if record_type.lines else None,
        "directions": _directions(record_type),
        "fields": [_field(each) for each in record_type.fields],
        "match_keys": [list(each) for each in record_type.match_keys],
        "parents": sorted(record_type.parents),
        "checks": [_check(each) for each in record_type.every_check],
        "removal": removal_meanings(record_type),
        "workflow": _workflow(record_type.workflow),
    }


def _directions(record_type: RecordType) -> dict[str, list[str]]:
    """Side on which people work -> what of their work reaches the other side."""
    from_quickbooks, from_platform = ["create", "edit"], []
    if not record_type.read_only:
        from_quickbooks.append("deactivate" if record_type.is_list else "delete")
        from_platform = ["create", "edit", "delete"]
    if "voided in QuickBooks" in removal_meanings(record_type):
        from_quickbooks.append("void")
    if record_type.void_status:
        from_platform.append("void")
    return {Side.QUICKBOOKS.value: from_quickbooks, Side.PLATFORM.value: from_platform}


def _field(field: Field) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": field.name,
        "kind": field.kind,
        "quickbooks": field.quickbooks or None,
        "platform": _columns(field),
        "owner": field.owner.value,
        "create_only": field.create_only,
        "required": field.required,
        "merge": merge_rule(field),
        "meaning": field.meaning,
    }
    if isinstance(field, Reference):
        facts["to"] = list(field.to)
    if isinstance(field, Choice):
        facts["words"] = list(field.words)
        facts["platform_may_set"] = list(field.platform_may_set)
    elif isinstance(field, Text):
        facts["length_max"] = field.length_max
    if isinstance(field, Lines):
        facts["lines"] = [_shape(each) for each in field.shapes]
    return facts


def merge_rule(field: Field) -> str:
    """The field's rule, a key of MERGE_RULES; it says what `models.merge` does."""
    if isinstance(field, Choice) and field.platform_may_set:
        return "void_only"
    if field.owner is Owner.PLATFORM:
        return "platform"
    if field.create_only:
        return "on_create"
    return "quickbooks" if field.owner is Owner.QUICKBOOKS or not field.quickbooks else "policy"


def _columns(field: Field) -> str | dict[str, str]:
    """The platform column; one for each record type where a reference may mean several."""
    if isinstance(field, Reference) and field.columns:
        return dict(field.columns)
    return field.table if isinstance(field, Lines) else field.column


def _shape(shape: LineShape) -> dict[str, Any]:
    return {
        "kind": shape.kind,
        "writable": shape.writable,
        "quickbooks": shape.marker or None,
        "fields": [_field(each) for each in shape.fields],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "field": check.field,
        "code": check.code,
        "message": check.message,
        "fix": check.fix,
        "sides": sorted(each.value for each in check.sides),
    }


def _workflow(workflow: Workflow | None) -> dict[str, Any] | None:
    if workflow is None:
        return None
    return {
        "column": workflow.column,
        "forwarded": list(workflow.forwarded),
        "posted": workflow.posted,
        "withdrawn": list(workflow.withdrawn),
    }
