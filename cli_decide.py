"""quickbooks-sync policy, override and undo: what people decide, and how they take it back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli_shared import (
    EXIT_PARKED,
    ConnectionName,
    Json,
    RecordTypeName,
    person,
    print_rows,
    say,
    show,
    translated_errors,
)
from connectors.state.connections import change_policy, connection_named
from models.errors import UsageError
from models.numbers import NUMBER_MAX
from models.policy import Policy, effective_rules
from models.record_type import record_type_named
from models.undo import Does
from models.words import Side
from tasks import bootstrap
from tasks.override import override as override_conflict
from tasks.undo import Undone
from tasks.undo import undo as undo_run
from tasks.undo_steps import Step


def add_commands(app: typer.Typer) -> None:
    """Give the command line these commands."""
    for command in (policy, override, undo):
        app.command()(command)


def policy(
    connection: ConnectionName = "",
    record_type: RecordTypeName = "",
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=RULE, such as invoice.memo=platform or invoices=review."),
    ] = None,
    dropped: Annotated[
        list[str] | None, typer.Option("--unset", help="KEY whose rule is to be dropped.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show who wins each field when both sides changed it, or choose."""
    wanted = record_type_named_or_all(record_type)
    with translated_errors(), bootstrap.installation() as place:
        known = connection_named(place.engine, connection)
        rules = known.settings.conflict_policy()
        if chosen or dropped:
            choices = _choices(chosen or [])
            rules = change_policy(
                place.engine, known, choices, dropped or [], person(), place.clock.now()
            )
        _show_policy(rules, wanted, as_json=as_json)


def record_type_named_or_all(name: str) -> str:
    """The name of a record type that exists, or "" for all."""
    if not name:
        return ""
    with translated_errors():
        return record_type_named(name).name


def _choices(given: list[str]) -> dict[str, str]:
    """KEY=RULE texts as a mapping.

    Raises:
        UsageError: naming the text that is none, or a key that stands twice.
    """
    found: dict[str, str] = {}
    for text in given:
        key, sign, rule = text.partition("=")
        if not sign:
            raise UsageError(f"--set {text[:80]!r}: write KEY=RULE, such as invoice.memo=platform")
        if key in found:
            raise UsageError(f"--set {key[:80]}: given twice; give each key once")
        found[key] = rule
    return found


def _show_policy(rules: Policy, record_type: str, *, as_json: bool) -> None:
    rows = [
        {
            "record_type": each.record_type.name,
            "field": each.field,
            "rule": each.rule.value,
            "source": each.source.value,
        }
        for each in effective_rules(rules)
        if record_type in ("", each.record_type.name)
    ]
    facts = {
        "version": rules.version,
        "rules": {key: rule.value for key, rule in sorted(rules.rules.items())},
        "effective": rows,
    }
    show(facts, as_json=as_json, words=None)
    if not as_json:
        print_rows(f"Policies, version {rules.version}", rows, "")


def override(
    conflict: Annotated[
        int,
        typer.Argument(min=1, max=NUMBER_MAX, help="Number of the conflict, as `conflicts` shows."),
    ],
    take: Annotated[Side, typer.Option(help="The side whose version is to count.")],
    field: Annotated[
        list[str] | None,
        typer.Option(help="Another field of the same decision; FIELD=SIDE where it differs."),
    ] = None,
    connection: ConnectionName = "",
    *,
    as_json: Json = False,
) -> None:
    """Decide a conflict otherwise than the policy did, or one that waits for a person."""
    with translated_errors(), bootstrap.installation() as place:
        fields = _fields(field or [])
        with bootstrap.open_cycle(place, connection, progress=say) as cycle:
            done = override_conflict(cycle, conflict, take, fields, person())
        waiting = done.waiting
        facts = {
            "record_type": done.record_type,
            "record": done.record,
            "conflicts": {str(number): side.value for number, side in done.conflicts.items()},
            "state": "done" if waiting is None else "waiting",
            "message": waiting.message if waiting else "",
            "fix": waiting.fix if waiting else "",
        }
        words = f"{done.record_type} {done.record}: {take.value}'s version counts now."
        if waiting is not None:
            words = f"It is decided, but not on both sides yet: {waiting.message}. {waiting.fix}"
        show(facts, as_json=as_json, words=words)
    if waiting is not None:
        raise typer.Exit(EXIT_PARKED)


