"""The conflicts page: both versions side by side, and a person decides one, or many at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from connectors.quickbooks.client import QuickBooksClient
from connectors.state.review_lists import PAGE
from dashboard.versions import versions_of
from models.errors import DisconnectedError, Fault
from models.people import Role
from models.tables import sync as tables
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_conflicts import INVOICE, edit_both
from tests.acceptance.test_override import decided, deleted_against_edit, memos
from tests.fixtures.company import Office, note_of
from tests.fixtures.pages import Browser, Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
SECONDS = timedelta(seconds=10)


def waiting(office: Office, *invoices: str) -> list[int]:
    """A waiting conflict about the memo of each of these invoices; their numbers."""
    office.platform.choose(policy={"invoice": "review"})
    for each in invoices:
        row_id = office.platform.id_of("Invoice", each)
        office.books.update("Invoice", each, PrivateNote=f"theirs {each}")
        office.platform.edit("invoice", row_id, memo=f"ours {each}")
    office.sync(code=3)
    return [each["id"] for each in office.conflicts()]


def some_invoices(office: Office, count: int) -> list[str]:
    """Invoices that are on both sides."""
    return [each["Id"] for each in office.books.find("Invoice")][:count]


@on_both
@pytest.mark.parametrize(("take", "won"), [("quickbooks", "theirs"), ("platform", "ours")])
def test_a_waiting_conflict_is_decided(office: Office, pages: Pages, take: str, won: str) -> None:
    """Goal: it is listed with all versions, decided on both sides, and kept with who did it."""
    office.platform.choose(policy={"invoice": "review"})
    row_id = edit_both(office, "theirs", "ours", platform_later_by=SECONDS)
    office.sync(code=3)
    (conflict,) = office.conflicts()
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("conflicts"))
    for words in ("waits for a person", "nothing", "theirs", "ours", "changed"):
        assert words in browser.words
    one = pages.path(f"conflicts/{conflict['id']}")
    assert one in browser.links
    browser.open(one).send(one, take=[f"{conflict['id']}={take}"])
    assert "is decided, and both sides hold it. Memo:" in browser.words
    assert memos(office, row_id) == (won, won)
    assert "No conflict waits for a person." in browser.words
    assert "by ann" in browser.words
    (entry,) = office.platform.audit("override")
    assert entry["take"] == take
    # once more: refused, and nothing changes
    again = browser.open(one).send(one, 409, take=[f"{conflict['id']}={take}"])
    assert f"decided for {take} already, by ann" in again.words
    office.settled()


def test_fields_of_one_decision_are_decided_together(office: Office, pages: Pages) -> None:
    """Goal: each field for a side of its own; one that is left out is named, nothing is written."""
    office.platform.choose(policy={"invoice": "review"})
    row_id = office.platform.id_of("Invoice", INVOICE)
    office.books.update("Invoice", INVOICE, PrivateNote="theirs", CustomerMemo={"value": "there"})
    office.platform.edit("invoice", row_id, memo="ours", customer_message="here")
    office.sync(code=3)
    number = {each["field"]: each["id"] for each in office.conflicts()}
    memo, message = number["memo"], number["customer_message"]
    one = pages.path(f"conflicts/{memo}")
    mark = office.books.mark()
    browser = pages.browser(Role.OPERATOR).open(one)
    assert "Customer message" in browser.words
    for status, take, words in (
        (409, [f"{memo}=platform", ""], "customer_message of this record wait for a decision too"),
        (422, ["", ""], "take is empty"),
        (422, [f"{memo}=both"], f"take is '{memo}=both'"),
        (422, ["999999=platform"], "take is '999999=platform'"),
        (422, [f"{memo}=platform", f"{memo}=quickbooks"], f"take is '{memo}=quickbooks'"),
        (422, ["x" * 41], "take"),
    ):
        assert words in browser.open(one).send(one, status, take=take).words
    assert office.books.written(mark) == []
    browser.open(one).send(one, take=[f"{memo}=platform", f"{message}=quickbooks"])
    booked, row = office.books.read("Invoice", INVOICE), office.platform.row("invoice", row_id)
    assert (row["memo"], row["customer_message"]) == ("ours", "there")
    assert (note_of(booked), booked["CustomerMemo"]["value"]) == ("ours", "there")
    office.settled()


@on_both
def test_many_are_decided_and_one_that_fails_blocks_no_other(office: Office, pages: Pages) -> None:
    """Goal: those that are ticked, each by itself; what became of each is listed."""
    invoices = some_invoices(office, 4)
    numbers = waiting(office, *invoices)
    moved_on, left = invoices[1], invoices[3]
    office.platform.edit(
        "invoice", office.platform.id_of("Invoice", moved_on), memo="a third version"
    )
    many = pages.path("decide-conflicts")
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("conflicts"))
    browser.send(many, conflict=numbers[:3], take="platform")
    assert "2 of 3 records decided for Platform's version" in browser.words
    assert "Memo has moved on" in browser.words
    assert note_of(office.books.read("Invoice", invoices[0])) == f"ours {invoices[0]}"
    assert note_of(office.books.read("Invoice", invoices[2])) == f"ours {invoices[2]}"
    assert note_of(office.books.read("Invoice", left)) == f"theirs {left}"
    assert len(office.platform.audit("override")) == 2

    browser.open(pages.path("conflicts"))
    for fields, words in (
        ({"conflict": numbers[0], "take": "platform"}, "it does not wait for a decision"),
        ({"conflict": 999_999, "take": "platform"}, "conflict is 999999"),
        ({"conflict": list(range(1, 52)), "take": "platform"}, "conflict"),
        ({"conflict": numbers[3], "take": "both"}, "take is 'both'"),
        ({"take": "platform"}, "conflict: Field required"),
    ):
        assert words in browser.open(pages.path("conflicts")).send(many, 422, **fields).words
    assert len(office.platform.audit("override")) == 2


def test_what_stops_one_stops_the_others_with_it(
    office: Office, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: without a connection the rest is not tried, and stays as it was."""
    numbers = waiting(office, *some_invoices(office, 3))

    def refused(_client: QuickBooksClient) -> None:
        raise DisconnectedError(Fault("3200", "no", fix="Connect again."))

    monkeypatch.setattr(QuickBooksClient, "company", refused)
    browser = pages.browser(Role.OPERATOR).open(pages.path("conflicts"))
    browser.send(pages.path("decide-conflicts"), conflict=numbers, take="platform")
    assert "0 of 3 records decided" in browser.words
    assert (browser.words.count("not decided"), browser.words.count("not tried")) == (1, 2)
    assert "Connect again." in browser.words
    assert {each["state"] for each in office.conflicts()} == {"review"}


