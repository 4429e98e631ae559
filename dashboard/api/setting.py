"""What a company has chosen, for programs: to look at, and for admins to set."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter

from connectors.state.account_choices import accounts_of
from connectors.state.connections import change_policy, save_settings
from dashboard.api import answers
from dashboard.api.calling import Administer, See
from dashboard.api.reading import COMPANY
from models.account_choices import DEFAULT_ACCOUNTS, called, fitting
from models.errors import DecisionError
from models.policy import Policy as Rules
from models.policy import effective_rules
from models.settings import ConnectionSettings, settings_from_json
from models.words import DefaultAccount

router = APIRouter()


@router.get(COMPANY + "/settings", response_model=answers.Settings)
def settings(call: See) -> dict[str, Any]:
    """What the company has chosen, without the policy."""
    return _chosen(call.company.settings)


@router.put(COMPANY + "/settings", response_model=answers.Settings)
def set_settings(call: Administer, wanted: answers.Settings) -> dict[str, Any]:
    """Choose all of it anew; what is switched on or more frequent is due at once."""
    before = call.company.settings.model_dump(mode="json")
    after = settings_from_json(json.dumps({**before, **wanted.model_dump(mode="json")}))
    place = call.place
    place.settings.require_channels(set(after.notify) - set(call.company.settings.notify))
    save_settings(place.engine, call.company, after, call.actor, place.clock.now())
    return _chosen(after)


def _chosen(found: ConnectionSettings) -> dict[str, Any]:
    facts = found.model_dump(mode="json", include=set(answers.Settings.model_fields))
    limit = found.approval_amount_max
    facts["approval_amount_max"] = None if limit is None else f"{limit:f}"
    return {
        name: sorted(value) if isinstance(value, list) else value for name, value in facts.items()
    }


@router.get(COMPANY + "/settings/default-accounts", response_model=answers.DefaultAccounts)
def default_accounts(call: See) -> dict[str, Any]:
    """The default accounts in words, and the accounts that can be chosen."""
    accounts = accounts_of(call.place.engine, call.company)
    chosen = call.company.settings.default_accounts
    can_be: dict[int, list[DefaultAccount]] = {}
    for setting in DEFAULT_ACCOUNTS:
        for each in fitting(setting, accounts.values()):
            can_be.setdefault(each.id, []).append(setting)
    return {
        "defaults": [
            {
                "setting": setting,
                "label": each.label,
                "meaning": each.meaning,
                "types": each.types,
                "account": chosen.get(setting),
                "name": called(chosen[setting], accounts) if setting in chosen else None,
            }
            for setting, each in DEFAULT_ACCOUNTS.items()
        ],
        "accounts": [
            {
                "account": account_id,
                "name": accounts[account_id].label,
                "type": accounts[account_id].type,
                "currency": accounts[account_id].currency,
                "settings": settings,
            }
            for account_id, settings in sorted(can_be.items())
        ],
    }


@router.get(COMPANY + "/policy", response_model=answers.PolicyNow)
def policy(call: See) -> dict[str, Any]:
    """Who wins each field when both sides changed it, and why."""
    return _rules(call.company.settings.conflict_policy())


@router.put(COMPANY + "/policy", response_model=answers.PolicyNow)
def set_policy(call: Administer, wanted: answers.Policy) -> dict[str, Any]:
    """Choose all rules anew, if nobody has since they were read at this version.

    Raises:
        DecisionError: somebody has.
    """
    before = call.company.settings.conflict_policy()
    if wanted.version != before.version:
        raise DecisionError(
            f"the policies have version {before.version}, not {wanted.version}",
            code="changed_meanwhile",
            fix="Read them again, then set yours.",
        )
    dropped = sorted(set(before.rules) - set(wanted.rules))
    place = call.place
    after = change_policy(
        place.engine, call.company, wanted.rules, dropped, call.actor, place.clock.now()
    )
    return _rules(after)


def _rules(found: Rules) -> dict[str, Any]:
    return {
        "version": found.version,
        "rules": {key: rule.value for key, rule in sorted(found.rules.items())},
        "effective": [
            {
                "record_type": each.record_type.name,
                "field": each.field,
                "rule": each.rule.value,
                "source": each.source.value,
            }
            for each in effective_rules(found)
        ],
    }
