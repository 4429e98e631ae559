"""A person decides a conflict otherwise: both sides follow, once, and the log says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from models.tables import sync as tables
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_conflicts import INVOICE, edit_both
from tests.fixtures.company import FLIGHT_SECONDS, Office, invoice, note_of

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
SECONDS = timedelta(seconds=10)


def memos(office: Office, row_id: int) -> tuple[str | None, str]:
    """The invoice's memo on the platform and in QuickBooks."""
    booked = office.books.read("Invoice", INVOICE)
    return office.platform.row("invoice", row_id)["memo"], note_of(booked)


def decided(office: Office, winner: str = "quickbooks") -> int:
    """A conflict about the memo that the policy has decided; the platform's row."""
    later = SECONDS if winner == "platform" else -SECONDS
    row_id = edit_both(office, "theirs", "ours", platform_later_by=later)
    office.sync()
    office.settled()
    return row_id


def override(office: Office, number: int, take: str, *more: str, code: int = 0) -> Any:
    """Run the command."""
    return office.run("override", str(number), "--take", take, *more, "--json", code=code)


def entries(office: Office, *kinds: str) -> list[tuple[int, str, str]]:
    """Number, kind and actor of audit entries, oldest first."""
    table = tables.audit_entries
    with office.engine.connect() as connection:
        rows = connection.execute(
            select(table.c.number, table.c.kind, table.c.actor)
            .where(table.c.kind.in_(kinds))
            .order_by(table.c.number)
        )
        return [(row.number, row.kind, row.actor) for row in rows]


@on_both
def test_a_conflict_decided_overridden_and_overridden_back(office: Office) -> None:
    """Goal: both sides are equal after each step, the log has three entries that name each other,
    and nothing is written but the two sides' values, once each."""
    row_id = decided(office)
    version = office.platform.row("invoice", row_id)["version"]
    mark = office.books.mark()
    (conflict,) = office.conflicts()

    assert override(office, conflict["id"], "platform").json["state"] == "done"
    assert memos(office, row_id) == ("ours", "ours")
    assert len(office.books.written(mark)) == 1
    assert office.platform.row("invoice", row_id)["version"] == version + 1
    office.settled()

    assert override(office, conflict["id"], "quickbooks").json["state"] == "done"
    assert memos(office, row_id) == ("theirs", "theirs")
    office.settled()
    assert office.books.written(mark) == [("update", "Invoice", INVOICE)] * 2
    assert office.platform.row("invoice", row_id)["version"] == version + 2

    (first, _, sync), (second, _, person), (third, _, _) = entries(office, "conflict", "override")
    assert sync == "sync" != person
    there, back = office.platform.audit("override")
    assert (there["conflict_entry"], there["previous_entry"]) == (first, first)
    assert (back["conflict_entry"], back["previous_entry"]) == (first, second)
    assert (there["was"], there["take"], back["was"], back["take"]) == (
        "quickbooks", "platform", "platform", "quickbooks"
    )  # fmt: skip
    assert third > second > first
    assert len(office.conflicts()) == 1
    (told,) = office.conflicts()
    assert (told["state"], told["overridden_to"]) == ("overridden", "quickbooks")
    assert told["overridden_by"] == person
    assert office.run("audit", "verify", "--json").json["findings"] == []


@on_both
@pytest.mark.parametrize("take", ["quickbooks", "platform"])
def test_an_open_conflict_is_decided(office: Office, take: str) -> None:
    """Goal: what the policy leaves to a person is decided by one command, for either side."""
    office.platform.choose(policy={"invoice": "review"})
    row_id = edit_both(office, "theirs", "ours", platform_later_by=SECONDS)
    office.sync(code=3)
    (conflict,) = office.conflicts()
    mark = office.books.mark()
    override(office, conflict["id"], take)
    won = {"quickbooks": "theirs", "platform": "ours"}[take]
    assert memos(office, row_id) == (won, won)
    assert len(office.books.written(mark)) == (take == "platform")
    office.parked(0)
    office.settled()
    assert office.conflicts()[0]["state"] == "overridden"