def _fields(given: list[str]) -> dict[str, Side | None]:
    """FIELD or FIELD=SIDE texts as a mapping.

    Raises:
        UsageError: naming the side that is none.
    """
    found: dict[str, Side | None] = {}
    for text in given:
        name, sign, side = text.partition("=")
        if sign and side not in set(Side):
            raise UsageError(
                f"--field {text[:80]!r}: {side[:80]!r} is not one of {', '.join(Side)}"
            )
        found[name] = Side(side) if sign else None
    return found


def undo(
    run: Annotated[str, typer.Argument(help="The run, as `status` shows it.")],
    connection: ConnectionName = "",
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Put it back; without it, only show what would be.")
    ] = False,
    confirm: Annotated[
        int | None, typer.Option(help="The number that a preview out of the ordinary printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put back what a run wrote, as far as nobody has built on it."""
    with translated_errors(), bootstrap.installation() as place:
        with bootstrap.open_cycle(place, connection, progress=say) as cycle:
            undone = undo_run(cycle, run, person(), apply=apply, confirm=confirm)
        rows = [_undo_row(each) for each in undone.steps]
        facts = {
            "run": undone.run,
            "applied": undone.applied,
            "records": rows,
            "brakes": [{"brake": each.brake, "message": each.message} for each in undone.tripped],
            "confirm": undone.confirm,
        }
        show(facts, as_json=as_json, words=None)
        if not as_json:
            _print_undone(undone, rows)
    open_states = {"blocked", "waiting", "refused"}
    if undone.applied and any(each.state in open_states for each in undone.steps):
        raise typer.Exit(EXIT_PARKED)


def _undo_row(step: Step) -> dict[str, Any]:
    """One record of a run: what is put back on each side, or why it is not."""
    writes = {side.value: _undo_write(step, side) for side in Side}
    return {
        "record_type": step.wish.record_type.name,
        "record": step.wish.label,
        "link": step.wish.link_id,
        "does": step.wish.does.value,
        **writes,
        "state": step.state,
        "code": step.code,
        "reason": step.reason,
        "fix": step.fix,
    }


def _undo_write(step: Step, side: Side) -> dict[str, Any] | None:
    """What is written to a side: the operation, and field -> [now, then]."""
    if step.state == "blocked":
        return None
    if step.wish.does is Does.BRING_BACK:
        revived = {"operation": "update", "fields": {"deleted_at": ["set", None]}}
        return revived if side is Side.PLATFORM else None
    plan = step.plan
    if plan is None:
        return None
    in_quickbooks = side is Side.QUICKBOOKS
    operation = plan.quickbooks_operation if in_quickbooks else plan.platform_operation
    if operation is None:
        return None
    names = plan.merge.to_quickbooks if in_quickbooks else plan.merge.to_platform
    observed = plan.quickbooks if in_quickbooks else plan.platform
    now = (observed.content if observed else None) or {}
    then = plan.merge.content or {}
    fields = {name: [now.get(name), then.get(name)] for name in sorted(names)}
    return {"operation": operation.value, "fields": fields}


def _print_undone(undone: Undone, rows: list[dict[str, Any]]) -> None:
    shown = [
        {
            **{name: row[name] for name in ("record_type", "record", "does")},
            **{side.value: _told(row[side.value]) for side in Side},
            **{name: row[name] for name in ("state", "reason")},
        }
        for row in rows
    ]
    print_rows(f"Run {undone.run}", shown, "This run wrote nothing.")
    for each in undone.tripped if not undone.applied else ():
        say(f"out of the ordinary: {each.message}")
    if undone.confirm is not None:
        say(f"To put it back all the same, add --apply --confirm {undone.confirm}.")


def _told(write: dict[str, Any] | None) -> str:
    """A write in a few words."""
    if write is None:
        return ""
    names = ", ".join(write["fields"])
    return f"{write['operation']} {names}".strip()
