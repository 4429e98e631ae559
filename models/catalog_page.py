"""The page about record types, docs/record-types.md, as it follows from the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from models.catalog_table import MERGE_RULES, catalog_table
from models.words import DataType

_HEAD: Final = """# Record types

Printed by `quickbooks-sync record-types --markdown` from the declarations in `models/record_types`,
from which the sync itself follows; a test compares this page with them. How to add one:
[adding-a-record-type.md](adding-a-record-type.md).

Paths are those of QuickBooks's JSON, columns those of the platform's tables. *required*: a record
without it is parked. *create only*: sent when the record is made, never afterwards. Lines are
merged as one field and replaced as a whole.

| merge rule | what it means |
|---|---|
"""


def markdown() -> str:
    """The whole page."""
    record_types = catalog_table()
    parts = [_HEAD + "".join(f"| `{name}` | {words} |\n" for name, words in MERGE_RULES.items())]
    for data_type in DataType:
        parts.append(f"## {data_type.value}\n")
        parts += [_section(each) for each in record_types if each["data_type"] == data_type]
    return "\n".join(parts)


def _section(record_type: dict[str, Any]) -> str:
    parts = [f"### {record_type['name']}\n", f"{record_type['meaning']}\n", _facts(record_type)]
    parts.append(_field_table(record_type["fields"]))
    for field in record_type["fields"]:
        parts += [_shape_section(record_type, shape) for shape in field.get("lines", ())]
    parts.append(
        _table(
            ("check", "field", "asked of", "message", "fix"),
            (
                (
                    each["code"],
                    each["field"],
                    ", ".join(each["sides"]),
                    each["message"],
                    each["fix"],
                )
                for each in record_type["checks"]
            ),
        )
    )
    parts.append(_removals(record_type["removal"]))
    return "\n".join(parts)


def _facts(record_type: dict[str, Any]) -> str:
    """Where it is kept and what may be done to it, as a list."""
    tables = [record_type["table"], *filter(None, [record_type["lines_table"]])]
    facts = [
        ("QuickBooks entity", f"`{record_type['entity']}`"),
        ("platform table", ", ".join(f"`{each}`" for each in tables)),
    ]
    facts += [
        (f"from {side}", ", ".join(words) or "nothing")
        for side, words in record_type["directions"].items()
    ]
    workflow = record_type["workflow"]
    if workflow:
        forwarded = ", ".join(workflow["forwarded"])
        facts.append(("goes to QuickBooks", f"while `{workflow['column']}` is {forwarded}"))
    keys = " or ".join(" + ".join(key) for key in record_type["match_keys"])
    facts.append(("the same record if equal in", keys or "nothing: never matched"))
    facts.append(("refers to", ", ".join(record_type["parents"]) or "nothing"))
    return "".join(f"- {name}: {words}\n" for name, words in facts)


def _shape_section(record_type: dict[str, Any], shape: dict[str, Any]) -> str:
    only = "" if shape["writable"] else ", edited in QuickBooks only"
    return f"Lines of kind `{shape['kind']}` of {record_type['name']}{only}:\n\n" + _field_table(
        shape["fields"]
    )


def _field_table(fields: Sequence[dict[str, Any]]) -> str:
    return _table(
        ("field", "kind", "QuickBooks", "platform", "owner", "merge", "meaning"),
        (
            (
                _marked(each),
                _kind(each),
                _code(each["quickbooks"]),
                _code(each["platform"]),
                each["owner"],
                each["merge"],
                each["meaning"],
            )
            for each in fields
        ),
    )


def _marked(field: dict[str, Any]) -> str:
    marks = [word for word in ("required", "create_only") if field[word]]
    said = ", ".join(each.replace("_", " ") for each in marks)
    return f"`{field['name']}`" + (f" *{said}*" if said else "")


def _kind(field: dict[str, Any]) -> str:
    if "to" in field:
        return "reference to " + " or ".join(field["to"])
    words = ", ".join(field.get("words", ()))
    said = f"{field['kind']}: {words}" if words else str(field["kind"])
    may_set = ", ".join(field.get("platform_may_set", ()))
    return f"{said}; the platform may set {may_set}" if may_set else said


def _code(path: str | dict[str, str] | None) -> str:
    if isinstance(path, dict):
        return ", ".join(f"`{each}`" for each in path.values())
    return f"`{path}`" if path else ""


def _removals(removal: dict[str, str]) -> str:
    return _table(("when it is", "what follows"), removal.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(each) for each in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """A text that cannot break out of its cell."""
    return text.replace("|", "\\|").replace("\n", " ")
