"""What a company has chosen: shown, changed with a check and an audit entry, and gone by."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from connectors.state.connections import connection_named, save_settings
from models.errors import DecisionError
from models.settings import ConnectionSettings
from tasks.bootstrap import installation
from tests.fixtures.company import Office


def test_settings_are_shown_and_changed(office: Office) -> None:
    """A change is checked, logged with who made it, and makes the company due at once."""
    before = office.run("settings", "--json").json
    assert (before["frequency_minutes"], before["write_to"]) == (15, ["platform", "quickbooks"])
    chosen = ["frequency_minutes=60", "frequency_minutes_of=invoices:5", "data_types=invoices"]
    flags = [part for each in chosen for part in ("--set", each)]
    after = office.run("settings", *flags, "--json").json
    assert after["frequency_minutes_of"] == {"invoices": 5}
    assert after["data_types"] == ["invoices"]
    assert office.run("settings", "--json").json == after
    with office.engine.connect() as connection:
        body, actor = connection.execute(
            text("SELECT body, actor FROM audit_entries WHERE kind = 'settings.changed'")
        ).one()
    assert set(json.loads(body)["changed"]) == {
        "frequency_minutes",
        "frequency_minutes_of",
        "data_types",
    }
    assert actor
    (row,) = office.run("schedule", "--json").json["schedule"]
    assert (row["data_type"], row["minutes"]) == ("invoices", 5)
    month = office.run("schedule", "--json").json["month"]
    assert month["budget"] == 500_000
    assert month["expected"] > month["used"] > 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("frequency_minutes", ["KEY=VALUE"]),
        ("frequency=5", ["'frequency'", "frequency_minutes"]),
        ("frequency_minutes=often", ["frequency_minutes", "'often'"]),
        ("frequency_minutes=0", ["frequency_minutes", "greater than or equal to 1"]),
        ("frequency_minutes_of=invoicez:5", ["frequency_minutes_of", "invoices"]),
        ("data_types=invoicez", ["data_types", "'invoicez'"]),
        ("policy=x", ["quickbooks-sync policy"]),
        ("approval_amount_max=-1", ["approval_amount_max"]),
    ],
)
def test_what_cannot_be_is_refused(office: Office, given: str, words: list[str]) -> None:
    """With the setting, the value and what would be right; nothing is changed."""
    before = office.run("settings", "--json").json
    refused = office.run("settings", "--set", given, code=2)
    for each in words:
        assert each in refused.stderr, refused.stderr
    assert office.run("settings", "--json").json == before


def test_two_people_do_not_overwrite_each_other(office: Office) -> None:
    """Who read the settings before somebody else changed them is told to look again."""
    with installation() as place:
        seen = connection_named(place.engine)
        office.run("settings", "--set", "frequency_minutes=30")
        chosen = ConnectionSettings(frequency_minutes=5)
        with pytest.raises(DecisionError, match="changed by somebody else"):
            save_settings(place.engine, seen, chosen, "other", place.clock.now())
    assert office.run("settings", "--json").json["frequency_minutes"] == 30
