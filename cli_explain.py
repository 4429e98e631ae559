"""quickbooks-sync explain: all that is known of one record, and what becomes of it next."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli_shared import ConnectionName, Json, print_rows, say, show, translated_errors
from connectors.state.connections import connection_named
from models.errors import shorten
from tasks import bootstrap
from tasks.explain import explain as explain_record
from tasks.find_record import find_link

#: A longer value is shortened in tables; --json has it whole.
CELL_CHARACTERS_MAX = 60
_MARKED = "*"


def explain(
    record: Annotated[
        str,
        typer.Argument(
            help="A link number, invoice:1037 (type and number or name), "
            "invoice:quickbooks:145 or invoice:platform:12."
        ),
    ],
    connection: ConnectionName = "",
    *,
    as_json: Json = False,
) -> None:
    """Show both sides of a record, every decision and request, and what the next cycle does."""
    with translated_errors(), bootstrap.installation() as place:
        chosen = connection_named(place.engine, connection)
        link_id = find_link(place.engine, chosen.id, record)
        with bootstrap.open_cycle(place, chosen.name, None, say) as cycle:
            facts = explain_record(cycle, place.engine, link_id)
    show(facts, as_json=as_json, words=None)
    if not as_json:
        _print(facts)


def _print(facts: dict[str, Any]) -> None:
    record = facts["record"]
    typer.echo(f"{record['record_type']} {record['record']} (link {record['link']})")
    for side in ("quickbooks", "platform"):
        seen = facts[side]
        named = f"{seen['id']}, " if seen["id"] else ""
        typer.echo(f"  on {side}: {named}{seen['state']} {seen['error']}".rstrip())
    print_rows("Fields (* differs from what both last agreed on)", _fields(facts), "No content.")
    if facts["parked"]:
        print_rows("Parked", [_short(facts["parked"])], "")
    print_rows("Conflicts", [_conflict(each) for each in facts["conflicts"]], "No conflicts.")
    decisions = [_decision(each) for each in facts["decisions"]]
    print_rows("Decisions", decisions, "No decisions.")
    requests = [_request(each) for each in facts["requests"]]
    print_rows("Requests to QuickBooks", requests, "Nothing was sent to QuickBooks.")
    print_rows("Log", [_entry(each) for each in facts["log"]], "Nothing is logged.")
    _print_next(facts["next_cycle"])


def _print_next(following: dict[str, Any]) -> None:
    verb = "takes it up" if following["takes_up"] else "leaves it alone"
    typer.echo(f"The next cycle {verb}: {following['because']}.")
    for write in following["writes"]:
        fields = f" ({', '.join(write['fields'])})" if write["fields"] else ""
        typer.echo(f"  {write['operation']} on {write['side']}{fields}")
    if following["default_accounts"]:
        typer.echo(f"  {following['default_accounts']}")
    for each in following["conflicts"]:
        typer.echo(f"  conflict over {each['field']}: {each['winner']} wins by {each['rule']}")
    if following["parks"] and following["takes_up"]:
        typer.echo(f"  parks it: {following['parks']['message']}. {following['parks']['fix']}")


def _fields(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "": _MARKED if each["difference"] else "",
            "field": each["field"],
            "base": _cell(each["base"]),
            "quickbooks": _cell(each["quickbooks"]),
            "platform": _cell(each["platform"]),
            "difference": each["difference"],
        }
        for each in facts["fields"]
    ]


def _conflict(each: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "field", "base", "quickbooks", "platform", "winner", "rule", "state")
    return {**{name: _cell(each[name]) for name in names}, "decided_at": _cell(each["decided_at"])}


def _decision(each: dict[str, Any]) -> dict[str, Any]:
    body = each["body"]
    reason = body.get("message") or body.get("was") or body.get("reason")
    field, winner = body.get("field", ""), body.get("winner", "")
    words = f"{winner} wins by {body.get('rule', '')}" if winner else reason
    return {
        "at": each["at"],
        "decision": each["kind"],
        "by": each["actor"],
        "field": field,
        "why": _cell(words),
    }


def _request(each: dict[str, Any]) -> dict[str, Any]:
    return {
        "operation": each["operation"],
        "fields": _cell(", ".join(each["fields"])),
        "sent": _cell(each["sent_at"] or "not sent"),
        "outcome": each["outcome"] or each["state"],
        "intuit_tid": each["intuit_tid"],
        "said": _cell(each["fault"] or each["error"]),
    }


def _entry(each: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": each["number"],
        "at": each["at"],
        "kind": each["kind"],
        "by": each["actor"],
        "what": _cell(each["body"]),
    }


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> str:
    """A value for a table, on one line."""
    if value is None or value == "":
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return shorten(text, characters_max=CELL_CHARACTERS_MAX)
