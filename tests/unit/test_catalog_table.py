"""The catalog as plain data says what the sync does, and its page is up to date."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from models.catalog_page import markdown
from models.catalog_table import MERGE_RULES, as_plain, catalog_table, merge_rule
from models.fields import Choice, Day, Field, Flag, Money, Number
from models.lines import Lines
from models.merge import Merge, Outcome, merge
from models.plan import Link, RecordPlan
from models.policy import Policy
from models.record_type import RecordType, catalog
from models.records import Observed
from models.tables.record_tables import RECORD_TABLES
from models.words import Operation, Rule

PAGE = Path(__file__).parents[2] / "docs" / "record-types.md"
RECORD_TYPES = [pytest.param(each, id=name) for name, each in catalog().items()]
FIELDS = [
    pytest.param(each, field, id=f"{name}.{field.name}")
    for name, each in catalog().items()
    for field in each.fields
]
EDITED_AT = datetime(2026, 1, 2, tzinfo=UTC)


def command(*options: str, code: int = 0) -> str:
    """What `record-types` prints."""
    result = CliRunner().invoke(app, ["record-types", *options], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout or result.stderr


def test_the_page_is_up_to_date() -> None:
    """`quickbooks-sync record-types --markdown > docs/record-types.md` mends it."""
    assert PAGE.read_text(encoding="utf-8") == markdown() == command("--markdown")


def test_the_command_prints_the_whole_catalog_as_json() -> None:
    printed = json.loads(command("--json"))
    assert printed == catalog_table()
    assert [each["name"] for each in printed] == list(catalog())


def test_the_command_prints_a_table_per_data_type_and_one_record_type() -> None:
    whole = command()
    for each in catalog().values():
        assert each.entity[:8] in whole, each.name
    one = command("--record-type", "deposit")
    assert "cash_back_account" in "".join(one.split()) or "cash_back" in one
    assert json.loads(command("--record-type", "deposit", "--json")) == [
        as_plain(catalog()["deposit"])
    ]


def test_a_wrong_option_is_a_usage_error() -> None:
    assert "sale is not known" in command("--record-type", "sale", code=2).replace("'", "")
    assert "--markdown" in command("--markdown", "--json", code=2)


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_columns_and_tables_are_there(record_type: RecordType) -> None:
    """What the table names stands in the database."""
    plain, place = as_plain(record_type), RECORD_TABLES[record_type.name]
    assert plain["table"] == place.table.name
    assert plain["lines_table"] == (place.lines.name if place.lines is not None else None)
    for field in plain["fields"]:
        if field["kind"] == "lines":
            assert place.lines is not None
            for line_field in (each for shape in field["lines"] for each in shape["fields"]):
                assert set(columns(line_field)) <= set(place.lines.columns.keys())
        else:
            assert set(columns(field)) <= set(place.table.columns.keys())


def columns(field: dict[str, Any]) -> list[str]:
    """The columns of a field."""
    named = field["platform"]
    return [named] if isinstance(named, str) else list(named.values())


# -- what it says is what is done --


def values(field: Field) -> tuple[Any, Any, Any]:
    """Three values of a field: the base, QuickBooks's and the platform's."""
    if isinstance(field, Choice):
        words = [*field.words, None, None]
        may = field.platform_may_set[-1:] or words[2:3]
        return words[0], words[1], may[0]
    if isinstance(field, Money | Number):
        return Decimal(1), Decimal(2), Decimal(3)
    if isinstance(field, Day):
        return date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
    if isinstance(field, Lines):
        return (), ({"kind": "other", "n": 1},), ({"kind": "other", "n": 2},)
    if isinstance(field, Flag):
        return None, True, False
    return "a", "b", "c"


def decided(record_type: RecordType, field: Field, rule: Rule) -> Merge:
    """The merge of a field that both sides changed."""
    base, theirs, ours = values(field)
    return merge(
        record_type,
        {field.name: base},
        Observed({field.name: theirs}, "1", EDITED_AT),
        Observed({field.name: ours}, "1", EDITED_AT),
        Policy({record_type.name: rule}),
    )


@pytest.mark.parametrize(("record_type", "field"), FIELDS)
def test_a_fields_merge_rule_is_what_the_merge_does(record_type: RecordType, field: Field) -> None:
    """Both sides changed it: who wins under each policy is what its rule says."""
    rule = merge_rule(field)
    assert rule in MERGE_RULES
    _, theirs, ours = values(field)
    winners = {
        policy: (decided(record_type, field, policy).content or {})[field.name]
        for policy in (Rule.QUICKBOOKS, Rule.PLATFORM)
    }
    by_policy = {Rule.QUICKBOOKS: theirs, Rule.PLATFORM: ours}
    assert winners == (by_policy if rule == "policy" else dict.fromkeys(by_policy, theirs))


@pytest.mark.parametrize(("record_type", "field"), FIELDS)
def test_an_edit_on_the_platform_goes_over_where_the_rule_says_so(
    record_type: RecordType, field: Field
) -> None:
    """Only the platform changed it."""
    base, _, ours = values(field)
    held = Observed({field.name: base}, "1", EDITED_AT)
    edited = Observed({field.name: ours}, "2", EDITED_AT)
    done = merge(record_type, {field.name: base}, held, edited, Policy())
    goes_over = merge_rule(field) in ("policy", "void_only")
    assert (field.name in done.to_quickbooks) == goes_over
    assert bool(done.conflicts) != goes_over, "an edit that is undone is named"


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_directions_and_removals_are_what_is_planned(record_type: RecordType) -> None:
    """A record of the platform is created and removed in QuickBooks as the table says."""
    plain = as_plain(record_type)
    made = planned(record_type, Outcome.CREATE_IN_QUICKBOOKS)
    assert (made is Operation.CREATE) == ("create" in plain["directions"]["platform"])
    removed = planned(record_type, Outcome.REMOVE_IN_QUICKBOOKS)
    words = {Operation.DELETE: "for good", Operation.UPDATE: "inactive", None: "QuickBooks leads"}
    removal = plain["removal"]
    assert words[removed] in removal["deleted on the platform"]
    for side, event in (
        ("platform", "voided on the platform"),
        ("quickbooks", "voided in QuickBooks"),
    ):
        assert ("void" in plain["directions"][side]) == (event in removal)


def planned(record_type: RecordType, outcome: Outcome) -> Operation | None:
    """What a plan of this outcome writes to QuickBooks."""
    link = Link(1, record_type.name, "1", "1", "x", None, None, None, None)
    plan = RecordPlan(record_type, link, Merge(outcome, {}), None, None, frozenset())
    return plan.quickbooks_operation
