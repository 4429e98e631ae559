"""The Connection page: connecting through Intuit's consent page, pausing, and disconnecting."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2 as httpx
import pytest
from sqlalchemy import insert, text

from connectors.quickbooks.faults import local_error
from connectors.quickbooks.oauth import IntuitOAuth
from connectors.quickbooks.tokens import Permission
from connectors.quickbooks.vault import new_key
from connectors.state.connections import connection_named
from dashboard.house import ROOT
from dashboard.pages.connecting import CALLBACK_PATH, CONNECT_PATH
from dashboard.pages.connection import token_health
from emulator.testing import RunningEmulator
from models.people import Role
from models.tables.platform import companies
from tasks.bootstrap import installation
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.companies import realm_of, small_folder
from tests.fixtures.company import ENCRYPTION_KEY, Office, opened
from tests.fixtures.pages import HOME, Browser, Pages, path_of

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def opened_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Office], Pages]]:
    """Makes the pages of an office, at the address that Intuit sends people back to."""
    monkeypatch.setenv("QBSYNC_DASHBOARD_URL", HOME)
    held = []

    def make(office: Office) -> Pages:
        assert office
        held.append(installation())
        return Pages(held[-1].__enter__())

    yield make
    for each in held:
        each.__exit__(None, None, None)


@pytest.fixture
def pages(office: Office, opened_pages: Callable[[Office], Pages]) -> Pages:
    """The pages of a company that is connected and synced."""
    return opened_pages(office)


@pytest.fixture
def ending_office(
    request: pytest.FixtureRequest,
    database_kind: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Office]:
    """A company that is connected, with an emulator of its own, whose permissions may be ended."""
    url = request.getfixturevalue(f"{database_kind}_url")
    with RunningEmulator() as emulator, opened(emulator, url, monkeypatch, tmp_path) as made:
        made.connect()
        made.sync()
        yield made


def consent(browser: Browser, office: Office, answer: str = "given", **more: str) -> str:
    """Follow the page's link to Intuit, answer there; where Intuit sends the browser to."""
    (out,) = [each for each in browser.links if each.startswith(office.emulator.base_url)]
    with httpx.Client(follow_redirects=False) as web:
        asked = web.get(f"{out}&consent=ask")
        assert "Connect " in asked.text
        sent = web.get(out, params={**parse_one(out), "consent": answer, **more})
    assert sent.status_code == 302, sent.text
    return sent.headers["location"]