def test_several_open_fields_are_decided_together(office: Office) -> None:
    """Goal: a record is written when all of its open fields are decided, each for its own side."""
    office.platform.choose(policy={"invoice": "review"})
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.books.update("Invoice", INVOICE, PrivateNote="theirs", CustomerMemo={"value": "there"})
    office.platform.edit("invoice", row_id, memo="ours", customer_message="here")
    office.sync(code=3)
    number = {each["field"]: each["id"] for each in office.conflicts()}["memo"]
    mark = office.books.mark()
    refused = office.run("override", str(number), "--take", "platform", code=1)
    assert "--field customer_message" in refused.stderr
    assert office.books.written(mark) == []
    wrong = override(office, number, "platform", "--field", "due_on", code=2)
    assert "customer_message" in wrong.stderr
    override(office, number, "platform", "--field", "customer_message=quickbooks")
    booked, row = office.books.read("Invoice", INVOICE), office.platform.row("invoice", row_id)
    assert (row["memo"], row["customer_message"]) == ("ours", "there")
    assert (note_of(booked), booked["CustomerMemo"]["value"]) == ("ours", "there")
    office.settled()


@on_both
def test_lines_are_one_field(office: Office) -> None:
    """Goal: the lines of one side replace those of the other as a whole, and back."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    lines = office.books.read("Invoice", INVOICE)["Line"]
    there = [{**line, "Description": "theirs"} for line in lines if line.get("Id")]
    booked = office.books.update("Invoice", INVOICE, Line=there)
    office.platform.sql(
        "UPDATE invoice_lines SET description = 'ours' WHERE invoice_id = :id AND position = 1",
        id=row_id,
    )
    at = datetime.fromisoformat(booked["MetaData"]["LastUpdatedTime"]).astimezone(UTC)
    office.platform.edit("invoice", row_id, updated_at=at - SECONDS)
    office.sync()
    office.settled()
    number = next(each["id"] for each in office.conflicts() if each["field"] == "lines")
    for take, words in (("platform", "ours"), ("quickbooks", "theirs")):
        override(office, number, take)
        here = office.platform.row("invoice", row_id)["lines"][0]["description"]
        assert (here, office.books.read("Invoice", INVOICE)["Line"][0]["Description"]) == (
            words, words
        )  # fmt: skip
        office.settled()


# -- a delete against an edit --


def deleted_against_edit(office: Office, edited: str) -> tuple[str, int, int]:
    """An invoice that one side deletes and the other edits: its ids and the conflict's number."""
    booked = office.books.create("Invoice", invoice("5", 120))
    office.sync()
    row_id = office.platform.id_of("Invoice", booked["Id"])
    if edited == "quickbooks":
        office.books.update("Invoice", booked["Id"], PrivateNote="still needed")
        office.platform.edit("invoice", row_id, deleted_at=datetime.now(UTC))
    else:
        office.platform.edit("invoice", row_id, memo="still needed")
        office.books.delete("Invoice", booked["Id"])
    office.sync(code=3)
    (conflict,) = office.conflicts()
    return booked["Id"], row_id, conflict["id"]


@on_both
@pytest.mark.parametrize("edited", ["quickbooks", "platform"])
def test_the_deleting_side_is_taken(office: Office, edited: str) -> None:
    """Goal: the record goes from the other side, too."""
    quickbooks_id, row_id, number = deleted_against_edit(office, edited)
    override(office, number, "platform" if edited == "quickbooks" else "quickbooks")
    assert office.books.is_gone("Invoice", quickbooks_id)
    assert office.platform.row("invoice", row_id)["deleted_at"] is not None
    office.parked(0)
    office.settled()
    again = office.run("override", str(number), "--take", edited, code=1)
    assert "gone" in again.stderr


@on_both
@pytest.mark.parametrize("edited", ["quickbooks", "platform"])
def test_the_editing_side_is_taken(office: Office, edited: str) -> None:
    """Goal: the record is made anew where it is gone, with a new id there, under the same link."""
    quickbooks_id, row_id, number = deleted_against_edit(office, edited)
    links = office.platform.links("invoice")
    link = next(key for key, pair in links.items() if pair == (quickbooks_id, row_id))
    override(office, number, edited)
    found = office.platform.links("invoice")
    assert len(found) == len(links)
    there, here = found[link]
    assert here is not None
    if edited == "quickbooks":
        assert there == quickbooks_id
        assert here != row_id
    else:
        assert here == row_id
        assert there != quickbooks_id
    assert office.platform.row("invoice", here)["memo"] == "still needed"
    assert note_of(office.books.read("Invoice", str(there))) == "still needed"
    office.parked(0)
    office.settled()


