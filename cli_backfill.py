"""quickbooks-sync backfill: a range of days, read again on both sides."""

from __future__ import annotations

from typing import Annotated

import typer

from cli_shared import (
    EXIT_PARKED,
    ConnectionName,
    Json,
    data_types_named,
    day_of,
    print_rows,
    say,
    show,
    translated_errors,
)
from models.backfill import PART_DAYS, Asked, Part
from models.words import DataType, Side
from tasks import bootstrap
from tasks.backfill import Preview, preview
from tasks.backfill import backfill as carry_out
from tasks.report import Report, added_up

#: Rows of one table on the screen; --json has them all.
ROWS_MAX = 200


def backfill(
    since: Annotated[str, typer.Option(help="First day, by a record's date (2026-01-31).")],
    until: Annotated[str, typer.Option(help="Last day, this one included.")],
    connection: ConnectionName = "",
    data_type: Annotated[
        list[str] | None, typer.Option(help="financials, invoices or expenses; all by default.")
    ] = None,
    write_to: Annotated[
        Side | None, typer.Option(help="Write this side only; both by default.")
    ] = None,
    part_days: Annotated[int, typer.Option(help="Days in one part, which is one cycle.")] = (
        PART_DAYS
    ),
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would do; write to neither side.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read a range of days again on both sides, part by part, and sync what differs.

    One that was stopped goes on where it was when it is started again with the same options.
    """
    with translated_errors(), bootstrap.installation() as place:
        sides = frozenset({write_to} if write_to else Side)
        days = day_of("--since", since), day_of("--until", until)
        chosen = frozenset(data_types_named(data_type) or DataType)
        asked = Asked(chosen, *days, sides, part_days).checked()
        if dry_run:
            _show_preview(preview(place, connection, asked, say), as_json=as_json)
            return
        total = added_up(carry_out(place, connection, asked, progress=say, told=_told))
        words = f"{total.moved} records written, {len(total.parked)} parked."
        show({"backfill": total.as_json()}, as_json=as_json, words=words)
        if total.parked and not as_json:
            print_rows("Parked records", total.parked[:ROWS_MAX], "")
    if total.parked:
        raise typer.Exit(EXIT_PARKED)


def _told(done: int, parts: int, part: Part, report: Report) -> None:
    say(f"part {done} of {parts} ({part}): {report.moved} records written")


def _show_preview(found: Preview, *, as_json: bool) -> None:
    rows, totals = found.rows, found.totals()
    show({"plan": rows, "totals": totals}, as_json=as_json, words=None)
    if not as_json:
        print_rows("What it would do", rows[:ROWS_MAX], "Nothing to do: both sides agree.")
        if totals:
            print_rows("In all", totals, "")
