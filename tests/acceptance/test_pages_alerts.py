"""The alerts page: what happened by cause, where it is fixed, and who knows of it."""

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
from tests.acceptance.test_retry_queue import refused
from tests.fixtures.company import Office
from tests.fixtures.pages import Browser, Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def open_alerts(office: Office) -> list[Any]:
    """The open alerts as stored."""
    table = tables.alerts
    with office.engine.connect() as connection:
        return list(connection.execute(select(table).where(table.c.closed_at.is_(None))))


def acknowledge(browser: Browser, pages: Pages, status: int = 200, **fields: Any) -> Browser:
    """Send the form of the first alert that is not acknowledged."""
    browser.open(pages.path("alerts"))
    return browser.send(pages.path("alerts/acknowledge"), status, **fields)


@on_both
def test_an_alert_is_acknowledged_closes_by_itself_and_comes_back_unacknowledged(
    office: Office, pages: Pages
) -> None:
    """Goal: it says what happened and what to do, who knows of it, and each opening is its own."""
    _, link = refused(office)
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("alerts"))
    (parked,) = office.parked()
    for words in ("refused it (fault", parked["message"], parked["fix"], "1 open"):
        assert words in browser.words
    assert {pages.path(f"records/{link}"), pages.path("queue") + f"?link={link}"} <= set(
        browser.links
    )
    acknowledge(browser, pages)
    assert "Acknowledged." in browser.words
    assert "1 acknowledged" in browser.words
    (row,) = open_alerts(office)
    assert row.acknowledged_by == "ann"
    (entry,) = office.platform.audit("alert.acknowledged")
    assert (entry["alert"], entry["cause"]) == (row.id, row.cause)

    # it closes by itself, and is listed with who knew
    office.emulator.clear_faults()
    office.run("retry", str(link))
    office.sync()
    browser.open(pages.path("alerts"))
    assert "No open alerts." in browser.words
    assert "Closed lately" in browser.words
    assert "ann" in browser.open(pages.path("alerts/closed")).words

    # the next one is another opening
    refused(office)
    browser.open(pages.path("alerts"))
    (again,) = open_alerts(office)
    assert (again.acknowledged_by, again.acknowledged_at) == (None, None)
    assert browser.form(pages.path("alerts/acknowledge")).fields["alert"] == str(again.id)
    assert office.run("audit", "verify", "--json").json["findings"] == []


def test_what_cannot_be_acknowledged_says_why(office: Office, pages: Pages) -> None:
    """Goal: each refusal names the alert or field, and changes nothing."""
    refused(office)
    browser = pages.browser(Role.OPERATOR, name="ann")
    one, cause = pages.path("alerts/acknowledge"), pages.path("alerts/acknowledge-cause")
    token = browser.open(pages.path("alerts")).form(one).fields["form_token"]
    for action, fields, status, words in (
        (one, {"alert": 999_999}, 422, "the alert is 999999: this company has none"),
        (one, {"alert": "x"}, 422, "alert is 'x'"),
        (one, {"alert": 2**31}, 422, "alert is '2147483648'"),
        (one, {"alert": 1, "more": "1"}, 422, "more: Extra inputs are not permitted"),
        (cause, {"cause": "none", "up_to": 5}, 422, "the cause is 'none'"),
        (cause, {"cause": "c" * 61, "up_to": 5}, 422, "cause is "),
    ):
        answer = browser.client.post(action, data={"form_token": token, **fields})
        browser.answer = answer
        assert (answer.status_code, words in browser.words) == (status, True), browser.words
    assert office.platform.audit("alert.acknowledged") == []

    acknowledge(browser, pages)
    (row,) = open_alerts(office)
    again = browser.client.post(one, data={"form_token": token, "alert": row.id})
    assert again.status_code == 409
    assert "acknowledged already, by ann" in again.text
    viewer = pages.browser(Role.VIEWER, name="vera").open(pages.path("alerts"))
    assert not [each for each in viewer.forms if "acknowledge" in each.action]
    assert viewer.open(pages.path("alerts") + "?before=0", 422)
    assert (
        "place in the list is" in viewer.open(pages.path("alerts/closed") + "?before=1", 422).words
    )


