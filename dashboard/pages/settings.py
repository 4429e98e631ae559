"""What a company has chosen: shown with its meaning, changed with a check, and logged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Response

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
from models.errors import DecisionError
from models.settings import ConnectionSettings, WrongSettingsError, settings_from_json
from models.words import DataType, ExpensePosting, Side

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
    settings = visit.company.settings
    return _page(visit, shown(settings), settings)


@router.post(ROOT + "/{connection_id}/settings")
def save(visit: Administer, form: Annotated[SettingsForm, Form()]) -> Response:
    """Store what was typed, unless it cannot be or somebody else was faster."""
    based_on, typed = settings_from_json(form.based_on), typed_in(form)
    try:
        after = settings_of(typed, based_on)
    except WrongSettingsError as error:
        return _page(visit, typed, based_on, status=422, mistakes=mistakes_of(error, typed))
    place = visit.place
    seen = replace(visit.company, settings=based_on)
    try:
        save_settings(place.engine, seen, after, visit.user.name, place.clock.now())
    except DecisionError as error:
        if error.code != "changed_meanwhile":
            raise
        now = stored_settings(visit)
        kept = merged(typed, shown(based_on), shown(now))
        words = (
            f"{str(error).capitalize()}; the changes stand below. Nothing of yours is saved yet: "
            "it is kept in the form. Look at it, and save again."
        )
        return _page(visit, kept, now, status=409, problem=words)
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
        data_types=list(DataType),
        sides=list(Side),
        lately=changes_lately(visit),
    )


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
            _plain(before),
            _plain(after),
        )
        for name, (before, after) in of.body.get("changed", {}).items()
    ]


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
