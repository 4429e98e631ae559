"""A finance person's first day in a real browser, from nothing to disconnecting.

With QBSYNC_PICTURES set to a folder, each page is kept there as a picture, as those in docs/images
were.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.state.people import add_user
from dashboard.app import create_app
from dashboard.house import ROOT
from dashboard.waker import Waker
from deployments.processes import free_port
from models.people import Role
from tasks.bootstrap import Installation, installation
from tasks.dispatch import dispatch
from tests.fixtures.browser import DESKTOP, PHONE, window
from tests.fixtures.company import Office
from tests.fixtures.pages import BY, PASSWORD
from tests.fixtures.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium
    from playwright.sync_api import Page

pytestmark = pytest.mark.xdist_group("browser")
#: Until something that happens by itself is on the page.
SECONDS_MAX = 60
#: Of a longer page only what fits a window is kept.
PICTURE_HEIGHT_MAX = 2_500
#: What a minute is for a real dispatcher: one that the waits of a test have hurried leaves work.
SCHEDULE_SECONDS = 1.0


class Person:
    """Somebody at the pages, whose window may be photographed."""

    def __init__(self, page: Page, address: str, name: str) -> None:
        self.page, self.address = page, address
        folder = os.environ.get("QBSYNC_PICTURES", "")
        self._folder = Path(folder) / name if folder else None

    def sign_in(self) -> None:
        """With name and password."""
        self.page.goto(self.address)
        self.page.get_by_label("Name").fill("ann")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.click("Sign in")

    def go(self, name: str) -> None:
        """To a page by the menu."""
        self.page.get_by_role("navigation").get_by_role("link", name=name).click()
        self.page.get_by_role("heading", name=name, level=1).wait_for()

    def click(self, words: str) -> None:
        """The first button with these words."""
        self.page.get_by_role("button", name=words).first.click()

    def reads(self, words: str) -> None:
        """These words are on the page."""
        self.page.get_by_text(words).locator("visible=true").first.wait_for()

    def is_told(self, words: str) -> None:
        """What was done is said at the top of the page."""
        self.page.get_by_role("status").filter(has_text=words).first.wait_for()

    def waits_for(self, words: str) -> None:
        """Look again until they are."""
        deadline = time.monotonic() + SECONDS_MAX
        while not self.page.get_by_text(words).count():
            assert time.monotonic() < deadline, self.page.inner_text("main")
            time.sleep(0.3)
            self.page.reload()

    def photograph(self, name: str) -> None:
        """Keep a picture, where they are wanted."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            height = self.page.evaluate("document.documentElement.scrollHeight")
            whole = height <= PICTURE_HEIGHT_MAX
            self.page.screenshot(path=self._folder / f"{name}.png", full_page=whole)