def test_each_cause_leads_to_where_it_is_fixed(office: Office, pages: Pages) -> None:
    """Goal: one table of causes and pages, of alerts of the company and of a record."""
    office.platform.choose(policy={"invoice": "review"})
    edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=10))
    office.sync(code=3)
    add_alerts(office, 1, *(fixes := {
        "brake": "plans", "disconnected": "connection", "permission_ends": "connection",
        "audit_checkpoint": "audit", "cycle_failed": "", "match_likely": "matching",
    }))  # fmt: skip
    browser = pages.browser(Role.OPERATOR).open(pages.path("alerts"))
    for page in fixes.values():
        assert pages.path(page) in browser.links
    (link,) = [each["link"] for each in office.status()["parked"]]
    assert pages.path("conflicts") + f"?link={link}" in browser.links
    assert browser.form(pages.path("sync"))
    assert "<script>" not in browser.text


@on_both
def test_many_alerts_are_grouped_and_paged(office: Office, pages: Pages) -> None:
    """Goal: a few of each cause, all of one on pages of its own; what is acknowledged at once is
    what was shown, each with an entry of its own."""
    add_alerts(office, PAGE + 3, "fault_6540")
    add_alerts(office, 2, "brake")
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("alerts"))
    assert f"{PAGE + 3} open" in browser.words
    assert browser.text.count("Number ") == 5 + 2
    one_cause = pages.path("alerts") + "?cause=fault_6540"
    assert one_cause in browser.links
    first = browser.open(one_cause).words.count("Number ")
    (older,) = [each for each in browser.links if "before=" in each]
    assert (first, browser.open(older).words.count("Number ")) == (PAGE, 3)

    browser.open(one_cause)
    add_alerts(office, 1, "fault_6540", first=900)
    browser.send(pages.path("alerts/acknowledge-cause"))
    assert f"{PAGE + 3} acknowledged" in browser.words
    assert len(office.platform.audit("alert.acknowledged")) == PAGE + 3
    left = [row for row in open_alerts(office) if row.acknowledged_at is None]
    assert sorted(row.cause for row in left) == ["brake", "brake", "fault_6540"]


def test_closed_alerts_are_paged(office: Office, pages: Pages) -> None:
    """Goal: each closed alert is on one page, also those that closed at the same instant."""
    add_alerts(office, PAGE + 3, "fault_6540", closed_at=NOW + timedelta(seconds=1))
    browser = pages.browser(Role.VIEWER).open(pages.path("alerts/closed"))
    seen = set(_numbers(browser))
    (older,) = [each for each in browser.links if "before=" in each]
    rest = set(_numbers(browser.open(older)))
    assert (len(seen), len(rest), seen & rest) == (PAGE, 3, set())


def _numbers(browser: Browser) -> list[str]:
    return [part.split(";")[0] for part in browser.words.split("Number ")[1:]]


def add_alerts(
    office: Office, count: int, *causes: str, first: int = 0, closed_at: datetime | None = None
) -> None:
    """Alerts of the company, each with a number in its message."""
    with office.engine.begin() as transaction:
        connection_id = transaction.scalar(select(tables.connections.c.id))
        transaction.execute(
            insert(tables.alerts),
            [
                {
                    "connection_id": connection_id,
                    "cause": cause,
                    "subject": f"test/{first + number}",
                    "title": "t",
                    "message": f"Number {first + number};",
                    "fix": "<script>fix</script>",
                    "opened_at": NOW,
                    "closed_at": closed_at,
                    "occurrences": 1,
                }
                for cause in causes
                for number in range(count)
            ],
        )
