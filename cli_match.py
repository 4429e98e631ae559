"""quickbooks-sync match: what both sides held before they were connected, and what is the same."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli_shared import (
    ConnectionName,
    Json,
    RecordTypeName,
    print_rows,
    say,
    show,
    translated_errors,
)
from models.errors import UsageError
from models.record_type import RecordType, catalog, record_type_named
from models.words import Side
from tasks import bootstrap
from tasks.context import Cycle
from tasks.match_decisions import Decision, accept, accept_likely, declare_new
from tasks.match_survey import Survey, counts_of, rows_of, survey

#: Rows in one table for people; --json prints all.
ROWS_MAX = 1_000

Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept", help="QUICKBOOKS_ID=PLATFORM_ID: these two are the same; with --record-type."
    ),
]
AcceptLikely = Annotated[
    bool, typer.Option("--accept-likely", help="All that is likely the same is the same.")
]
New = Annotated[
    list[int] | None,
    typer.Option("--new", help="Link of a record in doubt that is on its side only, after all."),
]
Actor = Annotated[str, typer.Option("--actor", help="Who decides; this system's user by default.")]


def match(
    connection: ConnectionName = "",
    record_type: RecordTypeName = "",
    accepted: Accept = None,
    new: New = None,
    actor: Actor = "",
    *,
    likely: AcceptLikely = False,
    as_json: Json = False,
) -> None:
    """Show which records both sides hold already, and decide about those in doubt.

    Neither side is written; decisions take effect in the next sync.
    """
    with translated_errors(), bootstrap.installation() as place:
        chosen = [record_type_named(record_type)] if record_type else list(catalog().values())
        pairs = [_pair(each) for each in accepted or []]
        if pairs and not record_type:
            raise UsageError("--accept needs --record-type: ids are numbers of one record type")
        with bootstrap.open_cycle(place, connection, progress=say) as cycle:
            cycle.renew_lease()
            try:
                found = survey(cycle)
                made = _decided(cycle, found, chosen, pairs, new or [], likely, actor or _user())
                if pairs or new or likely:
                    _show_decisions(made, as_json=as_json)
                else:
                    _show_survey(cycle, found, chosen, as_json=as_json)
            finally:
                cycle.state.release_lease()


def _pair(given: str) -> tuple[str, str]:
    quickbooks_id, equals, platform_id = given.partition("=")
    if not (equals and quickbooks_id.strip().isdigit() and platform_id.strip().isdigit()):
        raise UsageError(
            f"--accept is {given[:80]!r}: write QUICKBOOKS_ID=PLATFORM_ID, such as 42=7"
        )
    return quickbooks_id.strip(), platform_id.strip()


def _decided(
    cycle: Cycle,
    found: Survey,
    chosen: Iterable[RecordType],
    pairs: Iterable[tuple[str, str]],
    new: Iterable[int],
    likely: bool,  # noqa: FBT001 - as above
    actor: str,
) -> list[Decision]:
    """Take the decisions in the order in which one may make another possible."""
    types = list(chosen)
    made = [accept(cycle, found, types[0], theirs, ours, actor) for theirs, ours in pairs]
    made += [declare_new(cycle, found, each, actor) for each in new]
    if likely:
        made += accept_likely(cycle, found, types, actor)
    return made


def _show_decisions(made: list[Decision], *, as_json: bool) -> None:
    facts = {"decided": [asdict(each) for each in made]}
    fresh = sum(each.fresh for each in made)
    words = f"{fresh} decided, {len(made) - fresh} had been before; the next sync carries them out."
    show(facts, as_json=as_json, words=words)


def _show_survey(
    cycle: Cycle, found: Survey, chosen: Iterable[RecordType], *, as_json: bool
) -> None:
    names = {each.name for each in chosen}
    counts = {name: row for name, row in counts_of(found).items() if name in names}
    rows = [row for row in rows_of(cycle, found) if row["record_type"] in names]
    facts = {
        "before_first_sync": sorted(found.first & names),
        "counts": counts,
        "matches": rows,
    }
    show(facts, as_json=as_json, words=None)
    if as_json:
        return
    print_rows(
        "Records that both sides may hold (certain and likely: pairs)",
        [{"record_type": name, **row} for name, row in counts.items()],
        "Nothing is in doubt.",
    )
    in_doubt = [row for row in rows if row["match"] != "certain"]
    if in_doubt:
        print_rows("In doubt", [_flat(row) for row in in_doubt[:ROWS_MAX]], "")
    if len(in_doubt) > ROWS_MAX:
        typer.echo(f"{len(in_doubt) - ROWS_MAX} more are listed by --json.")


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a table shows it."""
    sides = {side.value: _in_words([row[side.value]] if row[side.value] else []) for side in Side}
    if row.get("candidates"):
        empty = next(side.value for side in Side if row[side.value] is None)
        more = row["fitting"] - len(row["candidates"])
        sides[empty] = _in_words(row["candidates"]) + (f"; {more} more" if more > 0 else "")
    head = {name: row[name] for name in ("record_type", "match")}
    return {**head, **sides, "reason": row["reason"]}


def _in_words(records: list[dict[str, Any]]) -> str:
    return "; ".join(
        f"{each['id']} (link {each['link']}): "
        + ", ".join(str(value) for value in each["values"].values())
        for each in records
    )


def _user() -> str:
    """Who runs this, as the system says."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
