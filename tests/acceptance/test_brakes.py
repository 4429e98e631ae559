"""Brakes: a cycle that would do something out of the ordinary stops before its first write."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.state.link_rows import LinkRows
from connectors.state.port import COMPANY_CURSOR
from models.tables import sync
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, add_expense, purchase

#: More than a fifth of what is linked when they are.
MANY = 30


def buy(office: Office, count: int) -> list[int]:
    """Expenses on both sides; the platform's ids."""
    rows = [add_expense(office, 10 + number) for number in range(count)]
    office.sync()
    return rows


def stopped(office: Office, brake: str) -> dict[str, Any]:
    """A sync that a brake stops: exit 4, nothing written, one alert; the stored plan."""
    mark = office.books.mark()
    outcome = office.run("sync", "--json", code=4)
    assert "nothing was written" in outcome.stderr
    assert "plan --approve" in outcome.stderr
    assert office.books.written(mark) == []
    (alert,) = [each for each in office.status()["alerts"] if each["cause"] == "brake"]
    assert "plan --approve" in alert["fix"]
    (waiting,) = office.run("plan", "--json").json["waiting_for_approval"]
    assert brake in waiting["brake"]
    return waiting


@pytest.mark.parametrize("database_kind", ON_BOTH)
@pytest.mark.parametrize("side", ["platform", "quickbooks"])
def test_many_deletions_wait_for_approval(office: Office, side: str) -> None:
    """Goal: deletions of more than a fifth of the records stop the cycle until a person says yes,
    once."""
    rows = buy(office, MANY)
    kept = len(office.books.find("Purchase")) - len(rows)
    if side == "platform":
        office.platform.sql(f"DELETE FROM expenses WHERE id >= {min(rows)}")
    else:
        for row_id in rows:
            office.books.delete("Purchase", str(office.platform.quickbooks_id("expense", row_id)))
    waiting = stopped(office, "mass_delete")
    assert stopped(office, "mass_delete")["plan"] == waiting["plan"], "it is stored once"
    assert office.run("plan", "--approve", "999", code=2).stderr.count("999") == 1
    approved = office.run("plan", "--approve", str(waiting["plan"]), "--json").json
    assert approved["approved"] == waiting["plan"]
    assert "not wait" in office.run("plan", "--approve", str(waiting["plan"]), code=2).stderr
    office.sync()
    assert len(office.books.find("Purchase")) == kept
    assert not [row for row in office.platform.rows("expense") if row["id"] in rows]
    assert [each["plan"] for each in office.platform.audit("approval.used")] == [waiting["plan"]]
    assert not [each for each in office.status()["alerts"] if each["cause"] == "brake"]
    office.settled()


def test_an_approval_is_for_what_was_seen(office: Office) -> None:
    """Goal: a deletion that came after the approval is not covered by it."""
    rows = buy(office, MANY + 1)
    office.platform.sql(f"DELETE FROM expenses WHERE id >= {rows[1]}")
    waiting = stopped(office, "mass_delete")
    office.run("plan", "--approve", str(waiting["plan"]))
    office.platform.sql(f"DELETE FROM expenses WHERE id >= {rows[0]}")
    assert stopped(office, "mass_delete")["plan"] != waiting["plan"]


def test_what_was_put_right_needs_no_approval(office: Office) -> None:
    """Goal: the cause is undone: the stored plan is withdrawn and the alert closes by itself."""
    rows = buy(office, MANY)
    marked = f"UPDATE expenses SET deleted_at = updated_at WHERE id >= {rows[0]}"
    office.platform.sql(marked)
    stopped(office, "mass_delete")
    office.platform.sql(f"UPDATE expenses SET deleted_at = NULL WHERE id >= {rows[0]}")
    office.sync()
    assert office.run("plan", "--json").json["waiting_for_approval"] == []
    assert not [each for each in office.status()["alerts"] if each["cause"] == "brake"]
    office.settled()


def test_a_cycle_of_another_data_type_leaves_a_plan_that_waits(office: Office) -> None:
    """Goal: only what could do it may say that it is no longer to be done; the alert stays, too."""
    rows = buy(office, MANY)
    office.platform.sql(f"DELETE FROM expenses WHERE id >= {rows[0]}")
    outcome = office.run("sync", "--data-type", "expenses", code=4)
    assert "plan --approve" in outcome.stderr
    office.sync("--data-type", "invoices")
    (waiting,) = office.run("plan", "--json").json["waiting_for_approval"]
    assert waiting["in"] == "sync expenses"
    assert [each["cause"] for each in office.status()["alerts"]] == ["brake"]
    office.run("plan", "--approve", str(waiting["plan"]))
    office.sync("--data-type", "expenses")
    assert office.status()["alerts"] == []
    office.settled()


def test_a_side_that_is_suddenly_empty(office: Office) -> None:
    """Goal: the few expenses there are all vanish: that is a fault, not an instruction."""
    for number in range(3):
        office.books.create("Purchase", purchase(20 + number))
    office.sync()
    count = len(office.books.find("Purchase"))
    office.platform.sql("DELETE FROM expenses")
    waiting = stopped(office, "empty_side")
    assert "are gone from platform" in waiting["message"]
    assert len(office.books.find("Purchase")) == count


