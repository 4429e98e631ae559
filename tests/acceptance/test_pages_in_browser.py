"""The pages in a real browser: what a person sees and does, at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from connectors.state.people import add_user
from dashboard.app import create_app
from models.people import Role
from tasks.bootstrap import installation
from tests.fixtures.browser import DESKTOP, PHONE, window
from tests.fixtures.company import Office
from tests.fixtures.pages import BY, PASSWORD, page_paths, path_of
from tests.fixtures.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")
#: What keeps somebody from using a page.
GRAVE = ("serious", "critical")


@pytest.fixture
def address(office: Office) -> Iterator[str]:
    """Where the pages of a company are served; ann is its admin."""
    row_id = office.platform.id_of("Invoice", "7")
    office.books.update("Invoice", "7", PrivateNote="books")
    office.platform.edit("invoice", row_id, memo="platform")
    office.emulator.faults(
        kind="fault_in_200", verb="create", entity="Vendor", count=None, detail="No."
    )
    office.platform.add("vendor", name="No, " * 40)
    office.run("sync", code=None)
    with installation() as place:
        add_user(place.engine, "ann", PASSWORD, Role.ADMIN, actor=BY)
        with served(create_app(place, lambda: None)) as url:
            yield url


def sign_in(page: Page, address: str) -> None:
    """Sign in as ann."""
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def link_of_invoice(office: Office) -> int:
    """The link of the invoice that both sides have edited."""
    links = office.platform.links("invoice")
    return next(link for link, (booked, _) in links.items() if booked == "7")


def link_that_waits(office: Office) -> int:
    """The link of the vendor whose name QuickBooks does not take."""
    (row,) = office.run("queue", "--json").json["queue"]
    return int(row["link"])


def graves(axe: Axe, page: Page) -> list[str]:
    """What axe-core finds on a page that keeps somebody from using it."""
    found = axe.run(page).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
        for each in found
        if each["impact"] in GRAVE
    ]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anybody_can_use_every_page(
    chromium: Chromium, office: Office, address: str, size: tuple[int, int], scheme: str
) -> None:
    """No grave finding of axe-core, nothing is wider than the window, and the console is quiet."""
    axe, waits = Axe(), link_that_waits(office)
    with window(chromium, size, color_scheme=scheme) as (page, complaints):
        page.goto(f"{address}/sign-in")
        found = {"/sign-in": graves(axe, page)}
        sign_in(page, address)
        values = {"connection_id": 1, "number": 1, "link": link_of_invoice(office)}
        paths = [each for each in page_paths(values) if "/queue/" not in each]
        for path in [*paths, f"{path_of(1, 'queue')}/{waits}/partner"]:
            page.goto(f"{address}{path}")
            found[path] = graves(axe, page)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0], f"{path} is {width} wide"
        page.goto(f"{address}/settings/tokens")
        page.get_by_label("What it is for").fill("month-end report")
        page.get_by_role("button", name="Make the token").click()
        page.get_by_role("heading", name="Token, shown this once").wait_for()
        found["a token, shown once"] = graves(axe, page)
    told = "\n".join(f"{path}: {each}" for path, each in found.items() if each)
    assert not told, told
    assert complaints == []
