"""The mapping is mended by a person: which record of the other side one is; what waited goes on.

Method: the demo company, a vendor that QuickBooks refuses while the accountant has entered it there
under another name, and a bill that waits for it; by the page and by the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text

from connectors.state.partners import SHOWN_MAX
from models.people import Role
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_retry_queue import queue
from tests.fixtures.company import Office
from tests.fixtures.pages import Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
NO_VENDOR = {
    "kind": "fault_in_200", "verb": "create", "entity": "Vendor", "count": None, "detail": "No.",
}  # fmt: skip


@dataclass
class Waiting:
    """A bill that waits for a vendor, and the vendor of QuickBooks that it means."""

    office: Office
    bill: int
    bill_link: int
    vendor: int
    vendor_link: int
    theirs: str
    theirs_link: int

    def links_of_vendor(self) -> list[tuple[str | None, str | None]]:
        """Both ids of the links that have one of the two."""
        query = text(
            "SELECT quickbooks_id, platform_id FROM links WHERE record_type = 'vendor' AND "
            "(quickbooks_id = :theirs OR platform_id = :ours)"
        )
        with self.office.engine.connect() as connection:
            rows = connection.execute(query, {"theirs": self.theirs, "ours": str(self.vendor)})
            return [(row.quickbooks_id, row.platform_id) for row in rows]


@pytest.fixture
def waiting(office: Office) -> Waiting:
    """Only QuickBooks is written, so that what is entered there stays without a partner."""
    office.run("settings", "--set", "write_to=quickbooks")
    theirs = office.books.create("Vendor", {"DisplayName": "ACME Industrial Supply"})["Id"]
    office.emulator.faults(NO_VENDOR)
    vendor = office.platform.add("vendor", name="Acme Supplies")
    line = {
        "kind": "account",
        "account_id": office.platform.id_of("Account", "7"),
        "amount": Decimal("12.50"),
    }
    bill = office.platform.add("bill", vendor_id=vendor, issued_on=date(2026, 11, 3), lines=[line])
    office.sync(code=3)
    rows = {row["record"]: row["link"] for row in queue(office)}
    (bill_link,) = [row["link"] for row in queue(office) if row["record_type"] == "bill"]
    names = ("Acme Supplies", "ACME Industrial Supply")
    ours_link, theirs_link = (rows[each] for each in names)
    return Waiting(office, bill, bill_link, vendor, ours_link, theirs, theirs_link)


def assert_mended(waiting: Waiting) -> None:
    """One vendor, and the bill of it in QuickBooks; then nothing moves."""
    office = waiting.office
    office.run("settings", "--set", "write_to=platform,quickbooks")
    mark = office.books.mark()
    office.sync()
    assert waiting.links_of_vendor() == [(waiting.theirs, str(waiting.vendor))]
    bill = office.platform.quickbooks_id("bill", waiting.bill)
    assert bill is not None
    assert office.books.read("Bill", bill)["VendorRef"]["value"] == waiting.theirs
    assert ("create", "Bill", bill) in office.books.written(mark)
    assert not [each for each in office.books.written(mark) if each[:2] == ("create", "Vendor")]
    mark = office.books.mark()
    office.sync()
    assert office.books.written(mark) == []
    office.parked(0)


@on_both
def test_a_partner_is_chosen_on_the_page(waiting: Waiting, pages: Pages) -> None:
    """Goal: the bill's row leads to what it waits for; found by a part of the name, chosen, logged
    with who, and both go on by themselves."""
    office = waiting.office
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("queue"))
    path = pages.path(f"queue/{waiting.bill_link}/partner")
    assert path in browser.links
    browser.open(f"{path}?search=industrial")
    for words in ("Vendor Acme Supplies", "ACME Industrial Supply", "is not on quickbooks yet"):
        assert words.lower() in browser.words.lower()
    assert "no vendor without a partner with this" in browser.open(f"{path}?search=zzz").words
    browser.open(path).send(path + "/choose")
    assert "Vendor Acme Supplies is the same on both sides." in browser.words
    (entry,) = office.platform.audit("match.accepted")
    assert (entry["quickbooks_id"], entry["platform_id"]) == (waiting.theirs, str(waiting.vendor))
    with office.engine.connect() as connection:
        actor = connection.execute(
            text("SELECT actor FROM audit_entries WHERE kind = 'match.accepted'")
        ).scalar_one()
    assert actor == "ann"
    assert {row["state"] for row in queue(office)} == {"retrying"}
    assert_mended(waiting)
    assert browser.client.get(path).status_code == 404


def test_a_partner_is_chosen_by_the_command_line(waiting: Waiting) -> None:
    """Goal: the same logic, for scripts."""
    office = waiting.office
    for link in (waiting.bill_link, waiting.vendor_link):
        shown = office.run("partner", str(link), "--json").json["records"][0]
        assert shown["record"]["link"] == waiting.vendor_link
        assert [each["link"] for each in shown["candidates"]] == [waiting.theirs_link]
    office.run(
        "partner", str(waiting.bill_link), "--record", str(waiting.vendor_link), "--is",
        str(waiting.theirs_link), "--json",
    )  # fmt: skip
    assert_mended(waiting)


@pytest.mark.parametrize(
    ("record", "partner", "words"),
    [
        ("vendor", "vendor", "no two halves of one record"),
        ("vendor", "bill", "no two halves of one record"),
        ("vendor", "nothing", "no two halves of one record"),
        ("theirs", "vendor", "it is none that Bill"),
        ("nothing", "vendor", "it is none that Bill"),
    ],
)
def test_what_is_no_partner_is_refused(
    waiting: Waiting, pages: Pages, record: str, partner: str, words: str
) -> None:
    """Goal: the page says why; no link changes."""
    links = {
        "vendor": waiting.vendor_link,
        "bill": waiting.bill_link,
        "theirs": waiting.theirs_link,
        "nothing": 999_999,
    }
    path = pages.path(f"queue/{waiting.bill_link}/partner")
    browser = pages.browser(Role.OPERATOR).open(path)
    browser.send(path + "/choose", 422, record=links[record], partner=links[partner])
    assert words in browser.words
    assert len(waiting.links_of_vendor()) == 2
    assert waiting.office.platform.audit("match.accepted") == []


def test_a_partner_that_is_gone_meanwhile(waiting: Waiting) -> None:
    """Goal: both are looked at before anything is linked."""
    waiting.office.platform.sql(
        "UPDATE vendors SET deleted_at = updated_at WHERE id = :id", id=waiting.vendor
    )
    refused = waiting.office.run(
        "partner", str(waiting.vendor_link), "--is", str(waiting.theirs_link), code=2
    )
    assert "does not exist on platform any more" in refused.stderr
    assert len(waiting.links_of_vendor()) == 2


def test_a_long_list_is_bounded(waiting: Waiting, pages: Pages) -> None:
    """Goal: the page shows some and says that there are more; a search finds the others."""
    rows = [{"name": f"Someone {number:03}", "id": f"q{number}"} for number in range(SHOWN_MAX + 5)]
    statement = text(
        "INSERT INTO links (connection_id, record_type, label, quickbooks_id) "
        "VALUES (1, 'vendor', :name, :id)"
    )
    with waiting.office.engine.begin() as connection:
        connection.execute(statement, rows)
    path = pages.path(f"queue/{waiting.vendor_link}/partner")
    browser = pages.browser(Role.OPERATOR).open(path)
    assert browser.text.count("This is the same") == SHOWN_MAX
    assert "There are more." in browser.words
    assert browser.open(f"{path}?search=029").text.count("This is the same") == 1