@on_both
@pytest.mark.parametrize("kind", ["answer_lost", "late_landing"])
def test_what_is_made_anew_is_never_doubled(office: Office, kind: str) -> None:
    """Goal: the answer to the create is lost: the record is found, and made once."""
    _, row_id, number = deleted_against_edit(office, "platform")
    before = {each["Id"] for each in office.books.find("Invoice")}
    office.emulator.faults({"kind": kind, "seconds": FLIGHT_SECONDS / 2, "verb": "create"})
    office.run("override", str(number), "--take", "platform", code=None)
    office.wait_for_flights()
    office.run("sync", code=None)  # it may still be waiting for the write to land
    office.sync()
    office.settled()
    made = {each["Id"] for each in office.books.find("Invoice")} - before
    assert len(made) == 1
    assert office.platform.quickbooks_id("invoice", row_id) in made


# -- lost answers, crashes and two at once --


@on_both
@pytest.mark.parametrize("kind", ["answer_lost", "late_landing", "refuse_before"])
@pytest.mark.parametrize("count", [1, 20])
def test_a_lost_answer_never_turns_it_around(office: Office, kind: str, count: int) -> None:
    """Goal: whatever becomes of the write, both sides end with what the person took."""
    row_id = decided(office)
    (conflict,) = office.conflicts()
    fault = {"kind": kind, "seconds": FLIGHT_SECONDS / 2, "verb": "update", "count": count}
    office.emulator.faults(fault)
    office.run("override", str(conflict["id"]), "--take", "platform", code=None)
    office.emulator.clear_faults()
    office.wait_for_flights()
    office.sync()
    office.settled()
    assert memos(office, row_id) == ("ours", "ours")
    assert len(office.conflicts()) == 1
    assert len(office.platform.audit("override")) == 1


@pytest.mark.asvs("2.3.4", "15.4.2")
def test_two_overrides_at_once_are_one(office: Office) -> None:
    """Goal: of two people who decide at the same moment one does, and the other is told."""
    row_id = decided(office)
    (conflict,) = office.conflicts()
    mark = office.books.mark()
    command = ["override", str(conflict["id"]), "--take", "platform"]
    both = [office.start(*command) for _ in range(2)]
    told = [each.communicate(timeout=240) for each in both]
    assert sorted(each.returncode for each in both) == [0, 1], told
    (loser,) = [words for words, each in zip(told, both, strict=True) if each.returncode == 1]
    assert "another run works on" in loser[1] or "decided for platform already" in loser[1]
    assert memos(office, row_id) == ("ours", "ours")
    assert len(office.books.written(mark)) == 1
    assert len(office.platform.audit("override")) == 1
    office.settled()


# -- refusals --


def refused(office: Office, number: int, take: str = "platform", code: int = 1) -> str:
    """What the command says, having written nothing and logged no decision."""
    mark, before = office.books.mark(), len(office.platform.audit("override"))
    outcome = office.run("override", str(number), "--take", take, code=code)
    assert office.books.written(mark) == []
    assert len(office.platform.audit("override")) == before
    return outcome.stderr


@on_both
@pytest.mark.parametrize("side", ["quickbooks", "platform"])
def test_what_has_moved_on_is_refused(office: Office, side: str) -> None:
    """Goal: a field that holds neither version on a side is left alone, and told with its value."""
    row_id = decided(office)
    (conflict,) = office.conflicts()
    if side == "quickbooks":
        office.books.update("Invoice", INVOICE, PrivateNote="newer")
    else:
        office.platform.edit("invoice", row_id, memo="newer")
    said = refused(office, conflict["id"])
    assert f"{side} holds 'newer'" in said
    office.sync()
    office.settled()
    assert memos(office, row_id) == ("newer", "newer")


