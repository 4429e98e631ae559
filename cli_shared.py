"""What all commands of quickbooks-sync share: options, exit codes, and how answers are printed."""

from __future__ import annotations

import getpass
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from connectors.logs import writes_json
from connectors.quickbooks.scrub import scrub
from models.errors import (
    AuditError,
    BrakeError,
    DecisionError,
    RecordError,
    RemoteError,
    SyncError,
    UsageError,
    shorten,
)
from models.people import NAME_CHARACTERS_MAX, Actor
from models.record_type import record_type_named
from models.words import DataType
from tasks.bootstrap import Installation

EXIT_FAILED, EXIT_USAGE, EXIT_PARKED, EXIT_BRAKE = 1, 2, 3, 4
#: Done, and something is left for a person, as with parked records.
EXIT_DIFFERENCES = EXIT_PARKED

_LOG = logging.getLogger("cli")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ConnectionName = Annotated[
    str, typer.Option("--connection", "-c", help="Name or realm id; the only one by default.")
]
RecordTypeName = Annotated[
    str, typer.Option("--record-type", help="Only this record type, such as invoice.")
]


def data_types_named(names: list[str] | None) -> list[DataType] | None:
    """The data types of an option that may stand several times; None where it is left out.

    Raises:
        UsageError: naming one that is none.
    """
    if not names:
        return None
    unknown = sorted(set(names) - set(DataType))
    if unknown:
        known = ", ".join(DataType)
        raise UsageError(f"data type {shorten(unknown[0])!r} is not known; use one of: {known}")
    return [DataType(name) for name in names]


def day_of(option: str, text: str) -> date:
    """The day that an option names.

    Raises:
        UsageError: naming the option and what it was given.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} is {shorten(text)!r}: write a day, such as 2026-01-31"
        ) from error


def of_record_type(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The rows about one record type, all of them where none is named.

    Raises:
        UsageError: there is no such record type.
    """
    if not name:
        return rows
    wanted = record_type_named(name).name
    return [row for row in rows if row["record_type"] == wanted]


@contextmanager
def translated_errors() -> Iterator[None]:
    """Errors to messages and exit codes, in one place."""
    try:
        yield
    except UsageError as error:
        _stop(str(error), "", EXIT_USAGE)
    except BrakeError as error:
        _stop(str(error), error.fix, EXIT_BRAKE)
    except RemoteError as error:
        fault = error.fault
        _stop(str(error), f"{fault.cause} {fault.fix}".strip(), EXIT_FAILED)
    except RecordError as error:
        _stop(str(error), error.fix, EXIT_FAILED)
    except (AuditError, DecisionError) as error:
        _stop(str(error), error.fix, EXIT_FAILED)
    except SyncError as error:
        _stop(str(error), "", EXIT_FAILED)
    except DBAPIError as error:
        fix = "Nothing was half done: the transaction was rolled back. Run the command again."
        _stop(f"the database failed: {error.orig}", fix, EXIT_FAILED)


def _stop(message: str, fix: str, code: int) -> NoReturn:
    if writes_json():
        _LOG.error("%s", message, extra={"fix": fix})
        raise typer.Exit(code)
    # brackets in it are no markup
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    console.print(scrub(message), style="bold red")
    if fix:
        console.print(scrub(fix))
    raise typer.Exit(code)


def say(words: str) -> None:
    """Progress, on standard error."""
    if writes_json():
        _LOG.info("%s", words)
        return
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    console.print(f"· {words}", style="dim")


def show(facts: dict[str, Any], *, as_json: bool, words: str | None) -> None:
    """Print facts as JSON, or words for people."""
    if as_json:
        typer.echo(json.dumps(facts, default=str, ensure_ascii=False))
    elif words:
        typer.echo(words)


def print_rows(title: str, rows: list[dict[str, Any]], empty: str) -> None:
    """Print rows as a table for people; brackets in them are no markup."""
    if not rows:
        typer.echo(empty)
        return
    table = Table(title=Text(title), title_justify="left")
    for name in rows[0]:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    Console().print(table)


def person() -> str:
    """Who is at the keyboard, for the log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return f"user {os.getuid()}"


def actor_at(place: Installation) -> Actor:
    """The same for changes of people and tokens, which nobody's rights bound here."""
    return Actor(person()[:NAME_CHARACTERS_MAX], place.clock.now())
