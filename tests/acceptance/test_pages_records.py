"""Records: found by each of their names, and the story of one, QuickBooks at hand or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.quickbooks.endpoints import endpoints
from connectors.state import browse
from connectors.state.connections import connection_named
from dashboard.pages import records as records_page
from models.people import Role
from models.record_type import catalog
from models.tables import sync as tables
from tasks.bootstrap import FLOW_RUN_VARIABLE, installation
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_conflicts import INVOICE, edit_both
from tests.fixtures.company import Office
from tests.fixtures.pages import Browser, Pages, path_of

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
UI = "https://prefect.example.com"
FLOW_RUN = "0b7d7d0e-4a0c-4f3f-9a53-1f8d3f3f3a11"


@pytest.fixture
def pages(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """The pages of a company that was synced once."""
    assert office
    monkeypatch.setenv("QBSYNC_PREFECT_UI_URL", UI)
    with installation() as place:
        yield Pages(place)


@pytest.fixture
def browser(pages: Pages) -> Browser:
    """Somebody who may look at everything, and change nothing."""
    return pages.browser(Role.VIEWER)


def records_path(office: Office, rest: str = "") -> str:
    return path_of(connection_named(office.engine).id, f"records{rest}")


def invoice_link(office: Office) -> int:
    """The link of the invoice that the tests are about."""
    links = office.platform.links("invoice")
    return next(link for link, (quickbooks_id, _) in links.items() if quickbooks_id == INVOICE)


@on_both
def test_a_record_is_found_by_each_of_its_names(office: Office, browser: Browser) -> None:
    """Part of its name in any case, the link's number, and its id on either side."""
    row_id = office.platform.id_of("Customer", "1")
    name = office.platform.row("customer", row_id)["name"]
    link = next(
        link for link, pair in office.platform.links("customer").items() if pair[1] == row_id
    )
    for query in (
        f"search={name}",
        f"search={name[1:-1].upper()}&type=customer",
        f"search={link}&type=customer",
        "search=1&type=customer",
        f"search={row_id}&type=customer",
    ):
        browser.open(records_path(office, f"?{query}"))
        assert records_path(office, f"/{link}") in browser.links, query
    browser.open(records_path(office, "?search=%25"))  # no wildcard
    assert "No record is called so" in browser.words


@on_both
def test_a_long_list_is_read_page_by_page(office: Office, browser: Browser) -> None:
    """Each record once, newest first, to the last page."""
    path = records_path(office)
    seen: list[int] = []
    browser.open(path)
    for _ in range(20):
        here = [each for each in browser.links if each.startswith(f"{path}/")]
        seen += [int(each.rpartition("/")[2]) for each in here]
        older = [each for each in browser.links if "before=" in each]
        if not older:
            break
        browser.open(older[0])
    with office.engine.connect() as connection:
        everything = list(
            connection.scalars(select(tables.links.c.id).order_by(tables.links.c.id.desc()))
        )
    assert len(everything) > browse.PAGE_ROWS
    assert seen == everything


