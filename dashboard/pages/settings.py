"""What a company has chosen: shown with its meaning, changed with a check, and logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Response

from connectors.state.account_choices import accounts_of
from connectors.state.connections import connection_by_id, save_settings
from connectors.state.history import Happening, done_lately
from dashboard.house import ROOT, Administer, See, Visit
from dashboard.settings_form import (
    FIELDS,
    NAMES,
    SettingsForm,
    Typed,
    merged,
    mistakes_of,
    settings_of,
    shown,
    typed_in,
)
from models.account_choices import DEFAULT_ACCOUNTS, Account, fitting
from models.errors import DecisionError
from models.settings import ConnectionSettings, WrongSettingsError, settings_from_json
from models.words import DataType, DefaultAccount, ExpensePosting, Side

router = APIRouter()

#: Kinds of audit entries about what people have chosen, and how many are shown.
KINDS: Final = ("settings.changed", "policy.changed")
_ROWS_MAX: Final = 20
_POSTINGS: Final = {
    ExpensePosting.PURCHASE: "an expense: the company itself has paid",
    ExpensePosting.BILL: "a bill of the employee, who has paid and is reimbursed",
}


@router.get(ROOT + "/{connection_id}/settings")
def show(visit: See) -> Response:
    """The settings."""
    settings, accounts = visit.company.settings, accounts_of(visit.place.engine, visit.company)
    return _page(visit, shown(settings, accounts), settings, accounts)


@router.post(ROOT + "/{connection_id}/settings")
def save(visit: Administer, form: Annotated[SettingsForm, Form()]) -> Response:
    """Store what was typed, unless it cannot be or somebody else was faster."""
    based_on, typed = settings_from_json(form.based_on), typed_in(form)
    place = visit.place
    accounts = accounts_of(place.engine, visit.company)
    seen = replace(visit.company, settings=based_on)
    try:
        after = settings_of(typed, based_on, accounts)
        save_settings(place.engine, seen, after, visit.user.name, place.clock.now())
    except WrongSettingsError as error:
        mistakes = mistakes_of(error, typed)
        return _page(visit, typed, based_on, accounts, status=422, mistakes=mistakes)
    except DecisionError as error:
        if error.code != "changed_meanwhile":
            raise
        now = stored_settings(visit)
        kept = merged(typed, shown(based_on, accounts), shown(now, accounts))
        words = (
            f"{str(error).capitalize()}; the changes stand below. Nothing of yours is saved yet: "
            "it is kept in the form. Look at it, and save again."
        )
        return _page(visit, kept, now, accounts, status=409, problem=words)
    if after == based_on:
        return visit.done("Nothing was changed.", "settings")
    visit.house.wake()
    return visit.done("The settings are saved. The next sync goes by them, at once.", "settings")


def stored_settings(visit: Visit) -> ConnectionSettings:
    """The company's settings as they are now."""
    found = connection_by_id(visit.place.engine, visit.company.id)
    return found.settings if found else visit.company.settings


def _page(
    visit: Visit,
    typed: Typed,
    based_on: ConnectionSettings,
    accounts: Mapping[int, Account],
    *,
    status: int = 200,
    mistakes: dict[str, str] | None = None,
    problem: str = "",
) -> Response:
    return visit.page(
        "settings.html",
        status=status,
        typed=typed,
        fields=FIELDS,
        based_on=based_on.model_dump_json(),
        mistakes=mistakes or {},
        problem=problem,
        postings=_POSTINGS,
        choices=_choices(accounts),
        defaults=list(DEFAULT_ACCOUNTS),
        data_types=list(DataType),
        sides=list(Side),
        lately=changes_lately(visit),
    )


def _choices(accounts: Mapping[int, Account]) -> dict[DefaultAccount, tuple[str, list[str]]]:
    """For each default account the name of its list, and that list: one for all of the same kinds.

    A list stands where it is needed first; the others are named and empty.
    """
    found: dict[DefaultAccount, tuple[str, list[str]]] = {}
    lists: dict[tuple[str, ...], str] = {}
    for setting, each in DEFAULT_ACCOUNTS.items():
        is_first = each.types not in lists
        name = lists.setdefault(each.types, f"accounts-{setting}")
        labels = [every.label for every in fitting(setting, accounts.values())]
        found[setting] = (name, labels if is_first else [])
    return found


# -- what was changed lately --


@dataclass(frozen=True)
class Change:
    """One thing that somebody changed."""

    name: str
    before: str
    after: str


def changes_lately(visit: Visit) -> list[tuple[Happening, list[Change]]]:
    """The newest changes of settings and policies, newest first."""
    found = done_lately(visit.place.engine, visit.company.id, KINDS, _ROWS_MAX)
    return [(each, _changes(each)) for each in found]


def _changes(of: Happening) -> list[Change]:
    """What an entry says was changed."""
    is_policy = of.kind == "policy.changed"
    return [
        Change(
            f"Who wins: {name}" if is_policy else NAMES.get(name, name),
            _plain(_in_words(name, before, of)),
            _plain(_in_words(name, after, of)),
        )
        for name, (before, after) in of.body.get("changed", {}).items()
    ]


def _in_words(name: str, value: Any, of: Happening) -> Any:
    """A logged value with what people call what it names: default accounts, as they were then."""
    if name != "default_accounts":
        return value
    names = of.body.get("accounts", {})
    labels = {str(setting): each.label for setting, each in DEFAULT_ACCOUNTS.items()}
    return {
        labels.get(setting, setting): names.get(str(each), f"#{each}")
        for setting, each in value.items()
    }


def _plain(value: Any) -> str:
    """A logged value in words."""
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return str(value)
