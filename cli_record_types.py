"""quickbooks-sync record-types: what is synced, field by field."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli_shared import Json, RecordTypeName, print_rows, translated_errors
from models.catalog_page import markdown
from models.catalog_table import catalog_table
from models.errors import UsageError
from models.record_type import record_type_named
from models.words import DataType


def record_types(
    record_type: RecordTypeName = "",
    *,
    page: Annotated[
        bool, typer.Option("--markdown", help="Print the page docs/record-types.md.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the record types: fields, owners, merge rules, checks and what removals mean."""
    with translated_errors():
        if page and (as_json or record_type):
            raise UsageError("--markdown prints the whole page; leave out the other options")
        if page:
            typer.echo(markdown(), nl=False)
            return
        known = record_type_named(record_type).name if record_type else ""
    chosen = [each for each in catalog_table() if known in ("", each["name"])]
    if as_json:
        typer.echo(json.dumps(chosen, ensure_ascii=False))
    elif known:
        _print_fields(chosen[0])
    else:
        _print_all(chosen)


def _print_all(record_types: list[dict[str, Any]]) -> None:
    """A table per data type."""
    for data_type in DataType:
        rows = [_row(each) for each in record_types if each["data_type"] == data_type]
        print_rows(data_type, rows, f"{data_type}: none")


def _row(record_type: dict[str, Any]) -> dict[str, Any]:
    return {
        "record type": record_type["name"],
        "entity": record_type["entity"],
        **{
            f"from {side}": ", ".join(words) or "nothing"
            for side, words in record_type["directions"].items()
        },
        "refers to": ", ".join(record_type["parents"]),
    }


def _print_fields(record_type: dict[str, Any]) -> None:
    """Everything about one record type."""
    print_rows(record_type["name"], [_row(record_type)], "")
    rows = [_field_row(each) for each in record_type["fields"]]
    print_rows("Fields", rows, "")
    for field in record_type["fields"]:
        for shape in field.get("lines", ()):
            title = f"Lines of kind {shape['kind']}"
            print_rows(title, [_field_row(each) for each in shape["fields"]], "")
    checks = [
        {key: each[key] for key in ("field", "message", "fix")} for each in record_type["checks"]
    ]
    print_rows("Checks", checks, "No checks.")
    removals = [
        {"when it is": event, "what follows": words}
        for event, words in record_type["removal"].items()
    ]
    print_rows("When it goes away", removals, "")


def _field_row(field: dict[str, Any]) -> dict[str, Any]:
    """A field in the columns that fit on a screen."""
    columns = field["platform"]
    return {
        "field": field["name"],
        "kind": field["kind"],
        "QuickBooks": field["quickbooks"],
        "platform": columns if isinstance(columns, str) else ", ".join(columns.values()),
        "required": "yes" if field["required"] else "",
        "merge": field["merge"],
    }
