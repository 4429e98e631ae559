"""Policies are chosen on the command line: shown whole, checked, versioned and logged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.state.connections import change_policy, connection_named
from models.errors import DecisionError
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


def rule_of(office: Office, record_type: str, field: str) -> tuple[str, str]:
    """Rule and source of a field, as the command tells."""
    told = office.run("policy", "--record-type", record_type, "--json").json["effective"]
    (row,) = [each for each in told if each["field"] == field]
    return row["rule"], row["source"]


@on_both
def test_a_rule_is_set_shown_logged_and_dropped(office: Office) -> None:
    """Goal: what a person chooses counts from the next cycle on, under a new version, and the log
    says who chose what instead of what."""
    assert rule_of(office, "invoice", "memo") == ("latest", "default")
    told = office.run(
        "policy", "--set", "invoice.memo=platform", "--set", "expenses=review", "--json"
    )
    assert told.json["version"] == 2
    assert told.json["rules"] == {"expenses": "review", "invoice.memo": "platform"}
    assert rule_of(office, "invoice", "memo") == ("platform", "field")
    assert rule_of(office, "bill", "memo") == ("review", "data type")
    assert rule_of(office, "invoice", "total") == ("quickbooks", "owner")

    # the same again is no change
    assert office.run("policy", "--set", "invoice.memo=platform", "--json").json["version"] == 2
    assert office.run("policy", "--unset", "invoice.memo", "--json").json["version"] == 3
    assert rule_of(office, "invoice", "memo") == ("latest", "default")
    first, second = office.platform.audit("policy.changed")
    assert first == {
        "version": [1, 2],
        "changed": {"expenses": [None, "review"], "invoice.memo": [None, "platform"]},
    }
    assert second == {"version": [2, 3], "changed": {"invoice.memo": ["platform", None]}}
    assert office.run("audit", "verify", "--json").json["findings"] == []
    office.settled()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "invoice.memo"], "write KEY=RULE"),
        (["--set", "invoice.memo=mine"], "latest, quickbooks, platform, review"),
        (["--set", "invoice.mem=latest"], "invoice has"),
        (["--set", "invoice.total=platform"], "always counts"),
        (["--set", "invoices=latest", "--set", "invoices=review"], "given twice"),
        (["--unset", "invoice.memo"], "no rule is set"),
    ],
)
def test_what_is_no_rule_is_refused(office: Office, arguments: list[str], words: str) -> None:
    """Goal: nothing is stored, and the message says what to type instead."""
    refused = office.run("policy", *arguments, code=2)
    assert words in refused.stderr
    assert office.run("policy", "--json").json["version"] == 1
    assert office.platform.audit("policy.changed") == []


@on_both
def test_of_two_who_choose_at_once_one_is_told_to_look_again(office: Office) -> None:
    """Goal: nobody's choice is overwritten by somebody who had not seen it."""
    first, second = connection_named(office.engine), connection_named(office.engine)
    now = datetime.now(UTC)
    change_policy(office.engine, first, {"invoices": "review"}, [], "Ada", now)
    with pytest.raises(DecisionError, match="version 2, not 1"):
        change_policy(office.engine, second, {"invoices": "platform"}, [], "Bob", now)
    assert office.run("policy", "--json").json["rules"] == {"invoices": "review"}
    assert len(office.platform.audit("policy.changed")) == 1
