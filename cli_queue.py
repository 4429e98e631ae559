"""The retry queue on the command line: what is set aside, and what a person makes of it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli_shared import (
    ConnectionName,
    Json,
    RecordTypeName,
    of_record_type,
    person,
    print_rows,
    show,
    translated_errors,
)
from connectors.state import queries
from connectors.state.connections import connection_named
from models.errors import UsageError, shorten
from models.numbers import NUMBER_MAX
from models.retry_queue import DONE_BY_HAND, SKIPPED, RetryState
from tasks import bootstrap
from tasks.retry import Chosen, retry_parked, settle_parked

#: What people see of a record of the queue first.
COLUMNS = ("link", "state", "record_type", "record", "attempts", "next_attempt_at", "message")

Code = Annotated[str, typer.Option(help="Only those parked for this reason, as `queue` shows it.")]


def queue(
    connection: ConnectionName = "",
    record_type: RecordTypeName = "",
    state: Annotated[
        str, typer.Option(help="Only those that are waiting, retrying, given_up, skipped or done.")
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """Show the retry queue: what is set aside, why, and when it is tried again."""
    with translated_errors(), bootstrap.installation() as place:
        if state and state not in set(RetryState):
            known = ", ".join(RetryState)
            raise UsageError(f"--state is {shorten(state)!r}: use one of {known}")
        chosen = connection_named(place.engine, connection)
        found = queries.queue(place.engine, chosen.id, place.clock.now())
        rows = [row for row in of_record_type(found, record_type) if state in ("", row["state"])]
        show({"queue": rows}, as_json=as_json, words=None)
        if not as_json:
            shown = [{name: row.get(name) for name in COLUMNS} for row in rows]
            print_rows("Retry queue", shown, "Nothing is set aside.")


def retry(
    link: Annotated[
        list[int] | None,
        typer.Argument(
            min=1, max=NUMBER_MAX, help="Links to retry, as `queue` shows them; or all."
        ),
    ] = None,
    connection: ConnectionName = "",
    code: Code = "",
    why: Annotated[str, typer.Option(help="The reason for --skip or --done, for the log.")] = "",
    *,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave these records alone until they are retried.")
    ] = False,
    done: Annotated[
        bool, typer.Option("--done", help="They are settled by hand: leave them alone as well.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let parked records be tried again in the next cycle, or leave them alone.

    What a person has to look at in QuickBooks first, and what was skipped, is tried only if it is
    named, by its link or with --code.
    """
    with translated_errors(), bootstrap.installation() as place:
        decision = _decision(skip=skip, done=done, why=why)
        chosen = Chosen(link or (), code)
        with bootstrap.open_cycle(place, connection) as cycle, cycle.state.begin() as unit:
            if decision:
                count = settle_parked(unit, chosen, decision, person(), why)
            else:
                count = retry_parked(unit, chosen, person())
        said = "are left alone until they are retried" if decision else "are due again"
        words = f"{count} records {said}."
        show({decision or "released": count}, as_json=as_json, words=words)


def _decision(*, skip: bool, done: bool, why: str) -> str:
    """The reason that the records get; "" where they are to be retried.

    Raises:
        UsageError: they contradict each other.
    """
    if skip and done:
        raise UsageError("--skip and --done are two things: give one of them")
    if why and not (skip or done):
        raise UsageError("--why goes with --skip or --done: a retry needs no reason")
    if skip:
        return SKIPPED
    return DONE_BY_HAND if done else ""