def test_what_is_decided_so_already_is_refused(office: Office) -> None:
    """Goal: the same decision twice is one, and the second is told whose the first was."""
    decided(office)
    (conflict,) = office.conflicts()
    assert "for quickbooks already" in refused(office, conflict["id"], "quickbooks")
    override(office, conflict["id"], "platform")
    assert "for platform already, by " in refused(office, conflict["id"])


def test_an_owners_field_is_refused(office: Office) -> None:
    """Goal: what QuickBooks computes cannot be overridden."""
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.platform.edit("invoice", row_id, balance=1)
    office.sync()
    (conflict,) = office.conflicts()
    assert "balance is quickbooks's" in refused(office, conflict["id"])


def test_a_record_that_is_gone_is_refused(office: Office) -> None:
    """Goal: nothing is made anew by an override of a field."""
    booked = office.books.create("Invoice", invoice("5", 120))
    office.sync()
    row_id = office.platform.id_of("Invoice", booked["Id"])
    edited = office.books.update("Invoice", booked["Id"], PrivateNote="theirs")
    at = datetime.fromisoformat(edited["MetaData"]["LastUpdatedTime"]).astimezone(UTC)
    office.platform.edit("invoice", row_id, memo="ours", updated_at=at - SECONDS)
    office.sync()
    (conflict,) = office.conflicts()
    office.books.delete("Invoice", booked["Id"])
    assert "gone from quickbooks" in refused(office, conflict["id"])
    office.settled()
    assert "gone from quickbooks and platform" in refused(office, conflict["id"])


def test_a_record_parked_for_another_reason_is_refused(office: Office) -> None:
    """Goal: first what is wrong with the record, then the override."""
    row_id = decided(office)
    (conflict,) = office.conflicts()
    office.platform.edit("invoice", row_id, email="x" * 200)
    office.sync(code=3)
    assert "set aside for another reason" in refused(office, conflict["id"])


def test_a_closed_period_is_refused(office: Office) -> None:
    """Goal: it is told before QuickBooks is asked to write."""
    decided(office)
    (conflict,) = office.conflicts()
    with office.emulator.emulator.lock:
        preferences = office.emulator.company.single("Preferences")
        closed = {**preferences["AccountingInfoPrefs"], "BookCloseDate": "2030-01-31"}
        office.emulator.company.amend("Preferences", preferences["Id"], AccountingInfoPrefs=closed)
    assert "closed up to and including 2030-01-31" in refused(office, conflict["id"])


def test_what_quickbooks_refuses_is_taken_back(office: Office) -> None:
    """Goal: a fault leaves the conflict as it was decided before, and the record not parked."""
    row_id = decided(office)
    (conflict,) = office.conflicts()
    office.emulator.faults({"kind": "fault", "code": "6000", "verb": "update", "count": 9})
    said = office.run("override", str(conflict["id"]), "--take", "platform", code=1).stderr
    assert "6000" in said
    office.emulator.clear_faults()
    office.parked(0)
    office.settled()
    assert memos(office, row_id) == ("theirs", "theirs")
    (told,) = office.conflicts()
    assert (told["state"], told["overridden_to"]) == ("decided", None)
    (entry,) = office.platform.audit("override.withdrawn")
    assert entry["conflict"] == conflict["id"]
    override(office, conflict["id"], "platform")
    assert memos(office, row_id) == ("ours", "ours")


@on_both
def test_an_older_conflict_and_a_busy_company_are_refused(office: Office) -> None:
    """Goal: only the newest conflict of a field can be overridden, and never beside a cycle."""
    row_id = decided(office)
    booked = office.books.update("Invoice", INVOICE, PrivateNote="theirs 2")
    at = datetime.fromisoformat(booked["MetaData"]["LastUpdatedTime"]).astimezone(UTC)
    office.platform.edit("invoice", row_id, memo="ours 2", updated_at=at - SECONDS)
    office.sync()
    older, newer = office.conflicts()
    assert f"conflict {newer['id']} is newer" in refused(office, older["id"])
    assert "no conflict 9999" in refused(office, 9999, code=2)

    leases = tables.leases
    with office.engine.begin() as connection:
        connection.execute(
            update(leases).values(holder="elsewhere:1", expires_at=datetime.now(UTC) + 60 * SECONDS)
        )
    said = refused(office, newer["id"])
    assert "elsewhere:1" in said
    assert "Wait until it has finished" in said
