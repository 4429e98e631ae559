"""A range of days, read again on both sides: what cycles have missed arrives, once, and no more."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from connectors.clock import SystemClock
from connectors.state.connections import connection_named
from connectors.state.sql import SqlState
from models.backfill import Asked, Part
from models.errors import UsageError
from models.words import DataType, Side
from tasks.extract import OVERLAP
from tests.acceptance.test_flows import artifacts
from tests.fixtures.company import Office, invoice
from tests.fixtures.prefect import ON_PREFECT

ALL = frozenset(DataType)
JANUARY = ("--since", "2026-01-01", "--until", "2026-01-31")
MONTHS = ("--since", "2026-01-01", "--until", "2026-06-30", "--part-days", "31")
TWO_YEARS = ("--since", "2024-07-01", "--until", "2026-06-30", "--part-days", "31")


def missed(office: Office, day: str = "2026-01-15") -> tuple[str, str]:
    """An invoice in QuickBooks and an expense on the platform that no cycle has seen, because the
    cursors stand behind them; the invoice's id and the expense's."""
    booked = office.books.create("Invoice", invoice("4", 100, TxnDate=day))["Id"]
    row_id = office.platform.add(
        "expense",
        payment_method="cash",
        payment_account_id=office.platform.id_of("Account", "3"),
        spent_on=date.fromisoformat(day),
        status="approved",
        memo="missed",
        lines=[
            {"kind": "account", "account_id": office.platform.id_of("Account", "31"), "amount": 7}
        ],
    )
    # longer ago than what cycles read again
    office.clock.sleep(OVERLAP.total_seconds() + 60)
    past = (office.emulator.clock.now() - timedelta(seconds=2)).isoformat()
    with office.engine.begin() as transaction:
        last = transaction.execute(text("SELECT max(id) FROM change_log")).scalar_one()
        for side, position in (("quickbooks", past), ("platform", f"0:{last}")):
            transaction.execute(
                text("UPDATE cursors SET position = :position WHERE side = :side"),
                {"position": position, "side": side},
            )
    office.sync()
    assert not arrived(office, booked)
    return str(booked), str(row_id)


def arrived(office: Office, booked: str) -> int:
    """How many of the platform's invoices are this one of QuickBooks."""
    pairs = office.platform.links("invoice").values()
    return sum(str(theirs) == booked and ours is not None for theirs, ours in pairs)


def backfilled(office: Office, *options: str, code: int = 0) -> dict[str, Any]:
    """Run a backfill; what it printed."""
    return office.run("backfill", *options, "--json", code=code).json


def memos(office: Office) -> list[str]:
    """Private notes of QuickBooks's expenses."""
    return [str(each.get("PrivateNote", "")) for each in office.books.find("Purchase")]


def test_what_cycles_have_missed_arrives_on_both_sides(office: Office) -> None:
    """Only in the range; and where it was read before, nothing moves."""
    booked, _ = missed(office)
    outside = backfilled(office, "--since", "2026-02-01", "--until", "2026-02-28")
    assert outside["backfill"]["read"]["invoice"]["applied"] == 0
    backfilled(office, *JANUARY)
    assert office.platform.of("Invoice", booked)["total"] == 100
    assert any("missed" in each for each in memos(office))
    office.settled()
    mark = office.books.mark()
    again = backfilled(office, *JANUARY)["backfill"]
    assert office.books.written(mark) == []
    assert all(row["applied"] == 0 for row in again["read"].values())


def test_a_dry_run_writes_nothing_and_says_what_is_written_then(office: Office) -> None:
    """Its plan names the same writes as the real run makes, with sums for each side."""
    missed(office)
    mark, versions = office.books.mark(), office.platform.versions()
    shown = backfilled(office, *JANUARY, "--dry-run")
    assert office.books.written(mark) == []
    assert office.platform.versions() == versions
    sums = {(row["side"], row["record_type"]): row["total"] for row in shown["totals"]}
    assert sums["quickbooks", "expense"] == "7 USD"
    assert sums["platform", "invoice"] == "100 USD"
    real = backfilled(office, *JANUARY)["backfill"]
    written = office.books.written(mark)
    assert [each[:2] for each in written] == [("create", "Purchase")]
    for direction in ("to_quickbooks", "to_platform"):
        side = direction.removeprefix("to_")
        rows = [row for row in shown["plan"] if row["side"] == side]
        created = sum(row["operation"] == "create" for row in rows)
        total = [types[direction] for types in real["data_types"].values()]
        assert sum(row["created"] for row in total) == created
        # what was made changes balances, which QuickBooks computes and the platform is told
        assert sum(row["updated"] for row in total) >= len(rows) - created


def test_one_direction_only(office: Office) -> None:
    """To the platform: QuickBooks is not written. What belongs there is left alone: what a person
    edited meanwhile goes with the next cycle, and what was missed with a backfill both ways."""
    booked, _ = missed(office)
    mark = office.books.mark()
    row_id = office.platform.id_of("Customer", "4")
    office.platform.edit("customer", row_id, notes="edited meanwhile")
    backfilled(office, *JANUARY, "--write-to", "platform")
    assert office.books.written(mark) == []
    assert office.platform.of("Invoice", booked)["total"] == 100
    assert office.status()["parked"] == []
    office.sync()
    assert office.books.read("Customer", "4")["Notes"] == "edited meanwhile"
    assert not any("missed" in each for each in memos(office))
    backfilled(office, *JANUARY)
    assert any("missed" in each for each in memos(office))
    office.sync()
    office.settled()