@pytest.fixture
def place(fresh_office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation in which nothing is connected; ann is its admin."""
    assert fresh_office
    monkeypatch.setenv("QBSYNC_DASHBOARD_URL", f"http://127.0.0.1:{free_port()}")
    with installation() as made:
        add_user(made.engine, "ann", PASSWORD, Role.ADMIN, actor=BY)
        yield made


@pytest.fixture
def address(place: Installation) -> Iterator[str]:
    """Where the pages are served; what is made due is synced at once, or by the schedule."""
    url = place.settings.dashboard_url
    ended = threading.Event()

    def start() -> None:
        dispatch(place)

    with Waker(start, pause_seconds=0.05) as waker:

        def schedule() -> None:
            while not ended.wait(SCHEDULE_SECONDS):
                waker.wake()

        thread = threading.Thread(target=schedule, daemon=True)
        thread.start()
        with served(create_app(place, waker.wake), int(url.rpartition(":")[2])):
            yield url
        ended.set()
        thread.join()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_first_day(
    chromium: Chromium, fresh_office: Office, address: str, size: tuple[int, int], tmp_path: Path
) -> None:
    """Connect, choose, sync, see an alert and mend it, decide a conflict, verify and take away the
    log, disconnect: all by what is on the pages."""
    office = fresh_office
    name = "desktop" if size == DESKTOP else "phone"
    with window(chromium, size, accept_downloads=True) as (page, complaints):
        person = Person(page, address, name)
        person.sign_in()
        connect(person)
        choose(person)
        sync(person, office)
        mend(person, office)
        decide(person, office)
        keep_the_log(person, tmp_path)
        for each in ("Plans", "Matching", "Records"):
            person.go(each)
            person.photograph(each.lower())
        disconnect(person, office)
        assert [each for each in complaints if is_ours(each, address)] == []


def is_ours(complaint: str, address: str) -> bool:
    """Whether the console complains about a page of ours, and not about a form that was refused."""
    return address in complaint and "status of 422" not in complaint


def connect(person: Person) -> None:
    """Through the consent page of QuickBooks, and back."""
    page = person.page
    page.get_by_role("link", name="Connect a company").first.click()
    person.photograph("connect")
    person.click("Ask QuickBooks for the permission")
    out = page.get_by_role("link", name="Go to QuickBooks").get_attribute("href")
    page.goto(f"{out}&consent=ask")
    person.click("Connect")
    person.reads("Nothing was changed yet")
    person.photograph("callback")
    person.click("Connect")
    page.get_by_role("heading", name="Connection", level=1).wait_for()
    person.photograph("connection")


def choose(person: Person) -> None:
    """Data types and how often."""
    person.go("Settings")
    page = person.page
    page.get_by_label("Minutes between two syncs", exact=True).fill("0")
    person.click("Save")
    person.reads("Nothing was saved")
    page.get_by_label("Minutes between two syncs", exact=True).fill("5")
    page.get_by_label("Expenses, minutes between two syncs").fill("60")
    person.click("Save")
    person.is_told("The settings are saved")
    person.photograph("settings")


def sync(person: Person, office: Office) -> None:
    """Now, and see the run finish."""
    person.go("Overview")
    person.click("Sync now")
    person.is_told("the sync starts within seconds")
    person.waits_for("completed")
    person.waits_for("in sync")
    assert office.platform.id_of("Invoice", "7")
    person.photograph("overview")


def mend(person: Person, office: Office) -> None:
    """A record that QuickBooks refuses is an alert; retried, once the cause is gone, it is none."""
    office.emulator.faults(
        entity="Vendor", verb="create", kind="fault", code="2050", message="too long", count=None
    )
    office.platform.add("vendor", name="Refused Ltd")
    person.go("Overview")
    person.click("Sync now")
    person.waits_for("needs attention")
    person.go("Alerts")
    person.reads("Refused Ltd")
    person.photograph("alerts")
    person.click("Acknowledge")
    office.emulator.clear_faults()
    person.page.get_by_role("link", name="Retry or skip").first.click()
    person.reads("Refused Ltd")
    person.photograph("queue")
    person.click("Retry")
    person.go("Overview")
    person.click("Sync now")
    person.waits_for("in sync")
    assert office.books.find("Vendor", "DisplayName = 'Refused Ltd'")


def decide(person: Person, office: Office) -> None:
    """A conflict that the policy decided is decided otherwise."""
    row_id = office.platform.id_of("Invoice", "7")
    office.books.update("Invoice", "7", PrivateNote="from the books")
    office.platform.edit("invoice", row_id, memo="from the platform")
    person.go("Overview")
    person.click("Sync now")
    person.go("Conflicts")
    person.waits_for("from the books")
    person.photograph("conflicts")
    page = person.page
    page.get_by_role("link", name="Memo").first.click()
    person.photograph("conflict")
    lost = {"from the books", "from the platform"} - {
        office.platform.row("invoice", row_id)["memo"]
    }
    (taken,) = lost
    words = "QuickBooks's version" if taken == "from the books" else "the platform's version"
    page.get_by_label("Version of Memo that is to count").select_option(label=words)
    person.click("Decide")
    person.is_told("both sides hold it")
    assert office.platform.row("invoice", row_id)["memo"] == taken
    person.go("Conflicts")
    page.locator("td a[href*='/records/']").first.click()
    page.get_by_role("heading", level=1).wait_for()
    person.photograph("record")


def keep_the_log(person: Person, folder: Path) -> None:
    """Verify the log, and take it away."""
    person.go("Audit log")
    person.photograph("audit")
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="Export CSV").click()
    path = folder / "log.csv"
    download.value.save_as(path)
    assert "conflict" in path.read_text(encoding="utf-8")
    person.click("Verify")
    person.reads("all as they were written")
    person.photograph("verdict")


def disconnect(person: Person, office: Office) -> None:
    """The permission is given back, the links stay."""
    links = len(office.platform.links("invoice"))
    person.go("Connection")
    person.page.locator("summary").filter(has_text="Disconnect").click()
    person.page.get_by_role("button", name="Disconnect").click()
    person.is_told("is disconnected")
    assert len(office.platform.links("invoice")) == links
    person.page.goto(f"{person.address}{ROOT}")
