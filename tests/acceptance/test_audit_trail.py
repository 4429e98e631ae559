"""The audit log: every write and decision is in it, and nobody changes it unseen."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from models.tables.sync import audit_entries
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, Platform, invoice

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
COLUMNS = [column.name for column in audit_entries.columns]


def busy_day(office: Office) -> None:
    """Writes both ways, a conflict, a parked record and its release."""
    office.books.create("Invoice", invoice("4", 77))
    line = {"kind": "item", "item_id": office.platform.id_of("Item", "2"), "amount": Decimal(9)}
    bad = office.platform.add(
        "invoice",
        customer_id=office.platform.id_of("Customer", "5"),
        issued_on=date(2026, 11, 2),
        terms="Net 31",
        lines=[line],
    )
    row_id = office.platform.id_of("Invoice", "7")
    office.platform.edit("invoice", row_id, memo="ours")
    office.books.update("Invoice", "7", PrivateNote="theirs")
    office.sync(code=3)
    office.platform.edit("invoice", bad, terms=None)
    office.sync()
    office.settled()


def allow_changes(platform: Platform) -> None:
    """Do what only an administrator of the database can."""
    if platform.engine.dialect.name == "postgresql":
        platform.sql("ALTER TABLE audit_entries DISABLE TRIGGER ALL")
        return
    for name in ("update", "delete", "replace"):
        platform.sql(f"DROP TRIGGER audit_entries_no_{name}")


@on_both
def test_the_log_is_whole_after_a_busy_day(office: Office) -> None:
    """Goal: `audit verify` passes, and every write, conflict and parked record is in the log."""
    busy_day(office)
    verdict = office.run("audit", "verify", "--json").json
    assert verdict["findings"] == []
    assert verdict["entries"] > 100
    assert f"{verdict['entries']} entries" in office.run("audit", "verify").stdout
    written = office.books.written()
    entries = office.platform.audit("write.quickbooks")
    assert [each["operation"] for each in entries] == [operation for operation, _, _ in written]
    assert all(each["intent"] for each in entries)
    assert len(office.platform.audit("conflict")) == 1
    assert len(office.platform.audit("parked")) == len(office.platform.audit("unparked")) == 1
    assert len(office.platform.audit("connection.connected")) == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entries SET actor = 'me'", "DELETE FROM audit_entries"]
)
@on_both
def test_the_database_refuses_to_change_the_log(office: Office, statement: str) -> None:
    """Goal: another program's UPDATE or DELETE of the log is refused by the database."""
    with pytest.raises(Exception, match="takes inserts only"):
        office.platform.sql(statement)
    office.run("audit", "verify")


def changed_value(column: str, value: Any) -> Any:
    """Another value that the column takes."""
    if column == "body":
        body = json.loads(value)
        return json.dumps({**body, "note": "forged"}, sort_keys=True, separators=(",", ":"))
    if isinstance(value, int):
        return value + 1_000_000
    if value is None:
        return 7 if column == "link_id" else "forged"
    return ("0" if value[0] != "0" else "1") + value[1:]


@on_both
@pytest.mark.parametrize("place", [0, 0.5, 1], ids=["first", "middle", "last"])
def test_a_changed_column_is_found(office: Office, place: float) -> None:
    """Goal: whichever one column of whichever entry is changed, `audit verify` exits 1 and names
    the entry; changed back, it passes."""
    allow_changes(office.platform)
    with office.engine.connect() as connection:
        rows = connection.execute(select(audit_entries).order_by(audit_entries.c.number)).all()
    row = rows[round(place * (len(rows) - 1))]
    for column in COLUMNS:
        before = getattr(row, column)
        forged = changed_value(column, before)
        number = forged if column == "number" else row.number
        statement = f"UPDATE audit_entries SET {column} = :value WHERE number = :number"
        assert office.platform.sql(statement, value=forged, number=row.number) == 1
        outcome = office.run("audit", "verify", "--json", code=1)
        named = {finding["entry"] for finding in outcome.json["findings"]}
        assert named & {row.number, number}, (column, outcome.json["findings"])
        assert office.platform.sql(statement, value=before, number=number) == 1
        office.run("audit", "verify")


@on_both
def test_an_entry_that_was_taken_out_is_found(office: Office) -> None:
    """Goal: cutting out an entry, or the end of the log, is found."""
    allow_changes(office.platform)
    last = office.run("audit", "verify", "--json").json["entries"]
    office.platform.sql("DELETE FROM audit_entries WHERE number = :last", last=last)
    verdict = office.run("audit", "verify", "--json", code=1).json
    assert {finding["entry"] for finding in verdict["findings"]} & {last - 1, last}
    office.platform.sql("DELETE FROM audit_entries WHERE number = 5")
    verdict = office.run("audit", "verify", "--json", code=1).json
    assert {finding["entry"] for finding in verdict["findings"]} & {5, 6}
