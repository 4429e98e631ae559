"""The overview: is it in sync, since when, what waits; and Sync now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.state.connections import connection_named
from models.people import Role
from tasks.bootstrap import installation
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office
from tests.fixtures.pages import Pages, path_of

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


@pytest.fixture
def pages(office: Office) -> Iterator[Pages]:
    """The pages of a company that was synced once."""
    assert office
    with installation() as place:
        yield Pages(place)


@on_both
def test_one_company_is_shown_at_once(pages: Pages) -> None:
    """With its state, the last run, and what was moved."""
    browser = pages.browser(Role.VIEWER).open("/")
    company = connection_named(pages.place.engine)
    assert str(browser.page.url).endswith(path_of(company.id))
    assert company.name in browser.words
    assert company.realm_id in browser.words
    assert "completed" in browser.words
