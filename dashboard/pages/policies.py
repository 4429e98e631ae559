"""Who wins each field when both sides changed it: shown with the reason, and chosen."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Response

from connectors.state.connections import change_policy
from dashboard.forms import Plain
from dashboard.house import ROOT, Administer, See, Visit
from dashboard.pages.settings import changes_lately, stored_settings
from models.errors import DecisionError, UsageError
from models.policy import EffectiveRule, Source, effective_rules
from models.words import DataType, Rule

router = APIRouter()

#: The choice that drops a rule.
NO_RULE: Final = "none"
_RULES: Final = {
    Rule.LATEST: ("the later edit", "The later edit wins; a tie goes to QuickBooks."),
    Rule.QUICKBOOKS: ("QuickBooks", "QuickBooks's value wins, whoever was later."),
    Rule.PLATFORM: ("the platform", "The platform's value wins, whoever was later."),
    Rule.REVIEW: ("a person decides", "The record waits as a conflict until somebody decides."),
}
_SOURCES: Final = {
    Source.OWNER: "fixed: this side's value always counts",
    Source.FIELD: "chosen for this field",
    Source.RECORD_TYPE: "chosen for the record type",
    Source.DATA_TYPE: "chosen for the data type",
    Source.DEFAULT: "nothing was chosen",
}


class PolicyForm(Plain):
    """A rule for a data type, a record type or a field."""

    key: str
    rule: str
    #: The version that the form was made from.
    version: int


@router.get(ROOT + "/{connection_id}/settings/policies")
def show(visit: See, key: str = "") -> Response:
    """All rules in force; with a key, the form is about it."""
    return _page(visit, key=key)


@router.post(ROOT + "/{connection_id}/settings/policies")
def choose(visit: Administer, form: Annotated[PolicyForm, Form()]) -> Response:
    """Choose a rule, or drop one, unless it cannot be or somebody else was faster."""
    place, company = visit.place, visit.company
    settings = company.settings.model_copy(update={"policy_version": form.version})
    seen = replace(company, settings=settings)
    chosen, dropped = ({}, [form.key]) if form.rule == NO_RULE else ({form.key: form.rule}, [])
    try:
        after = change_policy(
            place.engine, seen, chosen, dropped, visit.user.name, place.clock.now()
        )
    except UsageError as error:
        return _page(visit, key=form.key, rule=form.rule, status=422, problem=str(error))
    except DecisionError as error:
        if error.code != "changed_meanwhile":
            raise
        words = "Somebody else has changed the rules meanwhile; look at them, and save again."
        return _page(visit, key=form.key, rule=form.rule, status=409, problem=words)
    if after.version == form.version:
        return visit.done("Nothing was changed.", "settings/policies")
    words = f"Saved as version {after.version}. It counts from the next sync on."
    return visit.done(words, "settings/policies")


def _page(
    visit: Visit, *, key: str, rule: str = "", status: int = 200, problem: str = ""
) -> Response:
    policy = stored_settings(visit).conflict_policy()
    rules = effective_rules(policy)
    own = policy.rules.get(key)
    return visit.page(
        "policies.html",
        status=status,
        policy=policy,
        groups=_groups(rules),
        choices=_choices(rules),
        key=key,
        rule=rule or (own.value if own else ""),
        no_rule=NO_RULE,
        problem=problem,
        rules=_RULES,
        sources=_SOURCES,
        owner=Source.OWNER,
        lately=changes_lately(visit),
    )


def _groups(rules: list[EffectiveRule]) -> list[tuple[DataType, list[tuple[str, list[Any]]]]]:
    """Data type -> record type -> its fields, each with its rule."""
    by_type = [
        (name, list(each)) for name, each in groupby(rules, lambda row: row.record_type.name)
    ]
    return [
        (data_type, [(name, rows) for name, rows in by_type if _of(rows) is data_type])
        for data_type in DataType
    ]


def _of(rows: list[EffectiveRule]) -> DataType:
    return rows[0].record_type.data_type


def _choices(rules: list[EffectiveRule]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of keys that a rule can be chosen for, each with its name."""
    names = dict.fromkeys(each.record_type.name for each in rules)
    free = [each for each in rules if each.source is not Source.OWNER]
    return [
        ("Whole data types", [(each.value, each.value) for each in DataType]),
        ("Whole record types", [(name, name) for name in names]),
        *(
            (f"Fields of {name}", [(f"{name}.{row.field}", f"{name}: {row.field}") for row in rows])
            for name, rows in groupby(free, lambda row: row.record_type.name)
        ),
    ]