def test_a_delete_is_decided_for_the_record(office: Office, pages: Pages) -> None:
    """Goal: one choice, with what it means."""
    quickbooks_id, _, number = deleted_against_edit(office, "quickbooks")
    one = pages.path(f"conflicts/{number}")
    browser = pages.browser(Role.OPERATOR).open(one)
    assert "decided for the record as a whole" in browser.words
    browser.send(one, take=[f"{number}=platform"])
    assert office.books.is_gone("Invoice", quickbooks_id)


def test_lists_are_filtered_and_paged(office: Office, pages: Pages) -> None:
    """Goal: by type, state, field and record, and each conflict is on one page."""
    decided(office)
    _copies(office, PAGE + 3)
    viewer = pages.browser(Role.VIEWER)
    for query, words in (
        ("", ["No conflict waits for a person.", "History", "Older conflicts"]),
        ("?record_type=customer&state=decided", ["None."]),
        ("?record_type=invoice&field=memo&state=decided", ["theirs", "ours", "Older conflicts"]),
        ("?state=overridden", ["None."]),
        ("?field=%3Cscript%3E", ["None."]),
        ("?link=999999", ["None."]),
    ):
        viewer.open(pages.path("conflicts") + query)
        for each in words:
            assert each in viewer.words, (query, each)
        assert "<script>" not in viewer.text
    assert not [each for each in viewer.forms if each.method == "post" and "conf" in each.action]
    seen = _numbers(viewer.open(pages.path("conflicts")))
    (older,) = [each for each in viewer.links if "before=" in each]
    rest = _numbers(viewer.open(older))
    assert (len(seen), len(rest), set(seen) & set(rest)) == (PAGE, 4, set())
    assert seen == sorted(seen, reverse=True)
    for query, status, words in (
        ("?state=open", 422, "the state is 'open'"),
        ("?record_type=invoyce", 422, "invoyce"),
        ("?before=0", 422, "before is '0'"),
        ("/abc", 404, "no conflict abc"),
        ("/99999999999", 404, "no conflict 99999999999"),
    ):
        assert words in viewer.open(pages.path("conflicts") + query, status).words


def _numbers(browser: Browser) -> list[int]:
    lead = "/conflicts/"
    return [int(each.partition(lead)[2]) for each in browser.links if lead in each]


def _copies(office: Office, count: int) -> None:
    """The one conflict so often again, as if it had come up in other runs."""
    table = tables.conflicts
    with office.engine.begin() as transaction:
        row = dict(transaction.execute(select(table)).mappings().one())
        del row["id"]
        transaction.execute(
            insert(table), [{**row, "run_id": f"copy {number}"} for number in range(count)]
        )


@pytest.mark.parametrize(
    ("base", "quickbooks", "platform", "shown"),
    [
        # amounts are text, and stay exact
        ("1.10", "1.10", "2.20", (["1.10"], ["1.10"], ["2.20"], False, True)),
        (None, "", False, ([], [], ["no"], True, True)),
        # of lines, what differs
        (
            [{"amount": "1", "text": "a"}, {"amount": "5"}],
            [{"amount": "2", "text": "a"}, {"amount": "5"}],
            [{"amount": "1", "text": "a"}, {"amount": "5"}, {"amount": "7"}],
            (
                ["Line 1: Amount 1", "Line 3: not there", "1 line is the same"],
                ["Line 1: Amount 2", "Line 3: not there", "1 line is the same"],
                ["Line 1: Amount 1", "Line 3: Amount 7", "1 line is the same"],
                True,
                True,
            ),
        ),
    ],
)
def test_versions_show_what_differs(
    base: Any, quickbooks: Any, platform: Any, shown: tuple[Any, ...]
) -> None:
    """A value as it is; of lines those that are not alike."""
    row = {"base": base, "quickbooks": quickbooks, "platform": platform}
    found = versions_of({name: json.dumps(value) for name, value in row.items()})
    texts = tuple(list(each.texts) for each in found.values())
    changed = tuple(found[name].is_changed for name in ("quickbooks", "platform"))
    assert (*texts, *changed) == shown
