"""quickbooks-sync partner: which record of the other side one is that has no counterpart there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli_shared import ConnectionName, Json, person, print_rows, show, translated_errors
from connectors.state.connections import connection_named
from connectors.state.review_lists import queue_page
from models.errors import UsageError
from models.numbers import NUMBER_MAX
from tasks import bootstrap
from tasks.partner import choice_of, choose_partner, without_partner


def partner(
    link: Annotated[
        int, typer.Argument(min=1, max=NUMBER_MAX, help="Link of a record that is set aside.")
    ],
    connection: ConnectionName = "",
    search: Annotated[str, typer.Option(help="A part of the name on the other side.")] = "",
    record: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=NUMBER_MAX,
            help="Link of what gets a partner, where LINK waits for it; LINK itself.",
        ),
    ] = None,
    chosen: Annotated[
        int | None,
        typer.Option(
            "--is", min=1, max=NUMBER_MAX, help="Link of the record that it is the same as."
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what a record that is set aside may be on the other side, or say what it is."""
    with translated_errors(), bootstrap.installation() as place:
        company = connection_named(place.engine, connection)
        if chosen is not None:
            with bootstrap.open_cycle(place, company.name) as cycle:
                made = choose_partner(cycle, record or link, chosen, person())
            words = f"{made.record_type} {made.label} is one record; the next sync merges it."
            show({"decided": asdict(made)}, as_json=as_json, words=words)
            return
        now = place.clock.now()
        rows = queue_page(place.engine, company.id, now, link=link).rows
        if not rows:
            raise UsageError(f"link {link} is not parked; `quickbooks-sync queue` shows what is")
        choices = [
            choice_of(place.engine, company.id, each, search)
            for each in without_partner(place.engine, company.id, rows[0])
        ]
        show({"records": [asdict(each) for each in choices]}, as_json=as_json, words=None)
        if not as_json:
            for each in choices:
                head = f"{each.record.record_type} {each.record.label} ({each.record.link}) may be"
                found: list[dict[str, Any]] = [
                    {name: value for name, value in asdict(one).items() if name != "record_type"}
                    for one in each.candidates
                ]
                print_rows(head, found, "Nothing on the other side is without a partner.")
