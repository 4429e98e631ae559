"""Default accounts where a process stops, an answer is lost, or somebody edits the row just then.

Whoever goes on goes on with what was stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tasks.load
from connectors.quickbooks.client import QuickBooksClient
from connectors.state.sql import SqlUnit
from tests.acceptance.test_crashes import PowerCut, cut_once
from tests.fixtures.company import Office
from tests.fixtures.databases import ON_POSTGRESQL
from tests.fixtures.default_accounts import (
    CHECKING,
    CHOSEN,
    PETTY_CASH,
    account_of,
    booked,
    choose,
    is_at_rest,
    spend,
)

#: A write that never left. Whether it arrived is waited for by the database's clock, which nobody
#: can put forward on PostgreSQL.
NEVER_LEFT = (QuickBooksClient, "post", False)
#: Where a process stops: class, method, whether it did its work before.
STOPS = [
    (SqlUnit, "add_intents", True),
    (SqlUnit, "mark_sent", False),
    (SqlUnit, "mark_sent", True),
    NEVER_LEFT,
    (QuickBooksClient, "post", True),
    (SqlUnit, "close_intents", False),
    (SqlUnit, "save_links", True),
]
STOPS_ON_BOTH = [
    *(("sqlite", *stop) for stop in STOPS),
    *(
        pytest.param("postgresql", *stop, marks=ON_POSTGRESQL)
        for stop in STOPS
        if stop is not NEVER_LEFT
    ),
]


@pytest.mark.parametrize("honoured", [True, False], ids=["honoured", "ignored"])
@pytest.mark.parametrize(("database_kind", "owner", "name", "after"), STOPS_ON_BOTH)
def test_a_process_that_stops_in_between(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    after: bool,
    honoured: bool,
) -> None:
    """Goal: whoever goes on goes on with what was stored, whatever is chosen by then: one record,
    with one account, the same on both sides."""
    office.emulator.emulator.options.honour_request_ids = honoured
    choose(office, **CHOSEN)
    row_id = spend(office, account="")
    cut_once(monkeypatch, owner, name, after=after)
    with pytest.raises(PowerCut):
        office.run("sync", "--json")
    stored = office.platform.row("expense", row_id)["payment_account_id"]
    # the intent and the platform's row are one transaction
    assert (stored is not None) == bool(office.platform.audit("default_account"))
    assert (stored is not None) == bool(office.platform.open_intents())
    choose(office, **{**CHOSEN, "expense_bank": "1010", "purchase_line": "6200"})
    office.wait_for_flights()
    office.sync()
    record = booked(office, "expense", "Purchase", row_id)
    row = office.platform.row("expense", row_id)
    wanted = PETTY_CASH if stored is not None else CHECKING
    assert (record["AccountRef"]["value"], row["payment_account_id"]) == (
        wanted,
        account_of(office, wanted),
    )
    assert [each[0] for each in office.books.written()] == ["create"]
    assert len(office.platform.audit("default_account")) == 1
    assert office.conflicts() == []
    office.parked(0)
    office.settled()
    is_at_rest(office)


@pytest.mark.parametrize("fault", ["answer_lost", "late_landing", "never_landed"])
def test_a_lost_answer(office: Office, fault: str) -> None:
    """Goal: what is adopted or sent again is what the intent holds, also after another choice."""
    rules: dict[str, dict[str, Any]] = {
        "answer_lost": {"kind": "answer_lost", "count": None},
        "late_landing": {"kind": "late_landing", "seconds": 5},
        "never_landed": {"kind": "refuse_before", "count": None},
    }
    office.emulator.emulator.options.honour_request_ids = False
    choose(office, **CHOSEN)
    row_id = spend(office, account="")
    office.emulator.faults({**rules[fault], "entity": "Purchase", "verb": "create"})
    office.sync(code=None)
    choose(office, **{**CHOSEN, "expense_bank": "1010"})
    office.emulator.clear_faults()
    office.wait_for_flights()
    office.run("retry", code=None)
    office.sync()
    assert booked(office, "expense", "Purchase", row_id)["AccountRef"]["value"] == PETTY_CASH
    assert len([each for each in office.books.written() if each[0] == "create"]) == 1
    assert office.conflicts() == []
    office.parked(0)
    office.settled()


def test_somebody_enters_an_account_just_then(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: the person's account counts, not the default one."""
    choose(office, expense_bank="1030")
    row_id = spend(office)
    original: Callable[..., Any] = tasks.load._prepare_all

    def edited_meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(tasks.load, "_prepare_all", original)
        office.platform.edit("expense", row_id, payment_account_id=account_of(office, CHECKING))
        return original(*arguments)

    monkeypatch.setattr(tasks.load, "_prepare_all", edited_meanwhile)
    office.sync()
    assert booked(office, "expense", "Purchase", row_id)["AccountRef"]["value"] == CHECKING
    assert office.platform.audit("default_account") == []
    office.parked(0)
    office.settled()