def parse_one(url: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def rows(office: Office, query: str) -> list[Any]:
    """What the database answers."""
    with office.engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def told(office: Office) -> list[tuple[str, str]]:
    """Kind and person of the entries about the connection, oldest first."""
    query = (
        "SELECT kind, actor FROM audit_entries WHERE kind LIKE 'connection.%' "
        "ORDER BY connection_id, number"
    )
    return [(row.kind, row.actor) for row in rows(office, query)]


@pytest.mark.asvs("10.1.1")
def test_a_company_is_connected_through_the_consent_page(
    fresh_office: Office,
    opened_pages: Callable[[Office], Pages],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From nothing: asked for, allowed at Intuit, confirmed here, logged with who did it, and
    synced; the answer counts once, and no code or token shows anywhere."""
    caplog.set_level(logging.DEBUG)
    pages = opened_pages(fresh_office)
    browser = pages.browser(Role.ADMIN, name="ann").open(ROOT)
    assert CONNECT_PATH in browser.links
    browser.open(CONNECT_PATH).send(CONNECT_PATH)
    back = consent(browser, fresh_office)
    assert back.startswith(f"{HOME}{CALLBACK_PATH}?")
    browser.open(back)
    assert fresh_office.emulator.realm_id in browser.words
    assert "Nothing was changed yet" in browser.words
    assert rows(fresh_office, "SELECT id FROM connections") == []
    form = browser.form(CALLBACK_PATH)
    browser.send(CALLBACK_PATH)
    company = connection_named(pages.place.engine)
    assert str(browser.page.url).endswith(path_of(company.id, "connection"))
    for words in (company.name, company.realm_id, "sandbox", "USD", "good", "in 1825 days"):
        assert words in browser.words.replace("in 1824 days", "in 1825 days"), words
    assert f"{company.name} is connected with QuickBooks company" in browser.words
    assert told(fresh_office) == [("connection.connected", "ann")]
    assert pages.woken

    # sent once more, as by the browser's button to reload
    again = browser.client.post(CALLBACK_PATH, data=form.fields)
    assert again.status_code == 403
    assert "taken already" in again.text
    assert told(fresh_office) == [("connection.connected", "ann")]

    with fresh_office.emulator.emulator.lock:
        tokens = list(fresh_office.emulator.emulator.tokens._by_refresh)
    bodies = json.dumps(
        [list(each) for each in rows(fresh_office, "SELECT body FROM audit_entries")]
    )
    seen = browser.text + again.text + bodies + caplog.text
    for secret in (parse_one(back)["code"], *tokens):
        assert secret not in seen
    fresh_office.sync()


@pytest.mark.parametrize("chosen", ["Second Ltd", "", "Third Ltd"])
def test_one_of_several_companies_is_chosen(
    fresh_office: Office, opened_pages: Callable[[Office], Pages], chosen: str
) -> None:
    """By its name; none, or one that is not there, connects nothing."""
    pages = opened_pages(fresh_office)
    with pages.place.engine.begin() as transaction:
        for name in ("First Ltd", "Second Ltd"):
            transaction.execute(insert(companies).values(name=name, currency="USD"))
    browser = pages.browser(Role.ADMIN).open(CONNECT_PATH).send(CONNECT_PATH)
    browser.open(consent(browser, fresh_office))
    is_there = chosen == "Second Ltd"
    browser.send(CALLBACK_PATH, status=200 if is_there else 422, company=chosen)
    assert ("choose one that is not connected yet" in browser.words) is not is_there
    found = [row.name for row in rows(fresh_office, "SELECT name FROM connections")]
    assert found == (["Second Ltd"] if is_there else [])


@on_both
def test_it_is_paused_resumed_disconnected_and_connected_again(
    ending_office: Office, opened_pages: Callable[[Office], Pages]
) -> None:
    """Each is logged with who did it. Links and settings outlive it all, and afterwards nothing
    has to be written anew."""
    office, pages = ending_office, opened_pages(ending_office)
    company = connection_named(pages.place.engine)
    links = rows(office, "SELECT COUNT(*) AS n FROM links")
    ann = pages.browser(Role.ADMIN, {company.id}, name="ann")
    path = path_of(company.id, "connection")

    ann.open(path).send(path_of(company.id, "pause"))
    assert "is paused" in ann.words
    refused = office.run("sync", code=2)
    assert "is paused" in refused.stderr
    ann.send(path_of(company.id, "resume"))
    assert "is synced again" in ann.words
    office.settled()

    ann.open(path).send(path_of(company.id, "disconnect"))
    assert "links and settings are kept" in ann.words
    assert "No permission is stored" in ann.words
    assert rows(office, "SELECT connection_id FROM tokens") == []
    assert all(each.revoked for each in office.emulator.emulator.tokens._connections)
    assert "is disconnected" in office.run("sync", code=2).stderr
    everybody = pages.browser(Role.VIEWER).open(ROOT)
    assert "disconnected" in everybody.words

    ann.open(path).send(path_of(company.id, "reconnect"))
    assert company.realm_id in ann.words
    back = consent(ann, office)
    ann.open(back).send(CALLBACK_PATH)
    assert "is connected with QuickBooks company" in ann.words
    assert [kind for kind, who in told(office) if who == "ann"] == [
        "connection.paused",
        "connection.resumed",
        "connection.disconnected",
        "connection.connected",
    ]
    assert rows(office, "SELECT COUNT(*) AS n FROM links") == links
    office.settled()
    assert office.run("audit", "verify", "--json").json["findings"] == []


@pytest.mark.asvs("11.2.2", "tokens")
def test_keys_are_replaced_by_a_command(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new one before the old one, the command, and the old one is needed no more."""
    newest = new_key()
    monkeypatch.setenv("QBSYNC_ENCRYPTION_KEYS", f"{newest},{ENCRYPTION_KEY}")
    assert office.run("rotate-keys", "--json").json == {"connections": 1}
    monkeypatch.setenv("QBSYNC_ENCRYPTION_KEYS", newest)
    office.sync()
    monkeypatch.setenv("QBSYNC_ENCRYPTION_KEYS", ENCRYPTION_KEY)
    assert "no key opens it" in office.run("rotate-keys", code=1).stderr


def test_the_commands_do_the_same(ending_office: Office) -> None:
    """Once each; a second time nothing is changed or logged, and resuming cannot connect."""
    office = ending_office
    assert office.run("pause", "--json").json["changed"] is True
    assert "already" in office.run("pause").stdout
    assert office.run("resume", "--json").json["status"] == "connected"
    assert office.run("disconnect", "--json").json["changed"] is True
    assert office.run("disconnect", "--json").json["changed"] is False
    refused = office.run("resume", code=1)
    assert "is disconnected" in refused.stderr
    assert "Connect it again" in refused.stderr
    assert [kind for kind, _ in told(office)] == [
        "connection.connected",
        "connection.paused",
        "connection.resumed",
        "connection.disconnected",
    ]
    emulator = office.emulator.emulator
    office.connect(
        refresh_token=emulator.tokens.connect(
            office.emulator.client_id, office.emulator.realm_id
        ).refresh_token
    )
    office.settled()


def test_nothing_is_forgotten_where_intuit_cannot_be_reached(
    office: Office, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says so, and the company stays connected with its permission."""

    def fail(_self: IntuitOAuth, _token: str) -> None:
        raise local_error("unsent", "no way out", write=False)

    monkeypatch.setattr(IntuitOAuth, "revoke", fail)
    company = connection_named(pages.place.engine)
    ann = pages.browser(Role.ADMIN).open(path_of(company.id, "connection"))
    ann.send(path_of(company.id, "disconnect"), status=409)
    assert len(rows(office, "SELECT connection_id FROM tokens")) == 1
    assert len(told(office)) == 1
    office.settled()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "access_denied"}, "You did not allow the access at QuickBooks"),
        ({"error": "invalid_scope"}, "invalid_scope"),
        # whoever makes a link can write anything there: it is not repeated
        ({"error": "<b>Call 555-0100</b>"}, "an error"),
    ],
)
def test_a_refusal_is_shown(pages: Pages, answer: dict[str, str], words: str) -> None:
    """Plainly, and nothing was changed."""
    company = connection_named(pages.place.engine)
    browser = pages.browser(Role.ADMIN).open(path_of(company.id, "connection"))
    browser.send(path_of(company.id, "reconnect"))
    browser.open(f"{CALLBACK_PATH}?{urlencode(answer)}")
    assert words in browser.words
    assert "Nothing was changed" in browser.words
    assert "555" not in browser.text


def test_the_refusal_of_the_consent_page_is_shown(office: Office, pages: Pages) -> None:
    """As the person's own choice."""
    company = connection_named(pages.place.engine)
    browser = pages.browser(Role.ADMIN).open(path_of(company.id, "connection"))
    browser.send(path_of(company.id, "reconnect"))
    browser.open(consent(browser, office, "refused"))
    assert "You did not allow the access at QuickBooks" in browser.words


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        # a state of nobody's, none, and one that names another company
        ({"state": "x" * 43 + ".1"}, 403, "does not belong to a consent that you asked for"),
        ({"state": ""}, 403, "does not belong to a consent that you asked for"),
        ({"state": "{state}0"}, 403, "does not belong to a consent that you asked for"),
        ({"code": ""}, 422, "no code of Intuit's"),
        ({"code": "x" * 513}, 422, "no code of Intuit's"),
        ({"realm_id": "../1"}, 422, "has to be QuickBooks's number"),
        # another company than the one that is connected again
        ({"realm_id": "77"}, 422, "its links would point into foreign books"),
        ({"surprise": "1"}, 422, "surprise"),
    ],
)
@pytest.mark.asvs("2.3.1", "10.1.2", "10.2.1")
def test_an_answer_that_is_not_right_changes_nothing(
    office: Office, pages: Pages, changed: dict[str, str], status: int, words: str
) -> None:
    """Neither shown for confirmation nor taken; the permission that is there stays."""
    company = connection_named(pages.place.engine)
    before = rows(office, "SELECT * FROM tokens")
    browser = pages.browser(Role.ADMIN).open(path_of(company.id, "connection"))
    browser.send(path_of(company.id, "reconnect"))
    given = parse_one(consent(browser, office))
    changed = {name: each.format(**given) for name, each in changed.items()}
    fields = {"code": given["code"], "state": given["state"], "realm_id": given["realmId"]}
    wrong = fields | changed
    query = {("realmId" if name == "realm_id" else name): each for name, each in wrong.items()}
    if "surprise" not in changed:
        browser.open(f"{CALLBACK_PATH}?{urlencode(query)}", status)
        assert words in browser.words
    browser.open(f"{CALLBACK_PATH}?{urlencode(given)}").send(CALLBACK_PATH, status, **wrong)
    assert words in browser.words
    assert given["code"] not in browser.text
    assert rows(office, "SELECT * FROM tokens") == before
    assert len(told(office)) == 1


def test_a_consent_for_another_company_takes_no_permission_away(
    office: Office, pages: Pages, tmp_path: Path
) -> None:
    """Somebody changes the number of the company on the way back: the code does not open it."""
    realm_id = connection_named(pages.place.engine).realm_id
    other = realm_of(7)
    office.emulator.emulator.add_company(other, small_folder(tmp_path))
    before = rows(office, "SELECT * FROM tokens")
    browser = pages.browser(Role.ADMIN).open(CONNECT_PATH).send(CONNECT_PATH)
    given = parse_one(consent(browser, office, realm_id=other))
    assert given["realmId"] == other
    browser.open(f"{CALLBACK_PATH}?{urlencode(given | {'realmId': realm_id})}")
    browser.send(CALLBACK_PATH, status=409)
    assert rows(office, "SELECT * FROM tokens") == before
    office.settled()


@pytest.mark.asvs("10.1.2", "10.2.1")
def test_a_consent_is_taken_where_it_was_asked_for(office: Office, pages: Pages) -> None:
    """Not in another session, be it of the same person or an accomplice."""
    company = connection_named(pages.place.engine)
    first = pages.browser(Role.ADMIN, name="ann").open(path_of(company.id, "connection"))
    first.send(path_of(company.id, "reconnect"))
    back = consent(first, office)
    second = pages.browser(Role.ADMIN, name="bob")
    second.open(back, 403)
    second.open(CONNECT_PATH).send(CONNECT_PATH)
    second.open(back, 403)
    first.open(back).send(CALLBACK_PATH)
    assert told(office)[-1] == ("connection.connected", "ann")


@pytest.mark.asvs("2.3.1")
def test_an_answer_that_is_too_old_is_said_to_be(
    own_office: Office, opened_pages: Callable[[Office], Pages]
) -> None:
    """Intuit's codes live five minutes; what is there stays, and a new one works."""
    own_office.connect()
    pages = opened_pages(own_office)
    company = connection_named(pages.place.engine)
    browser = pages.browser(Role.ADMIN).open(path_of(company.id, "connection"))
    browser.send(path_of(company.id, "reconnect"))
    browser.open(consent(browser, own_office))
    own_office.clock.sleep(6 * 60)
    browser.send(CALLBACK_PATH, status=409)
    assert "good for five minutes" in browser.words
    browser.open(path_of(company.id, "connection")).send(path_of(company.id, "reconnect"))
    browser.open(consent(browser, own_office)).send(CALLBACK_PATH)
    own_office.sync()


@pytest.mark.parametrize(
    ("role", "sees", "action", "status"),
    [
        (Role.VIEWER, None, "pause", 403),
        (Role.OPERATOR, None, "disconnect", 403),
        (Role.OPERATOR, None, "reconnect", 403),
        (Role.ADMIN, "others", "pause", 404),
        (Role.ADMIN, "mine", "connect", 403),
    ],
)
def test_only_admins_of_the_company_change_its_connection(
    office: Office, pages: Pages, role: Role, sees: str | None, action: str, status: int
) -> None:
    """What is not theirs is refused, and the page offers nothing that would be."""
    company = connection_named(pages.place.engine)
    seen = {"others": set(), "mine": {company.id}}.get(sees or "")
    browser = pages.browser(role, seen)
    if sees != "others":
        browser.open(path_of(company.id, "connection"))
        assert company.realm_id in browser.words
        assert CONNECT_PATH not in browser.links
        offered = {each.action for each in browser.forms}
        assert (path_of(company.id, "pause") in offered) is (role is Role.ADMIN)
    token = browser.open("/" if sees != "others" else ROOT).forms[0].fields["form_token"]
    path = CONNECT_PATH if action == "connect" else path_of(company.id, action)
    answer = browser.client.post(path, data={"form_token": token})
    assert answer.status_code == status
    assert len(told(office)) == 1


@pytest.mark.parametrize(
    ("unused", "hard", "refused", "health"),
    [
        (100, 1_825, False, "good"),
        (31, None, False, "good"),
        # the first of the two ends counts
        (29, 1_825, False, "ends soon"),
        (100, 29, False, "ends soon"),
        (-1, 1_825, False, "ended"),
        (100, -1, True, "ended"),
        (100, 1_825, True, "refused"),
        (None, None, False, "good"),
    ],
)
def test_the_health_of_a_permission(
    unused: int | None, hard: int | None, refused: bool, health: str
) -> None:
    """Told in time, as the alert is: 30 days before its end."""

    def at(days: int | None) -> datetime | None:
        return None if days is None else NOW + timedelta(days=days)

    found = token_health(Permission(NOW, at(unused), at(hard)), NOW, is_refused=refused)
    assert found == health


def test_a_refused_permission_is_shown_with_what_to_do(
    own_office: Office, opened_pages: Callable[[Office], Pages]
) -> None:
    """Somebody ended it in QuickBooks: the page says so, and offers to connect again."""
    own_office.connect()
    emulator = own_office.emulator
    emulator.emulator.tokens.open_connection(emulator.client_id, emulator.realm_id).revoked = True
    own_office.clock.sleep(3_700)
    own_office.run("sync", code=1)
    pages = opened_pages(own_office)
    company = connection_named(pages.place.engine)
    browser = pages.browser(Role.ADMIN).open(path_of(company.id, "connection"))
    assert "refused" in browser.words
    assert browser.form(path_of(company.id, "reconnect")).words == "Reconnect"
