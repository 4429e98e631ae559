"""quickbooks-sync reconcile: the platform's books against QuickBooks's own reports."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli_shared import (
    EXIT_DIFFERENCES,
    ConnectionName,
    Json,
    day_of,
    print_rows,
    say,
    show,
    translated_errors,
)
from tasks import bootstrap
from tasks.reconcile import reconcile as reconcile_books

#: Rows of one table on the screen; --json has them all.
ROWS_MAX = 200


def reconcile(
    connection: ConnectionName = "",
    as_of: Annotated[
        str, typer.Option("--as-of", help="Balances at the end of this day (2026-01-31); today.")
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """Compare the platform with QuickBooks's reports; differences are named, nothing is written."""
    with translated_errors(), bootstrap.installation() as place:
        day = day_of("--as-of", as_of) if as_of else None
        with bootstrap.open_cycle(place, connection, None, say) as cycle:
            found = reconcile_books(cycle, day)
        facts = found.as_json()
        show(facts, as_json=as_json, words=None)
        if not as_json:
            _print(facts)
    if not found.is_clean:
        say(f"{len(found.differences)} differences; docs/reconcile.md says how to read them")
        raise typer.Exit(EXIT_DIFFERENCES)


def _print(facts: dict[str, Any]) -> None:
    compared = facts["compared"]
    typer.echo(
        f"{facts['connection']} at the end of {facts['as_of']}, in {facts['currency']}: "
        f"{compared['accounts']} accounts over {compared['months']} months, "
        f"{compared['customers']} customers, {compared['vendors']} vendors, "
        f"{compared['records']} records."
    )
    differences = [_row(each) for each in facts["differences"][:ROWS_MAX]]
    print_rows("Differences", differences, "No differences.")
    parts = [
        {"of": f"{each['subject']} {each['field']}".strip(), **_named(part)}
        for each in facts["differences"]
        for part in each["records"]
    ]
    if parts:
        print_rows("Records that make them up", parts[:ROWS_MAX], "")
    if facts["outside"]:
        print_rows("In QuickBooks, outside of the sync", facts["outside"][:ROWS_MAX], "")
    if facts["not_synced"]:
        rows = [
            {"type": name, "records": "cannot be counted" if count is None else count}
            for name, count in facts["not_synced"].items()
        ]
        print_rows("Types that the sync does not know", rows, "")


def _row(each: dict[str, Any]) -> dict[str, Any]:
    names = ("kind", "subject", "field", "quickbooks", "platform", "difference", "reason")
    return {name: each[name] for name in names}


def _named(part: dict[str, Any]) -> dict[str, Any]:
    record = f"{part['record_type']} {part['record']}"
    names = ("quickbooks", "platform", "difference", "reason")
    return {"record": record, **{name: part[name] for name in names}}