def edited_in_quickbooks(office: Office) -> tuple[str, int]:
    """Enough expenses on both sides, one of them edited since: its id, and how many there are."""
    made = [office.books.create("Purchase", purchase(20 + number)) for number in range(3)]
    office.sync()
    first = made[0]
    kept = {"PaymentType": first["PaymentType"], "PrivateNote": "who paid?"}
    office.books.update("Purchase", first["Id"], **kept)
    return first["Id"], len(office.books.find("Purchase"))


def test_a_side_that_is_empty_but_for_a_conflict(office: Office) -> None:
    """Goal: the records are no less gone because one of them was edited on the other side."""
    _, count = edited_in_quickbooks(office)
    office.platform.sql("DELETE FROM expenses")
    stopped(office, "empty_side")
    assert len(office.books.find("Purchase")) == count


def test_a_side_that_is_empty_but_for_an_earlier_conflict(office: Office) -> None:
    """Goal: a record that waits for a person since an earlier cycle is no less gone."""
    edited, count = edited_in_quickbooks(office)
    row_id = office.platform.id_of("Purchase", edited)
    office.platform.sql(f"DELETE FROM expenses WHERE id = {row_id}")
    office.sync(code=3)
    assert office.parked()[0]["code"] == "delete_against_edit"
    office.clock.sleep(1_800)  # what was read for the conflict is not read again
    office.sync(code=3)
    office.platform.sql("DELETE FROM expenses")
    waiting = stopped(office, "empty_side")
    assert len(office.books.find("Purchase")) == count
    office.run("plan", "--approve", str(waiting["plan"]))
    office.sync(code=3)
    assert [each["Id"] for each in office.books.find("Purchase")] == [edited]


def test_a_side_that_is_empty_but_for_what_the_sync_has_just_made(office: Office) -> None:
    """Goal: a write that recovery finds, or sends again, makes no emptied side look well."""
    buy(office, 3)
    before = {each["Id"] for each in office.books.find("Purchase")}
    office.emulator.faults(
        {"kind": "answer_lost", "verb": "create", "entity": "Purchase"},
        {"kind": "status", "status": 503, "verb": "query", "match": "FROM Purchase", "count": None},
    )
    add_expense(office)
    office.sync(code=3)
    office.emulator.clear_faults()
    for each in before:
        office.books.delete("Purchase", each)
    waiting = stopped(office, "empty_side")
    assert f"all {len(before)} expenses are gone from quickbooks" in waiting["message"]
    assert stopped(office, "empty_side")["plan"] == waiting["plan"], "it is not forgotten"
    office.run("plan", "--approve", str(waiting["plan"]))
    office.sync()
    assert len(office.platform.rows("expense")) == len(office.books.find("Purchase")) == 1
    office.settled()


def test_a_few_edits_are_not_measured_against_all_that_is_linked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: a cycle with one edit takes as long among a million records as among a thousand."""
    rows = buy(office, 2)
    counted: list[str] = []
    count = LinkRows.linked_counts

    def noted(unit: LinkRows) -> dict[str, int]:
        counted.append("counted")
        return count(unit)

    monkeypatch.setattr(LinkRows, "linked_counts", noted)
    office.platform.sql(f"UPDATE expenses SET memo = 'by hand' WHERE id = {rows[0]}")
    add_expense(office, 90)
    office.sync()
    assert not counted
    office.platform.sql(f"DELETE FROM expenses WHERE id = {rows[1]}")
    office.sync()
    assert counted
    office.settled()


def test_nearly_everything_changed(office: Office) -> None:
    """Goal: a program that rewrites every row does not get into the books unseen."""
    for table in ("customers", "vendors", "items", "accounts", "invoices"):
        column = "memo" if table == "invoices" else "name"
        office.platform.sql(f"UPDATE {table} SET {column} = 'x' || id")
    stopped(office, "mass_change")


def test_sums_above_the_limit(office: Office) -> None:
    """Goal: the user's limit for one cycle; at the limit it goes through, above it waits."""
    office.platform.choose(approval_amount_max=Decimal(100))
    customer, item = office.platform.id_of("Customer", "5"), office.platform.id_of("Item", "2")

    def bill(amount: str) -> None:
        line = {"kind": "item", "item_id": item, "amount": Decimal(amount)}
        office.platform.add(
            "invoice", customer_id=customer, issued_on=date(2026, 11, 1), lines=[line]
        )

    bill("100")
    office.sync()
    bill("60")
    bill("40.01")
    waiting = stopped(office, "amount")
    assert "100.01 USD" in waiting["message"]
    office.run("plan", "--approve", str(waiting["plan"]))
    office.sync()
    office.settled()