def test_twins_with_different_days_are_one(office: Office) -> None:
    """Goal: a bill that cycles have missed stands on both sides, with the same number and total but
    days in two different parts: it is linked, and nowhere made twice."""
    detail = "AccountBasedExpenseLineDetail"
    line = {"Amount": 55, "DetailType": detail, detail: {"AccountRef": {"value": "31"}}}
    office.books.create(
        "Bill",
        {
            "VendorRef": {"value": "1"},
            "DocNumber": "B-77",
            "TxnDate": "2026-01-31",
            "Line": [line],
        },
    )
    of = office.platform.id_of
    office.platform.add(
        "bill",
        number="B-77",
        vendor_id=of("Vendor", "1"),
        issued_on=date(2026, 2, 1),
        total=Decimal(55),
        lines=[{"kind": "account", "account_id": of("Account", "31"), "amount": 55}],
    )
    missed(office)
    backfilled(office, *MONTHS)
    office.sync()
    office.settled()
    assert len(office.books.find("Bill", "DocNumber = 'B-77'")) == 1
    assert len(office.platform.rows("bill", number="B-77")) == 1


def test_it_waits_for_another_run(office: Office) -> None:
    """The company is being worked on when it starts: it waits, and then goes on."""
    missed(office)
    connection = connection_named(office.engine)
    holder = SqlState(office.engine, connection, SystemClock(), "a" * 32, "somebody else")
    holder.take_lease(timedelta(seconds=25))
    outcome = office.run("backfill", *JANUARY, "--json")
    assert "another run works on" in outcome.stderr
    assert len(office.clock.waited) > 0
    office.settled()


def test_killed_twice_it_goes_on_where_it_was(office: Office) -> None:
    """Goal: a process is ended with -9 in the middle of a backfill of two years, twice; the third
    one does what is left, and nothing is there twice."""
    booked, _ = missed(office)
    for part in (7, 20):
        process = office.start("backfill", *TWO_YEARS)
        killed_after(process, f"part {part} of 25")
        office.wait_for_flights()
    outcome = office.run("backfill", *TWO_YEARS, "--json")
    assert "goes on after part" in outcome.stderr
    assert "part 25 of 25" in outcome.stderr
    assert "part 7 of 25" not in outcome.stderr
    assert arrived(office, booked) == 1
    assert len([each for each in memos(office) if "missed" in each]) == 1
    office.settled()


def killed_after(process: subprocess.Popen[str], words: str) -> None:
    """End a process with -9 once it has said these words."""
    assert process.stderr is not None
    timer = threading.Timer(60, process.kill)
    timer.start()
    for line in process.stderr:
        if words in line:
            break
    timer.cancel()
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--since", "2026-13-01", "--until", "2026-01-31"), ["--since", "2026-13-01"]),
        (("--since", "2026-02-01", "--until", "2026-01-31"), ["before since"]),
        ((*JANUARY, "--data-type", "invoicez"), ["'invoicez'", "financials"]),
        ((*JANUARY, "--part-days", "0"), ["part days are 0"]),
        (("--since", "1900-01-01", "--until", "2026-01-31", "--part-days", "1"), ["1000"]),
        ((*JANUARY, "--connection", "Nobody"), ["'Nobody'"]),
    ],
)
def test_what_cannot_be_is_refused(
    office: Office, options: tuple[str, ...], words: list[str]
) -> None:
    """With the option, the value and what would be right."""
    refused = office.run("backfill", *options, code=2)
    for each in words:
        assert each in refused.stderr, refused.stderr


def test_parts_cover_every_day_once() -> None:
    """Lists first; no day is left out, and none is in two parts."""
    asked = Asked(ALL, date(2024, 1, 1), date(2025, 12, 31), part_days=31).checked()
    first, *rest = asked.parts()
    assert first == Part(None)
    days = [
        each.days[0] + timedelta(days=number)
        for each in rest
        if each.days is not None
        for number in range((each.days[1] - each.days[0]).days + 1)
    ]
    assert days == [date(2024, 1, 1) + timedelta(days=number) for number in range(731)]
    assert json.loads(asked.as_json())["write_to"] == ["platform", "quickbooks"]
    with pytest.raises(UsageError, match="no side"):
        Asked(ALL, date(2024, 1, 1), date(2024, 1, 1), write_to=frozenset[Side]()).checked()


class TestInPrefect:
    """The same as a flow."""

    pytestmark = ON_PREFECT

    def test_a_dry_run_and_a_real_one_show_what_they_do(
        self, office: Office, prefect_server: Callable[[], Any]
    ) -> None:
        """The plan with its sums; then the progress, and the totals."""
        from flows.backfill import backfill_flow

        booked, _ = missed(office)
        days = {"since": date(2026, 1, 1), "until": date(2026, 3, 31)}
        dry = backfill_flow(**days, return_state=True)
        assert dry.name == "DryRun"
        shown = artifacts(prefect_server, dry.state_details.flow_run_id)
        assert "100 USD" in str(shown["plan-totals"].data)
        assert not arrived(office, booked)
        real = backfill_flow(**days, dry_run=False, return_state=True)
        assert real.name == "Completed"
        shown = artifacts(prefect_server, real.state_details.flow_run_id)
        assert shown["progress"].data == 100
        assert "part 4 of 4" in shown["progress"].description
        assert office.platform.of("Invoice", booked)["total"] == 100
