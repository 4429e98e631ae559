"""More changes than one answer for changes holds: only what filled it is read whole.

Answers hold twenty records here, which QuickBooks and the client take for their thousand.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fixtures.company import Office

CAP = 20


@pytest.fixture(autouse=True)
def small_answers(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """At rest, with no change in the time that is asked about again; answers are soon full."""
    office.settled()
    office.emulator.clock.advance(3_600)
    office.sync()
    monkeypatch.setattr(office.emulator.emulator.options, "cdc_cap", CAP)
    monkeypatch.setattr("connectors.quickbooks.changes.ROWS_MAX", CAP)


def calls(office: Office) -> Counter[str]:
    """What was asked by now."""
    return Counter(office.emulator.emulator.meter.by_class)


def asked_by_a_sync(office: Office) -> dict[str, int]:
    """Calls that one sync takes."""
    before = calls(office)
    office.sync()
    asked = calls(office) - before
    return {name: count for name, count in asked.items() if name in ("cdc", "query", "batch")}


@pytest.mark.parametrize("each_by_itself", [False, True])
def test_many_changes_of_one_kind_cost_a_second_answer_and_one_list(
    office: Office, each_by_itself: bool
) -> None:
    """Goal: everything arrives, and of what did not fill the answer no list is read."""
    office.emulator.emulator.options.cdc_cap_per_entity = each_by_itself
    for number in range(CAP + 5):
        office.books.create("Vendor", {"DisplayName": f"New vendor {number}"})
    office.books.create("Customer", {"DisplayName": "New customer"})
    assert asked_by_a_sync(office) == {"cdc": 2, "query": 1}
    names = {row["name"] for row in office.platform.rows("vendor")}
    assert names >= {f"New vendor {number}" for number in range(CAP + 5)}
    assert office.platform.id_of(
        "Customer", office.books.one("Customer", "DisplayName = 'New customer'")["Id"]
    )


def test_many_changes_of_many_kinds_are_read_whole_in_the_end(office: Office) -> None:
    """Goal: a bounded number of answers, and nothing is missing."""
    for number in range(CAP + 1):
        for entity, field in (
            ("Vendor", "DisplayName"),
            ("Customer", "DisplayName"),
            ("Class", "Name"),
            ("Department", "Name"),
        ):
            office.books.create(entity, {field: f"New {entity} {number}"})
    asked = asked_by_a_sync(office)
    assert asked["cdc"] == 4
    for entity in ("Vendor", "Customer", "Class", "Department"):
        names = {row["name"] for row in office.platform.rows(entity.lower())}
        assert names >= {f"New {entity} {number}" for number in range(CAP + 1)}, entity


def test_a_deletion_behind_a_full_answer_is_found(office: Office) -> None:
    """Goal: what is gone from a list that is read whole is deleted on the platform, too."""
    bought = office.platform.id_of("Purchase", office.books.find("Purchase")[0]["Id"])
    office.books.delete("Purchase", str(office.platform.quickbooks_id("expense", bought)))
    for number in range(CAP + 5):
        office.books.create("Vendor", {"DisplayName": f"New vendor {number}"})
    office.sync()
    assert bought not in [row["id"] for row in office.platform.rows("expense")]
