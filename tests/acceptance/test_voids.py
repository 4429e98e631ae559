"""Voids by people in QuickBooks's own pages, also of what its API cannot void.

QuickBooks keeps such a record with nothing on it and says "Voided" in its note: the platform's
record follows, as voided where it has such a status, and neither side's edits bring it back to
life or lose its mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from models.record_type import RecordType, catalog
from models.records import Content
from models.words import Side
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office
from tests.fixtures.entering import Desk

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
#: What people void and the application cannot, and its status on the platform afterwards.
BY_HAND = {
    "bill": "voided",
    "credit_memo": "voided",
    # its status is the platform's own: how far it is approved
    "expense": "posted",
    "refund_receipt": "voided",
    "transfer": None,
    "vendor_credit": None,
}
#: Figures that a void leaves nothing of, by column.
FIGURES = ("total", "amount", "balance", "remaining")
voided_types = pytest.mark.parametrize("name", BY_HAND)


@dataclass
class Held:
    """A record that stands on both sides."""

    office: Office
    record_type: RecordType
    quickbooks_id: str
    row_id: int

    @property
    def row(self) -> dict[str, Any]:
        """As the platform has it."""
        return self.office.platform.row(self.record_type.name, self.row_id)

    @property
    def booked(self) -> dict[str, Any]:
        """As QuickBooks has it."""
        return self.office.books.read(self.record_type.entity, self.quickbooks_id)

    def void(self) -> None:
        """Void it in QuickBooks, as a person."""
        self.office.books.void(self.record_type.entity, self.quickbooks_id)

    def edit(self, **values: Any) -> None:
        """Edit it on the platform."""
        self.office.platform.edit(self.record_type.name, self.row_id, **values)


def entered(office: Office, name: str, side: Side, **given: Any) -> Held:
    """A record that somebody enters on a side, and both sides hold."""
    record_type, desk = catalog()[name], Desk(office)
    content: Content = desk.content(record_type, **given)
    made = desk.enter(side, record_type, content)
    office.sync()
    desk.references.refresh()
    link = desk.references.link_of(name, side, made)
    assert link is not None
    ids = [desk.references.side_id_of(link, each) for each in (Side.QUICKBOOKS, Side.PLATFORM)]
    return Held(office, record_type, str(ids[0]), int(str(ids[1])))


def assert_void(held: Held) -> None:
    """Nothing is left of it on either side but the record."""
    row, booked = held.row, held.booked
    assert not any(row[name] for name in FIGURES if name in row), row
    assert not any(line.get("amount") or line.get("quantity") for line in row["lines"]), row
    assert not booked.get("TotalAmt", booked.get("Amount"))
    assert row["deleted_at"] is None
    assert row["memo"].startswith("Voided")
    assert booked["PrivateNote"].startswith("Voided")
    assert row.get("status") == BY_HAND[held.record_type.name]


@on_both
@pytest.mark.parametrize("side", Side)
@voided_types
def test_a_void_by_hand_reaches_the_platform(office: Office, name: str, side: Side) -> None:
    """Goal: wherever the record was made, its amounts are gone on the platform too, its note and
    status say why, and nothing is written back."""
    held = entered(office, name, side, memo="as agreed")
    held.void()
    mark = office.books.mark()
    office.sync()
    assert_void(held)
    assert held.row["memo"] == "Voided - as agreed"
    assert office.books.written(mark) == []
    office.parked(0)
    office.settled()


@voided_types
def test_a_void_of_a_record_without_a_note(office: Office, name: str) -> None:
    """Goal: the marker that a record carries is no part of what people read of the void."""
    held = entered(office, name, Side.PLATFORM, memo=None)
    held.void()
    office.sync()
    assert_void(held)
    assert held.row["memo"] == "Voided"
    office.settled()


@voided_types
@pytest.mark.parametrize("when", ["in the same cycle", "later"])
def test_a_note_on_the_platform_leaves_the_void_recognisable(
    office: Office, name: str, when: str
) -> None:
    """Goal: QuickBooks says only in its note that a record is void, so an edit of the note on the
    platform is written behind that word."""
    held = entered(office, name, Side.QUICKBOOKS, memo="as agreed")
    held.void()
    if when == "later":
        office.sync()
    held.edit(memo="see the other one")
    office.sync()
    assert_void(held)
    assert held.row["memo"] == "Voided - see the other one"
    assert held.booked["PrivateNote"].startswith("Voided - see the other one")
    office.parked(0)
    office.settled()


@voided_types
def test_an_edit_beside_a_void_is_kept(office: Office, name: str) -> None:
    """Goal: what somebody changes on the platform meanwhile goes to QuickBooks, and no more."""
    held = entered(office, name, Side.QUICKBOOKS, memo="as agreed")
    day = held.record_type.booked_on
    held.void()
    held.edit(**{day: held.row[day].replace(day=11)})
    office.sync()
    assert_void(held)
    assert held.booked["TxnDate"].endswith("-11")
    office.parked(0)
    office.settled()


@pytest.mark.parametrize("name", ["bill", "credit_memo"])
def test_a_voided_document_that_is_entered_again_is_open(office: Office, name: str) -> None:
    """Goal: an amount in QuickBooks brings the record back on both sides, and its note may then be
    what people like."""
    held = entered(office, name, Side.QUICKBOOKS, memo="as agreed")
    lines = held.booked["Line"]
    always = {path: held.booked[path] for path in held.record_type.always_sent}
    held.void()
    office.sync()
    office.books.update(held.record_type.entity, held.quickbooks_id, Line=lines, **always)
    office.sync()
    row = held.row
    assert (row["status"], row["total"]) == ("open", Decimal("32.50"))
    held.edit(memo="valid after all")
    office.sync()
    assert held.booked["PrivateNote"] == "valid after all"
    office.settled()