def test_a_database_restored_from_a_backup(office: Office, tmp_path: Path) -> None:
    """Goal: an older database stops the sync until a person says so; then everything is linked
    again by marker, name or number, a list entry that was renamed since waits for a person, and
    nothing is made twice."""
    office.engine.dispose()
    database = tmp_path / "sync.db"
    shutil.copyfile(database, tmp_path / "backup.db")
    customer, item = office.platform.id_of("Customer", "5"), office.platform.id_of("Item", "2")
    renamed = office.platform.add("vendor", name="Before", email="before@example.com")
    line = {"kind": "item", "item_id": item, "amount": Decimal(12)}
    rows = {"customer_id": customer, "issued_on": date(2026, 11, 1), "lines": [line]}
    before_backup = office.platform.add("invoice", **rows)
    office.engine.dispose()
    shutil.copyfile(database, tmp_path / "backup.db")  # holds the rows, not what the sync made
    office.sync()
    made = office.platform.quickbooks_id("invoice", before_backup)
    vendor = str(office.platform.quickbooks_id("vendor", renamed))
    office.books.update("Vendor", vendor, DisplayName="After")
    counts = {entity: len(office.books.find(entity)) for entity in ("Invoice", "Vendor")}
    office.engine.dispose()
    for left in tmp_path.glob("sync.db-*"):
        left.unlink()
    shutil.copyfile(tmp_path / "backup.db", database)

    assert "audit restored" in office.run("sync", code=4).stderr
    office.run("audit", "restored", "--reason", "the disk broke")
    office.sync(code=3)
    parked = office.parked(2)
    assert [(each["record_type"], each["code"]) for each in parked] == [
        ("vendor", "after_restore")
    ] * 2
    assert office.platform.quickbooks_id("invoice", before_backup) == made
    assert counts == {entity: len(office.books.find(entity)) for entity in counts}
    office.platform.edit("vendor", renamed, deleted_at=datetime.now(UTC))
    # each is named by whoever has looked at it: to retry all the rest leaves them alone
    assert office.run("retry", "--json").json == {"released": 0}
    office.run("retry", *(str(each["link"]) for each in parked))
    office.sync()
    assert [row["name"] for row in office.platform.rows("vendor", name="After")] == ["After"]
    assert counts == {entity: len(office.books.find(entity)) for entity in counts}


def test_a_copy_made_before_a_restore(office: Office, tmp_path: Path) -> None:
    """Goal: of two documents with one marker nobody can tell which was made from the platform's:
    after a restore it is not made a third time, and neither comes to the platform, until a person
    says which is which."""
    customer = office.platform.id_of("Customer", "5")
    row_id = office.platform.add(
        "payment", customer_id=customer, received_on=date(2026, 11, 2), amount=Decimal(30)
    )
    database = tmp_path / "sync.db"
    office.engine.dispose()
    shutil.copyfile(database, tmp_path / "backup.db")
    office.sync()
    paid = office.books.read("Payment", str(office.platform.quickbooks_id("payment", row_id)))
    names = ("CustomerRef", "TotalAmt", "PaymentRefNum", "TxnDate")
    copy = office.books.create("Payment", {name: paid[name] for name in names})
    rows, records = len(office.platform.rows("payment")), len(office.books.find("Payment"))
    office.engine.dispose()
    for left in tmp_path.glob("sync.db-*"):
        left.unlink()
    shutil.copyfile(tmp_path / "backup.db", database)

    office.run("audit", "restored", "--reason", "the disk broke")
    office.sync(code=3)
    parked = office.parked(3)
    assert {(each["record_type"], each["code"]) for each in parked} == {
        ("payment", "after_restore")
    }
    assert len(office.platform.rows("payment")) == rows
    assert len(office.books.find("Payment")) == records
    office.books.delete("Payment", copy["Id"])
    office.platform.edit("payment", row_id, deleted_at=datetime.now(UTC))
    office.run("retry", *(str(each["link"]) for each in parked))
    office.sync()
    assert len(office.platform.rows("payment")) == rows
    assert len(office.books.find("Payment")) == records - 1
    office.settled()


@pytest.mark.parametrize(
    ("changed", "approvable"),
    [({"name": "Another Company Ltd."}, True), ({"home_currency": "EUR"}, False)],
    ids=["renamed", "other_currency"],
)
def test_another_company_behind_the_token(
    office: Office, changed: dict[str, str], approvable: bool
) -> None:
    """Goal: the company is not the connected one: nothing is read into the books of another; a
    mere change of name is for a person to confirm."""
    with office.engine.begin() as connection:
        facts = json.loads(connection.scalar(select(sync.connections.c.facts)) or "{}")
        connection.execute(update(sync.connections).values(facts=json.dumps({**facts, **changed})))
        connection.execute(
            sync.cursors.delete().where(sync.cursors.c.record_type == COMPANY_CURSOR)
        )
    office.platform.edit("invoice", office.platform.id_of("Invoice", "7"), memo="for whom?")
    outcome = office.run("sync", "--json", code=4)
    assert office.books.written() == []
    assert "the company behind the token" in outcome.stderr
    if approvable:
        waiting = stopped(office, "wrong_company")
        office.run("plan", "--approve", str(waiting["plan"]))
        office.sync()
        office.settled()
    else:
        assert "connect" in outcome.stderr