@on_both
def test_the_story_of_a_conflict(
    office: Office, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the cycle: both versions, and who will win by which rule. After it: the conflict, the
    request with Intuit's number, the decision, and the run in the Prefect UI."""
    edit_both(office, "theirs", "ours", platform_later_by=timedelta(seconds=10))
    path = records_path(office, f"/{invoice_link(office)}")
    mark = office.books.mark()
    browser.open(path)
    assert "Both changed it differently" in browser.words
    assert "It takes the record up: it has changed on quickbooks and platform" in browser.words
    assert "Conflict over memo: Platform wins, by the rule latest" in browser.words
    assert office.books.written(mark) == []

    monkeypatch.setenv(FLOW_RUN_VARIABLE, FLOW_RUN)
    office.sync()
    browser.open(path)
    with office.engine.connect() as connection:
        attempt = connection.execute(select(tables.attempts.c.intuit_tid)).scalar_one()
    assert attempt in browser.words
    assert "No decisions." not in browser.words
    assert "Platform wins by latest" in browser.words
    assert f"{UI}/runs/flow-run/{FLOW_RUN}" in browser.links
    assert "Open in QuickBooks" not in browser.words  # a stand-in has no pages


@pytest.mark.parametrize("trouble", ["away", "paused", "silent"])
def test_what_is_stored_is_shown_where_quickbooks_cannot_be_read(
    office: Office, browser: Browser, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, at once: also where the company is paused, or QuickBooks says nothing."""
    if trouble == "away":
        office.emulator.faults(kind="fault", code="10000", type="SystemFault", count=None)
        reason = "QuickBooks was not read:"
    elif trouble == "paused":
        with office.engine.begin() as connection:
            connection.execute(update(tables.connections).values(status="paused"))
        reason = "is paused"
    else:
        monkeypatch.setattr(records_page, "READ_SECONDS_MAX", 0)
        reason = "reading both sides took longer than 0 seconds"
    browser.open(records_path(office, f"/{invoice_link(office)}"))
    assert "This is what is stored." in browser.words
    assert reason in browser.words
    assert "What both last agreed on" in browser.words
    assert "write.platform" in browser.words


def test_a_record_that_is_set_aside_says_why_and_what_to_do(
    office: Office, browser: Browser
) -> None:
    """In the list and on its page."""
    office.platform.add("vendor", name="Refused Ltd")
    office.emulator.faults(
        entity="Vendor", verb="create", match="Refused", kind="fault", count=None,
        code="2050", message="String length is not supported",
    )  # fmt: skip
    office.sync(code=3)
    (parked,) = office.parked()
    browser.open(records_path(office))
    assert "set aside" in browser.words
    browser.open(records_path(office, f"/{parked['link']}"))
    assert parked["message"] in browser.words
    assert parked["fix"] in browser.words


@pytest.mark.parametrize(
    ("rest", "status", "words"),
    [
        ("/999999", 404, "no record with link '999999'"),
        ("/12x", 404, "no record with link '12x'"),
        (f"/{'9' * 40}", 404, "no record with link '99999"),
        ("?type=nonsense", 422, "nonsense"),
        ("?before=0", 422, "before is '0'"),
        ("?before=x", 422, "before is 'x'"),
        (f"?search={'a' * 201}", 422, "search is"),
        ("?colour=red", 422, "colour"),
    ],
)
def test_what_cannot_be_looked_for_is_said(
    office: Office, browser: Browser, rest: str, status: int, words: str
) -> None:
    """With the field and the value."""
    browser.open(records_path(office, rest), status=status)
    assert words in browser.words


def test_nobody_sees_the_records_of_a_company_that_is_not_theirs(
    office: Office, pages: Pages
) -> None:
    """Neither the list nor a record."""
    stranger = pages.browser(Role.ADMIN, set())
    for rest in ("", f"/{invoice_link(office)}"):
        stranger.open(records_path(office, rest), status=404)


@pytest.mark.parametrize(
    ("environment", "host"),
    [("production", "qbo.intuit.com"), ("sandbox", "sandbox.qbo.intuit.com")],
)
def test_links_lead_into_the_company_in_quickbooks(environment: str, host: str) -> None:
    """Over the sign-in, which keeps company and record; each type of document has a page."""
    found = endpoints(environment).page_of("4620816365", "invoice?txnId=145")
    assert (
        found == f"https://{host}/login?deeplinkcompanyid=4620816365&pagereq=invoice%3FtxnId%3D145"
    )
    without = {name for name, each in catalog().items() if not each.web_page}
    assert without == {"class", "company", "department", "item", "receipt"}


def test_the_list_is_read_by_its_index(office: Office) -> None:
    """Whatever is looked for: a link's content, which is long, is not read for it."""
    plans: list[Any] = []
    with office.engine.connect() as connection:
        found = browse._links(1).where(browse._called("a"), tables.links.c.record_type == "item")
        text = str(found.compile(office.engine, compile_kwargs={"literal_binds": True}))
        plans = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert any("COVERING INDEX ix_links_connection_id_id" in each for each in plans), plans
