"""The matching page: what both sides may hold both, and what a person says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.people import Role
from tasks.bootstrap import installation
from tests.acceptance.test_matching import Twice, twice
from tests.acceptance.test_override import entries
from tests.fixtures.pages import Browser, Pages

__all__ = ["twice"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The database that is held twice; the logic is tested on both elsewhere."""
    return sqlite_url


@pytest.fixture
def pages(twice: Twice) -> Iterator[Pages]:
    """The pages of a company whose platform holds most of its books already."""
    assert twice
    with installation() as place:
        yield Pages(place)


def compare(browser: Browser, pages: Pages, record_type: str = "") -> Browser:
    """Compare both sides."""
    browser.open(pages.path("matching"))
    return browser.send(pages.path("matching/compare"), record_type=record_type)


def test_likely_pairs_are_shown_and_accepted(twice: Twice, pages: Pages) -> None:
    """Goal: to look writes nothing; one pair is accepted, one record is new, then all that is
    likely, each under the person's name; the first sync makes nothing twice."""
    office, versions = twice.office, twice.office.platform.versions()
    before = twice.counts()
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("matching"))
    assert "No record waits for a decision about a match." in browser.words
    compare(browser, pages, "customer")
    assert "Not synced yet: Customer." in browser.words
    assert "likely" in browser.words
    assert (office.books.written(), office.platform.versions()) == ([], versions)

    likely = [ids for ids, kind in twice.expected["customer"].items() if kind == "likely"]
    theirs, ours = likely[0]
    pair = f"customer:{theirs}={ours}"
    assert pair in browser.text
    decide = pages.path("matching/decide")
    browser.send(decide, pair=[pair, "customer:999999=1"])
    assert "1 of 2 decided" in browser.words
    assert "is the same on both sides" in browser.words
    assert "No unlinked customer 999999 was seen on quickbooks" in browser.words
    (entry,) = office.platform.audit("match.accepted")
    assert (entry["quickbooks_id"], entry["platform_id"]) == (theirs, ours)
    assert {actor for _, _, actor in entries(office, "match.accepted")} == {"ann"}

    compare(browser, pages, "customer")
    count = browser.form(pages.path("matching/accept-likely")).fields["count"]
    assert int(count) == len(likely) - 1
    all_likely = pages.path("matching/accept-likely")
    assert "confirmed: Field required" in browser.send(all_likely, 422).words
    compare(browser, pages, "customer")
    moved_on = browser.send(all_likely, 409, confirmed="yes", count="1000")
    assert "1000 were shown" in moved_on.words
    compare(browser, pages).send(all_likely, confirmed="yes")
    assert "pairs are accepted; the next sync merges them." in browser.words
    office.sync(code=None)
    assert {name: max(counts) for name, counts in twice.counts().items()} == {
        name: counts[0] for name, counts in before.items()
    }


def test_a_record_in_doubt_is_new_after_all(twice: Twice, pages: Pages) -> None:
    """Goal: several that fit are named; one is accepted, the other is new, at once."""
    office = twice.office
    theirs = office.books.create("Customer", {"DisplayName": "Quarry Road Dental"})
    first = office.platform.add("customer", name="Quarry Road Dental Inc")
    second = office.platform.add("customer", name="QUARRY-ROAD DENTAL LLC")
    office.sync(code=3)
    browser = pages.browser(Role.OPERATOR).open(pages.path("matching"))
    assert "Customer" in browser.words
    compare(browser, pages, "customer")
    pair = f"customer:{theirs['Id']}={first}"
    assert pair in browser.text
    assert "ambiguous" in browser.words
    (link,) = [
        number for number, ids in office.platform.links("customer").items() if ids == (None, second)
    ]
    browser.send(pages.path("matching/decide"), pair=[pair], new=[link])
    assert "2 of 2 decided" in browser.words
    assert "is new" in browser.words
    assert len(office.platform.audit("match.new")) == 1
    office.sync(code=None)
    assert office.platform.quickbooks_id("customer", first) == theirs["Id"]
    assert office.platform.quickbooks_id("customer", second) not in (None, theirs["Id"])


def test_bad_forms_are_refused_before_anything_is_read(twice: Twice, pages: Pages) -> None:
    """Goal: each refusal names field and value; a viewer has no forms."""
    browser = pages.browser(Role.OPERATOR).open(pages.path("matching"))
    token = browser.form(pages.path("matching/compare")).fields["form_token"]
    for page, fields, words in (
        ("compare", {"record_type": "invoyce"}, "invoyce"),
        ("decide", {}, "pair and new are empty"),
        ("decide", {"pair": "customer:1=x"}, "pair is 'customer:1=x'"),
        ("decide", {"pair": "invoyce:1=2"}, "invoyce"),
        ("decide", {"new": "x"}, "is 'x'"),
        ("decide", {"new": ["1"] * 101}, "new"),
        ("accept-likely", {"count": 0, "confirmed": "yes"}, "count is '0'"),
        ("accept-likely", {"count": 1, "confirmed": "no"}, "confirmed is 'no'"),
    ):
        data = {"form_token": token, **fields}
        browser.answer = browser.client.post(pages.path(f"matching/{page}"), data=data)
        assert (browser.page.status_code, words in browser.words) == (422, True), browser.words
    assert twice.office.platform.audit("match.accepted") == []
    viewer = pages.browser(Role.VIEWER).open(pages.path("matching"))
    assert not [each for each in viewer.forms if "matching" in each.action]
