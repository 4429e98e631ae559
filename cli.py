"""quickbooks-sync: the command line, for people and scripts.

Every command that prints data takes --json and then prints one JSON object on standard output and
nothing else there. Exit 0: done; 1: failed; 2: usage; 3: done, some records parked or differing; 4:
a brake stopped it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from cli_audit import audit_app
from cli_backfill import backfill
from cli_channels import channels
from cli_connection import add_commands as add_connection
from cli_decide import add_commands
from cli_explain import explain
from cli_match import match
from cli_metrics import metrics
from cli_partner import partner
from cli_queue import queue, retry
from cli_reconcile import reconcile
from cli_record_types import record_types
from cli_serve import serve
from cli_settings import add_commands as add_settings
from cli_shared import (
    EXIT_FAILED,
    EXIT_PARKED,
    ConnectionName,
    Json,
    RecordTypeName,
    data_types_named,
    of_record_type,
    person,
    print_rows,
    say,
    show,
    translated_errors,
)
from cli_tokens import tokens_app
from cli_users import users_app
from connectors.state import queries
from connectors.state.connections import connection_named
from models.numbers import NUMBER_MAX
from tasks import bootstrap
from tasks.brakes import approve as approve_plan
from tasks.brakes import waiting_for_approval
from tasks.context import Cycle
from tasks.cycle import plan_only
from tasks.notify import alerts_told
from tasks.report import Report, added_up, planned_rows
from tasks.watching import run_watched

#: More cycles than this in one call are a mistake.
CYCLES_MAX = 20

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Two-way sync between QuickBooks Online and the platform's database.",
)
app.add_typer(audit_app, name="audit")
app.add_typer(users_app, name="users")
app.add_typer(tokens_app, name="tokens")
app.command("record-types")(record_types)
app.command("match")(match)
app.command("queue")(queue)
app.command("retry")(retry)
app.command("partner")(partner)
app.command("explain")(explain)
app.command("reconcile")(reconcile)
app.command("metrics")(metrics)
app.command("channels")(channels)
app.command("serve")(serve)
app.command("backfill")(backfill)
add_commands(app)
add_settings(app)
add_connection(app)


@app.command()
def connect(
    realm_id: Annotated[str, typer.Option(help="QuickBooks's number of the company.")] = "",
    refresh_token: Annotated[
        str,
        typer.Option(
            envvar="QBSYNC_REFRESH_TOKEN",
            help="A refresh token; without one a browser asks for consent.",
        ),
    ] = "",
    company: Annotated[str, typer.Option(help="Name of the company on the platform.")] = "",
    environment: Annotated[
        str, typer.Option(help="production, sandbox, or the name of a stand-in.")
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """Pair a company of the platform with a QuickBooks company."""
    with translated_errors(), bootstrap.installation() as place:
        code = ""
        if not refresh_token:
            from connectors.quickbooks.consent import wait_for_consent

            consent = wait_for_consent(
                place.oauth(environment or place.settings.default_environment),
                place.settings.redirect_url,
                say,
            )
            code, realm_id = consent.code, consent.realm_id
        connection = bootstrap.connect_company(
            place,
            realm_id=realm_id,
            refresh_token=refresh_token,
            code=code,
            company=company,
            environment=environment,
            actor=person(),
        )
        facts = {
            "connection": connection.name,
            "environment": connection.environment,
            "realm_id": connection.realm_id,
            "home_currency": connection.home_currency,
            "data_types": sorted(connection.settings.data_types),
        }
        show(facts, as_json=as_json, words=f"Connected {connection.name} ({connection.realm_id}).")


@app.command()
def sync(
    connection: ConnectionName = "",
    data_type: Annotated[
        list[str] | None, typer.Option(help="financials, invoices or expenses; all by default.")
    ] = None,
    cycles: Annotated[int, typer.Option(min=1, max=CYCLES_MAX, help="How many cycles.")] = 1,
    *,
    as_json: Json = False,
) -> None:
    """Sync once: both directions, all data types that are switched on."""
    with translated_errors(), bootstrap.installation() as place:
        reports = []
        for _ in range(cycles):
            with (
                alerts_told(place, connection),
                bootstrap.open_cycle(place, connection, data_types_named(data_type), say) as cycle,
            ):
                reports.append(run_watched(cycle, "sync"))
        print_reports(reports, as_json=as_json)
    if reports[-1].parked_open:
        raise typer.Exit(EXIT_PARKED)


@app.command()
def plan(
    connection: ConnectionName = "",
    data_type: Annotated[
        list[str] | None, typer.Option(help="financials, invoices or expenses; all by default.")
    ] = None,
    record_type: RecordTypeName = "",
    *,
    approve: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=NUMBER_MAX,
            help="Number of a plan that a brake stopped: let the next cycle write it.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the next cycle would do, or approve what a brake stopped; no side is written."""
    with translated_errors(), bootstrap.installation() as place:
        with bootstrap.open_cycle(place, connection, data_types_named(data_type), say) as cycle:
            if approve is not None:
                _approve(cycle, approve, as_json=as_json)
                return
            planned, tripped = plan_only(cycle)
            with cycle.state.begin() as unit:
                waiting = waiting_for_approval(unit)
        rows = of_record_type(planned_rows(planned), record_type)
        brakes = [{"brake": each.brake, "message": each.message} for each in tripped]
        stored = [
            {
                "plan": each.number,
                "brake": each.brake,
                "message": each.message,
                "writes": each.writes,
                "in": ", ".join(sorted(each.scope)),
                "since": each.created_at,
            }
            for each in waiting
        ]
        facts = {"plan": rows, "brakes": brakes, "waiting_for_approval": stored}
        show(facts, as_json=as_json, words=None)
        if not as_json:
            print_rows("Plan", rows, "Nothing to do: both sides agree.")
            if brakes:
                print_rows("Brakes that it would trip", brakes, "")
            if stored:
                print_rows("Plans that wait for approval", stored, "")


