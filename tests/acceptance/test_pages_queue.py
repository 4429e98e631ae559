"""The retry queue's page: what is set aside, and what a person makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from connectors.state.review_lists import PAGE
from models.people import Role
from models.tables import sync as tables
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_conflicts import edit_both
from tests.acceptance.test_retry_queue import queue, refused
from tests.fixtures.company import Office
from tests.fixtures.pages import Browser, Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@on_both
def test_a_record_is_retried(office: Office, pages: Pages) -> None:
    """Goal: it says why it is set aside and what to do; retried it is due, and then applied."""
    _, link = refused(office)
    (parked,) = office.parked()
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("queue"))
    for words in ("Given up 1", parked["message"], parked["fix"], "not by itself"):
        assert words in browser.words
    browser.send(pages.path("queue/retry"))
    assert "The next sync tries it again." in browser.words
    assert "in the next sync" in browser.words
    assert "Retrying 1" in browser.words
    assert [each["was"] for each in office.platform.audit("retry")] == [parked["code"]]
    office.emulator.clear_faults()
    office.sync()
    assert "Nothing is set aside." in browser.open(pages.path("queue")).words
    assert [write[:2] for write in office.books.written()] == [("create", "Invoice")]
    assert browser.client.get(pages.path("queue") + f"?link={link}").status_code == 200


@pytest.mark.parametrize("action", ["retry", "settle"])
def test_what_is_decided_is_what_was_seen(office: Office, pages: Pages, action: str) -> None:
    """Goal: a page that was opened before the record came to be set aside for another reason: to
    retry it would say something about that, which nobody has seen."""
    _, link = refused(office)
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("queue"))
    office.platform.sql("UPDATE parked SET code = 'several_fit' WHERE link_id = :id", id=link)
    more = {"decision": "skipped", "why": "seen"} if action == "settle" else {}
    browser.send(pages.path(f"queue/{action}"), 409, **more)
    assert f"link {link} is parked as several_fit by now" in browser.words
    assert "Look at it again" in browser.words
    (parked,) = office.parked()
    assert (parked["code"], parked["next_attempt_at"]) == ("several_fit", None)


@pytest.mark.parametrize(
    ("decision", "state", "kind"),
    [("skipped", "skipped", "Skipped"), ("done_by_hand", "done", "Settled by hand")],
)
def test_a_record_is_left_alone_with_a_reason(
    office: Office, pages: Pages, decision: str, state: str, kind: str
) -> None:
    """Goal: it stays in the queue with who and why, and can be retried after all."""
    _, link = refused(office)
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("queue"))
    browser.send(pages.path("queue/settle"), decision=decision, why="sent by post")
    (row,) = queue(office, "--state", state)
    assert row["link"] == link
    for words in (kind, "ann", "sent by post", f"{state.capitalize()} 1"):
        assert words in browser.words
    (entry,) = office.platform.audit(decision)
    assert entry["why"] == "sent by post"
    assert not [each for each in browser.forms if each.action.endswith("settle")]
    browser.send(pages.path("queue/retry"))
    office.emulator.clear_faults()
    office.sync()
    office.settled()


@on_both
def test_all_of_a_reason_are_retried_and_lists_are_filtered_and_paged(
    office: Office, pages: Pages
) -> None:
    """Goal: chips count, filters hold, each record is on one page, and one form retries all."""
    _park(office, PAGE + 3, "fault_6540", next_attempt_at=None)
    _park(office, 2, "stale", next_attempt_at=datetime(2100, 1, 1, tzinfo=UTC))
    _park(office, 3, "skipped", next_attempt_at=None)
    browser = pages.browser(Role.OPERATOR).open(pages.path("queue"))
    for chip in (f"All {PAGE + 8}", "Waiting 2", "Retrying 0", f"Given up {PAGE + 3}", "Skipped 3"):
        assert chip in browser.words
    for state, count in (("waiting", 2), ("retrying", 0), ("skipped", 3), ("done", 0)):
        assert len(_links(browser.open(pages.path("queue") + f"?state={state}"))) == count
    of_code = pages.path("queue") + "?state=given_up&code=fault_6540"
    seen = _links(browser.open(of_code))
    (more,) = [each for each in browser.links if "after=" in each]
    rest = _links(browser.open(more))
    assert (len(seen), len(rest), set(seen) & set(rest)) == (PAGE, 3, set())
    browser.open(of_code).send(pages.path("queue/retry-all"))
    assert f"The next sync tries {PAGE + 3} again" in browser.words
    assert f"Retrying {PAGE + 3}" in browser.words
    (entry,) = office.platform.audit("retry")
    assert entry == {"records": PAGE + 3, "code": "fault_6540"}


def test_what_cannot_be_done_says_why(office: Office, pages: Pages) -> None:
    """Goal: each refusal names what was given; nothing changes; a viewer has no forms."""
    _, link = refused(office)
    before = queue(office)
    browser = pages.browser(Role.OPERATOR).open(pages.path("queue"))
    token = browser.form(pages.path("queue/retry")).fields["form_token"]
    why = {"why": "x"}
    for page, fields, words in (
        ("retry", {"link": 999_999}, "link 999999 is not parked"),
        ("retry", {"link": "x"}, "link is 'x'"),
        ("retry", {}, "link: Field required"),
        ("retry-all", {"code": "none"}, "no record is parked for 'none'"),
        ("retry-all", {"code": ""}, "code"),
        ("settle", {"link": link, "decision": "forgotten", **why}, "decision is 'forgotten'"),
        ("settle", {"link": link, "decision": "skipped", "why": " "}, "why is ' '"),
        ("settle", {"link": link, "decision": "skipped", "why": "w" * 301}, "why is"),
        ("settle", {"link": 999_999, "decision": "skipped", **why}, "link 999999 is not parked"),
    ):
        data = {"form_token": token, **fields}
        browser.answer = browser.client.post(pages.path(f"queue/{page}"), data=data)
        assert browser.page.status_code == 422, browser.words
        assert words in browser.words, (words, browser.words)
    assert queue(office) == before
    for query, words in (
        ("?state=lost", "the state is 'lost'"),
        ("?after=yesterday", "the place in the list is 'yesterday'"),
        ("?link=0", "link is '0'"),
    ):
        assert words in browser.open(pages.path("queue") + query, 422).words
    viewer = pages.browser(Role.VIEWER).open(pages.path("queue"))
    assert not [each for each in viewer.forms if "/queue/" in each.action]


def test_what_is_decided_elsewhere_leads_there(office: Office, pages: Pages) -> None:
    """Goal: a record in conflict has no retry here, but the way to its conflict."""
    office.platform.choose(policy={"invoice": "review"})
    edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=10))
    office.sync(code=3)
    (parked,) = office.parked()
    browser = pages.browser(Role.OPERATOR).open(pages.path("queue"))
    assert pages.path("conflicts") + f"?link={parked['link']}" in browser.links
    assert not [each for each in browser.forms if "/queue/" in each.action]


def _links(browser: Browser) -> list[str]:
    """The records that a page lists."""
    return [each for each in browser.links if "/records/" in each]


def _park(office: Office, count: int, code: str, **values: Any) -> None:
    """Set records aside, all since the same instant."""
    links, parked = tables.links, tables.parked
    with office.engine.begin() as transaction:
        connection_id = transaction.scalar(select(tables.connections.c.id))
        shared = {"connection_id": connection_id, "record_type": "invoice"}
        for number in range(count):
            row = {**shared, "label": f"{code} {number}"}
            made = insert(links).values(row).returning(links.c.id)
            texts = {"field": "", "value": "", "message": "no", "fix": "yes", "side": "platform"}
            row = {**shared, **texts, "attempts": 1, "since": LONG_AGO, "run_id": "r", **values}
            link = transaction.execute(made).scalar_one()
            transaction.execute(insert(parked).values(link_id=link, code=code, **row))
