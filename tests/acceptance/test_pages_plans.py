"""The page of plans that a brake stopped: what they would write, approved once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select

from connectors.state.review_lists import PAGE
from models.brakes import Total, totals_of
from models.people import Role
from models.tables import sync as tables
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_brakes import MANY, buy, stopped
from tests.fixtures.company import Office
from tests.fixtures.pages import Pages

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


def too_much(office: Office) -> int:
    """A plan that is stopped for its sum; its number."""
    office.platform.choose(approval_amount_max=Decimal(100))
    customer, item = office.platform.id_of("Customer", "5"), office.platform.id_of("Item", "2")
    for amount in ("1060", "40.01"):
        line = {"kind": "item", "item_id": item, "amount": Decimal(amount)}
        office.platform.add(
            "invoice", customer_id=customer, issued_on=date(2026, 11, 1), lines=[line]
        )
    return int(stopped(office, "amount")["plan"])


@on_both
@pytest.mark.asvs("2.3.1", "2.3.4")
def test_a_plan_is_approved_once_and_written(office: Office, pages: Pages) -> None:
    """Goal: message, writes and money are shown; it takes a confirmation; the second time is
    refused; the next sync writes it, and the history says who approved."""
    number = too_much(office)
    mark = office.books.mark()
    browser = pages.browser(Role.OPERATOR, name="ann").open(pages.path("plans"))
    for words in (
        f"Plan {number}: More money", "1100.01 USD would be written", "1,100.01 USD in 2 records",
        "Writes 2", "sync invoices", "create",
    ):  # fmt: skip
        assert words in browser.words
    approve = pages.path("plans/approve")
    assert browser.form(approve).fields["plan"] == str(number)
    assert "confirmed: Field required" in browser.send(approve, 422).words
    assert office.platform.audit("approval.given") == []

    form = browser.open(pages.path("plans")).form(approve).fields
    browser.send(approve, confirmed="yes")
    assert f"Plan {number} is approved; the next sync writes it, once." in browser.words
    assert "No plan waits for approval." in browser.words
    assert "approved" in browser.words
    assert "ann" in browser.words
    browser.answer = browser.client.post(approve, data={**form, "confirmed": "yes"})
    assert browser.page.status_code == 422
    assert f"plan {number} does not wait for approval" in browser.words
    assert len(office.platform.audit("approval.given")) == 1
    office.sync()
    assert len(office.books.written(mark)) == 2
    assert "used" in browser.open(pages.path("plans")).words
    office.settled()


def test_a_plan_of_many_deletions_is_shown_in_part(office: Office, pages: Pages) -> None:
    """Goal: a page of its writes, and how many more; nobody approves what a viewer sees."""
    rows = buy(office, MANY)
    office.platform.sql(f"DELETE FROM expenses WHERE id >= {min(rows)}")
    number = stopped(office, "mass_delete")["plan"]
    viewer = pages.browser(Role.VIEWER).open(pages.path("plans"))
    assert f"Plan {number}: Many deletions" in viewer.words
    assert viewer.words.count("delete") >= MANY
    assert "An operator can approve it." in viewer.words
    assert not [each for each in viewer.forms if "plans" in each.action]
    token = viewer.form("/sign-out").fields["form_token"]
    data = {"form_token": token, "plan": number, "confirmed": "yes"}
    assert viewer.client.post(pages.path("plans/approve"), data=data).status_code == 403
    assert office.platform.audit("approval.given") == []


def test_bad_forms_and_paged_history(office: Office, pages: Pages) -> None:
    """Goal: each refusal names what was given; each plan of the past is on one page."""
    _past(office, PAGE + 3)
    browser = pages.browser(Role.OPERATOR).open(pages.path("plans"))
    token = browser.form("/sign-out").fields["form_token"]
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"plan": 999_999, "confirmed": "yes"}, "plan 999999 does not wait for approval"),
        ({"plan": "all", "confirmed": "yes"}, "plan is 'all'"),
        ({"plan": 1, "confirmed": "no"}, "confirmed is 'no'"),
        ({"plan": 1, "confirmed": "yes", "more": "x"}, "more: Extra inputs are not permitted"),
    )
    for fields, words in cases:
        data = {"form_token": token, **fields}
        browser.answer = browser.client.post(pages.path("plans/approve"), data=data)
        assert (browser.page.status_code, words in browser.words) == (422, True), browser.words
    browser.open(pages.path("plans"))
    assert "<script>" not in browser.text
    first = browser.words.count("was wrong;")
    (older,) = [each for each in browser.links if "before=" in each]
    assert (first, browser.open(older).words.count("was wrong;")) == (PAGE, 3)


def _past(office: Office, count: int) -> None:
    """Plans that were withdrawn."""
    with office.engine.begin() as transaction:
        row = {
            "connection_id": transaction.scalar(select(tables.connections.c.id)),
            "brake": "empty_side",
            "message": "<script> was wrong;",
            "subjects": "[]",
            "rows": "[]",
            "writes": 1,
            "state": "withdrawn",
            "created_at": office.clock_now(),
            "run_id": "r",
        }
        transaction.execute(insert(tables.approvals), [row] * count)


def test_totals_are_exact_and_name_what_has_no_rate() -> None:
    """The keys of the brake for money say how much; those of other brakes do not."""
    keys = ["amount invoice:1:0.10", "amount invoice:2:0.20", "amount bill:3:None", "mass_delete x"]
    assert totals_of(keys) == [
        Total("bill", 1, Decimal(0), 1),
        Total("invoice", 2, Decimal("0.30"), 0),
    ]
