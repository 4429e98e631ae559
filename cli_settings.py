"""quickbooks-sync settings and schedule: what a company has chosen, and when it is due."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli_shared import ConnectionName, Json, person, print_rows, say, show, translated_errors
from connectors.state.account_choices import accounts_of
from connectors.state.connections import connection_named, save_settings
from connectors.state.schedules import scheduled
from models.account_choices import Account, account_called, called
from models.errors import UsageError, shorten
from models.settings import ConnectionSettings, settings_from_json
from tasks import bootstrap
from tasks.dispatch import forecast_figures, forecast_of

#: Set by `quickbooks-sync policy`, which says who wins a field afterwards.
_OF_POLICY = frozenset({"policy", "policy_version"})


def add_commands(app: typer.Typer) -> None:
    """Give the command line these commands."""
    for command in (settings, schedule):
        app.command()(command)


def settings(
    connection: ConnectionName = "",
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="KEY=VALUE, such as frequency_minutes=5; lists as a,b,c; accounts by number or "
            "name, or #12 for the platform's id: default_accounts=expense_bank:1030.",
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what a company has chosen, or choose: data types, frequency, default accounts."""
    with translated_errors(), bootstrap.installation() as place:
        known = connection_named(place.engine, connection)
        accounts = accounts_of(place.engine, known)
        after = _changed(known.settings, chosen or [], accounts)
        if chosen:
            place.settings.require_channels(set(after.notify) - set(known.settings.notify))
            save_settings(place.engine, known, after, person(), place.clock.now())
        facts = after.model_dump(mode="json", exclude=set(_OF_POLICY))
        facts = {name: _sorted(value) for name, value in facts.items()}
        show(facts, as_json=as_json, words=None)
        if not as_json:
            facts["default_accounts"] = {
                name: called(each, accounts) for name, each in after.default_accounts.items()
            }
            rows = [{"setting": name, "value": _plain(value)} for name, value in facts.items()]
            print_rows(known.name, rows, "")
            if chosen:
                say("It is due at once; the next sync goes by it.")


def _changed(
    before: ConnectionSettings, chosen: list[str], accounts: Mapping[int, Account]
) -> ConnectionSettings:
    """The settings with KEY=VALUE texts applied.

    Raises:
        UsageError: naming the key or value that cannot be.
    """
    values: dict[str, Any] = before.model_dump(mode="json")
    for text in chosen:
        key, sign, value = text.partition("=")
        key = key.strip()
        if not sign:
            raise UsageError(f"--set {shorten(text)!r}: write KEY=VALUE: frequency_minutes=5")
        if key in _OF_POLICY:
            raise UsageError(f"--set {key}: use `quickbooks-sync policy --set` for policies")
        if key not in values:
            known = ", ".join(sorted(set(values) - _OF_POLICY))
            raise UsageError(f"--set {shorten(key)!r} is not a setting; use one of: {known}")
        values[key] = _parsed(value.strip(), values[key])
        if key == "default_accounts":
            values[key] = {
                name: _account(name, each, accounts) for name, each in values[key].items()
            }
    return settings_from_json(json.dumps(values))


def _parsed(text: str, before: Any) -> Any:
    """A value as its setting wants it: a list, pairs such as invoices:5, a number or a word."""
    if isinstance(before, list):
        return [each.strip() for each in text.split(",") if each.strip()]
    if isinstance(before, dict):
        pairs = (each.partition(":") for each in text.split(",") if each.strip())
        return {key.strip(): value.strip() for key, _, value in pairs}
    return None if text.lower() in ("", "none") else text


def _account(setting: str, text: str, accounts: Mapping[int, Account]) -> int:
    """The account that somebody means by a number or name.

    Raises:
        UsageError: naming the setting, what was given and what is wrong with it.
    """
    try:
        return account_called(text, accounts)
    except UsageError as error:
        raise UsageError(f"--set default_accounts={setting}: {error}") from error


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}:{each}" for key, each in value.items())
    return "" if value is None else str(value)


def schedule(*, as_json: Json = False) -> None:
    """Show when each company is due, and what the month's metered calls come to."""
    with translated_errors(), bootstrap.installation() as place:
        known = scheduled(place.engine)
        rows = [
            {
                "connection": each.name,
                "data_type": name.value,
                "minutes": each.settings.frequency_of(name),
                "due_at": each.due_at.get(name),
            }
            for each in known
            for name in sorted(each.settings.data_types)
        ]
        month = forecast_figures(forecast_of(place, known))
        show({"schedule": rows, "month": month}, as_json=as_json, words=None)
        if not as_json:
            print_rows("Schedule", rows, "No company is connected.")
            print_rows("Metered calls", [month], "")
