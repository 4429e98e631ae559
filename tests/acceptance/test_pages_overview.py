"""The overview: is it in sync, since when, what waits; and Sync now."""

from __future__ import annotations

from datetime import datetime

import pytest

from connectors.state.connections import connection_named
from connectors.state.schedules import scheduled
from models.people import Role
from tasks.dispatch import dispatch
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office
from tests.fixtures.pages import Pages, path_of

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


@on_both
def test_one_company_is_shown_at_once(pages: Pages) -> None:
    """With its state, the last run, and what was moved."""
    browser = pages.browser(Role.VIEWER).open("/")
    company = connection_named(pages.place.engine)
    assert str(browser.page.url).endswith(path_of(company.id))
    assert company.name in browser.words
    assert company.realm_id in browser.words
    assert "completed" in browser.words


def due(office: Office) -> set[datetime]:
    """When the data types of the one company are due."""
    return {each for row in scheduled(office.engine) for each in row.due_at.values()}


def test_sync_now_makes_the_company_due_and_wakes_the_dispatcher(
    office: Office, pages: Pages
) -> None:
    """For who may operate, and while it is connected."""
    assert pages.path("sync") not in [
        each.action for each in pages.browser(Role.VIEWER).open(pages.path()).forms
    ]
    dispatch(pages.place)
    assert min(due(office)) > pages.place.clock.now()
    browser = pages.browser(Role.OPERATOR).open(pages.path())
    browser.send(pages.path("sync"))
    assert "the sync starts within seconds" in browser.words
    assert pages.woken == [1]
    assert max(due(office)) <= pages.place.clock.now()
    stale = browser.open(pages.path()).form(pages.path("sync")).fields
    office.run("pause")
    for page in ("", "plans", "alerts"):
        forms = browser.open(pages.path(page)).forms
        assert pages.path("sync") not in [each.action for each in forms], page
    assert "paused" in browser.open(pages.path()).words
    # a page that was opened before says so, too, and makes nothing due
    woken, before = list(pages.woken), due(office)
    refused = browser.client.post(pages.path("sync"), data=stale)
    assert refused.status_code == 409
    assert "is paused: no sync starts" in refused.text
    assert (pages.woken, due(office)) == (woken, before)