def _approve(cycle: Cycle, number: int, *, as_json: bool) -> None:
    with cycle.state.begin() as unit:
        approved = approve_plan(unit, number, person())
    facts = {"approved": approved.number, "brake": approved.brake, "writes": approved.writes}
    words = f"Plan {approved.number} is approved; the next sync writes it, once."
    show(facts, as_json=as_json, words=words)


@app.command()
def conflicts(
    connection: ConnectionName = "", record_type: RecordTypeName = "", *, as_json: Json = False
) -> None:
    """List what both sides changed differently, and who won."""
    with translated_errors(), bootstrap.installation() as place:
        chosen = connection_named(place.engine, connection)
        rows = of_record_type(queries.conflicts(place.engine, chosen.id), record_type)
        show({"conflicts": rows}, as_json=as_json, words=None)
        if not as_json:
            print_rows("Conflicts", rows, "No conflicts.")


@app.command()
def status(
    connection: ConnectionName = "", record_type: RecordTypeName = "", *, as_json: Json = False
) -> None:
    """Show what is parked and which alerts are open."""
    with translated_errors(), bootstrap.installation() as place:
        chosen = connection_named(place.engine, connection)
        parked = of_record_type(queries.parked(place.engine, chosen.id), record_type)
        alerts = queries.alerts(place.engine, chosen.id)
        runs = queries.runs(place.engine, chosen.id)
        facts = {
            "connection": chosen.name,
            "realm_id": chosen.realm_id,
            "environment": chosen.environment,
            "status": chosen.status,
            "last_runs": runs,
            "parked": parked,
            "alerts": alerts,
        }
        show(facts, as_json=as_json, words=f"{chosen.name}: {chosen.status}")
        if not as_json:
            print_rows("Last runs", runs, "No run yet.")
            print_rows("Parked records", parked, "Nothing is parked.")
            print_rows("Open alerts", alerts, "No open alerts.")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def emulator(context: typer.Context) -> NoReturn:
    """Run a QuickBooks company in a box; `emulator --help` lists its options."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "emulator", *context.args])  # noqa: S606


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End when the demo has run.")] = False,
    as_json: Json = False,
) -> None:
    """Run the main job for a demo company: emulator, database, Prefect and the three flows."""
    from deployments.demo import run_demo

    with translated_errors():
        reports = run_demo(once=once, say=say, shown=None if as_json else print_reports)
    if as_json:
        print_reports(reports, as_json=True)


def print_reports(reports: list[Report], *, as_json: bool = False) -> None:
    """Print cycles: as JSON, or one table per data type."""
    if as_json:
        typer.echo(json.dumps({"cycles": [each.as_json() for each in reports]}))
        return
    total = added_up(reports)
    for data_type, directions in total.data_types.items():
        rows = [
            {"direction": direction.replace("_", " "), **counts}
            for direction, counts in directions.items()
        ]
        print_rows(data_type, rows, "")
    if reports and reports[-1].parked:
        rows = [
            {key: each[key] for key in ("record_type", "record", "message", "fix")}
            for each in reports[-1].parked
        ]
        print_rows("Parked records", rows, "")
    typer.echo(
        f"{len(reports)} cycles, {total.requests} requests ({total.metered} metered), "
        f"{total.seconds:.1f} s"
    )


def main() -> None:
    """The entry point; what nobody foresaw is logged as everything is, without secrets."""
    try:
        app(prog_name="quickbooks-sync")
    except Exception:
        words = "the command ended with an error of its own"
        logging.getLogger("cli").critical(words, exc_info=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
